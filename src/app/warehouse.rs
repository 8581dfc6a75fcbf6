//! Keeps the warehouse usable: checks it, brings its tables up to date, watches it, and says at once what is wrong.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::installation;

use crate::{
    delivery::{Delivery, Waits},
    engine::Space,
    store::{Condition, Fault, Store, StoreError},
    tasks::Stopping,
    telemetry::health::Component,
};

/// How often it is looked at while it is well.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// So many looks in a row must fail before a warehouse that was well is called unusable for what may pass.
const FAILED_LOOKS: u32 = 2;
/// The same complaint is repeated this often while it lasts.
const REPEAT_EVERY: Duration = Duration::from_mins(10);
/// An engine of ours that starts has this long before its silence is worth a word.
const ENGINE_START: Duration = Duration::from_secs(15);

/// Who keeps it.
pub(super) struct Keeper {
    store: Store,
    /// Turns true once the tables are up to date.
    ready: watch::Sender<bool>,
    condition: watch::Sender<Condition>,
    /// The same for `/readyz`.
    component: Component,
    /// The embedded engine's disk; `None` where the owner named a server.
    space: Option<Arc<Space>>,
    owner: Owner,
    complaints: Complaints,
}

impl Keeper {
    /// With a `space` it is the embedded engine, which takes a while to start and is watched by its own supervisor.
    pub(super) fn new(
        store: Store,
        ready: watch::Sender<bool>,
        component: Component,
        (space, owner): (Option<Arc<Space>>, Owner),
    ) -> Self {
        let patience = if space.is_some() { ENGINE_START } else { Duration::ZERO };
        let complaints = Complaints { begun: Instant::now(), patience, said: HashMap::new() };
        Self { store, ready, condition: watch::Sender::new(Condition::Starting), component, space, owner, complaints }
    }

    /// How it is.
    pub(super) fn condition(&self) -> watch::Receiver<Condition> {
        self.condition.subscribe()
    }

    /// Brings the tables up to date as soon as the warehouse answers, then moves the journal into it and watches it.
    pub(super) async fn run(mut self, delivery: Delivery, mut stopping: Stopping) {
        let Some(tables) = self.prepare(&delivery, &mut stopping).await else { return };
        delivery.wait_for_nothing();
        self.ready.send_replace(true);
        let watching = stopping.clone();
        tokio::join!(delivery.run(stopping), self.watch(tables, watching));
    }

