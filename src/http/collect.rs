//! AppState for events from the tracker, `/e` and the pixel, and what they share with [`super::segment`].

use std::net::SocketAddr;

use axum::{
    Json,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    body::{self, Taken},
    connection,
    error::ApiError,
    extract::Query,
    rate,
    state::AppState,
    tracker,
    visitor::{self, Claims},
};
use crate::{
    catalog::SiteSnapshot,
    collect::{Arrival, CollectError, Collected},
    ingest::{Identity, Sender, consent},
    model::{Kind, Site},
    wire::{
        collect::{self, Batch, Text},
        tracker::TrackerNews,
    },
};

pub(super) const OUTCOME: &str = "ashna-outcome";

/// Where the key may also stand.
#[derive(Debug, Default, Deserialize)]
pub struct KeyQuery {
    /// The write key.
    #[serde(default)]
    pub key: Option<String>,
}

/// What a pixel's address tells.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PixelQuery {
    key: String,
    url: String,
    title: String,
    referrer: String,
    consent: String,
}

/// `POST /e`: the tracker's batches. The visitor cookie is read and set here.
pub async fn own(
    State(state): State<AppState>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, bytes) = take_body(&state, peer, request).await?;
    let mut spare = Vec::new();
    let batch = parse(&state, &bytes, None, &mut spare)?;
    let key = query.key.as_deref().unwrap_or(batch.key.as_str());
    from_browser(&state, &parts, peer, key, &batch).await
}

/// `GET /px.gif`: one page view of a page without scripts.
pub async fn pixel(
    State(state): State<AppState>,
    Query(query): Query<PixelQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
    let (parts, _) = request.into_parts();
    rate::admit_address(&state, peer, &parts.headers)?;
    let referer = connection::text(&parts.headers, header::REFERER);
    let page = if query.url.is_empty() { referer } else { &query.url };
    let agreed = match query.consent.as_str() {
        "granted" => Some(true),
        "denied" => Some(false),
        _ => None,
    };
    let body = json!({"consent": {"analytics": agreed, "personalization": agreed},
        "events": [{"type": "page", "context": {"page":
            {"url": page, "title": query.title, "referrer": query.referrer}}}]})
    .to_string();
    let mut spare = Vec::new();
    let batch = parse(&state, body.as_bytes(), None, &mut spare)?;
    let counted = from_browser(&state, &parts, peer, &query.key, &batch).await?;
    let mut answer = (StatusCode::OK, GIF).into_response();
    for name in [header::SET_COOKIE, header::HeaderName::from_static(OUTCOME)] {
        if let Some(value) = counted.headers().get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/gif"));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

pub(super) async fn take_body(
    state: &AppState,
    peer: SocketAddr,
    request: Request,
) -> Result<(Parts, Taken), ApiError> {
    let (parts, stream) = request.into_parts();
    rate::admit_address(state, peer, &parts.headers)?;
    let bytes = body::read(stream, &parts.headers, &state.server, &state.bodies).await.map_err(|error| {
        let reason = match error {
            ApiError::TooLarge(_) => "too_large",
            ApiError::TooSlow => "too_slow",
            ApiError::Unavailable(..) => "unavailable",
            _ => "unreadable",
        };
        refuse(state, reason, error)
    })?;
    Ok((parts, bytes))
}

/// Reads a body; what is almost JSON is read after a repair, which `spare` then holds.
pub(super) fn parse<'a>(
    state: &AppState,
    bytes: &'a [u8],
    call: Option<Kind>,
    spare: &'a mut Vec<u8>,
) -> Result<Batch<'a>, ApiError> {
    let read = |bytes| match call {
        None => collect::parse(bytes),
        Some(kind) => collect::parse_call(bytes, kind),
    };
    let unreadable = match read(bytes) {
        Ok(batch) => return Ok(batch),
        Err(error) => error,
    };
    if let Some(repaired) = collect::repaired(bytes) {
        *spare = repaired;
        if let Ok(batch) = read(spare) {
            return Ok(batch);
        }
    }
    Err(refuse(state, "unreadable", ApiError::Unreadable(unreadable.to_string())))
}

