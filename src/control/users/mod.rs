//! Users, their login sessions, and API keys. Secrets are hashed by the caller.

mod invitations;
mod keys;
mod logins;
mod two_factor;

use std::sync::Arc;

pub use invitations::{InvitationRow, NewInvitation};
pub use keys::{KeyRow, NewKey};
pub use logins::{LoginRow, NewLogin};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
pub use two_factor::TwoFactor;

use super::{Control, ControlError};
pub use crate::model::{Role, Scope};
use crate::model::{SiteId, Timestamp};

/// Role of a user, their sites, and data masking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Role.
    pub role: Role,
    /// The sites they have access to; `None` for all. An owner always has access to all.
    pub sites: Option<Arc<[SiteId]>>,
    /// Whether personal data of visitors is masked in all responses to them.
    pub masked: bool,
}

impl Membership {
    /// Access to all sites, without masking.
    #[must_use]
    pub const fn with_all_sites(role: Role) -> Self {
        Self { role, sites: None, masked: false }
    }

    /// Whether they have access to the site.
    #[must_use]
    pub fn has(&self, site: SiteId) -> bool {
        self.sites.as_ref().is_none_or(|sites| sites.contains(&site))
    }
}

/// A user.
#[derive(Clone)]
pub struct UserRow {
    /// Id.
    pub id: i64,
    /// E-mail address, the login name.
    pub email: String,
    /// Role, sites and masking.
    pub membership: Membership,
    /// Argon2 hash in PHC format.
    pub password_hash: String,
    /// Time of creation of the account.
    pub created_at: Timestamp,
    /// Time of the last login.
    pub last_login_at: Option<Timestamp>,
    /// Whether two-factor authentication is on.
    pub two_factor: bool,
    /// Unused recovery codes.
    pub recovery_codes_left: u32,
}

impl std::fmt::Debug for UserRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRow").field("id", &self.id).field("membership", &self.membership).finish_non_exhaustive()
    }
}

/// Result of a change of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserChange {
    /// Success.
    Done,
    /// There is no such user.
    Missing,
    /// Rejected: no owner would be left.
    LastOwner,
}

/// The columns of a [`UserRow`].
const USER: &str = "users.*, \
    (SELECT group_concat(site_id) FROM user_sites WHERE user_id = users.id) AS site_ids, \
    (SELECT count(*) FROM recovery_codes WHERE user_id = users.id) AS recovery_codes_left";

impl Control {
    /// Number of users; with none, the first-run setup is open.
    pub async fn users_count(&self) -> Result<i64, ControlError> {
        Ok(sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&self.pool).await?)
    }

    /// Every user, oldest first.
    pub async fn users(&self) -> Result<Vec<UserRow>, ControlError> {
        let rows = sqlx::query(select("FROM users ORDER BY id")).fetch_all(&self.pool).await?;
        rows.iter().map(read_user).collect()
    }

    /// Adds a user.
    pub async fn add_user(
        &self,
        email: &str,
        membership: &Membership,
        password_hash: &str,
    ) -> Result<i64, ControlError> {
        let mut transaction = self.pool.begin().await?;
        let id = insert_user(&mut transaction, email, membership, password_hash).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Adds the first user, as owner. `None` if there is a user already.
    pub async fn add_first_user(&self, email: &str, password_hash: &str) -> Result<Option<i64>, ControlError> {
        Ok(sqlx::query_scalar(
            "INSERT INTO users (email, email_key, role, password_hash, created_at) \
             SELECT ?, ?, 'owner', ?, ? WHERE NOT EXISTS (SELECT 1 FROM users) RETURNING id",
        )
        .bind(email)
        .bind(email_key(email))
        .bind(password_hash)
        .bind(crate::clock::now().0)
        .fetch_optional(&self.pool)
        .await?)
    }

    /// The user with this e-mail address, case-insensitive in every script.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<UserRow>, ControlError> {
        let row = sqlx::query(select("FROM users WHERE email_key = ?"))
            .bind(email_key(email))
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read_user).transpose()
    }

    /// The user with this id.
    pub async fn user(&self, id: i64) -> Result<Option<UserRow>, ControlError> {
        let row = sqlx::query(select("FROM users WHERE id = ?")).bind(id).fetch_optional(&self.pool).await?;
        row.as_ref().map(read_user).transpose()
    }

    /// Changes a user's role and sites, in one transaction, so that concurrent changes always leave an owner.
    pub async fn change_user(&self, id: i64, membership: &Membership) -> Result<UserChange, ControlError> {
        let mut transaction = self.pool.begin().await?;
        let result = sqlx::query(
            "UPDATE users SET role = ?2, all_sites = ?3, masked = ?4 WHERE id = ?1 AND (?2 = 'owner' \
             OR role != 'owner' OR (SELECT count(*) FROM users WHERE role = 'owner') > 1)",
        )
        .bind(id)
        .bind(membership.role.as_str())
        .bind(membership.sites.is_none())
        .bind(membership.masked)
        .execute(&mut *transaction)
        .await?;
        if result.rows_affected() == 0 {
            return rejection_reason(&mut transaction, id).await;
        }
        sqlx::query("DELETE FROM user_sites WHERE user_id = ?").bind(id).execute(&mut *transaction).await?;
        insert_sites(&mut transaction, id, membership).await?;
        transaction.commit().await?;
        Ok(UserChange::Done)
    }

    /// Removes a user and their login sessions, unless no owner would be left.
    pub async fn remove_user(&self, id: i64) -> Result<UserChange, ControlError> {
        let mut transaction = self.pool.begin().await?;
        let result = sqlx::query(
            "DELETE FROM users WHERE id = ? AND (role != 'owner' \
             OR (SELECT count(*) FROM users WHERE role = 'owner') > 1)",
        )
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        if result.rows_affected() == 0 {
            return rejection_reason(&mut transaction, id).await;
        }
        transaction.commit().await?;
        Ok(UserChange::Done)
    }

    /// Replaces a user's password and ends their login sessions except `keep`. Returns false if there is no such user.
    pub async fn put_password(&self, id: i64, password_hash: &str, keep: Option<i64>) -> Result<bool, ControlError> {
        let mut transaction = self.pool.begin().await?;
        let result = sqlx::query("UPDATE users SET password_hash = ? WHERE id = ?")
            .bind(password_hash)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM logins WHERE user_id = ? AND id IS NOT ?")
            .bind(id)
            .bind(keep)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(result.rows_affected() > 0)
    }

    /// Completes the case folding of addresses, which SQLite's migration could not do for all scripts.
    pub(super) async fn fold_email_keys(&self) -> Result<(), ControlError> {
        let rows: Vec<(i64, String, String)> =
            sqlx::query_as("SELECT id, email, email_key FROM users").fetch_all(&self.pool).await?;
        for (id, email, key) in rows.into_iter().filter(|(_, email, key)| email_key(email) != *key) {
            let folded = sqlx::query("UPDATE OR IGNORE users SET email_key = ? WHERE id = ?")
                .bind(email_key(&email))
                .bind(id)
                .execute(&self.pool)
                .await?;
            if folded.rows_affected() == 0 {
                tracing::warn!(user = id, %key, "two users differ by letter case alone; remove one of them");
            }
        }
        Ok(())
    }
}

