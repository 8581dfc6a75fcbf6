//! Queues of reports, and the resource limits of each report.

use std::{
    num::NonZero,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use tokio::sync::OnceCell;

use super::{
    queue::{Queue, QueueLimits},
    run::Report,
};
use crate::{
    config,
    store::{ErrorKind, Priority, QueryLimits, ServerLimits, Store},
    telemetry::ReportMetrics,
};

/// All concurrent long reports together may use one part in so many of the server's memory, short ones half as much;
/// the rest is left to inserts, merges, live queries and caches.
const MEMORY_DIVISOR: u64 = 2;
/// Minimum memory limit of a report, bytes: the server's buffers for one query take some tens of megabytes.
const MEMORY_BYTES_MIN: u64 = 128 << 20;

/// Long and short reports have separate queues, so that one visitor's profile never waits for a year of funnels.
#[derive(Debug)]
pub(super) struct Queues {
    long: Queue,
    short: Queue,
}

impl Queues {
    pub(super) fn new(config: &config::Reports, metrics: &ReportMetrics) -> Self {
        let limits = QueueLimits {
            running_max: running_max(config),
            waiting_max: config.waiting_max,
            wait_max: Duration::from_millis(config.wait_ms),
        };
        let queue = || Queue::new(limits, metrics.clone());
        Self { long: queue(), short: queue() }
    }

    pub(super) const fn queue(&self, report: Report) -> &Queue {
        if report.is_short() { &self.short } else { &self.long }
    }
}

/// Determines the limits of each report.
#[derive(Debug)]
pub(super) struct LimitPolicy {
    memory_bytes_max: Option<u64>,
    threads_max: Option<u64>,
    running_max: u64,
    /// Read from the server once it answers.
    server: OnceCell<ServerLimits>,
}

impl LimitPolicy {
    pub(super) fn new(config: &config::Reports) -> Self {
        Self {
            memory_bytes_max: NonZero::new(config.memory_bytes_max).map(NonZero::get),
            threads_max: NonZero::new(config.threads_max).map(NonZero::get),
            running_max: running_max(config) as u64,
            server: OnceCell::new(),
        }
    }

    /// The limits of a report that starts now.
    pub(super) async fn limits(&self, report: Report, store: &Store) -> QueryLimits {
        // All queries of the report share one deadline, including the one for the server's limits.
        let deadline = Some(Instant::now() + store.query_timeout());
        let limited = store.with_limits(QueryLimits { deadline, ..QueryLimits::default() });
        // A failure is retried by the next report; this report's own queries will return the error.
        let server = self.server.get_or_try_init(|| limited.server_limits()).await;
        if let Err(error) = &server
            && error.kind() != ErrorKind::Retry
        {
            tracing::warn!(%error, "cannot read the server's limits for reports");
        }
        let server = server.ok();
        let memory_part =
            |limits: &ServerLimits| (limits.memory_bytes / MEMORY_DIVISOR / self.running_max).max(MEMORY_BYTES_MIN);
        let with_memory_limit = server.filter(|limits| limits.memory_bytes > 0);
        let long = self.memory_bytes_max.or_else(|| with_memory_limit.map(memory_part));
        let pauses_briefly = server.is_some_and(|limits| limits.pauses_briefly);
        QueryLimits {
            memory_bytes_max: if report.is_short() {
                long.map(|bytes| (bytes / 2).max(MEMORY_BYTES_MIN))
            } else {
                long
            },
            threads_max: self.threads_max,
            priority: if pauses_briefly { Priority::Report } else { Priority::None },
            deadline,
            session: None,
        }
    }
}

/// As configured; by default half the number of processors, at least two.
fn running_max(config: &config::Reports) -> usize {
    match config.running_max {
        0 => available_parallelism().map_or(2, |processors| processors.get().div_ceil(2)).max(2),
        max => max,
    }
}