    /// Until its tables are up to date; their names. None: the service stops.
    async fn prepare(&mut self, delivery: &Delivery, stopping: &mut Stopping) -> Option<BTreeSet<String>> {
        let mut pause = Duration::from_millis(50);
        loop {
            // A table that is made or changed on a full disk is one whose description is empty.
            if self.space.as_ref().is_some_and(|space| !space.look()) {
                self.waits_for_space();
                if stopping.sleep(Duration::from_secs(1)).await {
                    return None;
                }
                continue;
            }
            match self.bring_up_to_date().await {
                Ok(tables) => {
                    self.is_well();
                    return Some(tables);
                }
                Err(error) => {
                    if matches!(error, StoreError::Foreign) {
                        delivery.wait_for(Waits::Owner);
                    }
                    self.is_unwell(&error);
                }
            }
            if stopping.sleep(pause).await {
                return None;
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    async fn bring_up_to_date(&self) -> Result<BTreeSet<String>, StoreError> {
        if !self.owner.prepare(&self.store).await? {
            return Err(StoreError::Foreign);
        }
        self.store.tables().await
    }

    fn waits_for_space(&mut self) {
        let message = "the warehouse's tables wait for disk space";
        if self.complaints.is_due(Fault::DiskFull) {
            tracing::warn!("{message}; events wait in the journal");
        }
        self.component.down(Fault::DiskFull.code(), message);
    }

    /// Looks at it now and then. Tables that are gone are not made again while the service runs: whoever restores
    /// them would find empty ones.
    async fn watch(mut self, tables: BTreeSet<String>, mut stopping: Stopping) {
        let mut failed = 0;
        while !stopping.sleep(LOOK_EVERY).await {
            match self.look(&tables).await {
                Ok(()) => {
                    failed = 0;
                    self.is_well();
                }
                Err(error) => {
                    failed += 1;
                    if failed >= FAILED_LOOKS || !error.fault().may_pass() {
                        self.is_unwell(&error);
                    }
                }
            }
        }
    }

    async fn look(&self, tables: &BTreeSet<String>) -> Result<(), StoreError> {
        self.store.check_version().await?;
        self.store.still_has(tables).await
    }

    fn is_well(&mut self) {
        let was_unwell = !self.condition.borrow().is_ready();
        if was_unwell {
            self.condition.send_replace(Condition::Ready);
            self.component.ok();
        }
        if self.complaints.end() {
            tracing::warn!("the warehouse can be used again");
        }
    }

    fn is_unwell(&mut self, error: &StoreError) {
        let fault = error.fault();
        if !self.complaints.count(fault) {
            tracing::debug!(%error, "the warehouse is not there yet");
            return;
        }
        let message = error.to_string();
        if !self.complaints.is_due(fault) {
            tracing::debug!("{message}");
        } else if fault.may_pass() {
            tracing::warn!(cause = fault.as_str(), "{message}; events wait in the journal");
        } else {
            tracing::error!(cause = fault.as_str(), "{message}; {}; events wait in the journal", fault.advice());
        }
        self.component.down(fault.code(), fault.advice());
        self.condition.send_if_modified(|condition| {
            let is_new = condition.fault() != Some(fault);
            if is_new {
                *condition = Condition::Unusable { fault, message };
            }
            is_new
        });
    }
}

/// The installation that may use the warehouse.
#[derive(Debug)]
pub(super) struct Owner {
    /// Its id.
    pub(super) id: String,
    /// Its journal's, where the warehouse may have been used by others.
    pub(super) journal: Option<u64>,
}

impl Owner {
    /// Brings the tables up to date, unless they belong to somebody else: then nothing is asked of the warehouse any
    /// more but whose it is.
    async fn prepare(&self, store: &Store) -> Result<bool, StoreError> {
        let asking = store.for_the_owner_check();
        // Before all else: what is no warehouse, or an old one, misunderstands any other question.
        asking.check_version().await?;
        let mut is_ours = asking.owner().await?.is_none_or(|owner| owner == self.id);
        if is_ours {
            asking.migrate().await?;
            is_ours = installation::owns_warehouse(&asking, &self.id, self.journal).await?;
        }
        store.refuse_everything(!is_ours);
        Ok(is_ours)
    }
}

/// What was said already: each cause once, and again only when it lasts long.
struct Complaints {
    begun: Instant,
    /// What may pass does not count before.
    patience: Duration,
    said: HashMap<Fault, Instant>,
}

impl Complaints {
    /// Whether a failure means anything yet.
    fn count(&self, fault: Fault) -> bool {
        !fault.may_pass() || self.begun.elapsed() >= self.patience
    }

    /// Whether this is to be said now; notes that it was.
    fn is_due(&mut self, fault: Fault) -> bool {
        let due = self.said.get(&fault).is_none_or(|at| at.elapsed() >= REPEAT_EVERY);
        if due {
            self.said.insert(fault, Instant::now());
        }
        due
    }

    /// Forgets what was said; whether anything was.
    fn end(&mut self) -> bool {
        self.patience = Duration::ZERO;
        !std::mem::take(&mut self.said).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_said_once_and_a_start_may_take_its_time() {
        let mut complaints =
            Complaints { begun: Instant::now(), patience: Duration::from_mins(1), said: HashMap::new() };
        assert!(!complaints.count(Fault::Unreachable), "it may still be starting");
        assert!(complaints.count(Fault::WrongCredentials), "waiting would change nothing");
        assert!(complaints.is_due(Fault::WrongCredentials));
        assert!(complaints.is_due(Fault::TooOld), "another cause");
        assert!(!complaints.is_due(Fault::WrongCredentials), "it was said");
        assert!(complaints.end() && !complaints.end());
        assert!(complaints.count(Fault::Unreachable), "it was well, and no longer is");
    }
}
