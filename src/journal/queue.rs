//! Batches that wait for the next group commit. The lock is held for a copy, never during disk I/O.

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex, MutexGuard};

use super::{
    batch::{Batch, Hook},
    commit::{self, CommitFuture, CommitResult},
    error::AppendError,
    format::{BLOCK_HEADER, BlockHeader, SEGMENT_HEADER},
};
use crate::{model::Position, tasks::catch_panic, telemetry::Counter};

/// A buffer that grew larger than this is not kept for the next group.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// A group with so many batches or bytes is large enough: waiting for more would save little.
const LARGE_GROUP_BATCHES: u32 = 256;
const LARGE_GROUP_BYTES: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    work: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    group: Group,
    /// Bytes of the group that is being written: they are in memory too.
    writing_bytes: usize,
    stopping: bool,
}

/// Batches that are written and synced together: one block.
#[derive(Default)]
pub(super) struct Group {
    /// Space for the block's header, then the frames.
    bytes: Vec<u8>,
    records: u32,
    batches: u32,
    hooks: Vec<WaitingHook>,
    result: Arc<CommitResult>,
}

/// The hook of one batch.
struct WaitingHook {
    /// Its first record's index in the group.
    index: u32,
    records: u32,
    hook: Hook,
}

/// What the writer thread does next.
pub(super) enum WriterStep {
    /// Write the group it got.
    Write,
    /// Check the disk: no batch came within the time limit.
    CheckDisk,
    /// End: no more batches will come.
    Stop,
}

impl Queue {
    /// Adds a batch unless it would grow the segments by more than `free_bytes`, or the memory beyond `pending_max`.
    pub(super) fn push(&self, batch: Batch, free_bytes: u64, pending_max: usize) -> Result<CommitFuture, AppendError> {
        let mut waiting = self.waiting.lock();
        if waiting.stopping {
            return Err(AppendError::Stopping);
        }
        let pending = waiting.group.bytes.len() + waiting.writing_bytes + batch.frames.len();
        if (pending + BLOCK_HEADER + SEGMENT_HEADER) as u64 > free_bytes {
            return Err(AppendError::Full);
        }
        if pending > pending_max {
            return Err(AppendError::Busy);
        }
        let (was_empty, was_large) = (waiting.group.records == 0, waiting.group.is_large());
        let commit = waiting.group.add(batch)?;
        let is_large = waiting.group.is_large();
        drop(waiting);
        if was_empty || is_large != was_large {
            self.work.notify_one();
        }
        Ok(commit)
    }

    /// Waits for records, then up to `group_commit_delay` for more, and swaps them into `group`, which must be
    /// empty. With `time_limit` it returns after that time even without records.
    pub(super) fn next(
        &self,
        group: &mut Group,
        time_limit: Option<Duration>,
        group_commit_delay: Duration,
    ) -> WriterStep {
        let mut waiting = self.waiting.lock();
        waiting.writing_bytes = 0;
        loop {
            if waiting.group.records > 0 {
                self.wait_for_more(&mut waiting, group_commit_delay);
                mem::swap(&mut waiting.group, group);
                waiting.writing_bytes = group.bytes.len();
                return WriterStep::Write;
            }
            if waiting.stopping {
                return WriterStep::Stop;
            }
            match time_limit {
                None => self.work.wait(&mut waiting),
                Some(time) => {
                    let timeout = self.work.wait_for(&mut waiting, time);
                    if timeout.timed_out() && waiting.group.records == 0 && !waiting.stopping {
                        return WriterStep::CheckDisk;
                    }
                }
            }
        }
    }

    fn wait_for_more(&self, waiting: &mut MutexGuard<'_, Waiting>, delay: Duration) {
        let started = Instant::now();
        while !waiting.stopping
            && !waiting.group.is_large()
            && let Some(left) = delay.checked_sub(started.elapsed()).filter(|left| !left.is_zero())
        {
            self.work.wait_for(waiting, left);
        }
    }

    /// Refuses new batches; waiting ones are still written.
    pub(super) fn stop(&self) {
        self.waiting.lock().stopping = true;
        self.work.notify_one();
    }

    /// Refuses new batches and drops waiting ones, whose appenders get `Stopping`.
    pub(super) fn abandon(&self) {
        let group = {
            let mut waiting = self.waiting.lock();
            waiting.stopping = true;
            mem::take(&mut waiting.group)
        };
        drop(group);
    }
}

impl Group {
    fn add(&mut self, batch: Batch) -> Result<CommitFuture, AppendError> {
        let records = u32::try_from(batch.len()).map_err(|_| AppendError::Busy)?;
        let after = self.records.checked_add(records).ok_or(AppendError::Busy)?;
        if self.bytes.is_empty() {
            self.bytes.resize(BLOCK_HEADER, 0);
        }
        self.bytes.extend_from_slice(&batch.frames);
        let index = mem::replace(&mut self.records, after);
        self.batches += 1;
        self.hooks.extend(batch.on_durable.map(|hook| WaitingHook { index, records, hook }));
        Ok(CommitFuture::new(&self.result, index, records))
    }

    pub(super) fn records(&self) -> u32 {
        self.records
    }

    pub(super) fn batches(&self) -> u32 {
        self.batches
    }

    fn is_large(&self) -> bool {
        self.batches >= LARGE_GROUP_BATCHES || self.bytes.len() >= LARGE_GROUP_BYTES
    }

    /// The block to write, with its header filled in.
    pub(super) fn block(&mut self, id: u64, first: Position) -> &[u8] {
        let bytes = (self.bytes.len() - BLOCK_HEADER) as u64;
        let header = BlockHeader { first, bytes, records: self.records }.encode(id);
        self.bytes[..BLOCK_HEADER].copy_from_slice(&header);
        &self.bytes
    }

    /// Calls the hooks, then completes every batch, and empties the group. If the group is not durable the hooks are
    /// dropped uncalled, also before the appends return, so that what they reserved is free again. A hook that panics
    /// affects only itself: the records are durable.
    pub(super) fn complete(&mut self, outcome: Result<Position, AppendError>, panics: &Counter) {
        for WaitingHook { index, records, hook } in self.hooks.drain(..) {
            catch_panic("hook of a durable batch", panics, || {
                if let Ok(first) = outcome {
                    hook(commit::range(first, index, records));
                }
            });
        }
        mem::take(&mut self.result).complete(outcome);
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        (self.records, self.batches) = (0, 0);
    }
}

/// A group that will not be written fails its appends, so that none waits forever.
impl Drop for Group {
    fn drop(&mut self) {
        self.hooks.clear();
        self.result.complete(Err(AppendError::Stopping));
    }
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group")
            .field("records", &self.records)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
