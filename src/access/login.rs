//! First-run set-up, login, logout, and open logins.

use std::net::IpAddr;

use parking_lot::Mutex;
use secrecy::{ExposeSecret, SecretString};

use super::{
    Access, AccessError, EMAIL_MAX, check_email, email_key, hash,
    hashing::Queue,
    login_attempts::{Account, AttemptSource, ChargedAttempt, display_network},
    new_secret, password, password_policy,
};
use crate::{
    clock,
    control::{LoginRow, NewLogin, UserRow},
    model::Timestamp,
    telemetry::Login as LoginOutcome,
};

/// Stored part of a user agent, characters.
const USER_AGENT_MAX: usize = 300;
/// Longest configurable login, hours: ten years.
const HOURS_MAX: u64 = 87_600;

/// Where a login request comes from.
#[derive(Debug, Clone)]
pub struct Client {
    /// The client's address.
    pub address: IpAddr,
    /// The browser's user agent.
    pub user_agent: String,
    /// Device cookies, a few at most.
    pub devices: Vec<String>,
}

/// The credentials of a login.
#[derive(Debug)]
pub struct Credentials<'a> {
    /// Login name.
    pub email: &'a str,
    /// Password.
    pub password: &'a SecretString,
    /// A code of the authenticator, or a recovery code.
    pub code: Option<&'a SecretString>,
}

/// A successful login.
pub struct Login {
    /// The user.
    pub user: UserRow,
    /// The token for the session cookie; only its hash is stored.
    pub token: String,
    /// Lifetime of the cookie, seconds.
    pub seconds: u64,
    /// The device cookie for this browser.
    pub device: String,
}

/// The login of a request.
#[derive(Debug, Clone)]
pub struct Session {
    /// The user.
    pub user: UserRow,
    /// The login's id.
    pub login: i64,
}

impl Access {
    /// Opens the first-run set-up and returns its one-time token; `None` if there are users already.
    pub async fn open_setup(&self) -> Result<Option<String>, AccessError> {
        if self.control.users_count().await? > 0 {
            return Ok(None);
        }
        let token = new_secret("");
        *self.setup_token_hash.lock() = Some(hash(&token));
        Ok(Some(token))
    }

    /// Whether the first user has yet to be created.
    pub async fn setup_needed(&self) -> Result<bool, AccessError> {
        Ok(self.control.users_count().await? == 0)
    }

    /// Creates the first user, an owner, and logs them in. The token works once: it is taken before the account is created,
    /// and restored if that fails.
    pub async fn set_up(
        &self,
        token: &str,
        email: &str,
        password: &SecretString,
        client: &Client,
    ) -> Result<Login, AccessError> {
        let setup = SetupToken::take(&self.setup_token_hash, token).ok_or(AccessError::SetupClosed)?;
        let user = self.first_user(email, password).await?;
        setup.consume();
        self.audit(&user.email, "set up", "first user").await?;
        self.open_login(user, None, client).await
    }

    async fn first_user(&self, email: &str, password: &SecretString) -> Result<UserRow, AccessError> {
        let email = check_email(email)?;
        let hashed = self.hash_password(password, email).await?;
        let id = self.control.add_first_user(email, &hashed).await?.ok_or(AccessError::SetupClosed)?;
        self.control.user(id).await?.ok_or(AccessError::SetupClosed)
    }

    /// Logs in by password, and by a code if the account has a second factor. Unknown e-mail addresses take as long as
    /// wrong passwords.
    pub async fn log_in(&self, credentials: &Credentials<'_>, client: &Client) -> Result<Login, AccessError> {
        let logged_in = self.try_log_in(credentials, client).await;
        self.metrics.count_login(match &logged_in {
            Ok(_) => LoginOutcome::Done,
            Err(AccessError::BadCredentials) => LoginOutcome::BadCredentials,
            Err(AccessError::CodeNeeded) => LoginOutcome::CodeNeeded,
            Err(AccessError::BadCode) => LoginOutcome::BadCode,
            Err(AccessError::Paused(_)) => LoginOutcome::Paused,
            Err(_) => LoginOutcome::Unavailable,
        });
        logged_in
    }

