//! Security headers of responses.
//!
//! The service's origin holds the owner's login, so its pages must not be framed, only the dashboard's own scripts may
//! run, and private responses must not be cached.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// The dashboard runs its own files only. Inline styles are needed by charts and the component library; images of items
/// come from the shops. HTML is only created by Svelte's templates; the `default` Trusted Types policy, made by
/// `dashboard/src/parts/chart-engine.ts`, allows the empty string alone.
const DASHBOARD_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: https: http:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html default";

/// The demo shop shows marketers' content on the dashboard's origin: its own files only, no inline scripts, no event
/// handler attributes, no form submissions, no frames.
const DEMO_POLICY: &str = "default-src 'none'; script-src 'self'; script-src-attr 'none'; style-src 'self'; \
     img-src 'self' data: https:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// Data is never rendered as a page.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
     magnetometer=(), microphone=(), payment=(), usb=()";

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Middleware: adds headers to every response by its path, errors included. Private data is not cached, embedded or
/// framed; pages get their policy.
pub async fn add(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let within = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let kind = if within("/api") || path == "/metrics" {
        Kind::Data
    } else if within("/dashboard") {
        Kind::Page(DASHBOARD_POLICY)
    } else if within("/demo") {
        Kind::Page(DEMO_POLICY)
    } else {
        Kind::Public
    };
    let mut answer = next.run(request).await;
    match kind {
        Kind::Data => data(answer.headers_mut()),
        Kind::Page(policy) => page(answer.headers_mut(), policy),
        Kind::Public => {}
    }
    answer
}

/// The kind of content under a path.
enum Kind {
    Data,
    Page(&'static str),
    /// Readable from the sites' pages.
    Public,
}

fn data(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DATA_POLICY));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
}

fn page(headers: &mut HeaderMap, policy: &'static str) {
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static(PERMISSIONS));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
}
