//! Exploration settings of recommendations, and the history of settings and tuning runs.

use axum::{Json, extract::State};
use serde_json::{json, value::RawValue};

use crate::{
    control::HistoryRow,
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, SitePath},
        state::AppState,
    },
    model::{ExplorationSettings, Site},
    wire::exploration::{ExplorationBody, ExplorationChange, PastChoice, PastTuning, RecommendationHistory},
};

/// The shares of exploration.
#[utoipa::path(get, path = "/api/v1/sites/{site}/recommendations/exploring", tag = "catalogue",
    params(("site" = u32, Path)), responses((status = 200, body = ExplorationBody)))]
pub async fn exploring(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<ExplorationBody>, ApiError> {
    caller.may_read(id)?;
    Ok(Json(exploration_body(&state, &state.catalog.site(id)?.site)))
}

/// Sets the shares of exploration, from the next request on.
#[utoipa::path(put, path = "/api/v1/sites/{site}/recommendations/exploring", tag = "catalogue",
    params(("site" = u32, Path)), request_body = ExplorationChange, responses((status = 200, body = ExplorationBody)))]
pub async fn put_exploring(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(body): JsonBody<ExplorationChange>,
) -> Result<Json<ExplorationBody>, ApiError> {
    caller.may_edit(id)?;
    let settings = ExplorationSettings {
        explore_items_bp: share_bp(body.items, "items")?,
        explore_models_bp: share_bp(body.models, "models")?,
    };
    let choice = json!({ "items": body.items, "models": body.models }).to_string();
    let site = state.catalog.put_exploration(&caller.name(), id, settings, &choice).await?;
    Ok(Json(exploration_body(&state, &site)))
}

/// Past settings and tuning results, the newest first.
#[utoipa::path(get, path = "/api/v1/sites/{site}/recommendations/history", tag = "catalogue",
    params(("site" = u32, Path)), responses((status = 200, body = RecommendationHistory)))]
pub async fn history(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<RecommendationHistory>, ApiError> {
    caller.may_read(id)?;
    state.catalog.site(id)?;
    let json = |row: &HistoryRow| RawValue::from_string(row.what.clone()).unwrap_or_else(|_| RawValue::NULL.to_owned());
    let choice = |row: HistoryRow| PastChoice { choice: json(&row), at: row.at.to_string(), who: row.who };
    let tuning = |row: HistoryRow| PastTuning { found: json(&row), at: row.at.to_string() };
    Ok(Json(RecommendationHistory {
        choices: state.control.choices(id).await?.into_iter().map(choice).collect(),
        tunings: state.control.tunings(id).await?.into_iter().map(tuning).collect(),
    }))
}

/// A share in basis points.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 5,000")]
fn share_bp(share: Option<f64>, name: &str) -> Result<Option<u16>, ApiError> {
    match share {
        None => Ok(None),
        Some(share) if (0.0..=0.5).contains(&share) => {
            Ok(Some(((share * 10_000.0).round() as u16).min(ExplorationSettings::SHARE_MAX_BP)))
        }
        Some(_) => Err(ApiError::Invalid(format!("`{name}` must be 0 to 0.5, or null"))),
    }
}

fn exploration_body(state: &AppState, site: &Site) -> ExplorationBody {
    let (items, models) = state.personalizer.shares(site);
    ExplorationBody {
        items,
        models,
        own_items: site.exploration.explore_items_bp.is_some(),
        own_models: site.exploration.explore_models_bp.is_some(),
    }
}
