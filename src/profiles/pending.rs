//! Events that are not in the store yet, by visitor.
//!
//! One of many shards, each with its own lock. A visitor's events stay until they are delivered, and during a read of
//! that visitor: the read may have started before they were stored and must find them here.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{reducer, rules::Rules};
use crate::model::{Position, Profile, ProfileEvent, SiteId, VisitorId};

/// A visitor of a site.
pub(super) type Key = (SiteId, VisitorId);

/// One shard.
#[derive(Debug, Default)]
pub(super) struct Pending {
    visitors: HashMap<Key, Waiting, ahash::RandomState>,
    /// Every event held, in order of arrival.
    arrivals: VecDeque<(Position, Key)>,
    /// The highest position dropped before it was delivered: a profile read back while the store has not reached it may
    /// lack something.
    lost: Option<Position>,
}

/// One visitor's undelivered events.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// By position.
    events: Vec<ProfileEvent>,
    /// The live profile without those events, for events that arrive out of order.
    base: Option<Arc<Profile>>,
    /// Whether a read of this visitor is running.
    reading: bool,
}

impl Waiting {
    pub(super) fn events(&self) -> &[ProfileEvent] {
        &self.events
    }

    /// The profile without these events, if known and if it ends before `position`.
    pub(super) fn base_before(&self, position: Position) -> Option<&Arc<Profile>> {
        self.base.as_ref().filter(|base| base.folded.is_none_or(|folded| folded < position))
    }

    pub(super) fn set_base(&mut self, profile: Arc<Profile>) {
        self.base = Some(profile);
    }

    pub(super) fn drop_base(&mut self) -> bool {
        self.base.take().is_some()
    }

    /// Removes the events below `end`, folding them into the base. Returns their number.
    fn trim(&mut self, site: SiteId, end: Position, rules: &Rules) -> usize {
        let kept_from = self.events.partition_point(|event| event.position < end);
        let removed: Vec<ProfileEvent> = self.events.drain(..kept_from).collect();
        if let Some(base) = self.base.as_mut().filter(|_| !removed.is_empty()) {
            let (base, params) = (Arc::make_mut(base), rules.for_site(site));
            for event in &removed {
                reducer::fold(base, event, &params);
            }
        }
        removed.len()
    }
}

/// Counts of what was removed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Freed {
    pub(super) events: usize,
    pub(super) bases: usize,
}

impl Freed {
    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.bases += other.bases;
    }
}

impl Pending {
    /// Inserts an event by position; `None` if it is present already.
    pub(super) fn insert(&mut self, key: Key, event: &ProfileEvent) -> Option<&mut Waiting> {
        let waiting = self.visitors.entry(key).or_default();
        let index = waiting.events.partition_point(|known| known.position < event.position);
        if waiting.events.get(index).is_some_and(|known| known.position == event.position) {
            return None;
        }
        waiting.events.insert(index, event.clone());
        self.arrivals.push_back((event.position, key));
        Some(waiting)
    }

    /// The undelivered events of a visitor.
    pub(super) fn events(&self, key: &Key) -> &[ProfileEvent] {
        self.visitors.get(key).map_or(&[], |waiting| &waiting.events)
    }

    /// The live profile without those events, if known.
    pub(super) fn base(&self, key: &Key) -> Option<&Arc<Profile>> {
        self.visitors.get(key)?.base.as_ref()
    }

    /// Drops the profile before the undelivered events; returns whether there was one.
    pub(super) fn drop_base(&mut self, key: &Key) -> bool {
        self.visitors.get_mut(key).is_some_and(Waiting::drop_base)
    }

    /// Drops the oldest event although it is not delivered.
    pub(super) fn drop_oldest(&mut self, rules: &Rules) -> Option<Freed> {
        let (position, key) = self.arrivals.pop_front()?;
        self.lost = self.lost.max(Some(position));
        Some(self.trim(key, Position(position.0 + 1), rules))
    }

    /// Whether an event at `delivered` or later was dropped.
    pub(super) fn lacks_events_since(&self, delivered: Position) -> bool {
        self.lost.is_some_and(|lost| lost >= delivered)
    }

    /// Drops everything below `delivered`, except for visitors being read.
    pub(super) fn delivered(&mut self, delivered: Position, rules: &Rules) -> Freed {
        let mut freed = Freed::default();
        while let Some((position, key)) = self.arrivals.front().copied()
            && position < delivered
        {
            self.arrivals.pop_front();
            if self.visitors.get(&key).is_some_and(|waiting| !waiting.reading) {
                freed.add(self.trim(key, delivered, rules));
            }
        }
        freed
    }

    /// From now on the visitor's events are kept; false if they already were.
    pub(super) fn begin_read(&mut self, key: Key) -> bool {
        !std::mem::replace(&mut self.visitors.entry(key).or_default().reading, true)
    }

    /// The read ended: what was delivered meanwhile may be dropped.
    pub(super) fn end_read(&mut self, key: Key, delivered: Position, rules: &Rules) -> Freed {
        if let Some(waiting) = self.visitors.get_mut(&key) {
            waiting.reading = false;
        }
        self.trim(key, delivered, rules)
    }

    fn trim(&mut self, key: Key, end: Position, rules: &Rules) -> Freed {
        let Some(waiting) = self.visitors.get_mut(&key) else { return Freed::default() };
        let events = waiting.trim(key.0, end, rules);
        let mut bases = 0;
        if waiting.events.is_empty() {
            bases = usize::from(waiting.drop_base());
            if !waiting.reading {
                self.visitors.remove(&key);
            }
        }
        Freed { events, bases }
    }
}
