//! Recent impressions per item; items with few of them may be explored (`decide::explore`).
//!
//! Counted in the store in the background and swapped in as a whole; a decision never waits.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::{
    clock,
    decide::ImpressionCounts,
    model::{ItemId, SiteId, Timestamp},
    store::{Store, StoreError},
    tasks::Stopping,
};

/// Counting window.
const WINDOW_MS: i64 = 30 * 86_400_000;
/// Interval between counts; where counting takes long, at least `REST_FACTOR` times its duration.
const REFRESH: Duration = Duration::from_secs(20);
const REST_FACTOR: u32 = 30;
/// Items of all sites that are kept; beyond it the least shown ones are dropped, which count as unexplored anyway.
const ITEMS_MAX: u64 = 2_000_000;

/// Impressions of every site.
#[derive(Debug)]
pub struct Impressions {
    store: Store,
    sites: ArcSwap<HashMap<SiteId, Arc<ImpressionCounts>>>,
}

impl Impressions {
    /// Creates an instance without counts.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, sites: ArcSwap::default() }
    }

    /// The impressions of a site.
    #[must_use]
    pub fn for_site(&self, site: SiteId) -> Arc<ImpressionCounts> {
        self.sites.load().get(&site).map(Arc::clone).unwrap_or_default()
    }

    /// Counts until the service stops.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        loop {
            let begun = Instant::now();
            tokio::select! {
                () = stopping.wait() => return,
                done = self.count() => if let Err(error) = done {
                    tracing::debug!(%error, "counting impressions failed");
                },
            }
            if stopping.sleep(REFRESH.max(begun.elapsed().saturating_mul(REST_FACTOR))).await {
                return;
            }
        }
    }

    /// Counts once, immediately.
    ///
    /// # Errors
    /// If the store cannot be queried.
    pub async fn count(&self) -> Result<(), StoreError> {
        let since = Timestamp(clock::now().0.saturating_sub(WINDOW_MS));
        let mut sites: HashMap<SiteId, Vec<(ItemId, u64)>> = HashMap::new();
        for row in self.store.shown_items(since, ITEMS_MAX).await? {
            sites.entry(SiteId(row.site_id)).or_default().push((row.item.into(), row.views));
        }
        let sites = sites.into_iter().map(|(site, items)| (site, Arc::new(items.into_iter().collect())));
        self.sites.store(Arc::new(sites.collect()));
        Ok(())
    }
}
