//! Guards the embedded engine's disk: below the floor nothing is merged, and what was written around a shortage is read
//! before the engine may forget what it was made from.
//!
//! A merge on a full disk leaves a part of empty files too, and what it was made from is deleted some minutes later
//! (`old_parts_lifetime` in the engine's settings). So every part that was written since the shortage began is read,
//! soon after it began and once more when it is over. Where one cannot be read the engine is started again: at its
//! start it sets such parts aside and goes back to those they were merged from.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    engine::Space,
    store::{Store, StoreError},
    tasks::Stopping,
};

/// How often the disk is asked: less than what anybody needs to take a floor's worth of room.
const LOOK: Duration = Duration::from_millis(50);
/// Between two sweeps of a shortage that lasts.
const SWEEP: Duration = Duration::from_mins(1);
/// On a full disk the engine is only started again when what parts were merged from will soon be deleted: a start
/// writes files too.
const PATIENCE: Duration = Duration::from_mins(5);
/// What was written so long before the shortage was noticed is read too.
const BEFORE: Duration = Duration::from_mins(2);

/// Asks the disk again and again, so that a shortage during an insert is noticed although it is over afterwards.
pub async fn watch_space(space: Arc<Space>, mut stopping: Stopping) {
    while !stopping.sleep(LOOK).await {
        space.look();
    }
}

/// Stops merges while there is too little room, and looks for parts that cannot be read.
#[derive(Debug)]
pub struct Guard {
    store: Store,
    space: Arc<Space>,
}

/// A shortage that is under way, or over but not yet looked into.
struct Shortage {
    number: u64,
    since: Instant,
    sweep_at: Instant,
    /// At which address merges were stopped: an engine that was started again merges.
    stopped_at: Option<String>,
}

impl Guard {
    /// Guards the engine behind `store`, whose disk is `space`.
    #[must_use]
    pub fn new(store: Store, space: Arc<Space>) -> Self {
        Self { store, space }
    }

    /// Until stopping begins.
    pub async fn run(self, mut stopping: Stopping) {
        let mut shortage: Option<Shortage> = None;
        let mut seen = 0;
        while !stopping.sleep(LOOK).await {
            let (has_room, number) = (self.space.look(), self.space.shortages());
            if number != seen {
                seen = number;
                let now = Instant::now();
                let before = shortage.take();
                if before.is_none() {
                    tracing::error!(
                        free_bytes = self.space.free(),
                        floor_bytes = self.space.floor(),
                        "the engine's disk is almost full: nothing is inserted or merged until there is room again"
                    );
                }
                let since = before.as_ref().map_or(now, |before| before.since);
                let stopped_at = before.and_then(|before| before.stopped_at);
                shortage = Some(Shortage { number, since, sweep_at: now + Duration::from_secs(1), stopped_at });
            }
            if let Some(mut current) = shortage.take()
                && !self.attend(&mut current, has_room).await
            {
                shortage = Some(current);
            }
        }
    }

    /// Whether the shortage is over and nothing is left of it.
    async fn attend(&self, shortage: &mut Shortage, has_room: bool) -> bool {
        let address = self.store.endpoint().url;
        if !has_room && shortage.stopped_at.as_ref() != Some(&address) && self.store.stop_merges().await.is_ok() {
            shortage.stopped_at = Some(address);
        }
        if Instant::now() < shortage.sweep_at {
            return false;
        }
        shortage.sweep_at = Instant::now() + if has_room { Duration::from_secs(1) } else { SWEEP };
        let may_restart = has_room || shortage.since.elapsed() > PATIENCE;
        match self.sweep(shortage.since.elapsed() + BEFORE, may_restart).await {
            Ok(true) if has_room && self.space.shortages() == shortage.number => {
                let started = self.store.start_merges().await;
                started.map_err(|error| tracing::warn!(%error, "merges stay stopped a little longer")).is_ok()
            }
            Ok(_) => false,
            Err(error) => {
                tracing::warn!(%error, "what was written around the shortage cannot be checked now");
                false
            }
        }
    }

    /// Whether every part of that time can be read; the engine is started again where not.
    async fn sweep(&self, time: Duration, may_restart: bool) -> Result<bool, StoreError> {
        let unreadable = self.store.unreadable_parts(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)).await?;
        if unreadable.is_empty() || !may_restart {
            return Ok(unreadable.is_empty());
        }
        tracing::error!(
            parts = unreadable.len(),
            "the engine is started again so that it sets aside what it cannot read"
        );
        self.store.restart_own_engine().await;
        Ok(false)
    }
}
