//! Deduplication of messages: a persistent set of 128-bit keys, kept for `window_hours`.
//!
//! A key is *claimed* before its record is appended to the journal and *kept* once that is durable. A second copy is a
//! duplicate if the first is kept; while the first is in flight, it waits for that fsync, because it must never be
//! reported as a duplicate while the only copy can still be lost. This module must never report a key as seen that was
//! not (positives are verified against the stored keys), never drop a kept key within the window, and never read the
//! journal: the caller replays it.
//!
//! # Storage
//!
//! 1. **The current bucket**, exact in memory (`recent`), and on disk in `current.log`. A sync appends new keys as one
//!    chunk with a checksum and the journal position up to which all keys are written.
//! 2. **Sealed buckets** `N.bucket`: sorted keys in a file, in memory a Bloom filter and a sparse index with the first key
//!    of every 4 KiB page. An unseen key costs one filter lookup per bucket, and one page read for a false positive.
//!
//! A sync seals the current bucket if it has `bucket_ids_max` ids or is an hour old: it writes the bucket's file, then
//! renames an empty log over the old one. A crash in between stores keys twice, which is harmless. A bucket is deleted
//! when its latest claim is older than the window, so an id is kept for the window plus at most the time that its bucket
//! spans; ids read from the log at start count as claimed then. If there are more than 16 sealed buckets, the two
//! neighbours in time with the fewest keys are merged. The log's torn tail is ignored; the journal has those records.
//!
//! The window is elapsed time, not wall-clock time: callers of [`Dedup::claim`] and [`Dedup::sync`] pass a time that does
//! not jump (`clock::steady`), and a bucket from the future, written with a wrong clock, is treated as new. Nothing is
//! dropped in the first ten minutes after a start, in which a clock that was wrong at boot is usually corrected.
//!
//! # Memory per million ids
//!
//! Current bucket: 19 to 39 MB (a hash set of 16-byte keys; tables double), bounded by `bucket_ids_max` and the arrivals
//! between two syncs. Sealed: 1.32 MB (per key 10 bits of filter and half a bit of sparse index); on disk 17.4 MB. A test
//! measures both.
//!
//! # Example
//!
//! ```no_run
//! # async fn example(dedup: ashna::dedup::Dedup, journal: ashna::journal::Journal) -> anyhow::Result<()> {
//! use ashna::{clock, dedup::Claim, journal::Batch};
//! match dedup.claim(0x1234, clock::now()) {
//!     Claim::New(reservation) => {
//!         let mut batch = Batch::default();
//!         batch.push(0x1234, |payload| payload.extend_from_slice(b"a row"));
//!         // Kept by the journal's thread even if this task was cancelled; dropped if the append fails.
//!         batch.when_durable(move |range| reservation.keep(range.start));
//!         journal.append(batch).await?;
//!     }
//!     Claim::Duplicate => {}
//!     Claim::InFlight(first) => {
//!         if !first.is_kept().await { /* the first copy failed: claim again */ }
//!     }
//! }
//! # Ok(()) }
//! ```

mod bucket;
mod bytes;
mod filter;
mod log;
mod progress;
mod recent;
mod sealing;
mod types;

#[cfg(test)]
mod tests;

