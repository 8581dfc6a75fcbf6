//! CORS: what pages of other origins may send and read, for the public routes.

use axum::{
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::error::ApiError;

/// Middleware: answers preflights and lets the page read the answer. Whether its origin may send events for the site
/// is the handler's decision; a refusal must be readable too, or the tracker would retry it.
pub async fn public(request: Request, next: Next) -> Response {
    let Some(origin) = origin(&request) else { return next.run(request).await };
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight {
        return preflight(origin, request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS));
    }
    let mut answer = next.run(request).await;
    allow_origin(&mut answer, origin);
    answer
}

/// 404 that the page can read: a wrong address would otherwise look like a refused origin.
pub async fn not_found(request: Request) -> Response {
    let Some(origin) = origin(&request) else { return ApiError::NotFound.into_response() };
    if request.method() == Method::OPTIONS {
        return preflight(origin, request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS));
    }
    let mut answer = ApiError::NotFound.into_response();
    allow_origin(&mut answer, origin);
    answer
}

/// The origin of the requesting page.
pub fn origin(request: &Request) -> Option<HeaderValue> {
    request.headers().get(header::ORIGIN).cloned()
}

/// Lets pages of this origin read an answer.
pub fn allow_origin(answer: &mut Response, origin: HeaderValue) {
    let headers = answer.headers_mut();
    headers.reserve(4);
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("ETag, Retry-After, Ashna-Outcome, Server-Timing"),
    );
}

/// The longest list of requested headers that is allowed as it is.
const REQUESTED_BYTES_MAX: usize = 1024;

/// Allows every requested header: tracing libraries and third-party clients add theirs to each request, and one that is
/// not allowed would lose the page all of its events.
fn preflight(origin: HeaderValue, requested: Option<&HeaderValue>) -> Response {
    let mut answer = StatusCode::NO_CONTENT.into_response();
    allow_origin(&mut answer, origin);
    let headers = answer.headers_mut();
    headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    let usual = "Authorization, Content-Type, If-None-Match, X-API-Key, X-Retry-Count";
    let requested = requested.and_then(|names| names.to_str().ok()).filter(|names| names.len() <= REQUESTED_BYTES_MAX);
    let allowed = requested.and_then(|names| HeaderValue::try_from(format!("{usual}, {names}")).ok());
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed.unwrap_or(HeaderValue::from_static(usual)));
    headers.append(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    answer
}
