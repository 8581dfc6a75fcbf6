//! Segment's HTTP Tracking API, as its own clients use it: from servers, apps and browsers.
//!
//! Responses are Segment's where clients act on them: 200 `{"success":true}`, 400 for a body that is not JSON or is larger
//! than an event or a batch may be. A success also lists the events that were not kept.

use std::net::SocketAddr;

use axum::{
    Json,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts, uri::Authority},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    admission,
    error::ApiError,
    extract::{Path, Query},
    incoming::{OUTCOME, parse, read_body, sender_of, unavailable},
    key::{self, GivenKeys, KeyQuery, SiteKey},
    request_info,
    state::AppState,
    visitor::{self, Claims},
};
use crate::{
    clock,
    collect::IncomingBatch,
    ingest::{Consent, RejectReason, Sender, consent, identify},
    model::{Kind, KnownBy, Site},
    telemetry::Outcome,
    wire::collect::Batch,
};

/// The kind of event of a call; `Some(None)` for a batch of any kinds, `None` for an unknown call.
#[must_use]
pub fn kind_of(call: &str) -> Option<Option<Kind>> {
    Some(match call {
        "batch" | "import" | "b" => None,
        "track" | "t" => Some(Kind::Track),
        "page" | "p" => Some(Kind::Page),
        "screen" | "s" => Some(Kind::Screen),
        "identify" | "i" => Some(Kind::Identify),
        "group" | "g" => Some(Kind::Group),
        "alias" | "a" => Some(Kind::Alias),
        _ => return None,
    })
}

/// `POST /v1/{call}`: one call or a batch, by its long or short name.
pub async fn call(
    State(state): State<AppState>,
    Path(call): Path<String>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    // Some clients add a trailing slash.
    let kind = kind_of(call.trim_end_matches('/')).ok_or(ApiError::NotFound)?;
    let (parts, bytes) = read_body(&state, peer, request).await.map_err(with_segment_status)?;
    let mut repaired = Vec::new();
    let batch = parse(&state, &bytes, kind, &mut repaired)?;
    let snapshot = state.catalog.snapshot();
    let given = GivenKeys { address: query.as_str(), body: batch.key.as_str() };
    let key = key::resolve_sender(&state, &snapshot, &parts.headers, given)?;
    let sender = sender_of(&state, &parts.headers, &key.site.site)?;
    let outcome = collect_calls(&state, &parts, peer, key, sender, &batch).await?;
    Ok(answer(kind, &outcome))
}

/// Collects calls in Segment's form. No cookie is read or set.
pub(super) async fn collect_calls(
    state: &AppState,
    parts: &Parts,
    peer: SocketAddr,
    key: SiteKey<'_>,
    sender: Sender,
    batch: &Batch<'_>,
) -> Result<Outcome, ApiError> {
    let site = &key.site.site;
    admission::admit_events(state, peer, &parts.headers, site, batch.events.len())?;
    let from_browser = sender == Sender::Browser;
    let refusal_signal = from_browser && visitor::signals_refusal(&parts.headers);
    let consent = consent::resolve(site, consent::stated(batch), refusal_signal);
    // Without request-level consent, events with their own consent can still have an id.
    let identity = if from_browser && site.visitors.known_by == KnownBy::DailyHash {
        let claims = Claims { proposal: "", reset: false, own_connection: true };
        visitor::identify(state, &parts.headers, peer, site, &claims, Consent::FULL)
    } else {
        identify::resolve(None, "", true, rand::random(), clock::now())
    };
    let arrival = IncomingBatch {
        site,
        batch,
        sender,
        user_agent: if from_browser { request_info::text(&parts.headers, header::USER_AGENT) } else { "" },
        hints: request_info::hints(peer, &parts.headers, &state.server.trusted_proxies),
        address: from_browser
            .then(|| request_info::client_address(peer, &parts.headers, &state.server.trusted_proxies)),
        identity,
        server_key: key.is_server(),
        from_file: false,
        consent,
        refusal_signal,
    };
    let collected = state.collector.collect(arrival).await.map_err(|e| unavailable(state, &e))?;
    Ok(collected.outcome)
}

