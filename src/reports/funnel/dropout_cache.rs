//! The lists behind a funnel's `dropped_list`, kept for an hour.
//!
//! A list is kept rather than asked anew from a handle that carries the question: it then shows the very
//! visitors that the chart counted, paging through it costs nothing, and a handle is short. The price is
//! that a restart forgets it; the dashboard asks the funnel again.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use crate::model::{SiteId, Timestamp, VisitorId};

/// How long a list is kept.
const KEPT_MS: i64 = 3_600_000;
/// Visitors in one list; the rest are only counted.
pub(super) const LIST_MAX: usize = 10_000;
/// Visitors in all lists together (32 bytes each); the oldest lists are let go beyond it.
const VISITORS_MAX: usize = 1_000_000;
/// Funnels that lists are kept of.
const FUNNELS_MAX: usize = 1000;

/// Lists by handle.
#[derive(Debug, Default)]
pub struct DropoutCache {
    funnels: Mutex<VecDeque<Shelved>>,
}

#[derive(Debug)]
struct Shelved {
    handle: u128,
    site: SiteId,
    until: Timestamp,
    lists: Vec<List>,
}

/// Those who came to one step and no further.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct List {
    /// How many there are.
    pub(super) total: u64,
    /// Those who entered last, first, with the moment at which each entered.
    pub(super) visitors: Vec<(VisitorId, Timestamp)>,
}

impl DropoutCache {
    /// Keeps one list a step; answers one unguessable handle a step.
    pub(super) fn put(&self, site: SiteId, lists: Vec<List>, now: Timestamp) -> Vec<String> {
        let handle: u128 = rand::random();
        let handles = (1..=lists.len()).map(|step| [&VisitorId(handle).to_string(), "-", &step.to_string()].concat());
        let handles = handles.collect();
        let mut funnels = self.funnels.lock().unwrap_or_else(PoisonError::into_inner);
        funnels.push_back(Shelved { handle, site, until: now.plus(KEPT_MS), lists });
        let mut held: usize = funnels.iter().map(Shelved::size).sum();
        while funnels.front().is_some_and(|f| f.until <= now || held > VISITORS_MAX || funnels.len() > FUNNELS_MAX) {
            held -= funnels.pop_front().map_or(0, |gone| gone.size());
        }
        handles
    }

    /// The step (from 1) and list of a handle, if it is still kept and of this site.
    pub(super) fn get(&self, site: SiteId, handle: &str, now: Timestamp) -> Option<(usize, List)> {
        let (handle, step) = handle.split_once('-')?;
        let handle: VisitorId = handle.parse().ok()?;
        let step: usize = step.parse().ok()?;
        let funnels = self.funnels.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = funnels.iter().find(|f| f.handle == handle.0 && f.site == site && now < f.until)?;
        Some((step, kept.lists.get(step.checked_sub(1)?)?.clone()))
    }
}

impl Shelved {
    fn size(&self) -> usize {
        self.lists.iter().map(|list| list.visitors.len()).sum()
    }
}

/// The visitors who entered last, of however many are offered.
#[derive(Debug, Default)]
pub(super) struct Latest {
    entered: Vec<(Timestamp, VisitorId)>,
}

impl Latest {
    pub(super) fn offer(&mut self, entered_at: Timestamp, visitor: VisitorId) {
        self.entered.push((entered_at, visitor));
        if self.entered.len() >= 2 * LIST_MAX {
            self.shorten();
        }
    }

    pub(super) fn into_visitors(mut self) -> Vec<(VisitorId, Timestamp)> {
        self.shorten();
        self.entered.into_iter().map(|(at, visitor)| (visitor, at)).collect()
    }

    fn shorten(&mut self) {
        self.entered.sort_unstable_by(|a, b| b.cmp(a));
        self.entered.truncate(LIST_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(of: std::ops::Range<u128>) -> List {
        List { total: 99, visitors: of.map(|id| (VisitorId(id), Timestamp(5))).collect() }
    }

    #[test]
    fn a_handle_opens_its_list_on_its_site_for_an_hour() {
        let shelf = DropoutCache::default();
        let handles = shelf.put(SiteId(1), vec![list(0..3), list(3..4)], Timestamp(0));
        assert_eq!(shelf.get(SiteId(1), &handles[1], Timestamp(KEPT_MS - 1)), Some((2, list(3..4))));
        assert_eq!(shelf.get(SiteId(2), &handles[1], Timestamp(0)), None);
        assert_eq!(shelf.get(SiteId(1), &handles[1], Timestamp(KEPT_MS)), None);
        for bad in ["", "-", "x-1", "00000000000000000000000000000001-1", &handles[0].replace("-1", "-0")] {
            assert_eq!(shelf.get(SiteId(1), bad, Timestamp(0)), None, "{bad}");
        }
    }

    #[test]
    fn the_shelf_is_bounded() {
        let shelf = DropoutCache::default();
        let first = shelf.put(SiteId(1), vec![list(0..1)], Timestamp(0));
        for _ in 0..=VISITORS_MAX / LIST_MAX {
            shelf.put(SiteId(1), vec![list(0..LIST_MAX as u128)], Timestamp(0));
        }
        assert_eq!(shelf.get(SiteId(1), &first[0], Timestamp(0)), None);
    }

    #[test]
    fn the_latest_are_kept() {
        let mut latest = Latest::default();
        for n in 0..50_000 {
            latest.offer(Timestamp(n), VisitorId(n.unsigned_abs().into()));
        }
        let kept = latest.into_visitors();
        let one = |n: i64| (VisitorId(n.unsigned_abs().into()), Timestamp(n));
        assert_eq!((kept.len(), kept[0], kept[LIST_MAX - 1]), (LIST_MAX, one(49_999), one(40_000)));
    }
}
