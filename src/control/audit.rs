//! Audit log: written by every change, read by owners, kept for a limited time.

use sqlx::{Row, sqlite::SqliteRow};

use super::{Control, ControlError};
use crate::model::{SiteId, Timestamp};

/// One audit entry.
#[derive(Debug, Clone)]
pub struct AuditRow {
    /// Number, ascending in time.
    pub id: i64,
    /// Time of the action.
    pub at: Timestamp,
    /// Actor: e-mail address, key, or `command line`.
    pub who: String,
    /// The action.
    pub action: String,
    /// Its object.
    pub subject: String,
    /// The site concerned, if any.
    pub site: Option<SiteId>,
}

impl Control {
    /// Records an action that concerns no single site.
    pub async fn audit(&self, who: &str, action: &str, subject: &str) -> Result<(), ControlError> {
        self.record(None, who, action, subject).await
    }

    /// Records an action on a site or on something that belongs to it.
    pub async fn audit_site(&self, site: SiteId, who: &str, action: &str, subject: &str) -> Result<(), ControlError> {
        self.record(Some(site), who, action, subject).await
    }

    async fn record(&self, site: Option<SiteId>, who: &str, action: &str, subject: &str) -> Result<(), ControlError> {
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

    /// The newest entries below number `before`; those of one site if given.
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
        rows.iter().map(read_row).collect()
    }

    /// Removes at most `limit` entries that are older than a time or beyond the newest `kept`; returns their number.
    pub async fn prune_audit(&self, older_than: Timestamp, kept: i64, limit: u32) -> Result<u64, ControlError> {
        let newest: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM audit").fetch_one(&self.pool).await?;
        let result = sqlx::query(
            "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 \
             UNION SELECT id FROM audit WHERE id <= ?2 LIMIT ?3)",
        )
        .bind(older_than.0)
        .bind(newest.unwrap_or_default().saturating_sub(kept))
        .bind(limit)
        .execute(&self.pool)
        .await?;
        Ok(result.rows_affected())
    }
}

fn read_row(row: &SqliteRow) -> Result<AuditRow, ControlError> {
    Ok(AuditRow {
        id: row.try_get("id")?,
        at: Timestamp(row.try_get("at")?),
        who: row.try_get("who")?,
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
        site: row.try_get::<Option<u32>, _>("site_id")?.map(SiteId),
    })
}