/// `SELECT` with the columns of a [`UserRow`].
fn select(rest: &'static str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(["SELECT ", USER, " ", rest].concat())
}

/// Normalizes an e-mail address for comparison: trimmed, and case-folded in every script (to uppercase and back, so
/// that letters with several lowercase forms become equal).
#[must_use]
pub fn email_key(email: &str) -> String {
    email.trim().to_lowercase().to_uppercase().to_lowercase()
}

async fn rejection_reason(connection: &mut SqliteConnection, id: i64) -> Result<UserChange, ControlError> {
    let existing: Option<i64> =
        sqlx::query_scalar("SELECT id FROM users WHERE id = ?").bind(id).fetch_optional(connection).await?;
    Ok(if existing.is_some() { UserChange::LastOwner } else { UserChange::Missing })
}

async fn insert_user(
    connection: &mut SqliteConnection,
    email: &str,
    membership: &Membership,
    password_hash: &str,
) -> Result<i64, ControlError> {
    let id = sqlx::query_scalar(
        "INSERT INTO users (email, email_key, role, all_sites, masked, password_hash, created_at) \
         VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(email)
    .bind(email_key(email))
    .bind(membership.role.as_str())
    .bind(membership.sites.is_none())
    .bind(membership.masked)
    .bind(password_hash)
    .bind(crate::clock::now().0)
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| ControlError::from_unique_violation(e, "a user with that e-mail address"))?;
    insert_sites(connection, id, membership).await?;
    Ok(id)
}

async fn insert_sites(
    connection: &mut SqliteConnection,
    user: i64,
    membership: &Membership,
) -> Result<(), ControlError> {
    for site in membership.sites.iter().flat_map(|sites| sites.iter()) {
        sqlx::query("INSERT OR IGNORE INTO user_sites (user_id, site_id) VALUES (?, ?)")
            .bind(user)
            .bind(site.0)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn read_user(row: &SqliteRow) -> Result<UserRow, ControlError> {
    Ok(UserRow {
        id: row.try_get("id")?,
        email: row.try_get("email")?,
        membership: read_membership(row)?,
        password_hash: row.try_get("password_hash")?,
        created_at: Timestamp(row.try_get("created_at")?),
        last_login_at: row.try_get::<Option<i64>, _>("last_login_at")?.map(Timestamp),
        two_factor: row.try_get::<Option<String>, _>("totp_secret")?.is_some(),
        recovery_codes_left: row.try_get("recovery_codes_left")?,
    })
}

/// Reads role, sites and masking of a user or invitation.
fn read_membership(row: &SqliteRow) -> Result<Membership, ControlError> {
    let role: String = row.try_get("role")?;
    let listed: Option<String> = row.try_get("site_ids")?;
    let ids = listed.iter().flat_map(|text| text.split(',')).filter_map(|id| id.parse().ok().map(SiteId));
    Ok(Membership {
        role: Role::from_name(&role).ok_or_else(|| ControlError::unreadable("user", role))?,
        sites: if row.try_get("all_sites")? { None } else { Some(ids.collect()) },
        masked: row.try_get("masked")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_case_insensitively_in_every_script() {
        for (a, b) in [
            ("Owner@Shop.example", "owner@shop.example"),
            ("ÄNNE@shop.example", "änne@shop.example"),
            ("ΟΔΥΣΣΕΥΣ@shop.example", "οδυσσευς@shop.example"),
            ("STRASSE@shop.example", "straße@shop.example"),
            (" a@b.example ", "A@B.EXAMPLE"),
        ] {
            assert_eq!(email_key(a), email_key(b), "{a} {b}");
        }
        assert_ne!(email_key("a@b.example"), email_key("á@b.example"));
    }
}
