//! Orders about people, keys and the audit.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use super::{OperateError, Operator, answer};
use crate::{
    access::{COMMAND_LINE, InviteOrder, UserEdit},
    control::{Membership, Role, Scope},
    model::{SiteId, Timestamp},
    wire::users::{AuditBody, InvitationMade, KeyMade, KeysBody, UserEntry, UsersBody},
};

/// An order about people. `user` is an e-mail address or a number.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum UserOrder {
    /// Names everybody with an account, and who is invited.
    List,
    /// Adds a user.
    Add {
        /// What they may do.
        #[serde(flatten)]
        account: Account,
        /// At least 8 characters.
        #[serde(serialize_with = "exposed")]
        password: SecretString,
    },
    /// Makes a link that makes an account.
    Invite {
        /// What they may do.
        #[serde(flatten)]
        account: Account,
    },
    /// Removes a user.
    Remove {
        /// Whom.
        user: String,
    },
    /// Changes what a user may do.
    Change {
        /// Whom.
        user: String,
        /// owner, marketer or viewer.
        role: Option<String>,
        /// The sites they see; empty: all.
        sites: Option<Vec<u32>>,
        /// Whether personal data is masked for them.
        masked: Option<bool>,
    },
    /// Gives a user another password; their logins end.
    Password {
        /// Whom.
        user: String,
        /// At least 8 characters.
        #[serde(serialize_with = "exposed")]
        password: SecretString,
    },
    /// Turns a user's second factor off.
    ResetTwoFactor {
        /// Whom.
        user: String,
    },
    /// Ends all of a user's logins.
    LogOut {
        /// Whom.
        user: String,
    },
}

/// An account to be.
#[derive(Debug, Serialize, Deserialize)]
pub struct Account {
    /// Login name.
    pub email: String,
    /// owner, marketer or viewer.
    pub role: String,
    /// The sites they see; empty: all.
    pub sites: Vec<u32>,
    /// Whether personal data is masked for them.
    pub masked: bool,
}

/// An order about the keys of a site.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub enum KeyOrder {
    /// Names them.
    List {
        /// The site.
        site: u32,
    },
    /// Makes one.
    Add {
        /// The site it opens.
        site: u32,
        /// read, server or admin.
        scope: String,
        /// What it is for.
        name: String,
        /// RFC 3339.
        expires_at: Option<String>,
    },
    /// Revokes one.
    Revoke {
        /// The site.
        site: u32,
        /// Its number.
        key: i64,
    },
}

/// Over the socket of the data directory, which its owner alone can open.
fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

impl Operator<'_> {
    pub(super) async fn users(&self, order: UserOrder) -> Result<Value, OperateError> {
        let access = self.access;
        match order {
            UserOrder::List => {
                let users = access.users().await?.iter().map(Into::into).collect();
                let invitations = access.invitations().await?.iter().map(Into::into).collect();
                Ok(answer(&UsersBody { users, invitations }))
            }
            UserOrder::Add { account, password } => {
                let membership = account.membership()?;
                let id = access.add_user(COMMAND_LINE, &account.email, &membership, &password).await?;
                Ok(json!({ "user_id": id }))
            }
            UserOrder::Invite { account } => {
                let base = self.base();
                let order = InviteOrder { email: &account.email, membership: account.membership()?, base: &base };
                Ok(answer(&InvitationMade::from(access.invite(COMMAND_LINE, &order).await?)))
            }
            UserOrder::Remove { user } => {
                let id = access.user_named(&user).await?.id;
                access.remove_user(COMMAND_LINE, id).await?;
                Ok(json!({ "user_id": id }))
            }
            UserOrder::Change { user, role, sites, masked } => {
                let edit = UserEdit {
                    role: role.as_deref().map(read_role).transpose()?,
                    sites: sites.map(|sites| (!sites.is_empty()).then(|| sites.into_iter().map(SiteId).collect())),
                    masked,
                };
                let id = access.user_named(&user).await?.id;
                Ok(answer(&UserEntry::from(&access.change_user(COMMAND_LINE, id, edit).await?)))
            }
            UserOrder::Password { user, password } => {
                let id = access.user_named(&user).await?.id;
                access.put_password(COMMAND_LINE, id, &password).await?;
                Ok(json!({ "user_id": id }))
            }
            UserOrder::ResetTwoFactor { user } => {
                let id = access.user_named(&user).await?.id;
                access.reset_two_factor(COMMAND_LINE, id).await?;
                Ok(json!({ "user_id": id }))
            }
            UserOrder::LogOut { user } => {
                let id = access.user_named(&user).await?.id;
                Ok(json!({ "user_id": id, "ended": access.log_user_out(COMMAND_LINE, id).await? }))
            }
        }
    }

    pub(super) async fn keys(&self, order: KeyOrder) -> Result<Value, OperateError> {
        match order {
            KeyOrder::List { site } => {
                let site = self.catalog.site(SiteId(site))?.site.id;
                Ok(answer(&KeysBody { keys: self.access.keys(site).iter().map(Into::into).collect() }))
            }
            KeyOrder::Add { site, scope, name, expires_at } => {
                let scope = Scope::from_word(&scope)
                    .ok_or_else(|| OperateError::Unusable("--scope must be read, server or admin".into()))?;
                let expires_at = expires_at
                    .map(|text| Timestamp::parse_rfc3339(&text).ok_or_else(|| not_a_moment(&text)))
                    .transpose()?;
                let site = self.catalog.site(SiteId(site))?.site.id;
                let made = self.access.add_key(COMMAND_LINE, site, scope, &name, expires_at).await?;
                Ok(answer(&KeyMade::from(made)))
            }
            KeyOrder::Revoke { site, key } => {
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
        Ok(answer(&AuditBody::from(page)))
    }

    /// The address at which people reach the service: the configured one, else where it listens.
    fn base(&self) -> String {
        let configured = self.server.public_url.trim_end_matches('/');
        if configured.is_empty() { format!("http://{}", self.server.listen) } else { configured.to_owned() }
    }
}

impl Account {
    fn membership(&self) -> Result<Membership, OperateError> {
        let sites = (!self.sites.is_empty()).then(|| self.sites.iter().copied().map(SiteId).collect());
        Ok(Membership { role: read_role(&self.role)?, sites, masked: self.masked })
    }
}

fn read_role(word: &str) -> Result<Role, OperateError> {
    Role::from_word(word).ok_or_else(|| OperateError::Unusable("--role must be owner, marketer or viewer".into()))
}

fn not_a_moment(text: &str) -> OperateError {
    OperateError::Unusable(format!("--expires-at {text:?} is no moment such as 2027-01-31T00:00:00Z"))
}
