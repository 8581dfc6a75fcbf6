//! Authentication: users by password, second factor and session cookie, API clients by key.
//!
//! Passwords are stored as Argon2id (RFC 9106), session tokens, keys and links as BLAKE3 hashes of 256 random bits. Every
//! change of users, keys and logins is made here together with its audit entry. This module never decides what a role
//! may do; handlers check roles and scopes.
//! Example: `access.log_in(&credentials, &client).await?` returns a token for the cookie.

mod account;
mod audit;
mod cookie_keys;
mod devices;
mod failed_logins;
mod hashing;
mod keys;
mod login;
mod login_attempts;
mod mask;
mod password;
mod password_policy;
mod two_factor;
mod users;
mod wire_bodies;

use std::{collections::HashMap, sync::Arc};

pub use account::TwoFactorSecret;
pub use audit::AuditPage;
pub use cookie_keys::KeyRotation;
pub use devices::DEVICE_DAYS;
pub use login::{Client, Credentials, Login, Session};
pub use login_attempts::display_network;
pub use mask::Mask;
use parking_lot::Mutex;
pub use users::{CreatedInvitation, InvitationRequest, UserEdit};

use crate::{
    config,
    control::{Control, ControlError, KeyRow, NewKey, Scope, email_key},
    ingest::identify,
    mail::Mailer,
    model::{SiteId, Timestamp},
    telemetry::Metrics,
};

/// The name of the command line in the audit log.
pub const COMMAND_LINE: &str = "command line";
const EMAIL_MAX: usize = 254;
const KEY_NAME_MAX: usize = 100;

/// Authenticates and manages users, logins and keys.
#[derive(Debug)]
pub struct Access {
    control: Control,
    settings: config::Access,
    metrics: Arc<Metrics>,
    login_throttle: Mutex<login_attempts::LoginThrottle>,
    failure_log: Mutex<failed_logins::FailureLog>,
    hash_queues: hashing::HashQueues,
    devices: devices::Devices,
    mask: Mask,
    keys: keys::Keys,
    /// When logins were used, since the last write to the database.
    last_seen: Mutex<HashMap<i64, Timestamp>>,
    setup_token_hash: Mutex<Option<String>>,
    cookie_keys: cookie_keys::CookieKeys,
    mailer: Option<Mailer>,
}

/// Why a login or a change of users and keys failed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Wrong e-mail address or password, deliberately not distinguished.
    #[error("wrong e-mail address or password")]
    BadCredentials,
    /// The password is right, but the account has a second factor.
    #[error("a code of the authenticator, or a recovery code, is needed in addition to the password")]
    CodeNeeded,
    /// The code is wrong, too old, or was used before.
    #[error("that code is wrong or was used before; wait for the next one")]
    BadCode,
    /// Too many failed attempts.
    #[error("too many failed logins; try again in {0} seconds")]
    Paused(u64),
    /// Too many passwords are queued for checking; seconds.
    #[error("too many logins at once; try again in {0} seconds")]
    Busy(u64),
    /// The set-up link was used or belongs to an earlier start.
    #[error("this set-up link was used, or belongs to an earlier start; the service prints a new one at each start")]
    SetupClosed,
    /// There is no such user, key, login or invitation.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// It contradicts the present state.
    #[error("{0}")]
    Conflict(&'static str),
    /// An address, password or name that is not accepted.
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
    /// Loads keys and secrets from the control database.
    pub async fn open(
        control: Control,
        settings: config::Access,
        mailer: Option<Mailer>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, AccessError> {
        let secret = control.setting("access_secret", || new_secret("")).await?;
        Ok(Self {
            login_throttle: Mutex::new(login_attempts::LoginThrottle::new(
                settings.login_failures_max,
                settings.login_pause_seconds,
            )),
            failure_log: Mutex::default(),
            hash_queues: hashing::HashQueues::default(),
            devices: devices::Devices::new(&secret),
            mask: Mask::new(&secret),
            keys: keys::Keys::load(&control).await?,
            last_seen: Mutex::default(),
            setup_token_hash: Mutex::default(),
            cookie_keys: cookie_keys::CookieKeys::load(&control).await?,
            control,
            settings,
            metrics,
            mailer,
        })
    }

    /// Masks personal data for users who must not see it.
    #[must_use]
    pub const fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Creates an API key and returns it; only its hash is stored.
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
            return Err(AccessError::Unusable("`expires_at` must be in the future"));
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
        self.audit_site(site, who, "add key", &describe_key(&row)).await?;
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
        let row = row.ok_or(AccessError::Missing("key with that id"))?;
        self.keys.remove(site, id);
        self.control.remove_key(site, id).await?;
        self.audit_site(site, who, "revoke key", &describe_key(&row)).await
    }

    /// Drops the keys of a removed site from memory.
    pub fn drop_site_keys(&self, site: SiteId) {
        self.keys.remove_site(site);
    }

    /// The site and scope of an API key. Does not access the database.
    #[must_use]
    pub fn key(&self, key: &str) -> Option<KeyRow> {
        if key.len() > 100 { None } else { self.keys.find(&hash(key), crate::clock::now()) }
    }

    /// The keys that sign and verify visitor cookies.
    #[must_use]
    pub fn cookie_keys(&self) -> Arc<identify::Keys> {
        self.cookie_keys.current()
    }

    /// Signs visitor cookies with a new key from now on. Cookies of older keys stay valid and are signed again when next
    /// seen, unless `revoke_old` is true.
    pub async fn rotate_cookie_key(&self, revoke_old: bool) -> Result<KeyRotation, AccessError> {
        Ok(self.cookie_keys.rotate(&self.control, revoke_old, crate::clock::now()).await?)
    }
}

fn describe_key(key: &KeyRow) -> String {
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

/// What is stored of a secret that is compared and not shown again.
#[must_use]
pub fn secret_hash(secret: &str) -> String {
    hash(secret)
}

fn hash(secret: &str) -> String {
    blake3::hash(secret.as_bytes()).to_hex().to_string()
}
