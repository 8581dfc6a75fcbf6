//! Login sessions of users.

use sqlx::{Row, sqlite::SqliteRow};

use super::{Control, ControlError, UserRow, read_user};
use crate::model::Timestamp;

/// Maximum login sessions per user; beyond it the least recently used one ends.
const LOGINS_MAX: u32 = 100;

/// A login session, without its secret.
#[derive(Debug, Clone)]
pub struct LoginRow {
    /// Id.
    pub id: i64,
    /// Time of the login.
    pub created_at: Timestamp,
    /// Time of last use.
    pub last_seen_at: Timestamp,
    /// Time at which it expires.
    pub expires_at: Timestamp,
    /// User agent of the browser.
    pub user_agent: String,
    /// Network of the client.
    pub network: String,
}

/// A login session to create.
#[derive(Debug)]
pub struct NewLogin<'a> {
    /// Hash of its secret.
    pub token_hash: &'a str,
    /// The user.
    pub user: i64,
    /// Time at which it expires.
    pub expires_at: Timestamp,
    /// User agent of the browser.
    pub user_agent: &'a str,
    /// Network of the client.
    pub network: &'a str,
}

impl Control {
    /// Creates a login session and deletes expired ones.
    pub async fn add_login(&self, new: &NewLogin<'_>, now: Timestamp) -> Result<i64, ControlError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM logins WHERE expires_at <= ?").bind(now.0).execute(&mut *transaction).await?;
        let id = sqlx::query_scalar(
            "INSERT INTO logins (token_hash, user_id, created_at, last_seen_at, expires_at, user_agent, network) \
             VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6) RETURNING id",
        )
        .bind(new.token_hash)
        .bind(new.user)
        .bind(now.0)
        .bind(new.expires_at.0)
        .bind(new.user_agent)
        .bind(new.network)
        .fetch_one(&mut *transaction)
        .await?;
        sqlx::query(
            "DELETE FROM logins WHERE user_id = ?1 AND id != ?2 AND id NOT IN \
             (SELECT id FROM logins WHERE user_id = ?1 ORDER BY last_seen_at DESC, id DESC LIMIT ?3)",
        )
        .bind(new.user)
        .bind(id)
        .bind(LOGINS_MAX)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("UPDATE users SET last_login_at = ? WHERE id = ?")
            .bind(now.0)
            .bind(new.user)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// The user and id of a login session, unless expired.
    pub async fn user_of_login(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<(UserRow, i64)>, ControlError> {
        let row = sqlx::query(super::select(
            ", logins.id AS login_id FROM logins JOIN users ON users.id = logins.user_id \
             WHERE token_hash = ? AND expires_at > ?",
        ))
        .bind(token_hash)
        .bind(now.0)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| Ok((read_user(&row)?, row.try_get("login_id")?))).transpose()
    }

    /// Login sessions of a user, the last used first.
    pub async fn logins(&self, user: i64, now: Timestamp) -> Result<Vec<LoginRow>, ControlError> {
        let rows = sqlx::query(
            "SELECT * FROM logins WHERE user_id = ? AND expires_at > ? ORDER BY last_seen_at DESC, id DESC",
        )
        .bind(user)
        .bind(now.0)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_row).collect()
    }

    /// Records when login sessions were last used.
    pub async fn note_logins_seen(&self, seen: &[(i64, Timestamp)]) -> Result<(), ControlError> {
        let mut transaction = self.pool.begin().await?;
        for (login, at) in seen {
            sqlx::query("UPDATE logins SET last_seen_at = max(last_seen_at, ?) WHERE id = ?")
                .bind(at.0)
                .bind(login)
                .execute(&mut *transaction)
                .await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Ends the login session with this secret; returns its user.
    pub async fn end_login(&self, token_hash: &str) -> Result<Option<i64>, ControlError> {
        let ended = sqlx::query_scalar("DELETE FROM logins WHERE token_hash = ? RETURNING user_id")
            .bind(token_hash)
            .fetch_optional(&self.pool)
            .await?;
        Ok(ended)
    }

    /// Ends a login session of a user. Returns false if there is none with this id.
    pub async fn end_login_of(&self, user: i64, login: i64) -> Result<bool, ControlError> {
        let result = sqlx::query("DELETE FROM logins WHERE id = ? AND user_id = ?")
            .bind(login)
            .bind(user)
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected() > 0)
    }

    /// Ends all login sessions of a user except `keep`; returns their number.
    pub async fn end_logins(&self, user: i64, keep: Option<i64>) -> Result<u64, ControlError> {
        let result = sqlx::query("DELETE FROM logins WHERE user_id = ? AND id IS NOT ?")
            .bind(user)
            .bind(keep)
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected())
    }
}

fn read_row(row: &SqliteRow) -> Result<LoginRow, ControlError> {
    Ok(LoginRow {
        id: row.try_get("id")?,
        created_at: Timestamp(row.try_get("created_at")?),
        last_seen_at: Timestamp(row.try_get("last_seen_at")?),
        expires_at: Timestamp(row.try_get("expires_at")?),
        user_agent: row.try_get("user_agent")?,
        network: row.try_get("network")?,
    })
}
