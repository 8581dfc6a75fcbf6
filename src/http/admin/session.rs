//! First-run set-up, login, logout, and the caller's sessions.

use std::net::SocketAddr;

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::{
    access::Credentials,
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Path, Query},
        login_cookies::{self, describe, logged_in, logged_out},
        state::AppState,
    },
    wire::{
        admin::{LoginBody, SessionBody, SetupBody, SetupState},
        users::{LoggedOut, SessionEntry, SessionsBody},
    },
};

/// Whether the first user has yet to be created.
#[utoipa::path(get, path = "/api/v1/setup", tag = "session", responses((status = 200, body = SetupState)))]
pub async fn setup_state(State(state): State<AppState>) -> Result<Json<SetupState>, ApiError> {
    Ok(Json(SetupState { needed: state.access.setup_needed().await? }))
}

/// Creates the first user with the token of the one-time link, and logs them in.
#[utoipa::path(post, path = "/api/v1/setup", tag = "session", request_body = SetupBody,
    responses((status = 201, body = SessionBody), (status = 403, description = "the link was used already")))]
pub async fn set_up(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SetupBody>,
) -> Result<Response, ApiError> {
    let client = login_cookies::client(&state, peer, &headers);
    let login = state.access.set_up(body.token.expose_secret(), &body.email, &body.password, &client).await?;
    if let Some(name) = body.site_name.filter(|name| !name.trim().is_empty()) {
        let origins: Vec<String> = body.origin.into_iter().filter(|o| !o.trim().is_empty()).collect();
        state.catalog.add_site(&body.email, &name, &origins, false).await?;
    }
    logged_in(&state, &headers, login, StatusCode::CREATED)
}

/// Logs in by password, and by a code if the account has a second factor.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = LoginBody,
    responses((status = 200, body = SessionBody),
        (status = 401, description = "`bad_credentials`; `code_needed` when the password is right and a code is needed; `bad_code`"),
        (status = 429, description = "too many failures"), (status = 503, description = "too many at once")))]
pub async fn log_in(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<LoginBody>,
) -> Result<Response, ApiError> {
    let client = login_cookies::client(&state, peer, &headers);
    let credentials = Credentials { email: &body.email, password: &body.password, code: body.code.as_ref() };
    let login = state.access.log_in(&credentials, &client).await?;
    logged_in(&state, &headers, login, StatusCode::OK)
}

/// The logged-in user and their sites.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, body = SessionBody)))]
pub async fn session(State(state): State<AppState>, caller: Caller) -> Result<Json<SessionBody>, ApiError> {
    Ok(Json(describe(&state, &caller.person()?.user)))
}

/// Logs out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204)))]
pub async fn log_out(State(state): State<AppState>, headers: HeaderMap) -> Result<Response, ApiError> {
    for token in login_cookies::tokens(&headers) {
        state.access.log_out(&token).await?;
    }
    logged_out(&state, &headers, StatusCode::NO_CONTENT)
}

/// The caller's open logins.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "session", responses((status = 200, body = SessionsBody)))]
pub async fn sessions(State(state): State<AppState>, caller: Caller) -> Result<Json<SessionsBody>, ApiError> {
    let session = caller.person()?;
    let logins = state.access.logins(session.user.id).await?;
    let entry = |login: crate::control::LoginRow| SessionEntry {
        id: login.id,
        created_at: login.created_at.to_string(),
        last_seen_at: login.last_seen_at.to_string(),
        expires_at: login.expires_at.to_string(),
        user_agent: login.user_agent,
        network: login.network,
        current: login.id == session.login,
    };
    Ok(Json(SessionsBody { sessions: logins.into_iter().map(entry).collect() }))
}

/// Ends one of the caller's logins.
#[utoipa::path(delete, path = "/api/v1/sessions/{login}", tag = "session", params(("login" = i64, Path)),
    responses((status = 204)))]
pub async fn end_one(
    State(state): State<AppState>,
    caller: Caller,
    Path(login): Path<i64>,
) -> Result<StatusCode, ApiError> {
    state.access.end_login(&caller.person()?.user, login).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which logins to end.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct EndQuery {
    /// Also the present one.
    #[serde(default)]
    all: bool,
}

/// Ends the caller's other logins; with `all` the present one too.
#[utoipa::path(delete, path = "/api/v1/sessions", tag = "session", params(EndQuery),
    responses((status = 200, body = LoggedOut)))]
pub async fn end_others(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<EndQuery>,
) -> Result<Json<LoggedOut>, ApiError> {
    let session = caller.person()?;
    let keep = (!query.all).then_some(session.login);
    Ok(Json(LoggedOut { ended: state.access.end_logins(&session.user, keep).await? }))
}
