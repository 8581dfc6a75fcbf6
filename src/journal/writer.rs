//! The one thread that writes: takes what waits, one write, one fdatasync, then the answers.

use std::{
    fs::File,
    io,
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    Shared,
    error::{AppendError, is_no_space},
    format::{SEGMENT_HEADER, SegmentHeader},
    lock,
    queue::{Group, WriterStep},
    segments,
};
use crate::model::Position;

/// How often at most the disk's free space is asked for.
const ROOM_CHECK: Duration = Duration::from_millis(250);
/// Zeros that are written ahead at once. Thirty to fifty full groups fit; syncing them takes a millisecond or two.
const AHEAD: u64 = 1 << 20;

/// A group of so many batches was a crowd: where one was, more come while the next gathers.
const CROWD: u32 = 4;

/// The segment that is being written.
#[derive(Debug)]
pub(super) struct Newest {
    pub file: File,
    /// Where its records end, up to which all is durable.
    pub end: u64,
    /// The file's length: from `end` to here it holds zeros.
    pub length: u64,
    /// Whether the disk lets us write ahead; one that refused is not asked again for this file.
    pub willing: bool,
}

impl Newest {
    /// A file whose records end at `end`, and with them the file.
    pub(super) fn at(file: File, end: u64) -> Self {
        Self { file, end, length: end, willing: true }
    }

    /// Cuts off what was written ahead. Should that fail, or never be synced, it is zeros and hurts nobody.
    fn tidy(self) {
        let _ = self.file.set_len(self.end);
    }
}

struct Writer {
    shared: Arc<Shared>,
    /// None after a failure: the next group begins a new segment.
    newest: Option<Newest>,
    next: Position,
    room_checked: Option<Instant>,
}

/// Starts the thread.
pub(super) fn start(shared: Arc<Shared>, newest: Option<Newest>, next: Position) -> io::Result<JoinHandle<()>> {
    let writer = Writer { shared, newest, next, room_checked: None };
    std::thread::Builder::new().name("journal".into()).spawn(move || writer.run())
}

/// However the thread ends, nobody is left waiting for it.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.queue.abandon();
        self.0.ended.send_replace(true);
    }
}

impl Writer {
    fn run(mut self) {
        let _ended = Ended(Arc::clone(&self.shared));
        let mut group = Group::default();
        // Who appends alone does not wait for others.
        let mut gather = Duration::ZERO;
        loop {
            let at_most = self.shared.no_room.load(Ordering::Relaxed).then_some(ROOM_CHECK);
            match self.shared.queue.next(&mut group, at_most, gather) {
                WriterStep::Write => {
                    let gather_max = Duration::from_micros(self.shared.limits.gather_us);
                    gather = if group.batches() >= CROWD { gather_max } else { Duration::ZERO };
                    let outcome = self.commit(&mut group);
                    group.settle(outcome, &self.shared.hook_panics);
                }
                WriterStep::Look => {
                    self.has_room();
                }
                WriterStep::End => break,
            }
        }
        if let Some(newest) = self.newest {
            newest.tidy();
        }
    }

