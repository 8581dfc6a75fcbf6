//! The handlers' shared state, built by `app`.

use std::sync::Arc;

use super::{
    body::budget::Budget,
    coalesce::{Coalescer, RenderedReport, ReportKey},
    error::ApiError,
    hot_routes::HotRoutes,
    rate::RateLimiter,
};
use crate::{
    access::Access,
    backup::Backup,
    catalog::Catalog,
    checks::Checks,
    collect::{Collector, Exposures},
    config,
    control::Control,
    customers::Customers,
    delivery::{DeliveryStatus, Replay},
    fetch::Fetcher,
    import::feeds::Feeds,
    membership::Membership,
    offers::Offers,
    operate::Operator,
    personalize::Personalizer,
    privacy::Privacy,
    prune::Pruner,
    removal::Removal,
    reports::Reports,
    tasks::NonCancellable,
    telemetry::{Metrics, health::Health},
    trace::Tracer,
    webhooks::Webhooks,
};

/// The state of one running service. Cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Services>);

/// The services that handlers call.
pub struct Services {
    /// `[server]`.
    pub server: config::Server,
    /// Memory for request bodies.
    pub bodies: Budget,
    /// Rate limits of sites and client addresses.
    pub rate_limiter: RateLimiter,
    /// Users, logins and keys.
    pub access: Arc<Access>,
    /// Sites, items, offers.
    pub catalog: Arc<Catalog>,
    /// Collects events.
    pub collector: Collector,
    /// Exposures to experiments that are being stored.
    pub exposures: Arc<Exposures>,
    /// Decisions and recommendations.
    pub personalizer: Personalizer,
    /// Reports.
    pub reports: Reports,
    /// The values of customers.
    pub customers: Arc<Customers>,
    /// Members of segments.
    pub membership: Membership,
    /// Reports being computed.
    pub report_coalescer: Coalescer<ReportKey, Result<RenderedReport, ApiError>>,
    /// Export and erasure of visitors.
    pub privacy: Privacy,
    /// Removal of events by age.
    pub pruner: Pruner,
    /// Tracing of events.
    pub tracer: Tracer,
    /// Snapshots for backups.
    pub backup: Backup,
    /// Removal of sites.
    pub removal: Arc<Removal>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Counters of the most frequent routes.
    pub hot_routes: HotRoutes,
    /// The control database, for saved funnels and history.
    pub control: Control,
    /// Product feeds.
    pub feeds: Feeds,
    /// Webhooks.
    pub webhooks: Webhooks,
    /// Coupons, and the slots that pages ask for.
    pub offers: Offers,
    /// The installation check.
    pub installation: Installation,
    /// The state of each component.
    pub health: Health,
    /// Runs changes of stored data, which finish even if the client disconnects.
    pub edits: NonCancellable,
    /// How many of the journal's records are delivered.
    pub delivery: DeliveryStatus,
    /// Rows that the warehouse refused.
    pub quarantine: Replay,
    /// Updates the gauges before they are read; a callback because `app` owns their sources.
    pub refresh_gauges: Box<dyn Fn() + Send + Sync>,
}

/// What the installation check needs.
pub struct Installation {
    /// Open checks.
    pub checks: Checks,
    /// Fetches the sites' pages.
    pub fetcher: Fetcher,
}

impl Installation {
    /// With the settings of `[checks]`.
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
    /// The services that operator commands need.
    #[must_use]
    pub fn operator(&self) -> Operator<'_> {
        Operator {
            catalog: &self.catalog,
            access: &self.access,
            collector: &self.collector,
            delivery: &self.delivery,
            quarantine: &self.quarantine,
            privacy: &self.privacy,
            removal: &self.removal,
            pruner: &self.pruner,
            tracer: &self.tracer,
            backup: &self.backup,
            server: &self.server,
        }
    }

    /// Counts a refused request body by reason and returns its error.
    pub(super) fn refuse(&self, reason: &'static str, error: ApiError) -> ApiError {
        self.collector.count_refused_body(reason);
        error
    }
}

impl std::ops::Deref for AppState {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.0
    }
}
