//! The durable queue of webhook calls, and those that were finished.

use sqlx::{Row, Sqlite, Transaction, sqlite::SqliteRow};

use super::{
    Control, ControlError,
    webhooks::{WebhookCursor, write_cursor},
};
use crate::model::{SiteId, Timestamp, VisitorId};

/// State of a delivery. Numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum DeliveryState {
    /// It will be sent, or sent again.
    Waiting = 0,
    /// The receiver has taken it.
    Delivered = 1,
    /// It failed for too long.
    GivenUp = 2,
}

/// A call to queue.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Stable id; one that is queued already is not queued again.
    pub id: String,
    /// The site.
    pub site: SiteId,
    /// The webhook.
    pub webhook: String,
    /// What happened.
    pub kind: String,
    /// The person's visitor id; empty if there is none.
    pub visitor: String,
    /// The JSON body.
    pub body: String,
    /// When it is first sent.
    pub created_at: Timestamp,
    /// When it is sent for the last time.
    pub give_up_at: Timestamp,
}

/// A queued or finished call.
#[derive(Debug, Clone)]
pub struct DeliveryRow {
    /// Ascending number.
    pub number: i64,
    /// Stable id.
    pub id: String,
    /// What happened.
    pub kind: String,
    /// The JSON body.
    pub body: String,
    /// When it was queued.
    pub created_at: Timestamp,
    /// State.
    pub state: DeliveryState,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is sent next, while it waits.
    pub next_at: Timestamp,
    /// When it is sent for the last time.
    pub give_up_at: Timestamp,
    /// HTTP status of the last attempt.
    pub last_status: Option<u16>,
    /// Why the last attempt failed; empty if it did not.
    pub last_error: String,
    /// When it was delivered or given up.
    pub finished_at: Option<Timestamp>,
}

/// The result of an attempt.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The new state.
    pub state: DeliveryState,
    /// When it is sent next, if it waits.
    pub next_at: Timestamp,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Why it failed; empty if it did not.
    pub error: String,
}

impl Control {
    /// Queues calls, except of webhooks that no longer exist or have `waiting_max` calls waiting, which are counted in
    /// `dropped`. The cursor advances in the same transaction. Returns how many were dropped.
    pub async fn queue_deliveries(
        &self,
        deliveries: &[NewDelivery],
        cursor: Option<WebhookCursor>,
        waiting_max: u32,
    ) -> Result<u64, ControlError> {
        let mut transaction = self.pool.begin().await?;
        let dropped = insert_deliveries(&mut transaction, deliveries, waiting_max).await?;
        if cursor.is_some() {
            write_cursor(&mut transaction, cursor).await?;
        }
        transaction.commit().await?;
        Ok(dropped)
    }

    /// Calls of a webhook that are due, the longest waiting first.
    pub async fn due_deliveries(
        &self,
        site: SiteId,
        webhook: &str,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, ControlError> {
        let rows = sqlx::query(
            "SELECT * FROM webhook_deliveries WHERE site_id = ? AND webhook = ? AND state = 0 AND next_at <= ? \
             ORDER BY next_at, number LIMIT ?",
        )
        .bind(site.0)
        .bind(webhook)
        .bind(now.0)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_delivery).collect()
    }

    /// Calls of a webhook with a number below `before`, newest first.
    pub async fn deliveries(
        &self,
        site: SiteId,
        webhook: &str,
        before: i64,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, ControlError> {
        let rows = sqlx::query(
            "SELECT * FROM webhook_deliveries WHERE site_id = ? AND webhook = ? AND number < ? \
             ORDER BY number DESC LIMIT ?",
        )
        .bind(site.0)
        .bind(webhook)
        .bind(before)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_delivery).collect()
    }

