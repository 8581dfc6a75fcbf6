//! The result of a group commit, shared by all batches of the group.

use std::{
    ops::Range,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use super::error::AppendError;
use crate::{model::Position, tasks::WakerSet};

/// The result of one group commit. The queue completes it with `Stopping` when it drops the group.
#[derive(Debug, Default)]
pub(super) struct CommitResult {
    /// The group's first position, once its records are on disk; or why they are not.
    outcome: OnceLock<Result<Position, AppendError>>,
    waiting: Mutex<WakerSet>,
}

impl CommitResult {
    /// Sets the outcome, if there is none yet, and wakes all waiting tasks.
    pub(super) fn complete(&self, outcome: Result<Position, AppendError>) {
        let wakers = {
            let mut waiting = self.waiting.lock();
            let _ = self.outcome.set(outcome);
            std::mem::take(&mut *waiting)
        };
        wakers.wake_all();
    }
}

/// Resolves to the positions of one batch, or to the error of its group.
#[derive(Debug)]
pub(super) struct CommitFuture {
    result: Arc<CommitResult>,
    /// Its first record's index in the group.
    index: u32,
    records: u32,
    waker: Option<Waker>,
}

impl CommitFuture {
    pub(super) fn new(result: &Arc<CommitResult>, index: u32, records: u32) -> Self {
        Self { result: Arc::clone(result), index, records, waker: None }
    }

    fn positions(&self) -> Option<Result<Range<Position>, AppendError>> {
        let outcome = self.result.outcome.get()?;
        Some(outcome.clone().map(|first| range(first, self.index, self.records)))
    }
}

/// The positions of `records` records from `index` on, in a group that begins at `first`.
pub(super) fn range(first: Position, index: u32, records: u32) -> Range<Position> {
    let start = first.plus(u64::from(index));
    start..start.plus(u64::from(records))
}

impl Future for CommitFuture {
    type Output = Result<Range<Position>, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(positions) = self.positions() {
            return Poll::Ready(positions);
        }
        // Register a waker only once, however often this is polled.
        if self.waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            return Poll::Pending;
        }
        let mut waiting = self.result.waiting.lock();
        // It may have completed between the check and the lock.
        if let Some(positions) = self.positions() {
            return Poll::Ready(positions);
        }
        waiting.add(context.waker().clone());
        drop(waiting);
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
