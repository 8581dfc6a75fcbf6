//! First-run set-up, login, logout.

use std::net::SocketAddr;

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use cookie::{Cookie, SameSite, time::Duration};

use crate::{
    access::Login,
    catalog,
    control::UserRow,
    http::{
        caller::{Caller, LOGIN_COOKIE},
        connection,
        error::ApiError,
        extract::JsonBody,
        state::Doors,
    },
    wire::admin::{LoginBody, SessionBody, SetupBody, SetupState, SiteBody, UserBody},
};

/// Whether the first user has yet to be made.
#[utoipa::path(get, path = "/api/v1/setup", tag = "session", responses((status = 200, body = SetupState)))]
pub async fn setup_state(State(doors): State<Doors>) -> Result<Json<SetupState>, ApiError> {
    Ok(Json(SetupState { needed: doors.access.setup_needed().await? }))
}

/// Makes the first user with the token of the one-time link, and logs them in.
#[utoipa::path(post, path = "/api/v1/setup", tag = "session", request_body = SetupBody,
    responses((status = 201, body = SessionBody), (status = 403, description = "the link is used up")))]
pub async fn set_up(
    State(doors): State<Doors>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SetupBody>,
) -> Result<Response, ApiError> {
    let login = doors.access.set_up(&body.token, &body.email, &body.password).await?;
    if let Some(name) = body.site_name.filter(|name| !name.trim().is_empty()) {
        let origins: Vec<String> = body.origin.into_iter().filter(|o| !o.trim().is_empty()).collect();
        doors.catalog.add_site(&body.email, &name, &origins, false).await?;
    }
    logged_in(&doors, &headers, login, StatusCode::CREATED)
}

/// Logs in by password.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = LoginBody,
    responses((status = 200, body = SessionBody), (status = 401, description = "wrong address or password")))]
pub async fn log_in(
    State(doors): State<Doors>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<LoginBody>,
) -> Result<Response, ApiError> {
    let from = connection::client_address(peer, &headers, &doors.server.trusted_proxies);
    let login = doors.access.log_in(&body.email, &body.password, from).await?;
    logged_in(&doors, &headers, login, StatusCode::OK)
}

/// Who is logged in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, body = SessionBody)))]
pub async fn session(State(doors): State<Doors>, caller: Caller) -> Result<Json<SessionBody>, ApiError> {
    match caller {
        Caller::Person(user) => Ok(Json(describe(&doors, &user))),
        Caller::Program(_) => Err(ApiError::Forbidden("a key has no session")),
    }
}

/// Logs out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204)))]
pub async fn log_out(State(doors): State<Doors>, headers: HeaderMap) -> Result<Response, ApiError> {
    if let Some(token) = connection::cookie(&headers, LOGIN_COOKIE) {
        doors.access.log_out(&token).await?;
    }
    let gone = login_cookie(&doors, &headers, String::new(), Duration::ZERO);
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, as_header(&gone)?)]).into_response())
}

fn logged_in(doors: &Doors, headers: &HeaderMap, login: Login, status: StatusCode) -> Result<Response, ApiError> {
    let seconds = i64::try_from(login.seconds).unwrap_or(i64::MAX);
    let cookie = login_cookie(doors, headers, login.token, Duration::seconds(seconds));
    let body = Json(describe(doors, &login.user));
    Ok((status, [(header::SET_COOKIE, as_header(&cookie)?)], body).into_response())
}

fn describe(doors: &Doors, user: &UserRow) -> SessionBody {
    let sites = catalog::by_number(&doors.catalog.snapshot()).iter().map(|s| SiteBody::from(&*s.site)).collect();
    SessionBody { user: UserBody { id: user.id, email: user.email.clone(), role: user.role.as_str() }, sites }
}

fn login_cookie(doors: &Doors, headers: &HeaderMap, token: String, age: Duration) -> Cookie<'static> {
    Cookie::build((LOGIN_COOKIE, token))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(doors.server.public_url.starts_with("https://") || connection::is_https(headers))
        .max_age(age)
        .build()
}

fn as_header(cookie: &Cookie<'_>) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(&cookie.to_string()).map_err(|e| ApiError::Internal(e.to_string()))
}
