//! The delivery loop: waits for a due batch, a completed send or a command, and handles it.
//!
//! Up to two ranges are in flight, so that one is read and sent while the warehouse writes the other.
//! Both are in the checkpoint before they are sent, and the checkpoint advances in their order.

use std::{future, io, ops::Range, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    batcher,
    checkpoint::{Checkpoint, CheckpointPaths, PendingRange},
    damage::DamageState,
    in_flight::{Backoff, InFlight, SendMode, SendOutcome},
    quarantine::Quarantine,
    range_reader::RangeReader,
    types::{Command, Progress, WaitReason},
    warehouse_disk::WarehouseDisk,
};
use crate::{
    config,
    journal::Journal,
    model::{Event, Position},
    store::Store,
    tasks::Stopping,
};

/// How often an incomplete batch checks the number of waiting records.
const POLL: Duration = Duration::from_millis(10);
/// Maximum number of ranges in flight.
const IN_FLIGHT_MAX: usize = 2;

/// Whether an event is one of a person who was erased later.
pub type IsErased = Arc<dyn Fn(&Event<'_>) -> bool + Send + Sync>;

/// Delivery of one journal. See the docs of the module.
pub struct Delivery {
    pub(super) journal: Arc<Journal>,
    pub(super) store: Store,
    pub(super) config: config::Delivery,
    pub(super) keep_from: Box<dyn Fn() -> Position + Send + Sync>,
    pub(super) paths: CheckpointPaths,
    pub(super) checkpoint: Checkpoint,
    /// `None` while it reads on a blocking thread.
    pub(super) reader: Option<RangeReader>,
    /// Ranges of the checkpoint that are being sent, in no order.
    pub(super) in_flight: Vec<InFlight>,
    /// Between failed attempts to send the first range of the checkpoint.
    pub(super) backoff: Backoff,
    /// Since when a record waits that is not in flight.
    pub(super) waiting_since: Option<Instant>,
    /// Whether the checkpoint has changes that are not on disk.
    pub(super) unsaved: bool,
    pub(super) quarantine: Arc<Quarantine>,
    /// Whether an event is one of a person who was erased later.
    pub(super) is_erased: IsErased,
    /// Records of this journal that were replayed from the quarantine.
    pub(super) replayed: u64,
    pub(super) commands_in: mpsc::Sender<Command>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) delivered: watch::Sender<Position>,
    /// Records below are no longer needed in the journal.
    pub(super) releasable: watch::Sender<Position>,
    /// Why delivery waits, other than for events or the warehouse's response.
    pub(super) wait_reason: watch::Sender<Option<WaitReason>>,
    pub(super) disk: WarehouseDisk,
    pub(super) damage: DamageState,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("checkpoint", &self.checkpoint).finish_non_exhaustive()
    }
}

/// What the loop handles next.
enum Next {
    BatchDue,
    /// The first range of the checkpoint was sent, or failed.
    Completed(SendOutcome),
    Command(Command),
    Stopped,
}

impl Delivery {
    /// Sets why delivery cannot start yet. True if the reason is new.
    pub fn set_wait_reason(&self, reason: WaitReason) -> bool {
        self.wait_reason.send_replace(Some(reason)) != Some(reason)
    }

    /// Clears the reason to wait.
    pub fn clear_wait_reason(&self) {
        self.wait_reason.send_replace(None);
    }

    /// One past the last record that is in the warehouse or in quarantine.
    pub fn delivered(&self) -> watch::Receiver<Position> {
        self.delivered.subscribe()
    }

    /// The counters, persisted with the checkpoint.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Records below are delivered and known to be readable: the journal may release them.
    pub fn releasable(&self) -> watch::Receiver<Position> {
        self.releasable.subscribe()
    }

    /// Why delivery waits, other than for events or the warehouse's response.
    pub fn wait_reason(&self) -> watch::Receiver<Option<WaitReason>> {
        self.wait_reason.subscribe()
    }

    /// Delivers until stopping begins; then tries once to deliver the rest.
    pub async fn run(mut self, mut stopping: Stopping) {
        let mut backoff = Backoff::new(&self.config);
        loop {
            match self.step(&mut stopping).await {
                Ok(true) => backoff.reset(),
                Ok(false) => return,
                Err(error) => {
                    tracing::error!(%error, "delivery cannot use the disk; events stay in the journal");
                    if stopping.begun() || stopping.sleep(backoff.next()).await {
                        return;
                    }
                }
            }
        }
    }

