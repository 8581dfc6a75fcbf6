//! Who may come in: people by password and login cookie, programs by key.
//!
//! Passwords are kept as Argon2id (RFC 9106), login tokens and keys as BLAKE3 hashes of 256 random
//! bits. This room never decides what a role may do on a page; doors ask for a role or a scope.
//! Example: `access.log_in(email, password).await?` gives a token for the cookie.

mod cookie_keys;
mod failures;
mod password;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
};

pub use cookie_keys::Rotated;

use crate::{
    config,
    control::{Control, ControlError, KeyRow, Role, Scope, UserRow},
    ingest::identify::Keys,
    model::{SiteId, Timestamp},
};

/// The gate of the private side.
#[derive(Debug)]
pub struct Access {
    control: Control,
    settings: config::Access,
    failures: Mutex<failures::Failures>,
    setup_token_hash: Mutex<Option<String>>,
    hashing: tokio::sync::Semaphore,
    cookie_keys: cookie_keys::CookieKeys,
}

/// Why somebody was not let in.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Wrong e-mail address or password, deliberately not told apart.
    #[error("wrong e-mail address or password")]
    BadCredentials,
    /// Too many failed attempts.
    #[error("too many failed logins; try again in {0} seconds")]
    Paused(u64),
    /// The set-up link was used or belongs to an earlier start.
    #[error("this set-up link is used up or from an earlier start; the service prints a new one when it starts")]
    SetupClosed,
    /// An address or password that cannot be taken.
    #[error("{0}")]
    Unusable(&'static str),
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The password could not be hashed.
    #[error("the password could not be processed: {0}")]
    Hashing(String),
}

/// A login that was just opened.
#[derive(Debug)]
pub struct Login {
    /// Whose.
    pub user: UserRow,
    /// The secret for the cookie; only its hash is stored.
    pub token: String,
    /// How long the cookie lasts, seconds.
    pub seconds: u64,
}

impl Access {
    /// The gate over this control database.
    pub async fn open(control: Control, settings: config::Access) -> Result<Self, AccessError> {
        let failures = Mutex::new(failures::Failures::new(settings.login_failures_max, settings.login_pause_seconds));
        // Argon2 takes 19 MB and a core for each login under way; two at once is enough for people.
        let hashing = tokio::sync::Semaphore::new(2);
        let cookie_keys = cookie_keys::CookieKeys::load(&control).await?;
        Ok(Self { control, settings, failures, setup_token_hash: Mutex::new(None), hashing, cookie_keys })
    }

    /// Opens the first-run set-up and returns its one-time token; `None` when there are users already.
    pub async fn open_setup(&self) -> Result<Option<String>, AccessError> {
        if self.control.users_count().await? > 0 {
            return Ok(None);
        }
        let token = new_secret("");
        *lock(&self.setup_token_hash) = Some(hash(&token));
        Ok(Some(token))
    }

    /// Whether the first user has yet to be made.
    pub async fn setup_needed(&self) -> Result<bool, AccessError> {
        Ok(self.control.users_count().await? == 0)
    }

    /// Makes the first user, an owner, and logs them in. The token works once.
    pub async fn set_up(&self, token: &str, email: &str, password: &str) -> Result<Login, AccessError> {
        let expected = lock(&self.setup_token_hash).clone();
        if expected.is_none_or(|expected| expected != hash(token)) {
            return Err(AccessError::SetupClosed);
        }
        let email = check_email(email)?;
        let hashed = self.hash_password(password).await?;
        let Some(_) = self.control.add_first_user(email, &hashed).await? else {
            return Err(AccessError::SetupClosed);
        };
        lock(&self.setup_token_hash).take();
        let user = self.control.user_by_email(email).await?.ok_or(AccessError::SetupClosed)?;
        self.open_login(user).await
    }

    /// Adds a user and returns their number.
    pub async fn add_user(&self, email: &str, role: Role, password: &str) -> Result<i64, AccessError> {
        let email = check_email(email)?;
        let hashed = self.hash_password(password).await?;
        Ok(self.control.add_user(email, role, &hashed).await?)
    }

