//! Events since the base index was built, and how they are added to it.
//!
//! No I/O. A bounded number of events is kept in order of arrival; beyond it the oldest are dropped. The sessions
//! since, and their orders, are derived from them each time, which takes milliseconds, so that a continued session is
//! simply a longer one. A session that is open while the base index is built is excluded there and kept here as a
//! whole, so that no pair of its items is split and no click or order counts twice; the same visitor's earlier sessions
//! are in the base index.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use super::types::{ItemActions, Params, visitor_hash};
use crate::{
    decide::{Index, index::Delta},
    model::{Action, ItemId, Position, ProfileEvent, SiteId, Timestamp, VisitorId},
    recommend::{Learned, Number, Sessions, purchases::Orders},
};

/// Visitors with an open session, and its start as far as known.
pub(super) type OpenSessions = HashMap<u128, Timestamp, ahash::RandomState>;

/// An action on one item.
#[derive(Debug, Clone)]
pub(super) struct BufferedEvent {
    pub(super) site: SiteId,
    pub(super) visitor: u128,
    pub(super) at: Timestamp,
    /// Position in the service's own journal.
    pub(super) position: Position,
    pub(super) action: Action,
    pub(super) item: ItemId,
    /// Category of the item; empty when unknown.
    pub(super) category: Arc<str>,
}

impl BufferedEvent {
    /// One entry per item of an event; none if it is not about items.
    pub(super) fn from_event(site: SiteId, visitor: VisitorId, event: &ProfileEvent) -> impl Iterator<Item = Self> {
        let is_relevant = matches!(event.action, Action::ItemViewed | Action::CartAdded | Action::Ordered);
        let items = if is_relevant { &event.items[..] } else { &[] };
        // A category applies to one item; an order's may belong to any of its items.
        let category: Arc<str> = if let [_] = items { (&*event.category).into() } else { Arc::default() };
        items.iter().filter(|(item, ..)| !item.is_empty()).map(move |(item, ..)| Self {
            site,
            visitor: visitor.0,
            at: event.occurred_at,
            position: event.position,
            action: event.action,
            item: Arc::clone(item),
            category: Arc::clone(&category),
        })
    }
}

/// Events of one site kept between two builds of its base index: some five megabytes, and at most ten times that for
/// what is derived from them.
const EVENTS_MAX: usize = 50_000;

/// Recent events of one site.
#[derive(Debug, Default)]
pub(super) struct Recent {
    log: VecDeque<BufferedEvent>,
    /// Visitors with new events since the index was last grown; `None`: everything is new.
    changed: Option<HashSet<u128, ahash::RandomState>>,
    /// Whether events were dropped since the base index was built.
    pub(super) overflowed: bool,
}

/// A session derived from recent events.
#[derive(Debug)]
struct Session {
    visitor: u128,
    ended: Timestamp,
    clicks: Vec<Number>,
    actions: ItemActions,
}

impl Recent {
    /// Adds one event.
    pub(super) fn push(&mut self, event: BufferedEvent) {
        if let Some(changed) = &mut self.changed {
            changed.insert(event.visitor);
        }
        if self.log.len() >= EVENTS_MAX {
            self.log.pop_front();
            self.overflowed = true;
        }
        self.log.push_back(event);
    }

    /// Whether there are no events.
    pub(super) fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Whether it has events that are in no index.
    pub(super) fn is_unpublished(&self) -> bool {
        self.changed.is_none() && !self.is_empty()
    }

    /// Visitors with an open session.
    pub(super) fn open_sessions(&self, now: Timestamp, params: &Params) -> OpenSessions {
        let latest = self.log.iter().filter(|event| now.since(event.at) <= params.session_ms);
        let visitors: HashSet<u128, ahash::RandomState> = latest.map(|event| event.visitor).collect();
        let start = |events: &[&BufferedEvent]| {
            let session = events.chunk_by(|a, b| b.at.since(a.at) <= params.session_ms).next_back()?;
            Some((session.first()?.visitor, session.first()?.at))
        };
        let by_visitor = self.by_visitor(|visitor| visitors.contains(&visitor));
        by_visitor.values().filter_map(|events| start(events)).collect()
    }

