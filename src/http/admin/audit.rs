//! Who did what, for owners.

use axum::{Json, extract::State};
use serde::Deserialize;

use crate::{
    http::{
        caller::Caller,
        error::ApiError,
        extract::{Query, SitePath},
        state::AppState,
    },
    model::SiteId,
    wire::users::AuditBody,
};

/// Which entries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct Which {
    /// About this site alone.
    #[serde(default)]
    site: Option<u32>,
    /// Before the entry with this number; absent: the newest.
    #[serde(default)]
    before: Option<i64>,
    /// At most so many, 1 to 500; absent: 100.
    #[serde(default)]
    limit: Option<u32>,
}

/// The same of one site.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct Part {
    /// Before the entry with this number; absent: the newest.
    #[serde(default)]
    before: Option<i64>,
    /// At most so many, 1 to 500; absent: 100.
    #[serde(default)]
    limit: Option<u32>,
}

/// Who did what, the newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(Which), responses((status = 200, body = AuditBody)))]
pub async fn all(
    State(state): State<AppState>,
    caller: Caller,
    Query(which): Query<Which>,
) -> Result<Json<AuditBody>, ApiError> {
    caller.may_own()?;
    let page = state.access.audit_page(which.site.map(SiteId), which.before, which.limit).await?;
    Ok(Json(page.into()))
}

/// Who did what to one site, the newest first.
#[utoipa::path(get, path = "/api/v1/sites/{site}/audit", tag = "audit", params(("site" = u32, Path), Part),
    responses((status = 200, body = AuditBody)))]
pub async fn of_site(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    Query(part): Query<Part>,
) -> Result<Json<AuditBody>, ApiError> {
    caller.may_read(id)?;
    caller.may_own()?;
    Ok(Json(state.access.audit_page(Some(id), part.before, part.limit).await?.into()))
}
