//! Reports: each is a POST with the question as JSON; `?format=csv` exports.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
    http::HeaderValue,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    catalog::SiteSnapshot,
    clock,
    http::{
        body,
        caller::Caller,
        coalesce::{Joined, RenderedReport, ReportKey},
        error::ApiError,
        extract::{Path, Query, SitePath},
        state::AppState,
    },
    ingest::identify::{IdKind, visitor_of},
    model::SiteId,
    reports::{
        ReportError, Reports, SegmentSource,
        csv::{self, File, Table},
    },
    wire::{
        admin::{JournalCounts, Quality, VisitorBody},
        reports::{
            ExperimentQuestion, FunnelDropOffs, RealtimeQuestion, ReportAnswer, ReportQuestion, Schema, VisitorHistory,
        },
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

/// Answers one report: overview, realtime, pages, sources, campaigns, visitors, funnel, recommendations, what-if, offers, experiments, rfm,
/// satisfaction, data-quality or quality.
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

async fn answer(
    state: &AppState,
    reports: &Reports,
    snapshot: &SiteSnapshot,
    name: &str,
    as_csv: bool,
    bytes: &[u8],
) -> Result<RenderedReport, ApiError> {
    let (site, now) = (&*snapshot.site, clock::now());
    match name {
        "overview" => table(as_csv, name, &reports.overview(site, &question(bytes)?).await?),
        "pages" => table(as_csv, name, &reports.pages(site, &question(bytes)?).await?),
        "sources" => table(as_csv, name, &reports.sources(site, &question(bytes)?).await?),
        "campaigns" => table(as_csv, name, &reports.campaigns(site, &question(bytes)?).await?),
        "visitors" => table(as_csv, name, &reports.visitors(site, &question(bytes)?).await?),
        "funnel" => table(as_csv, name, &reports.funnel(site, &question(bytes)?, now).await?),
        "realtime" => {
            let RealtimeQuestion {} = question(bytes)?;
            table(as_csv, name, &reports.realtime(site, now).await?)
        }
        "recommendations" => {
            let (items, _) = state.personalizer.shares(&snapshot.site);
            table(as_csv, name, &reports.recommendations(site, &question(bytes)?, items).await?)
        }
        "experiments" => {
            let request: ExperimentQuestion = question(bytes)?;
            let stored = state.catalog.experiment(site.id, &request.experiment).await?;
            let stored = stored.ok_or_else(|| ApiError::Invalid("there is no experiment with that key".into()))?;
            table(as_csv, name, &reports.experiment(site, &stored, &request, now).await?)
        }
        "offers" => {
            let offers = state.catalog.offers(snapshot.site.id).await?;
            table(as_csv, name, &reports.offers(site, &offers, &question(bytes)?).await?)
        }
        "rfm" => table(as_csv, name, &reports.rfm(site, &question(bytes)?).await?),
        "satisfaction" => table(as_csv, name, &reports.satisfaction(site, &question(bytes)?).await?),
        "what-if" => table(as_csv, name, &reports.what_if(site, &question(bytes)?).await?),
        "data-quality" | "flaws" => table(as_csv, name, &reports.data_quality(site, &question(bytes)?).await?),
        _ => Err(ApiError::NotFound),
    }
}

/// What filters by segment depend on.
fn segment_source(state: &AppState, site: &Arc<SiteSnapshot>) -> SegmentSource {
    SegmentSource {
        site: Arc::clone(site),
        settings: state.personalizer.settings(),
        values: state.personalizer.values(),
        now: clock::now(),
    }
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

/// Refuses questions that group by masked data or could confirm a guess at it.
fn refuse_personal_data(question: &[u8]) -> Result<(), ApiError> {
    fn has_personal_data(value: &Value) -> bool {
        match value {
            Value::Array(values) => values.iter().any(has_personal_data),
            Value::Object(fields) => fields.iter().any(|(name, value)| match (name.as_str(), value.as_str()) {
                ("property" | "breakdown", Some("$user_id")) => true,
                // Custom properties may contain personal data.
                ("breakdown", Some(name)) => !name.starts_with('$'),
                _ => has_personal_data(value),
            }),
            _ => false,
        }
    }
    let question = serde_json::from_slice(question).unwrap_or_default();
    if has_personal_data(&question) {
        return Err(ApiError::Forbidden(
            "personal data is masked for your account: it may not ask by user id, nor break down by a property of events",
        ));
    }
    Ok(())
}

/// Parses a question; an empty body means the defaults.
fn question<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map_err(|e| ApiError::Invalid(format!("the question is invalid: {e}")))
}

fn json<T: Serialize>(answer: &T) -> Result<RenderedReport, ApiError> {
    let bytes = serde_json::to_vec(answer).map_err(|e| ApiError::Internal(e.to_string()))?;
    Ok(RenderedReport::Json(bytes.into()))
}

fn table<T: Table + Serialize>(as_csv: bool, name: &str, answer: &T) -> Result<RenderedReport, ApiError> {
    if !as_csv {
        return json(answer);
    }
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"ashna-{name}.csv\""))
        .map_err(|e| ApiError::Internal(e.to_string()))?;
    let File { bytes, is_cut } = csv::write(answer);
    Ok(RenderedReport::Csv { bytes: bytes.into(), disposition, is_cut })
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
