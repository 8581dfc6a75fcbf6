//! Who asks on the private side, and what they may do.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

use super::{connection, error::ApiError, state::Doors};
use crate::{
    control::{KeyRow, Role, Scope, UserRow},
    model::SiteId,
};

/// Name of the login cookie.
pub const LOGIN_COOKIE: &str = "ashna_session";

/// A person with a login or a program with a key. As an extractor it refuses everybody else.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Logged in.
    Person(UserRow),
    /// Came with a key.
    Program(KeyRow),
}

impl FromRequestParts<Doors> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, doors: &Doors) -> Result<Self, ApiError> {
        if let Some(key) = bearer(&parts.headers) {
            return doors.access.key(key).await?.map(Self::Program).ok_or(ApiError::Unauthorized);
        }
        let token = connection::cookie(&parts.headers, LOGIN_COOKIE).ok_or(ApiError::Unauthorized)?;
        doors.access.user_of(&token).await?.map(Self::Person).ok_or(ApiError::Unauthorized)
    }
}

/// The key of an `Authorization: Bearer KEY` header.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key.trim())
}

impl Caller {
    /// The name for the audit log.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Person(user) => user.email.clone(),
            Self::Program(key) => format!("key {}…", key.hint),
        }
    }

    /// May read this site's reports.
    pub fn may_read(&self, site: SiteId) -> Result<(), ApiError> {
        match self {
            // A key of another site learns nothing, not even that this one exists.
            Self::Program(key) if key.site != site => Err(ApiError::NotFound),
            Self::Person(_) | Self::Program(_) => Ok(()),
        }
    }

    /// May change this site's items, offers and funnels.
    pub fn may_edit(&self, site: SiteId) -> Result<(), ApiError> {
        self.may_read(site)?;
        let allowed = match self {
            Self::Person(user) => user.role >= Role::Marketer,
            Self::Program(key) => key.scope >= Scope::Admin,
        };
        if allowed { Ok(()) } else { Err(ApiError::Forbidden("this role or key may read, not change")) }
    }

    /// May send what a server of the site sends: items, verified ids.
    pub fn may_serve(&self, site: SiteId) -> Result<(), ApiError> {
        match self {
            Self::Program(key) if key.site == site && key.scope >= Scope::Server => Ok(()),
            _ => self.may_edit(site),
        }
    }

    /// May add sites and people, and see every site.
    pub fn may_own(&self) -> Result<(), ApiError> {
        match self {
            Self::Person(user) if user.role == Role::Owner => Ok(()),
            _ => Err(ApiError::Forbidden("only an owner may do this")),
        }
    }
}
