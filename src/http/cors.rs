//! What browsers on other origins may ask and read, for the public routes.

use axum::{
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Answers preflights and lets the page read the answer. Whether its origin may speak for the site is
/// decided by the handler; an answer of refusal must be readable too, or the tracker would retry it.
pub async fn public(request: Request, next: Next) -> Response {
    let Some(origin) = origin(&request) else { return next.run(request).await };
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if is_preflight {
        return preflight(origin);
    }
    let mut answer = next.run(request).await;
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

fn preflight(origin: HeaderValue) -> Response {
    let mut answer = StatusCode::NO_CONTENT.into_response();
    open(&mut answer, origin);
    let headers = answer.headers_mut();
    headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Authorization, Content-Type, If-None-Match, X-Retry-Count"),
    );
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    answer
}
