//! Who enters and leaves a segment, its size by day, and its overlap with others.

use axum::{Json, extract::State};
use serde::Deserialize;

use crate::{
    http::{
        caller::Caller,
        error::ApiError,
        extract::{Path, Query, SitePath},
        state::AppState,
    },
    membership::DAYS_MAX,
    wire::segments::{SegmentChanges, SegmentHistory, SegmentOverlap},
};

const DAYS_DEFAULT: u32 = 90;
const CHANGES_DEFAULT: u32 = 100;
const CHANGES_LISTED_MAX: u32 = 1000;

/// Which days to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct HistoryQuery {
    /// The last so many days, 90 by default, at most 730.
    #[serde(default)]
    days: Option<u32>,
}

/// Which changes to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct ChangesQuery {
    /// At most this many, 100 by default, at most 1,000.
    #[serde(default)]
    limit: Option<u32>,
    /// The `next` of the previous answer.
    #[serde(default)]
    before: Option<i64>,
}

/// How many members a segment had by day, and how many entered and left.
#[utoipa::path(get, path = "/api/v1/sites/{site}/segments/{segment}/history", tag = "segments",
    params(("site" = u32, Path), ("segment" = String, Path), HistoryQuery),
    responses((status = 200, body = SegmentHistory), (status = 404, description = "there is no such segment")))]
pub async fn history(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<SegmentHistory>, ApiError> {
    caller.may_read(id)?;
    let Path((_, segment)) = path;
    let days = query.days.unwrap_or(DAYS_DEFAULT);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(ApiError::Unreadable(format!("`days` must be 1 to {DAYS_MAX}")));
    }
    Ok(Json(state.membership.history(id, &segment, days).await?))
}

/// Who entered and left a segment, when and why, newest first.
#[utoipa::path(get, path = "/api/v1/sites/{site}/segments/{segment}/changes", tag = "segments",
    params(("site" = u32, Path), ("segment" = String, Path), ChangesQuery),
    responses((status = 200, body = SegmentChanges), (status = 404, description = "there is no such segment")))]
pub async fn changes(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    Query(query): Query<ChangesQuery>,
) -> Result<Json<SegmentChanges>, ApiError> {
    caller.may_read(id)?;
    let Path((_, segment)) = path;
    let limit = query.limit.unwrap_or(CHANGES_DEFAULT);
    if !(1..=CHANGES_LISTED_MAX).contains(&limit) {
        return Err(ApiError::Unreadable(format!("`limit` must be 1 to {CHANGES_LISTED_MAX}")));
    }
    Ok(Json(state.membership.changes(id, &segment, (limit, query.before)).await?))
}

/// How many members the other segments share with a segment.
#[utoipa::path(get, path = "/api/v1/sites/{site}/segments/{segment}/overlap", tag = "segments",
    params(("site" = u32, Path), ("segment" = String, Path)),
    responses((status = 200, body = SegmentOverlap), (status = 404, description = "there is no such segment")))]
pub async fn overlap(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
) -> Result<Json<SegmentOverlap>, ApiError> {
    caller.may_read(id)?;
    let Path((_, segment)) = path;
    Ok(Json(state.membership.overlap(id, &segment).await?))
}
