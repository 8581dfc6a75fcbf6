//! The cookies of a login: the session cookie, and the device cookie by which the account recognizes the browser.

use std::net::SocketAddr;

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use cookie::{Cookie, SameSite, time::Duration};

use super::{error::ApiError, request_info, state::AppState};
use crate::{
    access::{Client, DEVICE_DAYS, Login},
    catalog,
    control::UserRow,
    wire::admin::{SessionBody, SiteBody},
};

/// The `__Host-` prefix prevents other hosts and paths of the domain from setting the cookie; it requires TLS.
const LOGIN_SAFE: &str = "__Host-ashna_session";
/// Without TLS; also the name of earlier releases, accepted for one more release.
const LOGIN: &str = "ashna_session";
const DEVICE_SAFE: &str = "__Host-ashna_device";
const DEVICE: &str = "ashna_device";
/// Cookies of one name that are tried: another host of the domain may have set some.
const VALUES_MAX: usize = 8;

/// Possible session tokens, the safer cookie name first.
pub fn tokens(headers: &HeaderMap) -> Vec<String> {
    values(headers, [LOGIN_SAFE, LOGIN])
}

/// Where a login request comes from.
pub fn client(state: &AppState, peer: SocketAddr, headers: &HeaderMap) -> Client {
    Client {
        address: request_info::client_address(peer, headers, &state.server.trusted_proxies),
        user_agent: request_info::text(headers, header::USER_AGENT).to_owned(),
        devices: values(headers, [DEVICE_SAFE, DEVICE]),
    }
}

/// The response to a successful login, with both cookies.
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

/// The response to a logout: expires the session cookie under every name that the request has. The device cookie stays.
pub fn logged_out(state: &AppState, headers: &HeaderMap, status: StatusCode) -> Result<Response, ApiError> {
    let safe = is_safe(state, headers);
    let mut answer = status.into_response();
    for name in [LOGIN_SAFE, LOGIN] {
        let is_ours = name == if safe { LOGIN_SAFE } else { LOGIN };
        if is_ours || request_info::cookie(headers, name).is_some() {
            let expired = cookie(name, String::new(), Duration::ZERO, safe || name == LOGIN_SAFE);
            answer.headers_mut().append(header::SET_COOKIE, as_header(&expired)?);
        }
    }
    Ok(answer)
}

/// The logged-in user and the sites they see.
pub fn describe(state: &AppState, user: &UserRow) -> SessionBody {
    let snapshot = state.catalog.snapshot();
    let visible = catalog::by_number(&snapshot).into_iter().filter(|s| user.membership.has(s.site.id));
    SessionBody { user: user.into(), sites: visible.map(|s| SiteBody::from(&*s.site)).collect() }
}

fn values(headers: &HeaderMap, names: [&str; 2]) -> Vec<String> {
    let cookies = |name| request_info::cookies(headers, name).filter(|value| !value.is_empty()).take(VALUES_MAX);
    let mut values: Vec<String> = Vec::new();
    for name in names {
        values.extend(cookies(name));
    }
    values
}

fn is_safe(state: &AppState, headers: &HeaderMap) -> bool {
    state.server.public_url.starts_with("https://") || request_info::is_https(headers)
}

fn cookie(name: &'static str, value: String, age: Duration, safe: bool) -> Cookie<'static> {
    Cookie::build((name, value)).path("/").http_only(true).same_site(SameSite::Lax).secure(safe).max_age(age).build()
}

fn as_header(cookie: &Cookie<'_>) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(&cookie.to_string()).map_err(|e| ApiError::Internal(e.to_string()))
}
