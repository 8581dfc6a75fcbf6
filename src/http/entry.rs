//! The entry point of all requests of a listener.
//!
//! Routes that pages call on every view take a fast path: they are answered on the connection's own thread without
//! the router. All others take the router: public ones on that thread too, `/api/v1/` on the service's shared runtime, so
//! that a report never delays visitors' requests.

use std::{convert::Infallible, net::SocketAddr, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{ConnectInfo, State},
    http::{HeaderValue, Method, Request, Uri, Version, header, uri::Authority},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use hyper::{body::Incoming, service::Service};
use tokio::runtime::Handle;
use tower::ServiceExt;

use super::{
    collect,
    connection_limit::ConnectionSlot,
    cors, decide,
    error::ApiError,
    extract::{Path, Query},
    hot_routes::HotRoute,
    observe::ObservedRequest,
    segment,
    state::AppState,
    tracked_body::{InFlightRequest, TrackedRequestBody},
};
use crate::tasks;

/// Dispatches the requests of one listener. Cheap to clone.
#[derive(Clone)]
pub struct Entry {
    router: Router,
    /// For the fast path; `None` for a listener with the router alone.
    state: Option<AppState>,
    shared_runtime: Handle,
}

impl Entry {
    /// Sends every request through the router. Must be called on the service's shared runtime.
    #[must_use]
    pub fn new(router: Router) -> Self {
        Self { router, state: None, shared_runtime: Handle::current() }
    }

    /// Adds the fast path.
    #[must_use]
    pub fn with_fast_path(self, state: AppState) -> Self {
        Self { state: Some(state), ..self }
    }

    /// The service of one connection.
    pub(super) fn connection(&self, peer: SocketAddr, slot: Arc<ConnectionSlot>) -> ConnectionService {
        ConnectionService { entry: self.clone(), peer, slot }
    }
}

/// Answers the requests of one connection.
pub(super) struct ConnectionService {
    entry: Entry,
    peer: SocketAddr,
    slot: Arc<ConnectionSlot>,
}

impl Service<Request<Incoming>> for ConnectionService {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let in_flight = InFlightRequest::begin(&self.slot, !request.body().is_end_stream());
        let mut request = request.map(|body| Body::new(TrackedRequestBody::new(body, &self.slot)));
        if !names_one_host(&request) {
            let refusal = ApiError::Unreadable("a request must name its host exactly once, in `Host`".into());
            return Box::pin(std::future::ready(Ok(refusal.into_response())));
        }
        if let Some(state) = &self.entry.state
            && let Some(route) = FastRoute::find(request.method(), request.uri())
        {
            let answer = answer_fast(state.clone(), route, request, self.peer);
            return Box::pin(AssertUnwindSafe(answer).catch_unwind().map(|answered| {
                let failed = |_| ApiError::Internal("a handler failed".into()).into_response();
                Ok(in_flight.answer(answered.unwrap_or_else(failed)))
            }));
        }
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let is_private = request.uri().path().starts_with("/api/v1/");
        let answer = self.entry.router.clone().oneshot(request);
        let shared_runtime = self.entry.shared_runtime.clone();
        Box::pin(async move {
            let answer = if is_private { tasks::run_on(shared_runtime, answer).await } else { answer.await };
            answer.map(|answer| in_flight.answer(answer))
        })
    }
}

/// Whether there is exactly one `Host`, as HTTP/1.1 requires (RFC 9112, 3.2); HTTP/1.0 clients may omit it. With two, a
/// proxy and this service could see different hosts.
fn names_one_host(request: &Request<Body>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.is_empty() || host.to_str().is_ok_and(|host| host.parse::<Authority>().is_ok()),
        (None, _) => request.version() < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// A route with a fast path. The router has all of them too, for other methods and the like.
enum FastRoute {
    Events,
    Segment(String),
    Decide,
    Recommend,
}

impl FastRoute {
    fn find(method: &Method, uri: &Uri) -> Option<Self> {
        match (method, uri.path()) {
            (&Method::POST, "/e") => Some(Self::Events),
            (&Method::POST, "/v1/decide") => Some(Self::Decide),
            (&Method::GET, "/v1/recommend") => Some(Self::Recommend),
            (&Method::POST, path) => {
                let call = path.trim_end_matches('/').strip_prefix("/v1/")?;
                segment::kind_of(call).map(|_| Self::Segment(call.to_owned()))
            }
            _ => None,
        }
    }

    const fn hot(&self) -> HotRoute {
        match self {
            Self::Events => HotRoute::Events,
            Self::Segment(_) => HotRoute::Segment,
            Self::Decide => HotRoute::Decide,
            Self::Recommend => HotRoute::Recommend,
        }
    }
}

async fn answer_fast(state: AppState, route: FastRoute, request: Request<Body>, peer: SocketAddr) -> Response {
    let origin = cors::origin(&request);
    let observed = ObservedRequest::hot(&state, route.hot(), request.headers());
    let answer = match route {
        FastRoute::Events => match Query::parse(request.uri()) {
            Ok(query) => collect::tracker_batch(State(state), query, ConnectInfo(peer), request).await,
            Err(error) => Err(error),
        },
        FastRoute::Segment(call) => match Query::parse(request.uri()) {
            Ok(query) => segment::call(State(state), Path(call), query, ConnectInfo(peer), request).await,
            Err(error) => Err(error),
        },
        FastRoute::Decide => match Query::parse(request.uri()) {
            Ok(query) => decide::decide(State(state), query, ConnectInfo(peer), request).await,
            Err(error) => Err(error),
        },
        FastRoute::Recommend => match Query::parse(request.uri()) {
            Ok(query) => {
                decide::recommend(State(state), query, ConnectInfo(peer), request.into_parts().0.headers).await
            }
            Err(error) => Err(error),
        },
    };
    let mut answer = answer.unwrap_or_else(IntoResponse::into_response);
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(origin) = origin {
        cors::allow_origin(&mut answer, origin);
    }
    observed.answer(&mut answer);
    answer
}
