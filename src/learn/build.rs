//! Builds the large index from item events.
//!
//! PURE. Events come visitor after visitor and leave at once: of a visit the numbers of the items looked
//! at are kept, four bytes each, and nothing of anything else, so that ten million clicks take less than
//! a hundred megabytes while they are gathered. Popularity: every item counts once a visit, by the
//! strongest thing done with it, and fades.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::recent::UnderWay;
use crate::{
    config,
    decide::index::{Index, Number, Parts},
    model::{Action, ItemId, Timestamp},
    recommend::{
        Gathered, Learned, Tuned,
        purchases::{Bought, Orders},
    },
};

/// Items of one visit whose popularity is counted together, the last ones.
const VISIT_ITEMS_MAX: usize = 30;
/// Clicks of one visit that are gathered before the oldest are let go: more is a robot.
const VISIT_CLICKS_MAX: usize = 1000;

/// An item event of the store.
#[derive(Debug, Clone, Copy)]
pub struct ItemEvent<'a> {
    /// Who.
    pub visitor: u128,
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub action: Action,
    /// With what.
    pub items: &'a [&'a str],
    /// Category of the item, if it is one; empty when unknown.
    pub category: &'a str,
}

/// Constants of learning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// Popularity halves in this time, milliseconds.
    pub trending_half_life_ms: f64,
    /// Silence that ends a visit, milliseconds.
    pub session_ms: i64,
    /// Clicks that are learned from at most.
    pub events_max: usize,
}

impl Params {
    /// From the settings of the owner.
    #[must_use]
    pub fn new(config: &config::Learn, session_minutes: u64) -> Self {
        Self {
            trending_half_life_ms: (config.trending_half_life_hours * 3_600_000.0).max(1.0),
            session_ms: i64::try_from(session_minutes).unwrap_or(i64::MAX).saturating_mul(60_000),
            events_max: config.events_max,
        }
    }

    /// What is left at `now` of something done at `at`.
    #[expect(clippy::cast_possible_truncation, reason = "a factor from 0 to 1")]
    pub(super) fn trend_weight(&self, now: Timestamp, at: Timestamp) -> f32 {
        (-(now.since(at).max(0) as f64) / self.trending_half_life_ms).exp2() as f32
    }
}

/// How much an act adds to an item's popularity.
const fn popularity_of(action: Action) -> f32 {
    match action {
        Action::Ordered => 5.0,
        Action::CartAdded => 3.0,
        _ => 1.0,
    }
}

/// A number by which visits of one visitor are known as such; two visitors seldom share one.
#[expect(clippy::cast_possible_truncation, reason = "that is the purpose")]
pub(super) const fn mark(visitor: u128) -> u32 {
    (visitor ^ (visitor >> 32) ^ (visitor >> 64) ^ (visitor >> 96)) as u32
}

/// The items of one visit with the strongest thing done with each, in the order of first sight.
#[derive(Debug, Default)]
pub(super) struct Acts(Vec<(Number, f32)>);

impl Acts {
    /// Notes an act; returns what has to make room for it.
    pub(super) fn note(&mut self, item: Number, action: Action) -> Option<(Number, f32)> {
        let act = popularity_of(action);
        if let Some((_, strongest)) = self.0.iter_mut().find(|(known, _)| *known == item) {
            *strongest = strongest.max(act);
            return None;
        }
        let full = self.0.len() == VISIT_ITEMS_MAX;
        let oldest = full.then(|| self.0.remove(0));
        self.0.push((item, act));
        oldest
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Number, f32)> {
        self.0.iter().copied()
    }
}

/// Collects events; they come visitor after visitor, oldest first within each.
#[derive(Debug)]
pub struct Builder {
    params: Params,
    now: Timestamp,
    /// Visitors whose visit that is still under way is left out.
    under_way: UnderWay,
    numbers: HashMap<ItemId, Number, ahash::RandomState>,
    items: Vec<(ItemId, Arc<str>, f32)>,
    categories: HashSet<Arc<str>, ahash::RandomState>,
    /// The visit being read.
    clicks: Vec<Number>,
    acts: Acts,
    ordered: Vec<(Timestamp, Vec<Number>)>,
    visitor: Option<u128>,
    last_at: Timestamp,
    gathered: Gathered,
    orders: Orders,
    events: usize,
}

