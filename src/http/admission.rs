//! Applies the rate limits to requests and counts the refused ones.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::HeaderMap,
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{error::ApiError, rate::RateLimited, request_info, state::AppState};
use crate::model::Site;

/// Charges the client's address for one event before the body is read.
///
/// # Errors
/// 429 when the address is over its limit.
pub fn admit_address(state: &AppState, peer: SocketAddr, headers: &HeaderMap) -> Result<(), ApiError> {
    state.rate_limiter.charge_address_events(address(state, peer, headers), 1).map_err(|limited| refuse(state, limited))
}

/// Charges the events of a request that [`admit_address`] let pass: the site for all of them, the address for those
/// after the first.
///
/// # Errors
/// 429 when the site is over its limit.
pub fn admit_events(
    state: &AppState,
    peer: SocketAddr,
    headers: &HeaderMap,
    site: &Site,
    events: usize,
) -> Result<(), ApiError> {
    let events = events as u64;
    state.rate_limiter.charge_site_events(site, events.max(1)).map_err(|limited| {
        state.metrics.operations.count_rate_limited(site.id);
        refuse(state, limited)
    })?;
    // The first event passed, so the request does, and the others are paid for.
    state.rate_limiter.add_address_events(address(state, peer, headers), events.saturating_sub(1));
    Ok(())
}

/// Charges the client's address for a decision or recommendation before the body is read.
///
/// # Errors
/// 429 when the address is over its limit.
pub fn admit_address_decision(state: &AppState, peer: SocketAddr, headers: &HeaderMap) -> Result<(), ApiError> {
    state.rate_limiter.charge_address_decision(address(state, peer, headers)).map_err(|limited| refuse(state, limited))
}

/// Charges the site for the same decision or recommendation.
///
/// # Errors
/// 429 when the site is over its limit.
pub fn admit_site_decision(state: &AppState, site: &Site) -> Result<(), ApiError> {
    state.rate_limiter.charge_site_decision(site.id).map_err(|limited| refuse(state, limited))
}

/// Charges the client's address for a request to the private API or a report of the installation check.
///
/// # Errors
/// 429 when the address is over its limit.
pub fn admit_request(state: &AppState, peer: SocketAddr, headers: &HeaderMap) -> Result<(), ApiError> {
    state.rate_limiter.charge_address_request(address(state, peer, headers)).map_err(|limited| refuse(state, limited))
}

/// Middleware: [`admit_request`] before every private route.
pub async fn limit_private(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    if let Some(peer) = peer
        && let Err(refusal) = admit_request(&state, peer, request.headers())
    {
        return refusal.into_response();
    }
    next.run(request).await
}

fn address(state: &AppState, peer: SocketAddr, headers: &HeaderMap) -> impl FnOnce() -> IpAddr {
    move || request_info::client_address(peer, headers, &state.server.trusted_proxies)
}

fn refuse(state: &AppState, limited: RateLimited) -> ApiError {
    state.refuse(limited.reason, ApiError::RateLimited(limited.retry_after))
}