    /// One call.
    pub async fn delivery(&self, site: SiteId, webhook: &str, id: &str) -> Result<Option<DeliveryRow>, ControlError> {
        let row = sqlx::query("SELECT * FROM webhook_deliveries WHERE site_id = ? AND webhook = ? AND id = ?")
            .bind(site.0)
            .bind(webhook)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read_delivery).transpose()
    }

    /// Stores a call that was already sent and is not sent again.
    pub async fn add_finished_delivery(
        &self,
        delivery: &NewDelivery,
        attempt: &Attempt,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        sqlx::query(
            "INSERT INTO webhook_deliveries (id, site_id, webhook, type, visitor, body, created_at, next_at, \
             give_up_at, state, attempts, last_status, last_error, finished_at) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, 1, ?10, ?11, ?12 \
             WHERE EXISTS (SELECT 1 FROM webhooks WHERE site_id = ?2 AND id = ?3)",
        )
        .bind(&delivery.id)
        .bind(delivery.site.0)
        .bind(&delivery.webhook)
        .bind(&delivery.kind)
        .bind(&delivery.visitor)
        .bind(&delivery.body)
        .bind(delivery.created_at.0)
        .bind(delivery.give_up_at.0)
        .bind(attempt.state as u8)
        .bind(attempt.status)
        .bind(&attempt.error)
        .bind(now.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Records the result of an attempt.
    pub async fn record_attempt(&self, id: &str, attempt: &Attempt, now: Timestamp) -> Result<(), ControlError> {
        let finished = (attempt.state != DeliveryState::Waiting).then_some(now.0);
        sqlx::query(
            "UPDATE webhook_deliveries SET state = ?2, attempts = attempts + 1, next_at = ?3, last_status = ?4, \
             last_error = ?5, finished_at = ?6 WHERE id = ?1",
        )
        .bind(id)
        .bind(attempt.state as u8)
        .bind(attempt.next_at.0)
        .bind(attempt.status)
        .bind(&attempt.error)
        .bind(finished)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Sends a call again, from now until `give_up_at`. Returns false if there is no such call.
    pub async fn replay_delivery(
        &self,
        (site, webhook): (SiteId, &str),
        id: &str,
        now: Timestamp,
        give_up_at: Timestamp,
    ) -> Result<bool, ControlError> {
        let result = sqlx::query(
            "UPDATE webhook_deliveries SET state = 0, attempts = 0, next_at = ?4, give_up_at = ?5, finished_at = NULL \
             WHERE site_id = ?1 AND webhook = ?2 AND id = ?3",
        )
        .bind(site.0)
        .bind(webhook)
        .bind(id)
        .bind(now.0)
        .bind(give_up_at.0)
        .execute(&self.pool)
        .await?;
        Ok(result.rows_affected() > 0)
    }

    /// Number of waiting calls.
    pub async fn waiting_deliveries(&self) -> Result<u64, ControlError> {
        let waiting: i64 =
            sqlx::query_scalar("SELECT count(*) FROM webhook_deliveries WHERE state = 0").fetch_one(&self.pool).await?;
        Ok(waiting.unsigned_abs())
    }

    /// Removes calls that were finished before `before`, and the oldest finished ones above `kept_max` of a webhook.
    pub async fn prune_deliveries(&self, before: Timestamp, kept_max: u32) -> Result<(), ControlError> {
        sqlx::query("DELETE FROM webhook_deliveries WHERE state != 0 AND finished_at < ?")
            .bind(before.0)
            .execute(&self.pool)
            .await?;
        sqlx::query(
            "DELETE FROM webhook_deliveries WHERE number IN (SELECT number FROM (SELECT number, row_number() OVER \
             (PARTITION BY site_id, webhook ORDER BY number DESC) AS place FROM webhook_deliveries WHERE state != 0) \
             WHERE place > ?)",
        )
        .bind(kept_max)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Removes all calls about a visitor.
    pub async fn erase_deliveries(&self, site: SiteId, visitor: VisitorId) -> Result<u64, ControlError> {
        let result = sqlx::query("DELETE FROM webhook_deliveries WHERE site_id = ? AND visitor = ?")
            .bind(site.0)
            .bind(visitor.to_string())
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected())
    }
}

/// Queues calls in a transaction; see [`Control::queue_deliveries`].
pub(super) async fn insert_deliveries(
    transaction: &mut Transaction<'_, Sqlite>,
    deliveries: &[NewDelivery],
    waiting_max: u32,
) -> Result<u64, ControlError> {
    let mut dropped = 0;
    for delivery in deliveries {
        let result = sqlx::query(
            "INSERT INTO webhook_deliveries \
             (id, site_id, webhook, type, visitor, body, created_at, next_at, give_up_at) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8 \
             WHERE EXISTS (SELECT 1 FROM webhooks WHERE site_id = ?2 AND id = ?3) \
             AND (SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries \
                  WHERE site_id = ?2 AND webhook = ?3 AND state = 0 LIMIT ?9)) < ?9 \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(&delivery.id)
        .bind(delivery.site.0)
        .bind(&delivery.webhook)
        .bind(&delivery.kind)
        .bind(&delivery.visitor)
        .bind(&delivery.body)
        .bind(delivery.created_at.0)
        .bind(delivery.give_up_at.0)
        .bind(waiting_max)
        .execute(&mut **transaction)
        .await?;
        if result.rows_affected() > 0 {
            continue;
        }
        let counted = sqlx::query(
            "UPDATE webhooks SET dropped = dropped + 1 WHERE site_id = ?1 AND id = ?2 \
             AND NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE id = ?3)",
        )
        .bind(delivery.site.0)
        .bind(&delivery.webhook)
        .bind(&delivery.id)
        .execute(&mut **transaction)
        .await?;
        dropped += counted.rows_affected();
    }
    Ok(dropped)
}

fn read_delivery(row: &SqliteRow) -> Result<DeliveryRow, ControlError> {
    Ok(DeliveryRow {
        number: row.try_get("number")?,
        id: row.try_get("id")?,
        kind: row.try_get("type")?,
        body: row.try_get("body")?,
        created_at: Timestamp(row.try_get("created_at")?),
        state: match row.try_get::<i64, _>("state")? {
            0 => DeliveryState::Waiting,
            1 => DeliveryState::Delivered,
            _ => DeliveryState::GivenUp,
        },
        attempts: row.try_get("attempts")?,
        next_at: Timestamp(row.try_get("next_at")?),
        give_up_at: Timestamp(row.try_get("give_up_at")?),
        last_status: row.try_get("last_status")?,
        last_error: row.try_get("last_error")?,
        finished_at: row.try_get::<Option<i64>, _>("finished_at")?.map(Timestamp),
    })
}
