//! Current tuning result of each site, and models chosen by owners instead. The tuning result is text, parsed by
//! `recommend`; this module only stores it.

use sqlx::Row;

use super::{Control, ControlError};
use crate::model::{SiteId, Timestamp};

/// Tuning result of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunedRow {
    /// The site.
    pub site: SiteId,
    /// Its time.
    pub at: Timestamp,
    /// Number of clicks it is based on.
    pub clicks: u64,
    /// The result.
    pub found: String,
}

/// A model chosen by an owner of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenRow {
    /// The site.
    pub site: SiteId,
    /// Its time.
    pub at: Timestamp,
    /// Who chose it.
    pub who: String,
    /// Name of the model.
    pub model: String,
}

impl Control {
    /// The latest tuning result of every site.
    pub async fn tuned(&self) -> Result<Vec<TunedRow>, ControlError> {
        let rows = sqlx::query("SELECT site_id, at, clicks, found FROM tuned").fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let clicks: i64 = row.try_get("clicks")?;
                Ok(TunedRow {
                    site: SiteId(row.try_get("site_id")?),
                    at: Timestamp(row.try_get("at")?),
                    clicks: u64::try_from(clicks).unwrap_or(0),
                    found: row.try_get("found")?,
                })
            })
            .collect()
    }

    /// Stores a site's tuning result, replacing the previous one.
    pub async fn put_tuned(&self, row: &TunedRow) -> Result<(), ControlError> {
        sqlx::query(
            "INSERT INTO tuned (site_id, at, clicks, found) VALUES (?, ?, ?, ?) ON CONFLICT (site_id) \
             DO UPDATE SET at = excluded.at, clicks = excluded.clicks, found = excluded.found",
        )
        .bind(row.site.0)
        .bind(row.at.0)
        .bind(i64::try_from(row.clicks).unwrap_or(i64::MAX))
        .bind(&row.found)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The models chosen by owners.
    pub async fn chosen_models(&self) -> Result<Vec<ChosenRow>, ControlError> {
        let rows = sqlx::query("SELECT site_id, at, who, model FROM chosen_models").fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(ChosenRow {
                    site: SiteId(row.try_get("site_id")?),
                    at: Timestamp(row.try_get("at")?),
                    who: row.try_get("who")?,
                    model: row.try_get("model")?,
                })
            })
            .collect()
    }

    /// Stores a choice, replacing the previous one.
    pub async fn choose_model(&self, row: &ChosenRow) -> Result<(), ControlError> {
        sqlx::query(
            "INSERT INTO chosen_models (site_id, at, who, model) VALUES (?, ?, ?, ?) ON CONFLICT (site_id) \
             DO UPDATE SET at = excluded.at, who = excluded.who, model = excluded.model",
        )
        .bind(row.site.0)
        .bind(row.at.0)
        .bind(&row.who)
        .bind(&row.model)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Removes a choice, if there is one.
    pub async fn clear_chosen_model(&self, site: SiteId) -> Result<(), ControlError> {
        sqlx::query("DELETE FROM chosen_models WHERE site_id = ?").bind(site.0).execute(&self.pool).await?;
        Ok(())
    }
}
