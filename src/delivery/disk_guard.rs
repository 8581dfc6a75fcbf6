//! Guards the embedded engine's disk: stops merges below the floor of free space, and checks the parts written around a
//! shortage before the engine deletes their source parts.
//!
//! A merge on a full disk also leaves a part of empty files, and its source parts are deleted some minutes later
//! (`old_parts_lifetime` in the engine's settings). So every part that was written since the shortage began is read,
//! soon after it began and again when it is over. If one is unreadable the engine is restarted: at its
//! start it detaches such parts and returns to the parts they were merged from.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    engine::DiskSpace,
    store::{Store, StoreError},
    tasks::Stopping,
};

/// Interval of space checks: shorter than any program needs to write the floor's bytes.
const CHECK: Duration = Duration::from_millis(50);
/// Interval of part checks during a long shortage.
const PARTS_CHECK: Duration = Duration::from_mins(1);
/// On a full disk the engine is restarted only after this time, shortly before the source parts of merges are deleted:
/// a start writes files too.
const RESTART_AFTER: Duration = Duration::from_mins(5);
/// Parts written so long before the shortage was noticed are checked too.
const BEFORE: Duration = Duration::from_mins(2);

/// Checks the disk at intervals, so that a shortage that begins and ends during an insert is noticed.
pub async fn watch_space(space: Arc<DiskSpace>, mut stopping: Stopping) {
    while !stopping.sleep(CHECK).await {
        space.has_space();
    }
}

/// Stops merges during a shortage of space, and finds unreadable parts.
#[derive(Debug)]
pub struct DiskGuard {
    store: Store,
    space: Arc<DiskSpace>,
}

/// A shortage that lasts, or is over but not yet checked.
struct Shortage {
    number: u64,
    since: Instant,
    check_at: Instant,
    /// The engine's address when merges were stopped: a restarted engine has another one, and merges.
    stopped_at: Option<String>,
}

impl DiskGuard {
    /// Guards the engine behind `store`, whose disk is `space`.
    #[must_use]
    pub fn new(store: Store, space: Arc<DiskSpace>) -> Self {
        Self { store, space }
    }

    /// Runs until stopping begins.
    pub async fn run(self, mut stopping: Stopping) {
        let mut shortage: Option<Shortage> = None;
        let mut seen = 0;
        while !stopping.sleep(CHECK).await {
            let (has_space, number) = (self.space.has_space(), self.space.shortages());
            if number != seen {
                seen = number;
                let now = Instant::now();
                let before = shortage.take();
                if before.is_none() {
                    tracing::error!(
                        free_bytes = self.space.free(),
                        floor_bytes = self.space.floor(),
                        "the engine's disk is almost full: inserts and merges stop until there is space"
                    );
                }
                let since = before.as_ref().map_or(now, |before| before.since);
                let stopped_at = before.and_then(|before| before.stopped_at);
                shortage = Some(Shortage { number, since, check_at: now + Duration::from_secs(1), stopped_at });
            }
            if let Some(mut current) = shortage.take()
                && !self.handle(&mut current, has_space).await
            {
                shortage = Some(current);
            }
        }
    }

    /// Handles a shortage. True: it is over and all parts are readable.
    async fn handle(&self, shortage: &mut Shortage, has_space: bool) -> bool {
        let address = self.store.endpoint().url;
        if !has_space && shortage.stopped_at.as_ref() != Some(&address) && self.store.stop_merges().await.is_ok() {
            shortage.stopped_at = Some(address);
        }
        if Instant::now() < shortage.check_at {
            return false;
        }
        shortage.check_at = Instant::now() + if has_space { Duration::from_secs(1) } else { PARTS_CHECK };
        let may_restart = has_space || shortage.since.elapsed() > RESTART_AFTER;
        match self.check_parts(shortage.since.elapsed() + BEFORE, may_restart).await {
            Ok(true) if has_space && self.space.shortages() == shortage.number => {
                let started = self.store.start_merges().await;
                started.map_err(|error| tracing::warn!(%error, "cannot restart merges yet; will retry")).is_ok()
            }
            Ok(_) => false,
            Err(error) => {
                tracing::warn!(%error, "the parts written around the shortage cannot be checked now");
                false
            }
        }
    }

    /// Whether every part of the last `time` is readable; if not, restarts the engine.
    async fn check_parts(&self, time: Duration, may_restart: bool) -> Result<bool, StoreError> {
        let unreadable = self.store.unreadable_parts(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)).await?;
        if unreadable.is_empty() || !may_restart {
            return Ok(unreadable.is_empty());
        }
        tracing::error!(parts = unreadable.len(), "restarting the engine so that it detaches unreadable parts");
        self.store.kill_embedded_engine().await;
        Ok(false)
    }
}
