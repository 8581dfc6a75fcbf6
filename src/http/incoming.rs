//! What the routes that take events share: reading and parsing bodies, and who sends.

use std::net::SocketAddr;

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::{
    admission,
    body::{self, BufferedBody},
    error::ApiError,
    request_info,
    state::AppState,
};
use crate::{
    collect::CollectError,
    ingest::Sender,
    model::{Kind, Site},
    wire::collect::{self, Batch, Unreadable},
};

pub(super) const OUTCOME: &str = "ashna-outcome";

/// A transparent pixel, not to be cached.
pub(super) fn gif() -> Response {
    const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
    let headers = [(header::CONTENT_TYPE, "image/gif"), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::OK, headers, GIF).into_response()
}

/// Reads a request's body after admitting its address; counts refusals by reason.
pub(super) async fn read_body(
    state: &AppState,
    peer: SocketAddr,
    request: Request,
) -> Result<(Parts, BufferedBody), ApiError> {
    let (parts, stream) = request.into_parts();
    admission::admit_address(state, peer, &parts.headers)?;
    let bytes = body::read(stream, &parts.headers, &state.server, &state.bodies).await.map_err(|error| {
        let reason = match error {
            ApiError::TooLarge(_) => "too_large",
            ApiError::TooSlow => "too_slow",
            ApiError::Unavailable(..) => "unavailable",
            _ => "unreadable",
        };
        state.refuse(reason, error)
    })?;
    Ok((parts, bytes))
}

/// Parses a body. Almost valid JSON is parsed after a repair, which `repaired` then holds.
pub(super) fn parse<'a>(
    state: &AppState,
    bytes: &'a [u8],
    call: Option<Kind>,
    repaired: &'a mut Vec<u8>,
) -> Result<Batch<'a>, ApiError> {
    read(bytes, call).or_else(|error| parse_repaired(state, bytes, call, repaired, &error))
}

fn read(bytes: &[u8], call: Option<Kind>) -> Result<Batch<'_>, Unreadable> {
    match call {
        None => collect::parse(bytes),
        Some(kind) => collect::parse_call(bytes, kind),
    }
}

/// Parses a body that could not be parsed as it is.
pub(super) fn parse_repaired<'a>(
    state: &AppState,
    bytes: &[u8],
    call: Option<Kind>,
    repaired: &'a mut Vec<u8>,
    error: &Unreadable,
) -> Result<Batch<'a>, ApiError> {
    if let Some(bytes) = collect::repair(bytes) {
        *repaired = bytes;
        if let Ok(batch) = read(repaired, call) {
            return Ok(batch);
        }
    }
    Err(state.refuse("unreadable", ApiError::Unreadable(error.to_string())))
}

/// The kind of sender: a browser, whose `Origin` must be one of the site's, or a server, which sends none.
pub(super) fn sender_of(state: &AppState, headers: &HeaderMap, site: &Site) -> Result<Sender, ApiError> {
    match request_info::origin(headers) {
        None => Ok(Sender::Server),
        Some(origin) if request_info::is_listed(origin, site) => Ok(Sender::Browser),
        Some(_) => Err(state.refuse(
            "foreign_origin",
            ApiError::Forbidden("this page's origin is not one of the site's; add it in the dashboard"),
        )),
    }
}

pub(super) fn unavailable(state: &AppState, error: &CollectError) -> ApiError {
    state.refuse("unavailable", ApiError::Unavailable(2, error.to_string()))
}
