//! Monitors the warehouse: checks it, migrates its tables, and reports problems immediately.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::installation;

use crate::{
    delivery::{Delivery, WaitReason},
    engine::DiskSpace,
    store::{Availability, Fault, Store, StoreError},
    tasks::Stopping,
    telemetry::health::Component,
};

/// Interval of checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Number of consecutive failed checks before an available warehouse is reported as unusable for a temporary error.
const FAILED_CHECKS: u32 = 2;
/// Interval at which a persisting problem is logged again.
const REPEAT_EVERY: Duration = Duration::from_mins(10);
/// How long the embedded engine may take to start before temporary errors are reported.
const ENGINE_START: Duration = Duration::from_secs(15);

/// The warehouse monitor.
pub(super) struct Monitor {
    store: Store,
    /// Set to true once the tables are migrated.
    ready: watch::Sender<bool>,
    availability: watch::Sender<Availability>,
    /// The availability for `/readyz`.
    component: Component,
    /// The embedded engine's disk; `None` with an external server.
    disk: Option<Arc<DiskSpace>>,
    owner: Owner,
    problems: ProblemLog,
}

impl Monitor {
    /// Creates the monitor. With a `disk` the warehouse is the embedded engine, which takes time to start and has its
    /// own supervisor.
    pub(super) fn new(
        store: Store,
        ready: watch::Sender<bool>,
        component: Component,
        (disk, owner): (Option<Arc<DiskSpace>>, Owner),
    ) -> Self {
        let grace_period = if disk.is_some() { ENGINE_START } else { Duration::ZERO };
        let problems = ProblemLog { started: Instant::now(), grace_period, logged: HashMap::new() };
        Self {
            store,
            ready,
            availability: watch::Sender::new(Availability::Starting),
            component,
            disk,
            owner,
            problems,
        }
    }

    /// Returns a receiver of the availability.
    pub(super) fn availability(&self) -> watch::Receiver<Availability> {
        self.availability.subscribe()
    }

    /// Migrates the tables as soon as the warehouse responds, then delivers the journal into it and monitors it.
    pub(super) async fn run(mut self, delivery: Delivery, mut stopping: Stopping) {
        let Some(tables) = self.prepare(&delivery, &mut stopping).await else { return };
        delivery.clear_wait_reason();
        self.ready.send_replace(true);
        let monitoring = stopping.clone();
        tokio::join!(delivery.run(stopping), self.monitor(tables, monitoring));
    }

    /// Waits until the tables are migrated and returns their names; `None` if the service stops.
    async fn prepare(&mut self, delivery: &Delivery, stopping: &mut Stopping) -> Option<BTreeSet<String>> {
        let mut delay = Duration::from_millis(50);
        loop {
            // A table created or altered on a full disk gets an empty definition.
            if self.disk.as_ref().is_some_and(|disk| !disk.has_space()) {
                self.report_disk_full();
                if stopping.sleep(Duration::from_secs(1)).await {
                    return None;
                }
                continue;
            }
            match self.migrate().await {
                Ok(tables) => {
                    self.report_available();
                    return Some(tables);
                }
                Err(error) => {
                    if matches!(error, StoreError::Foreign) {
                        delivery.set_wait_reason(WaitReason::Owner);
                    }
                    self.report_error(&error);
                }
            }
            if stopping.sleep(delay).await {
                return None;
            }
            delay = (delay * 2).min(Duration::from_secs(2));
        }
    }

    async fn migrate(&self) -> Result<BTreeSet<String>, StoreError> {
        if !self.owner.prepare(&self.store).await? {
            return Err(StoreError::Foreign);
        }
        self.store.tables().await
    }

    fn report_disk_full(&mut self) {
        let message = "migration of the warehouse's tables waits for disk space";
        if self.problems.is_due(Fault::DiskFull) {
            tracing::warn!("{message}; events wait in the journal");
        }
        self.component.down(Fault::DiskFull.code(), message);
    }

