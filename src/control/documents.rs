//! Documents edited by marketers: items, offers, segments, experiments, merchandising rules, funnels. Bodies are JSON, parsed by `catalog` and
//! `reports`; this module only stores them.

use sqlx::Row;

use super::{Control, ControlError};
use crate::model::{SiteId, Timestamp};

/// A saved funnel.
#[derive(Debug, Clone)]
pub struct FunnelRow {
    /// Id.
    pub id: i64,
    /// Name given by the marketer.
    pub name: String,
    /// The report request, as JSON.
    pub question: String,
    /// Time of the last change, milliseconds.
    pub updated_at: i64,
}

impl Control {
    /// All items of a site in the order in which they were added: body and time of addition.
    pub async fn items(&self, site: SiteId) -> Result<Vec<(String, Timestamp)>, ControlError> {
        let rows = sqlx::query_as("SELECT body, added_at FROM items WHERE site_id = ? ORDER BY rowid")
            .bind(site.0)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(|(body, at): (String, i64)| (body, Timestamp(at))).collect())
    }

    /// Upserts items, each `(id, body)`, in one transaction.
    pub async fn put_items(
        &self,
        site: SiteId,
        items: &[(String, String)],
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut transaction = self.pool.begin().await?;
        // One statement for many rows, passed as a JSON array: a statement per row costs several times as much.
        for chunk in items.chunks(1000) {
            let rows = serde_json::to_string(chunk).map_err(|e| ControlError::unreadable("item", e))?;
            sqlx::query(
                "INSERT INTO items (site_id, id, body, updated_at, added_at) \
                 SELECT ?1, value ->> 0, value ->> 1, ?2, ?2 FROM json_each(?3) WHERE true \
                 ON CONFLICT (site_id, id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at",
            )
            .bind(site.0)
            .bind(now.0)
            .bind(rows)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Removes an item. Returns false if there was none.
    pub async fn delete_item(&self, site: SiteId, id: &str) -> Result<bool, ControlError> {
        self.delete_document("DELETE FROM items WHERE site_id = ? AND id = ?", site, id).await
    }

    /// The bodies of all offers of a site, ordered by id.
    pub async fn offers(&self, site: SiteId) -> Result<Vec<String>, ControlError> {
        self.documents("SELECT body FROM offers WHERE site_id = ? ORDER BY id", site).await
    }

    /// Upserts an offer.
    pub async fn put_offer(&self, site: SiteId, id: &str, body: &str) -> Result<(), ControlError> {
        let upsert = "INSERT INTO offers (site_id, id, body, updated_at) VALUES (?, ?, ?, ?) \
                      ON CONFLICT (site_id, id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at";
        self.put_document(upsert, site, id, body).await
    }

    /// Removes an offer. Returns false if there was none.
    pub async fn delete_offer(&self, site: SiteId, id: &str) -> Result<bool, ControlError> {
        self.delete_document("DELETE FROM offers WHERE site_id = ? AND id = ?", site, id).await
    }

    /// The bodies of all segments of a site, ordered by id.
    pub async fn segments(&self, site: SiteId) -> Result<Vec<String>, ControlError> {
        self.documents("SELECT body FROM segments WHERE site_id = ? ORDER BY id", site).await
    }

    /// Upserts a segment.
    pub async fn put_segment(&self, site: SiteId, id: &str, body: &str) -> Result<(), ControlError> {
        let upsert = "INSERT INTO segments (site_id, id, body, updated_at) VALUES (?, ?, ?, ?) \
                      ON CONFLICT (site_id, id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at";
        self.put_document(upsert, site, id, body).await
    }

    /// Removes a segment. Returns false if there was none.
    pub async fn delete_segment(&self, site: SiteId, id: &str) -> Result<bool, ControlError> {
        self.delete_document("DELETE FROM segments WHERE site_id = ? AND id = ?", site, id).await
    }

    /// The bodies of all experiments of a site, ordered by key.
    pub async fn experiments(&self, site: SiteId) -> Result<Vec<String>, ControlError> {
        self.documents("SELECT body FROM experiments WHERE site_id = ? ORDER BY id", site).await
    }

    /// Upserts an experiment.
    pub async fn put_experiment(&self, site: SiteId, key: &str, body: &str) -> Result<(), ControlError> {
        let upsert = "INSERT INTO experiments (site_id, id, body, updated_at) VALUES (?, ?, ?, ?) \
                      ON CONFLICT (site_id, id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at";
        self.put_document(upsert, site, key, body).await
    }

    /// Removes an experiment and notes when. Returns false if there was none.
    pub async fn delete_experiment(&self, site: SiteId, key: &str) -> Result<bool, ControlError> {
        let note = "INSERT INTO removed_experiments (site_id, id, removed_at) VALUES (?, ?, ?) \
                    ON CONFLICT (site_id, id) DO UPDATE SET removed_at = excluded.removed_at";
        let now = crate::clock::now().0;
        let mut transaction = self.pool.begin().await?;
        sqlx::query(note).bind(site.0).bind(key).bind(now).execute(&mut *transaction).await?;
        let delete = sqlx::query("DELETE FROM experiments WHERE site_id = ? AND id = ?").bind(site.0).bind(key);
        let existed = delete.execute(&mut *transaction).await?.rows_affected() > 0;
        if existed {
            transaction.commit().await?;
        }
        Ok(existed)
    }

    /// When an experiment with this key was last removed.
    pub async fn experiment_removed_at(&self, site: SiteId, key: &str) -> Result<Option<Timestamp>, ControlError> {
        let select = "SELECT removed_at FROM removed_experiments WHERE site_id = ? AND id = ?";
        let at: Option<i64> = sqlx::query_scalar(select).bind(site.0).bind(key).fetch_optional(&self.pool).await?;
        Ok(at.map(Timestamp))
    }

    async fn documents(&self, select: &'static str, site: SiteId) -> Result<Vec<String>, ControlError> {
        Ok(sqlx::query_scalar(select).bind(site.0).fetch_all(&self.pool).await?)
    }

    async fn put_document(&self, upsert: &'static str, site: SiteId, id: &str, body: &str) -> Result<(), ControlError> {
        let now = crate::clock::now().0;
        sqlx::query(upsert).bind(site.0).bind(id).bind(body).bind(now).execute(&self.pool).await?;
        Ok(())
    }

    async fn delete_document(&self, delete: &'static str, site: SiteId, id: &str) -> Result<bool, ControlError> {
        Ok(sqlx::query(delete).bind(site.0).bind(id).execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Merchandising rules: slot and body; the slot is empty for rules of the whole site.
    pub async fn merchandising_rules(&self, site: SiteId) -> Result<Vec<(String, String)>, ControlError> {
        Ok(sqlx::query_as("SELECT slot, body FROM shelf_rules WHERE site_id = ? ORDER BY slot")
            .bind(site.0)
            .fetch_all(&self.pool)
            .await?)
    }

    /// Upserts the merchandising rules of a slot, or of the whole site.
    pub async fn put_merchandising_rules(&self, site: SiteId, slot: &str, body: &str) -> Result<(), ControlError> {
        let upsert = "INSERT INTO shelf_rules (site_id, slot, body, updated_at) VALUES (?, ?, ?, ?) \
                      ON CONFLICT (site_id, slot) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at";
        self.put_document(upsert, site, slot, body).await
    }

    /// Removes the merchandising rules of a slot. Returns false if there were none.
    pub async fn delete_merchandising_rules(&self, site: SiteId, slot: &str) -> Result<bool, ControlError> {
        self.delete_document("DELETE FROM shelf_rules WHERE site_id = ? AND slot = ?", site, slot).await
    }

    /// The settings of a site's slots, by name.
    pub async fn slot_settings(&self, site: SiteId) -> Result<Vec<(String, String)>, ControlError> {
        Ok(sqlx::query_as("SELECT slot, body FROM slot_settings WHERE site_id = ? ORDER BY slot")
            .bind(site.0)
            .fetch_all(&self.pool)
            .await?)
    }

    /// Stores the settings of a slot.
    pub async fn put_slot_settings(&self, site: SiteId, slot: &str, body: &str) -> Result<(), ControlError> {
        let upsert = "INSERT INTO slot_settings (site_id, slot, body, updated_at) VALUES (?, ?, ?, ?) \
                      ON CONFLICT (site_id, slot) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at";
        self.put_document(upsert, site, slot, body).await
    }

    /// The saved funnels of a site, ordered by name.
    pub async fn funnels(&self, site: SiteId) -> Result<Vec<FunnelRow>, ControlError> {
        let rows =
            sqlx::query("SELECT id, name, question, updated_at FROM funnels WHERE site_id = ? ORDER BY name, id")
                .bind(site.0)
                .fetch_all(&self.pool)
                .await?;
        rows.iter()
            .map(|row| {
                Ok(FunnelRow {
                    id: row.try_get("id")?,
                    name: row.try_get("name")?,
                    question: row.try_get("question")?,
                    updated_at: row.try_get("updated_at")?,
                })
            })
            .collect()
    }

    /// Adds a funnel; returns its id.
    pub async fn add_funnel(&self, site: SiteId, name: &str, question: &str) -> Result<i64, ControlError> {
        Ok(sqlx::query_scalar(
            "INSERT INTO funnels (site_id, name, question, updated_at) VALUES (?, ?, ?, ?) RETURNING id",
        )
        .bind(site.0)
        .bind(name)
        .bind(question)
        .bind(crate::clock::now().0)
        .fetch_one(&self.pool)
        .await?)
    }

    /// Changes a funnel. Returns false if the site has none with this id.
    pub async fn update_funnel(&self, site: SiteId, id: i64, name: &str, question: &str) -> Result<bool, ControlError> {
        let result =
            sqlx::query("UPDATE funnels SET name = ?, question = ?, updated_at = ? WHERE site_id = ? AND id = ?")
                .bind(name)
                .bind(question)
                .bind(crate::clock::now().0)
                .bind(site.0)
                .bind(id)
                .execute(&self.pool)
                .await?;
        Ok(result.rows_affected() > 0)
    }

    /// Removes a funnel. Returns false if there was none.
    pub async fn delete_funnel(&self, site: SiteId, id: i64) -> Result<bool, ControlError> {
        let result = sqlx::query("DELETE FROM funnels WHERE site_id = ? AND id = ?")
            .bind(site.0)
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected() > 0)
    }
}
