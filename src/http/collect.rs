//! Handlers for events of the tracker, `/e` and the pixel, and what they share with [`super::segment`].

use std::net::SocketAddr;

use axum::{
    Json,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    admission,
    error::ApiError,
    extract::Query,
    incoming::{OUTCOME, gif, parse, parse_repaired, read_body, sender_of, unavailable},
    key::{self, GivenKeys, KeyQuery, SiteKey},
    posthog, request_info,
    state::AppState,
    tracker,
    visitor::{self, Claims},
};
use crate::{
    catalog::SiteSnapshot,
    collect::{Collected, IncomingBatch},
    ingest::{Identity, Sender, consent},
    wire::{
        collect::{self, Batch, Text},
        foreign::posthog::Posthog,
        tracker::TrackerUpdate,
    },
};

/// The query of a pixel.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PixelQuery {
    key: String,
    #[serde(rename = "writeKey")]
    write_key: String,
    url: String,
    title: String,
    referrer: String,
    consent: String,
}

/// `POST /e`: the tracker's batches. Reads and sets the visitor cookie.
pub async fn tracker_batch(
    State(state): State<AppState>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, bytes) = read_body(&state, peer, request).await?;
    let mut repaired = Vec::new();
    let parsed = collect::parse(&bytes);
    let is_ours = |batch: &Batch<'_>| !batch.key.is_empty() || !query.as_str().is_empty() || batch.settings.is_some();
    // PostHog's clients use this path too.
    if !parsed.as_ref().is_ok_and(is_ours) && Posthog::is_body(&bytes) {
        return posthog::collect_events(&state, &parts, peer, &query, &bytes).await;
    }
    let batch = parsed.or_else(|error| parse_repaired(&state, &bytes, None, &mut repaired, &error))?;
    let given = GivenKeys { address: query.as_str(), body: batch.key.as_str() };
    let snapshot = state.catalog.snapshot();
    let key = key::resolve_sender(&state, &snapshot, &parts.headers, given)?;
    from_browser(&state, &parts, peer, key, &batch).await
}

/// `GET /px.gif`: one page view, for pages without JavaScript.
pub async fn pixel(
    State(state): State<AppState>,
    Query(query): Query<PixelQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    admission::admit_address(&state, peer, &parts.headers)?;
    let referer = request_info::text(&parts.headers, header::REFERER);
    let page = if query.url.is_empty() { referer } else { &query.url };
    let consented = match query.consent.as_str() {
        "granted" => Some(true),
        "denied" => Some(false),
        _ => None,
    };
    let body = json!({"consent": {"analytics": consented, "personalization": consented},
        "events": [{"type": "page", "context": {"page":
            {"url": page, "title": query.title, "referrer": query.referrer}}}]})
    .to_string();
    let mut repaired = Vec::new();
    let batch = parse(&state, body.as_bytes(), None, &mut repaired)?;
    let address = if query.key.is_empty() { &query.write_key } else { &query.key };
    let snapshot = state.catalog.snapshot();
    let given = GivenKeys { address, body: "" };
    let key = key::resolve_sender(&state, &snapshot, &parts.headers, given)?;
    let counted = from_browser(&state, &parts, peer, key, &batch).await?;
    let mut answer = gif();
    for name in [header::SET_COOKIE, header::HeaderName::from_static(OUTCOME)] {
        if let Some(value) = counted.headers().get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    Ok(answer)
}

/// Collects a batch of `/e` or the pixel, whose connection is the visitor's own browser.
async fn from_browser(
    state: &AppState,
    parts: &Parts,
    peer: SocketAddr,
    key: SiteKey<'_>,
    batch: &Batch<'_>,
) -> Result<Response, ApiError> {
    let known = key.site;
    let site = &known.site;
    sender_of(state, &parts.headers, site)?;
    admission::admit_events(state, peer, &parts.headers, site, batch.events.len())?;
    let refusal_signal = visitor::signals_refusal(&parts.headers);
    let consent = consent::resolve(site, consent::stated(batch), refusal_signal);
    let linked = tracker::linked_visitor(state, site, batch.link.token.as_str(), batch.link.referrer.as_str());
    let linked = linked.map(|visitor| visitor.to_string());
    let proposal = linked.as_deref().unwrap_or(batch.visitor.as_str());
    let claims = Claims { proposal, reset: batch.reset, own_connection: true };
    let identity = visitor::identify(state, &parts.headers, peer, site, &claims, consent);
    if visitor::is_new(identity, batch.fresh && linked.is_none()) {
        state.collector.start_profile(site.id, identity.visitor);
    }
    let arrival = IncomingBatch {
        site,
        batch,
        sender: Sender::Browser,
        user_agent: request_info::text(&parts.headers, header::USER_AGENT),
        hints: request_info::hints(peer, &parts.headers, &state.server.trusted_proxies),
        address: Some(request_info::client_address(peer, &parts.headers, &state.server.trusted_proxies)),
        identity,
        server_key: key.is_server(),
        from_file: false,
        consent,
        refusal_signal,
    };
    let collected = state.collector.collect(arrival).await.map_err(|e| unavailable(state, &e))?;
    answer_browser(state, parts, known, batch, identity, &collected)
}

/// 204, or what the tracker needs to know: the visitor id if it differs from the proposed one, new settings, and a
/// requested link token.
fn answer_browser(
    state: &AppState,
    parts: &Parts,
    known: &SiteSnapshot,
    batch: &Batch<'_>,
    identity: Identity,
    collected: &Collected,
) -> Result<Response, ApiError> {
    let site = &known.site;
    let visitor = identity.visitor.to_string();
    let has = batch.settings.as_ref().map(Text::as_str);
    let news = TrackerUpdate {
        visitor: Some(visitor).filter(|id| visitor::is_disclosed(identity) && batch.visitor.as_str() != id),
        settings: tracker::settings(known, has, &parts.headers),
        link: if batch.linking { tracker::link_token(state, site, identity) } else { None },
    };
    let mut answer = if news.is_empty() { StatusCode::NO_CONTENT.into_response() } else { Json(news).into_response() };
    let given = consent::stated(batch);
    if let Some(cookie) = visitor::cookie_to_set(state, &parts.headers, site, identity, collected.session, given)? {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    let outcome = HeaderValue::from_str(&collected.outcome.header()).map_err(|e| ApiError::Internal(e.to_string()))?;
    answer.headers_mut().insert(OUTCOME, outcome);
    Ok(answer)
}
