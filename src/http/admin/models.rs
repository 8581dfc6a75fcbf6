//! What the recommendations of a site were tuned to, how well that did, and what an owner wants instead.

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

/// How each model did on the newest of the site's own clicks, which won, and which serves.
#[utoipa::path(get, path = "/api/v1/sites/{site}/recommendations", tag = "catalogue", params(("site" = u32, Path)),
    responses((status = 200, body = TunedAnswer)))]
pub async fn tuned(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<TunedAnswer>, ApiError> {
    caller.may_read(id)?;
    state.catalog.site(id)?;
    Ok(Json(told(&state.personalizer.standing(id))))
}

/// Lets one model serve whatever the trial says; `null` gives the place back to the winner.
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
        Some(word) => {
            let unknown = || ApiError::Invalid("there is no such model; GET tells which there are".into());
            Some(Model::parse(word).ok_or_else(unknown)?)
        }
    };
    state.personalizer.choose(id, model, &caller.name()).await?;
    Ok(Json(told(&state.personalizer.standing(id))))
}

fn told(standing: &ModelStatus) -> TunedAnswer {
    let chosen =
        |Choice { model, who, at }: &Choice| ModelChosen { model: model.as_str(), by: who.clone(), at: at.to_string() };
    let chosen = standing.choice.as_ref().map(chosen);
    let Some(tuned) = &standing.tuned else { return TunedAnswer { chosen, ..TunedAnswer::default() } };
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
        serving: standing.serving().map(Model::as_str),
        chosen,
        tuned_at: Some(standing.at.to_string()),
        clicks: standing.clicks as u64,
        predictions: best.predictions,
        hit_rate_lead: best.hit_rate - second.hit_rate,
        mrr_lead: best.mrr - second.mrr,
        models: Model::WORDS.iter().zip(&tuned.trial).map(|((_, model), told)| quality(*model, *told)).collect(),
    }
}