impl Builder {
    /// Nothing yet; `now` is the moment that popularity is told for.
    #[must_use]
    pub fn new(params: Params, now: Timestamp) -> Self {
        Self {
            params,
            now,
            under_way: UnderWay::default(),
            numbers: HashMap::default(),
            items: Vec::new(),
            categories: HashSet::default(),
            clicks: Vec::new(),
            acts: Acts::default(),
            ordered: Vec::new(),
            visitor: None,
            last_at: Timestamp::default(),
            gathered: Gathered::default(),
            orders: Orders::default(),
            events: 0,
        }
    }

    /// Leaves out the visits of these visitors that are still under way.
    pub(super) fn without(self, under_way: UnderWay) -> Self {
        Self { under_way, ..self }
    }

    /// Takes one event. False when there are as many as there may be.
    pub fn add(&mut self, event: &ItemEvent<'_>) -> bool {
        let same_visitor = self.visitor == Some(event.visitor);
        if !same_visitor || event.at.since(self.last_at) > self.params.session_ms {
            self.end_visit();
        }
        self.visitor = Some(event.visitor);
        self.last_at = event.at;
        self.events += 1;
        let mut ordered = Vec::new();
        for id in event.items.iter().filter(|id| !id.is_empty()) {
            // A category is said of one item; an order's may be that of any of its items.
            let category = if event.items.len() == 1 { event.category } else { "" };
            let number = self.number(id, category);
            if event.action == Action::ItemViewed {
                if self.clicks.len() == VISIT_CLICKS_MAX {
                    self.clicks.drain(..VISIT_CLICKS_MAX / 2);
                }
                self.clicks.push(number);
            } else if event.action == Action::Ordered {
                ordered.push(number);
            }
            if let Some((first, act)) = self.acts.note(number, event.action) {
                self.items[first as usize].2 += act * self.params.trend_weight(self.now, event.at);
            }
        }
        if !ordered.is_empty() {
            self.ordered.push((event.at, ordered));
        }
        self.events < self.params.events_max
    }

    fn number(&mut self, id: &str, category: &str) -> Number {
        if let Some(number) = self.numbers.get(id) {
            let number = *number;
            if !category.is_empty() && *self.items[number as usize].1 != *category {
                self.items[number as usize].1 = self.category(category);
            }
            return number;
        }
        let id = ItemId::from(id);
        let number = Number::try_from(self.items.len()).unwrap_or(Number::MAX);
        self.numbers.insert(id.clone(), number);
        let category = self.category(category);
        self.items.push((id, category, 0.0));
        number
    }

    /// One text for all items of a category.
    fn category(&mut self, category: &str) -> Arc<str> {
        if let Some(known) = self.categories.get(category) {
            return Arc::clone(known);
        }
        let new: Arc<str> = category.into();
        self.categories.insert(Arc::clone(&new));
        new
    }

    fn end_visit(&mut self) {
        let (mut clicks, acts) = (std::mem::take(&mut self.clicks), std::mem::take(&mut self.acts));
        let ordered = std::mem::take(&mut self.ordered);
        let Some(visitor) = self.visitor else { return };
        let goes_on = self.now.since(self.last_at) <= self.params.session_ms;
        if !(goes_on && self.under_way.contains_key(&visitor)) {
            let weight = self.params.trend_weight(self.now, self.last_at);
            acts.iter().for_each(|(item, act)| self.items[item as usize].2 += act * weight);
            self.gathered.push(&clicks, self.last_at.0, mark(visitor));
            for (at, items) in &ordered {
                self.orders.push(mark(visitor), at.0, items);
            }
        }
        clicks.clear();
        self.clicks = clicks;
    }

