//! The durable log in front of the warehouse: records in, positions out. Knows no event.
//!
//! A record is a 128-bit key and some bytes; its [`Position`] is its number since the journal's birth.
//! `append` answers after the fsync that covers its records. This room must never acknowledge what is
//! not on disk, never hand a reader what is not durable, and never lose a record without saying which.
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
//! | journal id u64, random at birth | number of the frames u32 | payload |
//! | position of the first record u64 | crc of the 28 bytes before u32 | |
//!
//! A segment is a header and blocks; a block is what one group commit wrote: one write, one fdatasync.
//! A frame's position is its block's first plus its index. The newest file ends in zeros, up to a mebibyte of
//! them, written ahead with a group's own fdatasync: those after it then need not lengthen the file, which halves
//! their time. They are cut off when a file is full and when the journal closes or opens. A torn tail is thus
//! short, or ends in whole sectors of zeros, never in old bytes.
//! `*.unborn` is a file whose creation was cut short; `corrupt/` keeps copies of damaged bytes as evidence.
//!
//! # Laws
//!
//! 1. **An acknowledged record survives; one that was not acknowledged may or may not.** Of a batch that
//!    was not acknowledged, a crash leaves all or nothing, except where damage takes single records.
//! 2. **A block follows another only after that one's fdatasync returned.** So a block that has a
//!    successor was durable: if it cannot be read it is damage, never a torn tail.
//! 3. **A segment ends where the next begins.** What an older file holds from the newer file's first
//!    position on is superseded. A new segment's header and name are durable before its first block.
//! 4. **A position a reader could have seen never gets other content.** Readers see durable records only,
//!    positions are assigned at the write, and only positions that never became durable are assigned again.
//! 5. **After a failed write or fsync the file is not written again.** What waited in that group fails
//!    with `Broken`, its bytes are cut off, and the next group opens a new segment at the durable end. A
//!    full disk is the exception: the half-written block is cut off and the file goes on.
//! 6. **Every position is accounted for**: it is below `first`, readable, or reported lost, by `Recovery`
//!    for the newest segment and by every reader that passes it (`ReadError::Lost`).
//! 7. **A position that others know is never given again** (`Journal::go_on_at`): where the tail is gone that they have
//!    seen, the next record begins a segment behind it.
//!
//! # Opening
//!
//! The newest segment is verified frame by frame: it is bounded by `segment_bytes` and costs tens of
//! milliseconds. Older ones are checked by header alone, because reading 20 GB would keep the service
//! from starting; readers verify every frame anyway. A last block that is cut short is a torn tail: cut,
//! counted. Damage elsewhere, or in a last block of full length, loses only the frames it hits (a block
//! header can be done without); the damaged segment is closed and a new one begun. The last block may be
//! in the page cache only, left by a process that died before its fsync, or by an fsync that failed: it is
//! written again and synced before anything in it counts as durable.
//!
//! # Limits
//!
//! `disk_bytes_max` over all segments, and `disk_free_bytes_min` left on the disk, looked at four times a
//! second at most, make appends `Full` while reading and releasing go on. A segment is at most a quarter
//! of `disk_bytes_max`, or the newest alone, which is never deleted, could fill it for good.
//! Where the last group was a crowd the next one waits `gather_us` for more to share its fsync (after
//! `PostgreSQL`'s `commit_delay`); who appends alone does not.
//! `pending_bytes_max` bounds the memory of records that wait (`Busy`), `append_timeout_ms` the wait
//! (`TooSlow`: the record may become durable later; `Batch::when_durable` is told).
//!
//! # Example
//!
//! ```no_run
//! # async fn example(settings: ashna::config::Journal) -> Result<(), Box<dyn std::error::Error>> {
//! use ashna::journal::{Batch, Journal};
//! let (journal, found) = Journal::open("data/journal".as_ref(), &settings)?;
//! println!("{} records, {} torn bytes cut", found.records, found.torn_bytes);
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
mod format;
mod queue;
mod reader;
mod recovery;
mod scan;
mod segments;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

pub use batch::Batch;
use disk::Disk;
pub use error::{AppendError, JournalError, ReadError};
use queue::Queue;
pub use reader::{Reader, Record};
pub use recovery::Recovery;
use segments::Segments;
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

/// What appenders, readers and the writing thread have in common.
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
    /// The disk itself has no room; set and cleared by the writing thread.
    no_room: AtomicBool,
    /// The next record begins a new segment.
    turn_over: AtomicBool,
    /// Records get no position below it.
    at_least: AtomicU64,
    durable: watch::Sender<Position>,
    /// Whether the writing thread has ended.
    ended: watch::Sender<bool>,
    /// Hooks that panicked.
    hook_panics: Counter,
    /// Where the times of its syncs are counted, once somebody asked for them.
    sync_times: OnceLock<Arc<Timings>>,
}

impl Journal {
    /// Opens the journal in `dir`, or gives birth to one, and tells what was found.
    pub fn open(dir: &Path, settings: &config::Journal) -> Result<(Self, Recovery), JournalError> {
        Self::open_counting(dir, settings, Counter::default())
    }