/// What `/e` and the pixel share: the connection is the visitor's own browser.
async fn from_browser(
    state: &AppState,
    parts: &Parts,
    peer: SocketAddr,
    key: &str,
    batch: &Batch<'_>,
) -> Result<Response, ApiError> {
    let snapshot = state.catalog.snapshot();
    let known = snapshot.site_of_key(key).ok_or_else(|| refuse(state, "unknown_key", ApiError::Unauthorized))?;
    let site = &known.site;
    sender_of(state, &parts.headers, site)?;
    rate::admit_events(state, peer, &parts.headers, site, batch.events.len())?;
    let refusal_signal = visitor::refuses(&parts.headers);
    let consent = consent::settle(site, consent::said(batch), refusal_signal);
    let carried = tracker::carried(state, site, batch.link.token.as_str(), batch.link.referrer.as_str());
    let carried = carried.map(|visitor| visitor.to_string());
    let proposal = carried.as_deref().unwrap_or(batch.visitor.as_str());
    let claims = Claims { proposal, reset: batch.reset, own_connection: true };
    let identity = visitor::identify(state, &parts.headers, peer, site, &claims, consent);
    if visitor::is_new(identity, batch.fresh && carried.is_none()) {
        state.collector.welcome(site.id, identity.visitor);
    }
    let arrival = Arrival {
        site,
        batch,
        sender: Sender::Browser,
        user_agent: connection::text(&parts.headers, header::USER_AGENT),
        hints: connection::hints(peer, &parts.headers, &state.server.trusted_proxies),
        address: Some(connection::client_address(peer, &parts.headers, &state.server.trusted_proxies)),
        identity,
        server_key: false,
        from_file: false,
        consent,
        refusal_signal,
    };
    let collected = state.collector.take(arrival).await.map_err(|e| unavailable(state, &e))?;
    answer_browser(state, parts, known, batch, identity, &collected)
}

/// 204, or what the tracker has yet to hear: the id to go on with when the service settled on another
/// than it proposed, new settings, and the token it asked for.
fn answer_browser(
    state: &AppState,
    parts: &Parts,
    known: &SiteSnapshot,
    batch: &Batch<'_>,
    identity: Identity,
    collected: &Collected,
) -> Result<Response, ApiError> {
    let site = &known.site;
    let settled = identity.visitor.to_string();
    let has = batch.settings.as_ref().map(Text::as_str);
    let news = TrackerNews {
        visitor: Some(settled).filter(|settled| visitor::is_told(identity) && batch.visitor.as_str() != settled),
        settings: tracker::settings(known, has, &parts.headers),
        link: if batch.linking { tracker::ticket(state, site, identity) } else { None },
    };
    let mut answer = if news.is_none() { StatusCode::NO_CONTENT.into_response() } else { Json(news).into_response() };
    let said = consent::said(batch);
    if let Some(cookie) = visitor::cookie_to_set(state, &parts.headers, site, identity, collected.session, said)? {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    let outcome = HeaderValue::from_str(&collected.outcome.header()).map_err(|e| ApiError::Internal(e.to_string()))?;
    answer.headers_mut().insert(OUTCOME, outcome);
    Ok(answer)
}

/// A browser's `Origin` must be one of the site's; without one the sender is a server.
pub(super) fn sender_of(state: &AppState, headers: &HeaderMap, site: &Site) -> Result<Sender, ApiError> {
    match connection::origin(headers) {
        None => Ok(Sender::Server),
        Some(origin) if connection::is_listed(origin, site) => Ok(Sender::Browser),
        Some(_) => Err(refuse(
            state,
            "foreign_origin",
            ApiError::Forbidden("this page's origin is not one of the site's; add it in the dashboard"),
        )),
    }
}

pub(super) fn refuse(state: &AppState, reason: &'static str, error: ApiError) -> ApiError {
    state.collector.refuse(reason);
    error
}

pub(super) fn unavailable(state: &AppState, error: &CollectError) -> ApiError {
    refuse(state, "unavailable", ApiError::Unavailable(2, error.to_string()))
}
