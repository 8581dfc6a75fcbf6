//! Converts users, keys and audit entries to the response bodies of the API and the command line.

use crate::{
    control::{AuditRow, InvitationRow, KeyRow, Membership, UserRow},
    wire::{
        admin::UserBody,
        users::{AuditBody, AuditEntry, InvitationBody, InvitationEntry, InvitationMade, KeyEntry, KeyMade, UserEntry},
    },
};

use super::{AuditPage, CreatedInvitation};

impl From<&UserRow> for UserEntry {
    fn from(user: &UserRow) -> Self {
        Self {
            id: user.id,
            email: user.email.clone(),
            role: user.membership.role.as_str(),
            sites: site_numbers(&user.membership),
            masked: user.membership.masked,
            created_at: user.created_at.to_string(),
            last_login_at: user.last_login_at.map(|at| at.to_string()),
            two_factor: user.two_factor,
        }
    }
}

impl From<&UserRow> for UserBody {
    fn from(user: &UserRow) -> Self {
        Self {
            id: user.id,
            email: user.email.clone(),
            role: user.membership.role.as_str(),
            sites: site_numbers(&user.membership),
            masked: user.membership.masked,
            two_factor: user.two_factor,
            recovery_codes_left: user.recovery_codes_left,
        }
    }
}

impl From<&InvitationRow> for InvitationEntry {
    fn from(invitation: &InvitationRow) -> Self {
        Self {
            id: invitation.id,
            email: invitation.email.clone(),
            role: invitation.membership.role.as_str(),
            sites: site_numbers(&invitation.membership),
            masked: invitation.membership.masked,
            created_at: invitation.created_at.to_string(),
            expires_at: invitation.expires_at.to_string(),
        }
    }
}

impl From<InvitationRow> for InvitationBody {
    fn from(invitation: InvitationRow) -> Self {
        Self { email: invitation.email, role: invitation.membership.role.as_str() }
    }
}

impl From<CreatedInvitation> for InvitationMade {
    fn from(created: CreatedInvitation) -> Self {
        Self { id: created.id, link: created.link, expires_at: created.expires_at.to_string(), mailed: created.mailed }
    }
}

impl From<&KeyRow> for KeyEntry {
    fn from(key: &KeyRow) -> Self {
        Self {
            id: key.id,
            name: key.name.clone(),
            scope: key.scope.as_str(),
            hint: key.hint.clone(),
            created_at: key.created_at.to_string(),
            last_used_at: key.last_used_at.map(|at| at.to_string()),
            expires_at: key.expires_at.map(|at| at.to_string()),
        }
    }
}

impl From<(String, KeyRow)> for KeyMade {
    fn from((key, row): (String, KeyRow)) -> Self {
        Self { key, entry: KeyEntry::from(&row) }
    }
}

impl From<AuditPage> for AuditBody {
    fn from(page: AuditPage) -> Self {
        let entry = |row: AuditRow| AuditEntry {
            id: row.id,
            at: row.at.to_string(),
            who: row.who,
            action: row.action,
            subject: row.subject,
            site: row.site.map(|site| site.0),
        };
        Self { entries: page.entries.into_iter().map(entry).collect(), next: page.next }
    }
}

fn site_numbers(membership: &Membership) -> Option<Vec<u32>> {
    membership.sites.as_ref().map(|sites| sites.iter().map(|site| site.0).collect())
}
