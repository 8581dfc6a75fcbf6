//! Request flow: removal of a site.
//!
//! On removal its keys stop working and events of its pages are rejected. Its data is erased from the warehouse in the
//! background, also after restarts, until nothing is left, including events that were in flight at the removal. Its id
//! is never reused.
//! Example: `removal.remove("owner@shop.example", site, "My shop").await?`.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{
    access::{Access, AccessError},
    catalog::{Catalog, CatalogError},
    clock,
    control::{Control, ControlError},
    delivery::{Replay, ReplayError},
    journal::Journal,
    model::{Position, SiteId, Timestamp},
    profiles::Profiles,
    store::{Store, StoreError},
    tasks::Stopping,
};

/// Interval between sweeps of removed sites.
const SWEEP_INTERVAL: Duration = Duration::from_secs(2);
/// Requests that started before the removal have finished after this time, milliseconds.
const REQUEST_MAX_MS: i64 = 60_000;

/// Why a site was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// There is no such site, or the name does not match.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The audit log could not be written.
    #[error(transparent)]
    Access(#[from] AccessError),
}

/// Why a sweep failed.
#[derive(Debug, thiserror::Error)]
enum EraseError {
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Delivery(#[from] ReplayError),
}

/// Removes sites.
pub struct Removal {
    catalog: Arc<Catalog>,
    access: Arc<Access>,
    profiles: Arc<Profiles>,
    control: Control,
    store: Store,
    journal: Arc<Journal>,
    /// All events below this position are in the warehouse or in quarantine.
    delivered: watch::Receiver<Position>,
    quarantine: Replay,
    /// Journal positions below which all events of each removed site lie.
    end_positions: Mutex<HashMap<SiteId, Position>>,
}

/// Collaborators of the removal.
pub struct Dependencies {
    /// The live sites.
    pub catalog: Arc<Catalog>,
    /// Keys and the audit log.
    pub access: Arc<Access>,
    /// Live profiles.
    pub profiles: Arc<Profiles>,
    /// The stored sites.
    pub control: Control,
    /// The warehouse.
    pub store: Store,
    /// Events not delivered yet.
    pub journal: Arc<Journal>,
    /// Position up to which events are delivered.
    pub delivered: watch::Receiver<Position>,
    /// Rows rejected by the warehouse, and their replay.
    pub quarantine: Replay,
}

impl Removal {
    /// Creates the flow from its collaborators.
    #[must_use]
    pub fn new(dependencies: Dependencies) -> Self {
        let Dependencies { catalog, access, profiles, control, store, journal, delivered, quarantine } = dependencies;
        let end_positions = Mutex::default();
        Self { catalog, access, profiles, control, store, journal, delivered, quarantine, end_positions }
    }

    /// Removes a site. `name` must be its exact name.
    ///
    /// # Errors
    /// If there is no such site, or the name does not match.
    pub async fn remove(&self, who: &str, id: SiteId, name: &str) -> Result<(), RemovalError> {
        let site = self.catalog.remove_site(id, name).await?;
        self.access.drop_site_keys(id);
        self.profiles.forget_site(id);
        self.access.audit_site(id, who, "remove site", &site.name).await?;
        Ok(())
    }

    /// Erases data of removed sites until shutdown.
    pub async fn run(&self, mut stopping: Stopping) {
        while !stopping.sleep(SWEEP_INTERVAL).await {
            self.sweep(clock::now()).await;
        }
    }

    /// Erases data of removed sites, as far as possible at `now`.
    pub async fn sweep(&self, now: Timestamp) {
        if let Err(error) = self.try_sweep(now).await {
            tracing::debug!(%error, "cannot erase a removed site now; trying again later");
        }
    }

    async fn try_sweep(&self, now: Timestamp) -> Result<(), EraseError> {
        for removed in self.control.sites_to_erase().await? {
            let (end, delivered) = (self.end_of(removed.id, removed.removed_at, now), *self.delivered.borrow());
            // Read before the warehouse is checked: events delivered later are erased by the next sweep.
            let all_delivered = end.is_some_and(|end| delivered >= end);
            // Delivered records must never be sent again: that would restore erased rows.
            self.quarantine.forget_delivered().await?;
            self.quarantine.erase_site(removed.id).await?;
            let is_erased = self.store.erase_site(removed.id).await?;
            if all_delivered && is_erased {
                self.control.note_site_erased(removed.id, now).await?;
                self.end_positions.lock().remove(&removed.id);
                tracing::info!(site = %removed.id, "all data of a removed site is erased");
            }
        }
        Ok(())
    }

    /// Journal position below which all events of the site lie; `None` while running requests may add more.
    fn end_of(&self, site: SiteId, removed_at: Timestamp, now: Timestamp) -> Option<Position> {
        let mut ends = self.end_positions.lock();
        if let Some(end) = ends.get(&site) {
            return Some(*end);
        }
        if now.since(removed_at) < REQUEST_MAX_MS {
            return None;
        }
        let end = self.journal.next();
        ends.insert(site, end);
        Some(end)
    }
}
