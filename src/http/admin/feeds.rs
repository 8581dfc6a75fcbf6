//! Import of item files, and the site's product feed.

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use tokio::sync::mpsc::channel;

use super::file_body::receive_file;
use crate::{
    clock,
    feed::ReadOptions,
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, OptionalJsonBody, SitePath},
        state::AppState,
    },
    import::{
        Counts,
        items::{self, ChunkReader},
    },
    model::feed::{FeedRequest, FeedSettings},
    wire::catalogue::{FeedAnswer, FeedVisit},
};

/// Imports a file of items: NDJSON, a JSON array, CSV, TSV or a Google product feed, detected by its content.
#[utoipa::path(post, path = "/api/v1/sites/{site}/items/import", tag = "catalogue", params(("site" = u32, Path)),
    request_body = String, responses((status = 200, body = Counts), (status = 422, description = "not a file of items")))]
pub async fn import(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    request: Request,
) -> Result<Json<Counts>, ApiError> {
    caller.may_edit(id)?;
    let site = state.catalog.site(id)?;
    let limits = state.feeds.limits();
    let options = ReadOptions { currency: site.site.currency, now: clock::now(), bytes_max: limits.bytes_max };
    let (sender, receiver) = channel(16);
    let in_time = receive_file(request.into_body(), limits, sender);
    let (sent, imported) =
        tokio::join!(in_time, items::import(&state.catalog, id, ChunkReader::from(receiver), options));
    let imported = imported.map_err(|error| ApiError::Internal(error.to_string()))?;
    state
        .access
        .audit_site(id, &caller.name(), "import items", &format!("{} of site {id}", imported.counts.read))
        .await?;
    sent?;
    match imported.error {
        Some(error) => {
            Err(ApiError::Invalid(format!("{error}; {} rows before it were imported", imported.counts.read)))
        }
        None => Ok(Json(imported.counts)),
    }
}

/// The site's feed, and the result of its last fetch.
#[utoipa::path(get, path = "/api/v1/sites/{site}/feed", tag = "catalogue", params(("site" = u32, Path)),
    responses((status = 200, body = FeedAnswer)))]
pub async fn feed(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<FeedAnswer>, ApiError> {
    caller.may_read(id)?;
    Ok(Json(
        state
            .feeds
            .feed(id)
            .await?
            .map_or_else(FeedAnswer::default, |row| FeedAnswer::new(row.settings, row.state, row.requested.is_some())),
    ))
}

/// Sets the feed's address and fetch interval; it is fetched at once.
#[utoipa::path(put, path = "/api/v1/sites/{site}/feed", tag = "catalogue", params(("site" = u32, Path)),
    request_body = FeedSettings, responses((status = 200, body = FeedAnswer)))]
pub async fn put_feed(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(settings): JsonBody<FeedSettings>,
) -> Result<Json<FeedAnswer>, ApiError> {
    caller.may_edit(id)?;
    state.feeds.put(&caller.name(), id, &settings).await?;
    feed(State(state), caller, SitePath(id)).await
}

/// Removes the feed; its items stay.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/feed", tag = "catalogue", params(("site" = u32, Path)),
    responses((status = 204)))]
pub async fn delete_feed(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<StatusCode, ApiError> {
    caller.may_edit(id)?;
    let existed = state.feeds.delete(&caller.name(), id).await?;
    if existed { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::NotFound) }
}

/// Fetches the feed now; with `confirm`, items missing from it are made unavailable, however many they are.
#[utoipa::path(post, path = "/api/v1/sites/{site}/feed/visit", tag = "catalogue", params(("site" = u32, Path)),
    request_body = FeedVisit, responses((status = 202)))]
pub async fn visit_feed(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    OptionalJsonBody(visit): OptionalJsonBody<FeedVisit>,
) -> Result<StatusCode, ApiError> {
    caller.may_edit(id)?;
    let request = if visit.confirm { FeedRequest::Confirm } else { FeedRequest::Fetch };
    let existed = state.feeds.request(&caller.name(), id, request).await?;
    if existed { Ok(StatusCode::ACCEPTED) } else { Err(ApiError::NotFound) }
}
