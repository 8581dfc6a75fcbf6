//! What the handlers reach: the stories, put together by `app`.

use std::sync::Arc;

use super::{
    body::budget::Budget,
    error::ApiError,
    flight::{Flights, ReportKey, Written},
    observe::HotRoutes,
    rate::Rates,
};
use crate::{
    access::Access,
    catalog::Catalog,
    checks::Checks,
    collect::Collector,
    config,
    control::Control,
    delivery::Replay,
    fetch::Fetcher,
    import::feeds::Feeds,
    operate::Operator,
    personalize::Personalizer,
    privacy::Privacy,
    removal::Removal,
    reports::Reports,
    tasks::Detached,
    telemetry::{Metrics, health::Health},
    wire::admin::JournalCounts,
};

/// Cheap to clone; one for each running service.
#[derive(Clone)]
pub struct AppState(Arc<Services>);

/// The stories behind the state.
pub struct Services {
    /// `[server]`.
    pub server: config::Server,
    /// Memory for bodies.
    pub bodies: Budget,
    /// How much sites and addresses may still send.
    pub rates: Rates,
    /// People and keys.
    pub access: Arc<Access>,
    /// Sites, items, offers.
    pub catalog: Arc<Catalog>,
    /// Taking events.
    pub collector: Collector,
    /// Answering visitors.
    pub personalizer: Personalizer,
    /// Answering marketers.
    pub reports: Reports,
    /// Their questions under way.
    pub report_flights: Flights<ReportKey, Result<Written, ApiError>>,
    /// Export and erasure.
    pub privacy: Privacy,
    /// Removing sites.
    pub removal: Arc<Removal>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Those of the routes that are asked most.
    pub hot_routes: HotRoutes,
    /// Saved funnels and the like.
    pub control: Control,
    /// Sites' feeds of items.
    pub feeds: Feeds,
    /// Checking a site's pages.
    pub installation: Installation,
    /// How each part of the service is.
    pub health: Health,
    /// Changes of stored data, which are finished once begun.
    pub edits: Detached,
    /// How far the journal's records are.
    pub delivery: Box<dyn Fn() -> JournalCounts + Send + Sync>,
    /// What the warehouse refused.
    pub quarantine: Replay,
    /// Brings the gauges up to date before they are read.
    pub refresh_gauges: Box<dyn Fn() + Send + Sync>,
}

/// What the installation check needs.
pub struct Installation {
    /// Open checks.
    pub checks: Checks,
    /// Reads pages for them.
    pub fetcher: Fetcher,
}

impl Installation {
    /// As `[checks]` says.
    #[must_use]
    pub fn new(config: &config::Checks) -> Self {
        Self { checks: Checks::new(config.link_minutes), fetcher: Fetcher::new(config) }
    }
}

impl From<Services> for AppState {
    fn from(services: Services) -> Self {
        Self(Arc::new(services))
    }
}

impl AppState {
    /// The services that an owner's order needs.
    #[must_use]
    pub fn operator(&self) -> Operator<'_> {
        Operator {
            catalog: &self.catalog,
            access: &self.access,
            collector: &self.collector,
            delivery: &*self.delivery,
            quarantine: &self.quarantine,
            privacy: &self.privacy,
            removal: &self.removal,
            server: &self.server,
        }
    }
}

impl std::ops::Deref for AppState {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.0
    }
}
