//! What the recommendations of a site were tuned to, and how well that did.

use axum::{Json, extract::State};

use crate::{
    http::{caller::Caller, error::ApiError, extract::SitePath, state::Doors},
    recommend::{Model, Tuned, measure::Quality},
    wire::admin::{ModelQuality, TunedAnswer},
};

/// How each model did on the newest of the site's own clicks, and which won.
#[utoipa::path(get, path = "/api/v1/sites/{site}/recommendations", tag = "catalogue", params(("site" = u32, Path)),
    responses((status = 200, body = TunedAnswer)))]
pub async fn tuned(
    State(doors): State<Doors>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<TunedAnswer>, ApiError> {
    caller.may_read(id)?;
    doors.catalog.site(id)?;
    Ok(Json(doors.personalizer.tuned(id).map_or_else(TunedAnswer::default, |tuned| told(&tuned))))
}

fn told(tuned: &Tuned) -> TunedAnswer {
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
        predictions: best.predictions,
        hit_rate_lead: best.hit_rate - second.hit_rate,
        mrr_lead: best.mrr - second.mrr,
        models: Model::WORDS.iter().zip(&tuned.trial).map(|((_, model), told)| quality(*model, *told)).collect(),
    }
}
