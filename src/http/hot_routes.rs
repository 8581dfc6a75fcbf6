//! Counters of the most frequent routes, looked up once.

use std::sync::Arc;

use crate::telemetry::{Requests, Route};

/// Routes that are answered without the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HotRoute {
    Events,
    Segment,
    Decide,
    Recommend,
}

impl HotRoute {
    const ALL: [Self; 4] = [Self::Events, Self::Segment, Self::Decide, Self::Recommend];

    /// The router's path template, and the method.
    pub(super) const fn template(self) -> (&'static str, &'static str) {
        match self {
            Self::Events => ("/e", "POST"),
            Self::Segment => ("/v1/{call}", "POST"),
            Self::Decide => ("/v1/decide", "POST"),
            Self::Recommend => ("/v1/recommend", "GET"),
        }
    }
}

/// The counters of each `HotRoute`.
#[derive(Debug)]
pub struct HotRoutes([Arc<Route>; 4]);

impl HotRoutes {
    /// Looks the counters up.
    #[must_use]
    pub fn new(requests: &Requests) -> Self {
        Self(HotRoute::ALL.map(|hot| {
            let (template, method) = hot.template();
            requests.route(template, method)
        }))
    }

    pub(super) fn get(&self, hot: HotRoute) -> Arc<Route> {
        Arc::clone(&self.0[hot as usize])
    }
}
