//! Merchandising rules for recommendations: of a site and of its slots.

use axum::{Json, extract::State, http::StatusCode};

use crate::{
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Path, SitePath},
        state::AppState,
    },
    model::{MerchandisingRules, SiteId},
    wire::catalogue::MerchandisingRulesBody,
};

/// The merchandising rules of a site and of its slots.
#[utoipa::path(get, path = "/api/v1/sites/{site}/recommendation-rules", tag = "catalogue",
    params(("site" = u32, Path)), responses((status = 200, body = MerchandisingRulesBody)))]
pub async fn rules(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<MerchandisingRulesBody>, ApiError> {
    caller.may_read(id)?;
    all_rules(&state, id).await
}

/// Replaces the merchandising rules of the whole site.
#[utoipa::path(put, path = "/api/v1/sites/{site}/recommendation-rules", tag = "catalogue",
    params(("site" = u32, Path)), request_body = MerchandisingRules,
    responses((status = 200, body = MerchandisingRulesBody), (status = 422, description = "a rule is invalid")))]
pub async fn put_rules(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(rules): JsonBody<MerchandisingRules>,
) -> Result<Json<MerchandisingRulesBody>, ApiError> {
    caller.may_edit(id)?;
    state.catalog.put_merchandising_rules(&caller.name(), id, "", rules).await?;
    all_rules(&state, id).await
}

/// Replaces the merchandising rules of one slot, which apply in addition to the site's.
#[utoipa::path(put, path = "/api/v1/sites/{site}/recommendation-rules/{slot}", tag = "catalogue",
    params(("site" = u32, Path), ("slot" = String, Path)), request_body = MerchandisingRules,
    responses((status = 200, body = MerchandisingRulesBody), (status = 422, description = "a rule is invalid")))]
pub async fn put_slot_rules(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    JsonBody(rules): JsonBody<MerchandisingRules>,
) -> Result<Json<MerchandisingRulesBody>, ApiError> {
    caller.may_edit(id)?;
    let Path((_, slot)) = path;
    state.catalog.put_merchandising_rules(&caller.name(), id, &slot, rules).await?;
    all_rules(&state, id).await
}

/// Removes the merchandising rules of one slot.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/recommendation-rules/{slot}", tag = "catalogue",
    params(("site" = u32, Path), ("slot" = String, Path)), responses((status = 204)))]
pub async fn delete_slot_rules(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
) -> Result<StatusCode, ApiError> {
    caller.may_edit(id)?;
    let Path((_, slot)) = path;
    let existed = state.catalog.delete_merchandising_rules(&caller.name(), id, &slot).await?;
    if existed { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::NotFound) }
}

async fn all_rules(state: &AppState, id: SiteId) -> Result<Json<MerchandisingRulesBody>, ApiError> {
    let mut body = MerchandisingRulesBody::default();
    for (slot, rules) in state.catalog.merchandising_rules(id).await? {
        if slot.is_empty() {
            body.site = rules;
        } else {
            body.slots.insert(slot, rules);
        }
    }
    Ok(Json(body))
}
