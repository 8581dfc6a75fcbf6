//! Webhooks and their deliveries.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;

use crate::{
    control::{DeliveryRow, DeliveryState, WebhookRow},
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Path, Query, SitePath},
        state::AppState,
    },
    wire::webhooks::{WebhookBody, WebhookChange, WebhookDeliveries, WebhookDelivery, WebhookDeliveryState},
};

/// Which deliveries to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct DeliveryQuery {
    /// Value of `next` of the page before.
    #[serde(default)]
    before: Option<i64>,
    /// At most this many, 100 by default, 500 at most.
    #[serde(default)]
    limit: Option<u32>,
}

/// The webhooks of a site.
#[utoipa::path(get, path = "/api/v1/sites/{site}/webhooks", tag = "webhooks", params(("site" = u32, Path)),
    responses((status = 200, body = Vec<WebhookBody>)))]
pub async fn list(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
) -> Result<Json<Vec<WebhookBody>>, ApiError> {
    caller.may_read(site)?;
    Ok(Json(state.webhooks.list(site).await?.iter().map(|row| shown(row, false)).collect()))
}

/// Adds a webhook. The answer has the secret of its signatures, which is not shown again.
#[utoipa::path(post, path = "/api/v1/sites/{site}/webhooks", tag = "webhooks", params(("site" = u32, Path)),
    request_body = WebhookChange, responses((status = 201, body = WebhookBody),
        (status = 409, description = "there is a webhook with that id"),
        (status = 422, description = "a setting is invalid, or the address is inside a private network")))]
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    JsonBody(change): JsonBody<WebhookChange>,
) -> Result<(StatusCode, Json<WebhookBody>), ApiError> {
    caller.may_edit(site)?;
    let created = state.webhooks.add(&caller.name(), site, change).await?;
    Ok((StatusCode::CREATED, Json(shown(&created.row, true))))
}

/// One webhook.
#[utoipa::path(get, path = "/api/v1/sites/{site}/webhooks/{webhook}", tag = "webhooks",
    params(("site" = u32, Path), ("webhook" = String, Path)), responses((status = 200, body = WebhookBody)))]
pub async fn one(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
) -> Result<Json<WebhookBody>, ApiError> {
    caller.may_read(site)?;
    let Path((_, id)) = path;
    Ok(Json(shown(&state.webhooks.one(site, &id).await?, false)))
}

/// Makes or replaces a webhook. The secret of an existing one stays, and is not shown.
#[utoipa::path(put, path = "/api/v1/sites/{site}/webhooks/{webhook}", tag = "webhooks",
    params(("site" = u32, Path), ("webhook" = String, Path)), request_body = WebhookChange,
    responses((status = 200, body = WebhookBody),
        (status = 422, description = "a setting is invalid, or the address is inside a private network")))]
pub async fn put(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
    JsonBody(change): JsonBody<WebhookChange>,
) -> Result<Json<WebhookBody>, ApiError> {
    caller.may_edit(site)?;
    let Path((_, id)) = path;
    let created = state.webhooks.put(&caller.name(), site, &id, change).await?;
    Ok(Json(shown(&created.row, created.is_new)))
}

/// Removes a webhook with its deliveries.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/webhooks/{webhook}", tag = "webhooks",
    params(("site" = u32, Path), ("webhook" = String, Path)), responses((status = 204)))]
pub async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
) -> Result<StatusCode, ApiError> {
    caller.may_edit(site)?;
    let Path((_, id)) = path;
    state.webhooks.delete(&caller.name(), site, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replaces the secret of a webhook; the answer has the new one, which is not shown again.
#[utoipa::path(post, path = "/api/v1/sites/{site}/webhooks/{webhook}/secret", tag = "webhooks",
    params(("site" = u32, Path), ("webhook" = String, Path)), responses((status = 200, body = WebhookBody)))]
pub async fn rotate_secret(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
) -> Result<Json<WebhookBody>, ApiError> {
    caller.may_edit(site)?;
    let Path((_, id)) = path;
    let row = state.webhooks.rotate_secret(&caller.name(), site, &id).await?;
    Ok(Json(shown(&row, true)))
}

/// Sends a call of the type `test` once and returns what became of it.
#[utoipa::path(post, path = "/api/v1/sites/{site}/webhooks/{webhook}/test", tag = "webhooks",
    params(("site" = u32, Path), ("webhook" = String, Path)), responses((status = 200, body = WebhookDelivery)))]
pub async fn test(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
) -> Result<Json<WebhookDelivery>, ApiError> {
    caller.may_edit(site)?;
    let Path((_, id)) = path;
    Ok(Json(delivery(state.webhooks.test(&caller.name(), site, &id).await?)))
}

/// The calls of a webhook, newest first: those that wait, and finished ones of the last seven days.
#[utoipa::path(get, path = "/api/v1/sites/{site}/webhooks/{webhook}/deliveries", tag = "webhooks",
    params(("site" = u32, Path), ("webhook" = String, Path), DeliveryQuery),
    responses((status = 200, body = WebhookDeliveries)))]
pub async fn deliveries(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
    Query(query): Query<DeliveryQuery>,
) -> Result<Json<WebhookDeliveries>, ApiError> {
    caller.may_read(site)?;
    let Path((_, id)) = path;
    let rows = state.webhooks.deliveries(site, &id, query.before, query.limit).await?;
    let next = rows.last().map(|row| row.number);
    Ok(Json(WebhookDeliveries { deliveries: rows.into_iter().map(delivery).collect(), next }))
}

/// Sends a call again, with the same id and body, whatever became of it.
#[utoipa::path(post, path = "/api/v1/sites/{site}/webhooks/{webhook}/deliveries/{delivery}/replay", tag = "webhooks",
    params(("site" = u32, Path), ("webhook" = String, Path), ("delivery" = String, Path)),
    responses((status = 202, body = WebhookDelivery), (status = 409, description = "the webhook is disabled")))]
pub async fn replay(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String, String)>,
) -> Result<(StatusCode, Json<WebhookDelivery>), ApiError> {
    caller.may_edit(site)?;
    let Path((_, webhook, id)) = path;
    let row = state.webhooks.replay(&caller.name(), site, &webhook, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery(row))))
}

fn shown(row: &WebhookRow, with_secret: bool) -> WebhookBody {
    WebhookBody {
        id: row.id.clone(),
        url: row.url.clone(),
        events: row.events.clone(),
        enabled: row.enabled,
        secret: with_secret.then(|| row.secret.to_string()),
        dropped: row.dropped,
        created_at: row.created_at.to_string(),
        updated_at: row.updated_at.to_string(),
    }
}

fn delivery(row: DeliveryRow) -> WebhookDelivery {
    WebhookDelivery {
        next_attempt_at: (row.state == DeliveryState::Waiting).then(|| row.next_at.to_string()),
        id: row.id,
        kind: row.kind,
        state: match row.state {
            DeliveryState::Waiting => WebhookDeliveryState::Waiting,
            DeliveryState::Delivered => WebhookDeliveryState::Delivered,
            DeliveryState::GivenUp => WebhookDeliveryState::GivenUp,
        },
        attempts: row.attempts,
        status: row.last_status,
        error: Some(row.last_error).filter(|error| !error.is_empty()),
        created_at: row.created_at.to_string(),
        finished_at: row.finished_at.map(|at| at.to_string()),
    }
}
