//! API keys of a site.

use axum::{Json, extract::State, http::StatusCode};

use crate::{
    control::Scope,
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Path, SitePath},
        state::AppState,
    },
    model::Timestamp,
    wire::users::{KeyMade, KeysBody, NewKey},
};

/// The API keys of a site, for owners and its `admin` keys.
#[utoipa::path(get, path = "/api/v1/sites/{site}/keys", tag = "keys", params(("site" = u32, Path)),
    responses((status = 200, body = KeysBody)))]
pub async fn list(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<KeysBody>, ApiError> {
    caller.may_administer(id)?;
    Ok(Json(KeysBody { keys: state.access.keys(id).iter().map(Into::into).collect() }))
}

/// Creates an API key; the response is the only one that contains it.
#[utoipa::path(post, path = "/api/v1/sites/{site}/keys", tag = "keys", params(("site" = u32, Path)),
    request_body = NewKey, responses((status = 201, body = KeyMade)))]
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(body): JsonBody<NewKey>,
) -> Result<(StatusCode, Json<KeyMade>), ApiError> {
    caller.may_read(id)?;
    caller.may_own()?;
    let scope = Scope::from_name(&body.scope)
        .ok_or_else(|| ApiError::Invalid("`scope` must be read, server or admin".into()))?;
    let expires_at = body
        .expires_at
        .map(|text| {
            Timestamp::parse_rfc3339(&text)
                .ok_or_else(|| ApiError::Invalid("`expires_at` must be a time such as 2027-01-31T00:00:00Z".into()))
        })
        .transpose()?;
    let made = state.access.add_key(&caller.name(), id, scope, &body.name, expires_at).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Revokes an API key at once, for owners and the site's `admin` keys.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/keys/{key}", tag = "keys",
    params(("site" = u32, Path), ("key" = i64, Path)), responses((status = 204)))]
pub async fn revoke(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, i64)>,
) -> Result<StatusCode, ApiError> {
    caller.may_administer(id)?;
    let Path((_, key)) = path;
    state.access.revoke_key(&caller.name(), id, key).await?;
    Ok(StatusCode::NO_CONTENT)
}
