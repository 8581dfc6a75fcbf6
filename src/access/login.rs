//! First-run set-up, logging in and out, and the logins that are open.

use std::{net::IpAddr, sync::Mutex};

use secrecy::{ExposeSecret, SecretString};

use super::{
    Access, AccessError, EMAIL_MAX, check_email, email_key, hash,
    hashing::Lane,
    lock,
    login_attempts::{self, Account, Reserved, shown_network},
    new_secret, password, policy,
};
use crate::{
    clock,
    control::{LoginRow, NewLogin, UserRow},
    model::Timestamp,
    telemetry::Login as Outcome,
};

/// So much of what a browser calls itself is kept.
const USER_AGENT_MAX: usize = 300;
/// Longest login that may be set, hours: ten years.
const HOURS_MAX: u64 = 87_600;

/// Where a request comes from.
#[derive(Debug, Clone)]
pub struct Client {
    /// The address that counts.
    pub address: IpAddr,
    /// The browser, as it calls itself.
    pub user_agent: String,
    /// The cookies by which its browser may be known, a few at most.
    pub devices: Vec<String>,
}

/// What somebody gives to be let in.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Login name.
    pub email: &'a str,
    /// Password.
    pub password: &'a SecretString,
    /// A code of the authenticator, or a recovery code.
    pub code: Option<&'a SecretString>,
}

/// A login that was just opened.
pub struct Login {
    /// Whose.
    pub user: UserRow,
    /// The secret for the cookie; only its hash is stored.
    pub token: String,
    /// How long the cookie lasts, seconds.
    pub seconds: u64,
    /// The cookie by which this browser is known from now on.
    pub device: String,
}

/// A login that a request came with.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whose.
    pub user: UserRow,
    /// Its number.
    pub login: i64,
}

impl Access {
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

    /// Makes the first user, an owner, and logs them in. The token works once: it is taken before the account
    /// is made, and put back when none could be made.
    pub async fn set_up(
        &self,
        token: &str,
        email: &str,
        password: &SecretString,
        client: &Client,
    ) -> Result<Login, AccessError> {
        let setup = SetupToken::take(&self.setup_token_hash, token).ok_or(AccessError::SetupClosed)?;
        let user = self.first_user(email, password).await?;
        setup.use_up();
        self.audit(&user.email, "set up", "first user").await?;
        self.open_login(user, None, client).await
    }

    async fn first_user(&self, email: &str, password: &SecretString) -> Result<UserRow, AccessError> {
        let email = check_email(email)?;
        let hashed = self.hash_password(password, email).await?;
        let id = self.control.add_first_user(email, &hashed).await?.ok_or(AccessError::SetupClosed)?;
        self.control.user(id).await?.ok_or(AccessError::SetupClosed)
    }

    /// Logs in by password, and by a code where the account asks for one. Unknown e-mail addresses take as long
    /// as wrong passwords.
    pub async fn log_in(&self, attempt: &Attempt<'_>, client: &Client) -> Result<Login, AccessError> {
        let logged_in = self.try_log_in(attempt, client).await;
        self.metrics.count_login(match &logged_in {
            Ok(_) => Outcome::Done,
            Err(AccessError::BadCredentials) => Outcome::BadCredentials,
            Err(AccessError::CodeNeeded) => Outcome::CodeNeeded,
            Err(AccessError::BadCode) => Outcome::BadCode,
            Err(AccessError::Paused(_)) => Outcome::Paused,
            Err(_) => Outcome::Unavailable,
        });
        logged_in
    }

