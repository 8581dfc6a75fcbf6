//! Product feeds: settings, state of the last fetch, and the items that came from each feed.

use sqlx::{Row, sqlite::SqliteRow};

use super::{Control, ControlError};
use crate::model::{
    ItemId, SiteId,
    feed::{FeedRequest, FeedSettings, FeedState},
};

/// A site's feed.
#[derive(Debug, Clone)]
pub struct FeedRow {
    /// The site.
    pub site: SiteId,
    /// Settings chosen by the owner.
    pub settings: FeedSettings,
    /// State after the last fetch.
    pub state: FeedState,
    /// A pending request for an early fetch.
    pub requested: Option<FeedRequest>,
}

impl Control {
    /// Every feed.
    pub async fn feeds(&self) -> Result<Vec<FeedRow>, ControlError> {
        let rows = sqlx::query("SELECT * FROM feeds ORDER BY site_id").fetch_all(&self.pool).await?;
        rows.iter().map(read_row).collect()
    }

    /// One site's feed.
    pub async fn feed(&self, site: SiteId) -> Result<Option<FeedRow>, ControlError> {
        let row = sqlx::query("SELECT * FROM feeds WHERE site_id = ?").bind(site.0).fetch_optional(&self.pool).await?;
        row.as_ref().map(read_row).transpose()
    }

    /// Stores the settings; the state is reset if the URL changed.
    pub async fn put_feed(&self, site: SiteId, settings: &FeedSettings) -> Result<(), ControlError> {
        let body = serde_json::to_string(settings).map_err(|e| ControlError::unreadable("feed", e))?;
        sqlx::query(
            "INSERT INTO feeds (site_id, settings, state, requested) VALUES (?1, ?2, '{}', 1) \
             ON CONFLICT (site_id) DO UPDATE SET settings = ?2, requested = 1, \
             state = CASE WHEN settings ->> 'url' = ?2 ->> 'url' THEN state ELSE '{}' END",
        )
        .bind(site.0)
        .bind(body)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Removes a feed; its items stay. Returns false if there was none.
    pub async fn delete_feed(&self, site: SiteId) -> Result<bool, ControlError> {
        sqlx::query("DELETE FROM feed_items WHERE site_id = ?").bind(site.0).execute(&self.pool).await?;
        let result = sqlx::query("DELETE FROM feeds WHERE site_id = ?").bind(site.0).execute(&self.pool).await?;
        Ok(result.rows_affected() > 0)
    }

    /// Requests an early fetch, or, with `None`, clears the request once it is being processed. Returns false if there
    /// is no feed.
    pub async fn request_feed(&self, site: SiteId, request: Option<FeedRequest>) -> Result<bool, ControlError> {
        let number = match request {
            None => 0,
            Some(FeedRequest::Fetch) => 1,
            Some(FeedRequest::Confirm) => 2,
        };
        let result = sqlx::query("UPDATE feeds SET requested = ? WHERE site_id = ?")
            .bind(number)
            .bind(site.0)
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected() > 0)
    }

    /// Stores the state after a fetch.
    pub async fn put_feed_state(&self, site: SiteId, state: &FeedState) -> Result<(), ControlError> {
        let body = serde_json::to_string(state).map_err(|e| ControlError::unreadable("feed", e))?;
        sqlx::query("UPDATE feeds SET state = ? WHERE site_id = ?").bind(body).bind(site.0).execute(&self.pool).await?;
        Ok(())
    }

    /// Ids of the items that came from a site's feed.
    pub async fn feed_items(&self, site: SiteId) -> Result<Vec<String>, ControlError> {
        Ok(sqlx::query_scalar("SELECT id FROM feed_items WHERE site_id = ?").bind(site.0).fetch_all(&self.pool).await?)
    }

    /// Records which items were added to the feed and which were removed from it.
    pub async fn change_feed_items(
        &self,
        site: SiteId,
        added: &[ItemId],
        removed: &[ItemId],
    ) -> Result<(), ControlError> {
        let insert = "INSERT OR IGNORE INTO feed_items (site_id, id) SELECT ?1, value FROM json_each(?2)";
        let delete = "DELETE FROM feed_items WHERE site_id = ?1 AND id IN (SELECT value FROM json_each(?2))";
        let mut transaction = self.pool.begin().await?;
        for (statement, ids) in [(insert, added), (delete, removed)] {
            for chunk in ids.chunks(5000) {
                let ids = serde_json::to_string(chunk).map_err(|e| ControlError::unreadable("feed", e))?;
                sqlx::query(statement).bind(site.0).bind(ids).execute(&mut *transaction).await?;
            }
        }
        Ok(transaction.commit().await?)
    }
}

fn read_row(row: &SqliteRow) -> Result<FeedRow, ControlError> {
    let unreadable = |e: serde_json::Error| ControlError::unreadable("feed", e);
    Ok(FeedRow {
        site: SiteId(row.try_get("site_id")?),
        settings: serde_json::from_str(row.try_get("settings")?).map_err(unreadable)?,
        state: serde_json::from_str(row.try_get("state")?).map_err(unreadable)?,
        requested: match row.try_get::<i64, _>("requested")? {
            0 => None,
            2 => Some(FeedRequest::Confirm),
            _ => Some(FeedRequest::Fetch),
        },
    })
}
