//! Goals, saved reports and annotations.

use axum::{Json, extract::State, http::StatusCode};

use crate::{
    catalog::report_documents::Document,
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Path, SitePath},
        state::AppState,
    },
    model::SiteId,
    reports::Reports,
    wire::insights::{Annotation, Goal, SavedReport},
};

/// The goals of a site, ordered by id.
#[utoipa::path(get, path = "/api/v1/sites/{site}/goals", tag = "reports", params(("site" = u32, Path)),
    responses((status = 200, body = Vec<Goal>)))]
pub async fn goals(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
) -> Result<Json<Vec<Goal>>, ApiError> {
    caller.may_read(site)?;
    Ok(Json(state.catalog.report_documents(site).await?))
}

/// Adds or replaces a goal.
#[utoipa::path(put, path = "/api/v1/sites/{site}/goals/{goal}", tag = "reports",
    params(("site" = u32, Path), ("goal" = String, Path)), request_body = Goal,
    responses((status = 200, body = Goal), (status = 422, description = "it is invalid: the message says why")))]
pub async fn put_goal(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
    JsonBody(body): JsonBody<Goal>,
) -> Result<Json<Goal>, ApiError> {
    caller.may_edit(site)?;
    Reports::check_step(&body.step)?;
    let Path((_, id)) = path;
    Ok(Json(state.catalog.put_report_document(&caller.name(), site, &id, body).await?))
}

/// Removes a goal.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/goals/{goal}", tag = "reports",
    params(("site" = u32, Path), ("goal" = String, Path)), responses((status = 204)))]
pub async fn delete_goal(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
) -> Result<StatusCode, ApiError> {
    delete::<Goal>(&state, &caller, site, path).await
}

/// The saved reports of a site, ordered by id.
#[utoipa::path(get, path = "/api/v1/sites/{site}/saved-reports", tag = "reports", params(("site" = u32, Path)),
    responses((status = 200, body = Vec<SavedReport>)))]
pub async fn saved_reports(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
) -> Result<Json<Vec<SavedReport>>, ApiError> {
    caller.may_read(site)?;
    Ok(Json(state.catalog.report_documents(site).await?))
}

/// Adds or replaces a saved report.
#[utoipa::path(put, path = "/api/v1/sites/{site}/saved-reports/{saved_report}", tag = "reports",
    params(("site" = u32, Path), ("saved_report" = String, Path)), request_body = SavedReport,
    responses((status = 200, body = SavedReport), (status = 422, description = "it is invalid: the message says why")))]
pub async fn put_saved_report(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
    JsonBody(body): JsonBody<SavedReport>,
) -> Result<Json<SavedReport>, ApiError> {
    caller.may_edit(site)?;
    let Path((_, id)) = path;
    Ok(Json(state.catalog.put_report_document(&caller.name(), site, &id, body).await?))
}

/// Removes a saved report.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/saved-reports/{saved_report}", tag = "reports",
    params(("site" = u32, Path), ("saved_report" = String, Path)), responses((status = 204)))]
pub async fn delete_saved_report(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
) -> Result<StatusCode, ApiError> {
    delete::<SavedReport>(&state, &caller, site, path).await
}

/// The annotations of a site, ordered by id.
#[utoipa::path(get, path = "/api/v1/sites/{site}/annotations", tag = "reports", params(("site" = u32, Path)),
    responses((status = 200, body = Vec<Annotation>)))]
pub async fn annotations(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
) -> Result<Json<Vec<Annotation>>, ApiError> {
    caller.may_read(site)?;
    Ok(Json(state.catalog.report_documents(site).await?))
}

/// Adds or replaces an annotation.
#[utoipa::path(put, path = "/api/v1/sites/{site}/annotations/{annotation}", tag = "reports",
    params(("site" = u32, Path), ("annotation" = String, Path)), request_body = Annotation,
    responses((status = 200, body = Annotation), (status = 422, description = "it is invalid: the message says why")))]
pub async fn put_annotation(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
    JsonBody(body): JsonBody<Annotation>,
) -> Result<Json<Annotation>, ApiError> {
    caller.may_edit(site)?;
    let Path((_, id)) = path;
    Ok(Json(state.catalog.put_report_document(&caller.name(), site, &id, body).await?))
}

/// Removes an annotation.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/annotations/{annotation}", tag = "reports",
    params(("site" = u32, Path), ("annotation" = String, Path)), responses((status = 204)))]
pub async fn delete_annotation(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
) -> Result<StatusCode, ApiError> {
    delete::<Annotation>(&state, &caller, site, path).await
}

async fn delete<D: Document>(
    state: &AppState,
    caller: &Caller,
    site: SiteId,
    Path((_, id)): Path<(u32, String)>,
) -> Result<StatusCode, ApiError> {
    caller.may_edit(site)?;
    let existed = state.catalog.delete_report_document::<D>(&caller.name(), site, &id).await?;
    if existed { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::NotFound) }
}
