//! Who entered and left segments, and their sizes by day.

use sqlx::{Row, Sqlite, Transaction, sqlite::SqliteRow};

use super::{
    super::{Control, ControlError},
    NewChange, bytes, id,
};
use crate::model::{SiteId, Timestamp, VisitorId};

/// Someone entered or left a segment.
#[derive(Debug, Clone)]
pub struct SegmentChangeRow {
    /// Ascending number.
    pub number: i64,
    /// The visitor that stands for the person.
    pub visitor: VisitorId,
    /// The user id; empty if there is none.
    pub user_id: String,
    /// Whether they entered.
    pub entered: bool,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: u8,
    /// Name of the event; empty if it was none.
    pub event: String,
}

/// A day of a segment.
#[derive(Debug, Clone)]
pub struct DayRow {
    /// The date in the site's time zone.
    pub day: String,
    /// Members at its end.
    pub members: u64,
    /// How many entered.
    pub entered: u64,
    /// How many left.
    pub left: u64,
}

impl Control {
    /// Changes of a segment with a number below `before`, newest first.
    pub async fn segment_changes(
        &self,
        site: SiteId,
        segment: &str,
        before: i64,
        limit: u32,
    ) -> Result<Vec<SegmentChangeRow>, ControlError> {
        let rows = sqlx::query(
            "SELECT * FROM segment_changes WHERE site_id = ? AND segment = ? AND number < ? \
             ORDER BY number DESC LIMIT ?",
        )
        .bind(site.0)
        .bind(segment)
        .bind(before)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_change).collect()
    }

    /// Days of a segment from `since` on, and the last one before, oldest first.
    pub async fn segment_days(&self, site: SiteId, segment: &str, since: &str) -> Result<Vec<DayRow>, ControlError> {
        let rows = sqlx::query(
            "SELECT * FROM segment_days WHERE site_id = ?1 AND segment = ?2 AND day >= coalesce((SELECT max(day) FROM \
             segment_days WHERE site_id = ?1 AND segment = ?2 AND day < ?3), ?3) ORDER BY day",
        )
        .bind(site.0)
        .bind(segment)
        .bind(since)
        .fetch_all(&self.pool)
        .await?;
        let read = |row: &SqliteRow| {
            Ok(DayRow {
                day: row.try_get("day")?,
                members: row.try_get::<i64, _>("members")?.unsigned_abs(),
                entered: row.try_get::<i64, _>("entered")?.unsigned_abs(),
                left: row.try_get::<i64, _>("left")?.unsigned_abs(),
            })
        };
        rows.iter().map(read).collect()
    }

    /// Removes changes before `before`, the oldest ones above `kept_max` of all sites, and days before `day`; and
    /// people of sites whose segments are no longer followed.
    pub async fn prune_segment_changes(&self, before: Timestamp, kept_max: u32, day: &str) -> Result<(), ControlError> {
        sqlx::query("DELETE FROM segment_changes WHERE at < ?").bind(before.0).execute(&self.pool).await?;
        sqlx::query(
            "DELETE FROM segment_changes WHERE number <= \
             (SELECT number FROM segment_changes ORDER BY number DESC LIMIT 1 OFFSET ?)",
        )
        .bind(kept_max)
        .execute(&self.pool)
        .await?;
        sqlx::query("DELETE FROM segment_days WHERE day < ?").bind(day).execute(&self.pool).await?;
        sqlx::query("DELETE FROM segment_people WHERE site_id NOT IN (SELECT site_id FROM followed_segments)")
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

pub(super) async fn write_change(
    transaction: &mut Transaction<'_, Sqlite>,
    change: &NewChange,
) -> Result<(), ControlError> {
    sqlx::query(
        "INSERT INTO segment_changes (site_id, segment, visitor, user_id, entered, at, reason, event) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 \
         WHERE EXISTS (SELECT 1 FROM followed_segments WHERE site_id = ?1 AND segment = ?2)",
    )
    .bind(change.site.0)
    .bind(&change.segment)
    .bind(bytes(change.visitor.0))
    .bind(&change.user_id)
    .bind(change.entered)
    .bind(change.at.0)
    .bind(change.reason)
    .bind(&change.event)
    .execute(&mut **transaction)
    .await?;
    // The number of members was updated before.
    sqlx::query(
        "INSERT INTO segment_days (site_id, segment, day, members, entered, left) \
         SELECT site_id, segment, ?3, members, ?4, 1 - ?4 FROM followed_segments WHERE site_id = ?1 AND segment = ?2 \
         ON CONFLICT (site_id, segment, day) DO UPDATE SET members = excluded.members, \
         entered = segment_days.entered + excluded.entered, left = segment_days.left + excluded.left",
    )
    .bind(change.site.0)
    .bind(&change.segment)
    .bind(&change.day)
    .bind(change.entered)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn read_change(row: &SqliteRow) -> Result<SegmentChangeRow, ControlError> {
    Ok(SegmentChangeRow {
        number: row.try_get("number")?,
        visitor: VisitorId(id(row, "visitor")?),
        user_id: row.try_get("user_id")?,
        entered: row.try_get("entered")?,
        at: Timestamp(row.try_get("at")?),
        reason: row.try_get("reason")?,
        event: row.try_get("event")?,
    })
}
