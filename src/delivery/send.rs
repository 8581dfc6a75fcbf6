//! The loop: wait, read, intend, send, move on.

use std::{io, ops::Range, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    Progress, batcher,
    quarantine::{Entry, Quarantine},
    replay::Ask,
    state::{Places, State},
};
use crate::{
    config,
    journal::{Journal, ReadError, Record},
    model::Position,
    store::{ErrorKind, Rows, Store, rows},
    tasks::Stopping,
};

/// Delivery of one journal. See the room's description.
pub struct Delivery {
    pub(super) journal: Arc<Journal>,
    pub(super) store: Store,
    pub(super) config: config::Delivery,
    pub(super) keep_from: Box<dyn Fn() -> Position + Send + Sync>,
    pub(super) places: Places,
    pub(super) state: State,
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

/// A stretch of the journal, read and sorted.
struct Stretch {
    rows: Rows,
    /// What will not be sent at all: not a row, or lost.
    unfit: Vec<Entry>,
    unfit_records: u64,
    /// The first row's record, to be quarantined when it is alone and refused.
    first: Option<(Position, Bytes)>,
}

/// What is to be done next.
enum Due {
    Stretch(Range<Position>),
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
        let range = match self.state.pending() {
            Some(range) => range,
            None => match self.next_range(stopping).await? {
                Due::Stretch(range) => range,
                Due::Asked(ask) => {
                    self.replay(ask).await;
                    return Ok(true);
                }
                Due::Stopped => return Ok(false),
            },
        };
        let stretch = self.read(range).await?;
        match self.send(&stretch, stopping).await {
            Outcome::Stored => self.finish(stretch.unfit, stretch.unfit_records).await?,
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

    /// Waits for a batch to be due, decides where it ends and writes that down.
    async fn next_range(&mut self, stopping: &mut Stopping) -> io::Result<Due> {
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
            let enough = start.plus(self.config.batch_events_max as u64);
            tokio::select! {
                _ = durable.wait_for(|next| *next >= enough) => {}
                _ = stopping.sleep(longer) => {}
            }
        }
        if *durable.borrow() <= start {
            return Ok(Due::Stopped);
        }
        let (journal, config) = (Arc::clone(&self.journal), self.config.clone());
        let end = blocking(move || {
            match journal.reader(start).read(config.batch_events_max.max(1), config.batch_bytes_max) {
                Ok(records) => {
                    let sizes = records.iter().map(|r| (r.payload.first().copied(), r.payload.len()));
                    Ok(start.plus(batcher::cut(sizes, &config) as u64))
                }
                Err(ReadError::Lost(lost)) => Ok(lost.end),
                Err(error) => Err(io::Error::other(error)),
            }
        })
        .await?;
        self.state.intend(end);
        self.unsaved = true;
        self.save().await?;
        Ok(Due::Stretch(start..end))
    }

    async fn read(&self, range: Range<Position>) -> io::Result<Stretch> {
        let journal = Arc::clone(&self.journal);
        blocking(move || read_stretch(&journal, range)).await
    }

    /// Sends until the warehouse takes it or refuses it for its content.
    async fn send(&self, stretch: &Stretch, stopping: &mut Stopping) -> Outcome {
        let mut pause = Pause::new(&self.config);
        let mut refusals = 0;
        loop {
            let error = match self.store.insert(stretch.rows.clone()).await {
                Ok(()) => return Outcome::Stored,
                Err(error) => error,
            };
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

/// Reads exactly this stretch: the same stretch always gives the same rows.
fn read_stretch(journal: &Journal, range: Range<Position>) -> io::Result<Stretch> {
    let mut bytes = BytesMut::new();
    let mut stretch = Stretch {
        rows: Rows {
            version: rows::VERSION,
            journal: journal.id(),
            range: range.clone(),
            bytes: Bytes::new(),
            count: 0,
        },
        unfit: Vec::new(),
        unfit_records: 0,
        first: None,
    };
    let mut reader = journal.reader(range.start);
    while reader.position() < range.end {
        let left = usize::try_from(range.end.0 - reader.position().0).unwrap_or(usize::MAX);
        match reader.read(left, usize::MAX) {
            Ok(records) if records.is_empty() => {
                return Err(io::Error::other("the journal ends before the pending batch"));
            }
            Ok(records) => records.into_iter().for_each(|record| stretch.put(journal.id(), record, &mut bytes)),
            Err(ReadError::Lost(lost)) => {
                let lost = lost.start..lost.end.min(range.end);
                stretch.unfit_records += lost.end.0 - lost.start.0;
                stretch.unfit.push(Entry::lost(journal.id(), &lost));
            }
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    stretch.rows.bytes = bytes.freeze();
    Ok(stretch)
}

impl Stretch {
    /// Adds a record as a row. RowBinary has no row ends: one malformed row would be read into the
    /// next, so each is read through before it may stand among others.
    fn put(&mut self, journal: u64, record: Record, bytes: &mut BytesMut) {
        let columns = rows::decode(&record.payload).and_then(|_| rows::split(&record.payload));
        match columns {
            Ok((version, columns)) => {
                bytes.extend_from_slice(&rows::prefix(journal, record.position));
                bytes.extend_from_slice(columns);
                self.rows.version = version;
                self.rows.count += 1;
                self.first.get_or_insert((record.position, record.payload));
            }
            Err(error) => {
                tracing::error!(position = %record.position, %error, "a record goes to quarantine");
                self.unfit_records += 1;
                self.unfit.push(Entry::refused(journal, record.position, &error.to_string(), &record.payload));
            }
        }
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
