//! The loop: wait, read, intend, send, move on.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    Progress, batcher,
    gather::{Gatherer, Stretch},
    quarantine::{Entry, Quarantine},
    replay::Ask,
    state::{Places, State},
};
use crate::{
    config,
    journal::Journal,
    model::Position,
    store::{ErrorKind, Rows, Store, StoreError},
    tasks::Stopping,
};

/// How long an incomplete batch waits between two looks at how much there is.
const LOOK: Duration = Duration::from_millis(10);

/// Delivery of one journal. See the room's description.
pub struct Delivery {
    pub(super) journal: Arc<Journal>,
    pub(super) store: Store,
    pub(super) config: config::Delivery,
    pub(super) keep_from: Box<dyn Fn() -> Position + Send + Sync>,
    pub(super) places: Places,
    pub(super) state: State,
    /// Away while it reads.
    pub(super) gatherer: Option<Gatherer>,
    /// Whether the state on disk is an older one.
    pub(super) unsaved: bool,
    pub(super) quarantine: Arc<Quarantine>,
    /// Records of this journal that left the quarantine.
    pub(super) replayed: u64,
    pub(super) asking: mpsc::Sender<Ask>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) delivered: watch::Sender<Position>,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("state", &self.state).finish_non_exhaustive()
    }
}

/// What is to be done next.
enum Due {
    Stretch(Stretch),
    Asked(Ask),
    Stopped,
}

/// How sending a stretch ended.
enum Outcome {
    Stored,
    Refused(String),
    GaveUp,
}

impl Delivery {
    /// One past the last record that is in the warehouse or in quarantine.
    pub fn delivered(&self) -> watch::Receiver<Position> {
        self.delivered.subscribe()
    }

    /// The counters, persisted with the checkpoint.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Delivers until told to stop; then tries once to deliver what is left.
    pub async fn run(mut self, mut stopping: Stopping) {
        let mut pause = Pause::new(&self.config);
        loop {
            match self.step(&mut stopping).await {
                Ok(true) => pause.reset(),
                Ok(false) => return,
                Err(error) => {
                    tracing::error!(%error, "delivery cannot use the disk; events stay in the journal");
                    if stopping.begun() || stopping.sleep(pause.next()).await {
                        return;
                    }
                }
            }
        }
    }

    /// Delivers one stretch. False: stopped.
    async fn step(&mut self, stopping: &mut Stopping) -> io::Result<bool> {
        if self.unsaved {
            self.save().await?;
        }
        if let Ok(ask) = self.asks.try_recv() {
            self.replay(ask).await;
        }
        // What was begun before, by this life or an earlier one, may be in the warehouse already.
        let again = self.state.pending().is_some();
        let stretch = match self.state.pending() {
            Some(range) => self.gather(move |gatherer, _| gatherer.exactly(range)).await?,
            None => match self.next_stretch(stopping).await? {
                Due::Stretch(stretch) => stretch,
                Due::Asked(ask) => {
                    self.replay(ask).await;
                    return Ok(true);
                }
                Due::Stopped => return Ok(false),
            },
        };
        match self.send(&stretch, again, stopping).await {
            Outcome::Stored => {
                let Stretch { rows, unfit, unfit_records, .. } = stretch;
                self.finish(unfit, unfit_records).await?;
                if let Some(gatherer) = &mut self.gatherer {
                    gatherer.recycle(rows);
                }
            }
            Outcome::Refused(reason) if self.state.split() => {
                tracing::warn!(reason, rows = stretch.rows.count, "a batch was refused and is halved");
                self.unsaved = true;
            }
            Outcome::Refused(reason) => {
                let mut entries = stretch.unfit;
                let mut records = stretch.unfit_records;
                if let Some((position, payload)) = &stretch.first {
                    tracing::error!(%position, reason, "a row was refused and goes to quarantine");
                    entries.push(Entry::refused(self.journal.id(), *position, &reason, payload));
                    records += 1;
                }
                self.finish(entries, records).await?;
            }
            Outcome::GaveUp => return Ok(false),
        }
        Ok(true)
    }

