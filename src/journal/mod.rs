//! The durable log in front of the warehouse: takes records, returns positions. It does not know events.
//!
//! A record is a 128-bit key and some bytes; its [`Position`] is its number since the journal was created.
//! `append` returns after the fsync that covers its records. This module must never acknowledge what is
//! not on disk, never give a reader what is not durable, and never lose a record without reporting which.
//!
//! # On disk
//!
//! One directory. `00000000000000000042.journal` is the segment whose first record is 42; numbers are
//! little endian, checksums CRC-32 (IEEE).
//!
//! | segment header, 32 bytes | block header, 32 bytes | frame, 24 bytes and the payload |
//! |---|---|---|
//! | magic `ASHNAJNL` | journal id u64 | length of the payload u32 |
//! | format version u32 | position of the first record u64 | crc of length, key and payload u32 |
//! | crc of all but itself u32 | bytes of the frames u64 | key u128 |
//! | journal id u64, random | number of the frames u32 | payload |
//! | position of the first record u64 | crc of the 28 bytes before u32 | |
//!
//! A segment is a header and blocks; a block is what one group commit wrote: one write, one fdatasync.
//! A frame's position is its block's first plus its index. The newest file ends in up to 1 MiB of preallocated
//! zeros, synced together with a group: the groups after it then need not extend the file, which halves
//! their time. The zeros are cut off when a file is full and when the journal closes or opens. A torn tail is
//! thus short, or ends in whole sectors of zeros, never in old bytes.
//! `*.unborn` is a temporary file whose creation was interrupted; `corrupt/` keeps copies of damaged bytes.
//!
//! # Invariants
//!
//! 1. **An acknowledged record survives; one that was not acknowledged may or may not.** Of a batch that
//!    was not acknowledged, a crash leaves all or nothing, except where damage takes single records.
//! 2. **A block follows another only after that one's fdatasync returned.** So a block that has a
//!    successor was durable: if it cannot be read it is damage, never a torn tail.
//! 3. **A segment ends where the next begins.** What an older file holds from the newer file's first
//!    position on is superseded. A new segment's header and name are durable before its first block.
//! 4. **A position a reader could have seen never gets other content.** Readers see durable records only,
//!    positions are assigned at the write, and only positions that never became durable are assigned again.
//! 5. **After a failed write or fsync the file is not written again.** The batches of that group fail
//!    with `Broken`, its bytes are cut off, and the next group opens a new segment at the durable end. A
//!    full disk is the exception: the half-written block is cut off and the file stays in use.
//! 6. **Every position is accounted for**: it is below `first`, readable, or reported lost, by `Recovery`
//!    for the newest segment and by every reader that passes it (`ReadError::Lost`).
//! 7. **A position that other stores know is never reused** (`Journal::continue_at`): if the tail they have seen
//!    is gone, the next record begins a segment after it.
//!
//! # Opening
//!
//! The newest segment is verified frame by frame: it is bounded by `segment_bytes` and costs tens of
//! milliseconds. Only the headers of older ones are checked, because reading 20 GB would delay the start;
//! readers verify every frame anyway. A truncated last block is a torn tail: it is cut and
//! counted. Damage elsewhere, or in a last block of full length, loses only the frames it hits (a damaged block
//! header loses none); the damaged segment is closed and a new one begun. The last block may be
//! in the page cache only, left by a process that died before its fsync, or by an fsync that failed: it is
//! written again and synced before anything in it counts as durable.
//!
//! # Limits
//!
//! `disk_bytes_max` over all segments, and `disk_free_bytes_min` left on the disk, checked at most four times a
//! second, make appends `Full`; reading and releasing still work. A segment is at most a quarter
//! of `disk_bytes_max`, or the newest alone, which is never deleted, could fill it for good.
//! If the last group had several batches, the next one waits `gather_us`, the group commit delay, for more to
//! share its fsync (like `PostgreSQL`'s `commit_delay`); a single appender does not wait.
//! `pending_bytes_max` bounds the memory of waiting records (`Busy`), `append_timeout_ms` the wait
//! (`TooSlow`: the record may become durable later; `Batch::when_durable` is called then).
//!
//! # Example
//!
//! ```no_run
//! # async fn example(settings: ashna::config::Journal) -> Result<(), Box<dyn std::error::Error>> {
//! use ashna::journal::{Batch, Journal};
//! let (journal, recovery) = Journal::open("data/journal".as_ref(), &settings)?;
//! println!("{} records, {} torn bytes cut", recovery.records, recovery.torn_bytes);
//! let mut batch = Batch::default();
//! batch.push(0x1234, |payload| payload.extend_from_slice(b"a row"));
//! let positions = journal.append(batch).await?; // on disk now
//! let mut reader = journal.reader(positions.start);
//! assert_eq!(reader.read(100, 1 << 20)?[0].key, 0x1234);
//! # Ok(()) }
//! ```

