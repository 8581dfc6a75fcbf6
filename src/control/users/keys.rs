//! API keys.

use sqlx::{Row, sqlite::SqliteRow};

use super::{Control, ControlError, Scope};
use crate::model::{SiteId, Timestamp};

/// An API key, without the secret.
#[derive(Debug, Clone)]
pub struct KeyRow {
    /// Id.
    pub id: i64,
    /// The site it gives access to.
    pub site: SiteId,
    /// Its permissions.
    pub scope: Scope,
    /// Description by its owner; may be empty.
    pub name: String,
    /// Its first characters.
    pub hint: String,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of last use, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Time at which it expires.
    pub expires_at: Option<Timestamp>,
}

/// An API key to create.
#[derive(Debug)]
pub struct NewKey<'a> {
    /// The site it gives access to.
    pub site: SiteId,
    /// Its permissions.
    pub scope: Scope,
    /// Description.
    pub name: &'a str,
    /// Hash of the key.
    pub key_hash: &'a str,
    /// Its first characters.
    pub hint: &'a str,
    /// Time at which it expires.
    pub expires_at: Option<Timestamp>,
}

impl Control {
    /// Adds an API key.
    pub async fn add_key(&self, new: &NewKey<'_>) -> Result<KeyRow, ControlError> {
        let row = sqlx::query(
            "INSERT INTO keys (site_id, scope, name, key_hash, hint, created_at, expires_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *",
        )
        .bind(new.site.0)
        .bind(new.scope.as_str())
        .bind(new.name)
        .bind(new.key_hash)
        .bind(new.hint)
        .bind(crate::clock::now().0)
        .bind(new.expires_at.map(|at| at.0))
        .fetch_one(&self.pool)
        .await?;
        read_row(&row)
    }

    /// All API keys of all sites, each with its hash.
    pub async fn keys(&self) -> Result<Vec<(String, KeyRow)>, ControlError> {
        let rows = sqlx::query("SELECT * FROM keys ORDER BY id").fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("key_hash")?, read_row(row)?))).collect()
    }

    /// Removes an API key of a site. Returns false if there is none with this id.
    pub async fn remove_key(&self, site: SiteId, key: i64) -> Result<bool, ControlError> {
        let result = sqlx::query("DELETE FROM keys WHERE id = ? AND site_id = ?")
            .bind(key)
            .bind(site.0)
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected() > 0)
    }

    /// Records when keys were last used.
    pub async fn note_keys_used(&self, used: &[(i64, Timestamp)]) -> Result<(), ControlError> {
        let mut transaction = self.pool.begin().await?;
        for (key, at) in used {
            sqlx::query("UPDATE keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?")
                .bind(at.0)
                .bind(key)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }
}

fn read_row(row: &SqliteRow) -> Result<KeyRow, ControlError> {
    let scope: String = row.try_get("scope")?;
    Ok(KeyRow {
        id: row.try_get("id")?,
        site: SiteId(row.try_get("site_id")?),
        scope: Scope::from_name(&scope).ok_or_else(|| ControlError::unreadable("key", scope))?,
        name: row.try_get("name")?,
        hint: row.try_get("hint")?,
        created_at: Timestamp(row.try_get("created_at")?),
        last_used_at: row.try_get::<Option<i64>, _>("last_used_at")?.map(Timestamp),
        expires_at: row.try_get::<Option<i64>, _>("expires_at")?.map(Timestamp),
    })
}
