//! Rehearsal of an offer over the last days.

use axum::{Json, extract::State};

use crate::{
    clock,
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Path, SitePath},
        state::AppState,
    },
    reports::RehearsalQuestion,
    wire::offers::{Rehearsal, RehearsalBody},
};

const DAYS_DEFAULT: u32 = 7;
const DAYS_MAX: u32 = 90;
const DAY_MS: i64 = 86_400_000;

/// Replays the impressions of the offer's slot over the last days, with the offer added, as if it were live and its dates
/// included them.
#[utoipa::path(post, path = "/api/v1/sites/{site}/offers/{offer}/rehearse", tag = "offers",
    params(("site" = u32, Path), ("offer" = String, Path)), request_body = RehearsalBody,
    responses((status = 200, body = Rehearsal), (status = 404, description = "there is no such offer"),
        (status = 422, description = "the question is invalid"),
        (status = 503, description = "the warehouse is starting, or too many reports are ahead: `Retry-After` says when")))]
pub async fn rehearse(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    JsonBody(question): JsonBody<RehearsalBody>,
) -> Result<Json<Rehearsal>, ApiError> {
    caller.may_read(id)?;
    let Path((_, name)) = path;
    let days = question.days.unwrap_or(DAYS_DEFAULT);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(ApiError::Invalid(format!("`days` must be 1 to {DAYS_MAX}")));
    }
    let (site, offer) = state.catalog.with_offer_live(id, &name).await?.ok_or(ApiError::NotFound)?;
    let counts = if offer.coupons { Some(state.offers.coupon_counts(id, &name).await?) } else { None };
    let values = state.personalizer.values();
    let question = RehearsalQuestion {
        site: &site,
        slot: &offer.slot,
        offer: &offer.id,
        coupons: counts.map(|counts| counts.total),
        since: clock::now().plus(-i64::from(days) * DAY_MS),
        settings: state.personalizer.settings(),
        values: &*values,
    };
    Ok(Json(state.reports.for_requester(&caller.queue_key()).rehearse(&question).await?))
}
