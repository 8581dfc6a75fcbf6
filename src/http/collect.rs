//! Doors for events: the tracker's `/e`, the pixel, and Segment's HTTP Tracking API.

use std::net::SocketAddr;

use axum::{
    Json,
    body::Bytes,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::json;

use super::{
    body, caller, connection,
    error::ApiError,
    extract::{Path, Query},
    state::Doors,
    visitor,
};
use crate::{
    collect::{Arrival, CollectError, Collected},
    control::Scope,
    ingest::{Consent, Identity, Sender, consent, identify},
    model::{Kind, Site},
    wire::collect::{self, Batch},
};

const OUTCOME: &str = "ashna-outcome";

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
}

/// `POST /e`: the tracker's batches. The visitor cookie is read and set here.
pub async fn tracker(
    State(doors): State<Doors>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, bytes) = take_body(&doors, request).await?;
    let batch = parse(&doors, &bytes, None)?;
    let key = query.key.as_deref().unwrap_or(batch.key.as_str());
    from_browser(&doors, &parts, peer, key, &batch).await
}

/// `GET /px.gif`: one page view of a page without scripts.
pub async fn pixel(
    State(doors): State<Doors>,
    Query(query): Query<PixelQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
    let (parts, _) = request.into_parts();
    let referer = connection::text(&parts.headers, header::REFERER);
    let page = if query.url.is_empty() { referer } else { &query.url };
    let body = json!({"events": [{"type": "page", "context": {"page":
        {"url": page, "title": query.title, "referrer": query.referrer}}}]})
    .to_string();
    let batch = parse(&doors, body.as_bytes(), None)?;
    let counted = from_browser(&doors, &parts, peer, &query.key, &batch).await?;
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

/// `POST /v1/{call}`: the Segment HTTP Tracking API, from servers, apps and browsers.
pub async fn segment(
    State(doors): State<Doors>,
    Path(call): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let kind = match call.as_str() {
        "batch" | "import" | "b" => None,
        "track" | "t" => Some(Kind::Track),
        "page" | "p" => Some(Kind::Page),
        "screen" | "s" => Some(Kind::Screen),
        "identify" | "i" => Some(Kind::Identify),
        "group" | "g" => Some(Kind::Group),
        "alias" | "a" => Some(Kind::Alias),
        _ => return Err(ApiError::NotFound),
    };
    let (parts, bytes) = take_body(&doors, request).await?;
    let batch = parse(&doors, &bytes, kind)?;
    let snapshot = doors.catalog.snapshot();
    let server_key = match caller::bearer(&parts.headers) {
        Some(key) => doors.access.key(key).await?.filter(|key| key.scope >= Scope::Server),
        None => None,
    };
    let found = if let Some(key) = &server_key {
        snapshot.sites.get(&key.site)
    } else {
        let basic = basic_user(&parts.headers);
        snapshot.site_of_key(basic.as_deref().unwrap_or(batch.key.as_str()))
    };
    let site = &found.ok_or_else(|| refuse(&doors, "unknown_key", ApiError::Unauthorized))?.site;
    let sender = sender_of(&doors, &parts.headers, site)?;
    let from_browser = sender == Sender::Browser;
    let consent = consent::settle(site, batch.consent, from_browser && visitor::refuses(&parts.headers));
    let arrival = Arrival {
        site,
        batch: &batch,
        sender,
        user_agent: if from_browser { connection::text(&parts.headers, header::USER_AGENT) } else { "" },
        address: from_browser.then(|| connection::client_address(peer, &parts.headers, &doors.server.trusted_proxies)),
        identity: identify::settle(None, "", consent.analytics, rand::random()),
        server_key: server_key.is_some(),
        from_file: false,
        consent,
    };
    let collected = doors.collector.take(arrival).await.map_err(|e| unavailable(&doors, &e))?;
    let outcome = &collected.outcome;
    let body = json!({"success": true, "kept": outcome.kept, "dropped": outcome.dropped, "rejected": outcome.rejected});
    Ok((StatusCode::OK, [(OUTCOME, outcome.header())], Json(body)).into_response())
}

async fn take_body(doors: &Doors, request: Request) -> Result<(Parts, Bytes), ApiError> {
    let (parts, stream) = request.into_parts();
    let encoding = connection::text(&parts.headers, header::CONTENT_ENCODING);
    let bytes = body::read(stream, Some(encoding), &doors.server).await.map_err(|error| {
        let reason = match error {
            ApiError::TooLarge(_) => "too_large",
            ApiError::TooSlow => "too_slow",
            _ => "unreadable",
        };
        refuse(doors, reason, error)
    })?;
    Ok((parts, bytes))
}

fn parse<'a>(doors: &Doors, bytes: &'a [u8], call: Option<Kind>) -> Result<Batch<'a>, ApiError> {
    let parsed = match call {
        None => collect::parse(bytes),
        Some(kind) => collect::parse_call(bytes, kind),
    };
    parsed.map_err(|error| refuse(doors, "unreadable", ApiError::Unreadable(error.to_string())))
}