    /// The index of everything added, by what the site was tuned to.
    #[must_use]
    pub fn finish(mut self, tuned: &Arc<Tuned>) -> Index {
        self.end_visit();
        let Self { numbers, items, gathered, orders, events, .. } = self;
        // Made again from `items`, and there is no need to have it twice meanwhile.
        drop(numbers);
        let learned = Learned::new(gathered.sessions(), tuned);
        let bought = Bought::new(orders, items.len());
        Index::new(Parts { items, neighbours: Vec::new(), events }).with(learned).with_bought(bought)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_763_798_400_000);
    const MINUTE: i64 = 60_000;

    fn learned(events: &[(u128, i64, &[&str])]) -> Index {
        let (trending_half_life_ms, session_ms) = (48.0 * 3_600_000.0, 30 * MINUTE);
        let params = Params { trending_half_life_ms, session_ms, events_max: 10_000 };
        let mut builder = Builder::new(params, NOW);
        for (visitor, minutes_ago, items) in events {
            let (at, action) = (NOW.plus(-minutes_ago * MINUTE), Action::ItemViewed);
            builder.add(&ItemEvent { visitor: *visitor, at, action, items, category: "C" });
        }
        builder.finish(&Arc::default())
    }

    fn near(index: &Index, id: &str) -> Vec<(String, u32)> {
        let neighbours = index.neighbours(index.number(id).unwrap()).into_iter();
        neighbours.map(|n| (index.id(n.item).unwrap().to_string(), n.support)).collect()
    }

    #[test]
    fn items_of_one_visit_go_together_when_two_visitors_say_so() {
        let index = learned(&[
            (1, 9, &["a"]),
            (1, 8, &["b"]),
            (1, 7, &["x"]),
            (2, 9, &["a"]),
            (2, 8, &["b"]),
            (3, 9, &["c"]),
            (3, 8, &["d"]),
        ]);
        assert_eq!(near(&index, "a"), [("b".to_owned(), 2)]);
        assert_eq!(near(&index, "b"), [("a".to_owned(), 2)]);
        assert!(near(&index, "c").is_empty(), "one visitor is no support");
    }

    #[test]
    fn silence_cuts_visits_and_one_visitor_supports_a_pair_once() {
        let index = learned(&[(1, 99, &["a"]), (1, 60, &["b"]), (2, 99, &["a"]), (2, 60, &["b"])]);
        assert!(near(&index, "a").is_empty());
        let again = learned(&[
            (1, 200, &["a"]),
            (1, 199, &["b"]),
            (1, 100, &["a"]),
            (1, 99, &["b"]),
            (2, 9, &["a"]),
            (2, 8, &["b"]),
        ]);
        assert_eq!(near(&again, "a"), [("b".to_owned(), 2)]);
    }

    #[test]
    fn what_everybody_sees_goes_together_with_nothing_in_particular() {
        let mut events: Vec<(u128, i64, &[&str])> = Vec::new();
        for visitor in 0..40 {
            events.push((visitor, 9, &["bestseller"]));
            events.push((visitor, 8, if visitor < 4 { &["a", "b"] } else { &["other"] }));
        }
        let index = learned(&events);
        assert_eq!(near(&index, "a")[0].0, "b");
        assert_eq!(index.id(index.trending()[0]).map(|id| &**id), Some("bestseller"));
    }

    #[test]
    fn popularity_fades_and_a_reload_does_not_count() {
        let index = learned(&[(1, 48 * 60, &["old"]), (2, 0, &["new"]), (2, 0, &["new"]), (2, 0, &["new"])]);
        let popularity = |id: &str| index.popularity(index.number(id).unwrap());
        assert!((popularity("new") - 1.0).abs() < 1e-6 && (popularity("old") - 0.5).abs() < 1e-6);
        assert_eq!(index.trending_in("C").len(), 2);
    }

    #[test]
    fn long_visits_and_empty_input_are_bounded() {
        assert!(learned(&[]).is_empty());
        let ids: Vec<String> = (0..500).map(|n| format!("i{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let index = learned(&[(1, 5, &ids), (2, 5, &ids)]);
        assert_eq!(index.len(), 500);
        assert_eq!(near(&index, "i499").len(), 40, "as many as are kept of one item");
        assert!(near(&index, "i0").is_empty());
        assert!(index.popularity(0) > 0.0);
    }
}
