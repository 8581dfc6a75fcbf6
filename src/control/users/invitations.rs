//! Invitations: single-use links that create an account.

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{Control, ControlError, Membership, email_key, insert_user, read_membership};
use crate::model::Timestamp;

/// A pending invitation, without its secret.
#[derive(Debug, Clone)]
pub struct InvitationRow {
    /// Id.
    pub id: i64,
    /// Address of the invited user.
    pub email: String,
    /// Their future role and sites.
    pub membership: Membership,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time at which the link expires.
    pub expires_at: Timestamp,
}

/// An invitation to create.
#[derive(Debug)]
pub struct NewInvitation<'a> {
    /// Address of the invited user.
    pub email: &'a str,
    /// Their future role and sites.
    pub membership: &'a Membership,
    /// Hash of the link's secret.
    pub token_hash: &'a str,
    /// Time at which the link expires.
    pub expires_at: Timestamp,
}

const INVITATION: &str = "SELECT invitations.*, \
    (SELECT group_concat(site_id) FROM invitation_sites WHERE invitation_id = invitations.id) AS site_ids \
    FROM invitations";

fn select(rest: &'static str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe([INVITATION, " ", rest].concat())
}

impl Control {
    /// Adds an invitation, replacing an earlier one for the same address; fails if the address has an account.
    pub async fn add_invitation(&self, new: &NewInvitation<'_>, now: Timestamp) -> Result<i64, ControlError> {
        let key = email_key(new.email);
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM invitations WHERE email_key = ? OR expires_at <= ?")
            .bind(&key)
            .bind(now.0)
            .execute(&mut *transaction)
            .await?;
        let id: Option<i64> = sqlx::query_scalar(
            "INSERT INTO invitations (email, email_key, role, all_sites, masked, token_hash, created_at, expires_at) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 \
             WHERE NOT EXISTS (SELECT 1 FROM users WHERE email_key = ?2) RETURNING id",
        )
        .bind(new.email)
        .bind(&key)
        .bind(new.membership.role.as_str())
        .bind(new.membership.sites.is_none())
        .bind(new.membership.masked)
        .bind(new.token_hash)
        .bind(now.0)
        .bind(new.expires_at.0)
        .fetch_optional(&mut *transaction)
        .await?;
        let id = id.ok_or(ControlError::AlreadyExists("a user with that e-mail address"))?;
        for site in new.membership.sites.iter().flat_map(|sites| sites.iter()) {
            sqlx::query("INSERT OR IGNORE INTO invitation_sites (invitation_id, site_id) VALUES (?, ?)")
                .bind(id)
                .bind(site.0)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(id)
    }

    /// Invitations that have not expired, oldest first.
    pub async fn invitations(&self, now: Timestamp) -> Result<Vec<InvitationRow>, ControlError> {
        let rows = sqlx::query(select("WHERE expires_at > ? ORDER BY id")).bind(now.0).fetch_all(&self.pool).await?;
        rows.iter().map(read_row).collect()
    }

    /// The invitation of this link, unless expired.
    pub async fn invitation(&self, token_hash: &str, now: Timestamp) -> Result<Option<InvitationRow>, ControlError> {
        find(&mut *self.pool.acquire().await?, token_hash, now).await
    }

    /// Revokes an invitation; returns its address.
    pub async fn remove_invitation(&self, id: i64) -> Result<Option<String>, ControlError> {
        Ok(sqlx::query_scalar("DELETE FROM invitations WHERE id = ? RETURNING email")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// Creates the account of an invitation and deletes the invitation, so that its link works only once.
    pub async fn accept_invitation(
        &self,
        token_hash: &str,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<Option<i64>, ControlError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let Some(invitation) = find(&mut transaction, token_hash, now).await? else { return Ok(None) };
        sqlx::query("DELETE FROM invitations WHERE id = ?").bind(invitation.id).execute(&mut *transaction).await?;
        let user = insert_user(&mut transaction, &invitation.email, &invitation.membership, password_hash).await?;
        transaction.commit().await?;
        Ok(Some(user))
    }
}

async fn find(
    connection: &mut SqliteConnection,
    token_hash: &str,
    now: Timestamp,
) -> Result<Option<InvitationRow>, ControlError> {
    let row = sqlx::query(select("WHERE token_hash = ? AND expires_at > ?"))
        .bind(token_hash)
        .bind(now.0)
        .fetch_optional(connection)
        .await?;
    row.as_ref().map(read_row).transpose()
}

fn read_row(row: &SqliteRow) -> Result<InvitationRow, ControlError> {
    Ok(InvitationRow {
        id: row.try_get("id")?,
        email: row.try_get("email")?,
        membership: read_membership(row)?,
        created_at: Timestamp(row.try_get("created_at")?),
        expires_at: Timestamp(row.try_get("expires_at")?),
    })
}
