//! Who is in which segment: the people, and one transaction for what an evaluation changed.

mod reads;
mod segments;

pub use reads::{DayRow, SegmentChangeRow};
pub use segments::{FollowedRow, NewFollowed};
use sqlx::{Row, Sqlite, Transaction, sqlite::SqliteRow};

use super::{
    Control, ControlError,
    webhook_deliveries::{NewDelivery, insert_deliveries},
};
use crate::model::{Position, SiteId, Timestamp, VisitorId};

/// A person who is in a segment, or whose answer changes at a known time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// The site.
    pub site: SiteId,
    /// The visitor, or a hash of the user id.
    pub person: u128,
    /// The visitor seen last.
    pub visitor: VisitorId,
    /// The verified user id; empty if there is none.
    pub user_id: String,
    /// When an answer may change without an event.
    pub wake_at: Option<Timestamp>,
    /// Encoded list of segments.
    pub segments: Vec<u8>,
}

/// A visitor to evaluate later. Reasons are numbers of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingRow {
    /// The site.
    pub site: SiteId,
    /// The visitor.
    pub visitor: VisitorId,
    /// Why.
    pub reason: u8,
    /// Name of the event; empty if it was none.
    pub event: String,
    /// Not before.
    pub next_at: Timestamp,
}

/// Someone entered or left a segment.
#[derive(Debug, Clone)]
pub struct NewChange {
    /// The site.
    pub site: SiteId,
    /// The segment's id.
    pub segment: String,
    /// The visitor that stands for the person.
    pub visitor: VisitorId,
    /// The user id; empty if there is none.
    pub user_id: String,
    /// Whether they entered.
    pub entered: bool,
    /// When.
    pub at: Timestamp,
    /// The date in the site's time zone.
    pub day: String,
    /// Why.
    pub reason: u8,
    /// Name of the event; empty if it was none.
    pub event: String,
}

/// What an evaluation changed.
#[derive(Debug, Default)]
pub struct MembershipWrite {
    /// People to store.
    pub people: Vec<PersonRow>,
    /// People of whom nothing needs to be kept.
    pub removed: Vec<(SiteId, u128)>,
    /// People whose answer is asked for again at a later time.
    pub postponed: Vec<(SiteId, u128, Timestamp)>,
    /// Changes of the numbers of members, by number of the segment.
    pub members: Vec<(i64, i64)>,
    /// Who entered and left.
    pub changes: Vec<NewChange>,
    /// Calls to queue.
    pub calls: Vec<NewDelivery>,
    /// Visitors to evaluate later.
    pub waiting: Vec<WaitingRow>,
    /// Visitors that no longer wait.
    pub evaluated: Vec<(SiteId, VisitorId)>,
    /// Id of the journal, and the position below which its events are evaluated.
    pub cursor: Option<(u64, Position)>,
}

impl MembershipWrite {
    /// Whether there is nothing to store but a position.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
            && self.removed.is_empty()
            && self.postponed.is_empty()
            && self.members.is_empty()
            && self.changes.is_empty()
            && self.calls.is_empty()
            && self.waiting.is_empty()
            && self.evaluated.is_empty()
    }
}

impl Control {
    /// People by their keys; those without a row are left out.
    pub async fn segment_people(&self, site: SiteId, people: &[u128]) -> Result<Vec<PersonRow>, ControlError> {
        let keys: Vec<String> = people.iter().map(|person| format!("{person:032x}")).collect();
        let keys = serde_json::to_string(&keys).map_err(|e| ControlError::unreadable("person", e))?;
        let rows = sqlx::query(
            "SELECT * FROM segment_people WHERE site_id = ? AND person IN (SELECT unhex(value) FROM json_each(?))",
        )
        .bind(site.0)
        .bind(keys)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_person).collect()
    }

    /// People whose answer may have changed by `now`, the longest waiting first.
    pub async fn due_segment_people(&self, now: Timestamp, limit: u32) -> Result<Vec<PersonRow>, ControlError> {
        let rows = sqlx::query("SELECT * FROM segment_people WHERE wake_at <= ? ORDER BY wake_at LIMIT ?")
            .bind(now.0)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read_person).collect()
    }

    /// Visitors that wait for their evaluation, of sites of which no segment is being counted.
    pub async fn waiting_segment_visitors(&self, now: Timestamp, limit: u32) -> Result<Vec<WaitingRow>, ControlError> {
        let rows = sqlx::query(
            "SELECT * FROM segment_waiting WHERE next_at <= ? AND site_id NOT IN \
             (SELECT site_id FROM followed_segments WHERE counted = 0) LIMIT ?",
        )
        .bind(now.0)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_waiting).collect()
    }

    /// Number of visitors that wait for their evaluation.
    pub async fn count_waiting_segment_visitors(&self) -> Result<u64, ControlError> {
        let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM segment_waiting").fetch_one(&self.pool).await?;
        Ok(waiting.unsigned_abs())
    }

    /// Stores what an evaluation changed in one transaction. Returns the number of calls that were dropped because
    /// `waiting_max` waited for their webhook.
    pub async fn store_membership(&self, write: &MembershipWrite, waiting_max: u32) -> Result<u64, ControlError> {
        let mut transaction = self.pool.begin().await?;
        write_people(&mut transaction, write).await?;
        for (number, change) in &write.members {
            sqlx::query("UPDATE followed_segments SET members = max(members + ?2, 0) WHERE number = ?1")
                .bind(number)
                .bind(change)
                .execute(&mut *transaction)
                .await?;
        }
        for change in &write.changes {
            reads::write_change(&mut transaction, change).await?;
        }
        let dropped = insert_deliveries(&mut transaction, &write.calls, waiting_max).await?;
        write_waiting(&mut transaction, write).await?;
        if let Some((journal, position)) = write.cursor {
            segments::write_cursor(&mut transaction, journal, position).await?;
        }
        transaction.commit().await?;
        Ok(dropped)
    }

    /// Removes what is known of a visitor, and calls about them. A person with other visitors is evaluated again.
    pub async fn erase_membership(&self, site: SiteId, visitor: VisitorId) -> Result<(), ControlError> {
        let key = bytes(visitor.0);
        let mut transaction = self.pool.begin().await?;
        for statement in [
            "DELETE FROM segment_changes WHERE site_id = ?1 AND visitor = ?2",
            "DELETE FROM segment_waiting WHERE site_id = ?1 AND visitor = ?2",
            "UPDATE segment_people SET wake_at = 0 WHERE site_id = ?1 AND visitor = ?2",
        ] {
            sqlx::query(statement).bind(site.0).bind(&key).execute(&mut *transaction).await?;
        }
        sqlx::query("DELETE FROM webhook_deliveries WHERE site_id = ? AND visitor = ?")
            .bind(site.0)
            .bind(visitor.to_string())
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// People of a site after `after`, in order of key.
    pub async fn segment_people_after(
        &self,
        site: SiteId,
        after: Option<u128>,
        limit: u32,
    ) -> Result<Vec<PersonRow>, ControlError> {
        let rows = sqlx::query("SELECT * FROM segment_people WHERE site_id = ? AND person > ? ORDER BY person LIMIT ?")
            .bind(site.0)
            .bind(after.map(bytes).unwrap_or_default())
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read_person).collect()
    }
}