    async fn try_log_in(&self, credentials: &Credentials<'_>, client: &Client) -> Result<Login, AccessError> {
        let (now, fits) = (clock::now(), credentials.email.len() <= EMAIL_MAX);
        let user = if fits { self.control.user_by_email(credentials.email).await? } else { None };
        let device = user
            .as_ref()
            .and_then(|user| client.devices.iter().find_map(|cookie| self.devices.verify(cookie, user.id, now)));
        let charged = self.charge_attempt(credentials.email, user.as_ref(), device, client)?;
        let queue = if device.is_some() { Queue::Trusted } else { Queue::Untrusted };
        let stored = user.as_ref().map(|user| user.password_hash.clone());
        let matches = self.refund_on_error(&charged, self.verify(queue, credentials.password, stored).await)?;
        let account = user.as_ref().map(|user| user.id);
        let Some(user) = user.filter(|_| matches) else {
            self.record_failure(account, client, "wrong password").await?;
            return Err(AccessError::BadCredentials);
        };
        if user.two_factor {
            let Some(code) = credentials.code.filter(|code| !code.expose_secret().trim().is_empty()) else {
                self.login_throttle.lock().refund(&charged);
                return Err(AccessError::CodeNeeded);
            };
            if !self.refund_on_error(&charged, self.redeem_code(&user, code).await)? {
                self.record_failure(Some(user.id), client, "wrong code").await?;
                return Err(AccessError::BadCode);
            }
        }
        self.login_throttle.lock().refund(&charged);
        self.audit(&user.email, "log in", &format!("from {}", display_network(client.address))).await?;
        self.open_login(user, device, client).await
    }

    fn charge_attempt(
        &self,
        email: &str,
        user: Option<&UserRow>,
        device: Option<u128>,
        client: &Client,
    ) -> Result<ChargedAttempt, AccessError> {
        let mut throttle = self.login_throttle.lock();
        let source = match (device, user) {
            (Some(device), _) => AttemptSource::KnownDevice { device },
            (None, Some(user)) => AttemptSource::Unknown { account: Account::User(user.id), address: client.address },
            (None, None) => {
                let name = if email.len() <= EMAIL_MAX { email_key(email) } else { String::new() };
                let account = Account::NonExistent(throttle.hash_name(&name));
                AttemptSource::Unknown { account, address: client.address }
            }
        };
        throttle.charge(source, clock::steady()).map_err(AccessError::Paused)
    }

    /// Checks the password of a logged-in user, and a code if given; wrong ones are limited as at the login.
    pub(super) async fn confirm(
        &self,
        user: &UserRow,
        password: &SecretString,
        code: Option<&SecretString>,
    ) -> Result<(), AccessError> {
        let source = AttemptSource::Reauthentication { user: user.id };
        let charged = self.login_throttle.lock().charge(source, clock::steady()).map_err(AccessError::Paused)?;
        let verified = self.verify(Queue::Trusted, password, Some(user.password_hash.clone())).await;
        if !self.refund_on_error(&charged, verified)? {
            return Err(AccessError::BadCredentials);
        }
        if let Some(code) = code
            && !self.refund_on_error(&charged, self.redeem_code(user, code).await)?
        {
            return Err(AccessError::BadCode);
        }
        self.login_throttle.lock().refund(&charged);
        Ok(())
    }

    /// Refunds an attempt that could not be checked: its sender learned nothing.
    fn refund_on_error(
        &self,
        charged: &ChargedAttempt,
        checked: Result<bool, AccessError>,
    ) -> Result<bool, AccessError> {
        checked.inspect_err(|_| self.login_throttle.lock().refund(charged))
    }

    async fn verify(&self, queue: Queue, password: &SecretString, stored: Option<String>) -> Result<bool, AccessError> {
        // Longer than any valid password: checked as an empty one.
        let fits = password.expose_secret().len() <= password_policy::BYTES_MAX;
        let password = if fits { password.clone() } else { SecretString::default() };
        self.hash_queues.run(queue, move || password::matches(password.expose_secret(), stored.as_deref())).await
    }

