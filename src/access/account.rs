//! What users change of their own account: the password and the second factor.

use secrecy::{ExposeSecret, SecretString};

use super::{Access, AccessError, codes};
use crate::{clock, control::UserRow};

/// A new secret for an authenticator, shown once.
#[derive(Clone)]
pub struct TwoFactorSecret {
    /// Base32.
    pub secret: String,
    /// The same as an address for a QR code.
    pub address: String,
}

const ALREADY_ON: AccessError = AccessError::Conflict("the second factor is on already; turn it off first");

impl Access {
    /// Changes a user's own password and ends their other logins.
    pub async fn change_password(
        &self,
        user: &UserRow,
        login: i64,
        current: &SecretString,
        new: &SecretString,
    ) -> Result<(), AccessError> {
        self.confirm(user, current, None).await?;
        let hashed = self.hash_password(new, &user.email).await?;
        self.control.put_password(user.id, &hashed, Some(login)).await?;
        self.audit(&user.email, "change password", "").await
    }

    /// Begins a second factor: nothing is asked for until a code of the new secret was given.
    pub async fn begin_two_factor(
        &self,
        user: &UserRow,
        password: &SecretString,
    ) -> Result<TwoFactorSecret, AccessError> {
        self.confirm(user, password, None).await?;
        let secret = codes::new_secret();
        let address = codes::address(&secret, &user.email)
            .ok_or(AccessError::Unusable("an authenticator cannot show this e-mail address"))?;
        if !self.control.begin_two_factor(user.id, &secret).await? {
            return Err(ALREADY_ON);
        }
        Ok(TwoFactorSecret { secret, address })
    }

    /// Turns the second factor on with a first code; answers recovery codes, shown once.
    pub async fn confirm_two_factor(&self, user: &UserRow, code: &SecretString) -> Result<Vec<String>, AccessError> {
        if user.two_factor {
            return Err(ALREADY_ON);
        }
        let pending = self.control.two_factor(user.id).await?.pending;
        let secret = pending.ok_or(AccessError::Conflict("ask for a secret first"))?;
        let step = codes::step_of(&secret, code.expose_secret(), clock::now()).ok_or(AccessError::BadCode)?;
        let (shown, hashes) = codes::recovery_codes();
        if !self.control.confirm_two_factor(user.id, &secret, step, &hashes).await? {
            return Err(AccessError::Conflict("another secret was asked for meanwhile; use that one"));
        }
        self.audit(&user.email, "turn two-factor on", "").await?;
        Ok(shown)
    }

    /// Turns the second factor off.
    pub async fn end_two_factor(
        &self,
        user: &UserRow,
        password: &SecretString,
        code: &SecretString,
    ) -> Result<(), AccessError> {
        self.confirm_both(user, password, code).await?;
        self.control.end_two_factor(user.id).await?;
        self.audit(&user.email, "turn two-factor off", "").await
    }

    /// New recovery codes in place of the old ones.
    pub async fn new_recovery_codes(
        &self,
        user: &UserRow,
        password: &SecretString,
        code: &SecretString,
    ) -> Result<Vec<String>, AccessError> {
        self.confirm_both(user, password, code).await?;
        let (shown, hashes) = codes::recovery_codes();
        self.control.put_recovery_codes(user.id, &hashes).await?;
        self.audit(&user.email, "make recovery codes", "").await?;
        Ok(shown)
    }

    async fn confirm_both(
        &self,
        user: &UserRow,
        password: &SecretString,
        code: &SecretString,
    ) -> Result<(), AccessError> {
        if !user.two_factor {
            return Err(AccessError::Conflict("the second factor is off"));
        }
        self.confirm(user, password, Some(code)).await
    }

    /// Whether a code is right, and uses it up: a code of the authenticator or a recovery code, each once.
    pub(super) async fn takes_code(&self, user: &UserRow, code: &SecretString) -> Result<bool, AccessError> {
        let Some(secret) = self.control.two_factor(user.id).await?.secret else { return Ok(false) };
        let code = code.expose_secret();
        if let Some(step) = codes::step_of(&secret, code, clock::now()) {
            return Ok(self.control.use_step(user.id, step).await?);
        }
        let Some(hash) = codes::recovery_hash(code) else { return Ok(false) };
        let is_right = self.control.use_recovery_code(user.id, &hash).await?;
        if is_right {
            self.audit(&user.email, "use recovery code", "").await?;
        }
        Ok(is_right)
    }
}
