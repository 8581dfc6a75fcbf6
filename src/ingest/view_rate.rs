//! Detects robots by their rate: more page views within ten seconds than a person can make.
//!
//! A table of fixed size holds one count per visitor. Two visitors in one slot reset each other's count: a robot may
//! then be missed, but a person is never blocked by mistake. Only new events are counted, by the time they happened, so
//! that neither a retry nor a long backlog sent at once looks fast.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::model::{SiteId, Timestamp, VisitorId};

const SLOTS: usize = 1 << 14;
const WINDOW_MS: i64 = 10_000;
/// A visitor who was too fast counts as a robot this long afterwards.
const BLOCK_MS: i64 = 30 * 60_000;
/// Bits of a count, and of a window number.
const COUNT_BITS: u32 = 10;
const WINDOW_BITS: u32 = 30;
/// The highest limit that fits the count.
pub const LIMIT_MAX: u64 = (1 << COUNT_BITS) - 2;

/// Page views per visitor and window; at most half a megabyte.
pub struct ViewRate {
    slots: Box<[Slot]>,
    /// More page views within ten seconds than this are a robot's; 0 disables the check.
    limit: u64,
}

#[derive(Default)]
struct Slot {
    /// Tag of the visitor, number of the window, count.
    window: AtomicU64,
    /// Tag of the visitor, and the window in which the limit was exceeded.
    blocked: AtomicU64,
}

impl fmt::Debug for ViewRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewRate").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl ViewRate {
    /// With the most page views within ten seconds that a person can make; 0 disables the check.
    #[must_use]
    pub fn new(pageviews_per_10s_max: u64) -> Self {
        let slots = if pageviews_per_10s_max == 0 { 0 } else { SLOTS };
        Self { slots: (0..slots).map(|_| Slot::default()).collect(), limit: pageviews_per_10s_max.min(LIMIT_MAX) }
    }

    /// Counts a new page view that happened at `at`.
    pub fn record(&self, site: SiteId, visitor: VisitorId, at: Timestamp) {
        let Some((slot, tag)) = self.slot(site, visitor) else { return };
        let window = tag | window_of(at);
        let first = window << COUNT_BITS | 1;
        let previous = slot.window.fetch_update(Relaxed, Relaxed, |count| {
            let continues = count >> COUNT_BITS == window && count & LIMIT_MAX != LIMIT_MAX;
            Some(if continues { count + 1 } else { first })
        });
        let views = previous
            .map_or(0, |count| if count >> COUNT_BITS == window { (count & ((1 << COUNT_BITS) - 1)) + 1 } else { 1 });
        if views > self.limit {
            slot.blocked.store(window, Relaxed);
        }
    }

    /// Whether the visitor was too fast around `at`, or within half an hour before.
    #[must_use]
    pub fn is_too_fast(&self, site: SiteId, visitor: VisitorId, at: Timestamp) -> bool {
        let Some((slot, tag)) = self.slot(site, visitor) else { return false };
        let blocked = slot.blocked.load(Relaxed);
        let windows = (1 << WINDOW_BITS) - 1;
        let since = window_of(at).wrapping_sub(blocked & windows);
        blocked & !windows == tag && blocked != 0 && since <= (BLOCK_MS / WINDOW_MS).unsigned_abs()
    }

    fn slot(&self, site: SiteId, visitor: VisitorId) -> Option<(&Slot, u64)> {
        // Ids are random or hashes: folding them is enough.
        let folded = visitor.0 ^ (visitor.0 >> 64) ^ u128::from(site.0) << 17;
        let mixed = u64::try_from(folded & u128::from(u64::MAX)).unwrap_or(0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = self.slots.get(usize::try_from(mixed >> 50).unwrap_or(0))?;
        let tag = (mixed >> 26 & ((1 << (64 - COUNT_BITS - WINDOW_BITS)) - 1)) << WINDOW_BITS;
        Some((slot, tag))
    }
}

/// The number of the ten-second window of a time.
fn window_of(at: Timestamp) -> u64 {
    at.0.div_euclid(WINDOW_MS).unsigned_abs() & ((1 << WINDOW_BITS) - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SITE: SiteId = SiteId(1);
    const NOW: Timestamp = Timestamp(1_763_798_400_000);

    fn views(rate: &ViewRate, visitor: u128, count: u64, at: Timestamp) {
        (0..count).for_each(|_| rate.record(SITE, VisitorId(visitor), at));
    }

    #[test]
    fn only_superhuman_rates_are_blocked_and_only_for_a_while() {
        let rate = ViewRate::new(60);
        let is_too_fast = |visitor, after_ms| rate.is_too_fast(SITE, VisitorId(visitor), NOW.plus(after_ms));
        views(&rate, 7, 60, NOW);
        assert!(!is_too_fast(7, 0));
        views(&rate, 7, 60, NOW.plus(10_000));
        assert!(!is_too_fast(7, 10_000), "the count restarts with the next ten seconds");
        views(&rate, 7, 1, NOW.plus(10_000));
        assert!(is_too_fast(7, 10_000));
        assert!(is_too_fast(7, 29 * 60_000));
        assert!(!is_too_fast(7, 31 * 60_000));
        assert!(!is_too_fast(7, -60_000), "earlier events are not affected");
        assert!(!is_too_fast(8, 10_000));
        assert!(!rate.is_too_fast(SiteId(2), VisitorId(7), NOW.plus(10_000)));
    }

    #[test]
    fn zero_disables_the_check_and_a_huge_limit_is_capped() {
        let rate = ViewRate::new(0);
        views(&rate, 7, 5000, NOW);
        assert!(!rate.is_too_fast(SITE, VisitorId(7), NOW));
        let rate = ViewRate::new(u64::MAX);
        views(&rate, 7, 5000, NOW);
        assert!(rate.is_too_fast(SITE, VisitorId(7), NOW));
    }

    proptest! {
        /// However many visitors share a slot, none who is slow is blocked.
        #[test]
        fn slow_visitors_are_never_blocked(visitors in proptest::collection::vec(any::<u128>(), 1..200)) {
            let rate = ViewRate::new(10);
            for second in 0..5 {
                for visitor in &visitors {
                    rate.record(SITE, VisitorId(*visitor), NOW.plus(second * 10_000));
                }
            }
            let mut distinct = visitors.clone();
            distinct.sort_unstable();
            distinct.dedup();
            for visitor in distinct {
                let times = visitors.iter().filter(|other| **other == visitor).count();
                if times <= 10 {
                    prop_assert!(!rate.is_too_fast(SITE, VisitorId(visitor), NOW.plus(40_000)));
                }
            }
        }
    }
}
