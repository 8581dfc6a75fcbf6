//! Request flow: removal of a site's events before a time, from every table and the quarantine.
//!
//! Copies of events go first, the events last, so that an interrupted removal can be repeated. With an event name, only
//! events of that name go, with their copies; what several events were added up to (identities, sums) stays.
//! Example: `pruner.prune(site, before, None).await?`.

mod retention;

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::{sync::watch, time::timeout};

use crate::{
    control::{Control, ControlError},
    delivery::{Matcher, Replay, ReplayError},
    journal::Journal,
    model::{Position, SiteId, Timestamp},
    profiles::Profiles,
    store::{Store, StoreError},
};

/// Maximum wait for delivery.
const DELIVERY_MAX: Duration = Duration::from_secs(20);
/// Maximum wait for the removal of rows of one kind of table.
const REMOVAL_MAX: Duration = Duration::from_mins(10);
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Why events were not removed, or not all.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// Events of the site may not be delivered yet.
    #[error("events are still being delivered to the warehouse; try again in a moment")]
    NotDelivered,
    /// The warehouse is still removing rows.
    #[error("the warehouse is still removing rows; repeat the command later to see whether it is done")]
    Removing,
    /// The warehouse failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A rule of retention is out of its range.
    #[error("{0}")]
    Invalid(&'static str),
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The quarantine's files cannot be used.
    #[error(transparent)]
    Quarantine(#[from] ReplayError),
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Events in the warehouse.
    pub events: u64,
    /// Records in the quarantine.
    pub quarantined: u64,
}

/// Removes events by age.
#[derive(Clone)]
pub struct Pruner {
    /// Rules of retention.
    pub control: Control,
    /// The warehouse.
    pub store: Store,
    /// Durable events.
    pub journal: Arc<Journal>,
    /// Live profiles, which are read again.
    pub profiles: Arc<Profiles>,
    /// All events below this position are in the warehouse or in quarantine.
    pub delivered: watch::Receiver<Position>,
    /// Rows that the warehouse refused.
    pub quarantine: Replay,
}

impl Pruner {
    /// Removes the events of a site that occurred before a time, of one name if given.
    ///
    /// # Errors
    /// If events may not be delivered yet, or the warehouse fails; a repeated call removes the rest.
    pub async fn prune(&self, site: SiteId, before: Timestamp, name: Option<&str>) -> Result<Pruned, PruneError> {
        let (end, mut delivered) = (self.journal.next(), self.delivered.clone());
        let waited = timeout(DELIVERY_MAX, delivered.wait_for(|position| *position >= end)).await;
        if !waited.is_ok_and(|waited| waited.is_ok()) {
            return Err(PruneError::NotDelivered);
        }
        // Delivered records must never be sent again from now on: that would restore removed rows.
        self.quarantine.forget_delivered().await?;
        let event_name = name.map(str::to_owned);
        let matches = Matcher::new(move |event| {
            event.site == site
                && event.occurred_at < before
                && event_name.as_ref().is_none_or(|name| *name == event.name)
        });
        let quarantined = self.quarantine.erase_matching(matches).await?;
        let events = self.store.events_before(site, before, name).await?;
        if events > 0 {
            self.store.prune_copies(site, before, name).await?;
            self.wait_until_removed().await?;
            self.store.prune_events(site, before, name).await?;
            self.wait_until_removed().await?;
            self.profiles.forget_site(site);
        }
        Ok(Pruned { events, quarantined })
    }

    async fn wait_until_removed(&self) -> Result<(), PruneError> {
        let removed = async {
            while self.store.is_removing_rows().await? {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            Ok::<(), StoreError>(())
        };
        Ok(timeout(REMOVAL_MAX, removed).await.map_err(|_| PruneError::Removing)??)
    }
}