    /// Waits for a batch to be due, reads it and writes down where it ends.
    async fn next_stretch(&mut self, stopping: &mut Stopping) -> io::Result<Due> {
        let start = self.state.progress().delivered;
        let mut durable = self.journal.durable();
        tokio::select! {
            waited = durable.wait_for(|next| *next > start) => if waited.is_err() { return Ok(Due::Stopped) },
            Some(ask) = self.asks.recv() => return Ok(Due::Asked(ask)),
            () = stopping.wait() => {}
        }
        let begun = Instant::now();
        while !stopping.begun() {
            let waiting = durable.borrow().0 - start.0;
            let Some(longer) = batcher::wait(waiting, begun.elapsed(), &self.config) else { break };
            // A look now and then; being woken by every fsync would cost more than it tells.
            stopping.sleep(longer.min(LOOK)).await;
        }
        let stretch = self.gather(move |gatherer, config| gatherer.batch(start, config)).await?;
        if stretch.rows.range.is_empty() {
            return Ok(Due::Stopped);
        }
        self.state.intend(stretch.rows.range.end);
        self.unsaved = true;
        self.save().await?;
        Ok(Due::Stretch(stretch))
    }

    /// Reads from the journal, off the async threads.
    async fn gather(
        &mut self,
        read: impl FnOnce(&mut Gatherer, &config::Delivery) -> io::Result<Stretch> + Send + 'static,
    ) -> io::Result<Stretch> {
        let (journal, config) = (Arc::clone(&self.journal), self.config.clone());
        let start = self.state.progress().delivered;
        let mut gatherer = self.gatherer.take().unwrap_or_else(|| Gatherer::new(journal, start));
        let (gatherer, stretch) = blocking(move || {
            let stretch = read(&mut gatherer, &config);
            Ok((gatherer, stretch))
        })
        .await?;
        self.gatherer = Some(gatherer);
        stretch
    }

    /// Sends until the warehouse takes it or refuses it for its content.
    async fn send(&self, stretch: &Stretch, mut again: bool, stopping: &mut Stopping) -> Outcome {
        let mut pause = Pause::new(&self.config);
        let mut refusals = 0;
        loop {
            let error = match self.insert(&stretch.rows, again).await {
                Ok(()) => return Outcome::Stored,
                Err(error) => error,
            };
            again = true;
            match error.kind() {
                ErrorKind::Poison(reason) => {
                    refusals += 1;
                    // A request damaged on its way looks like bad rows too: ask twice about the last one.
                    if stretch.rows.count > 1 || refusals > 1 {
                        return Outcome::Refused(reason);
                    }
                }
                ErrorKind::Retry => tracing::warn!(%error, rows = stretch.rows.count, "a batch waits to be sent again"),
                ErrorKind::Fatal => tracing::error!(
                    %error,
                    "the warehouse needs attention: events stay in the journal until it takes them"
                ),
            }
            if stopping.begun() || stopping.sleep(pause.next()).await {
                return Outcome::GaveUp;
            }
        }
    }

    async fn insert(&self, rows: &Rows, again: bool) -> Result<(), StoreError> {
        self.store.insert(rows.clone()).await?;
        if again {
            self.store.remove_twins(rows).await?;
        }
        Ok(())
    }

    /// Puts what was refused on disk, then moves the checkpoint and lets the journal go.
    async fn finish(&mut self, entries: Vec<Entry>, records: u64) -> io::Result<()> {
        let quarantine = Arc::clone(&self.quarantine);
        blocking(move || quarantine.add(&entries)).await?;
        self.state.done(records);
        self.unsaved = true;
        self.save().await?;
        let delivered = self.state.progress().delivered;
        let (journal, below) = (Arc::clone(&self.journal), delivered.min((self.keep_from)()));
        blocking(move || {
            journal.release(below);
            Ok(())
        })
        .await
    }

    /// Nothing is sent and nothing is told before the state that says so is on disk.
    async fn save(&mut self) -> io::Result<()> {
        let (mut state, places) = (self.state.clone(), self.places.clone());
        self.state = blocking(move || {
            state.save(&places)?;
            Ok(state)
        })
        .await?;
        self.unsaved = false;
        self.tell();
        Ok(())
    }

    /// Publishes where delivery is.
    pub(super) fn tell(&self) {
        let progress = self.state.progress().after_replay(self.replayed);
        self.progress.send_replace(progress);
        self.delivered
            .send_if_modified(|delivered| std::mem::replace(delivered, progress.delivered) != progress.delivered);
    }
}

/// Growing pauses, each between half and one and a half of its length, so that many do not march in step.
struct Pause {
    first: Duration,
    next: Duration,
    max: Duration,
}

impl Pause {
    fn new(config: &config::Delivery) -> Self {
        let first = Duration::from_millis(config.retry_backoff_ms.max(1));
        Self { first, next: first, max: Duration::from_millis(config.retry_backoff_max_ms).max(first) }
    }

    fn next(&mut self) -> Duration {
        let length = self.next;
        self.next = (length * 2).min(self.max);
        length.mul_f64(rand::random_range(0.5..1.5))
    }

    fn reset(&mut self) {
        self.next = self.first;
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
