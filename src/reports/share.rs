//! How much of the warehouse each question gets.

use std::{
    num::NonZero,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use tokio::sync::OnceCell;

use super::{
    queue::{Limits, Queue},
    request::Report,
};
use crate::{
    config,
    store::{self, ErrorKind, Priority, Share, Store},
    telemetry::ReportMetrics,
};

/// Long questions together may take this part of the warehouse's memory, short ones half as much; the rest is left
/// to inserts, merges, live reads and caches.
const MEMORY_PART: u64 = 2;
/// No question gets less, bytes: the warehouse's own buffers for one take some tens of megabytes.
const MEMORY_BYTES_MIN: u64 = 128 << 20;

/// Long and short questions wait apart, so that a look at one visitor never waits for a year of funnels.
#[derive(Debug)]
pub(super) struct Queues {
    long: Queue,
    short: Queue,
}

impl Queues {
    pub(super) fn new(config: &config::Reports, metrics: &ReportMetrics) -> Self {
        let limits = Limits {
            running_max: running_max(config),
            waiting_max: config.waiting_max,
            wait_max: Duration::from_millis(config.wait_ms),
        };
        let queue = || Queue::new(limits, metrics.clone());
        Self { long: queue(), short: queue() }
    }

    pub(super) const fn of(&self, report: Report) -> &Queue {
        if report.is_short() { &self.short } else { &self.long }
    }
}

/// What one question may take.
#[derive(Debug)]
pub(super) struct Shares {
    memory_bytes_max: Option<u64>,
    threads_max: Option<u64>,
    running_max: u64,
    /// What the warehouse says of itself; asked once it answers.
    warehouse: OnceCell<store::Limits>,
}

impl Shares {
    pub(super) fn new(config: &config::Reports) -> Self {
        Self {
            memory_bytes_max: NonZero::new(config.memory_bytes_max).map(NonZero::get),
            threads_max: NonZero::new(config.threads_max).map(NonZero::get),
            running_max: running_max(config) as u64,
            warehouse: OnceCell::new(),
        }
    }

    /// The share of a question that begins now.
    pub(super) async fn of(&self, report: Report, store: &Store) -> Share {
        // All of the answer's questions share its time, this first one too.
        let until = Some(Instant::now() + store.query_timeout());
        let asking = store.with_share(Share { until, ..Share::default() });
        // A warehouse that cannot say it now is asked again; the question itself will show why.
        let warehouse = self.warehouse.get_or_try_init(|| asking.limits()).await;
        if let Err(error) = &warehouse
            && error.kind() != ErrorKind::Retry
        {
            tracing::warn!(%error, "what a report may take is not known");
        }
        let warehouse = warehouse.ok();
        let part =
            |limits: &store::Limits| (limits.memory_bytes / MEMORY_PART / self.running_max).max(MEMORY_BYTES_MIN);
        let limited = warehouse.filter(|limits| limits.memory_bytes > 0);
        let long = self.memory_bytes_max.or_else(|| limited.map(part));
        let pauses_briefly = warehouse.is_some_and(|limits| limits.pauses_briefly);
        Share {
            memory_bytes_max: if report.is_short() {
                long.map(|bytes| (bytes / 2).max(MEMORY_BYTES_MIN))
            } else {
                long
            },
            threads_max: self.threads_max,
            priority: if pauses_briefly { Priority::Report } else { Priority::None },
            until,
        }
    }
}

/// As configured, or half as many as there are processors, two at least.
fn running_max(config: &config::Reports) -> usize {
    match config.running_max {
        0 => available_parallelism().map_or(2, |processors| processors.get().div_ceil(2)).max(2),
        most => most,
    }
}