    /// Checks and hashes a new password.
    pub(super) async fn hash_password(&self, password: &SecretString, email: &str) -> Result<String, AccessError> {
        password_policy::check(password.expose_secret(), email)?;
        let password = password.clone();
        let hashed = self.hash_queues.run(Queue::Trusted, move || password::hash(password.expose_secret())).await?;
        hashed.map_err(AccessError::Hashing)
    }

    pub(super) async fn open_login(
        &self,
        user: UserRow,
        device: Option<u128>,
        client: &Client,
    ) -> Result<Login, AccessError> {
        let (token, now) = (new_secret(""), clock::now());
        let seconds = self.settings.session_hours.clamp(1, HOURS_MAX) * 3600;
        let new = NewLogin {
            token_hash: &hash(&token),
            user: user.id,
            expires_at: now.plus(i64::try_from(seconds * 1000).unwrap_or(i64::MAX)),
            user_agent: &stored_user_agent(&client.user_agent),
            network: &display_network(client.address),
        };
        self.control.add_login(&new, now).await?;
        let device = self.devices.issue(user.id, device.unwrap_or_else(rand::random), now);
        Ok(Login { user, token, seconds, device })
    }

    /// The login of a session cookie.
    pub async fn session(&self, token: &str) -> Result<Option<Session>, AccessError> {
        let now = clock::now();
        let Some((user, login)) = self.control.user_of_login(&hash(token), now).await? else { return Ok(None) };
        self.last_seen.lock().insert(login, now);
        Ok(Some(Session { user, login }))
    }

    /// Ends the login of a session cookie.
    pub async fn log_out(&self, token: &str) -> Result<(), AccessError> {
        let Some(user) = self.control.end_login(&hash(token)).await? else { return Ok(()) };
        let user = self.control.user(user).await?;
        self.audit(user.as_ref().map_or("", |user| &user.email), "log out", "").await
    }

    /// A user's open logins, the most recently used first.
    pub async fn logins(&self, user: i64) -> Result<Vec<LoginRow>, AccessError> {
        let mut logins = self.control.logins(user, clock::now()).await?;
        let last_seen = self.last_seen.lock();
        for login in &mut logins {
            login.last_seen_at =
                last_seen.get(&login.id).copied().unwrap_or(login.last_seen_at).max(login.last_seen_at);
        }
        logins.sort_by_key(|login| std::cmp::Reverse((login.last_seen_at, login.id)));
        Ok(logins)
    }

    /// Ends one of a user's logins.
    pub async fn end_login(&self, user: &UserRow, login: i64) -> Result<(), AccessError> {
        if !self.control.end_login_of(user.id, login).await? {
            return Err(AccessError::Missing("login with that id"));
        }
        self.audit(&user.email, "end login", &login.to_string()).await
    }

    /// Ends all of a user's logins except `keep`; returns how many.
    pub async fn end_logins(&self, user: &UserRow, keep: Option<i64>) -> Result<u64, AccessError> {
        let ended = self.control.end_logins(user.id, keep).await?;
        self.audit(&user.email, "log out everywhere", &format!("{ended} logins")).await?;
        Ok(ended)
    }

    /// Writes the times of last use to the database.
    pub(super) async fn flush_last_seen(&self) -> Result<(), AccessError> {
        let seen: Vec<(i64, Timestamp)> = self.last_seen.lock().drain().collect();
        if seen.is_empty() { Ok(()) } else { Ok(self.control.note_logins_seen(&seen).await?) }
    }
}

/// The token of the set-up link while it is used; restored when dropped unless it was consumed.
struct SetupToken<'a> {
    slot: &'a Mutex<Option<String>>,
    token_hash: Option<String>,
}

impl<'a> SetupToken<'a> {
    fn take(slot: &'a Mutex<Option<String>>, token: &str) -> Option<Self> {
        let token_hash = slot.lock().take_if(|expected| *expected == hash(token))?;
        Some(Self { slot, token_hash: Some(token_hash) })
    }

    fn consume(mut self) {
        self.token_hash = None;
    }
}

impl Drop for SetupToken<'_> {
    fn drop(&mut self) {
        if let Some(token_hash) = self.token_hash.take() {
            *self.slot.lock() = Some(token_hash);
        }
    }
}

fn stored_user_agent(user_agent: &str) -> String {
    user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_MAX).collect()
}
