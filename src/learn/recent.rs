//! What was heard since the large index was built, and how it is added to it.
//!
//! PURE. Events are kept in the order they came, a bounded number of them; the oldest make room. From
//! them the visits since, and the orders in them, are made up each time anew, which takes milliseconds, so
//! that a visit that goes on is simply a longer visit. A visit that is under way when the large index is
//! built is left out there and stays here whole, so that no pair of its items is torn apart and neither
//! click nor order is counted twice; the same visitor's earlier visits are in the large index.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use super::build::{Acts, Params, mark};
use crate::{
    decide::{Index, index::Delta},
    model::{Action, ItemId, Position, ProfileEvent, SiteId, Timestamp, VisitorId},
    recommend::{Learned, Number, Sessions, purchases::Orders},
};

/// Visitors whose visit is under way, and when it began as far as it was heard.
pub(super) type UnderWay = HashMap<u128, Timestamp, ahash::RandomState>;

/// Something done with an item, as it was heard.
#[derive(Debug, Clone)]
pub(super) struct BufferedEvent {
    pub(super) site: SiteId,
    pub(super) visitor: u128,
    pub(super) at: Timestamp,
    /// Place in the service's own journal.
    pub(super) position: Position,
    pub(super) action: Action,
    pub(super) item: ItemId,
    /// Category of the item; empty when unknown.
    pub(super) category: Arc<str>,
}

