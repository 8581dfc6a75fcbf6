//! One range on its way to the warehouse: taken, refused for its content, or to be sent again.
//!
//! Its rows are let go as they are sent. Who sends again reads them from the journal again, which gives the same
//! bytes: while the warehouse is away nothing is held for it. An insert without an error is believed; one that was
//! sent before, or during which the disk was short of room, counts after it was counted and read ([`Store::held`]).

use std::{mem, ops::Range, time::Duration};

use super::{accumulate::Stretch, disk_space::Room};
use crate::{
    config,
    model::Position,
    store::{ErrorKind, Held, Rows, Store, StoreError},
    tasks::{Aside, Stopping},
};

/// A range that is being sent beside the loop that reads the next one.
pub(super) struct Flight {
    pub(super) range: Range<Position>,
    stretch: Stretch,
    sending: Aside<Outcome>,
}

/// How sending a range ended.
pub(super) enum Outcome {
    Stored,
    Refused(String),
    /// The warehouse has something else of it than was sent: so many different rows.
    Otherwise(u64),
    /// The warehouse cannot read what it has, and the pause after that is over.
    Unreadable,
    /// It did not get there, or that is unknown, and the pause after that is over.
    Again,
    /// The service stops; it is sent again in its next life.
    GaveUp,
}

/// How a range is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// For the first time.
    Fresh,
    /// It may be in the warehouse already.
    Again,
    /// What is there of it is removed first.
    Replace,
    /// It was delivered: only looked for.
    Look,
}

/// Why a range is not known to be stored.
enum Failure {
    /// From the insert, or from what came before it.
    Insert(StoreError),
    /// From looking at what is there: the rows that were sent are not at fault.
    Look(StoreError),
    Otherwise(u64),
}

impl Flight {
    /// Starts to send.
    pub(super) fn begin(mut stretch: Stretch, way: Way, sender: Sender) -> Self {
        let pieces = mem::take(&mut stretch.rows.pieces);
        let rows = Rows { pieces, ..stretch.rows.clone() };
        let range = rows.range.clone();
        Self { range, stretch, sending: Aside::begin(sender.send(rows, way)) }
    }

    /// Waits for the end. May be given up and asked again.
    pub(super) async fn landed(&mut self) -> Outcome {
        self.sending.done().await
    }

    /// What was sent, without its rows.
    pub(super) fn into_stretch(self) -> Stretch {
        self.stretch
    }
}

/// What sending needs.
pub(super) struct Sender {
    pub(super) store: Store,
    pub(super) room: Room,
    /// After a failure.
    pub(super) pause: Duration,
    pub(super) stopping: Stopping,
}

impl Sender {
    pub(super) async fn send(mut self, rows: Rows, way: Way) -> Outcome {
        // A request damaged on its way looks like bad rows too: ask twice about the last one.
        let second = (rows.count == 1).then(|| rows.clone());
        let mark = self.room.mark();
        let mut sent = self.attempt(rows, way).await;
        if let (Some(row), Err(Failure::Insert(error))) = (second, &sent)
            && matches!(error.kind(), ErrorKind::Poison(_))
        {
            sent = self.attempt(row, if way == Way::Fresh { Way::Again } else { way }).await;
        }
        let (error, outcome) = match sent {
            Ok(()) => return Outcome::Stored,
            Err(Failure::Otherwise(rows)) => return Outcome::Otherwise(rows),
            Err(Failure::Look(error)) if error.is_unreadable() => (error, Outcome::Unreadable),
            Err(Failure::Look(error)) => (error, Outcome::Again),
            Err(Failure::Insert(error)) => match error.kind() {
                // What a full disk makes of an insert says nothing about its rows.
                ErrorKind::Poison(reason) if !self.room.was_short_since(mark) => return Outcome::Refused(reason),
                _ => (error, Outcome::Again),
            },
        };
        match error.kind() {
            ErrorKind::Fatal => tracing::error!(
                %error,
                "the warehouse needs attention: events stay in the journal until it takes them"
            ),
            ErrorKind::Damaged => tracing::error!(%error, "the warehouse cannot read what it has of a batch"),
            ErrorKind::NoSpace => {
                tracing::warn!(%error, "the warehouse's disk is full: a batch waits to be sent again");
            }
            ErrorKind::Retry | ErrorKind::Poison(_) => tracing::warn!(%error, "a batch waits to be sent again"),
        }
        if self.stopping.begun() || self.stopping.sleep(self.pause).await {
            return Outcome::GaveUp;
        }
        outcome
    }

    async fn attempt(&self, rows: Rows, way: Way) -> Result<(), Failure> {
        let (journal, range, count) = (rows.journal, rows.range.clone(), rows.count as u64);
        let mark = self.room.mark();
        if way != Way::Look {
            if way != Way::Fresh {
                self.store.end_inserts(journal, range.start).await.map_err(Failure::Look)?;
            }
            if way == Way::Replace {
                self.store.remove_range(journal, &range).await.map_err(Failure::Look)?;
            }
            self.store.insert(rows).await.map_err(Failure::Insert)?;
            if way == Way::Fresh && !self.room.was_short_since(mark) {
                return Ok(());
            }
        }
        match self.store.held(journal, &range, count).await.map_err(Failure::Look)? {
            Held::Whole if way == Way::Look => Ok(()),
            Held::Whole => self.store.renew_people(journal, &range).await.map_err(Failure::Look),
            Held::Otherwise(rows) => Err(Failure::Otherwise(rows)),
        }
    }
}

/// Growing pauses, each between half and one and a half of its length, so that many do not march in step.
#[derive(Debug, Clone)]
pub(super) struct Pause {
    first: Duration,
    next: Duration,
    max: Duration,
}

impl Pause {
    pub(super) fn new(config: &config::Delivery) -> Self {
        let first = Duration::from_millis(config.retry_backoff_ms.max(1));
        Self { first, next: first, max: Duration::from_millis(config.retry_backoff_max_ms).max(first) }
    }

    pub(super) fn next(&mut self) -> Duration {
        let length = self.next;
        self.next = (length * 2).min(self.max);
        length.mul_f64(rand::random_range(0.5..1.5))
    }

    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }
}
