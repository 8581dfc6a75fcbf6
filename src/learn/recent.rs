//! What was heard since the large index was built, and how it is added to it.
//!
//! PURE. Events are kept in the order they came, a bounded number of them; the oldest make room. From
//! them the visits since are made up each time anew, which takes milliseconds, so that a visit that goes
//! on is simply a longer visit. A visit that is under way when the large index is built is left out there
//! and stays here whole, so that no pair of its items is torn apart or counted twice.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use super::build::{Acts, Params, mark};
use crate::{
    decide::{Index, index::News},
    model::{Action, ItemId, Position, SiteId, Timestamp},
    recommend::{Learned, Number, Sessions},
};

/// Something done with an item, as it was heard.
#[derive(Debug, Clone)]
pub(super) struct Heard {
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

/// Events of one site kept between two builds of its large index: some five megabytes, and at most ten
/// times that of what is counted anew for their items.
const HEARD_MAX: usize = 50_000;

/// What was heard of one site.
#[derive(Debug, Default)]
pub(super) struct Recent {
    log: VecDeque<Heard>,
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
    pub(super) fn hear(&mut self, heard: Heard) {
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

    /// Visitors whose visit is under way.
    pub(super) fn under_way(&self, now: Timestamp, params: &Params) -> HashSet<u128, ahash::RandomState> {
        let lately = self.log.iter().rev().filter(|heard| now.since(heard.at) <= params.session_ms);
        lately.map(|heard| heard.visitor).collect()
    }

    /// A new large index has every event below a position but those of visits that were under way.
    pub(super) fn settle(&mut self, below: Position, under_way: &HashSet<u128, ahash::RandomState>) {
        self.log.retain(|heard| heard.position >= below || under_way.contains(&heard.visitor));
        self.changed = None;
        self.overflowed = false;
    }

    /// The index with everything heard since its large part was built.
    pub(super) fn grow(&mut self, index: &Index, params: &Params, now: Timestamp) -> Index {
        let mut grown = index.clone();
        let begun = Learned::new_at(now.0.div_euclid(1000));
        let learned = index.learned().cloned().unwrap_or(begun);
        let visits = self.visits(&mut grown, params);
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
            news.extend(visit.acts.iter().map(|(item, act)| News {
                item,
                category: categories.get(&item).cloned().unwrap_or_default(),
                popularity: act * weight,
            }));
        }
        changed.sort_unstable();
        changed.dedup();
        self.changed = Some(HashSet::default());
        let learned = learned.grown(since, &changed);
        grown.grown(&news, learned)
    }

    /// The visits in the order of their ends; items not known yet get their numbers.
    fn visits(&self, index: &mut Index, params: &Params) -> Vec<Visit> {
        let mut by_visitor: HashMap<u128, Vec<&Heard>, ahash::RandomState> = HashMap::default();
        for heard in &self.log {
            by_visitor.entry(heard.visitor).or_default().push(heard);
        }
        let mut visits: Vec<Visit> = Vec::with_capacity(by_visitor.len());
        for (visitor, mut heard) in by_visitor {
            heard.sort_by_key(|heard| heard.at);
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
        visits
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

    fn heard(&(visitor, seconds_ago, item, position): &Told) -> Heard {
        Heard {
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
        told.iter().map(heard).for_each(|heard| recent.hear(heard));
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
        recent.hear(heard(&(1, 20, "b", 2)));
        recent.hear(heard(&(2, 10, "b", 3)));
        let second = recent.grow(&first, &PARAMS, NOW);
        assert_eq!((second.len(), support(&second, ["a", "b"])), (2, 2));
        assert_eq!((second.trending_in("C").len(), first.len()), (2, 1));
    }

    #[test]
    fn the_oldest_make_room_and_that_is_known() {
        let mut recent = Recent::default();
        for n in 0..=HEARD_MAX as u64 {
            assert!(!recent.overflowed);
            recent.hear(heard(&(u128::from(n), 9000, "a", n)));
        }
        assert_eq!((recent.overflowed, recent.log.len()), (true, HEARD_MAX));
        recent.settle(Position(u64::MAX), &HashSet::default());
        assert!(recent.is_empty() && !recent.overflowed);
    }
}
