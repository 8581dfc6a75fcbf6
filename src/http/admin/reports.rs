//! Reports: each is a POST with the question as JSON; `?format=csv` exports.

use axum::{
    Json,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;
use serde::Deserialize;

use super::report_answers::{answer, refuse_personal_data, segment_source, table};
use crate::{
    clock,
    http::{
        body,
        caller::Caller,
        coalesce::{Joined, ReportKey},
        error::ApiError,
        extract::{Path, Query, SitePath},
        state::AppState,
    },
    ingest::identify::{IdKind, visitor_of},
    model::SiteId,
    reports::ReportError,
    wire::{
        admin::{JournalCounts, Quality, VisitorBody},
        reports::{FunnelDropOffs, ReportAnswer, ReportQuestion, Schema, VisitorHistory},
    },
};

/// The response's format.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct Format {
    /// `csv` or `json`, which is the default.
    #[serde(default)]
    format: Option<String>,
}

/// Limits of a list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct Extent {
    /// How many days back.
    #[serde(default)]
    days: Option<u32>,
    /// At most this many.
    #[serde(default)]
    limit: Option<u32>,
}

/// Answers one report: overview, realtime, pages, sources, campaigns, visitors, funnel,
/// retention, paths, attribution, goals, products, locations, searches, links, errors, vitals, events, segments, recommendations, what-if,
/// offers, experiments, rfm, satisfaction, data-quality or quality.
///
/// A CSV file has all rows, at most 100,000; a file that is cut says so in `Ashna-Rows-Cut`.
#[utoipa::path(post, path = "/api/v1/sites/{site}/reports/{report}", tag = "reports",
    params(("site" = u32, Path), ("report" = String, Path), Format), request_body = ReportQuestion,
    responses((status = 200, body = ReportAnswer), (status = 422, description = "the question is invalid"),
        (status = 503, description = "the warehouse is starting, or too many reports are ahead: `Retry-After` says when")))]
pub async fn report(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    Query(format): Query<Format>,
    request: Request,
) -> Result<Response, ApiError> {
    caller.may_read(id)?;
    let Path((_, name)) = path;
    let (parts, stream) = request.into_parts();
    let bytes = body::read(stream, &parts.headers, &state.server, &state.bodies).await?;
    if caller.is_masked() {
        refuse_personal_data(&bytes)?;
    }
    let snapshot = state.catalog.site(id)?;
    let as_csv = match format.format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(ApiError::Unreadable("`format` must be csv or json".into())),
    };
    if name == "quality" {
        let journal = caller.may_see_service(&state.catalog.snapshot()).then(|| state.delivery.counts());
        return Ok(table(as_csv, &name, &quality(&state, snapshot.site.id, journal))?.into_response());
    }
    let key = ReportKey { site: id, name: name.clone(), as_csv, question: bytes.to_vec() };
    let reports = state.reports.for_requester(&caller.queue_key());
    let reports = if as_csv { reports.for_export() } else { reports };
    let reports = reports.with_segments(segment_source(&state, &snapshot));
    let work_state = state.clone();
    // Equal reports at the same time are computed once.
    let work = async move { Box::pin(answer(&work_state, &reports, &snapshot, &name, as_csv, &bytes)).await };
    let Joined { result, is_shared } = state.report_coalescer.join(key, || work.boxed());
    if is_shared {
        state.metrics.reports.shared.inc();
    }
    Ok(result.await?.into_response())
}

/// The events that were received, and their properties.
#[utoipa::path(get, path = "/api/v1/sites/{site}/schema", tag = "reports", params(("site" = u32, Path), Extent),
    responses((status = 200, body = Schema)))]
pub async fn schema(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    Query(extent): Query<Extent>,
) -> Result<Json<Schema>, ApiError> {
    caller.may_read(id)?;
    let site = state.catalog.site(id)?;
    Ok(Json(state.reports.for_requester(&caller.queue_key()).schema(&site.site, extent.days, clock::now()).await?))
}

/// The visitors who dropped out at a funnel step, by the handle in the funnel's response.
#[utoipa::path(get, path = "/api/v1/sites/{site}/reports/funnel/dropped/{handle}", tag = "reports",
    params(("site" = u32, Path), ("handle" = String, Path), Extent), responses((status = 200, body = FunnelDropOffs)))]
pub async fn dropped(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    Query(extent): Query<Extent>,
) -> Result<Json<FunnelDropOffs>, ApiError> {
    caller.may_read(id)?;
    let Path((_, handle)) = path;
    let (site, reports) = (state.catalog.site(id)?, state.reports.for_requester(&caller.queue_key()));
    Ok(Json(reports.funnel_dropped(&site.site, &handle, extent.limit, clock::now()).await?))
}

/// One visitor: stored history and live profile.
#[utoipa::path(get, path = "/api/v1/sites/{site}/visitors/{visitor}", tag = "reports",
    params(("site" = u32, Path), ("visitor" = String, Path), Extent), responses((status = 200, body = VisitorBody)))]
pub async fn visitor(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    Query(extent): Query<Extent>,
) -> Result<Json<VisitorBody>, ApiError> {
    caller.may_read(id)?;
    let Path((_, visitor)) = path;
    let site = state.catalog.site(id)?;
    let visitor = visitor_of(&site.site, IdKind::Anonymous, &visitor);
    let stored = state.reports.for_requester(&caller.queue_key()).visitor(&site.site, visitor, extent.limit).await;
    let profile = state.personalizer.profile(id, visitor).await;
    let history = match stored {
        // The first events are acknowledged, but not stored yet.
        Err(ReportError::NotFound(_)) if profile.events > 0 => VisitorHistory::of_profile(&profile),
        stored => stored?,
    };
    let value = state.customers.values().of(id, None, Some(visitor));
    let mut body = VisitorBody::new(history, &profile, state.personalizer.interests(&profile, &site), value);
    (body.segments, body.builtin_segments) = state.personalizer.segments(&profile, &site);
    Ok(Json(body))
}

/// The counts of both invariants: the site's since start, and the journal's over its lifetime.
fn quality(state: &AppState, site: SiteId, journal: Option<JournalCounts>) -> Quality {
    let outcome = state.metrics.site_outcome(site);
    let by_name =
        |by: std::collections::BTreeMap<&'static str, u64>| by.into_iter().map(|(k, n)| (k.to_owned(), n)).collect();
    Quality {
        since: state.metrics.started().to_string(),
        received: outcome.received,
        kept: outcome.kept,
        dropped: by_name(outcome.dropped),
        rejected: by_name(outcome.rejected),
        noticed: by_name(outcome.noticed),
        journal,
    }
}
