//! Liveness, readiness and metrics.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{caller::Caller, error::ApiError, state::AppState};
use crate::{
    telemetry::health::{Cause, ComponentReport, Serves},
    wire::health::{ComponentBody, ReadyBody},
};

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /healthz`: the process is alive.
pub async fn alive() -> &'static str {
    "alive\n"
}

/// `GET /readyz`: ready to collect events, which does not need the warehouse.
pub async fn ready(State(state): State<AppState>) -> Response {
    let report = state.health.report();
    let (refusal, no_reports) = (report.refusal(Serves::Events), report.refusal(Serves::Reports));
    let status = if refusal.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let degraded = |found: &ComponentReport| {
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
        components: report.0.iter().filter_map(degraded).collect(),
    };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// `GET /metrics` with a key or login, in OpenMetrics text format: the whole service's metrics for callers who may read
/// all its sites, otherwise those of the key's site.
pub async fn metrics(State(state): State<AppState>, caller: Caller) -> Result<Response, ApiError> {
    if caller.may_see_service(&state.catalog.snapshot()) {
        return Ok(open_metrics(State(state.clone())).await);
    }
    match caller {
        Caller::Program(key) => {
            (state.refresh_gauges)();
            Ok(([(header::CONTENT_TYPE, METRICS_TYPE)], state.metrics.render_site(key.site)).into_response())
        }
        Caller::Person(_) => {
            Err(ApiError::Forbidden("metrics of the whole service require access to all of its sites"))
        }
    }
}

/// The same without authentication, for `--metrics-listen`.
pub async fn open_metrics(State(state): State<AppState>) -> Response {
    (state.refresh_gauges)();
    ([(header::CONTENT_TYPE, METRICS_TYPE)], state.metrics.render()).into_response()
}