impl BufferedEvent {
    /// What an event tells, item by item; nothing, if it is not about items.
    pub(super) fn of(site: SiteId, visitor: VisitorId, event: &ProfileEvent) -> impl Iterator<Item = Self> {
        let told = matches!(event.action, Action::ItemViewed | Action::CartAdded | Action::Ordered);
        let items = if told { &event.items[..] } else { &[] };
        // A category is said of one item; an order's may be that of any of its items.
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

/// Events of one site kept between two builds of its large index: some five megabytes, and at most ten
/// times that of what is counted anew for their items.
const HEARD_MAX: usize = 50_000;

/// What was heard of one site.
#[derive(Debug, Default)]
pub(super) struct Recent {
    log: VecDeque<BufferedEvent>,
    /// Visitors with something new since the index was last grown; `None`: everything is new.
    changed: Option<HashSet<u128, ahash::RandomState>>,
    /// Whether anything had to make room since the large index was built.
    pub(super) overflowed: bool,
}

/// A visit made up of what was heard.
#[derive(Debug)]
struct Visit {
    visitor: u128,
    ended: Timestamp,
    clicks: Vec<Number>,
    acts: Acts,
}

impl Recent {
    /// Takes one event.
    pub(super) fn push(&mut self, heard: BufferedEvent) {
        if let Some(changed) = &mut self.changed {
            changed.insert(heard.visitor);
        }
        if self.log.len() >= HEARD_MAX {
            self.log.pop_front();
            self.overflowed = true;
        }
        self.log.push_back(heard);
    }

    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// Whether it holds something that no index was grown by.
    pub(super) fn is_untold(&self) -> bool {
        self.changed.is_none() && !self.is_empty()
    }

    /// Visitors whose visit is under way.
    pub(super) fn under_way(&self, now: Timestamp, params: &Params) -> UnderWay {
        let lately = self.log.iter().filter(|heard| now.since(heard.at) <= params.session_ms);
        let visitors: HashSet<u128, ahash::RandomState> = lately.map(|heard| heard.visitor).collect();
        let begun = |heard: &[&BufferedEvent]| {
            let visit = heard.chunk_by(|a, b| b.at.since(a.at) <= params.session_ms).next_back()?;
            Some((visit.first()?.visitor, visit.first()?.at))
        };
        let theirs = self.by_visitor(|visitor| visitors.contains(&visitor));
        theirs.values().filter_map(|heard| begun(heard)).collect()
    }

    /// A new large index has every event below a position but those of visits that were under way.
    pub(super) fn settle(&mut self, below: Position, under_way: &UnderWay) {
        let goes_on = |heard: &BufferedEvent| under_way.get(&heard.visitor).is_some_and(|begun| heard.at >= *begun);
        self.log.retain(|heard| heard.position >= below || goes_on(heard));
        self.changed = None;
        self.overflowed = false;
    }

    /// The index with everything heard since its large part was built.
    pub(super) fn grow(&mut self, index: &Index, params: &Params, now: Timestamp) -> Index {
        let mut grown = index.clone();
        let begun = Learned::new_at(now.0.div_euclid(1000));
        let learned = index.learned().cloned().unwrap_or(begun);
        let (visits, orders) = self.visits(&mut grown, params);
        let mut since = Sessions::empty(learned.sessions().origin_s());
        let mut changed: Vec<Number> = Vec::new();
        let mut news = Vec::new();
        let categories = self.categories(&grown);
        for visit in visits {
            if self.changed.as_ref().is_none_or(|changed| changed.contains(&visit.visitor)) {
                changed.extend(&visit.clicks);
            }
            since.push(visit.clicks.iter().copied(), visit.ended.0, mark(visit.visitor));
            let weight = params.trend_weight(now, visit.ended);
            news.extend(visit.acts.iter().map(|(item, act)| Delta {
                item,
                category: categories.get(&item).cloned().unwrap_or_default(),
                popularity: act * weight,
            }));
        }
        changed.sort_unstable();
        changed.dedup();
        let before = self.changed.replace(HashSet::default());
        let buyers: Option<Vec<u32>> = before.map(|visitors| visitors.into_iter().map(mark).collect());
        let bought = grown.bought().grown(orders, grown.len(), buyers.as_deref());
        let learned = learned.grown(since, &changed);
        grown.grown(&news, learned).with_bought(bought)
    }

    /// What visitors did, each oldest first.
    fn by_visitor(&self, which: impl Fn(u128) -> bool) -> HashMap<u128, Vec<&BufferedEvent>, ahash::RandomState> {
        let mut by_visitor: HashMap<u128, Vec<&BufferedEvent>, ahash::RandomState> = HashMap::default();
        for heard in self.log.iter().filter(|heard| which(heard.visitor)) {
            by_visitor.entry(heard.visitor).or_default().push(heard);
        }
        for heard in by_visitor.values_mut() {
            heard.sort_by_key(|heard| (heard.at, heard.position));
        }
        by_visitor
    }

    /// The visits in the order of their ends, and the orders; items not known yet get their numbers.
    fn visits(&self, index: &mut Index, params: &Params) -> (Vec<Visit>, Orders) {
        let by_visitor = self.by_visitor(|_| true);
        let mut visits: Vec<Visit> = Vec::with_capacity(by_visitor.len());
        let mut orders = Orders::default();
        for (visitor, heard) in by_visitor {
            let bought: Vec<&&BufferedEvent> = heard.iter().filter(|heard| heard.action == Action::Ordered).collect();
            for order in bought.chunk_by(|a, b| a.position == b.position) {
                let items: Vec<Number> = order.iter().map(|one| index.number_or_new(&one.item).0).collect();
                orders.push(mark(visitor), order.first().map_or(0, |one| one.at.0), &items);
            }
            for visit in heard.chunk_by(|a, b| b.at.since(a.at) <= params.session_ms) {
                let mut made = Visit { visitor, ended: Timestamp(0), clicks: Vec::new(), acts: Acts::default() };
                for one in visit {
                    let (item, _) = index.number_or_new(&one.item);
                    made.ended = one.at;
                    made.acts.note(item, one.action);
                    if one.action == Action::ItemViewed {
                        made.clicks.push(item);
                    }
                }
                visits.push(made);
            }
        }
        visits.sort_unstable_by_key(|visit| (visit.ended, visit.visitor));
        (visits, orders)
    }

    fn categories(&self, index: &Index) -> HashMap<Number, Arc<str>, ahash::RandomState> {
        let told = self.log.iter().filter(|heard| !heard.category.is_empty());
        told.filter_map(|heard| Some((index.number(&heard.item)?, Arc::clone(&heard.category)))).collect()
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

    /// Visitor, seconds ago, item, place in the journal.
    type Told = (u128, i64, &'static str, u64);

    fn heard(&(visitor, seconds_ago, item, position): &Told) -> BufferedEvent {
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

    fn recent(told: &[Told]) -> Recent {
        let mut recent = Recent::default();
        told.iter().map(heard).for_each(|heard| recent.push(heard));
        recent
    }

    /// What the store would tell of these, visitor after visitor.
    fn built(told: &[Told], recent: &Recent) -> Index {
        let mut builder = Builder::new(PARAMS, NOW).without(recent.under_way(NOW, &PARAMS));
        let mut told = told.to_vec();
        told.sort_by_key(|(visitor, seconds_ago, ..)| (*visitor, -seconds_ago));
        for (visitor, seconds_ago, item, _) in told {
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
    fn what_was_heard_is_served_beside_the_large_index_and_counts_once() {
        // Two visits are over, two are under way: one of them wholly in the store, one only begun there.
        let over: [Told; 4] = [(1, 9000, "a", 0), (1, 8990, "b", 1), (2, 8000, "a", 2), (2, 7990, "b", 3)];
        let under_way: [Told; 4] = [(3, 60, "a", 4), (3, 50, "b", 5), (4, 40, "a", 6), (4, 30, "b", 7)];
        let all = [over, under_way].concat();
        let mut recent = recent(&all);
        let large = built(&all[..7], &recent);
        assert_eq!(support(&large, ["a", "b"]), 2, "visits under way are left to what was heard");
        recent.settle(Position(7), &recent.under_way(NOW, &PARAMS));
        let grown = recent.grow(&large, &PARAMS, NOW);
        assert_eq!(support(&grown, ["a", "b"]), 4, "each visit once, and none torn apart");
    }

    #[test]
    fn a_visit_that_goes_on_grows_and_a_new_shop_begins_with_nothing() {
        let mut recent = recent(&[(1, 60, "a", 0), (2, 50, "a", 1)]);
        let first = recent.grow(&Index::default(), &PARAMS, NOW);
        assert_eq!((first.len(), support(&first, ["a", "b"]), first.trending().len()), (1, 0, 1));
        recent.push(heard(&(1, 20, "b", 2)));
        recent.push(heard(&(2, 10, "b", 3)));
        let second = recent.grow(&first, &PARAMS, NOW);
        assert_eq!((second.len(), support(&second, ["a", "b"])), (2, 2));
        assert_eq!((second.trending_in("C").len(), first.len()), (2, 1));
    }

    /// An order of two items.
    fn order(recent: &mut Recent, visitor: u128, seconds_ago: i64, items: [&'static str; 2], position: u64) {
        for item in items {
            let heard = heard(&(visitor, seconds_ago, item, position));
            recent.push(BufferedEvent { action: Action::Ordered, ..heard });
        }
    }

    fn bought(index: &Index, pair: [&str; 2]) -> u32 {
        let [one, other] = pair.map(|id| index.number(id).unwrap());
        index.bought().together(one).iter().find(|near| near.item == other).map_or(0, |near| near.support)
    }

    #[test]
    fn orders_count_at_once_and_once() {
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

        // Visitor 3 goes on: the large index leaves the order out, and it stays here.
        let under_way = recent.under_way(NOW, &PARAMS);
        let mut builder = Builder::new(PARAMS, NOW).without(under_way.clone());
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
        let large = builder.finish(&Arc::default());
        assert_eq!(bought(&large, ["a", "b"]), 2);
        recent.settle(Position(6), &under_way);
        assert!(recent.is_untold());
        let grown = recent.grow(&large, &PARAMS, NOW);
        assert_eq!((bought(&grown, ["a", "b"]), bought(&grown, ["b", "new"])), (3, 2));
        assert!(!recent.is_untold());
    }

    #[test]
    fn of_a_visitor_under_way_only_this_visit_is_kept() {
        let mut recent = recent(&[(1, 9000, "a", 0), (1, 8990, "b", 1), (1, 60, "a", 2), (2, 9000, "a", 3)]);
        let under_way = recent.under_way(NOW, &PARAMS);
        assert_eq!(under_way.get(&1), Some(&NOW.plus(-60 * SECOND)));
        recent.settle(Position(4), &under_way);
        assert_eq!(recent.log.iter().map(|heard| heard.position).collect::<Vec<_>>(), [Position(2)]);
    }

    #[test]
    fn the_oldest_make_room_and_that_is_known() {
        let mut recent = Recent::default();
        for n in 0..=HEARD_MAX as u64 {
            assert!(!recent.overflowed);
            recent.push(heard(&(u128::from(n), 9000, "a", n)));
        }
        assert_eq!((recent.overflowed, recent.log.len()), (true, HEARD_MAX));
        recent.settle(Position(u64::MAX), &UnderWay::default());
        assert!(recent.is_empty() && !recent.overflowed);
    }
}