async fn write_people(transaction: &mut Transaction<'_, Sqlite>, write: &MembershipWrite) -> Result<(), ControlError> {
    for row in &write.people {
        sqlx::query(
            "INSERT INTO segment_people (site_id, person, visitor, user_id, wake_at, segments) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM sites WHERE id = ?1) \
             ON CONFLICT (site_id, person) DO UPDATE SET visitor = ?3, user_id = ?4, wake_at = ?5, segments = ?6",
        )
        .bind(row.site.0)
        .bind(bytes(row.person))
        .bind(bytes(row.visitor.0))
        .bind(&row.user_id)
        .bind(row.wake_at.map(|at| at.0))
        .bind(&row.segments)
        .execute(&mut **transaction)
        .await?;
    }
    for (site, person, at) in &write.postponed {
        sqlx::query("UPDATE segment_people SET wake_at = ? WHERE site_id = ? AND person = ?")
            .bind(at.0)
            .bind(site.0)
            .bind(bytes(*person))
            .execute(&mut **transaction)
            .await?;
    }
    for (site, person) in &write.removed {
        sqlx::query("DELETE FROM segment_people WHERE site_id = ? AND person = ?")
            .bind(site.0)
            .bind(bytes(*person))
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

async fn write_waiting(transaction: &mut Transaction<'_, Sqlite>, write: &MembershipWrite) -> Result<(), ControlError> {
    for (site, visitor) in &write.evaluated {
        sqlx::query("DELETE FROM segment_waiting WHERE site_id = ? AND visitor = ?")
            .bind(site.0)
            .bind(bytes(visitor.0))
            .execute(&mut **transaction)
            .await?;
    }
    for row in &write.waiting {
        sqlx::query(
            "INSERT INTO segment_waiting (site_id, visitor, reason, event, next_at) \
             SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM sites WHERE id = ?1) \
             ON CONFLICT (site_id, visitor) DO UPDATE SET reason = ?3, event = ?4, next_at = ?5",
        )
        .bind(row.site.0)
        .bind(bytes(row.visitor.0))
        .bind(row.reason)
        .bind(&row.event)
        .bind(row.next_at.0)
        .execute(&mut **transaction)
        .await?;
    }
    Ok(())
}

fn bytes(id: u128) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

fn id(row: &SqliteRow, column: &str) -> Result<u128, ControlError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    let bytes: [u8; 16] = bytes.try_into().map_err(|_| ControlError::unreadable("person", "its id has no 16 bytes"))?;
    Ok(u128::from_be_bytes(bytes))
}

fn read_person(row: &SqliteRow) -> Result<PersonRow, ControlError> {
    Ok(PersonRow {
        site: SiteId(row.try_get("site_id")?),
        person: id(row, "person")?,
        visitor: VisitorId(id(row, "visitor")?),
        user_id: row.try_get("user_id")?,
        wake_at: row.try_get::<Option<i64>, _>("wake_at")?.map(Timestamp),
        segments: row.try_get("segments")?,
    })
}

fn read_waiting(row: &SqliteRow) -> Result<WaitingRow, ControlError> {
    Ok(WaitingRow {
        site: SiteId(row.try_get("site_id")?),
        visitor: VisitorId(id(row, "visitor")?),
        reason: row.try_get("reason")?,
        event: row.try_get("event")?,
        next_at: Timestamp(row.try_get("next_at")?),
    })
}