/// 200, or Segment's 400 for a single call that is too large.
fn answer(kind: Option<Kind>, outcome: &Outcome) -> Response {
    const LARGE: &str = "an event is larger than the service accepts";
    let counted = [(OUTCOME, outcome.header())];
    let too_large = outcome.rejected.contains_key(RejectReason::TooLarge.as_str());
    if kind.is_some() && too_large {
        let mut refusal = with_segment_status(ApiError::TooLarge(LARGE)).into_response();
        refusal.headers_mut().extend(counted_header(outcome));
        return refusal;
    }
    let mut body = json!({ "success": true });
    for (field, reasons) in [("dropped", &outcome.dropped), ("rejected", &outcome.rejected)] {
        if !reasons.is_empty() {
            body[field] = json!(reasons);
        }
    }
    (StatusCode::OK, counted, Json(body)).into_response()
}

pub(super) fn counted_header(outcome: &Outcome) -> Option<(header::HeaderName, HeaderValue)> {
    let value = HeaderValue::from_str(&outcome.header()).ok()?;
    Some((header::HeaderName::from_static(OUTCOME), value))
}

/// The error with the status that Segment documents, where it differs from ours.
fn with_segment_status(error: ApiError) -> ApiError {
    match error {
        ApiError::TooLarge(message) => ApiError::TooLargeForSegment(message),
        other => other,
    }
}

/// `GET /v1/projects/{key}/settings`: what Segment's browser client requests before it sends anything. The only
/// destination is this service.
pub async fn settings(
    State(state): State<AppState>,
    Path(key): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let snapshot = state.catalog.snapshot();
    let site = &snapshot.site_of_key(&key).ok_or(ApiError::NotFound)?.site;
    let body = browser_settings(site, &own_address(&state, peer, &headers)?);
    // Without a public address the body depends on the request's headers, so shared caches must not keep it.
    let cache = if state.server.public_url.is_empty() { "private, max-age=120" } else { "public, max-age=120" };
    Ok(([(header::CACHE_CONTROL, cache), (header::VARY, "Host, X-Forwarded-Proto, X-Forwarded-Host")], Json(body))
        .into_response())
}

/// Scheme and authority by which the client reached the service.
fn own_address(state: &AppState, peer: SocketAddr, headers: &HeaderMap) -> Result<(&'static str, String), ApiError> {
    let public = state.server.public_url.trim_end_matches('/');
    if let Some((scheme, authority)) = public.split_once("://") {
        return Ok((if scheme == "https" { "https" } else { "http" }, authority.to_owned()));
    }
    let host = request_info::forwarded_host(&state.server, peer, headers);
    let host: Authority = host
        .unwrap_or(request_info::text(headers, header::HOST))
        .parse()
        .map_err(|_| ApiError::Unreadable("the Host header is not a valid host".into()))?;
    let forwarded = headers.get("x-forwarded-proto").is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"https"));
    Ok((if forwarded { "https" } else { "http" }, host.to_string()))
}

fn browser_settings(site: &Site, (scheme, authority): &(&str, String)) -> Value {
    let everything = json!({ "__default": { "enabled": true, "integrations": {} } });
    json!({
        "integrations": { "Segment.io": {
            "apiKey": site.write_key,
            "apiHost": format!("{authority}/v1"),
            "protocol": scheme,
            "type": "server",
            "unbundledIntegrations": [],
            "addBundledMetadata": false,
            "maybeBundledConfigIds": {},
            "versionSettings": { "version": "4.4.7", "componentTypes": ["browser"] },
        } },
        "plan": { "track": everything, "identify": everything, "group": everything },
        "edgeFunction": {},
        "analyticsNextEnabled": true,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": { "sampleRate": 0 },
        "legacyVideoPluginsEnabled": false,
        "remotePlugins": [],
    })
}
