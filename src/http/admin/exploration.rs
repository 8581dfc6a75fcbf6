//! How much of the recommendations is left to chance, and what was chosen and found before.

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
    model::{Recommending, Site},
    wire::exploration::{ExploringBody, ExploringChange, PastChoice, PastTuning, RecommendingHistory},
};

/// How much is left to chance.
#[utoipa::path(get, path = "/api/v1/sites/{site}/recommendations/exploring", tag = "catalogue",
    params(("site" = u32, Path)), responses((status = 200, body = ExploringBody)))]
pub async fn exploring(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<ExploringBody>, ApiError> {
    caller.may_read(id)?;
    Ok(Json(told(&state, &state.catalog.site(id)?.site)))
}

/// Sets how much is left to chance. It holds from the next request on.
#[utoipa::path(put, path = "/api/v1/sites/{site}/recommendations/exploring", tag = "catalogue",
    params(("site" = u32, Path)), request_body = ExploringChange, responses((status = 200, body = ExploringBody)))]
pub async fn put_exploring(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(body): JsonBody<ExploringChange>,
) -> Result<Json<ExploringBody>, ApiError> {
    caller.may_edit(id)?;
    let recommending = Recommending {
        explore_items_bp: share(body.items, "items")?,
        explore_models_bp: share(body.models, "models")?,
    };
    let choice = json!({ "items": body.items, "models": body.models }).to_string();
    let site = state.catalog.put_recommending(&caller.name(), id, recommending, &choice).await?;
    Ok(Json(told(&state, &site)))
}

/// What was chosen and found before, the newest first.
#[utoipa::path(get, path = "/api/v1/sites/{site}/recommendations/history", tag = "catalogue",
    params(("site" = u32, Path)), responses((status = 200, body = RecommendingHistory)))]
pub async fn history(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<RecommendingHistory>, ApiError> {
    caller.may_read(id)?;
    state.catalog.site(id)?;
    let json = |row: &HistoryRow| RawValue::from_string(row.what.clone()).unwrap_or_else(|_| RawValue::NULL.to_owned());
    let choice = |row: HistoryRow| PastChoice { choice: json(&row), at: row.at.to_string(), who: row.who };
    let tuning = |row: HistoryRow| PastTuning { found: json(&row), at: row.at.to_string() };
    Ok(Json(RecommendingHistory {
        choices: state.control.choices(id).await?.into_iter().map(choice).collect(),
        tunings: state.control.tunings(id).await?.into_iter().map(tuning).collect(),
    }))
}

/// A share in ten-thousandths.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 5,000")]
fn share(asked: Option<f64>, name: &str) -> Result<Option<u16>, ApiError> {
    match asked {
        None => Ok(None),
        Some(share) if (0.0..=0.5).contains(&share) => {
            Ok(Some(((share * 10_000.0).round() as u16).min(Recommending::SHARE_MAX_BP)))
        }
        Some(_) => Err(ApiError::Invalid(format!("`{name}` must be 0 to 0.5, or null"))),
    }
}

fn told(state: &AppState, site: &Site) -> ExploringBody {
    let (items, models) = state.personalizer.shares(site);
    ExploringBody {
        items,
        models,
        own_items: site.recommending.explore_items_bp.is_some(),
        own_models: site.recommending.explore_models_bp.is_some(),
    }
}