use std::{
    io,
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use progress::Progress;
use recent::{Lookup, Recent};
use tokio::sync::oneshot;
pub use types::OpenReport;
use types::{Shared, Unwritten};

use crate::{
    config,
    model::{Position, Timestamp},
};

/// The set of seen messages. Cheap to clone; clones share the set.
#[derive(Debug, Clone)]
pub struct Dedup {
    shared: Arc<Shared>,
}

/// A file operation failed. The set stays correct in memory, but is not persistent yet.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the files of seen messages: {source}")]
pub struct DedupError {
    action: &'static str,
    source: io::Error,
}

/// The result of claiming a message.
#[derive(Debug)]
pub enum Claim {
    /// Never seen: store it, then keep the reservation.
    New(Reservation),
    /// Seen and durable.
    Duplicate,
    /// Seen, and its first copy is being written. Await this only after appending your own batch: it may be the same
    /// batch.
    InFlight(FirstCopy),
}

/// The first copy of a message, not durable yet.
#[derive(Debug)]
pub struct FirstCopy(oneshot::Receiver<bool>);

impl FirstCopy {
    /// True: the first copy is durable, so this one is a duplicate. False: it failed; claim again.
    pub async fn is_kept(self) -> bool {
        self.0.await.unwrap_or(false)
    }
}

/// The right to store a message. If dropped without `keep`, the key is released.
#[derive(Debug)]
pub struct Reservation {
    shared: Arc<Shared>,
    key: u128,
    claimed_at: Timestamp,
    settled: bool,
}

impl Reservation {
    /// The message is durable at `position`: later copies are duplicates.
    pub fn keep(mut self, position: Position) {
        self.settled = true;
        self.shared.keep(self.key, self.claimed_at, position);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.settled {
            self.shared.recent.release(self.key, false);
        }
    }
}

impl Dedup {
    /// Opens the set in `dir`, which belongs to the journal with the id `journal`: with another journal the keys stay
    /// known, but the positions start at 0.
    pub fn open(
        dir: &Path,
        settings: &config::Dedup,
        journal: u64,
        now: Timestamp,
    ) -> Result<(Self, OpenReport), DedupError> {
        let opened = sealing::open(dir, settings, journal, now).map_err(failed("open"))?;
        let recent = Recent::new();
        let unwritten = Unwritten { keys: Vec::new(), progress: Progress::from(opened.report.complete), latest: now };
        for chunk in &opened.chunks {
            chunk.keys.iter().for_each(|key| {
                recent.keep(*key);
            });
        }
        let shared = Shared {
            current: AtomicUsize::new(recent.size().keys),
            recent,
            unwritten: Mutex::new(unwritten),
            sealed: ArcSwap::from_pointee(opened.sealed),
            files: Mutex::new(opened.files),
        };
        Ok((Self { shared: Arc::new(shared) }, opened.report))
    }

    /// Checks whether `key` was seen, and reserves it if not.
    pub fn claim(&self, key: u128, now: Timestamp) -> Claim {
        match self.shared.recent.claim(key) {
            Lookup::Kept => return Claim::Duplicate,
            Lookup::InFlight(first) => return Claim::InFlight(FirstCopy(first)),
            Lookup::Claimed => {}
        }
        if self.shared.is_sealed(key) {
            self.shared.recent.release(key, true);
            return Claim::Duplicate;
        }
        Claim::New(Reservation { shared: Arc::clone(&self.shared), key, claimed_at: now, settled: false })
    }

    /// Adds a key from the journal at start. It counts as claimed when the set was opened.
    pub fn restore(&self, position: Position, key: u128) {
        let now = self.shared.unwritten.lock().latest;
        self.shared.keep(key, now, position);
    }

    /// Marks positions without readable records in the journal, so that their keys are not waited for.
    pub fn skip(&self, lost: Range<Position>) {
        self.shared.unwritten.lock().progress.mark(lost);
    }

    /// Makes kept keys durable; seals, merges and deletes buckets as due. Returns the position below which every key is on
    /// disk; the journal must not release records beyond it.
    ///
    /// Blocks on the disk for up to some tenths of a second. Call it about once a second: memory grows with the arrivals
    /// in between.
    pub fn sync(&self, now: Timestamp) -> Result<Position, DedupError> {
        sealing::sync(&self.shared, now).map_err(failed("write"))
    }

    /// Bytes of memory: of the current bucket, and of the sealed buckets' filters and sparse indexes.
    pub fn memory_bytes(&self) -> (u64, u64) {
        let sealed = self.shared.sealed.load().iter().map(|bucket| bucket.memory_bytes()).sum();
        (self.shared.recent.size().bytes as u64, sealed)
    }
}

impl Shared {
    fn keep(&self, key: u128, claimed_at: Timestamp, position: Position) {
        // First the set, then the list: what a sync finds in the list must be in the set that it may seal.
        let new = self.recent.keep(key);
        let mut unwritten = self.unwritten.lock();
        unwritten.progress.mark(position..position.plus(1));
        if new {
            unwritten.keys.push(key);
            unwritten.latest = unwritten.latest.max(claimed_at);
            self.current.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_sealed(&self, key: u128) -> bool {
        self.sealed.load().iter().any(|bucket| {
            bucket.contains(key).unwrap_or_else(|error| {
                // Counting an event twice is better than losing it.
                tracing::error!(%error, "cannot read a bucket of seen messages; a duplicate may pass");
                false
            })
        })
    }
}

fn failed(action: &'static str) -> impl Fn(io::Error) -> DedupError {
    move |source| DedupError { action, source }
}
