//! Cache of the visitor lists behind a funnel's `dropped_list` and `converted_list` handles, for one hour.
//!
//! Lists are cached rather than recomputed from a handle that contains the request: they contain exactly the visitors
//! that the chart counted, paging is free, and handles are short. A restart loses them; the dashboard then requests the
//! funnel again.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::{
    model::{SiteId, Timestamp, VisitorId},
    reports::period::HOUR_MS,
};

/// Lifetime of a list.
const LIFETIME_MS: i64 = HOUR_MS;
/// Maximum visitors in one list; the rest are only counted.
pub(super) const LIST_MAX: usize = 10_000;
/// Maximum visitors in all lists together (32 bytes each); beyond it the oldest lists are evicted.
const VISITORS_MAX: usize = 1_000_000;
/// What stands before the step in a handle of those who got there or further.
const FROM_HERE: &str = "-from-";
/// Maximum funnels with cached lists.
const FUNNELS_MAX: usize = 1000;

/// Drop-out lists by handle.
#[derive(Debug, Default)]
pub struct DropoutCache {
    funnels: Mutex<VecDeque<CachedFunnel>>,
}

#[derive(Debug)]
struct CachedFunnel {
    handle: u128,
    site: SiteId,
    expires_at: Timestamp,
    lists: Vec<DropoutList>,
}

/// Visitors who dropped out at one step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DropoutList {
    /// Their number.
    pub(super) total: u64,
    /// The latest entrants with the time of entry, newest first.
    pub(super) visitors: Vec<(VisitorId, Timestamp)>,
}

impl DropoutCache {
    /// Caches one list per step; returns two unguessable handles per step: of those who dropped out, and of those who got
    /// to the step or further.
    pub(super) fn insert(&self, site: SiteId, lists: Vec<DropoutList>, now: Timestamp) -> Vec<[String; 2]> {
        let handle: u128 = rand::random();
        let handles = (1..=lists.len()).map(|step| {
            let of = |kind: &str| [&VisitorId(handle).to_string(), kind, &step.to_string()].concat();
            [of("-"), of(FROM_HERE)]
        });
        let handles = handles.collect();
        let mut funnels = self.funnels.lock();
        funnels.push_back(CachedFunnel { handle, site, expires_at: now.plus(LIFETIME_MS), lists });
        let mut visitors: usize = funnels.iter().map(CachedFunnel::visitors).sum();
        while funnels
            .front()
            .is_some_and(|f| f.expires_at <= now || visitors > VISITORS_MAX || funnels.len() > FUNNELS_MAX)
        {
            visitors -= funnels.pop_front().map_or(0, |evicted| evicted.visitors());
        }
        handles
    }

    /// The step (from 1) and list of a handle, if it is still cached and belongs to this site.
    pub(super) fn get(&self, site: SiteId, handle: &str, now: Timestamp) -> Option<(usize, DropoutList)> {
        let (handle, step, and_further) = match handle.split_once(FROM_HERE) {
            Some((handle, step)) => (handle, step, true),
            None => handle.split_once('-').map(|(handle, step)| (handle, step, false))?,
        };
        let handle: VisitorId = handle.parse().ok()?;
        let step: usize = step.parse().ok()?;
        let funnels = self.funnels.lock();
        let cached = funnels.iter().find(|f| f.handle == handle.0 && f.site == site && now < f.expires_at)?;
        let lists = cached.lists.get(step.checked_sub(1)?..).filter(|lists| !lists.is_empty())?;
        Some((step, if and_further { all_of(lists) } else { lists[0].clone() }))
    }
}

/// The latest entrants of several lists. Each has its own latest, so that none of all is missing.
fn all_of(lists: &[DropoutList]) -> DropoutList {
    let mut visitors: Vec<(VisitorId, Timestamp)> = lists.iter().flat_map(|list| list.visitors.clone()).collect();
    visitors.sort_unstable_by_key(|(visitor, entered_at)| std::cmp::Reverse((*entered_at, *visitor)));
    visitors.truncate(LIST_MAX);
    DropoutList { total: lists.iter().map(|list| list.total).sum(), visitors }
}

impl CachedFunnel {
    fn visitors(&self) -> usize {
        self.lists.iter().map(|list| list.visitors.len()).sum()
    }
}

/// The latest entrants among any number of visitors.
#[derive(Debug, Default)]
pub(super) struct LatestEntrants {
    entered: Vec<(Timestamp, VisitorId)>,
}

impl LatestEntrants {
    pub(super) fn add(&mut self, entered_at: Timestamp, visitor: VisitorId) {
        self.entered.push((entered_at, visitor));
        if self.entered.len() >= 2 * LIST_MAX {
            self.truncate();
        }
    }

    pub(super) fn into_visitors(mut self) -> Vec<(VisitorId, Timestamp)> {
        self.truncate();
        self.entered.into_iter().map(|(at, visitor)| (visitor, at)).collect()
    }

    fn truncate(&mut self) {
        self.entered.sort_unstable_by(|a, b| b.cmp(a));
        self.entered.truncate(LIST_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ids: std::ops::Range<u128>) -> DropoutList {
        DropoutList { total: 99, visitors: ids.map(|id| (VisitorId(id), Timestamp(5))).collect() }
    }

    #[test]
    fn a_handle_returns_its_list_on_its_site_for_an_hour() {
        let cache = DropoutCache::default();
        let handles = cache.insert(SiteId(1), vec![list(0..3), list(3..4)], Timestamp(0));
        let dropped = handles.iter().map(|[dropped, _]| dropped).collect::<Vec<_>>();
        assert_eq!(cache.get(SiteId(1), dropped[1], Timestamp(LIFETIME_MS - 1)), Some((2, list(3..4))));
        assert_eq!(cache.get(SiteId(2), dropped[1], Timestamp(0)), None);
        assert_eq!(cache.get(SiteId(1), dropped[1], Timestamp(LIFETIME_MS)), None);
        let (step, everyone) = cache.get(SiteId(1), &handles[0][1], Timestamp(0)).unwrap();
        assert_eq!((step, everyone.total, everyone.visitors.len()), (1, 198, 4), "those who got there, and further");
        let [wrong_step, beyond] = ["-0", "-3"].map(|end| dropped[0].replace("-1", end));
        for bad in ["", "-", "x-1", "00000000000000000000000000000001-1", &wrong_step, &beyond, "x-from-1"] {
            assert_eq!(cache.get(SiteId(1), bad, Timestamp(0)), None, "{bad}");
        }
    }

    #[test]
    fn the_cache_is_bounded() {
        let cache = DropoutCache::default();
        let first = cache.insert(SiteId(1), vec![list(0..1)], Timestamp(0));
        for _ in 0..=VISITORS_MAX / LIST_MAX {
            cache.insert(SiteId(1), vec![list(0..LIST_MAX as u128)], Timestamp(0));
        }
        assert_eq!(cache.get(SiteId(1), &first[0][0], Timestamp(0)), None);
    }

    #[test]
    fn the_latest_are_kept() {
        let mut latest = LatestEntrants::default();
        for n in 0..50_000 {
            latest.add(Timestamp(n), VisitorId(n.unsigned_abs().into()));
        }
        let kept = latest.into_visitors();
        let entrant = |n: i64| (VisitorId(n.unsigned_abs().into()), Timestamp(n));
        assert_eq!((kept.len(), kept[0], kept[LIST_MAX - 1]), (LIST_MAX, entrant(49_999), entrant(40_000)));
    }
}
