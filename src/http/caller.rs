//! Authentication and authorization in the private API.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

use super::{error::ApiError, login_cookies, state::AppState};
use crate::{
    access::Session,
    catalog::Snapshot,
    control::{KeyRow, Role, Scope},
    model::SiteId,
};

/// A logged-in user or an API key. As an extractor it refuses all other requests.
#[derive(Debug, Clone)]
pub enum Caller {
    /// A logged-in user.
    Person(Session),
    /// An API key.
    Program(KeyRow),
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        if let Some(key) = bearer(&parts.headers) {
            return state.access.key(key).map(Self::Program).ok_or(ApiError::Unauthorized);
        }
        let tokens = login_cookies::tokens(&parts.headers);
        if tokens.is_empty() {
            return Err(ApiError::Unauthorized);
        }
        // Another host of the domain may have set a cookie of the same name, so all are tried.
        for token in tokens {
            if let Some(session) = state.access.session(&token).await? {
                return Ok(Self::Person(session));
            }
        }
        Err(ApiError::Unauthorized)
    }
}

/// The key of an `Authorization: Bearer KEY` header.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key.trim())
}

impl Caller {
    /// The name in the audit log.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Person(session) => session.user.email.clone(),
            Self::Program(key) => format!("key {}…", key.hint),
        }
    }

    /// The logged-in user.
    ///
    /// # Errors
    /// 403 for a key.
    pub fn person(&self) -> Result<&Session, ApiError> {
        match self {
            Self::Person(session) => Ok(session),
            Self::Program(_) => Err(ApiError::Forbidden("a key has no session")),
        }
    }

    /// Whether visitors' personal data is masked in responses.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        matches!(self, Self::Person(session) if session.user.membership.masked)
    }

    /// Identifies the caller in fair queues.
    #[must_use]
    pub fn queue_key(&self) -> String {
        match self {
            Self::Person(session) => format!("person {}", session.user.id),
            Self::Program(key) => format!("key {}", key.id),
        }
    }

    /// May read this site's reports.
    pub fn may_read(&self, site: SiteId) -> Result<(), ApiError> {
        let has_site = match self {
            Self::Person(session) => session.user.membership.has(site),
            Self::Program(key) => key.site == site,
        };
        // Others do not learn that the site exists.
        if has_site { Ok(()) } else { Err(ApiError::NotFound) }
    }

    /// Whether the caller may see figures of the whole service: they may read every site except the demo shop.
    #[must_use]
    pub fn may_see_service(&self, snapshot: &Snapshot) -> bool {
        snapshot.sites.values().all(|site| site.site.demo || self.may_read(site.site.id).is_ok())
    }

    /// May change this site's items, offers and funnels.
    pub fn may_edit(&self, site: SiteId) -> Result<(), ApiError> {
        self.may_read(site)?;
        let allowed = match self {
            Self::Person(session) => session.user.membership.role >= Role::Marketer,
            Self::Program(key) => key.scope >= Scope::Admin,
        };
        if allowed { Ok(()) } else { Err(ApiError::Forbidden("this role or key may read, not change")) }
    }

    /// May change the site's trust and privacy settings (origins, consent, identification of visitors), erase visitors,
    /// list and revoke keys: an owner, or an `admin` key of the site.
    pub fn may_administer(&self, site: SiteId) -> Result<(), ApiError> {
        self.may_read(site)?;
        let allowed = match self {
            Self::Person(session) => session.user.membership.role >= Role::Owner,
            Self::Program(key) => key.scope >= Scope::Admin,
        };
        if allowed { Ok(()) } else { Err(ApiError::Forbidden("only an owner or an `admin` key may do this")) }
    }

    /// May see unmasked personal data of this site's visitors.
    pub fn may_see_people(&self, site: SiteId) -> Result<(), ApiError> {
        self.may_read(site)?;
        if self.is_masked() {
            return Err(ApiError::Forbidden("personal data is masked for your account"));
        }
        Ok(())
    }

    /// May write what a site's server sends: items, verified user ids.
    pub fn may_serve(&self, site: SiteId) -> Result<(), ApiError> {
        match self {
            Self::Program(key) if key.site == site && key.scope >= Scope::Server => Ok(()),
            _ => self.may_edit(site),
        }
    }

    /// May add sites and users, and see every site.
    pub fn may_own(&self) -> Result<(), ApiError> {
        match self {
            Self::Person(session) if session.user.membership.role == Role::Owner => Ok(()),
            _ => Err(ApiError::Forbidden("only an owner may do this")),
        }
    }
}
