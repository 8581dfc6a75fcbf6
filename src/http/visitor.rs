//! Who asks on the public side: the visitor cookie, named per site, signed and out of scripts' reach; the
//! tracker's proposal; or, on sites that keep nothing in browsers, address and user agent for a day.

use std::{net::SocketAddr, sync::LazyLock};

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite, time::Duration};

use super::{connection, error::ApiError, state::AppState};
use crate::{
    clock,
    ingest::{
        Consent, Identity, Origin, Session,
        identify::{self, COOKIE_DAYS, CookieIdentity},
    },
    model::{KnownBy, Site},
    wire::collect::Consent as Said,
};

/// A cookie is written anew when its last activity is older than this: answers stay small in between.
const RENEW_AFTER_MS: i64 = 60_000;
/// Cookies of our name that are looked at: a page of a neighbouring host may have planted some.
const COOKIES_TRIED_MAX: usize = 8;

/// Whether the browser signals a refusal: Global Privacy Control or Do Not Track.
#[must_use]
pub fn refuses(headers: &HeaderMap) -> bool {
    ["sec-gpc", "dnt"].iter().any(|name| headers.get(*name).is_some_and(|value| value == "1"))
}

/// What a request tells of its visitor.
pub struct Claims<'r> {
    /// The id the tracker proposes.
    pub proposal: &'r str,
    /// The old cookie is not to count.
    pub reset: bool,
    /// Whether the connection is the visitor's own: a browser's, not a server's.
    pub own_connection: bool,
}

/// Who the visitor is: a valid cookie wins, then the tracker's proposal. After a `reset`, and without
/// consent, the cookie is not even read.
#[must_use]
pub fn identify(
    state: &AppState,
    headers: &HeaderMap,
    peer: SocketAddr,
    site: &Site,
    claims: &Claims<'_>,
    consent: Consent,
) -> Identity {
    let now = clock::now();
    if !consent.analytics {
        return Identity::NOBODY;
    }
    if site.visitors.known_by == KnownBy::DailyHash {
        if !claims.own_connection {
            return Identity::NOBODY;
        }
        let address = connection::client_address(peer, headers, &state.server.trusted_proxies);
        let user_agent = connection::text(headers, header::USER_AGENT);
        return Identity::daily(state.collector.daily_visitor(site, address, user_agent));
    }
    let keys = state.access.cookie_keys();
    let cookie = (!claims.reset)
        .then(|| {
            let named = name(site);
            let mut values = connection::cookies(headers, &named).take(COOKIES_TRIED_MAX);
            values.find_map(|value| identify::parse(site.id, &keys, &value, now))
        })
        .flatten();
    identify::settle(cookie, claims.proposal, consent.analytics, rand::random(), now)
}

/// Whether nothing can be known of the visitor yet: the id was made here, or by the page just now.
/// A page that lies about it only hides its own visitor's past from itself.
#[must_use]
pub fn is_new(identity: Identity, fresh: bool) -> bool {
    identity.from == Origin::Fresh || (identity.from == Origin::Proposal && fresh)
}

/// Whether the visitor's id goes into answers: not where it stands for nobody or for a day only.
#[must_use]
pub const fn is_told(identity: Identity) -> bool {
    matches!(identity.from, Origin::Cookie | Origin::Proposal | Origin::Fresh)
}

/// The cookie to set: a renewed one when there is news in it, an expired one when consent was withdrawn
/// in words and the browser still has one.
pub fn cookie_to_set(
    state: &AppState,
    headers: &HeaderMap,
    site: &Site,
    identity: Identity,
    session: Option<Session>,
    said: Said,
) -> Result<Option<HeaderValue>, ApiError> {
    if said.analytics == Some(false) && connection::cookies(headers, &name(site)).next().is_some() {
        return written(state, headers, site, "").map(Some);
    }
    let Some(session) = session.or(identity.session) else { return Ok(None) };
    let known = identity.session.filter(|_| identity.from == Origin::Cookie);
    let stale = identity.outdated
        || known.is_none_or(|k| k.start != session.start || session.last.since(k.last) > RENEW_AFTER_MS);
    if !is_told(identity) || !stale {
        return Ok(None);
    }
    let sealed = CookieIdentity { visitor: identity.visitor, session };
    let value = identify::seal(site.id, &state.access.cookie_keys(), &sealed);
    written(state, headers, site, &value).map(Some)
}

/// The cookie with a value of our own letters; without one it is to expire.
fn written(state: &AppState, headers: &HeaderMap, site: &Site, value: &str) -> Result<HeaderValue, ApiError> {
    let https = state.server.public_url.starts_with("https://") || connection::is_https(headers);
    let rest = rest_of_cookie(connection::is_cross_site(headers, &state.server.public_url), https, value.is_empty());
    let name = name(site);
    let text = [&name, "=", value, rest].concat();
    HeaderValue::try_from(text).map_err(|e| ApiError::Internal(e.to_string()))
}

/// What follows a cookie's value; there are few, each made once. On pages of another site the cookie travels only if it says so, and is kept apart for each of them.
fn rest_of_cookie(cross_site: bool, https: bool, expired: bool) -> &'static str {
    static RESTS: LazyLock<[String; 8]> = LazyLock::new(|| {
        std::array::from_fn(|at| {
            let (cross_site, https, expired) = (at & 1 != 0, at & 2 != 0, at & 4 != 0);
            let age = if expired { Duration::ZERO } else { Duration::days(COOKIE_DAYS) };
            let cookie = Cookie::build(("", "")).max_age(age).path("/").http_only(true);
            let cookie = if cross_site {
                cookie.same_site(SameSite::None).secure(true).partitioned(true)
            } else {
                cookie.same_site(SameSite::Lax).secure(https)
            };
            cookie.build().to_string().split_off(1)
        })
    });
    &RESTS[usize::from(cross_site) | usize::from(https) << 1 | usize::from(expired) << 2]
}

fn name(site: &Site) -> String {
    format!("ashna_{}", site.id)
}