    async fn try_log_in(&self, attempt: &Attempt<'_>, client: &Client) -> Result<Login, AccessError> {
        let (now, fits) = (clock::now(), attempt.email.len() <= EMAIL_MAX);
        let user = if fits { self.control.user_by_email(attempt.email).await? } else { None };
        let known = user
            .as_ref()
            .and_then(|user| client.devices.iter().find_map(|cookie| self.devices.verify(cookie, user.id, now)));
        let reserved = self.reserve(attempt.email, user.as_ref(), known, client)?;
        let lane = if known.is_some() { Lane::Known } else { Lane::Strangers };
        let stored = user.as_ref().map(|user| user.password_hash.clone());
        let matches = match self.verify(lane, attempt.password, stored).await {
            Ok(matches) => matches,
            Err(error) => {
                // Nothing was looked at.
                lock(&self.guesses).give_back(&reserved);
                return Err(error);
            }
        };
        let account = user.as_ref().map(|user| user.id);
        let Some(user) = user.filter(|_| matches) else {
            self.note_failure(account, client, "wrong password").await?;
            return Err(AccessError::BadCredentials);
        };
        if user.two_factor {
            let Some(code) = attempt.code.filter(|code| !code.expose_secret().trim().is_empty()) else {
                lock(&self.guesses).give_back(&reserved);
                return Err(AccessError::CodeNeeded);
            };
            if !self.takes_code(&user, code).await? {
                self.note_failure(Some(user.id), client, "wrong code").await?;
                return Err(AccessError::BadCode);
            }
        }
        lock(&self.guesses).give_back(&reserved);
        self.audit(&user.email, "log in", &format!("from {}", shown_network(client.address))).await?;
        self.open_login(user, known, client).await
    }

    fn reserve(
        &self,
        email: &str,
        user: Option<&UserRow>,
        known: Option<u128>,
        client: &Client,
    ) -> Result<Reserved, AccessError> {
        let mut guesses = lock(&self.guesses);
        let attempt = match (known, user) {
            (Some(device), _) => login_attempts::Attempt::Known { device },
            (None, Some(user)) => {
                login_attempts::Attempt::Unknown { account: Account::User(user.id), from: client.address }
            }
            (None, None) => {
                let name = if email.len() <= EMAIL_MAX { email_key(email) } else { String::new() };
                let account = Account::Invented(guesses.name(&name));
                login_attempts::Attempt::Unknown { account, from: client.address }
            }
        };
        guesses.reserve(attempt, clock::steady()).map_err(AccessError::Paused)
    }

    /// Whether a logged-in user gave their own password, and a right code where one is asked for; wrong ones are
    /// bounded as at the login.
    pub(super) async fn confirm(
        &self,
        user: &UserRow,
        password: &SecretString,
        code: Option<&SecretString>,
    ) -> Result<(), AccessError> {
        let attempt = login_attempts::Attempt::Confirming { user: user.id };
        let reserved = lock(&self.guesses).reserve(attempt, clock::steady()).map_err(AccessError::Paused)?;
        if !self.verify(Lane::Known, password, Some(user.password_hash.clone())).await? {
            return Err(AccessError::BadCredentials);
        }
        if let Some(code) = code
            && !self.takes_code(user, code).await?
        {
            return Err(AccessError::BadCode);
        }
        lock(&self.guesses).give_back(&reserved);
        Ok(())
    }

    async fn verify(&self, lane: Lane, password: &SecretString, stored: Option<String>) -> Result<bool, AccessError> {
        // What is longer than any password is none.
        let fits = password.expose_secret().len() <= policy::BYTES_MAX;
        let password = if fits { password.clone() } else { SecretString::default() };
        self.hashing.run(lane, move || password::matches(password.expose_secret(), stored.as_deref())).await
    }

    /// Checks and hashes a new password.
    pub(super) async fn hash_password(&self, password: &SecretString, email: &str) -> Result<String, AccessError> {
        policy::check(password.expose_secret(), email)?;
        let password = password.clone();
        let hashed = self.hashing.run(Lane::Known, move || password::hash(password.expose_secret())).await?;
        hashed.map_err(AccessError::Hashing)
    }

