//! Which messages were seen: a persistent set of 128-bit keys with a memory of `window_hours`.
//!
//! A key is *claimed* before its record goes into the journal and *kept* once that is durable. A second
//! copy is a duplicate when the first is kept, and waits for the first's fsync while that is in flight: it
//! must never be answered "duplicate" while the only copy can still be lost. This room must never call a
//! key seen that was not (every yes is read from the keys themselves), never forget a kept key within the
//! window, and never read the journal: whoever opens it replays.
//!
//! # Where a key lives
//!
//! 1. **The current bucket**, exact in memory (`recent`), beside it `current.log`. A sync appends what is
//!    new as one chunk with a checksum and the journal position through which all keys are written.
//! 2. **Sealed buckets** `N.bucket`: sorted keys in a file, in memory a filter and the first key of every
//!    4 KiB page. A stranger costs one filter question a bucket; where the filter says maybe, one page read.
//!
//! The current bucket is sealed at a sync, when it has `bucket_ids_max` ids or is an hour old: first the
//! bucket's file, then an empty log renamed over the old one. A crash between leaves keys twice, which
//! harms nothing. A bucket goes when its latest claim is older than the window, so an id is remembered for
//! the window and at most as much longer as its bucket spans; ids found in the log at start count as
//! claimed then. Beyond 16 sealed buckets the two neighbours
//! in time with the fewest keys are merged. Nothing in the log's torn tail counts; the journal has it.
//!
//! The window is time as it passes, not as a clock says: whoever calls [`Dedup::claim`] and
//! [`Dedup::sync`] gives a time that does not jump (`clock::steady`), and a bucket from the future, left by a
//! run whose clock was wrong, is taken for new. Nothing is forgotten in the first ten minutes after a start,
//! the time in which a clock that was wrong at boot is usually put right.
//!
//! # Memory per million ids
//!
//! Current bucket: 19 to 39 MB (a hash set of 16-byte keys; tables double), bounded by `bucket_ids_max` and
//! what arrives between two syncs. Sealed: 1.32 MB (10 bits of filter and half a bit of page keys each); on
//! disk 17.4 MB. A test measures both.
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
//!         // Kept by the journal's thread even if this task is gone by then; dropped when it fails.
//!         batch.when_durable(move |range| reservation.keep(range.start));
//!         journal.append(batch).await?;
//!     }
//!     Claim::Duplicate => {}
//!     Claim::InFlight(first) => {
//!         if !first.kept().await { /* the first copy failed: claim again */ }
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

#[cfg(test)]
mod tests;

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwap;
use bucket::Bucket;
use progress::Progress;
use recent::{Found, Recent, lock};
use sealing::Files;
use tokio::sync::oneshot;

use crate::{
    config,
    model::{Position, Timestamp},
};

/// The open set. Cheap to clone; all clones are one set.
#[derive(Debug, Clone)]
pub struct Dedup {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    recent: Recent,
    /// Ids of the current bucket.
    current: AtomicUsize,
    unwritten: Mutex<Unwritten>,
    sealed: ArcSwap<Vec<Arc<Bucket>>>,
    /// Held for the length of a sync.
    files: Mutex<Files>,
}

/// Kept keys that the log does not have yet.
#[derive(Debug)]
struct Unwritten {
    keys: Vec<u128>,
    progress: Progress,
    /// Latest claim among the keys kept so far.
    latest: Timestamp,
}

/// What was found when the set was opened.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Every key of a journal position below is known. The caller replays the journal from here with
    /// [`Dedup::remember`], and [`Dedup::skip`] for what the journal does not have any more.
    pub complete: Position,
    /// Keys known, those in two files counted twice.
    pub ids: u64,
    /// Bytes of the log's torn tail, which were cut.
    pub torn_bytes: u64,
    /// Damaged files that were renamed and are not used: their keys are forgotten.
    pub damaged: Vec<PathBuf>,
}

/// The disk refused. The set goes on in memory; what it says is true, only not persistent yet.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the files of seen messages: {source}")]
pub struct DedupError {
    action: &'static str,
    source: io::Error,
}

/// What becomes of a message.
#[derive(Debug)]
pub enum Claim {
    /// Never seen: store it, then keep the reservation.
    New(Reservation),
    /// Seen and durable.
    Duplicate,
    /// Seen, and its first copy waits for the disk. Await this only after appending one's own batch: it
    /// may be the same batch.
    InFlight(FirstCopy),
}

