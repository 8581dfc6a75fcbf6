//! Who did what: written by every change, read by owners, kept for a bounded time.

use sqlx::{Row, sqlite::SqliteRow};

use super::{Control, ControlError};
use crate::model::{SiteId, Timestamp};

/// One thing that somebody did.
#[derive(Debug, Clone)]
pub struct AuditRow {
    /// Number; later entries have larger ones.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// E-mail address, key, or `command line`.
    pub who: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// The site it is about.
    pub site: Option<SiteId>,
}

impl Control {
    /// Notes who did what that concerns no single site.
    pub async fn audit(&self, who: &str, action: &str, subject: &str) -> Result<(), ControlError> {
        self.note(None, who, action, subject).await
    }

    /// Notes who did what to a site or something of it.
    pub async fn audit_site(&self, site: SiteId, who: &str, action: &str, subject: &str) -> Result<(), ControlError> {
        self.note(Some(site), who, action, subject).await
    }

    async fn note(&self, site: Option<SiteId>, who: &str, action: &str, subject: &str) -> Result<(), ControlError> {
        sqlx::query("INSERT INTO audit (at, who, action, subject, site_id) VALUES (?, ?, ?, ?, ?)")
            .bind(crate::clock::now().0)
            .bind(who)
            .bind(action)
            .bind(subject)
            .bind(site.map(|site| site.0))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The newest entries below number `before`, those of one site if named.
    pub async fn audit_entries(
        &self,
        site: Option<SiteId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, ControlError> {
        let statement = match site {
            Some(_) => "SELECT * FROM audit WHERE site_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
            None => "SELECT * FROM audit WHERE ?1 IS NULL AND id < ?2 ORDER BY id DESC LIMIT ?3",
        };
        let rows = sqlx::query(statement)
            .bind(site.map(|site| site.0))
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Removes at most `limit` entries that are older than a moment or beyond the newest `kept`; answers how many.
    pub async fn prune_audit(&self, older_than: Timestamp, kept: i64, limit: u32) -> Result<u64, ControlError> {
        let newest: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM audit").fetch_one(&self.pool).await?;
        let done = sqlx::query(
            "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 \
             UNION SELECT id FROM audit WHERE id <= ?2 LIMIT ?3)",
        )
        .bind(older_than.0)
        .bind(newest.unwrap_or_default().saturating_sub(kept))
        .bind(limit)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}

fn read(row: &SqliteRow) -> Result<AuditRow, ControlError> {
    Ok(AuditRow {
        id: row.try_get("id")?,
        at: Timestamp(row.try_get("at")?),
        who: row.try_get("who")?,
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
        site: row.try_get::<Option<u32>, _>("site_id")?.map(SiteId),
    })
}
