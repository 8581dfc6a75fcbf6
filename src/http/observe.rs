//! Every request is counted by route, method and class of status, timed, and written to the access log where that
//! is wanted: target `ashna::access`, level debug. No address, query, cookie or key is ever logged.

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

use super::state::AppState;
use crate::telemetry::Route;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_BYTES_MAX: usize = 128;

/// Routes that are answered without the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hot {
    Events,
    Segment,
    Decide,
    Recommend,
}

impl Hot {
    const ALL: [Self; 4] = [Self::Events, Self::Segment, Self::Decide, Self::Recommend];

    /// As the router writes it, and by which method.
    const fn template(self) -> (&'static str, &'static str) {
        match self {
            Self::Events => ("/e", "POST"),
            Self::Segment => ("/v1/{call}", "POST"),
            Self::Decide => ("/v1/decide", "POST"),
            Self::Recommend => ("/v1/recommend", "GET"),
        }
    }
}

/// Counters of the routes that are asked most, looked up once.
#[derive(Debug)]
pub struct HotRoutes([Arc<Route>; 4]);

impl HotRoutes {
    /// Those of these requests.
    #[must_use]
    pub fn of(requests: &crate::telemetry::Requests) -> Self {
        Self(Hot::ALL.map(|hot| {
            let (template, method) = hot.template();
            requests.route(template, method)
        }))
    }

    fn get(&self, hot: Hot) -> Arc<Route> {
        Arc::clone(&self.0[hot as usize])
    }
}

/// A request that is being answered. Dropped without an answer it counts as aborted.
pub(super) struct Watched {
    route: Arc<Route>,
    begun: Instant,
    id: Option<HeaderValue>,
    /// What the access log says, if it is wanted.
    logged: Option<(&'static str, String)>,
    answered: bool,
}

impl Watched {
    /// A request of a route that is answered without the router.
    pub(super) fn hot(state: &AppState, hot: Hot, headers: &HeaderMap) -> Self {
        let (template, method) = hot.template();
        Self::begin(state.hot_routes.get(hot), method, template, headers)
    }

    fn begin(route: Arc<Route>, method: &'static str, template: &str, headers: &HeaderMap) -> Self {
        let is_logged = tracing::enabled!(target: "ashna::access", tracing::Level::DEBUG);
        let given = headers.get(&REQUEST_ID).filter(|id| is_usable(id)).cloned();
        Self {
            route,
            begun: Instant::now(),
            id: given.or_else(|| is_logged.then(new_id)),
            logged: is_logged.then(|| (method, template.to_owned())),
            answered: false,
        }
    }

    /// Counts the answer, logs it, and puts the request's id into it.
    pub(super) fn answer(mut self, answer: &mut Response) {
        self.answered = true;
        let (status, took) = (answer.status().as_u16(), self.begun.elapsed());
        self.route.answered(status, took);
        if let Some((method, route)) = &self.logged {
            let bytes = answer.body().size_hint().exact();
            let id = self.id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default();
            let duration_ms = took.as_secs_f64() * 1000.0;
            tracing::debug!(target: "ashna::access", method, route, status, duration_ms, bytes, request_id = id, "request");
        }
        if let Some(id) = self.id.take() {
            answer.headers_mut().insert(REQUEST_ID.clone(), id);
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.answered {
            self.route.aborted();
        }
    }
}

/// An id that a proxy gave, if it is one that cannot spoil a log.
fn is_usable(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    (1..=REQUEST_ID_BYTES_MAX).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(byte))
}

fn new_id() -> HeaderValue {
    let text = format!("{:032x}", rand::random::<u128>());
    HeaderValue::try_from(text).expect("hexadecimal digits")
}

/// Watches what goes through the router.
pub async fn routed(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    // An address that leads nowhere is whatever a stranger types.
    let template = matched.unwrap_or("other").to_owned();
    let method = name_of(request.method());
    let route = state.metrics.operations.requests.route(&template, method);
    let watched = Watched::begin(route, method, &template, request.headers());
    let mut answer = next.run(request).await;
    watched.answer(&mut answer);
    answer
}

/// Methods are a closed list: a client may send any word.
fn name_of(method: &Method) -> &'static str {
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
    fn an_id_that_could_spoil_a_log_is_not_taken() {
        let check = |id: &'static str, fits: bool| assert_eq!(is_usable(&HeaderValue::from_static(id)), fits, "{id}");
        check("0af7651916cd43dd8448eb211c80319c", true);
        check("edge-7:42/a_b.c+d=", true);
        check("", false);
        check("a b", false);
        check("a\tb", false);
        assert!(!is_usable(&HeaderValue::try_from("x".repeat(129)).unwrap()));
        assert!(is_usable(&new_id()));
    }

    #[test]
    fn methods_are_a_closed_list() {
        assert_eq!(name_of(&Method::PATCH), "PATCH");
        assert_eq!(name_of(&Method::from_bytes(b"BREW").unwrap()), "other");
    }
}