/// What `/e` and the pixel share: the connection is the visitor's own browser.
async fn from_browser(
    doors: &Doors,
    parts: &Parts,
    peer: SocketAddr,
    key: &str,
    batch: &Batch<'_>,
) -> Result<Response, ApiError> {
    let snapshot = doors.catalog.snapshot();
    let site = &snapshot.site_of_key(key).ok_or_else(|| refuse(doors, "unknown_key", ApiError::Unauthorized))?.site;
    sender_of(doors, &parts.headers, site)?;
    let consent = consent::settle(site, batch.consent, visitor::refuses(&parts.headers));
    let identity = visitor::identify(doors, &parts.headers, site, batch.visitor.as_str(), batch.reset, consent);
    if visitor::is_new(identity, batch.fresh) {
        doors.collector.welcome(site.id, identity.visitor);
    }
    let arrival = Arrival {
        site,
        batch,
        sender: Sender::Browser,
        user_agent: connection::text(&parts.headers, header::USER_AGENT),
        address: Some(connection::client_address(peer, &parts.headers, &doors.server.trusted_proxies)),
        identity,
        server_key: false,
        from_file: false,
        consent,
    };
    let collected = doors.collector.take(arrival).await.map_err(|e| unavailable(doors, &e))?;
    answer_browser(doors, parts, site, batch, consent, identity, &collected)
}

/// 204, or the id to go on with when the service settled on another than the tracker proposed.
fn answer_browser(
    doors: &Doors,
    parts: &Parts,
    site: &Site,
    batch: &Batch<'_>,
    consent: Consent,
    identity: Identity,
    collected: &Collected,
) -> Result<Response, ApiError> {
    let settled = identity.visitor.to_string();
    let agreed = !consent.analytics || batch.visitor.as_str() == settled;
    let mut answer = if agreed {
        StatusCode::NO_CONTENT.into_response()
    } else {
        Json(json!({ "visitor": settled })).into_response()
    };
    if let Some(cookie) = visitor::renewed_cookie(doors, &parts.headers, site, identity, collected.session)? {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    let outcome = HeaderValue::from_str(&collected.outcome.header()).map_err(|e| ApiError::Internal(e.to_string()))?;
    answer.headers_mut().insert(OUTCOME, outcome);
    Ok(answer)
}

/// A browser's `Origin` must be one of the site's; without one the sender is a server.
fn sender_of(doors: &Doors, headers: &HeaderMap, site: &Site) -> Result<Sender, ApiError> {
    match connection::origin(headers) {
        None => Ok(Sender::Server),
        Some(origin) if connection::is_listed(origin, site) => Ok(Sender::Browser),
        Some(_) => Err(refuse(
            doors,
            "foreign_origin",
            ApiError::Forbidden("this page's origin is not one of the site's; add it in the dashboard"),
        )),
    }
}

fn basic_user(headers: &HeaderMap) -> Option<String> {
    let value = connection::text(headers, header::AUTHORIZATION);
    let (scheme, packed) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || packed.len() > 1000 {
        return None;
    }
    let plain = STANDARD.decode(packed.trim()).ok()?;
    let text = String::from_utf8(plain).ok()?;
    Some(text.split(':').next().unwrap_or_default().to_owned())
}

fn refuse(doors: &Doors, reason: &'static str, error: ApiError) -> ApiError {
    doors.collector.refuse(reason);
    error
}

fn unavailable(doors: &Doors, error: &CollectError) -> ApiError {
    refuse(doors, "unavailable", ApiError::Unavailable(2, error.to_string()))
}
