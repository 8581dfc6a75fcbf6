//! Reports: the marketers' questions, each a POST with the question as JSON; `?format=csv` exports.

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
        error::ApiError,
        extract::{Path, Query, SitePath},
        flight::{ReportKey, Written},
        state::AppState,
    },
    model::SiteId,
    reports::{
        Reports,
        csv::{self, Table},
    },
    wire::{
        admin::{JournalCounts, Quality, VisitorBody},
        reports::{Dropped, RealtimeQuestion, ReportAnswer, ReportQuestion, Schema},
    },
};

/// How to answer.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct Format {
    /// `csv` or `json`, which is the default.
    #[serde(default)]
    format: Option<String>,
}

/// How far back, or how many.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct Extent {
    /// Days back.
    #[serde(default)]
    days: Option<u32>,
    /// At most this many.
    #[serde(default)]
    limit: Option<u32>,
}

/// Answers one report: overview, realtime, pages, sources, visitors, funnel, recommendations, what-if, flaws or
/// quality.
#[utoipa::path(post, path = "/api/v1/sites/{site}/reports/{report}", tag = "reports",
    params(("site" = u32, Path), ("report" = String, Path), Format), request_body = ReportQuestion,
    responses((status = 200, body = ReportAnswer), (status = 422, description = "the question must be mended"),
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
        asks_for_nobody(&bytes)?;
    }
    let snapshot = state.catalog.site(id)?;
    let as_csv = match format.format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(ApiError::Unreadable("`format` must be csv or json".into())),
    };
    if name == "quality" {
        let journal = caller.may_see_service(&state.catalog.snapshot()).then(|| (state.delivery)());
        return Ok(table(as_csv, &name, &quality(&state, snapshot.site.id, journal))?.into_response());
    }
    let key = ReportKey { site: id, name: name.clone(), as_csv, question: bytes.to_vec() };
    let (asking, reports) = (state.clone(), state.reports.asked_by(&caller.turn()));
    // A page that is open twice, or by two, is worked out once.
    let work = async move { answer(&asking, &reports, &snapshot, &name, as_csv, &bytes).await };
    let (answer, is_shared) = state.report_flights.join(key, || work.boxed());
    if is_shared {
        state.metrics.reports.shared.inc();
    }
    Ok(answer.await?.into_response())
}

async fn answer(
    state: &AppState,
    reports: &Reports,
    snapshot: &SiteSnapshot,
    name: &str,
    as_csv: bool,
    bytes: &[u8],
) -> Result<Written, ApiError> {
    let (site, now) = (&*snapshot.site, clock::now());
    match name {
        "overview" => table(as_csv, name, &reports.overview(site, &question(bytes)?).await?),
        "pages" => table(as_csv, name, &reports.pages(site, &question(bytes)?).await?),
        "sources" => table(as_csv, name, &reports.sources(site, &question(bytes)?).await?),
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
        "what-if" => table(as_csv, name, &reports.what_if(site, &question(bytes)?).await?),
        "flaws" => table(as_csv, name, &reports.flaws(site, &question(bytes)?).await?),
        _ => Err(ApiError::NotFound),
    }
}

/// What events were seen, and their properties.
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
    Ok(Json(state.reports.asked_by(&caller.turn()).schema(&site.site, extent.days, clock::now()).await?))
}

/// Those who went no further than a step of a funnel, by the handle in the funnel's answer.
#[utoipa::path(get, path = "/api/v1/sites/{site}/reports/funnel/dropped/{handle}", tag = "reports",
    params(("site" = u32, Path), ("handle" = String, Path), Extent), responses((status = 200, body = Dropped)))]
pub async fn dropped(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    Query(extent): Query<Extent>,
) -> Result<Json<Dropped>, ApiError> {
    caller.may_read(id)?;
    let Path((_, handle)) = path;
    let (site, reports) = (state.catalog.site(id)?, state.reports.asked_by(&caller.turn()));
    Ok(Json(reports.funnel_dropped(&site.site, &handle, extent.limit, clock::now()).await?))
}

/// One visitor: what was stored, and what the live profile knows.
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
    let visitor = visitor.parse().map_err(|_| ApiError::NotFound)?;
    let site = state.catalog.site(id)?;
    let history = state.reports.asked_by(&caller.turn()).visitor(&site.site, visitor, extent.limit).await?;
    let profile = state.personalizer.profile(id, visitor).await;
    Ok(Json(VisitorBody::new(history, &profile, state.personalizer.affinities(&profile, &site))))
}

/// Refuses questions whose answers would be grouped by what is masked, or would confirm a guess at it.
fn asks_for_nobody(question: &[u8]) -> Result<(), ApiError> {
    fn names_people(value: &Value) -> bool {
        match value {
            Value::Array(values) => values.iter().any(names_people),
            Value::Object(fields) => fields.iter().any(|(name, value)| match (name.as_str(), value.as_str()) {
                ("property" | "breakdown", Some("$user_id")) => true,
                // What pages send may be anything, names and addresses of people among it.
                ("breakdown", Some(name)) => !name.starts_with('$'),
                _ => names_people(value),
            }),
            _ => false,
        }
    }
    let question = serde_json::from_slice(question).unwrap_or_default();
    if names_people(&question) {
        return Err(ApiError::Forbidden(
            "personal data is masked for your account: it may not ask by user id, nor break down by a property of events",
        ));
    }
    Ok(())
}

/// An empty body stands for a question without words.
fn question<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map_err(|e| ApiError::Invalid(format!("the question cannot be understood: {e}")))
}

fn json<T: Serialize>(answer: &T) -> Result<Written, ApiError> {
    let bytes = serde_json::to_vec(answer).map_err(|e| ApiError::Internal(e.to_string()))?;
    Ok(Written::Json(bytes.into()))
}

fn table<T: Table + Serialize>(as_csv: bool, name: &str, answer: &T) -> Result<Written, ApiError> {
    if !as_csv {
        return json(answer);
    }
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"ashna-{name}.csv\""))
        .map_err(|e| ApiError::Internal(e.to_string()))?;
    Ok(Written::Csv(csv::write(answer).into(), disposition))
}

/// Both invariants, in figures: the site's since start, and the journal's over its whole life.
fn quality(state: &AppState, site: SiteId, journal: Option<JournalCounts>) -> Quality {
    let outcome = state.metrics.of_site(site);
    let words =
        |by: std::collections::BTreeMap<&'static str, u64>| by.into_iter().map(|(k, n)| (k.to_owned(), n)).collect();
    Quality {
        since: state.metrics.started().to_string(),
        received: outcome.received,
        kept: outcome.kept,
        dropped: words(outcome.dropped),
        rejected: words(outcome.rejected),
        noticed: words(outcome.noticed),
        journal,
    }
}
