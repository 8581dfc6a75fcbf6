//! The visitor cookie: named per site, signed, out of scripts' reach.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite, time::Duration};

use super::{connection, error::ApiError, state::Doors};
use crate::{
    ingest::{
        Consent, Identity, Origin, Session,
        identify::{self, CookieIdentity},
    },
    model::Site,
};

/// The longest a browser keeps a cookie.
const DAYS: i64 = 400;
/// A cookie is written anew when its last activity is older than this: answers stay small in between.
const RENEW_AFTER_MS: i64 = 60_000;

/// Whether the browser signals a refusal: Global Privacy Control or Do Not Track.
#[must_use]
pub fn refuses(headers: &HeaderMap) -> bool {
    ["sec-gpc", "dnt"].iter().any(|name| headers.get(*name).is_some_and(|value| value == "1"))
}

/// Who the visitor is: a valid cookie wins, then the tracker's proposal. After a `reset`, and without
/// consent, the cookie is not even read.
#[must_use]
pub fn identify(
    doors: &Doors,
    headers: &HeaderMap,
    site: &Site,
    proposal: &str,
    reset: bool,
    consent: Consent,
) -> Identity {
    let cookie = (consent.analytics && !reset)
        .then(|| connection::cookie(headers, &name(site)))
        .flatten()
        .and_then(|value| identify::parse(site.id, &doors.cookie_keys, &value));
    identify::settle(cookie, proposal, consent.analytics, rand::random())
}

/// Whether nothing can be known of the visitor yet: the id was made here, or by the page just now.
/// A page that lies about it only hides its own visitor's past from itself.
#[must_use]
pub fn is_new(identity: Identity, fresh: bool) -> bool {
    identity.from == Origin::Fresh || (identity.from == Origin::Proposal && fresh)
}

/// The cookie to set, when there is news in it.
pub fn renewed_cookie(
    doors: &Doors,
    headers: &HeaderMap,
    site: &Site,
    identity: Identity,
    session: Option<Session>,
) -> Result<Option<HeaderValue>, ApiError> {
    let Some(session) = session.or(identity.session) else { return Ok(None) };
    let known = identity.session.filter(|_| identity.from == Origin::Cookie);
    let stale = known.is_none_or(|k| k.start != session.start || session.last.since(k.last) > RENEW_AFTER_MS);
    if identity.from == Origin::Nobody || !stale {
        return Ok(None);
    }
    let value = identify::seal(site.id, &doors.cookie_keys, &CookieIdentity { visitor: identity.visitor, session });
    let host = connection::text(headers, header::HOST);
    // On pages of another host the cookie travels only if it says so, and is kept apart for each of them.
    let foreign = connection::origin(headers)
        .and_then(|origin| origin.split_once("://"))
        .is_some_and(|(_, authority)| !authority.eq_ignore_ascii_case(host));
    let https = doors.server.public_url.starts_with("https://") || connection::is_https(headers);
    let mut cookie = Cookie::build((name(site), value)).path("/").http_only(true).max_age(Duration::days(DAYS));
    cookie = if foreign {
        cookie.same_site(SameSite::None).secure(true).partitioned(true)
    } else {
        cookie.same_site(SameSite::Lax).secure(https)
    };
    HeaderValue::from_str(&cookie.build().to_string()).map(Some).map_err(|e| ApiError::Internal(e.to_string()))
}

fn name(site: &Site) -> String {
    format!("ashna_{}", site.id)
}
