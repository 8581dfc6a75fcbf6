//! Headers that tell browsers how little an answer may do.
//!
//! The service's origin holds the owner's login, so that nothing of it may be framed, no script may run that
//! is not the dashboard's own, and private answers stay in no cache.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// The dashboard runs its own files only. Styles may stand in the page: charts and the component library set
/// them. Pictures of items come from the shops. HTML is only made by Svelte's own templates;
/// the `default` policy, made by `dashboard/src/parts/chart-engine.ts`, allows the empty string alone.
const DASHBOARD_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: https: http:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html default";

/// The demo shop shows what marketers write, on the origin of the dashboard: its own files only, no inline
/// script, no handlers in attributes, no forms that send anything anywhere, no frames.
const DEMO_POLICY: &str = "default-src 'none'; script-src 'self'; script-src-attr 'none'; style-src 'self'; \
     img-src 'self' data: https:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// Data: nothing of it is a page.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
     magnetometer=(), microphone=(), payment=(), usb=()";

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Marks every answer by its path, errors included. Private ones stay in no cache, no page shows or frames
/// them; pages do what their policy says.
pub async fn protect(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let within = |place: &str| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
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

/// What lies under a path.
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