    /// Logs in by password. Unknown e-mail addresses take as long as wrong passwords. Failures count for
    /// the pair of e-mail and network address, so that nobody can lock an owner out from elsewhere.
    pub async fn log_in(&self, email: &str, password: &str, from: IpAddr) -> Result<Login, AccessError> {
        let now = crate::clock::now();
        let name = email.trim().to_lowercase();
        let attempt = format!("{} {from}", blake3::hash(name.as_bytes()).to_hex());
        if let Some(seconds) = lock(&self.failures).paused_for(&attempt, now) {
            return Err(AccessError::Paused(seconds));
        }
        let user = if name.len() <= EMAIL_MAX { self.control.user_by_email(&name).await? } else { None };
        let stored = user.as_ref().map(|u| u.password_hash.clone());
        let matches = {
            let _turn = self.hashing.acquire().await;
            let password = bounded(password).unwrap_or_default().to_owned();
            tokio::task::spawn_blocking(move || password::matches(&password, stored.as_deref()))
                .await
                .map_err(|e| AccessError::Hashing(e.to_string()))?
        };
        match user {
            Some(user) if matches => {
                lock(&self.failures).forget(&attempt);
                self.open_login(user).await
            }
            _ => {
                lock(&self.failures).note(&attempt, now);
                Err(AccessError::BadCredentials)
            }
        }
    }

    /// The user whose login cookie this is.
    pub async fn user_of(&self, token: &str) -> Result<Option<UserRow>, AccessError> {
        Ok(self.control.user_of_login(&hash(token), crate::clock::now()).await?)
    }

    /// Ends the login of this cookie.
    pub async fn log_out(&self, token: &str) -> Result<(), AccessError> {
        Ok(self.control.end_login(&hash(token)).await?)
    }

    /// Makes a program's key; it is shown once and kept only as a hash.
    pub async fn add_key(&self, site: SiteId, scope: Scope) -> Result<String, AccessError> {
        let key = new_secret(match scope {
            Scope::Read => "ar_",
            Scope::Server => "as_",
            Scope::Admin => "aa_",
        });
        self.control.add_key(site, scope, &hash(&key), &key[..7]).await?;
        Ok(key)
    }

    /// What a program's key opens.
    pub async fn key(&self, key: &str) -> Result<Option<KeyRow>, AccessError> {
        if key.len() > 100 {
            return Ok(None);
        }
        Ok(self.control.key_by_hash(&hash(key)).await?)
    }

    /// Keys that sign and verify visitor cookies now.
    #[must_use]
    pub fn cookie_keys(&self) -> Arc<Keys> {
        self.cookie_keys.current()
    }

    /// Signs visitor cookies with a new key from now on. Cookies that older keys signed stay valid, and
    /// are signed anew when they are next seen, unless the old keys are to be `forgotten`.
    pub async fn rotate_cookie_key(&self, forgotten: bool) -> Result<Rotated, AccessError> {
        Ok(self.cookie_keys.rotate(&self.control, forgotten, crate::clock::now()).await?)
    }

    /// Notes who did what.
    pub async fn audit(&self, who: &str, action: &str, subject: &str) -> Result<(), AccessError> {
        Ok(self.control.audit(who, action, subject).await?)
    }

    async fn open_login(&self, user: UserRow) -> Result<Login, AccessError> {
        let token = new_secret("");
        let seconds = self.settings.session_hours * 3600;
        let expires = Timestamp(crate::clock::now().0 + i64::try_from(seconds).unwrap_or(i64::MAX / 2000) * 1000);
        self.control.add_login(&hash(&token), user.id, expires).await?;
        Ok(Login { user, token, seconds })
    }

    async fn hash_password(&self, password: &str) -> Result<String, AccessError> {
        if password.chars().count() < 8 {
            return Err(AccessError::Unusable("a password needs at least 8 characters"));
        }
        let password = bounded(password).ok_or(AccessError::Unusable("a password has at most 1000 bytes"))?.to_owned();
        let _turn = self.hashing.acquire().await;
        tokio::task::spawn_blocking(move || password::hash(&password))
            .await
            .map_err(|e| AccessError::Hashing(e.to_string()))?
            .map_err(AccessError::Hashing)
    }
}

const EMAIL_MAX: usize = 254;

fn check_email(email: &str) -> Result<&str, AccessError> {
    let email = email.trim();
    let plausible = email.len() <= EMAIL_MAX
        && !email.contains(|c: char| c.is_whitespace() || c.is_control())
        && email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    if plausible { Ok(email) } else { Err(AccessError::Unusable("that is not an e-mail address")) }
}

fn bounded(password: &str) -> Option<&str> {
    (password.len() <= 1000).then_some(password)
}

/// 256 random bits as hexadecimal digits after a prefix.
#[must_use]
pub fn new_secret(prefix: &str) -> String {
    let bytes: [u8; 32] = rand::random();
    format!("{prefix}{}", blake3::Hash::from_bytes(bytes).to_hex())
}

fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
