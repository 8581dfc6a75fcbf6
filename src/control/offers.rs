//! What is limited of offers: budgets of impressions, and pools of coupons.

use sqlx::Row;

use super::{Control, ControlError};
use crate::model::{SiteId, Timestamp};

/// Coupons of an offer, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CouponCounts {
    /// All.
    pub total: u64,
    /// Those of a person.
    pub given: u64,
    /// Those of a person who saw it.
    pub seen: u64,
}

/// A person's coupon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldCoupon {
    /// The code.
    pub code: String,
    /// When it was given, or asked for again.
    pub given_at: Timestamp,
    /// Whether the person saw it.
    pub seen: bool,
}

/// A coupon that a person saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenCoupon {
    /// The site.
    pub site: SiteId,
    /// The offer.
    pub offer: Box<str>,
    /// Hash of the person.
    pub person: String,
    /// When.
    pub at: Timestamp,
}

/// A coupon for a person: a new one, or more time for the one they have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponRequest {
    /// The site.
    pub site: SiteId,
    /// The offer.
    pub offer: Box<str>,
    /// Hash of the person.
    pub person: String,
    /// When.
    pub at: Timestamp,
}

/// Least impressions of a budget taken at once, if so many are left.
const BLOCK_MIN: u64 = 8;

const RENEW: &str =
    "UPDATE offer_coupons SET given_at = ?4 WHERE site_id = ?1 AND offer = ?2 AND person = ?3 RETURNING code";
const GIVE: &str = "UPDATE offer_coupons SET person = ?3, given_at = ?4 WHERE number = (SELECT number FROM offer_coupons \
                    WHERE site_id = ?1 AND offer = ?2 AND person IS NULL ORDER BY number LIMIT 1) RETURNING code";

