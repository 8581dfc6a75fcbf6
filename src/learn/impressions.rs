//! How often each item was seen in slots lately: who is hardly known yet may be tried out (`decide::explore`).
//!
//! Read from the warehouse in the background, and swapped in whole; a decision never waits for it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::{
    clock,
    decide::Shown,
    model::{ItemId, SiteId, Timestamp},
    store::{Store, StoreError},
    tasks::Stopping,
};

/// How far back items are counted.
const WINDOW_MS: i64 = 30 * 86_400_000;
/// Counted this often, or, where counting takes long, after so many times as long.
const REFRESH: Duration = Duration::from_secs(20);
const REST_FACTOR: u32 = 30;
/// Items of all sites that are remembered; beyond it the least seen ones, which are tried out all the same.
const ITEMS_MAX: u64 = 2_000_000;

/// What was seen on every site.
#[derive(Debug)]
pub struct Shows {
    store: Store,
    sites: ArcSwap<HashMap<SiteId, Arc<Shown>>>,
}

impl Shows {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, sites: ArcSwap::default() }
    }

    /// What was seen on a site.
    #[must_use]
    pub fn of(&self, site: SiteId) -> Arc<Shown> {
        self.sites.load().get(&site).map(Arc::clone).unwrap_or_default()
    }

    /// Counts until the service stops.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        loop {
            let begun = Instant::now();
            tokio::select! {
                () = stopping.wait() => return,
                done = self.count() => if let Err(error) = done {
                    tracing::debug!(%error, "what was shown could not be counted this time");
                },
            }
            if stopping.sleep(REFRESH.max(begun.elapsed().saturating_mul(REST_FACTOR))).await {
                return;
            }
        }
    }

    /// Counts once, at once.
    ///
    /// # Errors
    /// When the store cannot be asked.
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
