//! Items and offers.

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    catalog::{Page, Publish, Search, Upserted},
    http::{
        body,
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Path, Query, SitePath},
        state::AppState,
    },
    model::{ItemIssue, ItemIssueKind, Offer},
    wire::{
        catalogue::{ItemPage, RejectedLine, UpsertAnswer},
        item::ItemBody,
    },
};

/// Which items to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct ItemQuery {
    /// Part of an id, title or category.
    #[serde(default)]
    search: String,
    /// At most this many, 100 by default.
    #[serde(default)]
    limit: Option<usize>,
    /// Skip this many.
    #[serde(default)]
    offset: usize,
}

/// The items of a catalogue.
#[utoipa::path(get, path = "/api/v1/sites/{site}/items", tag = "catalogue",
    params(("site" = u32, Path), ItemQuery), responses((status = 200, body = ItemPage)))]
pub async fn items(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    Query(query): Query<ItemQuery>,
) -> Result<Json<ItemPage>, ApiError> {
    caller.may_read(id)?;
    let limit = query.limit.unwrap_or(100).min(1000);
    let search = Search { text: query.search, offset: query.offset, limit };
    let Page { items, total } = state.catalog.items_page(id, search, |item| ItemBody::from(item)).await?;
    Ok(Json(ItemPage { items, total }))
}

/// Adds or replaces items: a JSON array, one object, or one object per line.
#[utoipa::path(post, path = "/api/v1/sites/{site}/items", tag = "catalogue", params(("site" = u32, Path)),
    request_body = Vec<ItemBody>, responses((status = 200, body = UpsertAnswer)))]
pub async fn put_items(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    request: Request,
) -> Result<Json<UpsertAnswer>, ApiError> {
    caller.may_serve(id)?;
    let (parts, stream) = request.into_parts();
    let bytes = body::read(stream, &parts.headers, &state.server, &state.bodies).await?;
    let (lines, items) = read_items(&bytes)?.into_iter().unzip::<usize, _, Vec<_>, Vec<_>>();
    let done = state.catalog.put_items(Some(&caller.name()), id, items, Publish::Now).await?;
    Ok(Json(upsert_answer(done, &lines)))
}

/// Changes some fields of items, such as their stock: a JSON array, one object, or one object per line, each with the
/// `id` of a stored item. Fields that are absent keep their values.
#[utoipa::path(patch, path = "/api/v1/sites/{site}/items", tag = "catalogue", params(("site" = u32, Path)),
    request_body = Vec<ItemBody>, responses((status = 200, body = UpsertAnswer)))]
pub async fn change_items(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    request: Request,
) -> Result<Json<UpsertAnswer>, ApiError> {
    caller.may_serve(id)?;
    let (parts, stream) = request.into_parts();
    let bytes = body::read(stream, &parts.headers, &state.server, &state.bodies).await?;
    let fields = |value: Value| match value {
        Value::Object(fields) => Ok(fields),
        _ => Err(ItemIssueKind::Unreadable.with_message("a change is an object with `id`")),
    };
    let changes = numbered(&bytes)?.into_iter().map(|(line, value)| (line, value.and_then(fields)));
    let (lines, changes) = changes.unzip::<usize, _, Vec<_>, Vec<_>>();
    let done = state.catalog.change_items(&caller.name(), id, changes).await?;
    Ok(Json(upsert_answer(done, &lines)))
}

fn upsert_answer(done: Upserted, lines: &[usize]) -> UpsertAnswer {
    let rejected_line = |(number, issue): (usize, ItemIssue)| RejectedLine {
        line: lines[number - 1],
        reason: issue.kind.as_str(),
        message: issue.message,
    };
    UpsertAnswer {
        upserted: done.stored + done.unchanged,
        unchanged: done.unchanged,
        rejected: done.rejected.into_iter().map(rejected_line).collect(),
    }
}

/// Values with their line number or array index, counted from 1.
type Numbered<T> = Vec<(usize, Result<T, ItemIssue>)>;