    /// Checks the warehouse periodically. Missing tables are not recreated while the service runs: someone who restores
    /// them would find empty ones.
    async fn monitor(mut self, tables: BTreeSet<String>, mut stopping: Stopping) {
        let mut failed = 0;
        while !stopping.sleep(CHECK_INTERVAL).await {
            match self.check(&tables).await {
                Ok(()) => {
                    failed = 0;
                    self.report_available();
                }
                Err(error) => {
                    failed += 1;
                    if failed >= FAILED_CHECKS || !error.fault().may_pass() {
                        self.report_error(&error);
                    }
                }
            }
        }
    }

    async fn check(&self, tables: &BTreeSet<String>) -> Result<(), StoreError> {
        self.store.check_version().await?;
        self.store.check_tables_exist(tables).await
    }

    fn report_available(&mut self) {
        let was_unavailable = !self.availability.borrow().is_ready();
        if was_unavailable {
            self.availability.send_replace(Availability::Ready);
            self.component.ok();
        }
        if self.problems.clear() {
            tracing::warn!("the warehouse is available again");
        }
    }

    fn report_error(&mut self, error: &StoreError) {
        let fault = error.fault();
        if !self.problems.is_relevant(fault) {
            tracing::debug!(%error, "the warehouse is not available yet");
            return;
        }
        let message = error.to_string();
        if !self.problems.is_due(fault) {
            tracing::debug!("{message}");
        } else if fault.may_pass() {
            tracing::warn!(cause = fault.as_str(), "{message}; events wait in the journal");
        } else {
            tracing::error!(cause = fault.as_str(), "{message}; {}; events wait in the journal", fault.advice());
        }
        self.component.down(fault.code(), fault.advice());
        self.availability.send_if_modified(|availability| {
            let is_new = availability.fault() != Some(fault);
            if is_new {
                *availability = Availability::Unusable { fault, message };
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
    /// Id of its journal, if the warehouse may have been used by others.
    pub(super) journal: Option<u64>,
}

impl Owner {
    /// Migrates the tables, unless another installation owns the warehouse: then all access except the ownership check
    /// is blocked.
    async fn prepare(&self, store: &Store) -> Result<bool, StoreError> {
        let unblocked = store.without_access_block();
        // First, because another kind of server, or an old version, would misunderstand any other query.
        unblocked.check_version().await?;
        let mut is_ours = unblocked.owner().await?.is_none_or(|owner| owner == self.id);
        if is_ours {
            unblocked.migrate().await?;
            is_ours = installation::owns_warehouse(&unblocked, &self.id, self.journal).await?;
        }
        store.set_access_blocked(!is_ours);
        Ok(is_ours)
    }
}

/// Problems already logged: each cause is logged once, and again only if it persists.
struct ProblemLog {
    started: Instant,
    /// Temporary errors are ignored for this long after the start.
    grace_period: Duration,
    logged: HashMap<Fault, Instant>,
}

impl ProblemLog {
    /// Returns whether a failure is to be reported.
    fn is_relevant(&self, fault: Fault) -> bool {
        !fault.may_pass() || self.started.elapsed() >= self.grace_period
    }

    /// Returns whether a problem is to be logged now, and records it as logged.
    fn is_due(&mut self, fault: Fault) -> bool {
        let due = self.logged.get(&fault).is_none_or(|at| at.elapsed() >= REPEAT_EVERY);
        if due {
            self.logged.insert(fault, Instant::now());
        }
        due
    }

    /// Clears the log after a recovery; returns whether any problem was logged.
    fn clear(&mut self) -> bool {
        self.grace_period = Duration::ZERO;
        !std::mem::take(&mut self.logged).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_logged_once_and_a_start_has_a_grace_period() {
        let mut problems =
            ProblemLog { started: Instant::now(), grace_period: Duration::from_mins(1), logged: HashMap::new() };
        assert!(!problems.is_relevant(Fault::Unreachable), "it may still be starting");
        assert!(problems.is_relevant(Fault::WrongCredentials), "it is not temporary");
        assert!(problems.is_due(Fault::WrongCredentials));
        assert!(problems.is_due(Fault::TooOld), "another cause");
        assert!(!problems.is_due(Fault::WrongCredentials), "it was logged");
        assert!(problems.clear() && !problems.clear());
        assert!(problems.is_relevant(Fault::Unreachable), "it was available, and no longer is");
    }
}
