//! Finds the site of a request of another product's client, translates its events and collects them.

use std::net::{IpAddr, SocketAddr};

use axum::{
    http::{HeaderMap, HeaderName, Method, header, request::Parts},
    response::Response,
};
use serde::Deserialize;

use crate::{
    clock,
    http::{
        error::ApiError,
        incoming::sender_of,
        key::{self, GivenKeys},
        request_info, segment,
        state::AppState,
    },
    ingest::Sender,
    model::Site,
    telemetry::Outcome,
    wire::{
        collect::{self, Unreadable},
        foreign::{CallWriter, Connection, ForeignRequest},
    },
};

static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The key that a request carries in its address, in the path or the query.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct PathKey {
    #[serde(default)]
    pub(in crate::http) key: String,
}

/// Where a product's client puts the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum KeyPlace {
    Address,
    Body,
}

pub(in crate::http) fn unreadable(state: &AppState, error: &Unreadable) -> ApiError {
    state.refuse("unreadable", ApiError::Unreadable(error.to_string()))
}

/// Finds the site, translates the events and collects them.
pub(in crate::http) async fn accept(
    state: &AppState,
    parts: &Parts,
    peer: SocketAddr,
    address_key: &str,
    (place, request): (KeyPlace, &(dyn ForeignRequest + Sync)),
) -> Result<Outcome, ApiError> {
    let snapshot = state.catalog.snapshot();
    let candidates = request.keys();
    let known = candidates.iter().find(|key| snapshot.site_of_key(key).is_some());
    let own = known.or_else(|| candidates.iter().find(|key| !key.is_empty())).map_or("", String::as_str);
    let given = match place {
        // A client that was given the key in its address still sends the id that it had before.
        KeyPlace::Address if address_key.is_empty() => GivenKeys { address: own, body: "" },
        KeyPlace::Address | KeyPlace::Body => GivenKeys { address: address_key, body: own },
    };
    let key = key::resolve_sender(state, &snapshot, &parts.headers, given)?;
    let site = &key.site.site;
    let sender = match sender_of(state, &parts.headers, site)? {
        Sender::Server if is_image_of_page(parts, site) => Sender::Browser,
        sender => sender,
    };
    let body = translate(state, parts, peer, site, request);
    let batch = collect::parse(&body).map_err(|error| unreadable(state, &error))?;
    segment::collect_calls(state, parts, peer, key, sender, &batch).await
}

/// The events as the body of a batch.
fn translate(state: &AppState, parts: &Parts, peer: SocketAddr, site: &Site, request: &dyn ForeignRequest) -> Vec<u8> {
    let address = visitor_address(state, peer, &parts.headers);
    let user_agent = request_info::text(&parts.headers, header::USER_AGENT);
    let daily_id = |ip: &str, agent: &str| {
        let address = if ip.is_empty() { address } else { ip.trim().parse().ok()? };
        let agent = if agent.is_empty() { user_agent } else { agent };
        Some(state.collector.daily_visitor(site, address, agent).to_string())
    };
    let (address, now) = (address.to_string(), clock::now());
    let mut calls = CallWriter::default();
    request.write(&Connection { user_agent, address: &address, now, daily_id: &daily_id }, &mut calls);
    calls.finish()
}

/// Whether a request without an `Origin` is for an image on a page: browsers send none with these.
fn is_image_of_page(parts: &Parts, site: &Site) -> bool {
    let referer = url::Url::parse(request_info::text(&parts.headers, header::REFERER));
    let is_listed = referer.is_ok_and(|page| request_info::is_listed(&page.origin().ascii_serialization(), site));
    parts.method == Method::GET && (is_listed || parts.headers.contains_key(&FETCH_SITE))
}

/// The visitor's address, for products whose events have no ids: servers that report events name it in
/// `X-Forwarded-For`.
fn visitor_address(state: &AppState, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
    let connection = request_info::client_address(peer, headers, &state.server.trusted_proxies);
    if connection != peer.ip().to_canonical() || request_info::origin(headers).is_some() {
        return connection;
    }
    let first = request_info::text(headers, FORWARDED_FOR.clone()).split(',').next().unwrap_or_default();
    first.trim().parse().unwrap_or(connection)
}

pub(in crate::http) fn with_outcome(mut answer: Response, outcome: &Outcome) -> Response {
    answer.headers_mut().extend(segment::counted_header(outcome));
    answer
}
