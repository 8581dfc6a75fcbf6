//! Tuning results of a site's recommendation models, and the owner's choice of a model.

use axum::{Json, extract::State};

use crate::{
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, SitePath},
        state::AppState,
    },
    learn::{Choice, ModelStatus},
    recommend::{Model, measure::Quality},
    wire::admin::{ModelChoice, ModelChosen, ModelQuality, TunedAnswer},
};

/// The quality of each model on the site's newest clicks, the winner, and the model that serves.
#[utoipa::path(get, path = "/api/v1/sites/{site}/recommendations", tag = "catalogue", params(("site" = u32, Path)),
    responses((status = 200, body = TunedAnswer)))]
pub async fn tuned(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<TunedAnswer>, ApiError> {
    caller.may_read(id)?;
    state.catalog.site(id)?;
    Ok(Json(tuned_answer(&state.personalizer.model_status(id))))
}

/// Chooses the model that serves, independent of tuning; `null` returns to the winner.
#[utoipa::path(put, path = "/api/v1/sites/{site}/recommendations/choice", tag = "catalogue",
    params(("site" = u32, Path)), request_body = ModelChoice, responses((status = 200, body = TunedAnswer)))]
pub async fn choose(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(body): JsonBody<ModelChoice>,
) -> Result<Json<TunedAnswer>, ApiError> {
    caller.may_edit(id)?;
    state.catalog.site(id)?;
    let model = match body.model.as_deref() {
        None => None,
        Some(name) => {
            let unknown = || ApiError::Invalid("there is no such model; GET lists them".into());
            Some(Model::parse(name).ok_or_else(unknown)?)
        }
    };
    state.personalizer.choose(id, model, &caller.name()).await?;
    Ok(Json(tuned_answer(&state.personalizer.model_status(id))))
}

fn tuned_answer(status: &ModelStatus) -> TunedAnswer {
    let chosen =
        |Choice { model, who, at }: &Choice| ModelChosen { model: model.as_str(), by: who.clone(), at: at.to_string() };
    let chosen = status.choice.as_ref().map(chosen);
    let Some(tuned) = &status.tuned else { return TunedAnswer { chosen, ..TunedAnswer::default() } };
    let quality = |model: Model, quality: Quality| ModelQuality {
        model: model.as_str(),
        hit_rate: quality.hit_rate,
        hit_rate_margin: quality.hit_rate_margin,
        mrr: quality.mrr,
        mrr_margin: quality.mrr_margin,
    };
    let (best, second) = tuned.margin();
    TunedAnswer {
        winner: Some(tuned.winner.as_str()),
        serving: status.serving().map(Model::as_str),
        chosen,
        tuned_at: Some(status.at.to_string()),
        clicks: status.clicks as u64,
        predictions: best.predictions,
        hit_rate_lead: best.hit_rate - second.hit_rate,
        mrr_lead: best.mrr - second.mrr,
        models: Model::ALL.iter().zip(&tuned.trial).map(|(model, measured)| quality(*model, *measured)).collect(),
    }
}
