//! Admin API: users, invitations, sessions, two-factor login, API keys, audit log.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// All user accounts and open invitations.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsersBody {
    /// Accounts, oldest first.
    pub users: Vec<UserEntry>,
    /// Invitations not yet accepted.
    pub invitations: Vec<InvitationEntry>,
}

/// One user account.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserEntry {
    /// Numeric id.
    pub id: i64,
    /// Login name.
    pub email: String,
    /// `owner`, `marketer` or `viewer`.
    #[schema(value_type = crate::model::Role)]
    pub role: &'static str,
    /// Ids of the sites the user can access; null for all.
    pub sites: Option<Vec<u32>>,
    /// Whether visitors' personal data is masked for this user.
    pub masked: bool,
    /// Creation time, RFC 3339.
    pub created_at: String,
    /// Time of the last login, RFC 3339; null if never.
    pub last_login_at: Option<String>,
    /// Whether login requires a second factor.
    pub two_factor: bool,
}

/// One invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationEntry {
    /// Numeric id.
    pub id: i64,
    /// E-mail address of the invited person.
    pub email: String,
    /// `owner`, `marketer` or `viewer`.
    #[schema(value_type = crate::model::Role)]
    pub role: &'static str,
    /// Ids of the sites the user will have access to; null for all.
    pub sites: Option<Vec<u32>>,
    /// Whether visitors' personal data will be masked for this user.
    pub masked: bool,
    /// Creation time, RFC 3339.
    pub created_at: String,
    /// When the link expires, RFC 3339.
    pub expires_at: String,
}

/// Changes to a user; absent fields stay unchanged.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChangeBody {
    /// `owner`, `marketer` or `viewer`.
    #[schema(value_type = Option<crate::model::Role>)]
    pub role: Option<String>,
    /// Ids of the sites the user can access; null for all.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<u32>>)]
    pub sites: Option<Option<Vec<u32>>>,
    /// Whether visitors' personal data is masked for this user.
    pub masked: Option<bool>,
}

/// Distinguishes an explicit `null` (`Some(None)`) from an absent field (`None`).
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A new invitation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitationBody {
    /// E-mail address of the invited person.
    pub email: String,
    /// `owner`, `marketer` or `viewer`.
    #[schema(value_type = crate::model::Role)]
    pub role: String,
    /// Ids of the sites the user will have access to; null or absent for all.
    #[serde(default)]
    pub sites: Option<Vec<u32>>,
    /// Whether visitors' personal data will be masked for this user.
    #[serde(default)]
    pub masked: bool,
}

/// A created invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationMade {
    /// Numeric id.
    pub id: i64,
    /// The invitation link; shown only once.
    pub link: String,
    /// When the link expires, RFC 3339.
    pub expires_at: String,
    /// Whether it was sent by e-mail.
    pub mailed: bool,
}

/// The invitation behind a link.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationBody {
    /// Login name of the invited user.
    pub email: String,
    /// `owner`, `marketer` or `viewer`.
    #[schema(value_type = crate::model::Role)]
    pub role: &'static str,
}

/// Accepts an invitation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptBody {
    /// Password of the new account: at least 8 characters.
    #[schema(value_type = String)]
    pub password: SecretString,
}

/// The caller's active sessions.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionsBody {
    /// Most recently used first.
    pub sessions: Vec<SessionEntry>,
}

/// One login session.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionEntry {
    /// Numeric id.
    pub id: i64,
    /// Creation time, RFC 3339.
    pub created_at: String,
    /// Time of the last use, RFC 3339, to the minute.
    pub last_seen_at: String,
    /// Expiry time, RFC 3339.
    pub expires_at: String,
    /// User agent of the browser.
    pub user_agent: String,
    /// Network of the client, such as 203.0.113.0/24.
    pub network: String,
    /// Whether this is the session of the current request.
    pub current: bool,
}

/// Number of sessions ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoggedOut {
    /// Sessions that were active.
    pub ended: u64,
}

/// A password change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// Current password.
    #[schema(value_type = String)]
    pub current: SecretString,
    /// New password: at least 8 characters.
    #[schema(value_type = String)]
    pub new: SecretString,
}

/// Password confirmation, to set up two-factor login.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    /// Current password.
    #[schema(value_type = String)]
    pub password: SecretString,
}

/// The secret of a new second factor; shown only once.
#[derive(Debug, Serialize, ToSchema)]
pub struct TwoFactorBegun {
    /// Base32 secret to type into an authenticator app.
    pub secret: String,
    /// The same as an `otpauth` URL, for a QR code.
    pub otpauth_url: String,
}

/// An authenticator code.
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
    /// Current password.
    #[schema(value_type = String)]
    pub password: SecretString,
    /// Six-digit authenticator code, or a recovery code.
    #[schema(value_type = String)]
    pub code: SecretString,
}

/// Recovery codes, shown only once; each replaces an authenticator code once.
#[derive(Debug, Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// Ten codes.
    pub recovery_codes: Vec<String>,
}

/// The API keys of a site.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeysBody {
    /// Oldest first.
    pub keys: Vec<KeyEntry>,
}

/// One API key, without the key itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyEntry {
    /// Numeric id.
    pub id: i64,
    /// Name that describes its use; may be empty.
    pub name: String,
    /// `read`, `server` or `admin`.
    #[schema(value_type = crate::model::Scope)]
    pub scope: &'static str,
    /// First characters of the key.
    pub hint: String,
    /// Creation time, RFC 3339.
    pub created_at: String,
    /// Time of the last use, RFC 3339, to the minute; null if never used.
    pub last_used_at: Option<String>,
    /// Expiry time, RFC 3339; null if it does not expire.
    pub expires_at: Option<String>,
}

/// A created API key.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyMade {
    /// The key; shown only once.
    pub key: String,
    /// The key's entry as in lists.
    #[serde(flatten)]
    pub entry: KeyEntry,
}

/// A new API key.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// `read`, `server` or `admin`.
    #[schema(value_type = crate::model::Scope)]
    pub scope: String,
    /// Name that describes its use.
    #[serde(default)]
    pub name: String,
    /// Expiry time, RFC 3339; null or absent: no expiry.
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// A page of the audit log, newest entry first.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditBody {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// Value of `before` for the next page; null at the end.
    pub next: Option<i64>,
}

/// One action in the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Numeric id.
    pub id: i64,
    /// Time, RFC 3339.
    pub at: String,
    /// Who did it: e-mail address, API key, or `command line`.
    pub who: String,
    /// The action.
    pub action: String,
    /// What the action was applied to.
    pub subject: String,
    /// Id of the site concerned; null if none.
    pub site: Option<u32>,
}
