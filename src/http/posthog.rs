//! PostHog's endpoints. There are no feature flags, recordings or surveys, and its clients learn that there are none.

use std::net::SocketAddr;

use axum::{
    Json,
    extract::{ConnectInfo, Request, State},
    http::{header, request::Parts},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    error::ApiError,
    extract::{Path, Query},
    foreign::accept::{KeyPlace, PathKey, accept, unreadable, with_outcome},
    incoming::read_body,
    key::KeyQuery,
    state::AppState,
};
use crate::wire::{
    collect::Unreadable,
    foreign::{posthog::Posthog, valid_json},
};

/// `POST /batch`, `/capture`, `/i/v0/e` of PostHog.
pub(super) async fn events(
    State(state): State<AppState>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, bytes) = read_body(&state, peer, request).await?;
    collect_events(&state, &parts, peer, &query, &bytes).await
}

/// Collects the body of a PostHog client.
pub(super) async fn collect_events(
    state: &AppState,
    parts: &Parts,
    peer: SocketAddr,
    query: &KeyQuery,
    bytes: &[u8],
) -> Result<Response, ApiError> {
    let unreadable = |error: Unreadable| unreadable(state, &error);
    let decoded = Posthog::decode(bytes).map_err(unreadable)?;
    let json = valid_json(&decoded).map_err(unreadable)?;
    let batch = Posthog::parse(&json).map_err(unreadable)?;
    let outcome = accept(state, parts, peer, query.as_str(), (KeyPlace::Body, &batch)).await?;
    Ok(with_outcome(Json(json!({ "status": 1 })).into_response(), &outcome))
}

/// `POST /s`: recordings are not kept.
pub(super) async fn recording(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    read_body(&state, peer, request).await?;
    Ok(Json(json!({ "status": 1 })))
}

/// `POST /flags`, `/decide`: there are no flags, and nothing more is to be loaded.
pub(super) async fn flags(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    read_body(&state, peer, request).await?;
    let mut answer = client_settings();
    answer["flags"] = json!({});
    answer["featureFlags"] = json!({});
    answer["featureFlagPayloads"] = json!({});
    answer["errorsWhileComputingFlags"] = false.into();
    Ok(Json(answer))
}

/// What PostHog's browser client loads and captures besides events: nothing.
fn client_settings() -> Value {
    json!({
        "config": { "enable_collect_everything": true },
        "supportedCompression": ["gzip", "gzip-js"],
        "hasFeatureFlags": false,
        "sessionRecording": false,
        "surveys": false,
        "heatmaps": false,
        "capturePerformance": false,
        "autocaptureExceptions": false,
        "captureDeadClicks": false,
        "toolbarParams": {},
        "siteApps": [],
        "isAuthenticated": false,
    })
}

/// `GET /array/{key}/config` of PostHog's browser client.
pub(super) async fn config(State(state): State<AppState>, Path(path): Path<PathKey>) -> Result<Json<Value>, ApiError> {
    state.catalog.snapshot().site_of_key(&path.key).ok_or(ApiError::NotFound)?;
    Ok(Json(client_settings()))
}

/// `GET /array/{key}/config.js`: the same as a script.
pub(super) async fn script(State(state): State<AppState>, Path(path): Path<PathKey>) -> Result<Response, ApiError> {
    state.catalog.snapshot().site_of_key(&path.key).ok_or(ApiError::NotFound)?;
    let token = Value::from(path.key);
    let script = format!(
        "(window._POSTHOG_REMOTE_CONFIG=window._POSTHOG_REMOTE_CONFIG||{{}})[{token}]={{config:{},siteApps:[]}};",
        client_settings()
    );
    Ok(([(header::CONTENT_TYPE, "text/javascript")], script).into_response())
}
