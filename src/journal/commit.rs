//! What became of a group, and those who wait to hear it: one answer for all of them.

use std::{
    ops::Range,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock},
    task::{Context, Poll, Waker},
};

use super::{error::AppendError, lock};
use crate::{model::Position, tasks::WakerSet};

/// The fate of one group. Dropped unsettled by the queue, it tells that the journal stopped.
#[derive(Debug, Default)]
pub(super) struct CommitResult {
    /// The group's first position, once its records are on disk; or why they are not.
    outcome: OnceLock<Result<Position, AppendError>>,
    waiting: Mutex<WakerSet>,
}

impl CommitResult {
    /// Settles it, once, and wakes all who wait.
    pub(super) fn settle(&self, outcome: Result<Position, AppendError>) {
        let crowd = {
            let mut waiting = lock(&self.waiting);
            let _ = self.outcome.set(outcome);
            std::mem::take(&mut *waiting)
        };
        crowd.wake();
    }
}

/// Resolves to the positions of one batch, or to why it has none.
#[derive(Debug)]
pub(super) struct CommitFuture {
    fate: Arc<CommitResult>,
    /// Its first record's index in the group.
    index: u32,
    records: u32,
    waker: Option<Waker>,
}

impl CommitFuture {
    pub(super) fn new(fate: &Arc<CommitResult>, index: u32, records: u32) -> Self {
        Self { fate: Arc::clone(fate), index, records, waker: None }
    }

    fn told(&self) -> Option<Result<Range<Position>, AppendError>> {
        let outcome = self.fate.outcome.get()?;
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
        if let Some(told) = self.told() {
            return Poll::Ready(told);
        }
        // Who waits already need not join again, however often it looks.
        if self.waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            return Poll::Pending;
        }
        let mut waiting = lock(&self.fate.waiting);
        // It may have been settled between the look and the lock.
        if let Some(told) = self.told() {
            return Poll::Ready(told);
        }
        waiting.join(context.waker().clone());
        drop(waiting);
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
