//! AppState of the tracker's second file, which a page loads only with a one-time token of the dashboard.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, Request, State},
    http::StatusCode,
};

use super::{body, connection, error::ApiError, rate, state::AppState};
use crate::{
    checks::browser::{self, Seen},
    clock,
    wire::checks::Report,
};

/// `POST /v1/debug`: what the second file saw. Any origin may report: that its origin is not the
/// site's is one of the things to hear. The token is the right to.
pub async fn report(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let (parts, stream) = request.into_parts();
    rate::admit_request(&state, peer, &parts.headers)?;
    let bytes = body::read(stream, &parts.headers, &state.server, &state.bodies).await?;
    let report: Report = serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::Unreadable(format!("the body is no report: {error}")))?;
    let now = clock::now();
    let id = state.installation.checks.site_of(&report.token, now).ok_or(ApiError::NotFound)?;
    let site = state.catalog.site(id)?.site.clone();
    let origin_is_listed = connection::origin(&parts.headers).is_some_and(|o| connection::is_listed(o, &site));
    let findings = browser::judge(&Seen {
        key: &report.key,
        write_key: &site.write_key,
        origin_is_listed,
        clock_ahead_ms: report.now.saturating_sub(now.0),
        answers: &report.answers,
        violated: &report.violated,
        objects: report.objects,
        refused: report.refused,
        opted_out: report.out,
        driven: report.driven,
    });
    state.installation.checks.hear(&report.token, findings, now);
    Ok(StatusCode::NO_CONTENT)
}
