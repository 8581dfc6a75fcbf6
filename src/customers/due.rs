//! When a site's table is computed again.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::OrderChange;

/// The pause after a computation is at least so many times its duration, unless the table is old.
const REST_FACTOR: u32 = 20;

/// The last computation of one site's table.
#[derive(Debug, Default)]
pub(super) struct Due {
    computed: Option<(OrderChange, Instant)>,
    /// Not again before.
    resting_until: Option<Instant>,
}

impl Due {
    /// Whether the table is to be computed: orders changed, or it is older than `refresh`.
    pub(super) fn is_due(&self, change: &OrderChange, refresh: Duration, now: Instant) -> bool {
        let is_resting = self.resting_until.is_some_and(|until| now < until);
        let is_current =
            self.computed.is_some_and(|(computed, at)| computed == *change && now.duration_since(at) < refresh);
        !is_resting && !is_current
    }

    /// Records a table of these orders, computed from `begun` to `now`.
    pub(super) fn done(&mut self, change: OrderChange, begun: Instant, now: Instant) {
        self.computed = Some((change, begun));
        self.rest(begun, now);
    }

    /// Records a failed attempt.
    pub(super) fn failed(&mut self, begun: Instant, now: Instant) {
        self.rest(begun, now);
    }

    fn rest(&mut self, begun: Instant, now: Instant) {
        self.resting_until = Some(now + now.duration_since(begun) * REST_FACTOR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_computed_after_changes_and_when_it_is_old_but_not_all_the_time() {
        let change = |events| OrderChange { site_id: 1, events, newest_ms: 5 };
        let (hour, second) = (Duration::from_hours(1), Duration::from_secs(1));
        let start = Instant::now();
        let mut due = Due::default();
        assert!(due.is_due(&change(1), hour, start));
        due.done(change(1), start, start + second);
        assert!(!due.is_due(&change(2), hour, start + second * 20), "the pause is twenty times the duration");
        assert!(due.is_due(&change(2), hour, start + second * 21));
        assert!(!due.is_due(&change(1), hour, start + second * 21), "nothing changed");
        assert!(due.is_due(&change(1), hour, start + hour), "probabilities change with time");
        due.failed(start + hour, start + hour + second);
        assert!(!due.is_due(&change(1), hour, start + hour + second));
        assert!(due.is_due(&change(1), hour, start + hour + second * 21), "and again after a failure");
    }
}
