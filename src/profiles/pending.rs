//! Events that the store does not have yet, by visitor.
//!
//! One shard of many, each behind a lock of its own. A visitor's events stay until they are delivered,
//! longer while a read of that visitor is under way: the read may have begun before they arrived in the
//! store and must find them here.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{reducer, reducer::Rules};
use crate::model::{Position, Profile, ProfileEvent, SiteId, VisitorId};

/// A visitor of a site.
pub(super) type Key = (SiteId, VisitorId);

/// One shard.
#[derive(Debug, Default)]
pub(super) struct Pending {
    visitors: HashMap<Key, Waiting, ahash::RandomState>,
    /// Every event held, in the order of arrival.
    arrivals: VecDeque<(Position, Key)>,
    /// The highest position let go before it was delivered: a profile read back while the store has
    /// not got that far may lack something.
    lost: Option<Position>,
}

/// One visitor's undelivered events.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// By position.
    events: Vec<ProfileEvent>,
    /// The live profile without those events, for one that arrives out of order.
    base: Option<Arc<Profile>>,
    /// Whether a read of this visitor is under way.
    reading: bool,
}

impl Waiting {
    pub(super) fn events(&self) -> &[ProfileEvent] {
        &self.events
    }

    /// Whether the profile without these events is known, and `position` lies after it.
    pub(super) fn base_before(&self, position: Position) -> Option<&Arc<Profile>> {
        self.base.as_ref().filter(|base| base.folded.is_none_or(|folded| folded < position))
    }

    pub(super) fn set_base(&mut self, profile: Arc<Profile>) {
        self.base = Some(profile);
    }

    pub(super) fn drop_base(&mut self) -> bool {
        self.base.take().is_some()
    }

    /// Takes the events below `end` out, folding them into the base.
    fn trim(&mut self, site: SiteId, end: Position, rules: &Rules) -> usize {
        let kept_from = self.events.partition_point(|event| event.position < end);
        let gone: Vec<ProfileEvent> = self.events.drain(..kept_from).collect();
        if let Some(base) = self.base.as_mut().filter(|_| !gone.is_empty()) {
            let (base, params) = (Arc::make_mut(base), rules.of(site));
            for event in &gone {
                reducer::fold(base, event, &params);
            }
        }
        gone.len()
    }
}

/// What became of a visitor's entry when events were taken out of it.
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
    /// Puts an event in its place; `None` when it is here already.
    pub(super) fn insert(&mut self, key: Key, event: &ProfileEvent) -> Option<&mut Waiting> {
        let waiting = self.visitors.entry(key).or_default();
        let place = waiting.events.partition_point(|known| known.position < event.position);
        if waiting.events.get(place).is_some_and(|known| known.position == event.position) {
            return None;
        }
        waiting.events.insert(place, event.clone());
        self.arrivals.push_back((event.position, key));
        Some(waiting)
    }

    /// The undelivered events of a visitor.
    pub(super) fn events(&self, key: &Key) -> &[ProfileEvent] {
        self.visitors.get(key).map_or(&[], |waiting| &waiting.events)
    }

    /// The live profile without those events, if it is known.
    pub(super) fn base(&self, key: &Key) -> Option<&Arc<Profile>> {
        self.visitors.get(key)?.base.as_ref()
    }

    /// Forgets the profile before the undelivered events; whether there was one.
    pub(super) fn drop_base(&mut self, key: &Key) -> bool {
        self.visitors.get_mut(key).is_some_and(Waiting::drop_base)
    }

    /// Forgets the oldest event here although it was not delivered.
    pub(super) fn let_go_of_oldest(&mut self, rules: &Rules) -> Option<Freed> {
        let (position, key) = self.arrivals.pop_front()?;
        self.lost = self.lost.max(Some(position));
        Some(self.trim(key, Position(position.0 + 1), rules))
    }

    /// Whether something of `delivered` or later was let go.
    pub(super) fn lacks_something(&self, delivered: Position) -> bool {
        self.lost.is_some_and(|lost| lost >= delivered)
    }

    /// Lets everything below `delivered` go, except for visitors being read.
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

    /// From here on the visitor's events stay; false when they stay already.
    pub(super) fn begin_reading(&mut self, key: Key) -> bool {
        !std::mem::replace(&mut self.visitors.entry(key).or_default().reading, true)
    }

    /// The read is over: what was delivered meanwhile may go.
    pub(super) fn end_reading(&mut self, key: Key, delivered: Position, rules: &Rules) -> Freed {
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
