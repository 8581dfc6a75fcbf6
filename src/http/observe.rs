//! Request metrics and the access log: every request is counted by route, method and class of status, and timed. The
//! access log is the target `ashna::access` at level debug. No address, query, cookie or key is ever logged.

use std::{
    sync::{Arc, LazyLock},
    time::Instant,
};

use axum::{
    body::HttpBody as _,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};

use super::{hot_routes::HotRoute, state::AppState};
use crate::telemetry::Route;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_BYTES_MAX: usize = 128;

/// A request in progress. Dropped without an answer, it counts as aborted.
pub(super) struct ObservedRequest {
    route: Arc<Route>,
    started: Instant,
    id: Option<HeaderValue>,
    /// Method and route for the access log, if it is on.
    logged: Option<(&'static str, String)>,
    answered: bool,
}

impl ObservedRequest {
    /// Begins a request that bypasses the router.
    pub(super) fn hot(state: &AppState, hot: HotRoute, headers: &HeaderMap) -> Self {
        let (template, method) = hot.template();
        Self::begin(state.hot_routes.get(hot), method, template, headers)
    }

    fn begin(route: Arc<Route>, method: &'static str, template: &str, headers: &HeaderMap) -> Self {
        let is_logged = tracing::enabled!(target: "ashna::access", tracing::Level::DEBUG);
        let received = headers.get(&REQUEST_ID).filter(|id| is_valid_id(id)).cloned();
        Self {
            route,
            started: Instant::now(),
            id: received.or_else(|| is_logged.then(new_id)),
            logged: is_logged.then(|| (method, template.to_owned())),
            answered: false,
        }
    }

    /// Counts the answer, logs it, and adds the request id header.
    pub(super) fn answer(mut self, answer: &mut Response) {
        self.answered = true;
        let (status, duration) = (answer.status().as_u16(), self.started.elapsed());
        self.route.answered(status, duration);
        if let Some((method, route)) = &self.logged {
            let bytes = answer.body().size_hint().exact();
            let id = self.id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
            let duration_ms = duration.as_secs_f64() * 1000.0;
            tracing::debug!(target: "ashna::access", method, route, status, duration_ms, bytes, request_id = id, "request");
        }
        if let Some(id) = self.id.take() {
            answer.headers_mut().insert(REQUEST_ID.clone(), id);
        }
    }
}

impl Drop for ObservedRequest {
    fn drop(&mut self) {
        if !self.answered {
            self.route.aborted();
        }
    }
}

/// Whether a proxy's request id is safe to log.
fn is_valid_id(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    (1..=REQUEST_ID_BYTES_MAX).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte))
}

fn new_id() -> HeaderValue {
    let text = format!("{:032x}", rand::random::<u128>());
    HeaderValue::try_from(text).expect("hexadecimal digits")
}

/// Middleware: observes requests that go through the router.
pub async fn routed(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    // Unmatched paths are arbitrary, so they share one label.
    let template = matched.unwrap_or("other").to_owned();
    let method = method_label(request.method());
    let route = state.metrics.operations.requests.route(&template, method);
    let observed = ObservedRequest::begin(route, method, &template, request.headers());
    let mut answer = next.run(request).await;
    observed.answer(&mut answer);
    answer
}

/// The metrics label of a method; a closed list, because clients may send any name.
fn method_label(method: &Method) -> &'static str {
    static KNOWN: LazyLock<[(Method, &str); 7]> = LazyLock::new(|| {
        [
            (Method::GET, "GET"),
            (Method::POST, "POST"),
            (Method::PUT, "PUT"),
            (Method::PATCH, "PATCH"),
            (Method::DELETE, "DELETE"),
            (Method::HEAD, "HEAD"),
            (Method::OPTIONS, "OPTIONS"),
        ]
    });
    KNOWN.iter().find(|(known, _)| known == method).map_or("other", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_unsafe_to_log_are_ignored() {
        let check = |id: &'static str, fits: bool| assert_eq!(is_valid_id(&HeaderValue::from_static(id)), fits, "{id}");
        check("0af7651916cd43dd8448eb211c80319c", true);
        check("edge-7:42/a_b.c+d=", true);
        check("", false);
        check("a b", false);
        check("a\tb", false);
        assert!(!is_valid_id(&HeaderValue::try_from("x".repeat(129)).unwrap()));
        assert!(is_valid_id(&new_id()));
    }

    #[test]
    fn methods_are_a_closed_list() {
        assert_eq!(method_label(&Method::PATCH), "PATCH");
        assert_eq!(method_label(&Method::from_bytes(b"BREW").unwrap()), "other");
    }
}
