//! The private side's JSON about people, their logins, keys, and the audit.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// Everybody with an account, and who is invited.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsersBody {
    /// Accounts, the oldest first.
    pub users: Vec<UserEntry>,
    /// Invitations that were not taken up yet.
    pub invitations: Vec<InvitationEntry>,
}

/// One account.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserEntry {
    /// Number.
    pub id: i64,
    /// Login name.
    pub email: String,
    /// owner, marketer or viewer.
    pub role: &'static str,
    /// Numbers of the sites they see; null for all.
    pub sites: Option<Vec<u32>>,
    /// Whether personal data of visitors is masked for them.
    pub masked: bool,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339; null when they never logged in.
    pub last_login_at: Option<String>,
    /// Whether a code is asked for besides the password.
    pub two_factor: bool,
}

/// One invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationEntry {
    /// Number.
    pub id: i64,
    /// Whom it is for.
    pub email: String,
    /// owner, marketer or viewer.
    pub role: &'static str,
    /// Numbers of the sites they will see; null for all.
    pub sites: Option<Vec<u32>>,
    /// Whether personal data of visitors will be masked for them.
    pub masked: bool,
    /// RFC 3339.
    pub created_at: String,
    /// Until when the link works, RFC 3339.
    pub expires_at: String,
}

/// Changes of a user; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChangeBody {
    /// owner, marketer or viewer.
    pub role: Option<String>,
    /// Numbers of the sites they see; null for all.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<u32>>)]
    pub sites: Option<Option<Vec<u32>>>,
    /// Whether personal data of visitors is masked for them.
    pub masked: Option<bool>,
}

/// Tells a null that was given from nothing given.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Whom to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitationBody {
    /// Their e-mail address.
    pub email: String,
    /// owner, marketer or viewer.
    pub role: String,
    /// Numbers of the sites they will see; null or absent for all.
    #[serde(default)]
    pub sites: Option<Vec<u32>>,
    /// Whether personal data of visitors will be masked for them.
    #[serde(default)]
    pub masked: bool,
}

/// An invitation that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationMade {
    /// Number.
    pub id: i64,
    /// The link for whom it is for; shown this once.
    pub link: String,
    /// Until when it works, RFC 3339.
    pub expires_at: String,
    /// Whether it was sent by mail.
    pub mailed: bool,
}

/// Whom an invitation's link is for.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationBody {
    /// Their login name.
    pub email: String,
    /// owner, marketer or viewer.
    pub role: &'static str,
}

/// Takes an invitation up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptBody {
    /// The account's password: at least 8 characters.
    #[schema(value_type = String)]
    pub password: SecretString,
}

/// The caller's own logins.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionsBody {
    /// The last used first.
    pub sessions: Vec<SessionEntry>,
}

/// One login.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionEntry {
    /// Number.
    pub id: i64,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339, to the minute.
    pub last_seen_at: String,
    /// RFC 3339.
    pub expires_at: String,
    /// What the browser calls itself.
    pub user_agent: String,
    /// The network it came from, such as 203.0.113.0/24.
    pub network: String,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// How many logins were ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoggedOut {
    /// Logins that were open.
    pub ended: u64,
}

/// Another password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The present one.
    #[schema(value_type = String)]
    pub current: SecretString,
    /// The next one: at least 8 characters.
    #[schema(value_type = String)]
    pub new: SecretString,
}

/// The password, to begin a second factor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    /// The present one.
    #[schema(value_type = String)]
    pub password: SecretString,
}

/// The secret of a second factor, shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct TwoFactorBegun {
    /// Base32, to type into an authenticator.
    pub secret: String,
    /// The same for a QR code.
    pub otpauth_url: String,
}

/// A code of the authenticator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeBody {
    /// Six digits.
    #[schema(value_type = String)]
    pub code: SecretString,
}

/// Password and code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordAndCode {
    /// The present password.
    #[schema(value_type = String)]
    pub password: SecretString,
    /// Six digits, or a recovery code.
    #[schema(value_type = String)]
    pub code: SecretString,
}

/// Recovery codes, shown once; each works once in place of an authenticator's code.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// Ten of them.
    pub recovery_codes: Vec<String>,
}

/// The keys of a site.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeysBody {
    /// The oldest first.
    pub keys: Vec<KeyEntry>,
}

/// One key, without itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyEntry {
    /// Number.
    pub id: i64,
    /// What it is for; may be empty.
    pub name: String,
    /// read, server or admin.
    pub scope: &'static str,
    /// Its first characters.
    pub hint: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339, to the minute; null when it was never used.
    pub last_used_at: Option<String>,
    /// RFC 3339; null when it holds until it is revoked.
    pub expires_at: Option<String>,
}

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyMade {
    /// The key; shown this once.
    pub key: String,
    /// The rest of it, as lists show it.
    #[serde(flatten)]
    pub entry: KeyEntry,
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// read, server or admin.
    pub scope: String,
    /// What it is for.
    #[serde(default)]
    pub name: String,
    /// RFC 3339; null or absent: it holds until it is revoked.
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// Some of the audit, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditBody {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// What to give as `before` for those before them; null at the end.
    pub next: Option<i64>,
}

/// One thing that somebody did.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Number.
    pub id: i64,
    /// RFC 3339.
    pub at: String,
    /// E-mail address, key, or `command line`.
    pub who: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Number of the site it is about; null for what concerns no single one.
    pub site: Option<u32>,
}
