//! Users' own accounts: password and second factor.

use secrecy::{ExposeSecret, SecretString};

use super::{
    Access, AccessError,
    two_factor::{self, RecoveryCodes},
};
use crate::{clock, control::UserRow};

/// A new secret for an authenticator, shown once.
#[derive(Clone)]
pub struct TwoFactorSecret {
    /// Base32.
    pub secret: String,
    /// The same as an `otpauth` URL for a QR code.
    pub otpauth_url: String,
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

    /// Begins the set-up of a second factor; [`Self::confirm_two_factor`] turns it on.
    pub async fn begin_two_factor(
        &self,
        user: &UserRow,
        password: &SecretString,
    ) -> Result<TwoFactorSecret, AccessError> {
        self.confirm(user, password, None).await?;
        let secret = two_factor::new_secret();
        let otpauth_url = two_factor::otpauth_url(&secret, &user.email)
            .ok_or(AccessError::Unusable("an authenticator cannot display this e-mail address"))?;
        if !self.control.begin_two_factor(user.id, &secret).await? {
            return Err(ALREADY_ON);
        }
        Ok(TwoFactorSecret { secret, otpauth_url })
    }

    /// Turns the second factor on with a first code; returns recovery codes, shown once.
    pub async fn confirm_two_factor(&self, user: &UserRow, code: &SecretString) -> Result<Vec<String>, AccessError> {
        if user.two_factor {
            return Err(ALREADY_ON);
        }
        let pending = self.control.two_factor(user.id).await?.pending;
        let secret = pending.ok_or(AccessError::Conflict("request a secret first"))?;
        let step = two_factor::step_of(&secret, code.expose_secret(), clock::now()).ok_or(AccessError::BadCode)?;
        let RecoveryCodes { codes, hashes } = RecoveryCodes::generate();
        if !self.control.confirm_two_factor(user.id, &secret, step, &hashes).await? {
            return Err(AccessError::Conflict("a newer secret was requested meanwhile; use that one"));
        }
        self.audit(&user.email, "turn two-factor on", "").await?;
        Ok(codes)
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

    /// Replaces the recovery codes.
    pub async fn new_recovery_codes(
        &self,
        user: &UserRow,
        password: &SecretString,
        code: &SecretString,
    ) -> Result<Vec<String>, AccessError> {
        self.confirm_both(user, password, code).await?;
        let RecoveryCodes { codes, hashes } = RecoveryCodes::generate();
        self.control.put_recovery_codes(user.id, &hashes).await?;
        self.audit(&user.email, "make recovery codes", "").await?;
        Ok(codes)
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

    /// Checks a code and invalidates it: a code of the authenticator or a recovery code, each valid once.
    pub(super) async fn redeem_code(&self, user: &UserRow, code: &SecretString) -> Result<bool, AccessError> {
        let Some(secret) = self.control.two_factor(user.id).await?.secret else { return Ok(false) };
        let code = code.expose_secret();
        if let Some(step) = two_factor::step_of(&secret, code, clock::now()) {
            return Ok(self.control.use_step(user.id, step).await?);
        }
        let Some(hash) = two_factor::recovery_hash(code) else { return Ok(false) };
        let is_right = self.control.use_recovery_code(user.id, &hash).await?;
        if is_right {
            self.audit(&user.email, "use recovery code", "").await?;
        }
        Ok(is_right)
    }
}