    /// The same; hooks that panic are counted here.
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
        let found = recovery::open(&disk, dir)?;
        let next = found.report.next;
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            id: found.id,
            limits,
            disk,
            queue: Queue::default(),
            disk_bytes: AtomicU64::new(found.segments.bytes()),
            segments: Mutex::new(found.segments),
            no_room: AtomicBool::new(false),
            turn_over: AtomicBool::new(false),
            at_least: AtomicU64::new(0),
            durable: watch::Sender::new(next),
            ended: watch::Sender::new(false),
            hook_panics,
            sync_times: OnceLock::new(),
        });
        let thread = writer::start(Arc::clone(&shared), found.newest, next).map_err(|source| JournalError::Io {
            action: "starting the thread for",
            path: dir.to_owned(),
            source,
        })?;
        let append_timeout = Duration::from_millis(settings.append_timeout_ms);
        Ok((Self { shared, append_timeout, thread: Mutex::new(Some(thread)) }, found.report))
    }

    /// Counts how long syncs take here from now on.
    pub fn time_syncs(&self, times: Arc<Timings>) {
        // A second one would take from the first: it is not listened to.
        let _ = self.shared.sync_times.set(times);
    }

    /// Random at birth; positions mean nothing without it.
    pub fn id(&self) -> u64 {
        self.shared.id
    }

    /// Takes the records of `batch` and answers with their positions once they are on disk.
    ///
    /// Giving up the wait does not take the records back: see [`Batch::when_durable`].
    pub async fn append(&self, mut batch: Batch) -> Result<Range<Position>, AppendError> {
        if batch.is_empty() {
            let next = self.next();
            if let Some(hook) = batch.on_durable.take() {
                hook(next..next);
            }
            return Ok(next..next);
        }
        let ticket = self.shared.submit(batch)?;
        tokio::time::timeout(self.append_timeout, ticket).await.unwrap_or(Err(AppendError::TooSlow))
    }

    /// One past the last durable record, now and whenever it moves.
    pub fn durable(&self) -> watch::Receiver<Position> {
        self.shared.durable.subscribe()
    }

    /// Reads on from `from`.
    pub fn reader(&self, from: Position) -> Reader {
        Reader::new(Arc::clone(&self.shared), from)
    }

    /// Whole segments below `below` are no longer needed. Deletes files, so call it off the async threads.
    pub fn release(&self, below: Position) {
        let mut segments = lock(&self.shared.segments);
        let before = segments.bytes();
        if let Err(error) = segments.release(below) {
            tracing::warn!(%error, "cannot delete a delivered journal segment; it will be tried again");
        }
        self.shared.disk_bytes.fetch_sub(before - segments.bytes(), Ordering::Relaxed);
    }

    /// Begins a new file with the next record, so that the newest one can be deleted once it is delivered.
    pub fn turn_over(&self) {
        self.shared.turn_over.store(true, Ordering::Relaxed);
    }

    /// Goes on at `position` where the journal ends before it: others know records up to there, which were durable once
    /// and are gone. No position is given twice, and readers report those in between, which are returned, as lost. To
    /// be called before the first record is appended.
    pub fn go_on_at(&self, position: Position) -> Range<Position> {
        let end = self.next();
        if position > end {
            self.shared.at_least.store(position.0, Ordering::Relaxed);
            self.shared.durable.send_replace(position);
        }
        end..position.max(end)
    }

    /// Deletes the copies of damaged bytes in `corrupt/`: whose records they are is unknown. Blocks on the disk.
    pub fn forget_evidence(&self) -> std::io::Result<()> {
        match std::fs::remove_dir_all(self.shared.dir.join("corrupt")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Position of the first record that is still held.
    pub fn first(&self) -> Position {
        lock(&self.shared.segments).as_slice().first().map_or(Position(0), |segment| segment.first)
    }

    /// Position that the next durable record gets, unless others come before it.
    pub fn next(&self) -> Position {
        *self.shared.durable.borrow()
    }

    /// Bytes of all segments.
    pub fn disk_bytes(&self) -> u64 {
        self.shared.disk_bytes.load(Ordering::Relaxed)
    }

    /// Whether records of ordinary size can be taken: neither the disk nor the journal's own limit is near.
    pub fn has_room(&self) -> bool {
        const ORDINARY: u64 = 64 * 1024;
        !self.shared.no_room.load(Ordering::Relaxed)
            && self.disk_bytes().saturating_add(ORDINARY) <= self.shared.limits.disk_bytes_max
    }

    /// Whether the writing thread has ended: nothing more will be taken until the journal is opened again.
    pub fn has_ended(&self) -> bool {
        *self.shared.ended.borrow()
    }

    /// Waits for the end of the writing thread, which outlives everything but `close` unless it panicked.
    pub async fn ended(&self) {
        // The sender is in `self`.
        let _ = self.shared.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Takes nothing more, makes durable what waits, and ends the thread. Blocks for that long.
    pub fn close(&self) {
        self.shared.queue.stop();
        if let Some(thread) = lock(&self.thread).take()
            && thread.join().is_err()
        {
            tracing::error!("the journal's thread had failed");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// Puts the batch among those that wait for the next group commit.
    fn submit(&self, batch: Batch) -> Result<commit::CommitFuture, AppendError> {
        if self.no_room.load(Ordering::Relaxed) {
            return Err(AppendError::Full);
        }
        let room = self.limits.disk_bytes_max.saturating_sub(self.disk_bytes.load(Ordering::Relaxed));
        self.queue.push(batch, room, self.limits.pending_bytes_max)
    }
}

/// A panic elsewhere leaves these values whole, because none is changed in steps that can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
