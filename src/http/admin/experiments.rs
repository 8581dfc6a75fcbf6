//! Experiments: people divided at random among variants.

use axum::{Json, extract::State, http::StatusCode};

use crate::{
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Path, SitePath},
        state::AppState,
    },
    model::Experiment,
};

/// The experiments of a site.
#[utoipa::path(get, path = "/api/v1/sites/{site}/experiments", tag = "experiments", params(("site" = u32, Path)),
    responses((status = 200, body = Vec<Experiment>)))]
pub async fn list(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<Vec<Experiment>>, ApiError> {
    caller.may_read(id)?;
    let stored = state.catalog.experiments(id).await?;
    Ok(Json(stored.into_iter().map(|stored| stored.experiment).collect()))
}

/// One experiment.
#[utoipa::path(get, path = "/api/v1/sites/{site}/experiments/{experiment}", tag = "experiments",
    params(("site" = u32, Path), ("experiment" = String, Path)), responses((status = 200, body = Experiment)))]
pub async fn one(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
) -> Result<Json<Experiment>, ApiError> {
    caller.may_read(id)?;
    let Path((_, key)) = path;
    let stored = state.catalog.experiment(id, &key).await?.ok_or(ApiError::NotFound)?;
    Ok(Json(stored.experiment))
}

/// Adds an experiment.
#[utoipa::path(post, path = "/api/v1/sites/{site}/experiments", tag = "experiments", params(("site" = u32, Path)),
    request_body = Experiment, responses((status = 201, body = Experiment),
        (status = 409, description = "there is an experiment with that key"),
        (status = 422, description = "it is invalid: the message says what to fix")))]
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(experiment): JsonBody<Experiment>,
) -> Result<(StatusCode, Json<Experiment>), ApiError> {
    caller.may_edit(id)?;
    let stored = state.catalog.add_experiment(&caller.name(), id, experiment).await?;
    Ok((StatusCode::CREATED, Json(stored)))
}

/// Adds or replaces an experiment. One that stays running keeps its variants, weights and exclusion group; its traffic may
/// be raised.
#[utoipa::path(put, path = "/api/v1/sites/{site}/experiments/{experiment}", tag = "experiments",
    params(("site" = u32, Path), ("experiment" = String, Path)), request_body = Experiment,
    responses((status = 200, body = Experiment),
        (status = 409, description = "it is running, and people would get another variant"),
        (status = 422, description = "it is invalid: the message says what to fix")))]
pub async fn put(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    JsonBody(mut experiment): JsonBody<Experiment>,
) -> Result<Json<Experiment>, ApiError> {
    caller.may_edit(id)?;
    let Path((_, key)) = path;
    if !experiment.key.is_empty() && experiment.key != key {
        return Err(ApiError::Invalid("`key` differs from the key in the address".into()));
    }
    experiment.key = key;
    Ok(Json(state.catalog.put_experiment(&caller.name(), id, experiment).await?))
}

/// Removes an experiment; people get no variants any more.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/experiments/{experiment}", tag = "experiments",
    params(("site" = u32, Path), ("experiment" = String, Path)), responses((status = 204)))]
pub async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
) -> Result<StatusCode, ApiError> {
    caller.may_edit(id)?;
    let Path((_, key)) = path;
    let existed = state.catalog.delete_experiment(&caller.name(), id, &key).await?;
    if existed { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::NotFound) }
}
