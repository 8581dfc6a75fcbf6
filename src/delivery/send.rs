//! The loop: wait, read, intend, send, move on.
//!
//! Two ranges may be under way at once, so that one is read and sent while the warehouse puts the other in
//! place. Both are in the checkpoint before they are sent, and the checkpoint moves in their order.

use std::{future, io, ops::Range, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    Progress, Waits,
    accumulate::{Gatherer, Stretch},
    batcher,
    disk_space::Room,
    in_flight::{Flight, Outcome, Pause, Sender, Way},
    prove::Doubts,
    quarantine::{Entry, Quarantine},
    replay::Ask,
    state::{Pending, Places, State},
};
use crate::{config, journal::Journal, model::Position, store::Store, tasks::Stopping};

/// How long an incomplete batch waits between two looks at how much there is.
const LOOK: Duration = Duration::from_millis(10);
/// Ranges under way at once.
const FLIGHTS_MAX: usize = 2;

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
    /// What is being sent: ranges of the checkpoint, in no order.
    pub(super) flights: Vec<Flight>,
    /// Between failures to send what is first in the checkpoint.
    pub(super) pause: Pause,
    /// Since when something waits that is not under way.
    pub(super) waiting_since: Option<Instant>,
    /// Whether the state on disk is an older one.
    pub(super) unsaved: bool,
    pub(super) quarantine: Arc<Quarantine>,
    /// Records of this journal that left the quarantine.
    pub(super) replayed: u64,
    pub(super) asking: mpsc::Sender<Ask>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) delivered: watch::Sender<Position>,
    /// Below it the journal may let go.
    pub(super) releasable: watch::Sender<Position>,
    /// What it waits for, other than events and the warehouse's answer.
    pub(super) waits: watch::Sender<Option<Waits>>,
    /// The disk that batches go to.
    pub(super) room: Room,
    /// What is known of the warehouse's damage.
    pub(super) doubts: Doubts,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("state", &self.state).finish_non_exhaustive()
    }
}

/// What is to be done next.
enum Next {
    /// A batch is due.
    Due,
    /// The first range of the checkpoint came to its end.
    Landed(Outcome),
    Asked(Ask),
    Stopped,
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

    /// Below it records are not only delivered but known to be readable: the journal may let go of them.
    pub fn releasable(&self) -> watch::Receiver<Position> {
        self.releasable.subscribe()
    }

    /// What it waits for, other than events and the warehouse's answer.
    pub fn waits(&self) -> watch::Receiver<Option<Waits>> {
        self.waits.subscribe()
    }

    /// Puts one range under way, or takes note of the end of one. False: stopped.
    async fn step(&mut self, stopping: &mut Stopping) -> io::Result<bool> {
        if self.unsaved {
            self.save().await?;
        }
        let is_short = self.note_room();
        if self.flights.is_empty() {
            self.note_set_aside().await?;
            if self.prove_some(is_short, stopping).await? {
                return Ok(true);
            }
        }
        let first = self.state.pending().first().map(Pending::range);
        if is_short && first.is_none_or(|first| !self.is_under_way(&first)) {
            return Ok(self.wait_for_room(stopping).await);
        }
        if !is_short
            && self.flights.len() < FLIGHTS_MAX
            && let Some(pending) = self.state.pending().iter().find(|one| !self.is_under_way(&one.range())).cloned()
        {
            // It was begun before, by this life or an earlier one, and may be in the warehouse already.
            let (range, way) = (pending.range(), if pending.replace { Way::Replace } else { Way::Again });
            let stretch = self.gather(range.start, move |gatherer, _| gatherer.exactly(range)).await?;
            self.begin(stretch, way, &pending, stopping);
            return Ok(true);
        }
        match self.next(stopping).await {
            Next::Due => self.intend(stopping).await,
            Next::Landed(outcome) => self.land(outcome).await,
            Next::Asked(ask) => {
                self.carry_out(ask).await;
                Ok(true)
            }
            Next::Stopped => Ok(false),
        }
    }

    fn is_under_way(&self, range: &Range<Position>) -> bool {
        self.flights.iter().any(|flight| flight.range == *range)
    }

    /// Waits for whatever comes first. What is asked for is done when nothing is under way, and soon.
    async fn next(&mut self, stopping: &mut Stopping) -> Next {
        let end = self.state.intended();
        let room = self.flights.len() < FLIGHTS_MAX
            && (self.flights.is_empty() || (self.asks.is_empty() && !self.room.is_short()));
        let first = self.state.pending().first().map(Pending::range);
        let flight = first.and_then(|first| self.flights.iter_mut().find(|flight| flight.range == first));
        let alone = flight.is_none();
        let landed = async {
            match flight {
                Some(flight) => flight.landed().await,
                None => future::pending().await,
            }
        };
        let durable = self.journal.durable();
        let due = async {
            match due(durable, end, &mut self.waiting_since, &self.config, stopping).await {
                true => Next::Due,
                false if alone => Next::Stopped,
                false => future::pending().await,
            }
        };
        tokio::select! {
            biased;
            outcome = landed => Next::Landed(outcome),
            Some(ask) = self.asks.recv(), if alone => Next::Asked(ask),
            next = due, if room => next,
        }
    }

    /// Reads the next batch, writes down where it ends, and starts to send it.
    async fn intend(&mut self, stopping: &Stopping) -> io::Result<bool> {
        if self.room.is_short() {
            return Ok(true);
        }
        let start = self.state.intended();
        let stretch = self.gather(start, move |gatherer, config| gatherer.batch(start, config)).await?;
        self.waiting_since = None;
        if stretch.rows.range.is_empty() {
            return Ok(!self.flights.is_empty());
        }
        self.state.intend(stretch.rows.range.end);
        self.unsaved = true;
        self.save().await?;
        let Some(pending) = self.state.pending().last().cloned() else { return Ok(true) };
        let way = if self.state.is_suspect(start) { Way::Again } else { Way::Fresh };
        self.begin(stretch, way, &pending, stopping);
        Ok(true)
    }