    /// Writes and syncs one group; its first position once it is durable.
    fn commit(&mut self, group: &mut Group) -> Result<Position, AppendError> {
        if !self.has_room() {
            return Err(AppendError::Full);
        }
        let at_least = Position(self.shared.at_least.load(Ordering::Relaxed));
        if at_least > self.next {
            self.next = at_least;
            if let Some(newest) = self.newest.take() {
                newest.tidy();
            }
        }
        let mut newest = self.segment().map_err(|error| self.failure(error))?;
        let (first, records) = (self.next, u64::from(group.records()));
        let block = group.block(self.shared.id, first);
        let end = newest.end + block.len() as u64;
        if let Err(error) = self.shared.disk.write(&newest.file, block, newest.end) {
            newest.length = newest.end;
            let cut = newest.file.set_len(newest.end);
            if is_no_space(&error) && cut.is_ok() {
                self.newest = Some(newest);
            }
            return Err(self.failure(error));
        }
        if end > newest.length
            && let Err(error) = self.write_ahead(&mut newest, end)
        {
            let _ = newest.file.set_len(newest.end);
            return Err(self.failure(error));
        }
        let begun = Instant::now();
        let synced = self.shared.disk.sync(&newest.file);
        if let Some(times) = self.shared.sync_times.get() {
            times.observe(begun.elapsed());
        }
        if let Err(error) = synced {
            // What the page cache holds says nothing about the disk any more. Should the cut fail as well,
            // the next segment's first position supersedes the tail.
            let _ = newest.file.set_len(newest.end);
            return Err(self.failure(error));
        }
        newest.end = end;
        self.next = first.plus(records);
        self.shared.disk_bytes.fetch_add(block.len() as u64, Ordering::Relaxed);
        lock(&self.shared.segments).resize_newest(newest.end);
        self.newest = Some(newest);
        self.shared.durable.send_replace(self.next);
        Ok(first)
    }

    /// The segment to write to, which is a new one when there is none or it is large enough. Once a new one
    /// was tried the old one is never written again: the new name may be on disk and supersede what follows.
    fn segment(&mut self) -> io::Result<Newest> {
        let bytes_max = self.shared.limits.segment_bytes.max(SEGMENT_HEADER as u64 + 1);
        match self.newest.take() {
            Some(newest) if newest.end < bytes_max && !self.shared.turn_over.swap(false, Ordering::Relaxed) => {
                Ok(newest)
            }
            full => {
                if let Some(full) = full {
                    full.tidy();
                }
                self.begin()
            }
        }
    }

    /// Writes zeros from `end` on, where the next groups will go: a sync that need not lengthen the file is one
    /// write to the disk instead of two. Where that is refused the file goes on without: what matters, the records
    /// and their sync, will tell what is wrong with the disk.
    fn write_ahead(&self, newest: &mut Newest, end: u64) -> io::Result<()> {
        newest.length = end;
        let room = self.shared.limits.segment_bytes.saturating_sub(end).min(AHEAD);
        if room > 0 && newest.willing {
            match self.shared.disk.lengthen(&newest.file, end, room) {
                Ok(()) => newest.length = end + room,
                Err(error) => {
                    tracing::debug!(%error, "cannot write ahead in the journal");
                    newest.willing = false;
                    newest.file.set_len(end)?;
                }
            }
        }
        Ok(())
    }

    /// Begins a segment at the durable end.
    fn begin(&self) -> io::Result<Newest> {
        let header = SegmentHeader { id: self.shared.id, first: self.next }.encode();
        let file = self.shared.disk.create(&segments::path_of(&self.shared.dir, self.next), &header)?;
        let mut segments = lock(&self.shared.segments);
        let end = header.len() as u64;
        segments.begin(self.next, end);
        self.shared.disk_bytes.store(segments.bytes(), Ordering::Relaxed);
        Ok(Newest::at(file, end))
    }

    /// What an error means for those who wait.
    fn failure(&self, error: io::Error) -> AppendError {
        if is_no_space(&error) {
            self.shared.no_room.store(true, Ordering::Relaxed);
            return AppendError::Full;
        }
        tracing::error!(%error, "the journal cannot write; nothing of this group was acknowledged");
        AppendError::Broken(Arc::new(error))
    }

    /// Whether the disk has the room it must keep, looked at once in a while.
    fn has_room(&mut self) -> bool {
        if self.room_checked.is_none_or(|at| at.elapsed() >= ROOM_CHECK) {
            self.room_checked = Some(Instant::now());
            match self.shared.disk.free_bytes(&self.shared.dir) {
                Ok(free) => {
                    let full = free < self.shared.limits.disk_free_bytes_min;
                    if self.shared.no_room.swap(full, Ordering::Relaxed) != full {
                        tracing::warn!(full, free_bytes = free, "room for the journal");
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot tell the disk's free space"),
            }
        }
        !self.shared.no_room.load(Ordering::Relaxed)
    }
}
