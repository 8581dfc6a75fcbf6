//! The only thread that writes: for each group one write, one fdatasync, then the results of its batches.

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
    queue::{Group, WriterStep},
    segments,
};
use crate::model::Position;

/// Minimum time between two checks of the disk's free space.
const SPACE_CHECK: Duration = Duration::from_millis(250);
/// Zeros that are preallocated at once. Thirty to fifty full groups fit; syncing them takes a millisecond or two.
const PREALLOCATED_BYTES: u64 = 1 << 20;
/// After a group of so many batches the next one uses the group commit delay: more batches are likely to come.
const DELAY_AFTER_BATCHES: u32 = 4;

/// The segment that is being written.
#[derive(Debug)]
pub(super) struct ActiveSegment {
    pub file: File,
    /// Where its records end; everything before it is durable.
    pub end: u64,
    /// The file's length: from `end` to here it holds zeros.
    pub length: u64,
    /// Whether the disk can preallocate; false after the first refusal for this file.
    pub can_preallocate: bool,
}

impl ActiveSegment {
    /// A file of length `end` without preallocated zeros.
    pub(super) fn new(file: File, end: u64) -> Self {
        Self { file, end, length: end, can_preallocate: true }
    }

    /// Cuts off the preallocated zeros. A failure, or a cut that is never synced, is harmless: only zeros remain.
    fn trim(self) {
        let _ = self.file.set_len(self.end);
    }
}

struct Writer {
    shared: Arc<Shared>,
    /// `None` after a failure: the next group begins a new segment.
    active: Option<ActiveSegment>,
    next: Position,
    space_checked: Option<Instant>,
}

/// Starts the thread.
pub(super) fn start(shared: Arc<Shared>, active: Option<ActiveSegment>, next: Position) -> io::Result<JoinHandle<()>> {
    let writer = Writer { shared, active, next, space_checked: None };
    std::thread::Builder::new().name("journal".into()).spawn(move || writer.run())
}

/// Fails waiting batches when the thread ends, also by a panic.
struct EndGuard(Arc<Shared>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.queue.abandon();
        self.0.ended.send_replace(true);
    }
}

impl Writer {
    fn run(mut self) {
        let _end = EndGuard(Arc::clone(&self.shared));
        let mut group = Group::default();
        // A single appender must not wait for others.
        let mut delay = Duration::ZERO;
        loop {
            let time_limit = self.shared.disk_full.load(Ordering::Relaxed).then_some(SPACE_CHECK);
            match self.shared.queue.next(&mut group, time_limit, delay) {
                WriterStep::Write => {
                    let group_commit_delay = Duration::from_micros(self.shared.limits.gather_us);
                    delay = if group.batches() >= DELAY_AFTER_BATCHES { group_commit_delay } else { Duration::ZERO };
                    let outcome = self.commit(&mut group);
                    group.complete(outcome, &self.shared.hook_panics);
                }
                WriterStep::CheckDisk => {
                    self.has_space();
                }
                WriterStep::Stop => break,
            }
        }
        if let Some(active) = self.active {
            active.trim();
        }
    }

    /// Writes and syncs one group; returns its first position once it is durable.
    fn commit(&mut self, group: &mut Group) -> Result<Position, AppendError> {
        if !self.has_space() {
            return Err(AppendError::Full);
        }
        let next_min = Position(self.shared.next_min.load(Ordering::Relaxed));
        if next_min > self.next {
            self.next = next_min;
            if let Some(active) = self.active.take() {
                active.trim();
            }
        }
        let mut active = self.take_segment().map_err(|error| self.append_error(error))?;
        let (first, records) = (self.next, u64::from(group.records()));
        let block = group.block(self.shared.id, first);
        let end = active.end + block.len() as u64;
        if let Err(error) = self.shared.disk.write(&active.file, block, active.end) {
            active.length = active.end;
            let cut = active.file.set_len(active.end);
            if is_no_space(&error) && cut.is_ok() {
                self.active = Some(active);
            }
            return Err(self.append_error(error));
        }
        if end > active.length
            && let Err(error) = self.preallocate(&mut active, end)
        {
            let _ = active.file.set_len(active.end);
            return Err(self.append_error(error));
        }
        let started = Instant::now();
        let synced = self.shared.disk.sync(&active.file);
        if let Some(times) = self.shared.sync_times.get() {
            times.observe(started.elapsed());
        }
        if let Err(error) = synced {
            // After a failed sync the page cache no longer reflects the disk. If the cut fails too, the next
            // segment's first position supersedes the tail.
            let _ = active.file.set_len(active.end);
            return Err(self.append_error(error));
        }
        active.end = end;
        self.next = first.plus(records);
        self.shared.disk_bytes.fetch_add(block.len() as u64, Ordering::Relaxed);
        self.shared.segments.lock().resize_newest(active.end);
        self.active = Some(active);
        self.shared.durable.send_replace(self.next);
        Ok(first)
    }