    fn begin(&mut self, mut stretch: Stretch, way: Way, pending: &Pending, stopping: &Stopping) {
        stretch.rows.epoch = pending.epoch;
        // A copy: how long this one waits should it fail; what fails again waits longer.
        let pause = self.pause.clone().next();
        let sender = self.sender(pause, stopping);
        self.flights.push(Flight::begin(stretch, way, sender));
    }

    pub(super) fn sender(&self, pause: Duration, stopping: &Stopping) -> Sender {
        Sender { store: self.store.clone(), room: self.room.clone(), pause, stopping: stopping.clone() }
    }

    /// Takes note of how the first range of the checkpoint ended. False: stopped.
    async fn land(&mut self, outcome: Outcome) -> io::Result<bool> {
        let first = self.state.pending().first().map(Pending::range);
        let landed = self.flights.iter().position(|flight| Some(&flight.range) == first.as_ref());
        let Some(at) = landed else { return Ok(true) };
        let mut stretch = self.flights.swap_remove(at).into_stretch();
        if matches!(outcome, Outcome::Stored | Outcome::Refused(_)) {
            self.pause.reset();
            let repaired = |waits: &mut Option<Waits>| *waits == Some(Waits::Repair) && waits.take().is_some();
            self.waits.send_if_modified(repaired);
        } else {
            self.doubts.look_again();
        }
        match outcome {
            Outcome::Stored => self.finish(stretch.unfit, stretch.unfit_records).await?,
            // What is under way behind it stays so, and is behind both halves.
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
            Outcome::Otherwise(stored) => {
                if let Some(found) = stretch.found_of_lost(stored) {
                    // The journal lost records that an earlier attempt had brought into the warehouse.
                    tracing::warn!(found, "records that the journal lost are in the warehouse");
                    stretch.forgive(found);
                    self.finish(stretch.unfit, stretch.unfit_records).await?;
                    return Ok(true);
                }
                let (sent, from) = (stretch.rows.count, stretch.rows.range.start);
                tracing::error!(stored, sent, %from, "the warehouse has something else of a batch than was sent; it is sent again");
                self.state.replace_first();
                self.unsaved = true;
            }
            Outcome::Unreadable => self.mend().await?,
            // It is read from the journal again, as what is in the checkpoint and not under way.
            Outcome::Again => drop(self.pause.next()),
            Outcome::GaveUp => return Ok(false),
        }
        Ok(true)
    }

    /// Reads from the journal, off the async threads.
    pub(super) async fn gather(
        &mut self,
        start: Position,
        read: impl FnOnce(&mut Gatherer, &config::Delivery) -> io::Result<Stretch> + Send + 'static,
    ) -> io::Result<Stretch> {
        let (journal, config) = (Arc::clone(&self.journal), self.config.clone());
        let mut gatherer = self.gatherer.take().unwrap_or_else(|| Gatherer::new(journal, start));
        let (gatherer, stretch) = blocking(move || {
            let stretch = read(&mut gatherer, &config);
            Ok((gatherer, stretch))
        })
        .await?;
        self.gatherer = Some(gatherer);
        stretch
    }

    /// Puts what was refused on disk, then moves the checkpoint and lets the journal go.
    async fn finish(&mut self, entries: Vec<Entry>, records: u64) -> io::Result<()> {
        self.put_aside(entries).await?;
        self.state.done(records);
        if self.room.is_short() {
            // What was sent shortly before the disk was seen to be full.
            self.state.doubt(self.state.pending().first().map_or(self.state.intended(), |next| next.range().start));
        }
        self.unsaved = true;
        self.save().await?;
        self.release().await
    }

    /// Adds to the quarantine, unless that is full: then delivery waits.
    pub(super) async fn put_aside(&mut self, entries: Vec<Entry>) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let (quarantine, most) = (Arc::clone(&self.quarantine), self.config.quarantine_bytes_max);
        let added = blocking(move || {
            let has_room = quarantine.bytes()? < most;
            if has_room { quarantine.add(&entries).map(|()| true) } else { Ok(false) }
        });
        if added.await? {
            if *self.waits.borrow() == Some(Waits::Quarantine) {
                self.waits.send_replace(None);
            }
            return Ok(());
        }
        self.waits.send_replace(Some(Waits::Quarantine));
        Err(io::Error::other(
            "the quarantine is full: replay it, or move quarantine/events.ndjson away; or raise delivery.quarantine_bytes_max",
        ))
    }

    /// Lets go of what the journal need not keep any more.
    pub(super) async fn release(&self) -> io::Result<()> {
        let (journal, below) = (Arc::clone(&self.journal), self.state.releasable().min((self.keep_from)()));
        blocking(move || {
            journal.release(below);
            Ok(())
        })
        .await
    }

    /// Nothing is sent and nothing is published before the state that says so is on disk.
    pub(super) async fn save(&mut self) -> io::Result<()> {
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
        self.releasable.send_replace(self.state.releasable());
    }
}

/// Waits until a batch from `end` on is due. False: the service stops and nothing is left.
async fn due(
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
    let begun = *since.get_or_insert_with(Instant::now);
    while !stopping.begun() {
        let waiting = durable.borrow().0 - end.0;
        let Some(longer) = batcher::wait(waiting, begun.elapsed(), config) else { break };
        // A look now and then; being woken by every fsync would cost more than it tells.
        stopping.sleep(longer.min(LOOK)).await;
    }
    *durable.borrow() > end
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
