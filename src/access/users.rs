//! Users, their permissions, and invitations.

use secrecy::SecretString;

use super::{Access, AccessError, Client, Login, check_email, hash, new_secret};
use crate::{
    clock,
    control::{InvitationRow, Membership, NewInvitation, Role, UserChange, UserRow},
    model::{SiteId, Timestamp},
};

/// How long an invitation's link works.
const INVITATION_MS: i64 = 7 * 86_400_000;
const NO_INVITATION: AccessError = AccessError::Missing("invitation with that link; it may be used or expired");

/// Changes of a user; `None` leaves a field as it is.
#[derive(Debug, Default, Clone)]
pub struct UserEdit {
    /// Role.
    pub role: Option<Role>,
    /// The sites they see; `Some(None)` for all.
    pub sites: Option<Option<Vec<SiteId>>>,
    /// Whether personal data is masked.
    pub masked: Option<bool>,
}

/// An invitation to create.
#[derive(Debug)]
pub struct InvitationRequest<'a> {
    /// Login name.
    pub email: &'a str,
    /// Role, sites and masking.
    pub membership: Membership,
    /// The base of the link: the service's public address.
    pub base: &'a str,
}

/// A created invitation.
#[derive(Debug)]
pub struct CreatedInvitation {
    /// Id.
    pub id: i64,
    /// The link for the invited user; it is shown only once.
    pub link: String,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Whether it was sent by mail.
    pub mailed: bool,
}

impl Access {
    /// All users.
    pub async fn users(&self) -> Result<Vec<UserRow>, AccessError> {
        Ok(self.control.users().await?)
    }

    /// The user with this id or e-mail address.
    pub async fn user_named(&self, name: &str) -> Result<UserRow, AccessError> {
        let user = match name.parse() {
            Ok(id) => self.control.user(id).await?,
            Err(_) => self.control.user_by_email(name).await?,
        };
        user.ok_or(AccessError::Missing("such user"))
    }

    /// Adds a user and returns their id.
    pub async fn add_user(
        &self,
        who: &str,
        email: &str,
        membership: &Membership,
        password: &SecretString,
    ) -> Result<i64, AccessError> {
        let email = check_email(email)?;
        check_membership(membership)?;
        let hashed = self.hash_password(password, email).await?;
        let id = self.control.add_user(email, membership, &hashed).await?;
        self.audit(who, "add user", &describe(email, membership)).await?;
        Ok(id)
    }

    /// Changes a user's role, sites and masking. The last owner must stay an owner.
    pub async fn change_user(&self, who: &str, id: i64, edit: UserEdit) -> Result<UserRow, AccessError> {
        let user = self.control.user(id).await?.ok_or(AccessError::Missing("such user"))?;
        let old = user.membership;
        let role = edit.role.unwrap_or(old.role);
        // A new owner implicitly sees all sites unmasked.
        let promoted = role == Role::Owner && old.role != Role::Owner;
        let membership = Membership {
            role,
            sites: edit.sites.map_or(if promoted { None } else { old.sites }, |sites| sites.map(Into::into)),
            masked: edit.masked.unwrap_or(!promoted && old.masked),
        };
        check_membership(&membership)?;
        change_result(self.control.change_user(id, &membership).await?)?;
        self.audit(who, "change user", &describe(&user.email, &membership)).await?;
        self.control.user(id).await?.ok_or(AccessError::Missing("such user"))
    }

    /// Removes a user and ends their logins. The last owner cannot be removed.
    pub async fn remove_user(&self, who: &str, id: i64) -> Result<(), AccessError> {
        let user = self.control.user(id).await?.ok_or(AccessError::Missing("such user"))?;
        change_result(self.control.remove_user(id).await?)?;
        self.audit(who, "remove user", &user.email).await
    }

    /// Ends all of a user's logins; returns how many.
    pub async fn log_user_out(&self, who: &str, id: i64) -> Result<u64, AccessError> {
        let user = self.control.user(id).await?.ok_or(AccessError::Missing("such user"))?;
        let ended = self.control.end_logins(id, None).await?;
        self.audit(who, "log user out", &format!("{}, {ended} logins", user.email)).await?;
        Ok(ended)
    }

