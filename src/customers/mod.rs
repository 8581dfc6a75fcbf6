//! What each customer of a site is worth, in memory.
//!
//! Every site's table ([`ValueTable`]) is computed in the background from its stored orders: at start, soon after orders
//! have arrived, and at least every `value.refresh_minutes`, because probabilities change without orders too. Lookups read
//! the current table and never wait. It never changes stored data.
//!
//! ```no_run
//! # fn example(customers: &ashna::customers::Customers, site: ashna::model::SiteId) {
//! if let Some(value) = customers.values().of(site, Some("u-1"), None) {
//!     println!("{} orders, decile {}", value.orders, value.value_decile);
//! }
//! # }
//! ```

mod due;
mod table;

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use self::due::Due;
pub use self::table::ValueTable;
use crate::{
    clock, config,
    model::{Site, SiteId},
    store::{CustomerPeriod, ErrorKind, Store, StoreError, filters::FilterSql},
    tasks::{Stopping, run_low_priority},
    telemetry::customers::CustomerMetrics,
};

/// The interval between checks for new orders is at least so many times the duration of a check.
const CHECK_REST_FACTOR: u32 = 20;
/// A warehouse that cannot be used for longer than this is a failure, and is logged.
const GRACE: Duration = Duration::from_mins(1);

/// Returns the sites whose customers are valued.
pub type Sites = Arc<dyn Fn() -> Vec<Arc<Site>> + Send + Sync>;

/// Computes the tables in the background and holds them.
pub struct Customers {
    store: Store,
    sites: Sites,
    check_interval: Duration,
    refresh_interval: Duration,
    people_max: usize,
    table: ValueTable,
    metrics: CustomerMetrics,
}

impl std::fmt::Debug for Customers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Customers").field(&self.table).finish()
    }
}

impl Customers {
    /// Without values until [`Self::run`] or [`Self::refresh`].
    #[must_use]
    pub fn new(store: &Store, sites: Sites, config: &config::Value, metrics: CustomerMetrics) -> Self {
        Self {
            store: store.for_background(),
            sites,
            check_interval: Duration::from_secs(config.check_seconds),
            refresh_interval: Duration::from_mins(config.refresh_minutes),
            people_max: config.people_max,
            table: ValueTable::default(),
            metrics,
        }
    }

    /// The current values.
    #[must_use]
    pub const fn values(&self) -> &ValueTable {
        &self.table
    }

    /// Keeps the tables up to date until the service stops.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        let mut due = HashMap::new();
        let mut failing_since: Option<(Instant, bool)> = None;
        loop {
            let begun = Instant::now();
            let result = tokio::select! {
                () = stopping.wait() => return,
                result = self.refresh_due(&mut due) => result,
            };
            if let Err(error) = result {
                let (since, is_logged) = failing_since.get_or_insert((begun, false));
                let is_lasting = since.elapsed() > GRACE;
                // A warehouse that is starting or briefly unavailable is no failure.
                if is_lasting || error.kind() != ErrorKind::Retry {
                    self.metrics.failures.inc();
                }
                if is_lasting && !*is_logged {
                    *is_logged = true;
                    tracing::warn!(%error, "the values of customers are not being updated");
                }
            } else if failing_since.take().is_some_and(|(_, is_logged)| is_logged) {
                tracing::info!("the values of customers are being updated again");
            }
            if stopping.sleep(self.check_interval.max(begun.elapsed() * CHECK_REST_FACTOR)).await {
                return;
            }
        }
    }

    /// Computes the table of every site now; for tools and tests.
    ///
    /// # Errors
    /// If the store cannot be queried.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        self.refresh_due(&mut HashMap::new()).await
    }

    /// Computes the tables whose orders changed or that are old. A site that fails does not keep others from theirs.
    async fn refresh_due(&self, due: &mut HashMap<SiteId, Due>) -> Result<(), StoreError> {
        let changes: HashMap<_, _> =
            self.store.order_changes().await?.into_iter().map(|change| (SiteId(change.site_id), change)).collect();
        let sites = (self.sites)();
        due.retain(|id, _| sites.iter().any(|site| site.id == *id));
        self.table.retain(|id| changes.contains_key(&id) && sites.iter().any(|site| site.id == id));
        let mut result = Ok(());
        for site in sites {
            let Some(change) = changes.get(&site.id) else { continue };
            let due = due.entry(site.id).or_default();
            let begun = Instant::now();
            if !due.is_due(change, self.refresh_interval, begun) {
                continue;
            }
            match self.refresh_site(&site).await {
                Ok(()) => due.done(*change, begun, Instant::now()),
                Err(error) => {
                    due.failed(begun, Instant::now());
                    result = Err(error);
                }
            }
        }
        if result.is_ok() {
            self.table.set_computed();
        }
        let (kept, omitted) = self.table.sizes();
        self.metrics.valued.set(i64::try_from(kept).unwrap_or(i64::MAX));
        self.metrics.omitted.set(i64::try_from(omitted).unwrap_or(i64::MAX));
        result
    }

    async fn refresh_site(&self, site: &Site) -> Result<(), StoreError> {
        let joins_people = self.store.has_merged_visitors(site.id).await?;
        let (zone, filter) = (&*site.timezone, FilterSql::default());
        let period = CustomerPeriod { since_ms: 0, to_ms: clock::now().0 + 1, zone, joins_people, filter: &filter };
        let customers = self.store.customers(site, period).await?;
        let visitors = self.store.customer_visitors(site.id).await?;
        let people_max = self.people_max;
        let built = run_low_priority("customer_values", move || table::build(customers.rows, &visitors, people_max));
        let values = built.await.map_err(|error| StoreError::TaskFailed(error.to_string()))?;
        let omitted = values.omitted();
        let omitted_before = self.table.publish(site.id, values);
        if omitted > 0 && omitted_before == 0 {
            tracing::warn!(
                site = site.id.0,
                people_max,
                "a site has more customers than `value.people_max`: those of the lowest value have none"
            );
        }
        Ok(())
    }
}
