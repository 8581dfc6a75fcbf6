//! Where batches wait for the next group commit. The lock is held for a copy, never for the disk.

use std::{
    mem,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    batch::{Batch, Hook},
    commit::{self, CommitFuture, CommitResult},
    error::AppendError,
    format::{BLOCK_HEADER, BlockHeader, SEGMENT_HEADER},
    lock,
};
use crate::{model::Position, tasks::contained, telemetry::Counter};

/// A buffer that one burst made larger than this is not kept for the next group.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// A group with so many batches or bytes is gathered: waiting for more would save little.
const GATHERED_BATCHES: u32 = 256;
const GATHERED_BYTES: usize = 1 << 20;

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    work: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    group: Group,
    /// Bytes of the group that is being written: they are held in memory too.
    writing_bytes: usize,
    stopping: bool,
}

/// Batches that are written and synced together: one block.
#[derive(Default)]
pub(super) struct Group {
    /// Room for the block's header, then the frames.
    bytes: Vec<u8>,
    records: u32,
    batches: u32,
    hooks: Vec<WaitingHook>,
    fate: Arc<CommitResult>,
}

/// What is to be called for one batch.
struct WaitingHook {
    /// Its first record's index in the group.
    index: u32,
    records: u32,
    hook: Hook,
}

/// What the writing thread is to do next.
pub(super) enum WriterStep {
    /// The group it handed over is now the one to write.
    Write,
    /// Nothing came for the time it wanted to wait at most.
    Look,
    /// Nothing more will come.
    End,
}

impl Queue {
    /// Adds a batch unless it would grow the segments by more than `room`, or the memory beyond `pending_max`.
    pub(super) fn push(&self, batch: Batch, room: u64, pending_max: usize) -> Result<CommitFuture, AppendError> {
        let mut waiting = lock(&self.waiting);
        if waiting.stopping {
            return Err(AppendError::Stopping);
        }
        let pending = waiting.group.bytes.len() + waiting.writing_bytes + batch.frames.len();
        if (pending + BLOCK_HEADER + SEGMENT_HEADER) as u64 > room {
            return Err(AppendError::Full);
        }
        if pending > pending_max {
            return Err(AppendError::Busy);
        }
        let (was_empty, was_gathered) = (waiting.group.records == 0, waiting.group.is_gathered());
        let ticket = waiting.group.add(batch)?;
        let gathered = waiting.group.is_gathered();
        drop(waiting);
        if was_empty || gathered != was_gathered {
            self.work.notify_one();
        }
        Ok(ticket)
    }

    /// Waits for records, `gather` longer for others to join them, and swaps them into `group`, which must be
    /// empty. With `at_most` it comes back after that time even without any.
    pub(super) fn next(&self, group: &mut Group, at_most: Option<Duration>, gather: Duration) -> WriterStep {
        let mut waiting = lock(&self.waiting);
        waiting.writing_bytes = 0;
        loop {
            if waiting.group.records > 0 {
                waiting = self.gather(waiting, gather);
                mem::swap(&mut waiting.group, group);
                waiting.writing_bytes = group.bytes.len();
                return WriterStep::Write;
            }
            if waiting.stopping {
                return WriterStep::End;
            }
            waiting = match at_most {
                None => self.work.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let (waiting, timeout) =
                        self.work.wait_timeout(waiting, time).unwrap_or_else(PoisonError::into_inner);
                    if timeout.timed_out() && waiting.group.records == 0 && !waiting.stopping {
                        return WriterStep::Look;
                    }
                    waiting
                }
            };
        }
    }

    fn gather<'q>(&self, mut waiting: MutexGuard<'q, Waiting>, time: Duration) -> MutexGuard<'q, Waiting> {
        let begun = Instant::now();
        while !waiting.stopping
            && !waiting.group.is_gathered()
            && let Some(left) = time.checked_sub(begun.elapsed()).filter(|left| !left.is_zero())
        {
            waiting = self.work.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting
    }

    /// Takes nothing more; what waits is still written.
    pub(super) fn stop(&self) {
        lock(&self.waiting).stopping = true;
        self.work.notify_one();
    }

    /// Takes nothing more and forgets what waits, whose appenders see the thread gone.
    pub(super) fn abandon(&self) {
        let group = {
            let mut waiting = lock(&self.waiting);
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
        Ok(CommitFuture::new(&self.fate, index, records))
    }

    pub(super) fn records(&self) -> u32 {
        self.records
    }

    pub(super) fn batches(&self) -> u32 {
        self.batches
    }

    fn is_gathered(&self) -> bool {
        self.batches >= GATHERED_BATCHES || self.bytes.len() >= GATHERED_BYTES
    }

    /// The block to write, its header filled in.
    pub(super) fn block(&mut self, id: u64, first: Position) -> &[u8] {
        let bytes = (self.bytes.len() - BLOCK_HEADER) as u64;
        let header = BlockHeader { first, bytes, records: self.records }.encode(id);
        self.bytes[..BLOCK_HEADER].copy_from_slice(&header);
        &self.bytes
    }

    /// Calls the hooks, then answers every batch, and empties the group. Without durability the hooks go
    /// uncalled, still before the answers, so that what they reserved is free again. A hook that panics costs
    /// itself: its records are durable, and those of others are none of its business.
    pub(super) fn settle(&mut self, outcome: Result<Position, AppendError>, panics: &Counter) {
        for WaitingHook { index, records, hook } in self.hooks.drain(..) {
            contained("what follows durability", panics, || {
                if let Ok(first) = outcome {
                    hook(commit::range(first, index, records));
                }
            });
        }
        mem::take(&mut self.fate).settle(outcome);
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        (self.records, self.batches) = (0, 0);
    }
}

/// Nobody is left waiting for a group that nobody will write.
impl Drop for Group {
    fn drop(&mut self) {
        self.hooks.clear();
        self.fate.settle(Err(AppendError::Stopping));
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
