//! Users, their logins, and the keys of programs. Secrets arrive here already hashed.

use sqlx::{Row, sqlite::SqliteRow};

use super::{Control, ControlError};
use crate::model::{SiteId, Timestamp};

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads reports.
    Viewer,
    /// Also edits funnels, items and offers.
    Marketer,
    /// Also adds sites and people.
    Owner,
}

/// What a program's key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Reads reports and metrics.
    Read,
    /// Also speaks for visitors: verified user ids, full explanations.
    Server,
    /// Also edits.
    Admin,
}

macro_rules! words {
    ($type:ident, $($variant:ident = $word:literal),+) => {
        impl $type {
            /// The word it is stored and shown as.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads the word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}
words!(Role, Viewer = "viewer", Marketer = "marketer", Owner = "owner");
words!(Scope, Read = "read", Server = "server", Admin = "admin");

/// A user, without the password.
#[derive(Debug, Clone)]
pub struct UserRow {
    /// Number.
    pub id: i64,
    /// E-mail address, the login name.
    pub email: String,
    /// Role.
    pub role: Role,
    /// Argon2 hash in PHC form.
    pub password_hash: String,
}

/// A program's key, without the key.
#[derive(Debug, Clone)]
pub struct KeyRow {
    /// Number.
    pub id: i64,
    /// The site it opens.
    pub site: SiteId,
    /// What it may do.
    pub scope: Scope,
    /// Its first characters.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Control {
    /// How many users there are; none means the first-run set-up is open.
    pub async fn users_count(&self) -> Result<i64, ControlError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&self.pool).await?)
    }

    /// Adds a user.
    pub async fn add_user(&self, email: &str, role: Role, password_hash: &str) -> Result<i64, ControlError> {
        sqlx::query_scalar(
            "INSERT INTO users (email, role, password_hash, created_at) VALUES (?, ?, ?, ?) RETURNING id",
        )
        .bind(email)
        .bind(role.as_str())
        .bind(password_hash)
        .bind(crate::clock::now().0)
        .fetch_one(&self.pool)
        .await
        .map_err(|e| ControlError::taken(e, "a user with that e-mail address"))
    }

    /// Adds the very first user, as owner. `None` when somebody was first.
    pub async fn add_first_user(&self, email: &str, password_hash: &str) -> Result<Option<i64>, ControlError> {
        Ok(sqlx::query_scalar(
            "INSERT INTO users (email, role, password_hash, created_at) \
             SELECT ?, 'owner', ?, ? WHERE NOT EXISTS (SELECT 1 FROM users) RETURNING id",
        )
        .bind(email)
        .bind(password_hash)
        .bind(crate::clock::now().0)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// The user with this e-mail address, any case.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<UserRow>, ControlError> {
        let row = sqlx::query("SELECT * FROM users WHERE email = ?").bind(email).fetch_optional(&self.pool).await?;
        row.as_ref().map(read_user).transpose()
    }

    /// Opens a login until `expires_at`; forgets expired ones.
    pub async fn add_login(&self, token_hash: &str, user: i64, expires_at: Timestamp) -> Result<(), ControlError> {
        sqlx::query("DELETE FROM logins WHERE expires_at <= ?").bind(crate::clock::now().0).execute(&self.pool).await?;
        sqlx::query("INSERT INTO logins (token_hash, user_id, expires_at) VALUES (?, ?, ?)")
            .bind(token_hash)
            .bind(user)
            .bind(expires_at.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Whose login this is, if it still holds.
    pub async fn user_of_login(&self, token_hash: &str, now: Timestamp) -> Result<Option<UserRow>, ControlError> {
        let row = sqlx::query(
            "SELECT users.* FROM logins JOIN users ON users.id = logins.user_id WHERE token_hash = ? AND expires_at > ?",
        )
        .bind(token_hash)
        .bind(now.0)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(read_user).transpose()
    }

    /// Ends a login.
    pub async fn end_login(&self, token_hash: &str) -> Result<(), ControlError> {
        sqlx::query("DELETE FROM logins WHERE token_hash = ?").bind(token_hash).execute(&self.pool).await?;
        Ok(())
    }

    /// Adds a program's key.
    pub async fn add_key(&self, site: SiteId, scope: Scope, key_hash: &str, hint: &str) -> Result<i64, ControlError> {
        Ok(sqlx::query_scalar(
            "INSERT INTO keys (site_id, scope, key_hash, hint, created_at) VALUES (?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(site.0)
        .bind(scope.as_str())
        .bind(key_hash)
        .bind(hint)
        .bind(crate::clock::now().0)
        .fetch_one(&self.pool)
        .await?)
    }

    /// What the key with this hash opens.
    pub async fn key_by_hash(&self, key_hash: &str) -> Result<Option<KeyRow>, ControlError> {
        let row =
            sqlx::query("SELECT * FROM keys WHERE key_hash = ?").bind(key_hash).fetch_optional(&self.pool).await?;
        row.as_ref()
            .map(|row| {
                let scope: String = row.try_get("scope")?;
                Ok(KeyRow {
                    id: row.try_get("id")?,
                    site: SiteId(row.try_get("site_id")?),
                    scope: Scope::from_word(&scope).ok_or_else(|| ControlError::unreadable("key", scope))?,
                    hint: row.try_get("hint")?,
                    created_at: Timestamp(row.try_get("created_at")?),
                })
            })
            .transpose()
    }
}

fn read_user(row: &SqliteRow) -> Result<UserRow, ControlError> {
    let role: String = row.try_get("role")?;
    Ok(UserRow {
        id: row.try_get("id")?,
        email: row.try_get("email")?,
        role: Role::from_word(&role).ok_or_else(|| ControlError::unreadable("user", role))?,
        password_hash: row.try_get("password_hash")?,
    })
}
