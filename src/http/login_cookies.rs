//! The cookies of a login: the login itself, and the one by which its browser is known to the account.

use std::net::SocketAddr;

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use cookie::{Cookie, SameSite, time::Duration};

use super::{connection, error::ApiError, state::AppState};
use crate::{
    access::{Client, DEVICE_DAYS, Login},
    catalog,
    control::UserRow,
    wire::admin::{SessionBody, SiteBody},
};

/// Over TLS the name itself keeps other hosts and paths of the domain from setting such a cookie.
const LOGIN_SAFE: &str = "__Host-ashna_session";
/// Without TLS; also what every login was called before, and is read for one more release.
const LOGIN: &str = "ashna_session";
const DEVICE_SAFE: &str = "__Host-ashna_device";
const DEVICE: &str = "ashna_device";
/// Cookies of one name that are looked at: a neighbour on the same domain may have set others.
const VALUES_MAX: usize = 8;

/// The values that may be a login's, the safer name first.
pub fn tokens(headers: &HeaderMap) -> Vec<String> {
    values(headers, [LOGIN_SAFE, LOGIN])
}

/// Where a request comes from, for the gate.
pub fn client(state: &AppState, peer: SocketAddr, headers: &HeaderMap) -> Client {
    Client {
        address: connection::client_address(peer, headers, &state.server.trusted_proxies),
        user_agent: connection::text(headers, header::USER_AGENT).to_owned(),
        devices: values(headers, [DEVICE_SAFE, DEVICE]),
    }
}

/// The answer to whoever was just let in.
pub fn logged_in(
    state: &AppState,
    headers: &HeaderMap,
    login: Login,
    status: StatusCode,
) -> Result<Response, ApiError> {
    let safe = is_safe(state, headers);
    let seconds = Duration::seconds(i64::try_from(login.seconds).unwrap_or(i64::MAX));
    let mut answer = (status, Json(describe(state, &login.user))).into_response();
    let names = if safe { (LOGIN_SAFE, DEVICE_SAFE) } else { (LOGIN, DEVICE) };
    for cookie in
        [cookie(names.0, login.token, seconds, safe), cookie(names.1, login.device, Duration::days(DEVICE_DAYS), safe)]
    {
        answer.headers_mut().append(header::SET_COOKIE, as_header(&cookie)?);
    }
    Ok(answer)
}

/// The answer that takes the login's cookies back, under every name that the request brought. The browser stays
/// known.
pub fn logged_out(state: &AppState, headers: &HeaderMap, status: StatusCode) -> Result<Response, ApiError> {
    let safe = is_safe(state, headers);
    let mut answer = status.into_response();
    for name in [LOGIN_SAFE, LOGIN] {
        let is_ours = name == if safe { LOGIN_SAFE } else { LOGIN };
        if is_ours || connection::cookie(headers, name).is_some() {
            let gone = cookie(name, String::new(), Duration::ZERO, safe || name == LOGIN_SAFE);
            answer.headers_mut().append(header::SET_COOKIE, as_header(&gone)?);
        }
    }
    Ok(answer)
}

/// Who is logged in, and the sites they see.
pub fn describe(state: &AppState, user: &UserRow) -> SessionBody {
    let snapshot = state.catalog.snapshot();
    let visible = catalog::by_number(&snapshot).into_iter().filter(|s| user.membership.has(s.site.id));
    SessionBody { user: user.into(), sites: visible.map(|s| SiteBody::from(&*s.site)).collect() }
}

fn values(headers: &HeaderMap, names: [&str; 2]) -> Vec<String> {
    let of = |name| connection::cookies(headers, name).filter(|value| !value.is_empty()).take(VALUES_MAX);
    let mut found: Vec<String> = Vec::new();
    for name in names {
        found.extend(of(name));
    }
    found
}

fn is_safe(state: &AppState, headers: &HeaderMap) -> bool {
    state.server.public_url.starts_with("https://") || connection::is_https(headers)
}

fn cookie(name: &'static str, value: String, age: Duration, safe: bool) -> Cookie<'static> {
    Cookie::build((name, value)).path("/").http_only(true).same_site(SameSite::Lax).secure(safe).max_age(age).build()
}

fn as_header(cookie: &Cookie<'_>) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(&cookie.to_string()).map_err(|e| ApiError::Internal(e.to_string()))
}