    /// Removes the events that a new base index includes: those below a position, except of sessions that were open.
    pub(super) fn remove_built(&mut self, below: Position, open: &OpenSessions) {
        let is_open = |event: &BufferedEvent| open.get(&event.visitor).is_some_and(|start| event.at >= *start);
        self.log.retain(|event| event.position >= below || is_open(event));
        self.changed = None;
        self.overflowed = false;
    }

    /// Returns the index extended by all events since its base was built.
    pub(super) fn grow(&mut self, index: &Index, params: &Params, now: Timestamp) -> Index {
        let mut grown = index.clone();
        let empty = Learned::new_at(now.0.div_euclid(1000));
        let learned = index.learned().cloned().unwrap_or(empty);
        let (sessions, orders) = self.sessions(&mut grown, params);
        let mut since = Sessions::empty(learned.sessions().origin_s());
        let mut changed: Vec<Number> = Vec::new();
        let mut deltas = Vec::new();
        let categories = self.categories(&grown);
        for session in sessions {
            if self.changed.as_ref().is_none_or(|changed| changed.contains(&session.visitor)) {
                changed.extend(&session.clicks);
            }
            since.push(session.clicks.iter().copied(), session.ended.0, visitor_hash(session.visitor));
            let decay = params.trend_weight(now, session.ended);
            deltas.extend(session.actions.iter().map(|(item, weight)| Delta {
                item,
                category: categories.get(&item).cloned().unwrap_or_default(),
                popularity: weight * decay,
            }));
        }
        changed.sort_unstable();
        changed.dedup();
        let before = self.changed.replace(HashSet::default());
        let buyers: Option<Vec<u32>> = before.map(|visitors| visitors.into_iter().map(visitor_hash).collect());
        let bought = grown.bought().grown(orders, grown.len(), buyers.as_deref());
        let learned = learned.grown(since, &changed);
        grown.grown(&deltas, learned).with_bought(bought)
    }

    /// Events by visitor, each oldest first.
    fn by_visitor(&self, include: impl Fn(u128) -> bool) -> HashMap<u128, Vec<&BufferedEvent>, ahash::RandomState> {
        let mut by_visitor: HashMap<u128, Vec<&BufferedEvent>, ahash::RandomState> = HashMap::default();
        for event in self.log.iter().filter(|event| include(event.visitor)) {
            by_visitor.entry(event.visitor).or_default().push(event);
        }
        for events in by_visitor.values_mut() {
            events.sort_by_key(|event| (event.at, event.position));
        }
        by_visitor
    }

    /// The sessions in order of their ends, and the orders. New items are added to the index.
    fn sessions(&self, index: &mut Index, params: &Params) -> (Vec<Session>, Orders) {
        let by_visitor = self.by_visitor(|_| true);
        let mut sessions: Vec<Session> = Vec::with_capacity(by_visitor.len());
        let mut orders = Orders::default();
        for (visitor, events) in by_visitor {
            let bought: Vec<&&BufferedEvent> = events.iter().filter(|event| event.action == Action::Ordered).collect();
            for order in bought.chunk_by(|a, b| a.position == b.position) {
                let items: Vec<Number> = order.iter().map(|event| index.number_or_new(&event.item).0).collect();
                orders.push(visitor_hash(visitor), order.first().map_or(0, |event| event.at.0), &items);
            }
            for events in events.chunk_by(|a, b| b.at.since(a.at) <= params.session_ms) {
                let (clicks, actions) = (Vec::new(), ItemActions::default());
                let mut session = Session { visitor, ended: Timestamp(0), clicks, actions };
                for event in events {
                    let (item, _) = index.number_or_new(&event.item);
                    session.ended = event.at;
                    session.actions.add(item, event.action);
                    if event.action == Action::ItemViewed {
                        session.clicks.push(item);
                    }
                }
                sessions.push(session);
            }
        }
        sessions.sort_unstable_by_key(|session| (session.ended, session.visitor));
        (sessions, orders)
    }

