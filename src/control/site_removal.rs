//! Removes a site and all its data in this database; its events are erased from the warehouse afterwards.

use sqlx::Row;

use super::{Control, ControlError};
use crate::model::{SiteId, Timestamp};

/// A removed site whose events must still be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemovedSite {
    /// Its id, which is never reused.
    pub id: SiteId,
    /// Time of the removal.
    pub removed_at: Timestamp,
}

impl Control {
    /// Removes a site with its keys, items, offers and all other data. Returns false if there is none.
    pub async fn remove_site(&self, site: SiteId, now: Timestamp) -> Result<bool, ControlError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let name: Option<String> = sqlx::query_scalar("DELETE FROM sites WHERE id = ? RETURNING name")
            .bind(site.0)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(name) = name else { return Ok(false) };
        sqlx::query("INSERT INTO removed_sites (site_id, name, removed_at) VALUES (?, ?, ?)")
            .bind(site.0)
            .bind(name)
            .bind(now.0)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM settings WHERE name = ?")
            .bind(format!("seed of site {site}"))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Removed sites whose events may still be in the warehouse.
    pub async fn sites_to_erase(&self) -> Result<Vec<RemovedSite>, ControlError> {
        let rows = sqlx::query("SELECT site_id, removed_at FROM removed_sites WHERE erased_at IS NULL")
            .fetch_all(&self.pool)
            .await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            Ok(RemovedSite { id: SiteId(row.try_get("site_id")?), removed_at: Timestamp(row.try_get("removed_at")?) })
        };
        rows.iter().map(read).collect()
    }

    /// Records that no data of a removed site is left in the warehouse.
    pub async fn note_site_erased(&self, site: SiteId, now: Timestamp) -> Result<(), ControlError> {
        sqlx::query("UPDATE removed_sites SET erased_at = ? WHERE site_id = ?")
            .bind(now.0)
            .bind(site.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
