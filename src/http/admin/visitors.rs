//! Data subject rights of one visitor: export, erasure, and parting it from a user.

use axum::{Json, extract::State, http::StatusCode};

use crate::{
    http::{
        caller::Caller,
        error::ApiError,
        extract::{Path, SitePath},
        state::AppState,
    },
    ingest::identify::{IdKind, visitor_of},
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
    let snapshot = state.catalog.site(site)?;
    let visitor = visitor_of(&snapshot.site, IdKind::Anonymous, &visitor);
    let mut document = state.privacy.export(site, visitor).await?;
    let reports = state.reports.for_requester(&caller.queue_key());
    let visitors = reports.visitors_of_person(&snapshot.site, visitor).await?;
    document.browsers = reports.browsers(&snapshot.site, &visitors).await?;
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
    let snapshot = state.catalog.site(site)?;
    let visitor = visitor_of(&snapshot.site, IdKind::Anonymous, &visitor);
    let events = state.privacy.erase(&snapshot.site, visitor).await?;
    state.access.audit_site(site, &caller.name(), "erase visitor", "").await?;
    Ok(Json(VisitorErased { erased_events: events }))
}

/// Parts a browser from the user that it was joined to by mistake, in reports of any time and in decisions. Later only the
/// site's own statement (a signature, or a server key) joins them again.
#[utoipa::path(post, path = "/api/v1/sites/{site}/visitors/{visitor}/part", tag = "visitors",
    params(("site" = u32, Path), ("visitor" = String, Path)),
    responses((status = 204), (status = 404, description = "the browser belongs to no user"),
        (status = 503, description = "events of the visitor may still be undelivered; try again")))]
pub async fn part(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
) -> Result<StatusCode, ApiError> {
    caller.may_edit(site)?;
    let Path((_, visitor)) = path;
    let snapshot = state.catalog.site(site)?;
    let visitor = visitor_of(&snapshot.site, IdKind::Anonymous, &visitor);
    state.privacy.part(site, visitor).await?.ok_or(ApiError::NotFound)?;
    state.access.audit_site(site, &caller.name(), "part visitor", &visitor.to_string()).await?;
    Ok(StatusCode::NO_CONTENT)
}
