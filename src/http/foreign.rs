//! Endpoints of other products, so that their clients need only another address: PostHog, Snowplow, Google Analytics 4,
//! Matomo, Plausible and Umami. The key is where the client sends its project, site or app id; where that must be a host
//! name, it is in the query or at the beginning of the path (`/{key}/api/event`).
//!
//! Answers are those that the clients expect; refusals are ours, with the same statuses as for our own clients.

pub(super) mod accept;

use std::net::SocketAddr;

use accept::{KeyPlace, PathKey, accept, unreadable, with_outcome};
use axum::{
    Json,
    extract::{ConnectInfo, Request, State},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    admission,
    body::BufferedBody,
    error::ApiError,
    extract::{Path, Query},
    incoming::{gif, read_body},
    key::KeyQuery,
    posthog,
    state::AppState,
};
use crate::{
    telemetry::Outcome,
    wire::{
        collect::Unreadable,
        foreign::{
            ForeignRequest, fields::Fields, ga4::Ga4, matomo::Matomo, plausible::Plausible, snowplow::Snowplow,
            umami::Umami, valid_json,
        },
    },
};

/// The routes of all products. `/e` and `/e/` are shared with our own tracker: see [`super::collect::tracker_batch`].
pub fn routes() -> Vec<(&'static str, MethodRouter<AppState>)> {
    let matomo = || get(matomo_query).post(matomo_body);
    vec![
        ("/batch", post(posthog::events)),
        ("/capture", post(posthog::events)),
        ("/i/v0/e", post(posthog::events)),
        ("/s", post(posthog::recording)),
        ("/decide", post(posthog::flags)),
        ("/flags", post(posthog::flags)),
        ("/array/{key}/config", get(posthog::config)),
        ("/array/{key}/config.js", get(posthog::script)),
        ("/com.snowplowanalytics.snowplow/tp2", post(snowplow_body)),
        ("/i", get(snowplow_query)),
        ("/mp/collect", post(ga4)),
        ("/debug/mp/collect", post(ga4_debug)),
        ("/matomo.php", matomo()),
        ("/piwik.php", matomo()),
        ("/{key}/matomo.php", matomo()),
        ("/{key}/piwik.php", matomo()),
        ("/api/event", post(plausible)),
        ("/{key}/api/event", post(plausible)),
        ("/api/send", post(umami)),
        ("/api/batch", post(umami)),
        ("/{key}/api/send", post(umami)),
    ]
}

/// A request with its address's key and whole body.
struct Received {
    parts: Parts,
    peer: SocketAddr,
    address_key: String,
    body: BufferedBody,
}

async fn receive(
    state: &AppState,
    peer: SocketAddr,
    path: PathKey,
    query: &KeyQuery,
    request: Request,
) -> Result<Received, ApiError> {
    let (parts, body) = read_body(state, peer, request).await?;
    let address_key = if path.key.is_empty() { query.as_str().to_owned() } else { path.key };
    Ok(Received { parts, peer, address_key, body })
}

/// Collects the events of a JSON body.
async fn accept_json(
    state: &AppState,
    received: &Received,
    place: KeyPlace,
    parse: impl for<'b> FnOnce(&'b [u8]) -> Result<Box<dyn ForeignRequest + Send + Sync + 'b>, Unreadable>,
) -> Result<Outcome, ApiError> {
    let json = valid_json(&received.body).map_err(|error| unreadable(state, &error))?;
    let events = parse(&json).map_err(|error| unreadable(state, &error))?;
    accept(state, &received.parts, received.peer, &received.address_key, (place, &*events)).await
}

/// `POST /com.snowplowanalytics.snowplow/tp2`.
async fn snowplow_body(
    State(state): State<AppState>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let received = receive(&state, peer, PathKey::default(), &query, request).await?;
    let outcome = accept_json(&state, &received, KeyPlace::Body, |json| Ok(Box::new(Snowplow::parse(json)?))).await?;
    Ok(with_outcome("ok".into_response(), &outcome))
}

/// `GET /i` of Snowplow.
async fn snowplow_query(
    State(state): State<AppState>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    admission::admit_address(&state, peer, &parts.headers)?;
    let event = Snowplow::Query(Fields::parse_form(parts.uri.query().unwrap_or_default().as_bytes()));
    let outcome = accept(&state, &parts, peer, query.as_str(), (KeyPlace::Address, &event)).await?;
    Ok(with_outcome(gif(), &outcome))
}