impl Control {
    /// Takes a block of an offer's budget of `total` impressions; returns its size, 0 if nothing is left. Blocks become
    /// smaller towards the end: a block that is lost with the process is at most a 64th of what was left, or 8.
    pub async fn lease_budget(
        &self,
        site: SiteId,
        offer: &str,
        total: u64,
        block_max: u64,
    ) -> Result<u64, ControlError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO offer_budgets (site_id, offer, used) VALUES (?, ?, 0) ON CONFLICT DO NOTHING")
            .bind(site.0)
            .bind(offer)
            .execute(&mut *transaction)
            .await?;
        let used: i64 = sqlx::query_scalar("SELECT used FROM offer_budgets WHERE site_id = ? AND offer = ?")
            .bind(site.0)
            .bind(offer)
            .fetch_one(&mut *transaction)
            .await?;
        let left = total.saturating_sub(used.unsigned_abs());
        let block = left.min((left / 64).clamp(BLOCK_MIN, block_max));
        sqlx::query("UPDATE offer_budgets SET used = used + ? WHERE site_id = ? AND offer = ?")
            .bind(block.cast_signed())
            .bind(site.0)
            .bind(offer)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(block)
    }

    /// Gives back impressions of a budget that were not shown.
    pub async fn return_budget(&self, site: SiteId, offer: &str, impressions: u64) -> Result<(), ControlError> {
        sqlx::query("UPDATE offer_budgets SET used = max(0, used - ?) WHERE site_id = ? AND offer = ?")
            .bind(impressions.cast_signed())
            .bind(site.0)
            .bind(offer)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Adds coupons; returns how many of them were new.
    pub async fn add_coupons(&self, site: SiteId, offer: &str, codes: &[String]) -> Result<u64, ControlError> {
        let mut added = 0;
        for chunk in codes.chunks(5000) {
            let rows = serde_json::to_string(chunk).map_err(|e| ControlError::unreadable("coupon", e))?;
            let result = sqlx::query(
                "INSERT INTO offer_coupons (site_id, offer, code) SELECT ?1, ?2, value FROM json_each(?3) WHERE true \
                 ON CONFLICT (site_id, offer, code) DO NOTHING",
            )
            .bind(site.0)
            .bind(offer)
            .bind(rows)
            .execute(&self.pool)
            .await?;
            added += result.rows_affected();
        }
        Ok(added)
    }

    /// Counts the coupons of an offer.
    pub async fn coupon_counts(&self, site: SiteId, offer: &str) -> Result<CouponCounts, ControlError> {
        let row = sqlx::query(
            "SELECT count(*) AS total, count(person) AS given, count(seen_at) AS seen FROM offer_coupons \
             WHERE site_id = ? AND offer = ?",
        )
        .bind(site.0)
        .bind(offer)
        .fetch_one(&self.pool)
        .await?;
        let count = |column: &str| row.try_get::<i64, _>(column).map(i64::unsigned_abs);
        Ok(CouponCounts { total: count("total")?, given: count("given")?, seen: count("seen")? })
    }

    /// The offers that have coupons.
    pub async fn offers_with_coupons(&self) -> Result<Vec<(SiteId, String)>, ControlError> {
        let rows: Vec<(u32, String)> =
            sqlx::query_as("SELECT site_id, offer FROM offer_coupons GROUP BY site_id, offer")
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.into_iter().map(|(site, offer)| (SiteId(site), offer)).collect())
    }

    /// Whether a coupon of an offer is left.
    pub async fn has_coupon(&self, site: SiteId, offer: &str) -> Result<bool, ControlError> {
        let free = "SELECT 1 FROM offer_coupons WHERE site_id = ? AND offer = ? AND person IS NULL LIMIT 1";
        let row: Option<i64> = sqlx::query_scalar(free).bind(site.0).bind(offer).fetch_optional(&self.pool).await?;
        Ok(row.is_some())
    }

    /// The coupon that a person has.
    pub async fn held_coupon(
        &self,
        site: SiteId,
        offer: &str,
        person: &str,
    ) -> Result<Option<HeldCoupon>, ControlError> {
        let row = sqlx::query(
            "SELECT code, given_at, seen_at FROM offer_coupons WHERE site_id = ? AND offer = ? AND person = ?",
        )
        .bind(site.0)
        .bind(offer)
        .bind(person)
        .fetch_optional(&self.pool)
        .await?;
        let read = |row: sqlx::sqlite::SqliteRow| {
            Ok(HeldCoupon {
                code: row.try_get("code")?,
                given_at: Timestamp(row.try_get::<Option<i64>, _>("given_at")?.unwrap_or_default()),
                seen: row.try_get::<Option<i64>, _>("seen_at")?.is_some(),
            })
        };
        row.map(read).transpose()
    }

    /// Gives coupons, and records which were seen, in one transaction. Returns the code of each request, `None` if none is
    /// left; they are on disk then.
    pub async fn write_coupons(
        &self,
        wanted: &[CouponRequest],
        seen: &[SeenCoupon],
    ) -> Result<Vec<Option<String>>, ControlError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        for coupon in seen {
            sqlx::query(
                "UPDATE offer_coupons SET seen_at = ? WHERE site_id = ? AND offer = ? AND person = ? AND seen_at IS NULL",
            )
            .bind(coupon.at.0)
            .bind(coupon.site.0)
            .bind(&*coupon.offer)
            .bind(&coupon.person)
            .execute(&mut *transaction)
            .await?;
        }
        let mut given = Vec::with_capacity(wanted.len());
        for CouponRequest { site, offer, person, at } in wanted {
            let mut code: Option<String> = None;
            for statement in [RENEW, GIVE] {
                if code.is_none() {
                    let query = sqlx::query_scalar(statement).bind(site.0).bind(&**offer).bind(person).bind(at.0);
                    code = query.fetch_optional(&mut *transaction).await?;
                }
            }
            given.push(code);
        }
        transaction.commit().await?;
        Ok(given)
    }

    /// Takes back coupons that were given from `from` on and before `to`, and not seen; returns how many.
    pub async fn take_back_coupons(&self, from: Timestamp, to: Timestamp) -> Result<u64, ControlError> {
        let result = sqlx::query(
            "UPDATE offer_coupons SET person = NULL, given_at = NULL \
             WHERE person IS NOT NULL AND seen_at IS NULL AND given_at >= ? AND given_at < ?",
        )
        .bind(from.0)
        .bind(to.0)
        .execute(&self.pool)
        .await?;
        Ok(result.rows_affected())
    }

    /// Removes the link of a person to their coupons, which stay given.
    pub async fn erase_coupon_holder(&self, site: SiteId, person: &str) -> Result<(), ControlError> {
        sqlx::query(
            "UPDATE offer_coupons SET person = 'erased ' || number, seen_at = coalesce(seen_at, given_at) \
             WHERE site_id = ? AND person = ?",
        )
        .bind(site.0)
        .bind(person)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