    /// Starts to send a range, or handles the completion of one or a command. False: stopped.
    async fn step(&mut self, stopping: &mut Stopping) -> io::Result<bool> {
        if self.unsaved {
            self.save().await?;
        }
        let is_short = self.check_disk_space();
        if self.in_flight.is_empty() {
            self.check_detached_parts().await?;
            if self.verify_next(is_short, stopping).await? {
                return Ok(true);
            }
        }
        let first = self.checkpoint.pending().first().map(PendingRange::range);
        if is_short && first.is_none_or(|first| !self.is_in_flight(&first)) {
            return Ok(self.wait_for_space(stopping).await);
        }
        if !is_short
            && self.in_flight.len() < IN_FLIGHT_MAX
            && let Some(pending) =
                self.checkpoint.pending().iter().find(|pending| !self.is_in_flight(&pending.range())).cloned()
        {
            // An earlier attempt, perhaps before a restart, may have stored it already.
            let mode = if pending.replace { SendMode::Replace } else { SendMode::Resend };
            let range = pending.range();
            let loaded = self.read_range(range.start, move |reader, _| reader.exact(range)).await?;
            self.start_sending(loaded, mode, &pending, stopping);
            return Ok(true);
        }
        match self.next(stopping).await {
            Next::BatchDue => self.send_next_batch(stopping).await,
            Next::Completed(outcome) => self.complete_first(outcome).await,
            Next::Command(command) => {
                self.execute(command).await;
                Ok(true)
            }
            Next::Stopped => Ok(false),
        }
    }

    fn is_in_flight(&self, range: &Range<Position>) -> bool {
        self.in_flight.iter().any(|sending| sending.range == *range)
    }

    /// Waits for whatever happens first. Commands run only while no range is in flight; a waiting one delays the next
    /// range.
    async fn next(&mut self, stopping: &mut Stopping) -> Next {
        let end = self.checkpoint.planned_end();
        let may_send_more = self.in_flight.len() < IN_FLIGHT_MAX
            && (self.in_flight.is_empty() || (self.commands.is_empty() && !self.disk.is_short()));
        let first = self.checkpoint.pending().first().map(PendingRange::range);
        let sending = first.and_then(|first| self.in_flight.iter_mut().find(|sending| sending.range == first));
        let is_idle = sending.is_none();
        let completed = async {
            match sending {
                Some(sending) => sending.completed().await,
                None => future::pending().await,
            }
        };
        let durable = self.journal.durable();
        let due = async {
            match wait_for_batch(durable, end, &mut self.waiting_since, &self.config, stopping).await {
                true => Next::BatchDue,
                false if is_idle => Next::Stopped,
                false => future::pending().await,
            }
        };
        tokio::select! {
            biased;
            outcome = completed => Next::Completed(outcome),
            Some(command) = self.commands.recv(), if is_idle => Next::Command(command),
            next = due, if may_send_more => next,
        }
    }

    /// Saves the checkpoint and publishes it. Must return before the saved ranges are sent.
    pub(super) async fn save(&mut self) -> io::Result<()> {
        let (mut checkpoint, paths) = (self.checkpoint.clone(), self.paths.clone());
        self.checkpoint = blocking(move || {
            checkpoint.save(&paths)?;
            Ok(checkpoint)
        })
        .await?;
        self.unsaved = false;
        self.publish();
        Ok(())
    }

    /// Publishes the progress.
    pub(super) fn publish(&self) {
        let progress = self.checkpoint.progress().after_replay(self.replayed);
        self.progress.send_replace(progress);
        self.delivered
            .send_if_modified(|delivered| std::mem::replace(delivered, progress.delivered) != progress.delivered);
        self.releasable.send_replace(self.checkpoint.releasable());
    }
}

/// Waits until a batch from `end` on is due. False: the service stops and no records are left.
async fn wait_for_batch(
    mut durable: watch::Receiver<Position>,
    end: Position,
    since: &mut Option<Instant>,
    config: &config::Delivery,
    stopping: &mut Stopping,
) -> bool {
    tokio::select! {
        waited = durable.wait_for(|next| *next > end) => if waited.is_err() { return false },
        () = stopping.wait() => {}
    }
    let since = *since.get_or_insert_with(Instant::now);
    while !stopping.begun() {
        let waiting = durable.borrow().0 - end.0;
        let Some(time) = batcher::time_until_due(waiting, since.elapsed(), config) else { break };
        // Polling costs less than waking up at every fsync.
        stopping.sleep(time.min(POLL)).await;
    }
    *durable.borrow() > end
}

/// Runs blocking I/O off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