/// The ids of the Measurement Protocol's address; either may be the key.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ga4Query {
    api_secret: String,
    measurement_id: String,
    firebase_app_id: String,
}

/// `POST /mp/collect` of Google Analytics 4.
async fn ga4(
    State(state): State<AppState>,
    Query(ids): Query<Ga4Query>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let received = receive(&state, peer, PathKey::default(), &query, request).await?;
    let keys = vec![ids.api_secret, ids.measurement_id, ids.firebase_app_id];
    let outcome =
        accept_json(&state, &received, KeyPlace::Address, |json| Ok(Box::new(Ga4::parse(json, keys)?))).await?;
    Ok(with_outcome(StatusCode::NO_CONTENT.into_response(), &outcome))
}

/// `POST /debug/mp/collect`: validates only.
async fn ga4_debug(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let (_, bytes) = read_body(&state, peer, request).await?;
    let problem = valid_json(&bytes).and_then(|json| Ga4::parse(&json, Vec::new()).map(|_| ())).err();
    let messages: Vec<_> = problem
        .map(|error| json!({ "description": error.to_string(), "validationCode": "VALUE_INVALID" }))
        .into_iter()
        .collect();
    Ok(Json(json!({ "validationMessages": messages })))
}

/// `GET /matomo.php`.
async fn matomo_query(
    State(state): State<AppState>,
    Path(path): Path<PathKey>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let received = receive(&state, peer, path, &query, request).await?;
    matomo(&state, KeyPlace::Address, &received).await
}

/// `POST /matomo.php`: a form, or several requests as JSON.
async fn matomo_body(
    State(state): State<AppState>,
    Path(path): Path<PathKey>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let received = receive(&state, peer, path, &query, request).await?;
    matomo(&state, KeyPlace::Body, &received).await
}

async fn matomo(state: &AppState, place: KeyPlace, received: &Received) -> Result<Response, ApiError> {
    let unreadable = |error: Unreadable| unreadable(state, &error);
    let query = received.parts.uri.query().unwrap_or_default();
    let is_json = received.body.trim_ascii_start().starts_with(b"{");
    let json = if is_json { Some(valid_json(&received.body).map_err(unreadable)?) } else { None };
    let body = json.as_deref().unwrap_or(&received.body);
    let requests = Matomo::parse(query, body).map_err(unreadable)?;
    let (parts, peer, key) = (&received.parts, received.peer, &received.address_key);
    let outcome = accept(state, parts, peer, key, (place, &requests)).await?;
    let answer = match requests.bulk_len() {
        Some(_) => {
            let invalid: u64 = outcome.rejected.values().sum();
            let tracked = outcome.received.saturating_sub(invalid);
            Json(json!({ "status": "success", "tracked": tracked, "invalid": invalid, "invalid_indices": [] }))
                .into_response()
        }
        None if query.contains("send_image=0") || body.windows(12).any(|part| part == b"send_image=0") => {
            StatusCode::NO_CONTENT.into_response()
        }
        None => gif(),
    };
    Ok(with_outcome(answer, &outcome))
}

/// `POST /api/event` of Plausible.
async fn plausible(
    State(state): State<AppState>,
    Path(path): Path<PathKey>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let received = receive(&state, peer, path, &query, request).await?;
    let outcome = accept_json(&state, &received, KeyPlace::Body, |json| Ok(Box::new(Plausible::parse(json)?))).await?;
    Ok(with_outcome((StatusCode::ACCEPTED, "ok").into_response(), &outcome))
}

/// `POST /api/send` and `/api/batch` of Umami.
async fn umami(
    State(state): State<AppState>,
    Path(path): Path<PathKey>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let received = receive(&state, peer, path, &query, request).await?;
    let outcome = accept_json(&state, &received, KeyPlace::Body, |json| Ok(Box::new(Umami::parse(json)?))).await?;
    // Its client sends `cache` back with the next event; there is nothing to remember.
    let answer = Json(json!({ "cache": "", "sessionId": "", "visitId": "" })).into_response();
    Ok(with_outcome(answer, &outcome))
}
