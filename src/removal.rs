//! FLOW: removing a site.
//!
//! From the moment that it is removed its keys open nothing and its pages' events are refused. What was stored
//! of its visitors is erased from the warehouse in the background, again after a restart, until nothing is left: also
//! what was on its way when the site was removed. Its number is never given to another site.
//! Example: `removal.remove("owner@shop.example", site, "My shop").await?`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

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

/// How often sites that are to be erased are looked at.
const EVERY: Duration = Duration::from_secs(2);
/// Requests that found the site just before it was removed are answered within this, milliseconds.
const REQUESTS_MS: i64 = 60_000;

/// Why a site was not removed.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// There is none, or another name was given.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The audit could not be written.
    #[error(transparent)]
    Access(#[from] AccessError),
}

/// Why what is left of a site is not erased yet.
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
    /// Below it everything is in the warehouse, or in quarantine.
    delivered: watch::Receiver<Position>,
    quarantine: Replay,
    /// Below it lies everything that can still have come from a removed site.
    ends: Mutex<HashMap<SiteId, Position>>,
}

/// What removing a site reaches.
pub struct Parts {
    /// The live sites.
    pub catalog: Arc<Catalog>,
    /// Keys and the audit.
    pub access: Arc<Access>,
    /// Live profiles.
    pub profiles: Arc<Profiles>,
    /// The stored sites.
    pub control: Control,
    /// The warehouse.
    pub store: Store,
    /// What is on its way there.
    pub journal: Arc<Journal>,
    /// How far it is.
    pub delivered: watch::Receiver<Position>,
    /// What the warehouse refused, and what is sent again.
    pub quarantine: Replay,
}

impl Removal {
    /// Over these.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { catalog, access, profiles, control, store, journal, delivered, quarantine } = parts;
        Self { catalog, access, profiles, control, store, journal, delivered, quarantine, ends: Mutex::default() }
    }

    /// Removes a site. `name` must be its exact name.
    ///
    /// # Errors
    /// When there is no such site, or it has another name.
    pub async fn remove(&self, who: &str, id: SiteId, name: &str) -> Result<(), RemovalError> {
        let site = self.catalog.remove_site(id, name).await?;
        self.access.forget_site(id);
        self.profiles.forget_site(id);
        self.access.audit_site(id, who, "remove site", &site.name).await?;
        Ok(())
    }

    /// Erases what is left of removed sites, until stopping begins.
    pub async fn run(&self, mut stopping: Stopping) {
        while !stopping.sleep(EVERY).await {
            self.sweep(clock::now()).await;
        }
    }

    /// Erases what is left of removed sites as far as it can be done at `now`.
    pub async fn sweep(&self, now: Timestamp) {
        if let Err(error) = self.try_sweep(now).await {
            tracing::debug!(%error, "what is left of a removed site is erased later");
        }
    }

    async fn try_sweep(&self, now: Timestamp) -> Result<(), EraseError> {
        for removed in self.control.sites_to_erase().await? {
            let (end, delivered) = (self.end_of(removed.id, removed.removed_at, now), *self.delivered.borrow());
            // Looked at before the warehouse is: what is delivered afterwards is erased the next time.
            let everything_came = end.is_some_and(|end| delivered >= end);
            // What is delivered is never sent again: it would bring erased rows back.
            self.quarantine.forget_delivered().await?;
            self.quarantine.erase_site(removed.id).await?;
            let nothing_left = self.store.erase_site(removed.id).await?;
            if everything_came && nothing_left {
                self.control.note_site_erased(removed.id, now).await?;
                self.lock().remove(&removed.id);
                tracing::info!(site = %removed.id, "nothing is left of a removed site");
            }
        }
        Ok(())
    }

    /// Below which position of the journal a site's last events lie; `None` while requests may add some.
    fn end_of(&self, site: SiteId, removed_at: Timestamp, now: Timestamp) -> Option<Position> {
        let mut ends = self.lock();
        if let Some(end) = ends.get(&site) {
            return Some(*end);
        }
        if now.since(removed_at) < REQUESTS_MS {
            return None;
        }
        let end = self.journal.next();
        ends.insert(site, end);
        Some(end)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SiteId, Position>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
