//! Reports of the tracker's debug script, which a page loads only with a one-time token of the dashboard.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, Request, State},
    http::StatusCode,
};

use super::{admission, body, error::ApiError, request_info, state::AppState};
use crate::{
    checks::browser::{self, Observations},
    clock,
    wire::checks::BrowserReport,
};

/// `POST /v1/debug`: what the debug script observed. Any origin may report, because an unlisted origin is one of the
/// findings; the token is the authorization.
pub async fn report(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let (parts, stream) = request.into_parts();
    admission::admit_request(&state, peer, &parts.headers)?;
    let bytes = body::read(stream, &parts.headers, &state.server, &state.bodies).await?;
    let report: BrowserReport = serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::Unreadable(format!("the body is not a report: {error}")))?;
    let now = clock::now();
    let id = state.installation.checks.site_of(&report.token, now).ok_or(ApiError::NotFound)?;
    let site = state.catalog.site(id)?.site.clone();
    let origin_is_listed = request_info::origin(&parts.headers).is_some_and(|o| request_info::is_listed(o, &site));
    let findings = browser::diagnose(&Observations {
        key: &report.key,
        write_key: &site.write_key,
        origin_is_listed,
        clock_ahead_ms: report.now.saturating_sub(now.0),
        answers: &report.answers,
        violated: &report.violated,
        privacy_signal: report.privacy_signal,
        consent_denied: report.consent_denied,
        opted_out: report.opted_out,
        automated: report.automated,
    });
    state.installation.checks.record(&report.token, findings, now);
    Ok(StatusCode::NO_CONTENT)
}
