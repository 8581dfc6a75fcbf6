//! Webhooks, and up to where the journal's events were queued for them.

use sqlx::{Row, Sqlite, Transaction, sqlite::SqliteRow};

use super::{Control, ControlError};
use crate::model::{Secret, SiteId, Timestamp};

/// A webhook.
#[derive(Debug, Clone)]
pub struct WebhookRow {
    /// The site.
    pub site: SiteId,
    /// Id, unique within the site.
    pub id: String,
    /// The address that is called.
    pub url: String,
    /// Names of what it is called for.
    pub events: Vec<String>,
    /// Whether it is called.
    pub enabled: bool,
    /// Key of the signatures.
    pub secret: Secret,
    /// Calls that were not queued because too many waited.
    pub dropped: u64,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// Where the queueing of the journal's events continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookCursor {
    /// Id of the journal.
    pub journal: u64,
    /// Events below were queued.
    pub position: u64,
}

impl Control {
    /// Every webhook.
    pub async fn webhooks(&self) -> Result<Vec<WebhookRow>, ControlError> {
        let rows = sqlx::query("SELECT * FROM webhooks ORDER BY site_id, created_at, id").fetch_all(&self.pool).await?;
        rows.iter().map(read_webhook).collect()
    }

    /// Adds or replaces a webhook; the secret of an existing one and its counters stay.
    pub async fn put_webhook(&self, row: &WebhookRow) -> Result<(), ControlError> {
        let events = serde_json::to_string(&row.events).map_err(|e| ControlError::unreadable("webhook", e))?;
        sqlx::query(
            "INSERT INTO webhooks (site_id, id, url, events, enabled, secret, created_at, updated_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7) \
             ON CONFLICT (site_id, id) DO UPDATE SET url = ?3, events = ?4, enabled = ?5, updated_at = ?7",
        )
        .bind(row.site.0)
        .bind(&row.id)
        .bind(&row.url)
        .bind(events)
        .bind(row.enabled)
        .bind(&*row.secret)
        .bind(row.updated_at.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Replaces the secret of a webhook.
    pub async fn put_webhook_secret(&self, site: SiteId, id: &str, secret: &str) -> Result<(), ControlError> {
        sqlx::query("UPDATE webhooks SET secret = ?3 WHERE site_id = ?1 AND id = ?2")
            .bind(site.0)
            .bind(id)
            .bind(secret)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Removes a webhook with its deliveries. Returns false if there was none.
    pub async fn delete_webhook(&self, site: SiteId, id: &str) -> Result<bool, ControlError> {
        let result = sqlx::query("DELETE FROM webhooks WHERE site_id = ? AND id = ?")
            .bind(site.0)
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected() > 0)
    }

    /// Where the queueing of events continues; `None` if no webhook was called by events.
    pub async fn webhook_cursor(&self) -> Result<Option<WebhookCursor>, ControlError> {
        let row = sqlx::query("SELECT journal, position FROM webhook_cursor").fetch_optional(&self.pool).await?;
        let Some(row) = row else { return Ok(None) };
        let journal = row.try_get::<&str, _>("journal")?;
        let journal = journal.parse().map_err(|e| ControlError::unreadable("webhook cursor", e))?;
        Ok(Some(WebhookCursor { journal, position: row.try_get::<i64, _>("position")?.unsigned_abs() }))
    }

    /// Sets where the queueing of events continues; `None` if no webhook is called by events.
    pub async fn put_webhook_cursor(&self, cursor: Option<WebhookCursor>) -> Result<(), ControlError> {
        let mut transaction = self.pool.begin().await?;
        write_cursor(&mut transaction, cursor).await?;
        Ok(transaction.commit().await?)
    }
}

pub(super) async fn write_cursor(
    transaction: &mut Transaction<'_, Sqlite>,
    cursor: Option<WebhookCursor>,
) -> Result<(), ControlError> {
    let Some(cursor) = cursor else {
        sqlx::query("DELETE FROM webhook_cursor").execute(&mut **transaction).await?;
        return Ok(());
    };
    sqlx::query(
        "INSERT INTO webhook_cursor (only_row, journal, position) VALUES (1, ?1, ?2) \
         ON CONFLICT (only_row) DO UPDATE SET journal = ?1, position = ?2",
    )
    .bind(cursor.journal.to_string())
    .bind(i64::try_from(cursor.position).unwrap_or(i64::MAX))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn read_webhook(row: &SqliteRow) -> Result<WebhookRow, ControlError> {
    let events = serde_json::from_str(row.try_get("events")?).map_err(|e| ControlError::unreadable("webhook", e))?;
    Ok(WebhookRow {
        site: SiteId(row.try_get("site_id")?),
        id: row.try_get("id")?,
        url: row.try_get("url")?,
        events,
        enabled: row.try_get("enabled")?,
        secret: row.try_get::<String, _>("secret")?.into(),
        dropped: row.try_get::<i64, _>("dropped")?.unsigned_abs(),
        created_at: Timestamp(row.try_get("created_at")?),
        updated_at: Timestamp(row.try_get("updated_at")?),
    })
}
