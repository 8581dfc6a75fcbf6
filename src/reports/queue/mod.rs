//! Fair queue of reports in front of the warehouse.
//!
//! The numbers of running and of waiting reports are limited; beyond them a report is rejected at once, and one that
//! waited too long is rejected then. Requesters are served round-robin: however many reports one has waiting, the next
//! permit goes to another, and one requester alone never gets all permits. Dropping a permit or a wait releases it.

mod scheduler;
#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};
use scheduler::Scheduler;

use crate::telemetry::ReportMetrics;

/// The user or API key that requests a report; the unit of fairness.
pub type Requester = Arc<str>;

/// Capacity of a queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Reports that run concurrently.
    pub running_max: usize,
    /// Reports that wait.
    pub waiting_max: usize,
    /// Maximum wait of each.
    pub wait_max: Duration,
}

/// Why a report was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("busy: {ahead} reports are ahead of this one; try again in {} s", .retry_after.as_secs())]
pub struct Busy {
    /// Reports that run or wait before it.
    pub ahead: usize,
    /// Expected time until a retry succeeds.
    pub retry_after: Duration,
}

/// A fair queue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: QueueLimits,
    metrics: ReportMetrics,
    scheduler: Mutex<Scheduler<Permit>>,
}

/// Permission to run a report; released on drop.
#[derive(Debug)]
pub struct Permit {
    queue: Arc<Shared>,
    requester: Requester,
    started_at: Instant,
    /// Number of permits granted before and including this one.
    sequence: u64,
    /// Whether other reports were running at the start.
    started_concurrently: bool,
}

/// A waiting report; leaves the queue on drop.
struct QueuedReport<'a> {
    queue: &'a Shared,
    requester: &'a Requester,
    number: u64,
}

const RETRY_SECONDS_MAX: f64 = 60.0;

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(limits: QueueLimits, metrics: ReportMetrics) -> Self {
        let limits = QueueLimits { running_max: limits.running_max.max(1), ..limits };
        Self(Arc::new(Shared { limits, metrics, scheduler: Mutex::default() }))
    }

    /// Waits for a permit. Dropping the future leaves the queue.
    ///
    /// # Errors
    /// If the queue is full, or no permit is available in time.
    pub async fn acquire(&self, requester: &Requester) -> Result<Permit, Busy> {
        let queue = &self.0;
        let (number, permit) = {
            let mut scheduler = queue.scheduler();
            if scheduler.can_run(requester, &queue.limits) {
                return Ok(queue.grant(&mut scheduler, requester));
            }
            match scheduler.enqueue(requester, &queue.limits) {
                Some(waiting) => waiting,
                None => return Err(queue.reject(&scheduler, u64::MAX, "queue_full")),
            }
        };
        queue.metrics.waiting.inc();
        let queued = QueuedReport { queue, requester, number };
        if let Ok(Ok(permit)) = tokio::time::timeout(queue.limits.wait_max, permit).await {
            return Ok(permit);
        }
        let busy = queue.reject(&queue.scheduler(), queued.number, "waited_too_long");
        Err(busy)
    }
}

impl Shared {
    fn scheduler(&self) -> MutexGuard<'_, Scheduler<Permit>> {
        self.scheduler.lock()
    }

    fn grant(self: &Arc<Self>, scheduler: &mut Scheduler<Permit>, requester: &Requester) -> Permit {
        let started_concurrently = scheduler.running() > 0;
        let sequence = scheduler.grant(requester);
        self.metrics.running.inc();
        Permit {
            queue: Arc::clone(self),
            requester: Arc::clone(requester),
            started_at: Instant::now(),
            sequence,
            started_concurrently,
        }
    }

    fn reject(&self, scheduler: &Scheduler<Permit>, number: u64, reason: &'static str) -> Busy {
        self.metrics.refuse(reason);
        let ahead = scheduler.ahead_of(number);
        let rounds = (ahead as f64 / self.limits.running_max as f64).max(1.0);
        let seconds = (scheduler.average_seconds() * rounds).ceil().clamp(1.0, RETRY_SECONDS_MAX);
        Busy { ahead, retry_after: Duration::from_secs_f64(seconds) }
    }
}

impl Permit {
    /// Whether other reports ran at any time during this one.
    #[must_use]
    pub fn had_concurrency(&self) -> bool {
        self.started_concurrently || self.queue.scheduler().granted() > self.sequence
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let queue = &self.queue;
        queue.metrics.running.dec();
        // Sent after the lock is released: if the receiver is gone, the permit is dropped at once and locks again.
        let mut granted = Vec::new();
        {
            let mut scheduler = queue.scheduler();
            scheduler.release(&self.requester, self.started_at.elapsed());
            while let Some((requester, waiting)) = scheduler.next_runnable(&queue.limits) {
                granted.push((waiting, queue.grant(&mut scheduler, &requester)));
            }
        }
        for (waiting, permit) in granted {
            let _ = waiting.send(permit);
        }
    }
}

impl Drop for QueuedReport<'_> {
    fn drop(&mut self) {
        self.queue.metrics.waiting.dec();
        self.queue.scheduler().leave(self.requester, self.number);
    }
}