mod batch;
mod commit;
mod disk;
mod error;
mod follower;
mod format;
mod queue;
mod reader;
mod recovery;
mod scan;
mod segments;
mod snapshot;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

pub use batch::Batch;
use disk::Disk;
pub use error::{AppendError, JournalError, ReadError};
pub use follower::{Follower, Next};
use parking_lot::Mutex;
use queue::Queue;
pub use reader::{Reader, Record};
pub use recovery::Recovery;
use segments::Segments;
pub use snapshot::{LinkedSegment, SegmentHold};
use tokio::sync::watch;

use crate::{
    config,
    model::Position,
    telemetry::{Counter, Timings},
};

/// The open journal. Share it in an `Arc`; dropping it flushes and stops its thread.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    append_timeout: Duration,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// State shared by appenders, readers and the writer thread.
#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    id: u64,
    limits: config::Journal,
    disk: Disk,
    queue: Queue,
    segments: Mutex<Segments>,
    /// Bytes of all segments.
    disk_bytes: AtomicU64,
    /// The disk itself is full; set and cleared by the writer thread.
    disk_full: AtomicBool,
    /// The next record begins a new segment.
    rotate_next: AtomicBool,
    /// Backups that need every segment.
    holds: AtomicU32,
    /// The lowest position the next record may get.
    next_min: AtomicU64,
    durable: watch::Sender<Position>,
    /// Whether the writer thread has ended.
    ended: watch::Sender<bool>,
    /// Hooks that panicked.
    hook_panics: Counter,
    /// Histogram of sync durations, once `record_sync_times` set it.
    sync_times: OnceLock<Arc<Timings>>,
}

impl Journal {
    /// Opens the journal in `dir`, or creates one, and reports what was found.
    pub fn open(dir: &Path, settings: &config::Journal) -> Result<(Self, Recovery), JournalError> {
        Self::open_counting(dir, settings, Counter::default())
    }

    /// Like [`Self::open`]; counts panics of hooks in `hook_panics`.
    pub fn open_counting(
        dir: &Path,
        settings: &config::Journal,
        hook_panics: Counter,
    ) -> Result<(Self, Recovery), JournalError> {
        Self::open_with(Disk::default(), dir, settings, hook_panics)
    }

    #[cfg(test)]
    fn open_on(disk: Disk, dir: &Path, settings: &config::Journal) -> Result<(Self, Recovery), JournalError> {
        Self::open_with(disk, dir, settings, Counter::default())
    }

