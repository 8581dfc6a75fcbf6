//! How long sites keep events.

use sqlx::Row as _;

use super::{Control, ControlError};
use crate::model::SiteId;

/// A rule of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRow {
    /// The site.
    pub site: SiteId,
    /// Name of the events; empty for all that have no rule of their own.
    pub event: String,
    /// How long they are kept, days.
    pub days: u32,
}

impl Control {
    /// The rules of all sites.
    pub async fn retention(&self) -> Result<Vec<RetentionRow>, ControlError> {
        let rows = sqlx::query("SELECT site_id, event, days FROM retention ORDER BY site_id, event")
            .fetch_all(&self.pool)
            .await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            Ok(RetentionRow {
                site: SiteId(row.try_get("site_id")?),
                event: row.try_get("event")?,
                days: row.try_get("days")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Adds a rule, or changes it.
    pub async fn put_retention(&self, row: &RetentionRow) -> Result<(), ControlError> {
        sqlx::query("INSERT OR REPLACE INTO retention (site_id, event, days) VALUES (?, ?, ?)")
            .bind(row.site.0)
            .bind(&row.event)
            .bind(row.days)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Removes a rule. Returns false if there was none.
    pub async fn delete_retention(&self, site: SiteId, event: &str) -> Result<bool, ControlError> {
        let deleted = sqlx::query("DELETE FROM retention WHERE site_id = ? AND event = ?")
            .bind(site.0)
            .bind(event)
            .execute(&self.pool)
            .await?;
        Ok(deleted.rows_affected() > 0)
    }
}
