//! Sends one range to the warehouse: stored, refused for its content, or to be sent again.
//!
//! The rows are dropped as they are sent. A retry reads them from the journal again, which gives the same
//! bytes: no memory is held while the warehouse is down. An insert without an error is trusted; a range that was
//! sent before, or while the disk was short of space, is trusted only after it was counted and read
//! ([`Store::stored_range`]).

use std::{mem, ops::Range, time::Duration};

use super::{range_reader::LoadedRange, warehouse_disk::WarehouseDisk};
use crate::{
    config,
    model::Position,
    store::{ErrorKind, InsertBatch, Store, StoreError, StoredRange},
    tasks::{AbortOnDrop, Stopping},
};

/// A range that is being sent by a task, while the loop reads the next one.
pub(super) struct InFlight {
    pub(super) range: Range<Position>,
    loaded: LoadedRange,
    task: AbortOnDrop<SendOutcome>,
}

/// How sending a range ended.
pub(super) enum SendOutcome {
    Stored,
    /// The warehouse refused the rows, with its reason.
    Refused(String),
    /// The stored rows differ from those sent; with the number of distinct stored rows.
    Differs(u64),
    /// The warehouse cannot read the stored rows; the pause after that is over.
    Unreadable,
    /// It was not stored, or that is unknown; the pause after that is over.
    Retry,
    /// The service stops; the range is sent again after the next start.
    Stopped,
}

/// How a range is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SendMode {
    /// For the first time.
    First,
    /// It may be in the warehouse already.
    Resend,
    /// Its stored rows are removed first.
    Replace,
    /// It was delivered: only the stored rows are checked.
    Verify,
}

/// Why a range is not known to be stored.
enum Failure {
    /// The insert failed.
    Insert(StoreError),
    /// The check of the stored rows, or the cleanup before the insert, failed: the rows are not the cause.
    Check(StoreError),
    Differs(u64),
}

impl InFlight {
    /// Starts to send.
    pub(super) fn start(mut loaded: LoadedRange, mode: SendMode, sender: RangeSender) -> Self {
        let chunks = mem::take(&mut loaded.rows.chunks);
        let rows = InsertBatch { chunks, ..loaded.rows.clone() };
        let range = rows.range.clone();
        Self { range, loaded, task: AbortOnDrop::spawn(sender.send(rows, mode)) }
    }

    /// Waits for the outcome. Cancel safe.
    pub(super) async fn completed(&mut self) -> SendOutcome {
        self.task.join().await
    }

    /// The range, without its rows.
    pub(super) fn into_range(self) -> LoadedRange {
        self.loaded
    }
}

/// Sends one range.
pub(super) struct RangeSender {
    pub(super) store: Store,
    pub(super) disk: WarehouseDisk,
    /// Before a failure is returned.
    pub(super) pause: Duration,
    pub(super) stopping: Stopping,
}

impl RangeSender {
    pub(super) async fn send(mut self, rows: InsertBatch, mode: SendMode) -> SendOutcome {
        // A request damaged in transit looks like a bad row too: try a single row twice.
        let second = (rows.count == 1).then(|| rows.clone());
        let shortages = self.disk.shortages();
        let mut sent = self.attempt(rows, mode).await;
        if let (Some(row), Err(Failure::Insert(error))) = (second, &sent)
            && matches!(error.kind(), ErrorKind::Poison(_))
        {
            sent = self.attempt(row, if mode == SendMode::First { SendMode::Resend } else { mode }).await;
        }
        let (error, outcome) = match sent {
            Ok(()) => return SendOutcome::Stored,
            Err(Failure::Differs(rows)) => return SendOutcome::Differs(rows),
            Err(Failure::Check(error)) if error.is_unreadable() => (error, SendOutcome::Unreadable),
            Err(Failure::Check(error)) => (error, SendOutcome::Retry),
            Err(Failure::Insert(error)) => match error.kind() {
                // On a full disk an error about the content proves nothing about the rows.
                ErrorKind::Poison(reason) if !self.disk.was_short_since(shortages) => {
                    return SendOutcome::Refused(reason);
                }
                _ => (error, SendOutcome::Retry),
            },
        };
        match error.kind() {
            ErrorKind::Fatal => tracing::error!(
                %error,
                "the warehouse needs attention: events stay in the journal until it accepts them"
            ),
            ErrorKind::Damaged => tracing::error!(%error, "the warehouse cannot read the stored rows of a batch"),
            ErrorKind::NoSpace => {
                tracing::warn!(%error, "the warehouse's disk is full: a batch will be sent again");
            }
            ErrorKind::Retry | ErrorKind::Poison(_) => tracing::warn!(%error, "a batch will be sent again"),
        }
        if self.stopping.begun() || self.stopping.sleep(self.pause).await {
            return SendOutcome::Stopped;
        }
        outcome
    }

    async fn attempt(&self, rows: InsertBatch, mode: SendMode) -> Result<(), Failure> {
        let (journal, range, count) = (rows.journal, rows.range.clone(), rows.count as u64);
        let shortages = self.disk.shortages();
        if mode != SendMode::Verify {
            if mode != SendMode::First {
                self.store.kill_inserts(journal, range.start).await.map_err(Failure::Check)?;
            }
            if mode == SendMode::Replace {
                self.store.remove_range(journal, &range).await.map_err(Failure::Check)?;
            }
            self.store.insert(rows).await.map_err(Failure::Insert)?;
            if mode == SendMode::First && !self.disk.was_short_since(shortages) {
                return Ok(());
            }
        }
        match self.store.stored_range(journal, &range, count).await.map_err(Failure::Check)? {
            StoredRange::Complete if mode == SendMode::Verify => Ok(()),
            StoredRange::Complete => self.store.rebuild_identities(journal, &range).await.map_err(Failure::Check),
            StoredRange::Differs(rows) => Err(Failure::Differs(rows)),
        }
    }
}

/// Exponential backoff with jitter: each pause is between 0.5 and 1.5 times its nominal length.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    first: Duration,
    next: Duration,
    max: Duration,
}

impl Backoff {
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
