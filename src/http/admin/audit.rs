//! The audit log, for owners.

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
pub struct AuditQuery {
    /// Entries about this site only.
    #[serde(default)]
    site: Option<u32>,
    /// Entries before the one with this id; the newest by default.
    #[serde(default)]
    before: Option<i64>,
    /// At most this many, 1 to 500; 100 by default.
    #[serde(default)]
    limit: Option<u32>,
}

/// Which entries of one site.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct SiteAuditQuery {
    /// Entries before the one with this id; the newest by default.
    #[serde(default)]
    before: Option<i64>,
    /// At most this many, 1 to 500; 100 by default.
    #[serde(default)]
    limit: Option<u32>,
}

/// The audit log, the newest entry first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(AuditQuery), responses((status = 200, body = AuditBody)))]
pub async fn all(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditBody>, ApiError> {
    caller.may_own()?;
    let page = state.access.audit_page(query.site.map(SiteId), query.before, query.limit).await?;
    Ok(Json(page.into()))
}

/// The audit log of one site, the newest entry first.
#[utoipa::path(get, path = "/api/v1/sites/{site}/audit", tag = "audit", params(("site" = u32, Path), SiteAuditQuery),
    responses((status = 200, body = AuditBody)))]
pub async fn of_site(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    Query(query): Query<SiteAuditQuery>,
) -> Result<Json<AuditBody>, ApiError> {
    caller.may_read(id)?;
    caller.may_own()?;
    Ok(Json(state.access.audit_page(Some(id), query.before, query.limit).await?.into()))
}
