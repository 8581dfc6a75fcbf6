//! PURE: when a batch is due, and where it ends.

use std::time::Duration;

use crate::config;

/// How much longer to wait for more events; `None` when the batch is due.
pub fn wait(waiting: u64, oldest: Duration, config: &config::Delivery) -> Option<Duration> {
    let flush = Duration::from_millis(config.flush_interval_ms);
    let longer = flush.saturating_sub(oldest);
    (waiting < config.batch_events_max as u64 && !longer.is_zero()).then_some(longer)
}

/// Where a batch ends: rows of one version, bounded in number and bytes, at least one.
#[derive(Debug)]
pub struct Cut<'c> {
    config: &'c config::Delivery,
    /// Of the first row.
    version: Option<u8>,
    count: usize,
    bytes: usize,
}

impl<'c> Cut<'c> {
    /// An empty batch.
    pub fn new(config: &'c config::Delivery) -> Self {
        Self { config, version: None, count: 0, bytes: 0 }
    }

    /// Whether a record of this row version and size still belongs to the batch; then it is counted in.
    pub fn takes(&mut self, row_version: Option<u8>, row_bytes: usize) -> bool {
        let fits = row_version == self.version && self.bytes + row_bytes <= self.config.batch_bytes_max;
        if self.is_full() || (self.count > 0 && !fits) {
            return false;
        }
        self.version = row_version;
        self.count += 1;
        self.bytes += row_bytes;
        true
    }

    /// Whether it has all the events it may have.
    pub fn is_full(&self) -> bool {
        self.events_left() == 0
    }

    /// How many more events it may have.
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
            let waited = wait(waiting, Duration::from_millis(ms), &config());
            assert_eq!(waited, expected, "{waiting} events, {ms} ms");
        };
        check(1, 0, Some(Duration::from_millis(500)));
        check(3, 499, Some(Duration::from_millis(1)));
        check(1, 500, None);
        check(4, 0, None);
        check(1_000_000, 0, None);
    }

    #[test]
    fn a_batch_ends_at_its_bounds_or_at_another_version() {
        let check = |records: &[(u8, usize)], expected| {
            let config = config();
            let mut cut = Cut::new(&config);
            let taken = records.iter().take_while(|(v, b)| cut.takes(Some(*v), *b)).count();
            assert_eq!(taken, expected, "{records:?}");
        };
        check(&[], 0);
        check(&[(1, 500)], 1);
        check(&[(1, 500), (1, 1)], 1);
        check(&[(1, 60), (1, 40), (1, 1)], 2);
        check(&[(1, 1); 9], 4);
        check(&[(1, 1), (2, 1), (2, 1)], 1);
    }
}