    pub(super) async fn open_login(
        &self,
        user: UserRow,
        known: Option<u128>,
        client: &Client,
    ) -> Result<Login, AccessError> {
        let (token, now) = (new_secret(""), clock::now());
        let seconds = self.settings.session_hours.clamp(1, HOURS_MAX) * 3600;
        let new = NewLogin {
            token_hash: &hash(&token),
            user: user.id,
            expires_at: now.plus(i64::try_from(seconds * 1000).unwrap_or(i64::MAX)),
            user_agent: &clipped(&client.user_agent),
            network: &shown_network(client.address),
        };
        self.control.add_login(&new, now).await?;
        let device = self.devices.issue(user.id, known.unwrap_or_else(rand::random), now);
        Ok(Login { user, token, seconds, device })
    }

    /// The login whose cookie this is.
    pub async fn session(&self, token: &str) -> Result<Option<Session>, AccessError> {
        let now = clock::now();
        let Some((user, login)) = self.control.user_of_login(&hash(token), now).await? else { return Ok(None) };
        lock(&self.seen).insert(login, now);
        Ok(Some(Session { user, login }))
    }

    /// Ends the login of this cookie.
    pub async fn log_out(&self, token: &str) -> Result<(), AccessError> {
        let Some(user) = self.control.end_login(&hash(token)).await? else { return Ok(()) };
        let user = self.control.user(user).await?;
        self.audit(user.as_ref().map_or("", |user| &user.email), "log out", "").await
    }

    /// A user's open logins, the last used first.
    pub async fn logins(&self, user: i64) -> Result<Vec<LoginRow>, AccessError> {
        let mut logins = self.control.logins(user, clock::now()).await?;
        let seen = lock(&self.seen);
        for login in &mut logins {
            login.last_seen_at = seen.get(&login.id).copied().unwrap_or(login.last_seen_at).max(login.last_seen_at);
        }
        logins.sort_by_key(|login| std::cmp::Reverse((login.last_seen_at, login.id)));
        Ok(logins)
    }

    /// Ends one of a user's own logins.
    pub async fn end_login(&self, user: &UserRow, login: i64) -> Result<(), AccessError> {
        if !self.control.end_login_of(user.id, login).await? {
            return Err(AccessError::Missing("login of that number"));
        }
        self.audit(&user.email, "end login", &login.to_string()).await
    }

    /// Ends all of a user's own logins but the one to `keep`; answers how many.
    pub async fn end_logins(&self, user: &UserRow, keep: Option<i64>) -> Result<u64, AccessError> {
        let ended = self.control.end_logins(user.id, keep).await?;
        self.audit(&user.email, "log out everywhere", &format!("{ended} logins")).await?;
        Ok(ended)
    }

    pub(super) async fn note_seen(&self) -> Result<(), AccessError> {
        let seen: Vec<(i64, Timestamp)> = lock(&self.seen).drain().collect();
        if seen.is_empty() { Ok(()) } else { Ok(self.control.note_logins_seen(&seen).await?) }
    }
}

/// The token of the set-up link while somebody makes the first account with it; put back unless it is used up,
/// however that ends.
struct SetupToken<'a> {
    slot: &'a Mutex<Option<String>>,
    token_hash: Option<String>,
}

impl<'a> SetupToken<'a> {
    fn take(slot: &'a Mutex<Option<String>>, token: &str) -> Option<Self> {
        let token_hash = lock(slot).take_if(|expected| *expected == hash(token))?;
        Some(Self { slot, token_hash: Some(token_hash) })
    }

    fn use_up(mut self) {
        self.token_hash = None;
    }
}

impl Drop for SetupToken<'_> {
    fn drop(&mut self) {
        if let Some(token_hash) = self.token_hash.take() {
            *lock(self.slot) = Some(token_hash);
        }
    }
}

fn clipped(user_agent: &str) -> String {
    user_agent.chars().filter(|c| !c.is_control()).take(USER_AGENT_MAX).collect()
}
