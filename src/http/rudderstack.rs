//! What RudderStack's clients request besides Segment's calls.

use std::net::SocketAddr;

use axum::{
    Json,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    error::ApiError,
    extract::{Path, Query},
    key::{self, GivenKeys, KeyQuery},
    segment,
    state::AppState,
};

/// `GET /sourceConfig`: the browser client requests it before it sends anything. There are no destinations, so it loads
/// no integrations, and statistics about the client itself are off.
pub async fn source_config(
    State(state): State<AppState>,
    Query(query): Query<KeyQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let snapshot = state.catalog.snapshot();
    let given = GivenKeys { address: query.as_str(), body: "" };
    let site = &key::resolve(&state, &snapshot, &headers, given)?.site.site;
    let id = site.id.to_string();
    let body = json!({
        "source": {
            "id": id,
            "name": site.name,
            "workspaceId": id,
            "enabled": true,
            "config": { "statsCollection": { "errors": { "enabled": false }, "metrics": { "enabled": false } } },
            "connections": [],
            "destinations": [],
        },
        "updatedAt": "2026-01-01T00:00:00.000Z",
    });
    let headers = [(header::CACHE_CONTROL, "private, max-age=120"), (header::VARY, "Authorization, X-API-Key")];
    Ok((headers, Json(body)).into_response())
}

/// `POST /beacon/v1/batch?writeKey=`: a batch that the browser sends when a page is left.
pub async fn beacon(
    state: State<AppState>,
    query: Query<KeyQuery>,
    peer: ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    segment::call(state, Path("batch".to_owned()), query, peer, request).await
}
