//! PURE: when a batch is due, and where it ends.

use std::time::Duration;

use crate::config;

/// How much longer to wait for more events; `None` when the batch is due.
pub fn wait(waiting: u64, oldest: Duration, config: &config::Delivery) -> Option<Duration> {
    let flush = Duration::from_millis(config.flush_interval_ms);
    let longer = flush.saturating_sub(oldest);
    (waiting < config.batch_events_max as u64 && !longer.is_zero()).then_some(longer)
}

/// How many of these records, given as (row version, bytes), make one batch: rows of one version,
/// bounded in number and bytes, at least one.
pub fn cut(records: impl Iterator<Item = (Option<u8>, usize)>, config: &config::Delivery) -> usize {
    let mut bytes = 0;
    let mut version = None;
    let mut count = 0;
    for (row_version, row_bytes) in records.take(config.batch_events_max.max(1)) {
        bytes += row_bytes;
        let first = *version.get_or_insert(row_version);
        if count > 0 && (row_version != first || bytes > config.batch_bytes_max) {
            break;
        }
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> config::Delivery {
        config::Delivery {
            batch_events_max: 4,
            batch_bytes_max: 100,
            flush_interval_ms: 500,
            retry_backoff_ms: 1,
            retry_backoff_max_ms: 1,
        }
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
            assert_eq!(cut(records.iter().map(|(v, b)| (Some(*v), *b)), &config()), expected, "{records:?}");
        };
        check(&[], 0);
        check(&[(1, 500)], 1);
        check(&[(1, 60), (1, 40), (1, 1)], 2);
        check(&[(1, 1); 9], 4);
        check(&[(1, 1), (2, 1), (2, 1)], 1);
    }
}
