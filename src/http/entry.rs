//! Which way a request goes in.
//!
//! Routes that visitors' pages call on every view are answered at once, on the thread that has the
//! connection, without a walk through the router. All others take the router: the public ones here as
//! well, `/api/` on the service's common runtime, so that a report never keeps visitors waiting.

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
    collect, cors, decide,
    error::ApiError,
    extract::{Path, Query},
    observe::{Hot, Watched},
    segment,
    serve::{Place, Received, UnderWay},
    state::AppState,
};
use crate::tasks;

/// Where requests of one listener go. Cheap to clone.
#[derive(Clone)]
pub struct Entry {
    router: Router,
    /// Behind them lie the routes that are answered at once; a listener without has the router alone.
    state: Option<AppState>,
    common: Handle,
}

impl Entry {
    /// Everything through the router. Call it on the service's common runtime.
    #[must_use]
    pub fn new(router: Router) -> Self {
        Self { router, state: None, common: Handle::current() }
    }

    /// With the routes of visitors' pages answered at once.
    #[must_use]
    pub fn with_state(self, state: AppState) -> Self {
        Self { state: Some(state), ..self }
    }

    /// The service for one connection.
    pub(super) fn of(&self, peer: SocketAddr, place: Arc<Place>) -> Connected {
        Connected { entry: self.clone(), peer, place }
    }
}

/// One connection's way in.
pub(super) struct Connected {
    entry: Entry,
    peer: SocketAddr,
    place: Arc<Place>,
}

impl Service<Request<Incoming>> for Connected {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let under_way = UnderWay::begin(&self.place, !request.body().is_end_stream());
        let mut request = request.map(|body| Body::new(Received::new(body, &self.place)));
        if !names_one_host(&request) {
            let refusal = ApiError::Unreadable("a request must name its host exactly once, in `Host`".into());
            return Box::pin(std::future::ready(Ok(refusal.into_response())));
        }
        if let Some(state) = &self.entry.state
            && let Some(route) = Route::of(request.method(), request.uri())
        {
            let answer = at_once(state.clone(), route, request, self.peer);
            return Box::pin(AssertUnwindSafe(answer).catch_unwind().map(|answered| {
                let failed = |_| ApiError::Internal("a handler failed".into()).into_response();
                Ok(under_way.answer(answered.unwrap_or_else(failed)))
            }));
        }
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let is_private = request.uri().path().starts_with("/api/");
        let answer = self.entry.router.clone().oneshot(request);
        let common = self.entry.common.clone();
        Box::pin(async move {
            let answer = if is_private { tasks::on(common, answer).await } else { answer.await };
            answer.map(|answer| under_way.answer(answer))
        })
    }
}

/// One `Host`, as HTTP/1.1 asks for (RFC 9112, 3.2); older clients may leave it out. Two of them would let a
/// proxy and this service see different hosts.
fn names_one_host(request: &Request<Body>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.is_empty() || host.to_str().is_ok_and(|host| host.parse::<Authority>().is_ok()),
        (None, _) => request.version() < Version::HTTP_11,
        (Some(_), Some(_)) => false,
    }
}

/// A route that is answered at once. The router has all of them too, for whatever is not the usual case.
enum Route {
    Events,
    Segment(String),
    Decide,
    Recommend,
}

impl Route {
    fn of(method: &Method, uri: &Uri) -> Option<Self> {
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
}

impl Route {
    const fn hot(&self) -> Hot {
        match self {
            Self::Events => Hot::Events,
            Self::Segment(_) => Hot::Segment,
            Self::Decide => Hot::Decide,
            Self::Recommend => Hot::Recommend,
        }
    }
}

async fn at_once(state: AppState, route: Route, request: Request<Body>, peer: SocketAddr) -> Response {
    let origin = cors::origin(&request);
    let watched = Watched::hot(&state, route.hot(), request.headers());
    let answer = match route {
        Route::Events => match Query::of(request.uri()) {
            Ok(query) => collect::own(State(state), query, ConnectInfo(peer), request).await,
            Err(error) => Err(error),
        },
        Route::Segment(call) => segment::call(State(state), Path(call), ConnectInfo(peer), request).await,
        Route::Decide => match Query::of(request.uri()) {
            Ok(query) => decide::decide(State(state), query, ConnectInfo(peer), request).await,
            Err(error) => Err(error),
        },
        Route::Recommend => match Query::of(request.uri()) {
            Ok(query) => {
                decide::recommend(State(state), query, ConnectInfo(peer), request.into_parts().0.headers).await
            }
            Err(error) => Err(error),
        },
    };
    let mut answer = answer.unwrap_or_else(IntoResponse::into_response);
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(origin) = origin {
        cors::open(&mut answer, origin);
    }
    watched.answer(&mut answer);
    answer
}
