//! Slots: those that pages asked for, and the settings that marketers gave them.

use sqlx::Row;

use super::{Control, ControlError};
use crate::model::{SiteId, Timestamp};

/// A slot that pages asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenSlotRow {
    /// The site.
    pub site: SiteId,
    /// Its name.
    pub slot: String,
    /// First request.
    pub first_seen: Timestamp,
    /// Last request.
    pub last_seen: Timestamp,
    /// Number of requests.
    pub requests: u64,
    /// Paths of the last pages that asked, as a JSON array.
    pub paths: String,
}

impl Control {
    /// Every slot that pages asked for.
    pub async fn seen_slots(&self) -> Result<Vec<SeenSlotRow>, ControlError> {
        let rows = sqlx::query("SELECT * FROM seen_slots ORDER BY site_id, slot").fetch_all(&self.pool).await?;
        let read = |row: &sqlx::sqlite::SqliteRow| {
            Ok(SeenSlotRow {
                site: SiteId(row.try_get("site_id")?),
                slot: row.try_get("slot")?,
                first_seen: Timestamp(row.try_get("first_seen_at")?),
                last_seen: Timestamp(row.try_get("last_seen_at")?),
                requests: row.try_get::<i64, _>("requests")?.unsigned_abs(),
                paths: row.try_get("paths")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Stores slots, and removes those that are no longer known.
    pub async fn put_seen_slots(
        &self,
        changed: &[SeenSlotRow],
        removed: &[(SiteId, Box<str>)],
    ) -> Result<(), ControlError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        for (site, slot) in removed {
            sqlx::query("DELETE FROM seen_slots WHERE site_id = ? AND slot = ?")
                .bind(site.0)
                .bind(&**slot)
                .execute(&mut *transaction)
                .await?;
        }
        for row in changed {
            sqlx::query(
                "INSERT INTO seen_slots (site_id, slot, first_seen_at, last_seen_at, requests, paths) \
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM sites WHERE id = ?1) \
                 ON CONFLICT (site_id, slot) DO UPDATE SET last_seen_at = excluded.last_seen_at, \
                 requests = excluded.requests, paths = excluded.paths",
            )
            .bind(row.site.0)
            .bind(&row.slot)
            .bind(row.first_seen.0)
            .bind(row.last_seen.0)
            .bind(row.requests.cast_signed())
            .bind(&row.paths)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }
}