    /// Turns a user's second factor off, for a user who lost the device and the recovery codes.
    pub async fn reset_two_factor(&self, who: &str, id: i64) -> Result<(), AccessError> {
        let user = self.control.user(id).await?.ok_or(AccessError::Missing("such user"))?;
        self.control.end_two_factor(id).await?;
        self.audit(who, "reset two-factor", &user.email).await
    }

    /// Sets a user's password and ends their logins.
    pub async fn put_password(&self, who: &str, id: i64, password: &SecretString) -> Result<(), AccessError> {
        let user = self.control.user(id).await?.ok_or(AccessError::Missing("such user"))?;
        let hashed = self.hash_password(password, &user.email).await?;
        self.control.put_password(id, &hashed, None).await?;
        self.audit(who, "set password", &user.email).await
    }

    /// Open invitations.
    pub async fn invitations(&self) -> Result<Vec<InvitationRow>, AccessError> {
        Ok(self.control.invitations(clock::now()).await?)
    }

    /// Creates an invitation link, and mails it if mail is configured. An earlier invitation to the same address becomes
    /// invalid.
    pub async fn invite(&self, who: &str, request: &InvitationRequest<'_>) -> Result<CreatedInvitation, AccessError> {
        let email = check_email(request.email)?;
        check_membership(&request.membership)?;
        let (token, now) = (new_secret(""), clock::now());
        let expires_at = now.plus(INVITATION_MS);
        let new = NewInvitation { email, membership: &request.membership, token_hash: &hash(&token), expires_at };
        let id = self.control.add_invitation(&new, now).await?;
        self.audit(who, "invite user", &describe(email, &request.membership)).await?;
        let link = format!("{}/dashboard/invitation#token={token}", request.base.trim_end_matches('/'));
        let mailed = match &self.mailer {
            Some(mailer) => mailer.invite(email, &link, expires_at).await,
            None => false,
        };
        Ok(CreatedInvitation { id, link, expires_at, mailed })
    }

    /// Withdraws an invitation.
    pub async fn withdraw_invitation(&self, who: &str, id: i64) -> Result<(), AccessError> {
        let email = self.control.remove_invitation(id).await?.ok_or(AccessError::Missing("such invitation"))?;
        self.audit(who, "withdraw invitation", &email).await
    }

    /// The invitation of a link's token.
    pub async fn invitation(&self, token: &str) -> Result<InvitationRow, AccessError> {
        let row = if token.len() > 100 { None } else { self.control.invitation(&hash(token), clock::now()).await? };
        row.ok_or(NO_INVITATION)
    }

    /// Creates the account of an invitation link, once, and logs in.
    pub async fn accept_invitation(
        &self,
        token: &str,
        password: &SecretString,
        client: &Client,
    ) -> Result<Login, AccessError> {
        let invitation = self.invitation(token).await?;
        let hashed = self.hash_password(password, &invitation.email).await?;
        let Some(id) = self.control.accept_invitation(&hash(token), &hashed, clock::now()).await? else {
            return Err(NO_INVITATION);
        };
        self.audit(&invitation.email, "accept invitation", invitation.membership.role.as_str()).await?;
        let user = self.control.user(id).await?.ok_or(NO_INVITATION)?;
        self.open_login(user, None, client).await
    }
}

fn change_result(change: UserChange) -> Result<(), AccessError> {
    match change {
        UserChange::Done => Ok(()),
        UserChange::Missing => Err(AccessError::Missing("such user")),
        UserChange::LastOwner => Err(AccessError::Conflict("the last owner must stay an owner; add another one first")),
    }
}

fn check_membership(membership: &Membership) -> Result<(), AccessError> {
    if membership.role == Role::Owner && (membership.sites.is_some() || membership.masked) {
        return Err(AccessError::Unusable("an owner sees all sites unmasked; choose another role"));
    }
    Ok(())
}

/// `a@b.example, viewer of 1 2, masked`.
fn describe(email: &str, membership: &Membership) -> String {
    let sites = membership.sites.as_ref().map_or_else(
        || "all sites".to_owned(),
        |sites| sites.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    );
    let masked = if membership.masked { ", masked" } else { "" };
    format!("{email}, {} of {sites}{masked}", membership.role.as_str())
}