    fn categories(&self, index: &Index) -> HashMap<Number, Arc<str>, ahash::RandomState> {
        let with_category = self.log.iter().filter(|event| !event.category.is_empty());
        with_category.filter_map(|event| Some((index.number(&event.item)?, Arc::clone(&event.category)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::build::{Builder, ItemEvent},
        *,
    };

    const NOW: Timestamp = Timestamp(1_763_798_400_000);
    const SECOND: i64 = 1000;
    const PARAMS: Params =
        Params { trending_half_life_ms: 172_800_000.0, session_ms: 1_800 * SECOND, events_max: 10_000 };

    /// Visitor, seconds ago, item, journal position.
    type View = (u128, i64, &'static str, u64);

    fn event(&(visitor, seconds_ago, item, position): &View) -> BufferedEvent {
        BufferedEvent {
            site: SiteId(1),
            visitor,
            at: NOW.plus(-seconds_ago * SECOND),
            position: Position(position),
            action: Action::ItemViewed,
            item: item.into(),
            category: "C".into(),
        }
    }

    fn recent(views: &[View]) -> Recent {
        let mut recent = Recent::default();
        views.iter().map(event).for_each(|event| recent.push(event));
        recent
    }

    /// The base index built from these views as the store would return them, grouped by visitor.
    fn built(views: &[View], recent: &Recent) -> Index {
        let mut builder = Builder::new(PARAMS, NOW).without(recent.open_sessions(NOW, &PARAMS));
        let mut views = views.to_vec();
        views.sort_by_key(|(visitor, seconds_ago, ..)| (*visitor, -seconds_ago));
        for (visitor, seconds_ago, item, _) in views {
            let (at, action) = (NOW.plus(-seconds_ago * SECOND), Action::ItemViewed);
            builder.add(&ItemEvent { visitor, at, action, items: &[item], category: "C" });
        }
        builder.finish(&Arc::default())
    }

    fn support(index: &Index, pair: [&str; 2]) -> u32 {
        let [one, other] = pair.map(|id| index.number(id));
        let (Some(one), Some(other)) = (one, other) else { return 0 };
        index.neighbours(one).iter().find(|near| near.item == other).map_or(0, |near| near.support)
    }

    #[test]
    fn recent_events_are_served_with_the_base_index_and_count_once() {
        // Two sessions are over, two are open: one of them wholly in the store, one partly.
        let over: [View; 4] = [(1, 9000, "a", 0), (1, 8990, "b", 1), (2, 8000, "a", 2), (2, 7990, "b", 3)];
        let open: [View; 4] = [(3, 60, "a", 4), (3, 50, "b", 5), (4, 40, "a", 6), (4, 30, "b", 7)];
        let all = [over, open].concat();
        let mut recent = recent(&all);
        let base = built(&all[..7], &recent);
        assert_eq!(support(&base, ["a", "b"]), 2, "open sessions are left to the recent events");
        recent.remove_built(Position(7), &recent.open_sessions(NOW, &PARAMS));
        let grown = recent.grow(&base, &PARAMS, NOW);
        assert_eq!(support(&grown, ["a", "b"]), 4, "each session once, and none split");
    }

    #[test]
    fn a_continued_session_grows_and_a_new_shop_starts_empty() {
        let mut recent = recent(&[(1, 60, "a", 0), (2, 50, "a", 1)]);
        let first = recent.grow(&Index::default(), &PARAMS, NOW);
        assert_eq!((first.len(), support(&first, ["a", "b"]), first.trending().len()), (1, 0, 1));
        recent.push(event(&(1, 20, "b", 2)));
        recent.push(event(&(2, 10, "b", 3)));
        let second = recent.grow(&first, &PARAMS, NOW);
        assert_eq!((second.len(), support(&second, ["a", "b"])), (2, 2));
        assert_eq!((second.trending_in("C").len(), first.len()), (2, 1));
    }

    /// An order of two items.
    fn order(recent: &mut Recent, visitor: u128, seconds_ago: i64, items: [&'static str; 2], position: u64) {
        for item in items {
            let event = event(&(visitor, seconds_ago, item, position));
            recent.push(BufferedEvent { action: Action::Ordered, ..event });
        }
    }

    fn bought(index: &Index, pair: [&str; 2]) -> u32 {
        let [one, other] = pair.map(|id| index.number(id).unwrap());
        index.bought().together(one).iter().find(|near| near.item == other).map_or(0, |near| near.support)
    }

    #[test]
    fn orders_count_immediately_and_once() {
        let mut recent = recent(&[(1, 9000, "a", 0)]);
        order(&mut recent, 1, 8990, ["a", "b"], 1);
        order(&mut recent, 2, 8000, ["a", "b"], 2);
        order(&mut recent, 3, 60, ["a", "b"], 3);
        let first = recent.grow(&Index::default(), &PARAMS, NOW);
        assert_eq!((bought(&first, ["a", "b"]), first.len()), (3, 2));
        assert!(first.popularity(first.number("b").unwrap()) > 14.0, "each order counts as five clicks");
        order(&mut recent, 4, 50, ["b", "new"], 4);
        order(&mut recent, 5, 40, ["b", "new"], 5);
        let second = recent.grow(&first, &PARAMS, NOW);
        assert_eq!((bought(&second, ["new", "b"]), bought(&second, ["a", "b"])), (2, 3));

        // Visitor 3's session is open: the base index excludes the order, and it stays here.
        let open = recent.open_sessions(NOW, &PARAMS);
        let mut builder = Builder::new(PARAMS, NOW).without(open.clone());
        for (visitor, ago, items) in [
            (1, 8990, ["a", "b"]),
            (2, 8000, ["a", "b"]),
            (3, 60, ["a", "b"]),
            (4, 50, ["b", "new"]),
            (5, 40, ["b", "new"]),
        ] {
            let (at, action) = (NOW.plus(-ago * SECOND), Action::Ordered);
            builder.add(&ItemEvent { visitor, at, action, items: &items, category: "" });
        }
        let base = builder.finish(&Arc::default());
        assert_eq!(bought(&base, ["a", "b"]), 2);
        recent.remove_built(Position(6), &open);
        assert!(recent.is_unpublished());
        let grown = recent.grow(&base, &PARAMS, NOW);
        assert_eq!((bought(&grown, ["a", "b"]), bought(&grown, ["b", "new"])), (3, 2));
        assert!(!recent.is_unpublished());
    }

    #[test]
    fn of_an_open_sessions_visitor_only_that_session_is_kept() {
        let mut recent = recent(&[(1, 9000, "a", 0), (1, 8990, "b", 1), (1, 60, "a", 2), (2, 9000, "a", 3)]);
        let open = recent.open_sessions(NOW, &PARAMS);
        assert_eq!(open.get(&1), Some(&NOW.plus(-60 * SECOND)));
        recent.remove_built(Position(4), &open);
        assert_eq!(recent.log.iter().map(|event| event.position).collect::<Vec<_>>(), [Position(2)]);
    }

    #[test]
    fn the_oldest_are_dropped_and_that_is_recorded() {
        let mut recent = Recent::default();
        for n in 0..=EVENTS_MAX as u64 {
            assert!(!recent.overflowed);
            recent.push(event(&(u128::from(n), 9000, "a", n)));
        }
        assert_eq!((recent.overflowed, recent.log.len()), (true, EVENTS_MAX));
        recent.remove_built(Position(u64::MAX), &OpenSessions::default());
        assert!(recent.is_empty() && !recent.overflowed);
    }
}
