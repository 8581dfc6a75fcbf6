//! Saved funnels.

use axum::{Json, extract::State, http::StatusCode};
use serde_json::Value;

use crate::{
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Path, SitePath},
        state::AppState,
    },
    model::Timestamp,
    wire::admin::{FunnelBody, NewFunnel},
};

const QUESTION_BYTES_MAX: usize = 64 * 1024;

/// The funnels of a site.
#[utoipa::path(get, path = "/api/v1/sites/{site}/funnels", tag = "reports", params(("site" = u32, Path)),
    responses((status = 200, body = Vec<FunnelBody>)))]
pub async fn list(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<Vec<FunnelBody>>, ApiError> {
    caller.may_read(id)?;
    let rows = state.control.funnels(id).await?;
    let read = |row: crate::control::FunnelRow| FunnelBody {
        id: row.id,
        name: row.name,
        question: serde_json::from_str(&row.question).unwrap_or(Value::Null),
        updated_at: Timestamp(row.updated_at).to_string(),
    };
    Ok(Json(rows.into_iter().map(read).collect()))
}

/// Saves a funnel.
#[utoipa::path(post, path = "/api/v1/sites/{site}/funnels", tag = "reports", params(("site" = u32, Path)),
    request_body = NewFunnel, responses((status = 201, body = FunnelBody)))]
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    JsonBody(body): JsonBody<NewFunnel>,
) -> Result<(StatusCode, Json<FunnelBody>), ApiError> {
    caller.may_edit(site)?;
    let question = checked_question(&body)?;
    let id = state.catalog.add_funnel(&caller.name(), site, body.name.trim(), &question).await?;
    Ok((StatusCode::CREATED, Json(funnel_body(id, body))))
}

/// Changes a funnel.
#[utoipa::path(put, path = "/api/v1/sites/{site}/funnels/{funnel}", tag = "reports",
    params(("site" = u32, Path), ("funnel" = i64, Path)), request_body = NewFunnel,
    responses((status = 200, body = FunnelBody)))]
pub async fn change(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, i64)>,
    JsonBody(body): JsonBody<NewFunnel>,
) -> Result<Json<FunnelBody>, ApiError> {
    caller.may_edit(site)?;
    let Path((_, funnel)) = path;
    let question = checked_question(&body)?;
    if !state.catalog.change_funnel(&caller.name(), site, funnel, body.name.trim(), &question).await? {
        return Err(ApiError::NotFound);
    }
    Ok(Json(funnel_body(funnel, body)))
}

/// Removes a funnel.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/funnels/{funnel}", tag = "reports",
    params(("site" = u32, Path), ("funnel" = i64, Path)), responses((status = 204)))]
pub async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, i64)>,
) -> Result<StatusCode, ApiError> {
    caller.may_edit(site)?;
    let Path((_, funnel)) = path;
    let existed = state.catalog.delete_funnel(&caller.name(), site, funnel).await?;
    if existed { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::NotFound) }
}

/// Checks a funnel; returns its question as JSON text.
fn checked_question(body: &NewFunnel) -> Result<String, ApiError> {
    if body.name.trim().is_empty() || body.name.len() > 200 {
        return Err(ApiError::Invalid("`name` must have 1 to 200 bytes".into()));
    }
    let text = body.question.to_string();
    if !body.question.is_object() || text.len() > QUESTION_BYTES_MAX {
        return Err(ApiError::Invalid("`question` must be a JSON object of at most 64 KB".into()));
    }
    Ok(text)
}

fn funnel_body(id: i64, body: NewFunnel) -> FunnelBody {
    FunnelBody {
        id,
        name: body.name.trim().to_owned(),
        question: body.question,
        updated_at: crate::clock::now().to_string(),
    }
}
