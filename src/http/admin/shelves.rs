//! Rules for shelves of recommended items: of a site and of its slots.

use axum::{Json, extract::State, http::StatusCode};

use crate::{
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Path, SitePath},
        state::Doors,
    },
    model::{ShelfRules, SiteId},
    wire::catalogue::ShelfRulesBody,
};

/// What is said about the shelves of a site and of its slots.
#[utoipa::path(get, path = "/api/v1/sites/{site}/recommendation-rules", tag = "catalogue",
    params(("site" = u32, Path)), responses((status = 200, body = ShelfRulesBody)))]
pub async fn rules(
    State(doors): State<Doors>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<ShelfRulesBody>, ApiError> {
    caller.may_read(id)?;
    all(&doors, id).await
}

/// Replaces what holds for the whole site.
#[utoipa::path(put, path = "/api/v1/sites/{site}/recommendation-rules", tag = "catalogue",
    params(("site" = u32, Path)), request_body = Object,
    responses((status = 200, body = ShelfRulesBody), (status = 422, description = "a rule cannot be used")))]
pub async fn put_rules(
    State(doors): State<Doors>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(rules): JsonBody<ShelfRules>,
) -> Result<Json<ShelfRulesBody>, ApiError> {
    caller.may_edit(id)?;
    doors.catalog.put_shelf_rules(&caller.name(), id, "", rules).await?;
    all(&doors, id).await
}

/// Replaces what holds for one slot, on top of what holds for the site.
#[utoipa::path(put, path = "/api/v1/sites/{site}/recommendation-rules/{slot}", tag = "catalogue",
    params(("site" = u32, Path), ("slot" = String, Path)), request_body = Object,
    responses((status = 200, body = ShelfRulesBody), (status = 422, description = "a rule cannot be used")))]
pub async fn put_slot_rules(
    State(doors): State<Doors>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    JsonBody(rules): JsonBody<ShelfRules>,
) -> Result<Json<ShelfRulesBody>, ApiError> {
    caller.may_edit(id)?;
    let Path((_, slot)) = path;
    doors.catalog.put_shelf_rules(&caller.name(), id, &slot, rules).await?;
    all(&doors, id).await
}

/// Takes back what holds for one slot.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/recommendation-rules/{slot}", tag = "catalogue",
    params(("site" = u32, Path), ("slot" = String, Path)), responses((status = 204)))]
pub async fn delete_slot_rules(
    State(doors): State<Doors>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
) -> Result<StatusCode, ApiError> {
    caller.may_edit(id)?;
    let Path((_, slot)) = path;
    let existed = doors.catalog.delete_shelf_rules(&caller.name(), id, &slot).await?;
    if existed { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::NotFound) }
}

async fn all(doors: &Doors, id: SiteId) -> Result<Json<ShelfRulesBody>, ApiError> {
    let mut body = ShelfRulesBody::default();
    for (slot, rules) in doors.catalog.shelf_rules(id).await? {
        if slot.is_empty() {
            body.site = rules;
        } else {
            body.slots.insert(slot, rules);
        }
    }
    Ok(Json(body))
}
