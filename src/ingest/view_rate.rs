//! Behaviour that is no person's: more page views within ten seconds than anybody can make.
//!
//! A table of fixed size holds one count a visitor. Two visitors in one place of it make each other's
//! count begin anew: a robot may then go unseen, but nobody is taken for one by mistake. Only events that
//! are new are counted, by the time they happened, so that neither a client that tries again nor one that
//! sends a long backlog at once looks fast.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::model::{SiteId, Timestamp, VisitorId};

const PLACES: usize = 1 << 14;
const WINDOW_MS: i64 = 10_000;
/// What was seen to be fast is taken for a robot this long after.
const SENTENCE_MS: i64 = 30 * 60_000;
/// Bits of a count, and of the number of a window.
const COUNT_BITS: u32 = 10;
const WINDOW_BITS: u32 = 30;
/// The highest limit that can be counted to.
pub const LIMIT_MAX: u64 = (1 << COUNT_BITS) - 2;

/// How fast visitors are; half a megabyte at most, whatever comes.
pub struct ViewRate {
    places: Box<[Place]>,
    /// More page views within ten seconds than this are a robot's; 0: nothing is.
    limit: u64,
}

#[derive(Default)]
struct Place {
    /// Tag of the visitor, number of the window, count.
    window: AtomicU64,
    /// Tag of the visitor, and the window in which too much was seen.
    caught: AtomicU64,
}

impl fmt::Debug for ViewRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewRate").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl ViewRate {
    /// With the most page views within ten seconds that a person is believed to make; 0 believes anything.
    #[must_use]
    pub fn new(pageviews_per_10s_max: u64) -> Self {
        let places = if pageviews_per_10s_max == 0 { 0 } else { PLACES };
        Self { places: (0..places).map(|_| Place::default()).collect(), limit: pageviews_per_10s_max.min(LIMIT_MAX) }
    }

    /// Counts a new page view that happened at `at`.
    pub fn note(&self, site: SiteId, visitor: VisitorId, at: Timestamp) {
        let Some((place, tag)) = self.place(site, visitor) else { return };
        let window = tag | window_of(at);
        let begun = window << COUNT_BITS | 1;
        let counted = place.window.fetch_update(Relaxed, Relaxed, |known| {
            let goes_on = known >> COUNT_BITS == window && known & LIMIT_MAX != LIMIT_MAX;
            Some(if goes_on { known + 1 } else { begun })
        });
        let seen = counted
            .map_or(0, |known| if known >> COUNT_BITS == window { (known & ((1 << COUNT_BITS) - 1)) + 1 } else { 1 });
        if seen > self.limit {
            place.caught.store(window, Relaxed);
        }
    }

    /// Whether the visitor was too fast around `at`, or within half an hour before.
    #[must_use]
    pub fn is_impossible(&self, site: SiteId, visitor: VisitorId, at: Timestamp) -> bool {
        let Some((place, tag)) = self.place(site, visitor) else { return false };
        let caught = place.caught.load(Relaxed);
        let windows = (1 << WINDOW_BITS) - 1;
        let since = window_of(at).wrapping_sub(caught & windows);
        caught & !windows == tag && caught != 0 && since <= (SENTENCE_MS / WINDOW_MS).unsigned_abs()
    }

    fn place(&self, site: SiteId, visitor: VisitorId) -> Option<(&Place, u64)> {
        // Ids are random already, or the hash of something: folding them is enough.
        let folded = visitor.0 ^ (visitor.0 >> 64) ^ u128::from(site.0) << 17;
        let mixed = u64::try_from(folded & u128::from(u64::MAX)).unwrap_or(0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let place = self.places.get(usize::try_from(mixed >> 50).unwrap_or(0))?;
        let tag = (mixed >> 26 & ((1 << (64 - COUNT_BITS - WINDOW_BITS)) - 1)) << WINDOW_BITS;
        Some((place, tag))
    }
}

/// The number of the ten seconds that a moment lies in.
fn window_of(at: Timestamp) -> u64 {
    at.0.div_euclid(WINDOW_MS).unsigned_abs() & ((1 << WINDOW_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SITE: SiteId = SiteId(1);
    const NOW: Timestamp = Timestamp(1_763_798_400_000);

    fn views(pace: &ViewRate, visitor: u128, count: u64, at: Timestamp) {
        (0..count).for_each(|_| pace.note(SITE, VisitorId(visitor), at));
    }

    #[test]
    fn only_what_nobody_can_do_is_impossible_and_only_for_a_while() {
        let pace = ViewRate::new(60);
        let is_impossible = |visitor, after_ms| pace.is_impossible(SITE, VisitorId(visitor), NOW.plus(after_ms));
        views(&pace, 7, 60, NOW);
        assert!(!is_impossible(7, 0));
        views(&pace, 7, 60, NOW.plus(10_000));
        assert!(!is_impossible(7, 10_000), "the count begins anew with the next ten seconds");
        views(&pace, 7, 1, NOW.plus(10_000));
        assert!(is_impossible(7, 10_000));
        assert!(is_impossible(7, 29 * 60_000));
        assert!(!is_impossible(7, 31 * 60_000));
        assert!(!is_impossible(7, -60_000), "what was before is not judged by what came after");
        assert!(!is_impossible(8, 10_000));
        assert!(!pace.is_impossible(SiteId(2), VisitorId(7), NOW.plus(10_000)));
    }

    #[test]
    fn a_limit_of_nothing_believes_anything_and_a_huge_one_still_ends() {
        let pace = ViewRate::new(0);
        views(&pace, 7, 5000, NOW);
        assert!(!pace.is_impossible(SITE, VisitorId(7), NOW));
        let pace = ViewRate::new(u64::MAX);
        views(&pace, 7, 5000, NOW);
        assert!(pace.is_impossible(SITE, VisitorId(7), NOW));
    }

    proptest! {
        /// However many visitors share a place of the table, none who is slow is caught.
        #[test]
        fn nobody_slow_is_caught(visitors in proptest::collection::vec(any::<u128>(), 1..200)) {
            let pace = ViewRate::new(10);
            for second in 0..5 {
                for visitor in &visitors {
                    pace.note(SITE, VisitorId(*visitor), NOW.plus(second * 10_000));
                }
            }
            let mut distinct = visitors.clone();
            distinct.sort_unstable();
            distinct.dedup();
            for visitor in distinct {
                let times = visitors.iter().filter(|other| **other == visitor).count();
                if times <= 10 {
                    prop_assert!(!pace.is_impossible(SITE, VisitorId(visitor), NOW.plus(40_000)));
                }
            }
        }
    }
}