fn read_items(bytes: &[u8]) -> Result<Numbered<ItemBody>, ApiError> {
    Ok(numbered(bytes)?.into_iter().map(|(number, value)| (number, value.and_then(ItemBody::from_value))).collect())
}

fn numbered(bytes: &[u8]) -> Result<Numbered<Value>, ApiError> {
    let unreadable = |e: serde_json::Error| ApiError::Unreadable(format!("the items cannot be parsed: {e}"));
    if bytes.trim_ascii_start().starts_with(b"[") {
        let values: Vec<Value> = serde_json::from_slice(bytes).map_err(unreadable)?;
        return Ok((1..).zip(values.into_iter().map(Ok)).collect());
    }
    if let Ok(item @ Value::Object(_)) = serde_json::from_slice(bytes) {
        return Ok(vec![(1, Ok(item))]);
    }
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii));
    let items = lines.filter(|(_, line)| !line.is_empty());
    let read = |line: &[u8]| {
        serde_json::from_slice(line).map_err(|error| ItemIssueKind::Unreadable.with_message(error.to_string()))
    };
    Ok(items.map(|(number, line)| (number, read(line))).collect())
}

/// Removes an item.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/items/{item}", tag = "catalogue",
    params(("site" = u32, Path), ("item" = String, Path)), responses((status = 204)))]
pub async fn delete_item(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
) -> Result<StatusCode, ApiError> {
    caller.may_serve(id)?;
    let Path((_, name)) = path;
    let existed = state.catalog.delete_item(&caller.name(), id, &name).await?;
    if existed { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::NotFound) }
}

/// The offers of a site.
#[utoipa::path(get, path = "/api/v1/sites/{site}/offers", tag = "catalogue", params(("site" = u32, Path)),
    responses((status = 200, body = Vec<Offer>)))]
pub async fn offers(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<Vec<Offer>>, ApiError> {
    caller.may_read(id)?;
    Ok(Json(state.catalog.offers(id).await?))
}

/// Adds an offer.
#[utoipa::path(post, path = "/api/v1/sites/{site}/offers", tag = "catalogue", params(("site" = u32, Path)),
    request_body = Offer, responses((status = 201, body = Offer), (status = 409, description = "there is an offer with that id"),
        (status = 422, description = "a rule is invalid")))]
pub async fn add_offer(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(offer): JsonBody<Offer>,
) -> Result<(StatusCode, Json<Offer>), ApiError> {
    caller.may_edit(id)?;
    let offer = offer.with_status();
    state.catalog.add_offer(&caller.name(), id, offer.clone()).await?;
    Ok((StatusCode::CREATED, Json(offer)))
}

/// Changes an offer.
#[utoipa::path(put, path = "/api/v1/sites/{site}/offers/{offer}", tag = "catalogue",
    params(("site" = u32, Path), ("offer" = String, Path)), request_body = Offer, responses((status = 200, body = Offer)))]
pub async fn put_offer(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    JsonBody(offer): JsonBody<Offer>,
) -> Result<Json<Offer>, ApiError> {
    caller.may_edit(id)?;
    let Path((_, name)) = path;
    if offer.id != name {
        return Err(ApiError::Invalid("an offer's id cannot be changed; add a new one".into()));
    }
    let offer = offer.with_status();
    state.catalog.put_offer(&caller.name(), id, offer.clone()).await?;
    Ok(Json(offer))
}

/// Removes an offer.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/offers/{offer}", tag = "catalogue",
    params(("site" = u32, Path), ("offer" = String, Path)), responses((status = 204)))]
pub async fn delete_offer(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
) -> Result<StatusCode, ApiError> {
    caller.may_edit(id)?;
    let Path((_, name)) = path;
    let existed = state.catalog.delete_offer(&caller.name(), id, &name).await?;
    state.offers.forget(id, &name);
    if existed { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::NotFound) }
}
