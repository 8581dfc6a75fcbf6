//! Operations on users, API keys and the audit log.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use super::{OperateError, Operator, to_json};
use crate::{
    access::{COMMAND_LINE, InvitationRequest, UserEdit},
    control::{Membership, Role, Scope},
    model::{SiteId, Timestamp},
    wire::users::{AuditBody, InvitationMade, KeyMade, KeysBody, UserEntry, UsersBody},
};

/// An operation on users. `user` is an e-mail address or a user id.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum UserOperation {
    /// Lists all accounts and open invitations.
    List,
    /// Adds a user.
    Add {
        /// Account with role and sites.
        #[serde(flatten)]
        account: Account,
        /// At least 8 characters.
        #[serde(serialize_with = "exposed_secret")]
        password: SecretString,
    },
    /// Creates an invitation link.
    Invite {
        /// Account with role and sites.
        #[serde(flatten)]
        account: Account,
    },
    /// Removes a user.
    Remove {
        /// The user.
        user: String,
    },
    /// Changes a user's permissions.
    Change {
        /// The user.
        user: String,
        /// `owner`, `marketer` or `viewer`.
        role: Option<String>,
        /// Sites the user can access; empty: all.
        sites: Option<Vec<u32>>,
        /// Whether visitors' personal data is masked for this user.
        masked: Option<bool>,
    },
    /// Sets a new password and ends the user's sessions.
    Password {
        /// The user.
        user: String,
        /// At least 8 characters.
        #[serde(serialize_with = "exposed_secret")]
        password: SecretString,
    },
    /// Disables a user's second factor.
    ResetTwoFactor {
        /// The user.
        user: String,
    },
    /// Ends all sessions of a user.
    LogOut {
        /// The user.
        user: String,
    },
}

/// An account to create or invite.
#[derive(Debug, Serialize, Deserialize)]
pub struct Account {
    /// Login name.
    pub email: String,
    /// `owner`, `marketer` or `viewer`.
    pub role: String,
    /// Sites the user can access; empty: all.
    pub sites: Vec<u32>,
    /// Whether visitors' personal data is masked for this user.
    pub masked: bool,
}

/// An operation on the API keys of a site.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum KeyOperation {
    /// Lists the keys.
    List {
        /// The site.
        site: u32,
    },
    /// Creates a key.
    Add {
        /// The site it gives access to.
        site: u32,
        /// `read`, `server` or `admin`.
        scope: String,
        /// Name that describes its use.
        name: String,
        /// Expiry time, RFC 3339.
        expires_at: Option<String>,
    },
    /// Revokes a key.
    Revoke {
        /// The site.
        site: u32,
        /// Id of the key.
        key: i64,
    },
}

/// Serializes a password for the socket in the data directory, which only its owner can open.
fn exposed_secret<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

impl Operator<'_> {
    pub(super) async fn users(&self, operation: UserOperation) -> Result<Value, OperateError> {
        let access = self.access;
        match operation {
            UserOperation::List => {
                let users = access.users().await?.iter().map(Into::into).collect();
                let invitations = access.invitations().await?.iter().map(Into::into).collect();
                Ok(to_json(&UsersBody { users, invitations }))
            }
            UserOperation::Add { account, password } => {
                let membership = account.membership()?;
                let id = access.add_user(COMMAND_LINE, &account.email, &membership, &password).await?;
                Ok(json!({ "user_id": id }))
            }
            UserOperation::Invite { account } => {
                let base = self.public_url();
                let request =
                    InvitationRequest { email: &account.email, membership: account.membership()?, base: &base };
                Ok(to_json(&InvitationMade::from(access.invite(COMMAND_LINE, &request).await?)))
            }
            UserOperation::Remove { user } => {
                let id = access.user_named(&user).await?.id;
                access.remove_user(COMMAND_LINE, id).await?;
                Ok(json!({ "user_id": id }))
            }
            UserOperation::Change { user, role, sites, masked } => {
                let edit = UserEdit {
                    role: role.as_deref().map(parse_role).transpose()?,
                    sites: sites.map(|sites| (!sites.is_empty()).then(|| sites.into_iter().map(SiteId).collect())),
                    masked,
                };
                let id = access.user_named(&user).await?.id;
                Ok(to_json(&UserEntry::from(&access.change_user(COMMAND_LINE, id, edit).await?)))
            }
            UserOperation::Password { user, password } => {
                let id = access.user_named(&user).await?.id;
                access.put_password(COMMAND_LINE, id, &password).await?;
                Ok(json!({ "user_id": id }))
            }
            UserOperation::ResetTwoFactor { user } => {
                let id = access.user_named(&user).await?.id;
                access.reset_two_factor(COMMAND_LINE, id).await?;
                Ok(json!({ "user_id": id }))
            }
            UserOperation::LogOut { user } => {
                let id = access.user_named(&user).await?.id;
                Ok(json!({ "user_id": id, "ended": access.log_user_out(COMMAND_LINE, id).await? }))
            }
        }
    }

    pub(super) async fn keys(&self, operation: KeyOperation) -> Result<Value, OperateError> {
        match operation {
            KeyOperation::List { site } => {
                let site = self.catalog.site(SiteId(site))?.site.id;
                Ok(to_json(&KeysBody { keys: self.access.keys(site).iter().map(Into::into).collect() }))
            }
            KeyOperation::Add { site, scope, name, expires_at } => {
                let scope = Scope::from_name(&scope)
                    .ok_or_else(|| OperateError::InvalidArgument("--scope must be read, server or admin".into()))?;
                let expires_at = expires_at
                    .map(|text| Timestamp::parse_rfc3339(&text).ok_or_else(|| invalid_time(&text)))
                    .transpose()?;
                let site = self.catalog.site(SiteId(site))?.site.id;
                let made = self.access.add_key(COMMAND_LINE, site, scope, &name, expires_at).await?;
                Ok(to_json(&KeyMade::from(made)))
            }
            KeyOperation::Revoke { site, key } => {
                let site = self.catalog.site(SiteId(site))?.site.id;
                self.access.revoke_key(COMMAND_LINE, site, key).await?;
                Ok(json!({ "id": key }))
            }
        }
    }

    pub(super) async fn audit(
        &self,
        site: Option<u32>,
        before: Option<i64>,
        limit: Option<u32>,
    ) -> Result<Value, OperateError> {
        let page = self.access.audit_page(site.map(SiteId), before, limit).await?;
        Ok(to_json(&AuditBody::from(page)))
    }

    /// Returns the service's public URL: the configured one, or the listen address.
    fn public_url(&self) -> String {
        let configured = self.server.public_url.trim_end_matches('/');
        if configured.is_empty() { format!("http://{}", self.server.listen) } else { configured.to_owned() }
    }
}

impl Account {
    fn membership(&self) -> Result<Membership, OperateError> {
        let sites = (!self.sites.is_empty()).then(|| self.sites.iter().copied().map(SiteId).collect());
        Ok(Membership { role: parse_role(&self.role)?, sites, masked: self.masked })
    }
}

fn parse_role(name: &str) -> Result<Role, OperateError> {
    Role::from_name(name)
        .ok_or_else(|| OperateError::InvalidArgument("--role must be owner, marketer or viewer".into()))
}

fn invalid_time(text: &str) -> OperateError {
    OperateError::InvalidArgument(format!("--expires-at {text:?} is not a time such as 2027-01-31T00:00:00Z"))
}
