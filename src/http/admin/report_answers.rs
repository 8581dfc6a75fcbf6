//! Answers to reports by their names, as JSON or as a file.

use std::sync::Arc;

use axum::http::HeaderValue;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::segment_sizes::sizes;
use crate::{
    catalog::SiteSnapshot,
    clock,
    http::{coalesce::RenderedReport, error::ApiError, state::AppState},
    reports::{
        Reports, SegmentSource,
        csv::{self, File, Table},
    },
    wire::{
        insights::Goal,
        reports::{ExperimentQuestion, RealtimeQuestion},
    },
};

/// Answers a report by its name.
pub(super) async fn answer(
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
        "goals" => {
            let goals = state.catalog.report_documents(site.id).await?;
            table(as_csv, name, &reports.goals(site, &sorted(goals), &question(bytes)?).await?)
        }
        "products" => {
            let title = |item: &str| snapshot.items.get(item).map(|item| item.title.clone()).unwrap_or_default();
            table(as_csv, name, &reports.products(site, &question(bytes)?, title).await?)
        }
        "locations" => table(as_csv, name, &reports.locations(site, &question(bytes)?).await?),
        "searches" => table(as_csv, name, &reports.searches(site, &question(bytes)?).await?),
        "links" => table(as_csv, name, &reports.links(site, &question(bytes)?).await?),
        "errors" => table(as_csv, name, &reports.errors(site, &question(bytes)?).await?),
        "vitals" => table(as_csv, name, &reports.vitals(site, &question(bytes)?).await?),
        "events" => table(as_csv, name, &reports.events(site, &question(bytes)?).await?),
        "segments" => table(as_csv, name, &sizes(state, snapshot, &question(bytes)?, now).await?),
        "retention" => table(as_csv, name, &reports.retention(site, &question(bytes)?, now).await?),
        "paths" => table(as_csv, name, &reports.paths(site, &question(bytes)?).await?),
        "attribution" => table(as_csv, name, &reports.attribution(site, &question(bytes)?).await?),
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

/// Goals in the order of their names.
fn sorted(mut goals: Vec<Goal>) -> Vec<Goal> {
    goals.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)));
    goals
}

/// What filters by segment depend on.
pub(super) fn segment_source(state: &AppState, site: &Arc<SiteSnapshot>) -> SegmentSource {
    SegmentSource {
        site: Arc::clone(site),
        settings: state.personalizer.settings(),
        values: state.personalizer.values(),
        now: clock::now(),
    }
}

/// Refuses questions that group by masked data or could confirm a guess at it.
pub(super) fn refuse_personal_data(question: &[u8]) -> Result<(), ApiError> {
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
    let question: Value = serde_json::from_slice(question).unwrap_or_default();
    // The report `events` by the values of a property.
    let by_value =
        question["event"].is_string() && question["property"].as_str().is_some_and(|by| !by.starts_with('$'));
    if by_value || !question["samples"].is_null() || has_personal_data(&question) {
        return Err(ApiError::Forbidden(
            "personal data is masked for your account: it may not ask by user id, nor break down by a property of events, nor list samples",
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

pub(super) fn table<T: Table + Serialize>(as_csv: bool, name: &str, answer: &T) -> Result<RenderedReport, ApiError> {
    if !as_csv {
        return json(answer);
    }
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"ashna-{name}.csv\""))
        .map_err(|e| ApiError::Internal(e.to_string()))?;
    let File { bytes, is_cut } = csv::write(answer);
    Ok(RenderedReport::Csv { bytes: bytes.into(), disposition, is_cut })
}
