//! For those who run the service: alive, ready, counted.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{caller, error::ApiError, state::Doors};
use crate::{
    telemetry::health::{Cause, Found, Serves},
    wire::health::{ComponentBody, ReadyBody},
};

/// `GET /healthz`: the process answers.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// `GET /readyz`: events can be taken. The warehouse is not needed for that.
pub async fn ready(State(doors): State<Doors>) -> Response {
    let report = doors.health.report();
    let (refusal, no_reports) = (report.refusal(Serves::Events), report.refusal(Serves::Reports));
    let status = if refusal.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let unwell = |found: &Found| {
        let Cause { code, message } = found.state.cause()?;
        Some(ComponentBody { name: found.name, state: found.state.as_str(), code, message: message.clone() })
    };
    let body = ReadyBody {
        ready: refusal.is_none(),
        code: refusal.map(|cause| cause.code),
        because: refusal.map(|cause| cause.message.clone()),
        reports: no_reports.is_none(),
        reports_code: no_reports.map(|cause| cause.code),
        reports_because: no_reports.map(|cause| cause.message.clone()),
        components: report.0.iter().filter_map(unwell).collect(),
    };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
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
