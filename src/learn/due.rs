//! When the large index of a site is built anew.
//!
//! PURE. Reading everything again costs seconds of a large site, and what came since is served beside it
//! anyway (`recent`): so a build waits in proportion to what the last one cost, and while rows pour into
//! the store (a backlog, an import) it waits until they have come, a minute at most.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::read::ItemChange;

/// After a build the next one waits at most so many times as long as it took, when more came than is kept beside it.
const REST_FACTOR_OVERFLOWED: u32 = 4;
/// Rows pour in when at least so many came since the last look, and a part of all, as a fraction.
const POURING_MIN: u64 = 20_000;
const POURING_PART: u64 = 20;
/// How long a build waits for them.
const POURING_WAIT_MAX: Duration = Duration::from_mins(1);

/// What is known of one site's builds.
#[derive(Debug)]
pub(super) struct Due {
    /// After a build the next one waits so many times as long as it took.
    rest_factor: u32,
    built: Option<Built>,
    /// What the last look found.
    seen: Option<ItemChange>,
    /// Since when there has been something that no build has.
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

    /// Looks at how far a site's events go; whether to build now. `again`: something else than events asks
    /// for it. `overflowed`: more came than is kept beside the large index.
    pub(super) fn look(&mut self, change: ItemChange, again: bool, overflowed: bool, now: Instant) -> bool {
        let before = self.seen.replace(change);
        if self.built.is_some_and(|built| built.change == change) && !again {
            self.since = None;
            return false;
        }
        let waits_since = *self.since.get_or_insert(now);
        let came = change.events.saturating_sub(before.map_or(0, |before| before.events));
        let pours = before.is_some() && came >= POURING_MIN && came >= change.events / POURING_PART;
        if pours && now.duration_since(waits_since) < POURING_WAIT_MAX {
            return false;
        }
        let factor = self.rest_factor.min(if overflowed { REST_FACTOR_OVERFLOWED } else { u32::MAX });
        self.built.is_none_or(|built| now.duration_since(built.ended) >= built.took.saturating_mul(factor))
    }

    /// A build of what was seen last has ended.
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
    fn a_build_is_due_when_there_is_something_new_and_the_last_one_is_paid_for() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut due = Due::new(20);
        assert!(due.look(change(10), false, false, at(0)), "the first");
        due.built(change(10), Duration::from_secs(2), at(2));
        assert!(!due.look(change(10), false, false, at(99)), "nothing new");
        assert!(due.look(change(10), true, false, at(99)), "something else asks for it");
        assert!(!due.look(change(11), false, false, at(41)), "39 of 40 seconds");
        assert!(due.look(change(11), false, false, at(42)));
        assert!(!due.look(change(12), false, true, at(9)), "7 of 8 seconds");
        assert!(due.look(change(12), false, true, at(10)), "more came than is kept");
    }

    #[test]
    fn while_rows_pour_in_it_waits_a_minute_at_most() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut due = Due::new(20);
        assert!(due.look(change(1), false, false, at(0)));
        due.built(change(1), Duration::ZERO, at(0));
        for n in 1..12 {
            assert!(!due.look(change(n * 100_000), false, false, at(n * 5)), "look {n}");
        }
        assert!(due.look(change(1_200_000), false, false, at(65)));
        let mut calm = Due::new(20);
        calm.built(change(1), Duration::ZERO, at(0));
        assert!(!calm.look(change(1), false, false, at(1)));
        assert!(!calm.look(change(100_000), false, false, at(5)));
        assert!(calm.look(change(100_300), false, false, at(10)), "they have come");
    }
}