    fn open_with(
        disk: Disk,
        dir: &Path,
        settings: &config::Journal,
        hook_panics: Counter,
    ) -> Result<(Self, Recovery), JournalError> {
        let mut limits = settings.clone();
        limits.segment_bytes = limits.segment_bytes.min(limits.disk_bytes_max / 4);
        let opened = recovery::open(&disk, dir)?;
        let next = opened.recovery.next;
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            id: opened.id,
            limits,
            disk,
            queue: Queue::default(),
            disk_bytes: AtomicU64::new(opened.segments.bytes()),
            segments: Mutex::new(opened.segments),
            disk_full: AtomicBool::new(false),
            rotate_next: AtomicBool::new(false),
            holds: AtomicU32::new(0),
            next_min: AtomicU64::new(0),
            durable: watch::Sender::new(next),
            ended: watch::Sender::new(false),
            hook_panics,
            sync_times: OnceLock::new(),
        });
        let thread = writer::start(Arc::clone(&shared), opened.active, next).map_err(|source| JournalError::Io {
            action: "starting the thread for",
            path: dir.to_owned(),
            source,
        })?;
        let append_timeout = Duration::from_millis(settings.append_timeout_ms);
        Ok((Self { shared, append_timeout, thread: Mutex::new(Some(thread)) }, opened.recovery))
    }

    /// Records the duration of every sync in `times` from now on. Only the first call has an effect.
    pub fn record_sync_times(&self, times: Arc<Timings>) {
        let _ = self.shared.sync_times.set(times);
    }

    /// The journal's random id; positions mean nothing without it.
    pub fn id(&self) -> u64 {
        self.shared.id
    }

    /// Appends the records of `batch` and returns their positions once they are on disk.
    ///
    /// Dropping the future does not withdraw the records: see [`Batch::when_durable`].
    pub async fn append(&self, mut batch: Batch) -> Result<Range<Position>, AppendError> {
        if batch.is_empty() {
            let next = self.next();
            if let Some(hook) = batch.on_durable.take() {
                hook(next..next);
            }
            return Ok(next..next);
        }
        let commit = self.shared.submit(batch)?;
        tokio::time::timeout(self.append_timeout, commit).await.unwrap_or(Err(AppendError::TooSlow))
    }

    /// Watches the durable end: one past the last durable record.
    pub fn durable(&self) -> watch::Receiver<Position> {
        self.shared.durable.subscribe()
    }

    /// A reader that starts at `from`.
    pub fn reader(&self, from: Position) -> Reader {
        Reader::new(Arc::clone(&self.shared), from)
    }

    /// Deletes whole segments below `below`, which are no longer needed, unless a backup holds them. Blocks: do not call
    /// it on async threads.
    pub fn release(&self, below: Position) {
        let mut segments = self.shared.segments.lock();
        if self.shared.holds.load(Ordering::SeqCst) > 0 {
            return;
        }
        let before = segments.bytes();
        if let Err(error) = segments.release(below) {
            tracing::warn!(%error, "cannot delete a delivered journal segment; will retry");
        }
        self.shared.disk_bytes.fetch_sub(before - segments.bytes(), Ordering::Relaxed);
    }

    /// Begins a new segment with the next record, so that the newest one can be deleted once it is delivered.
    pub fn rotate(&self) {
        self.shared.rotate_next.store(true, Ordering::Relaxed);
    }

    /// Continues at `position` if the journal ends before it: other stores know records up to there, which were durable
    /// once and are gone. No position is reused; the skipped positions are returned, and readers report them as lost.
    /// Call it before the first record is appended.
    pub fn continue_at(&self, position: Position) -> Range<Position> {
        let end = self.next();
        if position > end {
            self.shared.next_min.store(position.0, Ordering::Relaxed);
            self.shared.durable.send_replace(position);
        }
        end..position.max(end)
    }

    /// Deletes the copies of damaged bytes in `corrupt/`: they may hold records of any visitor. Blocks on the disk.
    pub fn delete_corrupt_copies(&self) -> std::io::Result<()> {
        match std::fs::remove_dir_all(self.shared.dir.join("corrupt")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Position of the first record that is still held.
    pub fn first(&self) -> Position {
        self.shared.segments.lock().as_slice().first().map_or(Position(0), |segment| segment.first)
    }

    /// The durable end: one past the last durable record.
    pub fn next(&self) -> Position {
        *self.shared.durable.borrow()
    }

    /// Bytes of all segments.
    pub fn disk_bytes(&self) -> u64 {
        self.shared.disk_bytes.load(Ordering::Relaxed)
    }

    /// Whether a batch of usual size (64 KiB) fits: neither the disk nor the journal's own limit is reached.
    pub fn has_space(&self) -> bool {
        const USUAL_BYTES: u64 = 64 * 1024;
        !self.shared.disk_full.load(Ordering::Relaxed)
            && self.disk_bytes().saturating_add(USUAL_BYTES) <= self.shared.limits.disk_bytes_max
    }

    /// Whether the writer thread has ended: appends fail until the journal is opened again.
    pub fn has_ended(&self) -> bool {
        *self.shared.ended.borrow()
    }

    /// Waits until the writer thread ends, which happens on `close` or if it panics.
    pub async fn ended(&self) {
        // The sender is in `self`.
        let _ = self.shared.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Refuses new batches, makes waiting ones durable, and ends the thread. Blocks until then.
    pub fn close(&self) {
        self.shared.queue.stop();
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's writer thread panicked");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// Queues the batch for the next group commit.
    fn submit(&self, batch: Batch) -> Result<commit::CommitFuture, AppendError> {
        if self.disk_full.load(Ordering::Relaxed) {
            return Err(AppendError::Full);
        }
        let free_bytes = self.limits.disk_bytes_max.saturating_sub(self.disk_bytes.load(Ordering::Relaxed));
        self.queue.push(batch, free_bytes, self.limits.pending_bytes_max)
    }
}
