//! What owners chose for their recommendations over time, and what tuning found. The texts are JSON that `wire`
//! and `learn` understand; this room only keeps them.

use sqlx::{Row, sqlite::SqliteRow};

use super::{Control, ControlError};
use crate::model::{SiteId, Timestamp};

/// Rows kept of each kind for a site; the oldest go.
const KEPT: i64 = 200;

/// Something that was chosen or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// When.
    pub at: Timestamp,
    /// Who chose; empty for what was found.
    pub who: String,
    /// What, as JSON.
    pub what: String,
}

impl Control {
    /// Notes a choice, so that one can go back to it.
    pub async fn add_choice(&self, site: SiteId, who: &str, choice: &str) -> Result<(), ControlError> {
        sqlx::query("INSERT INTO recommending_choices (site_id, at, who, choice) VALUES (?, ?, ?, ?)")
            .bind(site.0)
            .bind(crate::clock::now().0)
            .bind(who)
            .bind(choice)
            .execute(&self.pool)
            .await?;
        sqlx::query(
            "DELETE FROM recommending_choices WHERE site_id = ?1 AND id NOT IN \
             (SELECT id FROM recommending_choices WHERE site_id = ?1 ORDER BY id DESC LIMIT ?2)",
        )
        .bind(site.0)
        .bind(KEPT)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The choices of a site, the newest first.
    pub async fn choices(&self, site: SiteId) -> Result<Vec<HistoryRow>, ControlError> {
        let rows =
            sqlx::query("SELECT at, who, choice AS what FROM recommending_choices WHERE site_id = ? ORDER BY id DESC")
                .bind(site.0)
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(read).collect()
    }

    /// Notes what tuning found.
    pub async fn add_tuning(&self, site: SiteId, at: Timestamp, found: &str) -> Result<(), ControlError> {
        sqlx::query("INSERT INTO tunings (site_id, at, found) VALUES (?, ?, ?)")
            .bind(site.0)
            .bind(at.0)
            .bind(found)
            .execute(&self.pool)
            .await?;
        sqlx::query(
            "DELETE FROM tunings WHERE site_id = ?1 AND id NOT IN \
             (SELECT id FROM tunings WHERE site_id = ?1 ORDER BY id DESC LIMIT ?2)",
        )
        .bind(site.0)
        .bind(KEPT)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What tuning found for a site, the newest first.
    pub async fn tunings(&self, site: SiteId) -> Result<Vec<HistoryRow>, ControlError> {
        let rows = sqlx::query("SELECT at, '' AS who, found AS what FROM tunings WHERE site_id = ? ORDER BY id DESC")
            .bind(site.0)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> Result<HistoryRow, ControlError> {
    Ok(HistoryRow { at: Timestamp(row.try_get("at")?), who: row.try_get("who")?, what: row.try_get("what")? })
}
