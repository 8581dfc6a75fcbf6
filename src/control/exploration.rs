//! History of exploration settings chosen by owners, and of tuning results. The values are JSON, parsed by `wire` and
//! `learn`; this module only stores them.

use sqlx::{Row, sqlite::SqliteRow};

use super::{Control, ControlError};
use crate::model::{SiteId, Timestamp};

/// Rows of each kind kept per site; the oldest are deleted.
const KEPT_ROWS: i64 = 200;

/// A past choice or tuning result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRow {
    /// Its time.
    pub at: Timestamp,
    /// Who chose it; empty for tuning results.
    pub who: String,
    /// The value, as JSON.
    pub what: String,
}

impl Control {
    /// Records a choice, so that it can be restored later.
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
        .bind(KEPT_ROWS)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The choices of a site, newest first.
    pub async fn choices(&self, site: SiteId) -> Result<Vec<HistoryRow>, ControlError> {
        let rows =
            sqlx::query("SELECT at, who, choice AS what FROM recommending_choices WHERE site_id = ? ORDER BY id DESC")
                .bind(site.0)
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(read_row).collect()
    }

    /// Records a tuning result.
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
        .bind(KEPT_ROWS)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The tuning results of a site, newest first.
    pub async fn tunings(&self, site: SiteId) -> Result<Vec<HistoryRow>, ControlError> {
        let rows = sqlx::query("SELECT at, '' AS who, found AS what FROM tunings WHERE site_id = ? ORDER BY id DESC")
            .bind(site.0)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read_row).collect()
    }
}

fn read_row(row: &SqliteRow) -> Result<HistoryRow, ControlError> {
    Ok(HistoryRow { at: Timestamp(row.try_get("at")?), who: row.try_get("who")?, what: row.try_get("what")? })
}
