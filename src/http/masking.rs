//! Masks personal data in responses to users whose accounts require it.
//!
//! A middleware around all routes of `/api/v1/sites/`, so that no handler can forget it.

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts, Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    caller::{Caller, bearer},
    error::ApiError,
    login_cookies,
    state::AppState,
};

/// Larger responses cannot be masked and are refused.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Authenticates the caller once for the handler, and masks the response if necessary.
pub async fn mask_answers(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let by_login = bearer(request.headers()).is_none() && !login_cookies::tokens(request.headers()).is_empty();
    if !by_login || !request.uri().path().starts_with("/api/v1/sites/") {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    // The handler refuses unauthenticated requests.
    let Ok(caller) = Caller::from_request_parts(&mut parts, &state).await else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    let masked = caller.is_masked();
    parts.extensions.insert(caller);
    let answer = next.run(Request::from_parts(parts, body)).await;
    if masked { masked_answer(&state, answer).await.unwrap_or_else(IntoResponse::into_response) } else { answer }
}

async fn masked_answer(state: &AppState, answer: Response) -> Result<Response, ApiError> {
    let (mut parts, body) = answer.into_parts();
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default().to_owned();
    let bytes = to_bytes(body, ANSWER_BYTES_MAX)
        .await
        .map_err(|_| ApiError::Invalid("the answer is too large to be masked; ask for less".into()))?;
    if bytes.is_empty() {
        return Ok(Response::from_parts(parts, Body::empty()));
    }
    let mask = state.access.mask();
    let masked = if content_type.starts_with(b"application/json") {
        let mut value: Value =
            serde_json::from_slice(&bytes).map_err(|error| ApiError::Internal(format!("masking: {error}")))?;
        mask.json(&mut value);
        serde_json::to_vec(&value).map_err(|error| ApiError::Internal(format!("masking: {error}")))?
    } else {
        let text = std::str::from_utf8(&bytes).map_err(|_| {
            ApiError::Forbidden("personal data is masked for your account, and this response cannot be masked")
        })?;
        mask.text(text).map_or_else(|| bytes.to_vec(), String::into_bytes)
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok(Response::from_parts(parts, Body::from(masked)))
}