/// The first copy of a message, still on its way to the disk.
#[derive(Debug)]
pub struct FirstCopy(oneshot::Receiver<bool>);

impl FirstCopy {
    /// True: it is durable, so this one is a duplicate. False: it failed; claim again.
    pub async fn kept(self) -> bool {
        self.0.await.unwrap_or(false)
    }
}

/// The right to store a message. Dropped without `keep`, the key is free again.
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
            self.shared.recent.settle(self.key, false);
        }
    }
}

impl Dedup {
    /// Opens the set in `dir`, which belongs to the journal with the id `journal`: with another journal
    /// the keys stay known, but its positions start over.
    pub fn open(
        dir: &Path,
        settings: &config::Dedup,
        journal: u64,
        now: Timestamp,
    ) -> Result<(Self, Opened), DedupError> {
        let found = sealing::open(dir, settings, journal, now).map_err(failed("open"))?;
        let recent = Recent::new();
        let unwritten = Unwritten { keys: Vec::new(), progress: Progress::from(found.opened.complete), latest: now };
        for chunk in &found.chunks {
            chunk.keys.iter().for_each(|key| {
                recent.keep(*key);
            });
        }
        let shared = Shared {
            current: AtomicUsize::new(recent.size().0),
            recent,
            unwritten: Mutex::new(unwritten),
            sealed: ArcSwap::from_pointee(found.sealed),
            files: Mutex::new(found.files),
        };
        Ok((Self { shared: Arc::new(shared) }, found.opened))
    }

    /// Asks whether `key` was seen, and reserves it if not.
    pub fn claim(&self, key: u128, now: Timestamp) -> Claim {
        match self.shared.recent.claim(key) {
            Found::Kept => return Claim::Duplicate,
            Found::InFlight(first) => return Claim::InFlight(FirstCopy(first)),
            Found::Claimed => {}
        }
        if self.shared.is_sealed(key) {
            self.shared.recent.settle(key, true);
            return Claim::Duplicate;
        }
        Claim::New(Reservation { shared: Arc::clone(&self.shared), key, claimed_at: now, settled: false })
    }

    /// Puts in a key that the journal holds, at start. It counts as claimed when the set was opened.
    pub fn remember(&self, position: Position, key: u128) {
        let now = lock(&self.shared.unwritten).latest;
        self.shared.keep(key, now, position);
    }

    /// The journal has no readable records at these positions, so no keys are to be waited for.
    pub fn skip(&self, lost: Range<Position>) {
        lock(&self.shared.unwritten).progress.settle(lost);
    }

    /// Makes durable what was kept, seals, merges and drops buckets as due; the answer is the position
    /// below which every key is on disk, which the journal's release must not pass.
    ///
    /// Blocks on the disk for up to some tenths of a second. Call it about once a second: memory grows
    /// with what arrives between.
    pub fn sync(&self, now: Timestamp) -> Result<Position, DedupError> {
        sealing::sync(&self.shared, now).map_err(failed("write"))
    }

    /// Bytes of memory: of the current bucket's set, and of the sealed buckets' filters and page keys.
    pub fn memory_bytes(&self) -> (u64, u64) {
        let sealed = self.shared.sealed.load().iter().map(|bucket| bucket.memory_bytes()).sum();
        (self.shared.recent.size().1 as u64, sealed)
    }
}

impl Shared {
    fn keep(&self, key: u128, claimed_at: Timestamp, position: Position) {
        // First the set, then the list: whatever a sync finds in the list is in the set that it may seal.
        let new = self.recent.keep(key);
        let mut unwritten = lock(&self.unwritten);
        unwritten.progress.settle(position..position.plus(1));
        if new {
            unwritten.keys.push(key);
            unwritten.latest = unwritten.latest.max(claimed_at);
            self.current.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_sealed(&self, key: u128) -> bool {
        self.sealed.load().iter().any(|bucket| {
            bucket.holds(key).unwrap_or_else(|error| {
                // Counting an event twice is the lesser harm than refusing it for good.
                tracing::error!(%error, "cannot read a bucket of seen messages; a duplicate may pass");
                false
            })
        })
    }
}

fn failed(action: &'static str) -> impl Fn(io::Error) -> DedupError {
    move |source| DedupError { action, source }
}
