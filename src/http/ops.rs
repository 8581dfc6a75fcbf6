//! For those who run the service: alive, ready, counted.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{caller, error::ApiError, state::Doors};

/// `GET /healthz`: the process answers.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// `GET /readyz`: events can be taken. The warehouse is not needed for that.
pub async fn ready(State(doors): State<Doors>) -> Response {
    let refusal = (doors.not_ready)();
    let status = if refusal.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(json!({ "ready": refusal.is_none(), "because": refusal, "reports": (doors.reports_ready)() })))
        .into_response()
}

/// `GET /metrics` with a key: the counters, in Prometheus' text format.
pub async fn metrics(State(doors): State<Doors>, headers: HeaderMap) -> Result<Response, ApiError> {
    let key = caller::bearer(&headers).ok_or(ApiError::Unauthorized)?;
    doors.access.key(key).ok_or(ApiError::Unauthorized)?;
    Ok(open_metrics(State(doors.clone())).await)
}

/// The same without a key, for `--metrics-listen`.
pub async fn open_metrics(State(doors): State<Doors>) -> Response {
    (doors.refresh_gauges)();
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], doors.metrics.render())
        .into_response()
}
