//! Exchange rates to a site's currency, and its event schema rules.

use axum::{Json, extract::State};

use crate::{
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, SitePath},
        state::AppState,
    },
    model::schema::Rules,
    wire::currency_and_schema::{RatesBody, RatesChange},
};

/// The exchange rates to the site's currency.
#[utoipa::path(get, path = "/api/v1/sites/{site}/rates", tag = "sites", params(("site" = u32, Path)),
    responses((status = 200, body = RatesBody)))]
pub async fn rates(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<RatesBody>, ApiError> {
    caller.may_read(id)?;
    Ok(Json(RatesBody::from(&*state.catalog.site(id)?.site)))
}

/// Replaces the exchange rates to the site's currency. They apply at once to all reports, also about past sales.
#[utoipa::path(put, path = "/api/v1/sites/{site}/rates", tag = "sites", params(("site" = u32, Path)),
    request_body = RatesChange, responses((status = 200, body = RatesBody)))]
pub async fn put_rates(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(body): JsonBody<RatesChange>,
) -> Result<Json<RatesBody>, ApiError> {
    caller.may_edit(id)?;
    let site = state.catalog.put_rates(&caller.name(), id, |currency| body.entries(currency)).await?;
    Ok(Json(RatesBody::from(&site)))
}

/// The site's event schema rules.
#[utoipa::path(get, path = "/api/v1/sites/{site}/schema/rules", tag = "sites", params(("site" = u32, Path)),
    responses((status = 200, body = Rules)))]
pub async fn rules(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<Rules>, ApiError> {
    caller.may_read(id)?;
    Ok(Json((*state.catalog.site(id)?.site.rules).clone()))
}

/// Replaces the event schema rules. New events are checked against them; violations are reported, and the events kept.
#[utoipa::path(put, path = "/api/v1/sites/{site}/schema/rules", tag = "sites", params(("site" = u32, Path)),
    request_body = Rules, responses((status = 200, body = Rules)))]
pub async fn put_rules(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(rules): JsonBody<Rules>,
) -> Result<Json<Rules>, ApiError> {
    caller.may_edit(id)?;
    let site = state.catalog.put_rules(&caller.name(), id, rules).await?;
    Ok(Json((*site.rules).clone()))
}
