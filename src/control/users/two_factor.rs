//! Two-factor authentication: the TOTP secret and recovery codes.

use sqlx::Row;

use super::{Control, ControlError};

/// Two-factor state of a user.
#[derive(Clone, Default)]
pub struct TwoFactor {
    /// The active TOTP secret, base32; `None` if two-factor authentication is off.
    pub secret: Option<String>,
    /// A secret that was shown and not confirmed by a code yet.
    pub pending: Option<String>,
}

impl std::fmt::Debug for TwoFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TwoFactor").field("on", &self.secret.is_some()).finish_non_exhaustive()
    }
}

impl Control {
    /// The two-factor state of a user.
    pub async fn two_factor(&self, user: i64) -> Result<TwoFactor, ControlError> {
        let row = sqlx::query("SELECT totp_secret, totp_pending FROM users WHERE id = ?")
            .bind(user)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(TwoFactor::default()) };
        Ok(TwoFactor { secret: row.try_get("totp_secret")?, pending: row.try_get("totp_pending")? })
    }

    /// Stores a pending secret, which becomes active once a code confirms it.
    pub async fn begin_two_factor(&self, user: i64, secret: &str) -> Result<bool, ControlError> {
        let result = sqlx::query("UPDATE users SET totp_pending = ? WHERE id = ? AND totp_secret IS NULL")
            .bind(secret)
            .bind(user)
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected() > 0)
    }

    /// Activates the pending secret. Returns false if another secret is pending by now.
    pub async fn confirm_two_factor(
        &self,
        user: i64,
        secret: &str,
        step: u64,
        code_hashes: &[String],
    ) -> Result<bool, ControlError> {
        let mut transaction = self.pool.begin().await?;
        let result = sqlx::query(
            "UPDATE users SET totp_secret = totp_pending, totp_pending = NULL, totp_last_step = ?3 \
             WHERE id = ?1 AND totp_pending = ?2 AND totp_secret IS NULL",
        )
        .bind(user)
        .bind(secret)
        .bind(i64::try_from(step).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
        if result.rows_affected() == 0 {
            return Ok(false);
        }
        insert_codes(&mut transaction, user, code_hashes).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Turns two-factor authentication off. Returns false if it was off.
    pub async fn end_two_factor(&self, user: i64) -> Result<bool, ControlError> {
        let mut transaction = self.pool.begin().await?;
        let result = sqlx::query(
            "UPDATE users SET totp_secret = NULL, totp_pending = NULL WHERE id = ? \
             AND (totp_secret IS NOT NULL OR totp_pending IS NOT NULL)",
        )
        .bind(user)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM recovery_codes WHERE user_id = ?").bind(user).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(result.rows_affected() > 0)
    }

    /// Consumes the code of a time step. Returns false if this or a later step was used before.
    pub async fn use_step(&self, user: i64, step: u64) -> Result<bool, ControlError> {
        let result = sqlx::query("UPDATE users SET totp_last_step = ?2 WHERE id = ?1 AND totp_last_step < ?2")
            .bind(user)
            .bind(i64::try_from(step).unwrap_or(i64::MAX))
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected() > 0)
    }

    /// Consumes a recovery code. Returns false if the user has no such code.
    pub async fn use_recovery_code(&self, user: i64, code_hash: &str) -> Result<bool, ControlError> {
        let result = sqlx::query("DELETE FROM recovery_codes WHERE user_id = ? AND code_hash = ?")
            .bind(user)
            .bind(code_hash)
            .execute(&self.pool)
            .await?;
        Ok(result.rows_affected() > 0)
    }

    /// Replaces a user's recovery codes.
    pub async fn put_recovery_codes(&self, user: i64, code_hashes: &[String]) -> Result<(), ControlError> {
        let mut transaction = self.pool.begin().await?;
        insert_codes(&mut transaction, user, code_hashes).await?;
        Ok(transaction.commit().await?)
    }
}

async fn insert_codes(
    connection: &mut sqlx::SqliteConnection,
    user: i64,
    code_hashes: &[String],
) -> Result<(), ControlError> {
    sqlx::query("DELETE FROM recovery_codes WHERE user_id = ?").bind(user).execute(&mut *connection).await?;
    for hash in code_hashes {
        sqlx::query("INSERT INTO recovery_codes (user_id, code_hash) VALUES (?, ?)")
            .bind(user)
            .bind(hash)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
