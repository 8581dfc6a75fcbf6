//! Sites and their settings.

use axum::{Json, extract::State, http::StatusCode};

use crate::{
    catalog::{self, Change},
    control::Scope,
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, SitePath},
        state::Doors,
    },
    wire::admin::{NewKey, NewSiteBody, SiteBody, SiteChange},
};

/// The sites.
#[utoipa::path(get, path = "/api/v1/sites", tag = "sites", responses((status = 200, body = Vec<SiteBody>)))]
pub async fn list(State(doors): State<Doors>, caller: Caller) -> Json<Vec<SiteBody>> {
    let snapshot = doors.catalog.snapshot();
    let visible = catalog::by_number(&snapshot).into_iter().filter(|s| caller.may_read(s.site.id).is_ok());
    Json(visible.map(|s| SiteBody::from(&*s.site)).collect())
}

/// Adds a site.
#[utoipa::path(post, path = "/api/v1/sites", tag = "sites", request_body = NewSiteBody,
    responses((status = 201, body = SiteBody)))]
pub async fn add(
    State(doors): State<Doors>,
    caller: Caller,
    JsonBody(body): JsonBody<NewSiteBody>,
) -> Result<(StatusCode, Json<SiteBody>), ApiError> {
    caller.may_own()?;
    let site = doors.catalog.add_site(&caller.name(), &body.name, &body.origins, false).await?;
    Ok((StatusCode::CREATED, Json(SiteBody::from(&site))))
}

/// One site.
#[utoipa::path(get, path = "/api/v1/sites/{site}", tag = "sites", params(("site" = u32, Path)),
    responses((status = 200, body = SiteBody)))]
pub async fn one(
    State(doors): State<Doors>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<SiteBody>, ApiError> {
    caller.may_read(id)?;
    Ok(Json(SiteBody::from(&*doors.catalog.site(id)?.site)))
}

/// Changes a site's settings.
#[utoipa::path(patch, path = "/api/v1/sites/{site}", tag = "sites", params(("site" = u32, Path)),
    request_body = SiteChange, responses((status = 200, body = SiteBody)))]
pub async fn change(
    State(doors): State<Doors>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(body): JsonBody<SiteChange>,
) -> Result<Json<SiteBody>, ApiError> {
    caller.may_edit(id)?;
    let change = Change {
        name: body.name,
        origins: body.origins,
        currency: body.currency,
        timezone: body.timezone,
        robots: body.robots,
        consent_default: body.consent_default,
        honour_gpc: body.honour_gpc,
        events_per_second_max: body.events_per_second_max,
        known_by: body.known_by,
        without_consent: body.without_consent,
        session_minutes: body.session_minutes,
        captures: body.captures,
    };
    let site = doors.catalog.change_site(&caller.name(), id, change).await?;
    Ok(Json(SiteBody::from(&site)))
}

/// The secret with which the site's servers sign user ids, for owners and `admin` keys.
#[utoipa::path(get, path = "/api/v1/sites/{site}/secret", tag = "sites", params(("site" = u32, Path)),
    responses((status = 200, body = Object)))]
pub async fn secret(
    State(doors): State<Doors>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<serde_json::Value>, ApiError> {
    match &caller {
        Caller::Program(_) => caller.may_edit(id)?,
        Caller::Person(_) => caller.may_own()?,
    }
    let site = doors.catalog.site(id)?;
    doors.access.audit(&caller.name(), "see secret", &site.site.name).await?;
    Ok(Json(serde_json::json!({ "secret": site.site.secret })))
}

/// Makes a program's key; it is shown this once.
#[utoipa::path(post, path = "/api/v1/sites/{site}/keys", tag = "sites", params(("site" = u32, Path)),
    request_body = NewKey, responses((status = 201, body = Object)))]
pub async fn add_key(
    State(doors): State<Doors>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(body): JsonBody<NewKey>,
) -> Result<(StatusCode, Json<serde_json::Value>), ApiError> {
    caller.may_own()?;
    let scope = Scope::from_word(&body.scope)
        .ok_or_else(|| ApiError::Invalid("`scope` must be read, server or admin".into()))?;
    let key = doors.access.add_key(id, scope).await?;
    doors.access.audit(&caller.name(), "add key", scope.as_str()).await?;
    Ok((StatusCode::CREATED, Json(serde_json::json!({ "key": key }))))
}
