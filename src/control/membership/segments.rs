//! Which segments are followed, and up to where the journal was.

use sqlx::{Row, Sqlite, Transaction, sqlite::SqliteRow};

use super::super::{Control, ControlError};
use crate::model::{Position, SiteId, Timestamp};

/// A followed segment.
#[derive(Debug, Clone)]
pub struct FollowedRow {
    /// Identifies this version of its rule.
    pub number: i64,
    /// The site.
    pub site: SiteId,
    /// The segment's id.
    pub segment: String,
    /// Fingerprint of its rule.
    pub fingerprint: String,
    /// Journal of `position`.
    pub journal: u64,
    /// Events from here on change it; those before are counted first.
    pub position: Position,
    /// As of when it is counted.
    pub counted_at: Timestamp,
    /// Whether it has been counted.
    pub counted: bool,
    /// Number of members.
    pub members: u64,
}

/// A segment to follow from now on.
#[derive(Debug, Clone)]
pub struct NewFollowed {
    /// The site.
    pub site: SiteId,
    /// The segment's id.
    pub segment: String,
    /// Fingerprint of its rule.
    pub fingerprint: String,
    /// Id of the journal.
    pub journal: u64,
    /// Events from here on change it.
    pub position: Position,
    /// As of when it is counted.
    pub counted_at: Timestamp,
    /// Whether there is nothing to count.
    pub counted: bool,
}

impl Control {
    /// All followed segments.
    pub async fn followed_segments(&self) -> Result<Vec<FollowedRow>, ControlError> {
        let rows = sqlx::query("SELECT * FROM followed_segments ORDER BY number").fetch_all(&self.pool).await?;
        rows.iter().map(read_followed).collect()
    }

    /// One followed segment.
    pub async fn followed_segment(&self, site: SiteId, segment: &str) -> Result<Option<FollowedRow>, ControlError> {
        let row = sqlx::query("SELECT * FROM followed_segments WHERE site_id = ? AND segment = ?")
            .bind(site.0)
            .bind(segment)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read_followed).transpose()
    }

    /// Follows segments, replacing an earlier version of their rule, and no longer follows others, whose history is
    /// removed. `cursor`: the position from which on the journal is followed, if it was not before.
    pub async fn follow_segments(
        &self,
        added: &[NewFollowed],
        removed: &[(SiteId, String)],
        cursor: Option<(u64, Position)>,
    ) -> Result<(), ControlError> {
        let mut transaction = self.pool.begin().await?;
        for (site, segment) in removed {
            for statement in [
                "DELETE FROM followed_segments WHERE site_id = ? AND segment = ?",
                "DELETE FROM segment_changes WHERE site_id = ? AND segment = ?",
                "DELETE FROM segment_days WHERE site_id = ? AND segment = ?",
            ] {
                sqlx::query(statement).bind(site.0).bind(segment).execute(&mut *transaction).await?;
            }
        }
        for segment in added {
            sqlx::query("DELETE FROM followed_segments WHERE site_id = ? AND segment = ?")
                .bind(segment.site.0)
                .bind(&segment.segment)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(
                "INSERT INTO followed_segments \
                 (site_id, segment, fingerprint, journal, position, counted_at, counted) VALUES (?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(segment.site.0)
            .bind(&segment.segment)
            .bind(&segment.fingerprint)
            .bind(segment.journal.to_string())
            .bind(i64::try_from(segment.position.0).unwrap_or(i64::MAX))
            .bind(segment.counted_at.0)
            .bind(segment.counted)
            .execute(&mut *transaction)
            .await?;
        }
        if let Some((journal, position)) = cursor {
            write_cursor(&mut transaction, journal, position).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Records that a segment was counted, with its number of members on this day.
    pub async fn segment_is_counted(&self, row: &FollowedRow, members: u64, day: &str) -> Result<(), ControlError> {
        let mut transaction = self.pool.begin().await?;
        let members = i64::try_from(members).unwrap_or(i64::MAX);
        let updated = sqlx::query("UPDATE followed_segments SET counted = 1, members = ? WHERE number = ?")
            .bind(members)
            .bind(row.number)
            .execute(&mut *transaction)
            .await?;
        if updated.rows_affected() > 0 {
            sqlx::query(
                "INSERT INTO segment_days (site_id, segment, day, members, entered, left) VALUES (?, ?, ?, ?, 0, 0) \
                 ON CONFLICT (site_id, segment, day) DO UPDATE SET members = excluded.members",
            )
            .bind(row.site.0)
            .bind(&row.segment)
            .bind(day)
            .bind(members)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Where following the journal continues; `None` if no segment was followed.
    pub async fn segment_cursor(&self) -> Result<Option<(u64, Position)>, ControlError> {
        let row = sqlx::query("SELECT journal, position FROM segment_cursor").fetch_optional(&self.pool).await?;
        let Some(row) = row else { return Ok(None) };
        let journal = row.try_get::<&str, _>("journal")?;
        let journal = journal.parse().map_err(|e| ControlError::unreadable("segment cursor", e))?;
        Ok(Some((journal, Position(row.try_get::<i64, _>("position")?.unsigned_abs()))))
    }

    /// Forgets where the journal was followed: no segment is.
    pub async fn clear_segment_cursor(&self) -> Result<(), ControlError> {
        for statement in ["DELETE FROM segment_cursor", "DELETE FROM segment_people", "DELETE FROM segment_waiting"] {
            sqlx::query(statement).execute(&self.pool).await?;
        }
        Ok(())
    }
}

pub(super) async fn write_cursor(
    transaction: &mut Transaction<'_, Sqlite>,
    journal: u64,
    position: Position,
) -> Result<(), ControlError> {
    sqlx::query(
        "INSERT INTO segment_cursor (only_row, journal, position) VALUES (1, ?1, ?2) \
         ON CONFLICT (only_row) DO UPDATE SET journal = ?1, position = ?2",
    )
    .bind(journal.to_string())
    .bind(i64::try_from(position.0).unwrap_or(i64::MAX))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn read_followed(row: &SqliteRow) -> Result<FollowedRow, ControlError> {
    let journal = row.try_get::<&str, _>("journal")?;
    Ok(FollowedRow {
        number: row.try_get("number")?,
        site: SiteId(row.try_get("site_id")?),
        segment: row.try_get("segment")?,
        fingerprint: row.try_get("fingerprint")?,
        journal: journal.parse().map_err(|e| ControlError::unreadable("followed segment", e))?,
        position: Position(row.try_get::<i64, _>("position")?.unsigned_abs()),
        counted_at: Timestamp(row.try_get("counted_at")?),
        counted: row.try_get("counted")?,
        members: row.try_get::<i64, _>("members")?.unsigned_abs(),
    })
}
