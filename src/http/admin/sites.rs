//! Sites and their settings.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;

use crate::{
    catalog,
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Query, SitePath},
        state::AppState,
    },
    wire::{
        admin::{NewSiteBody, SiteBody, SiteChange},
        privacy::SiteSecret,
    },
};

/// The sites that the caller may see.
#[utoipa::path(get, path = "/api/v1/sites", tag = "sites", responses((status = 200, body = Vec<SiteBody>)))]
pub async fn list(State(state): State<AppState>, caller: Caller) -> Json<Vec<SiteBody>> {
    let snapshot = state.catalog.snapshot();
    let visible = catalog::by_number(&snapshot).into_iter().filter(|s| caller.may_read(s.site.id).is_ok());
    Json(visible.map(|s| SiteBody::from(&*s.site)).collect())
}

/// Adds a site.
#[utoipa::path(post, path = "/api/v1/sites", tag = "sites", request_body = NewSiteBody,
    responses((status = 201, body = SiteBody)))]
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(body): JsonBody<NewSiteBody>,
) -> Result<(StatusCode, Json<SiteBody>), ApiError> {
    caller.may_own()?;
    let site = state.catalog.add_site(&caller.name(), &body.name, &body.origins, false).await?;
    Ok((StatusCode::CREATED, Json(SiteBody::from(&site))))
}

/// One site.
#[utoipa::path(get, path = "/api/v1/sites/{site}", tag = "sites", params(("site" = u32, Path)),
    responses((status = 200, body = SiteBody)))]
pub async fn one(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<SiteBody>, ApiError> {
    caller.may_read(id)?;
    Ok(Json(SiteBody::from(&*state.catalog.site(id)?.site)))
}

/// Changes a site's settings.
#[utoipa::path(patch, path = "/api/v1/sites/{site}", tag = "sites", params(("site" = u32, Path)),
    request_body = SiteChange, responses((status = 200, body = SiteBody)))]
pub async fn change(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(body): JsonBody<SiteChange>,
) -> Result<Json<SiteBody>, ApiError> {
    caller.may_edit(id)?;
    let present = SiteBody::from(&*state.catalog.site(id)?.site);
    if changes_trust(&body, &present) {
        caller.may_administer(id)?;
    }
    if body.offer_html.is_some_and(|wanted| wanted != present.offer_html) {
        caller.may_own()?;
    }
    let site = state.catalog.change_site(&caller.name(), id, body).await?;
    Ok(Json(SiteBody::from(&site)))
}

/// The secret with which the site's servers sign user ids, for owners and `admin` keys.
#[utoipa::path(get, path = "/api/v1/sites/{site}/secret", tag = "sites", params(("site" = u32, Path)),
    responses((status = 200, body = SiteSecret)))]
pub async fn secret(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<SiteSecret>, ApiError> {
    caller.may_administer(id)?;
    let site = state.catalog.site(id)?;
    state.access.audit_site(id, &caller.name(), "see secret", &site.site.name).await?;
    Ok(Json(SiteSecret { secret: (*site.site.secret).to_owned() }))
}

/// Confirms which site to remove.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct RemovalQuery {
    /// The site's exact name, so that no other one is removed by mistake.
    #[serde(default)]
    name: String,
}

/// Removes a site with all its data; its events are erased in the background.
#[utoipa::path(delete, path = "/api/v1/sites/{site}", tag = "sites", params(("site" = u32, Path), RemovalQuery),
    responses((status = 204), (status = 422, description = "`name` is not the site's")))]
pub async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    Query(query): Query<RemovalQuery>,
) -> Result<StatusCode, ApiError> {
    caller.may_read(id)?;
    caller.may_own()?;
    state.removal.remove(&caller.name(), id, &query.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether a change affects the site's trust or privacy settings. Repeating the present value changes nothing.
fn changes_trust(change: &SiteChange, present: &SiteBody) -> bool {
    fn differs<T: PartialEq<U>, U>(wanted: Option<&T>, present: &U) -> bool {
        wanted.is_some_and(|wanted| wanted != present)
    }
    differs(change.origins.as_ref(), &present.origins)
        || differs(change.robots.as_ref(), &present.robots)
        || differs(change.consent_default.as_ref(), &present.consent_default)
        || differs(change.honour_gpc.as_ref(), &present.honour_gpc)
        || differs(change.events_per_second_max.as_ref(), &present.events_per_second_max)
        || differs(change.ignored_networks.as_ref(), &present.ignored_networks)
        || differs(change.known_by.as_ref(), &present.known_by)
        || differs(change.without_consent.as_ref(), &present.without_consent)
}
