//! Data subject rights of one visitor: export and erasure.

use axum::{Json, extract::State};

use crate::{
    http::{
        caller::Caller,
        error::ApiError,
        extract::{Path, SitePath},
        state::AppState,
    },
    wire::privacy::{VisitorCopy, VisitorErased},
};

/// Exports everything stored about a visitor.
#[utoipa::path(get, path = "/api/v1/sites/{site}/visitors/{visitor}/export", tag = "visitors",
    params(("site" = u32, Path), ("visitor" = String, Path)), responses((status = 200, body = VisitorCopy),
        (status = 503, description = "events of the visitor may still be undelivered; try again")))]
pub async fn export(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
) -> Result<Json<VisitorCopy>, ApiError> {
    caller.may_edit(site)?;
    caller.may_see_people(site)?;
    let Path((_, visitor)) = path;
    let visitor = visitor.parse().map_err(|_| ApiError::NotFound)?;
    state.catalog.site(site)?;
    let document = state.privacy.export(site, visitor).await?;
    state.access.audit_site(site, &caller.name(), "export visitor", "").await?;
    Ok(Json(document))
}

/// Erases everything stored about a visitor.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/visitors/{visitor}", tag = "visitors",
    params(("site" = u32, Path), ("visitor" = String, Path)), responses((status = 200, body = VisitorErased),
        (status = 503, description = "events of the visitor may still be undelivered; try again")))]
pub async fn erase(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
) -> Result<Json<VisitorErased>, ApiError> {
    caller.may_administer(site)?;
    let Path((_, visitor)) = path;
    let visitor = visitor.parse().map_err(|_| ApiError::NotFound)?;
    state.catalog.site(site)?;
    let events = state.privacy.erase(site, visitor).await?;
    state.access.audit_site(site, &caller.name(), "erase visitor", "").await?;
    Ok(Json(VisitorErased { erased_events: events }))
}
