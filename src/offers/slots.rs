//! Which slots pages ask for, where, and how often. In memory; changes are stored every few seconds.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::{
    control::SeenSlotRow,
    model::{SiteId, Timestamp},
};

/// Paths kept of one slot.
const PATHS_MAX: usize = 5;
/// Longest path kept, bytes.
const PATH_BYTES_MAX: usize = 200;
/// Longest name of a slot, bytes.
const NAME_BYTES_MAX: usize = 100;

/// A slot that pages asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenSlot {
    /// Its name.
    pub slot: String,
    /// First request.
    pub first_seen: Timestamp,
    /// Last request.
    pub last_seen: Timestamp,
    /// Number of requests.
    pub requests: u64,
    /// Paths of the last pages that asked, the last one first.
    pub paths: Vec<String>,
}

#[derive(Debug)]
struct Seen {
    first: Timestamp,
    last: Timestamp,
    requests: u64,
    paths: VecDeque<Box<str>>,
    is_stored: bool,
}

/// The slots of all sites.
#[derive(Debug, Default)]
pub(super) struct SlotLog {
    sites: HashMap<SiteId, HashMap<Box<str>, Seen, ahash::RandomState>, ahash::RandomState>,
    removed: HashSet<(SiteId, Box<str>)>,
    per_site_max: usize,
}

impl SlotLog {
    pub(super) fn new(rows: Vec<SeenSlotRow>, per_site_max: usize) -> Self {
        let mut log = Self { per_site_max, ..Self::default() };
        for row in rows {
            let paths: Vec<Box<str>> = serde_json::from_str(&row.paths).unwrap_or_default();
            let (first, last, requests) = (row.first_seen, row.last_seen, row.requests);
            let seen = Seen { first, last, requests, paths: paths.into(), is_stored: true };
            log.sites.entry(row.site).or_default().insert(row.slot.into(), seen);
        }
        log
    }

    /// Records that a page asked for a slot. Of too many, the one asked for longest ago is forgotten.
    pub(super) fn record(&mut self, site: SiteId, slot: &str, path: &str, now: Timestamp) {
        if slot.is_empty() || slot.len() > NAME_BYTES_MAX || slot.chars().any(char::is_control) {
            return;
        }
        let slots = self.sites.entry(site).or_default();
        if !slots.contains_key(slot) {
            if slots.len() >= self.per_site_max
                && let Some(oldest) = slots.iter().min_by_key(|(_, seen)| seen.last).map(|(name, _)| name.clone())
            {
                slots.remove(&oldest);
                self.removed.insert((site, oldest));
            }
            self.removed.remove(&(site, Box::from(slot)));
            let seen = Seen { first: now, last: now, requests: 0, paths: VecDeque::new(), is_stored: false };
            slots.insert(slot.into(), seen);
        }
        let Some(seen) = slots.get_mut(slot) else { return };
        seen.requests += 1;
        seen.last = now;
        seen.is_stored = false;
        if path.is_empty() || path.len() > PATH_BYTES_MAX || seen.paths.front().is_some_and(|first| **first == *path) {
            return;
        }
        seen.paths.retain(|known| **known != *path);
        seen.paths.push_front(path.into());
        seen.paths.truncate(PATHS_MAX);
    }

    /// The slots of a site by name.
    pub(super) fn of(&self, site: SiteId) -> Vec<SeenSlot> {
        let slots = self.sites.get(&site).into_iter().flatten();
        let mut slots: Vec<SeenSlot> = slots
            .map(|(slot, seen)| SeenSlot {
                slot: slot.to_string(),
                first_seen: seen.first,
                last_seen: seen.last,
                requests: seen.requests,
                paths: seen.paths.iter().map(ToString::to_string).collect(),
            })
            .collect();
        slots.sort_by(|a, b| a.slot.cmp(&b.slot));
        slots
    }

    /// What changed since the last call, to store it, and what was removed.
    pub(super) fn take_changes(&mut self) -> (Vec<SeenSlotRow>, Vec<(SiteId, Box<str>)>) {
        let mut changed = Vec::new();
        for (site, slots) in &mut self.sites {
            for (slot, seen) in slots.iter_mut().filter(|(_, seen)| !seen.is_stored) {
                seen.is_stored = true;
                changed.push(SeenSlotRow {
                    site: *site,
                    slot: slot.to_string(),
                    first_seen: seen.first,
                    last_seen: seen.last,
                    requests: seen.requests,
                    paths: serde_json::to_string(&seen.paths).unwrap_or_else(|_| "[]".into()),
                });
            }
        }
        (changed, self.removed.drain().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_counted_bounded_and_stored_once() {
        let mut log = SlotLog::new(Vec::new(), 3);
        let site = SiteId(1);
        for (now, path) in (1..).zip(["/", "/a", "/", "/b", "/c", "/d", "/e"]) {
            log.record(site, "hero", path, Timestamp(now));
        }
        log.record(site, "\n", "/", Timestamp(9));
        let hero = &log.of(site)[0];
        assert_eq!((hero.requests, hero.first_seen.0, hero.last_seen.0), (7, 1, 7));
        assert_eq!(hero.paths, ["/e", "/d", "/c", "/b", "/"]);
        let (changed, removed) = log.take_changes();
        assert_eq!((changed.len(), removed.len(), log.take_changes().0.len()), (1, 0, 0));
        for (now, slot) in (20..).zip(["x", "y", "z"]) {
            log.record(site, slot, "", Timestamp(now));
        }
        let (changed, removed) = log.take_changes();
        assert_eq!((changed.len(), removed), (3, vec![(site, "hero".into())]));
        let again = SlotLog::new(changed, 3);
        assert_eq!(again.of(site), log.of(site));
    }
}
