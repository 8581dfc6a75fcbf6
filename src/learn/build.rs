//! Builds the base index of a site from item events.
//!
//! No I/O. Events arrive grouped by visitor and are not kept: of a session only the numbers of the viewed items are,
//! four bytes each, so that ten million clicks take less than a hundred megabytes while they are collected. Popularity:
//! every item counts once per session, by the strongest action on it, and decays.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    recent::OpenSessions,
    types::{ItemActions, Params, visitor_hash},
};
use crate::{
    decide::index::{Index, Number, Parts},
    model::{Action, ItemId, Timestamp},
    recommend::{
        Gathered, Learned, Tuned,
        purchases::{CoPurchases, Orders},
    },
};

/// Clicks of one session collected before the oldest are dropped: more is a bot.
const VISIT_CLICKS_MAX: usize = 1000;

/// An item event read from the store.
#[derive(Debug, Clone, Copy)]
pub struct ItemEvent<'a> {
    /// The visitor.
    pub visitor: u128,
    /// When it happened.
    pub at: Timestamp,
    /// The action.
    pub action: Action,
    /// The items.
    pub items: &'a [&'a str],
    /// Category of the item, for events about one item; empty when unknown.
    pub category: &'a str,
}

/// Collects events, grouped by visitor and oldest first within each.
#[derive(Debug)]
pub struct Builder {
    params: Params,
    now: Timestamp,
    /// Visitors whose open session is excluded.
    open: OpenSessions,
    numbers: HashMap<ItemId, Number, ahash::RandomState>,
    items: Vec<(ItemId, Arc<str>, f32)>,
    categories: HashSet<Arc<str>, ahash::RandomState>,
    /// The session being read.
    clicks: Vec<Number>,
    actions: ItemActions,
    ordered: Vec<(Timestamp, Vec<Number>)>,
    visitor: Option<u128>,
    last_at: Timestamp,
    gathered: Gathered,
    orders: Orders,
    events: usize,
}

impl Builder {
    /// Creates an empty builder; popularity is computed as of `now`.
    #[must_use]
    pub fn new(params: Params, now: Timestamp) -> Self {
        Self {
            params,
            now,
            open: OpenSessions::default(),
            numbers: HashMap::default(),
            items: Vec::new(),
            categories: HashSet::default(),
            clicks: Vec::new(),
            actions: ItemActions::default(),
            ordered: Vec::new(),
            visitor: None,
            last_at: Timestamp::default(),
            gathered: Gathered::default(),
            orders: Orders::default(),
            events: 0,
        }
    }

    /// Excludes the open sessions of these visitors.
    pub(super) fn without(self, open: OpenSessions) -> Self {
        Self { open, ..self }
    }

    /// Adds one event. Returns false once the maximum number of events is reached.
    pub fn add(&mut self, event: &ItemEvent<'_>) -> bool {
        let same_visitor = self.visitor == Some(event.visitor);
        if !same_visitor || event.at.since(self.last_at) > self.params.session_ms {
            self.end_session();
        }
        self.visitor = Some(event.visitor);
        self.last_at = event.at;
        self.events += 1;
        let mut ordered = Vec::new();
        for id in event.items.iter().filter(|id| !id.is_empty()) {
            // A category applies to one item; an order's may belong to any of its items.
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
            if let Some((oldest, weight)) = self.actions.add(number, event.action) {
                self.items[oldest as usize].2 += weight * self.params.trend_weight(self.now, event.at);
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

    /// Interns a category, so that its items share one string.
    fn category(&mut self, category: &str) -> Arc<str> {
        if let Some(known) = self.categories.get(category) {
            return Arc::clone(known);
        }
        let new: Arc<str> = category.into();
        self.categories.insert(Arc::clone(&new));
        new
    }

    fn end_session(&mut self) {
        let (mut clicks, actions) = (std::mem::take(&mut self.clicks), std::mem::take(&mut self.actions));
        let ordered = std::mem::take(&mut self.ordered);
        let Some(visitor) = self.visitor else { return };
        let is_open = self.now.since(self.last_at) <= self.params.session_ms;
        if !(is_open && self.open.contains_key(&visitor)) {
            let decay = self.params.trend_weight(self.now, self.last_at);
            actions.iter().for_each(|(item, weight)| self.items[item as usize].2 += weight * decay);
            self.gathered.push(&clicks, self.last_at.0, visitor_hash(visitor));
            for (at, items) in &ordered {
                self.orders.push(visitor_hash(visitor), at.0, items);
            }
        }
        clicks.clear();
        self.clicks = clicks;
    }

    /// The index of everything added, with the site's tuned model parameters.
    #[must_use]
    pub fn finish(mut self, tuned: &Arc<Tuned>) -> Index {
        self.end_session();
        let Self { numbers, items, gathered, orders, events, .. } = self;
        // Rebuilt from `items` below; freed first to avoid holding it twice.
        drop(numbers);
        let learned = Learned::new(gathered.sessions(), tuned);
        let bought = CoPurchases::new(orders, items.len());
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
    fn items_of_one_session_are_neighbours_when_two_visitors_support_it() {
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
        assert!(near(&index, "c").is_empty(), "one visitor is not enough support");
    }

    #[test]
    fn inactivity_ends_sessions_and_one_visitor_supports_a_pair_once() {
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
    fn an_item_that_everyone_views_is_no_specific_neighbour() {
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
    fn popularity_decays_and_a_reload_does_not_count() {
        let index = learned(&[(1, 48 * 60, &["old"]), (2, 0, &["new"]), (2, 0, &["new"]), (2, 0, &["new"])]);
        let popularity = |id: &str| index.popularity(index.number(id).unwrap());
        assert!((popularity("new") - 1.0).abs() < 1e-6 && (popularity("old") - 0.5).abs() < 1e-6);
        assert_eq!(index.trending_in("C").len(), 2);
    }

    #[test]
    fn long_sessions_and_empty_input_are_bounded() {
        assert!(learned(&[]).is_empty());
        let ids: Vec<String> = (0..500).map(|n| format!("i{n}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let index = learned(&[(1, 5, &ids), (2, 5, &ids)]);
        assert_eq!(index.len(), 500);
        assert_eq!(near(&index, "i499").len(), 40, "the maximum number of neighbours per item");
        assert!(near(&index, "i0").is_empty());
        assert!(index.popularity(0) > 0.0);
    }
}
