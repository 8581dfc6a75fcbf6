//! Who may come in: people by password, second factor and login cookie, programs by key.
//!
//! Passwords are kept as Argon2id (RFC 9106), login tokens, keys and links as BLAKE3 hashes of 256 random
//! bits. Every change of people, keys and logins is made here together with its entry in the audit. This module
//! never decides what a role may do on a page; handlers ask for a role or a scope.
//! Example: `access.log_in(&attempt, &client).await?` gives a token for the cookie.

mod account;
mod audit;
mod codes;
mod cookie_keys;
mod devices;
mod hashing;
mod keys;
mod listing;
mod login;
mod login_attempts;
mod mask;
mod password;
mod policy;
mod traces;
mod users;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

pub use account::TwoFactorSecret;
pub use audit::AuditPage;
pub use cookie_keys::Rotated;
pub use devices::DEVICE_DAYS;
pub use login::{Attempt, Client, Login, Session};
pub use login_attempts::shown_network;
pub use mask::Mask;
pub use users::{InviteOrder, Invited, UserEdit};

use crate::{
    config,
    control::{Control, ControlError, KeyRow, NewKey, Scope, email_key},
    ingest::identify,
    mail::Mailer,
    model::{SiteId, Timestamp},
    telemetry::Metrics,
};

/// Who an order of the command line is by, in the audit.
pub const COMMAND_LINE: &str = "command line";
const EMAIL_MAX: usize = 254;
const KEY_NAME_MAX: usize = 100;

/// The gate of the private side.
#[derive(Debug)]
pub struct Access {
    control: Control,
    settings: config::Access,
    metrics: Arc<Metrics>,
    guesses: Mutex<login_attempts::Guesses>,
    traces: Mutex<traces::Traces>,
    hashing: hashing::Hashing,
    devices: devices::Devices,
    mask: Mask,
    keys: keys::Keys,
    /// Logins used since it was last brought to the database.
    seen: Mutex<HashMap<i64, Timestamp>>,
    setup_token_hash: Mutex<Option<String>>,
    cookie_keys: cookie_keys::CookieKeys,
    mailer: Option<Mailer>,
}

/// Why somebody was not let in, or something about people and keys was not done.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Wrong e-mail address or password, deliberately not told apart.
    #[error("wrong e-mail address or password")]
    BadCredentials,
    /// The password is right; the account asks for a code besides.
    #[error("a code of the authenticator, or a recovery code, is needed besides the password")]
    CodeNeeded,
    /// The code is wrong, too old, or was used before.
    #[error("that code is wrong or was used before; wait for the next one")]
    BadCode,
    /// Too many failed attempts.
    #[error("too many failed logins; try again in {0} seconds")]
    Paused(u64),
    /// Too many passwords wait to be checked; seconds.
    #[error("too many logins at once; try again in {0} seconds")]
    Busy(u64),
    /// The set-up link was used or belongs to an earlier start.
    #[error("this set-up link is used up or from an earlier start; the service prints a new one when it starts")]
    SetupClosed,
    /// There is no such user, key, login or invitation.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// It does not go with what is there.
    #[error("{0}")]
    Conflict(&'static str),
    /// An address, password or name that cannot be taken.
    #[error("{0}")]
    Unusable(&'static str),
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The password could not be hashed.
    #[error("the password could not be processed: {0}")]
    Hashing(String),
}

impl Access {
    /// The gate over this control database.
    pub async fn open(
        control: Control,
        settings: config::Access,
        mailer: Option<Mailer>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, AccessError> {
        let secret = control.setting("access_secret", || new_secret("")).await?;
        Ok(Self {
            guesses: Mutex::new(login_attempts::Guesses::new(
                settings.login_failures_max,
                settings.login_pause_seconds,
            )),
            traces: Mutex::default(),
            hashing: hashing::Hashing::default(),
            devices: devices::Devices::new(&secret),
            mask: Mask::new(&secret),
            keys: keys::Keys::load(&control).await?,
            seen: Mutex::default(),
            setup_token_hash: Mutex::default(),
            cookie_keys: cookie_keys::CookieKeys::load(&control).await?,
            control,
            settings,
            metrics,
            mailer,
        })
    }

    /// What masks personal data for those who are not to see it.
    #[must_use]
    pub const fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Makes a program's key; it is shown once and kept only as a hash.
    pub async fn add_key(
        &self,
        who: &str,
        site: SiteId,
        scope: Scope,
        name: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<(String, KeyRow), AccessError> {
        let name = name.trim();
        if name.len() > KEY_NAME_MAX || name.chars().any(char::is_control) {
            return Err(AccessError::Unusable("a key's name has at most 100 bytes, on one line"));
        }
        if expires_at.is_some_and(|at| at <= crate::clock::now()) {
            return Err(AccessError::Unusable("`expires_at` must be a moment to come"));
        }
        let key = new_secret(match scope {
            Scope::Read => "ar_",
            Scope::Server => "as_",
            Scope::Admin => "aa_",
        });
        let key_hash = hash(&key);
        let new = NewKey { site, scope, name, key_hash: &key_hash, hint: &key[..7], expires_at };
        let row = self.control.add_key(&new).await?;
        self.keys.add(key_hash, row.clone());
        self.audit_site(site, who, "add key", &shown_key(&row)).await?;
        Ok((key, row))
    }

    /// A site's keys.
    #[must_use]
    pub fn keys(&self, site: SiteId) -> Vec<KeyRow> {
        self.keys.of_site(site)
    }

    /// Revokes one of a site's keys, at once.
    pub async fn revoke_key(&self, who: &str, site: SiteId, id: i64) -> Result<(), AccessError> {
        let row = self.keys.of_site(site).into_iter().find(|key| key.id == id);
        let row = row.ok_or(AccessError::Missing("key of that number"))?;
        self.keys.remove(site, id);
        self.control.remove_key(site, id).await?;
        self.audit_site(site, who, "revoke key", &shown_key(&row)).await
    }

    /// Lets every key of a removed site open nothing any more.
    pub fn forget_site(&self, site: SiteId) {
        self.keys.remove_site(site);
    }

    /// What a program's key opens. Asks no database.
    #[must_use]
    pub fn key(&self, key: &str) -> Option<KeyRow> {
        if key.len() > 100 { None } else { self.keys.find(&hash(key), crate::clock::now()) }
    }

    /// Keys that sign and verify visitor cookies now.
    #[must_use]
    pub fn cookie_keys(&self) -> Arc<identify::Keys> {
        self.cookie_keys.current()
    }

    /// Signs visitor cookies with a new key from now on. Cookies that older keys signed stay valid, and
    /// are signed anew when they are next seen, unless the old keys are to be `forgotten`.
    pub async fn rotate_cookie_key(&self, forgotten: bool) -> Result<Rotated, AccessError> {
        Ok(self.cookie_keys.rotate(&self.control, forgotten, crate::clock::now()).await?)
    }
}

fn shown_key(key: &KeyRow) -> String {
    format!("{} {}… {}", key.scope.as_str(), key.hint, key.name).trim_end().to_owned()
}

fn check_email(email: &str) -> Result<&str, AccessError> {
    let email = email.trim();
    let plausible = email.len() <= EMAIL_MAX
        && !email.contains(|c: char| c.is_whitespace() || c.is_control())
        && email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    if plausible { Ok(email) } else { Err(AccessError::Unusable("that is not an e-mail address")) }
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
