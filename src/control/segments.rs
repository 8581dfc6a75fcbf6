//! Segments: bodies are JSON, parsed by `catalog`; this module only stores them.

use super::{Control, ControlError};
use crate::model::SiteId;

impl Control {
    /// The bodies of all segments of a site, ordered by id.
    pub async fn segments(&self, site: SiteId) -> Result<Vec<String>, ControlError> {
        Ok(sqlx::query_scalar("SELECT body FROM segments WHERE site_id = ? ORDER BY id")
            .bind(site.0)
            .fetch_all(&self.pool)
            .await?)
    }

    /// Upserts a segment.
    pub async fn put_segment(&self, site: SiteId, id: &str, body: &str) -> Result<(), ControlError> {
        sqlx::query(
            "INSERT INTO segments (site_id, id, body, updated_at) VALUES (?, ?, ?, ?) \
             ON CONFLICT (site_id, id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at",
        )
        .bind(site.0)
        .bind(id)
        .bind(body)
        .bind(crate::clock::now().0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Removes a segment. Returns false if there was none.
    pub async fn delete_segment(&self, site: SiteId, id: &str) -> Result<bool, ControlError> {
        let result = sqlx::query("DELETE FROM segments WHERE site_id = ? AND id = ?")
            .bind(site.0)
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected() > 0)
    }
}
