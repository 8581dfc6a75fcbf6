//! Identifies the visitor of a public request: by the visitor cookie (per site, signed, `HttpOnly`), by the id that the
//! tracker proposes, or, on sites that store nothing in browsers, by a daily hash of address and user agent.

use std::{net::SocketAddr, sync::LazyLock};

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, SameSite, time::Duration};

use super::{error::ApiError, request_info, state::AppState};
use crate::{
    clock,
    ingest::{
        Consent, Identity, Origin, Session,
        identify::{self, COOKIE_DAYS, CookieIdentity},
    },
    model::{KnownBy, Site},
    wire::collect::Consent as GivenConsent,
};

/// A cookie is renewed when its last activity is older than this; in between, responses stay small.
const RENEW_AFTER_MS: i64 = 60_000;
/// Cookies of our name that are tried: another host of the domain may have set some.
const COOKIES_TRIED_MAX: usize = 8;

/// Whether the browser sends a privacy signal: Global Privacy Control or Do Not Track.
#[must_use]
pub fn signals_refusal(headers: &HeaderMap) -> bool {
    ["sec-gpc", "dnt"].iter().any(|name| headers.get(*name).is_some_and(|value| value == "1"))
}

/// What a request claims about its visitor.
pub struct Claims<'r> {
    /// The id the tracker proposes.
    pub proposal: &'r str,
    /// Whether to ignore the present cookie.
    pub reset: bool,
    /// Whether the connection is the visitor's browser's, not a server's.
    pub own_connection: bool,
}

/// The visitor: a valid cookie wins over the tracker's proposal. After a `reset` and without consent the cookie is not
/// read.
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
        return Identity::ANONYMOUS;
    }
    if site.visitors.known_by == KnownBy::DailyHash {
        if !claims.own_connection {
            return Identity::ANONYMOUS;
        }
        let address = request_info::client_address(peer, headers, &state.server.trusted_proxies);
        let user_agent = request_info::text(headers, header::USER_AGENT);
        return Identity::daily(state.collector.daily_visitor(site, address, user_agent));
    }
    let keys = state.access.cookie_keys();
    let cookie = (!claims.reset)
        .then(|| {
            let name = cookie_name(site);
            let mut values = request_info::cookies(headers, &name).take(COOKIES_TRIED_MAX);
            values.find_map(|value| identify::verify_cookie(site.id, &keys, &value, now))
        })
        .flatten();
    identify::resolve(cookie, claims.proposal, consent.analytics, rand::random(), now)
}

/// Whether the visitor cannot have a history: the id was made here, or by the page just now (`fresh`). A page that lies
/// about it only hides its own visitor's history from itself.
#[must_use]
pub fn is_new(identity: Identity, fresh: bool) -> bool {
    identity.from == Origin::Fresh || (identity.from == Origin::Proposal && fresh)
}

/// Whether responses contain the visitor's id: not for anonymous visitors and daily hashes.
#[must_use]
pub const fn is_disclosed(identity: Identity) -> bool {
    matches!(identity.from, Origin::Cookie | Origin::Proposal | Origin::Fresh)
}

/// The `Set-Cookie` value if one is needed: a renewed cookie, or an expired one when the request withdraws consent
/// explicitly and the browser still has a cookie.
pub fn cookie_to_set(
    state: &AppState,
    headers: &HeaderMap,
    site: &Site,
    identity: Identity,
    session: Option<Session>,
    given: GivenConsent,
) -> Result<Option<HeaderValue>, ApiError> {
    if given.analytics == Some(false) && request_info::cookies(headers, &cookie_name(site)).next().is_some() {
        return set_cookie(state, headers, site, "").map(Some);
    }
    let Some(session) = session.or(identity.session) else { return Ok(None) };
    let known = identity.session.filter(|_| identity.from == Origin::Cookie);
    let is_stale = identity.outdated
        || known.is_none_or(|k| k.start != session.start || session.last.since(k.last) > RENEW_AFTER_MS);
    if !is_disclosed(identity) || !is_stale {
        return Ok(None);
    }
    let sealed = CookieIdentity { visitor: identity.visitor, session };
    let value = identify::sign_cookie(site.id, &state.access.cookie_keys(), &sealed);
    set_cookie(state, headers, site, &value).map(Some)
}

/// The `Set-Cookie` value; an empty `value` expires the cookie. The value needs no escaping.
fn set_cookie(state: &AppState, headers: &HeaderMap, site: &Site, value: &str) -> Result<HeaderValue, ApiError> {
    let https = state.server.public_url.starts_with("https://") || request_info::is_https(headers);
    let attributes =
        cookie_attributes(request_info::is_cross_site(headers, &state.server.public_url), https, value.is_empty());
    let text = [&cookie_name(site), "=", value, attributes].concat();
    HeaderValue::try_from(text).map_err(|e| ApiError::Internal(e.to_string()))
}

/// The attributes after a cookie's value, each combination formatted once. On pages of another site the cookie needs
/// `SameSite=None`, and is partitioned by site.
fn cookie_attributes(cross_site: bool, https: bool, expired: bool) -> &'static str {
    static ATTRIBUTES: LazyLock<[String; 8]> = LazyLock::new(|| {
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
    &ATTRIBUTES[usize::from(cross_site) | usize::from(https) << 1 | usize::from(expired) << 2]
}

fn cookie_name(site: &Site) -> String {
    format!("ashna_{}", site.id)
}
