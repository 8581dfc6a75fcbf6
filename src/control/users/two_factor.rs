//! The second factor: a secret for codes that change with time, and recovery codes for when it is lost.

use sqlx::Row;

use super::{Control, ControlError};

/// A user's second factor as stored.
#[derive(Clone, Default)]
pub struct TwoFactor {
    /// The secret in use, base32; `None` when the second factor is off.
    pub secret: Option<String>,
    /// A secret that was shown and waits for the first code.
    pub pending: Option<String>,
}

impl std::fmt::Debug for TwoFactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TwoFactor").field("on", &self.secret.is_some()).finish_non_exhaustive()
    }
}

impl Control {
    /// A user's second factor.
    pub async fn two_factor(&self, user: i64) -> Result<TwoFactor, ControlError> {
        let row = sqlx::query("SELECT totp_secret, totp_pending FROM users WHERE id = ?")
            .bind(user)
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(TwoFactor::default()) };
        Ok(TwoFactor { secret: row.try_get("totp_secret")?, pending: row.try_get("totp_pending")? })
    }

    /// Notes a secret that was shown; it is asked for once a code of it was given.
    pub async fn begin_two_factor(&self, user: i64, secret: &str) -> Result<bool, ControlError> {
        let done = sqlx::query("UPDATE users SET totp_pending = ? WHERE id = ? AND totp_secret IS NULL")
            .bind(secret)
            .bind(user)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Turns the second factor on with the secret that waited. False when another secret waits by now.
    pub async fn confirm_two_factor(
        &self,
        user: i64,
        secret: &str,
        step: u64,
        code_hashes: &[String],
    ) -> Result<bool, ControlError> {
        let mut transaction = self.pool.begin().await?;
        let done = sqlx::query(
            "UPDATE users SET totp_secret = totp_pending, totp_pending = NULL, totp_last_step = ?3 \
             WHERE id = ?1 AND totp_pending = ?2 AND totp_secret IS NULL",
        )
        .bind(user)
        .bind(secret)
        .bind(i64::try_from(step).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        put_codes(&mut transaction, user, code_hashes).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Turns the second factor off. False when it was off.
    pub async fn end_two_factor(&self, user: i64) -> Result<bool, ControlError> {
        let mut transaction = self.pool.begin().await?;
        let done = sqlx::query(
            "UPDATE users SET totp_secret = NULL, totp_pending = NULL WHERE id = ? \
             AND (totp_secret IS NOT NULL OR totp_pending IS NOT NULL)",
        )
        .bind(user)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM recovery_codes WHERE user_id = ?").bind(user).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Uses up the code of a time step. False when it, or a later one, was used before.
    pub async fn use_step(&self, user: i64, step: u64) -> Result<bool, ControlError> {
        let done = sqlx::query("UPDATE users SET totp_last_step = ?2 WHERE id = ?1 AND totp_last_step < ?2")
            .bind(user)
            .bind(i64::try_from(step).unwrap_or(i64::MAX))
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Uses up a recovery code. False when the user has no such code any more.
    pub async fn use_recovery_code(&self, user: i64, code_hash: &str) -> Result<bool, ControlError> {
        let done = sqlx::query("DELETE FROM recovery_codes WHERE user_id = ? AND code_hash = ?")
            .bind(user)
            .bind(code_hash)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Replaces a user's recovery codes.
    pub async fn put_recovery_codes(&self, user: i64, code_hashes: &[String]) -> Result<(), ControlError> {
        let mut transaction = self.pool.begin().await?;
        put_codes(&mut transaction, user, code_hashes).await?;
        Ok(transaction.commit().await?)
    }
}

async fn put_codes(
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
