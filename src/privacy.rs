//! STORY: export and erasure of one visitor, everywhere.
//!
//! Both begin by waiting until what was kept before the request is in the warehouse; there the visitor's
//! rows are read, or removed from every table that has any and from the quarantine, and the live profile is forgotten. The
//! journal begins a new file with the next event, after which the delivered old one is deleted, and damaged bytes that it
//! kept as evidence are deleted at once. The warehouse removes rows in the background; it is asked for that once, and then
//! whether it is done. Whoever
//! comes back with the same cookie begins a new history. Example: `privacy.erase(site, visitor).await?`.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{sync::watch, time::timeout};

use crate::{
    delivery::{Delivery, Replay, ReplayError},
    journal::Journal,
    model::{Position, SiteId, VisitorId},
    profiles::Profiles,
    store::{Store, StoreError},
};

/// How long a request waits until the events before it are delivered.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks whether the rows are gone.
const LOOK: Duration = Duration::from_millis(100);
/// Events of one export; of a visitor with more it says that it is not complete.
const EVENTS_MAX: u64 = 100_000;

/// Why a visitor was not exported or erased.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    /// Events of the visitor may still be on their way.
    #[error("events are still on their way to the warehouse; try again in a moment")]
    NotDelivered,
    /// The warehouse removes the rows, and is not done yet.
    #[error("the warehouse is still removing the rows; ask again in a moment to see when it is done")]
    Erasing,
    /// Damaged bytes of the journal are kept as evidence and cannot be deleted.
    #[error("cannot delete the damaged bytes in journal/corrupt: {0}")]
    Evidence(std::io::Error),
    /// The warehouse failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The quarantine's files cannot be used.
    #[error(transparent)]
    Quarantine(#[from] ReplayError),
}

/// Exports and erases.
#[derive(Debug, Clone)]
pub struct Privacy {
    store: Store,
    journal: Arc<Journal>,
    profiles: Arc<Profiles>,
    /// Below it everything is in the warehouse, or in quarantine.
    delivered: watch::Receiver<Position>,
    quarantine: Replay,
}

impl Privacy {
    /// Puts the rooms together.
    #[must_use]
    pub fn new(store: Store, journal: Arc<Journal>, profiles: Arc<Profiles>, delivery: &Delivery) -> Self {
        let (delivered, quarantine) = (delivery.delivered(), delivery.replayer());
        Self { store, journal, profiles, delivered, quarantine }
    }

    /// Everything that is stored of a visitor, as one JSON document: `events` with all their columns, and
    /// `identities`, the people the visitor was said to be.
    ///
    /// # Errors
    /// When events may still be on their way, or the warehouse does not answer.
    pub async fn export(&self, site: SiteId, visitor: VisitorId) -> Result<Value, PrivacyError> {
        self.settle().await?;
        let events = self.store.events_of(site, visitor, EVENTS_MAX).await?;
        let identities = self.store.identities_of(site, visitor).await?;
        Ok(json!({
            "site_id": site,
            "visitor": visitor.to_string(),
            "complete": (events.len() as u64) < EVENTS_MAX,
            "identities": values(&identities),
            "events": values(&events),
        }))
    }

    /// Removes a visitor from every table, the quarantine and memory. The answer is how many events there were.
    ///
    /// # Errors
    /// When events may still be on their way, or the warehouse does not answer; the same request again
    /// removes what was left.
    pub async fn erase(&self, site: SiteId, visitor: VisitorId) -> Result<u64, PrivacyError> {
        self.settle().await?;
        // From now on nothing that was delivered is ever sent again: it would bring erased rows back.
        self.quarantine.forget_delivered().await?;
        let events = self.store.events_count_of(site, visitor).await?;
        let refused = self.quarantine.erase(site, visitor).await?;
        self.profiles.forget(site, visitor);
        self.journal.turn_over();
        let journal = Arc::clone(&self.journal);
        let forgotten = tokio::task::spawn_blocking(move || journal.forget_evidence()).await;
        forgotten.map_err(std::io::Error::other).flatten().map_err(PrivacyError::Evidence)?;
        self.remove_rows(site, visitor).await?;
        Ok(events + refused)
    }

    /// Waits until the warehouse has written its files without the visitor's rows, or says that it still does.
    async fn remove_rows(&self, site: SiteId, visitor: VisitorId) -> Result<(), PrivacyError> {
        let removed = async {
            while !self.store.erase(site, visitor).await? {
                tokio::time::sleep(LOOK).await;
            }
            Ok::<(), StoreError>(())
        };
        Ok(timeout(PATIENCE, removed).await.map_err(|_| PrivacyError::Erasing)??)
    }

    /// Waits until everything kept so far is delivered.
    async fn settle(&self) -> Result<(), PrivacyError> {
        let kept = self.journal.next();
        let mut delivered = self.delivered.clone();
        match timeout(PATIENCE, delivered.wait_for(|position| *position >= kept)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(PrivacyError::NotDelivered),
        }
    }
}

fn values(rows: &[String]) -> Vec<Value> {
    rows.iter().filter_map(|row| serde_json::from_str(row).ok()).collect()
}
