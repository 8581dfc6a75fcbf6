//! What browsers on other origins may ask and read, for the public routes.

use axum::{
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::error::ApiError;

/// Answers preflights and lets the page read the answer. Whether its origin may speak for the site is
/// decided by the handler; an answer of refusal must be readable too, or the tracker would retry it.
pub async fn public(request: Request, next: Next) -> Response {
    let Some(origin) = origin(&request) else { return next.run(request).await };
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight {
        return preflight(origin, request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS));
    }
    let mut answer = next.run(request).await;
    open(&mut answer, origin);
    answer
}

/// 404 that the asking page can read: a wrong address would otherwise look like a refused origin.
pub async fn not_found(request: Request) -> Response {
    let Some(origin) = origin(&request) else { return ApiError::NotFound.into_response() };
    if request.method() == Method::OPTIONS {
        return preflight(origin, request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS));
    }
    let mut answer = ApiError::NotFound.into_response();
    open(&mut answer, origin);
    answer
}

/// The origin of the page that asks.
pub fn origin(request: &Request) -> Option<HeaderValue> {
    request.headers().get(header::ORIGIN).cloned()
}

/// Lets a page of this origin read an answer.
pub fn open(answer: &mut Response, origin: HeaderValue) {
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

/// The longest list of asked-for headers that is answered with itself.
const ASKED_BYTES_MAX: usize = 1024;

/// Any header is allowed that is asked for: tracing libraries and clients of others add theirs to every request, and one
/// that is not allowed would cost the page all of its events.
fn preflight(origin: HeaderValue, asked: Option<&HeaderValue>) -> Response {
    let mut answer = StatusCode::NO_CONTENT.into_response();
    open(&mut answer, origin);
    let headers = answer.headers_mut();
    headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    let usual = "Authorization, Content-Type, If-None-Match, X-API-Key, X-Retry-Count";
    let asked = asked.and_then(|asked| asked.to_str().ok()).filter(|asked| asked.len() <= ASKED_BYTES_MAX);
    let allowed = asked.and_then(|asked| HeaderValue::try_from(format!("{usual}, {asked}")).ok());
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed.unwrap_or(HeaderValue::from_static(usual)));
    headers.append(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    answer
}
