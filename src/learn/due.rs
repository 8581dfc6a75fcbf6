//! When the base index of a site is rebuilt.
//!
//! No I/O. For a large site a rebuild takes seconds, and newer events are served in addition anyway (`recent`): so the
//! next build waits in proportion to the duration of the last one, and while many rows are arriving in the store (a
//! backlog, an import), until they have arrived, at most a minute.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::read::ItemChange;

/// The pause after a build, as a multiple of its duration, when more events arrived than `recent` keeps.
const REST_FACTOR_OVERFLOWED: u32 = 4;
/// A bulk load: at least so many rows since the last check, and at least one in so many of all.
const BULK_LOAD_MIN: u64 = 20_000;
const BULK_LOAD_PART: u64 = 20;
/// How long a build waits for a bulk load.
const BULK_LOAD_WAIT_MAX: Duration = Duration::from_mins(1);

/// Build schedule of one site.
#[derive(Debug)]
pub(super) struct Due {
    /// The pause after a build, as a multiple of its duration.
    rest_factor: u32,
    built: Option<Built>,
    /// Result of the last check.
    seen: Option<ItemChange>,
    /// Since when there are events that no build includes.
    since: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Built {
    change: ItemChange,
    ended: Instant,
    took: Duration,
}

impl Due {
    pub(super) const fn new(rest_factor: u32) -> Self {
        Self { rest_factor, built: None, seen: None, since: None }
    }

    /// Returns whether to build now, given the extent of the site's stored events. `again`: another change requires a
    /// rebuild. `overflowed`: more events arrived than are kept in addition to the base index.
    pub(super) fn check(&mut self, change: ItemChange, again: bool, overflowed: bool, now: Instant) -> bool {
        let before = self.seen.replace(change);
        if self.built.is_some_and(|built| built.change == change) && !again {
            self.since = None;
            return false;
        }
        let waits_since = *self.since.get_or_insert(now);
        let new_rows = change.events.saturating_sub(before.map_or(0, |before| before.events));
        let is_bulk_load = before.is_some() && new_rows >= BULK_LOAD_MIN && new_rows >= change.events / BULK_LOAD_PART;
        if is_bulk_load && now.duration_since(waits_since) < BULK_LOAD_WAIT_MAX {
            return false;
        }
        let factor = self.rest_factor.min(if overflowed { REST_FACTOR_OVERFLOWED } else { u32::MAX });
        self.built.is_none_or(|built| now.duration_since(built.ended) >= built.took.saturating_mul(factor))
    }

    /// Records the end of a build.
    pub(super) fn built(&mut self, change: ItemChange, took: Duration, ended: Instant) {
        self.built = Some(Built { change, ended, took });
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(events: u64) -> ItemChange {
        ItemChange { site_id: 1, events, newest_position: events }
    }

    #[test]
    fn a_build_is_due_when_there_are_new_events_and_the_pause_is_over() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut due = Due::new(20);
        assert!(due.check(change(10), false, false, at(0)), "the first");
        due.built(change(10), Duration::from_secs(2), at(2));
        assert!(!due.check(change(10), false, false, at(99)), "nothing new");
        assert!(due.check(change(10), true, false, at(99)), "another change requires it");
        assert!(!due.check(change(11), false, false, at(41)), "39 of 40 seconds");
        assert!(due.check(change(11), false, false, at(42)));
        assert!(!due.check(change(12), false, true, at(9)), "7 of 8 seconds");
        assert!(due.check(change(12), false, true, at(10)), "more events than are kept");
    }

    #[test]
    fn during_a_bulk_load_it_waits_a_minute_at_most() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut due = Due::new(20);
        assert!(due.check(change(1), false, false, at(0)));
        due.built(change(1), Duration::ZERO, at(0));
        for n in 1..12 {
            assert!(!due.check(change(n * 100_000), false, false, at(n * 5)), "check {n}");
        }
        assert!(due.check(change(1_200_000), false, false, at(65)));
        let mut calm = Due::new(20);
        calm.built(change(1), Duration::ZERO, at(0));
        assert!(!calm.check(change(1), false, false, at(1)));
        assert!(!calm.check(change(100_000), false, false, at(5)));
        assert!(calm.check(change(100_300), false, false, at(10)), "the load has ended");
    }
}
