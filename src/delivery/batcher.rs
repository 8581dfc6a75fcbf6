//! Pure logic: when a batch is due, and where it ends.

use std::time::Duration;

use crate::config;

/// How much longer to wait for more events, if `waiting` events wait and the oldest since `oldest`; `None` if the batch
/// is due.
pub fn time_until_due(waiting: u64, oldest: Duration, config: &config::Delivery) -> Option<Duration> {
    let flush = Duration::from_millis(config.flush_interval_ms);
    let left = flush.saturating_sub(oldest);
    (waiting < config.batch_events_max as u64 && !left.is_zero()).then_some(left)
}

/// Limits of a batch: rows of one version, bounded in number and bytes, at least one.
#[derive(Debug)]
pub struct BatchLimits<'c> {
    config: &'c config::Delivery,
    /// Of the first row.
    version: Option<u8>,
    count: usize,
    bytes: usize,
}

impl<'c> BatchLimits<'c> {
    /// An empty batch.
    pub fn new(config: &'c config::Delivery) -> Self {
        Self { config, version: None, count: 0, bytes: 0 }
    }

    /// Counts a record of this row version and size if it fits into the batch; false if not.
    pub fn try_add(&mut self, row_version: Option<u8>, row_bytes: usize) -> bool {
        let fits = row_version == self.version && self.bytes + row_bytes <= self.config.batch_bytes_max;
        if self.is_full() || (self.count > 0 && !fits) {
            return false;
        }
        self.version = row_version;
        self.count += 1;
        self.bytes += row_bytes;
        true
    }

    /// Whether the maximum number of events is reached.
    pub fn is_full(&self) -> bool {
        self.events_left() == 0
    }

    /// How many more events fit.
    pub fn events_left(&self) -> usize {
        self.config.batch_events_max.max(1) - self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> config::Delivery {
        config::Delivery { batch_events_max: 4, batch_bytes_max: 100, ..config::Config::defaults().delivery }
    }

    #[test]
    fn a_batch_is_due_when_it_is_full_or_old() {
        let check = |waiting, ms, expected| {
            let left = time_until_due(waiting, Duration::from_millis(ms), &config());
            assert_eq!(left, expected, "{waiting} events, {ms} ms");
        };
        check(1, 0, Some(Duration::from_millis(500)));
        check(3, 499, Some(Duration::from_millis(1)));
        check(1, 500, None);
        check(4, 0, None);
        check(1_000_000, 0, None);
    }

    #[test]
    fn a_batch_ends_at_its_limits_or_at_another_version() {
        let check = |records: &[(u8, usize)], expected| {
            let config = config();
            let mut limits = BatchLimits::new(&config);
            let added = records.iter().take_while(|(v, b)| limits.try_add(Some(*v), *b)).count();
            assert_eq!(added, expected, "{records:?}");
        };
        check(&[], 0);
        check(&[(1, 500)], 1);
        check(&[(1, 500), (1, 1)], 1);
        check(&[(1, 60), (1, 40), (1, 1)], 2);
        check(&[(1, 1); 9], 4);
        check(&[(1, 1), (2, 1), (2, 1)], 1);
    }
}
