//! Segment's HTTP Tracking API, as its own clients speak it: from servers, apps and browsers.
//!
//! Answers are Segment's where clients act on them: 200 `{"success":true}`, 400 for a body that is no
//! JSON or larger than an event or a batch may be. What of a good request was not kept is told beside.

use std::net::SocketAddr;

use axum::{
    Json,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, uri::Authority},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    collect::{OUTCOME, parse, refuse, sender_of, take_body, unavailable},
    connection,
    error::ApiError,
    extract::Path,
    key, rate,
    state::AppState,
    visitor::{self, Claims},
};
use crate::{
    clock,
    collect::Arrival,
    control::Scope,
    ingest::{Consent, RejectReason, Sender, consent, identify},
    model::{Kind, KnownBy, Site},
    telemetry::Outcome,
};

/// The kind of event that a call of this name carries; the inner `None` stands for a batch of any kinds.
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

/// `POST /v1/{call}`: one call or a batch of them, by their long and short names.
pub async fn call(
    State(state): State<AppState>,
    Path(call): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    // Some clients end the address with a slash.
    let kind = kind_of(call.trim_end_matches('/')).ok_or(ApiError::NotFound)?;
    let (parts, bytes) = take_body(&state, peer, request).await.map_err(as_segment_says)?;
    let mut spare = Vec::new();
    let batch = parse(&state, &bytes, kind, &mut spare)?;
    let snapshot = state.catalog.snapshot();
    let asker = key::asker(&state, &snapshot, &parts.headers, Some(batch.key.as_str()));
    let asker = asker.map_err(|error| match error {
        ApiError::Unauthorized => refuse(&state, "unknown_key", error),
        other => other,
    })?;
    if asker.scope.is_some_and(|scope| scope < Scope::Server) {
        let forbidden = ApiError::Forbidden("a `read` key may not send events; use a `server` key or the write key");
        return Err(refuse(&state, "unknown_key", forbidden));
    }
    let site = &asker.site.site;
    let sender = sender_of(&state, &parts.headers, site)?;
    rate::admit_events(&state, peer, &parts.headers, site, batch.events.len())?;
    let from_browser = sender == Sender::Browser;
    let refusal_signal = from_browser && visitor::refuses(&parts.headers);
    let consent = consent::settle(site, consent::said(&batch), refusal_signal);
    // No cookie is read here, so that events with consent of their own can still be somebody's.
    let identity = if from_browser && site.visitors.known_by == KnownBy::DailyHash {
        let claims = Claims { proposal: "", reset: false, own_connection: true };
        visitor::identify(&state, &parts.headers, peer, site, &claims, Consent::FULL)
    } else {
        identify::settle(None, "", true, rand::random(), clock::now())
    };
    let arrival = Arrival {
        site,
        batch: &batch,
        sender,
        user_agent: if from_browser { connection::text(&parts.headers, header::USER_AGENT) } else { "" },
        hints: connection::hints(peer, &parts.headers, &state.server.trusted_proxies),
        address: from_browser.then(|| connection::client_address(peer, &parts.headers, &state.server.trusted_proxies)),
        identity,
        server_key: asker.is_server(),
        from_file: false,
        consent,
        refusal_signal,
    };
    let collected = state.collector.take(arrival).await.map_err(|e| unavailable(&state, &e))?;
    Ok(answer(kind, &collected.outcome))
}

/// 200, or Segment's 400 to a single call that is larger than one may be.
fn answer(kind: Option<Kind>, outcome: &Outcome) -> Response {
    const LARGE: &str = "an event is larger than the service accepts";
    let counted = [(OUTCOME, outcome.header())];
    let too_large = outcome.rejected.contains_key(RejectReason::TooLarge.as_str());
    if kind.is_some() && too_large {
        let mut refusal = as_segment_says(ApiError::TooLarge(LARGE)).into_response();
        refusal.headers_mut().extend(counted_header(outcome));
        return refusal;
    }
    let mut body = json!({ "success": true });
    for (word, reasons) in [("dropped", &outcome.dropped), ("rejected", &outcome.rejected)] {
        if !reasons.is_empty() {
            body[word] = json!(reasons);
        }
    }
    (StatusCode::OK, counted, Json(body)).into_response()
}

fn counted_header(outcome: &Outcome) -> Option<(header::HeaderName, HeaderValue)> {
    let value = HeaderValue::from_str(&outcome.header()).ok()?;
    Some((header::HeaderName::from_static(OUTCOME), value))
}

/// Where this API's own documentation names another status than ours, its clients expect theirs.
fn as_segment_says(error: ApiError) -> ApiError {
    match error {
        ApiError::TooLarge(message) => ApiError::TooLargeForSegment(message),
        other => other,
    }
}

/// `GET /v1/projects/{key}/settings`: what Segment's browser client asks before it sends anything.
/// There is one destination, and it is here.
pub async fn settings(
    State(state): State<AppState>,
    Path(key): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let snapshot = state.catalog.snapshot();
    let site = &snapshot.site_of_key(&key).ok_or(ApiError::NotFound)?.site;
    let body = browser_settings(site, &own_address(&state, peer, &headers)?);
    // Made from what this request says of itself, it is for nobody else.
    let whose = if state.server.public_url.is_empty() { "private, max-age=120" } else { "public, max-age=120" };
    Ok(([(header::CACHE_CONTROL, whose), (header::VARY, "Host, X-Forwarded-Proto, X-Forwarded-Host")], Json(body))
        .into_response())
}

/// Scheme and authority under which the caller reached us.
fn own_address(state: &AppState, peer: SocketAddr, headers: &HeaderMap) -> Result<(&'static str, String), ApiError> {
    let public = state.server.public_url.trim_end_matches('/');
    if let Some((scheme, authority)) = public.split_once("://") {
        return Ok((if scheme == "https" { "https" } else { "http" }, authority.to_owned()));
    }
    let host = connection::forwarded_host(&state.server, peer, headers);
    let host: Authority = host
        .unwrap_or(connection::text(headers, header::HOST))
        .parse()
        .map_err(|_| ApiError::Unreadable("the Host header is no host".into()))?;
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