    /// The segment to write to: the active one, or a new one if there is none or it is large enough. Once a new one
    /// was tried the old one is never written again: the new name may be on disk and supersede what follows.
    fn take_segment(&mut self) -> io::Result<ActiveSegment> {
        let bytes_max = self.shared.limits.segment_bytes.max(SEGMENT_HEADER as u64 + 1);
        match self.active.take() {
            Some(active) if active.end < bytes_max && !self.shared.rotate_next.swap(false, Ordering::Relaxed) => {
                Ok(active)
            }
            full => {
                if let Some(full) = full {
                    full.trim();
                }
                self.create_segment()
            }
        }
    }

    /// Writes zeros from `end` on for the next groups: a sync that does not extend the file is one write to the disk
    /// instead of two. If the disk refuses, the file continues without: a real problem of the disk shows in the
    /// writes and syncs of records.
    fn preallocate(&self, active: &mut ActiveSegment, end: u64) -> io::Result<()> {
        active.length = end;
        let bytes = self.shared.limits.segment_bytes.saturating_sub(end).min(PREALLOCATED_BYTES);
        if bytes > 0 && active.can_preallocate {
            match self.shared.disk.write_zeros(&active.file, end, bytes) {
                Ok(()) => active.length = end + bytes,
                Err(error) => {
                    tracing::debug!(%error, "cannot preallocate space in the journal");
                    active.can_preallocate = false;
                    active.file.set_len(end)?;
                }
            }
        }
        Ok(())
    }

    /// Creates a segment at the durable end.
    fn create_segment(&self) -> io::Result<ActiveSegment> {
        let header = SegmentHeader { id: self.shared.id, first: self.next }.encode();
        let file = self.shared.disk.create(&segments::path_of(&self.shared.dir, self.next), &header)?;
        let mut segments = self.shared.segments.lock();
        let end = header.len() as u64;
        segments.add(self.next, end);
        self.shared.disk_bytes.store(segments.bytes(), Ordering::Relaxed);
        Ok(ActiveSegment::new(file, end))
    }

    /// Converts a disk error for the appenders, logs it, and notes a full disk.
    fn append_error(&self, error: io::Error) -> AppendError {
        if is_no_space(&error) {
            self.shared.disk_full.store(true, Ordering::Relaxed);
            return AppendError::Full;
        }
        tracing::error!(%error, "the journal cannot write; no record of this group was acknowledged");
        AppendError::Broken(Arc::new(error))
    }

    /// Whether the disk has the minimum of free space; checks at most every [`SPACE_CHECK`].
    fn has_space(&mut self) -> bool {
        if self.space_checked.is_none_or(|at| at.elapsed() >= SPACE_CHECK) {
            self.space_checked = Some(Instant::now());
            match self.shared.disk.free_bytes(&self.shared.dir) {
                Ok(free) => {
                    let full = free < self.shared.limits.disk_free_bytes_min;
                    if self.shared.disk_full.swap(full, Ordering::Relaxed) != full {
                        tracing::warn!(full, free_bytes = free, "free space for the journal changed");
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot read the disk's free space"),
            }
        }
        !self.shared.disk_full.load(Ordering::Relaxed)
    }
}
