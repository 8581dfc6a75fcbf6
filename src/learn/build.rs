//! Builds an index from item events.
//!
//! PURE. Popularity: every item counts once a visit, by the strongest thing done with it, and fades.
//! Going together: items of one visit, the visits fading too, in the cosine measure, so that what
//! everybody looks at does not go together with everything; pairs that few visitors saw are damped, and
//! a pair that a single visitor saw is not kept. One item at a time is counted in one dense array:
//! memory grows with the visits, never with the pairs.

use std::collections::HashMap;

use crate::{
    config,
    decide::index::{Index, Neighbour, Number, Parts},
    model::{Action, ItemId, Timestamp},
    recommend::{Click, Sessions},
};

/// Items of one visit that are counted, the last ones: more is a robot or a price comparison.
const VISIT_ITEMS_MAX: usize = 30;
/// Visits counted for one item, the newest ones; what goes with a bestseller is known long before.
const ITEM_VISITS_MAX: usize = 5_000;
/// Visitors who must have seen a pair.
const SUPPORT_MIN: u32 = 2;
/// A pair seen by this many visitors counts half of what it would with very many.
const SUPPORT_DAMPING: f32 = 2.0;
/// What a visit says of pairs halves in this time; tastes change more slowly than fashions.
const VISIT_HALF_LIFE_MS: f64 = 45.0 * 86_400_000.0;

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
    pub items: &'a [String],
    /// Category of the item, if it is one; empty when unknown.
    pub category: &'a str,
}

/// Constants of learning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// Popularity halves in this time, milliseconds.
    pub trending_half_life_ms: f64,
    /// Neighbours kept for an item.
    pub neighbours_max: usize,
    /// Silence that ends a visit, milliseconds.
    pub session_ms: i64,
}

impl Params {
    /// From the settings of the owner.
    #[must_use]
    pub fn new(config: &config::Learn, session_minutes: u64) -> Self {
        Self {
            trending_half_life_ms: (config.trending_half_life_hours * 3_600_000.0).max(1.0),
            neighbours_max: config.neighbours_max,
            session_ms: i64::try_from(session_minutes).unwrap_or(i64::MAX).saturating_mul(60_000),
        }
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

/// Collects events; they come visitor after visitor, oldest first within each.
#[derive(Debug)]
pub struct Builder {
    params: Params,
    now: Timestamp,
    numbers: HashMap<ItemId, Number, ahash::RandomState>,
    items: Vec<(ItemId, Box<str>, f32)>,
    /// The visit being read: its items with their strongest act, in the order of first sight.
    current: Vec<(Number, f32)>,
    visitor: Option<u128>,
    visitors: u32,
    last_at: Timestamp,
    visits: Vec<Visit>,
    /// How often, faded, each item was in a visit.
    weights: Vec<f32>,
    /// Items of all visits, one visit after the other.
    members: Vec<Number>,
    /// Everything looked at, click by click.
    clicks: Vec<Click>,
    /// Number of the visit being read.
    visit: u64,
    events: usize,
}

#[derive(Debug)]
struct Visit {
    /// Visitors are numbered as they come.
    visitor: u32,
    weight: f32,
    at: Timestamp,
    first_member: u32,
}

impl Builder {
    /// Nothing yet; `now` is the moment that popularity is told for.
    #[must_use]
    pub fn new(params: Params, now: Timestamp) -> Self {
        Self {
            params,
            now,
            numbers: HashMap::default(),
            items: Vec::new(),
            current: Vec::new(),
            visitor: None,
            visitors: 0,
            last_at: Timestamp::default(),
            visits: Vec::new(),
            weights: Vec::new(),
            members: Vec::new(),
            clicks: Vec::new(),
            visit: 0,
            events: 0,
        }
    }

    /// Takes one event.
    pub fn add(&mut self, event: &ItemEvent<'_>) {
        let same_visitor = self.visitor == Some(event.visitor);
        if !same_visitor || event.at.since(self.last_at) > self.params.session_ms {
            self.end_visit();
        }
        self.visitors += u32::from(!same_visitor);
        self.visitor = Some(event.visitor);
        self.last_at = event.at;
        self.events += 1;
        let act = popularity_of(event.action);
        for id in event.items.iter().filter(|id| !id.is_empty()) {
            // A category is said of one item; an order's may be that of any of its items.
            let category = if event.items.len() == 1 { event.category } else { "" };
            let number = self.number(id, category);
            if event.action == Action::ItemViewed {
                self.clicks.push(Click { session: self.visit, item: number, at_ms: event.at.0 });
            }
            if let Some((_, strongest)) = self.current.iter_mut().find(|(known, _)| *known == number) {
                *strongest = strongest.max(act);
                continue;
            }
            if self.current.len() == VISIT_ITEMS_MAX {
                let (first, strongest) = self.current.remove(0);
                self.add_popularity(first, strongest, event.at);
            }
            self.current.push((number, act));
        }
    }

    fn number(&mut self, id: &str, category: &str) -> Number {
        if let Some(number) = self.numbers.get(id) {
            if !category.is_empty() && *self.items[*number as usize].1 != *category {
                self.items[*number as usize].1 = category.into();
            }
            return *number;
        }
        let id = ItemId::from(id);
        let number = Number::try_from(self.items.len()).unwrap_or(Number::MAX);
        self.numbers.insert(id.clone(), number);
        self.items.push((id, category.into(), 0.0));
        self.weights.push(0.0);
        number
    }

    fn faded(&self, at: Timestamp, half_life_ms: f64) -> f64 {
        (-(self.now.since(at).max(0) as f64) / half_life_ms).exp2()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a factor from 0 to 1")]
    fn add_popularity(&mut self, item: Number, act: f32, at: Timestamp) {
        let faded = self.faded(at, self.params.trending_half_life_ms) as f32;
        self.items[item as usize].2 += act * faded;
    }

    #[expect(clippy::cast_possible_truncation, reason = "a factor from 0 to 1; counts are bounded by events_max")]
    fn end_visit(&mut self) {
        self.visit += 1;
        let at = self.last_at;
        let weight = self.faded(at, VISIT_HALF_LIFE_MS) as f32;
        let current = std::mem::take(&mut self.current);
        for (item, act) in &current {
            self.add_popularity(*item, *act, at);
            self.weights[*item as usize] += weight;
        }
        if current.len() >= 2 {
            self.visits.push(Visit { visitor: self.visitors, weight, at, first_member: self.members.len() as u32 });
            self.members.extend(current.iter().map(|(item, _)| *item));
        }
    }

    /// The index of everything added, and the visits with their clicks; the items of both have the same
    /// numbers.
    #[must_use]
    pub fn finish(mut self) -> (Index, Sessions) {
        self.end_visit();
        let sessions = Sessions::new(std::mem::take(&mut self.clicks));
        let visits_of = self.visits_of_items();
        let mut counter = Counter::new(self.items.len());
        let neighbours =
            visits_of.iter().zip(0..).map(|(visits, item)| self.neighbours_of(item, visits, &mut counter)).collect();
        (Index::new(Parts { items: self.items, neighbours, events: self.events }), sessions)
    }

    /// The visits each item was in, visitor after visitor.
    fn visits_of_items(&self) -> Vec<Vec<u32>> {
        let mut visits_of = vec![Vec::new(); self.items.len()];
        for (_, number) in self.visits.iter().zip(0_u32..) {
            for item in self.members_of(number) {
                visits_of[*item as usize].push(number);
            }
        }
        for visits in visits_of.iter_mut().filter(|visits| visits.len() > ITEM_VISITS_MAX) {
            let newest_first = |visit: &u32| std::cmp::Reverse((self.visits[*visit as usize].at, *visit));
            visits.select_nth_unstable_by_key(ITEM_VISITS_MAX, newest_first);
            visits.truncate(ITEM_VISITS_MAX);
            visits.sort_unstable();
        }
        visits_of
    }

    fn members_of(&self, visit: u32) -> &[Number] {
        let from = self.visits[visit as usize].first_member as usize;
        let to = self.visits.get(visit as usize + 1).map_or(self.members.len(), |next| next.first_member as usize);
        &self.members[from..to]
    }

    fn neighbours_of(&self, item: Number, visits: &[u32], counter: &mut Counter) -> Vec<Neighbour> {
        let mut weight_read = 0.0_f32;
        for number in visits {
            let visit = &self.visits[*number as usize];
            weight_read += visit.weight;
            for other in self.members_of(*number).iter().filter(|other| **other != item) {
                counter.count(*other, visit.visitor, visit.weight);
            }
        }
        // Of a bestseller only a part of the visits was weight_read, and they are measured by themselves.
        let own_weight = if visits.len() < ITEM_VISITS_MAX { self.weights[item as usize] } else { weight_read };
        let mut near: Vec<Neighbour> = counter
            .drain()
            .filter(|(_, together, support)| *support >= SUPPORT_MIN && *together > 0.0)
            .map(|(other, together, support)| {
                let cosine = together / (own_weight * self.weights[other as usize]).sqrt().max(f32::MIN_POSITIVE);
                let damped = support as f32 / (support as f32 + SUPPORT_DAMPING);
                Neighbour { item: other, score: (cosine * damped).min(1.0), support }
            })
            .collect();
        near.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.item.cmp(&b.item)));
        near.truncate(self.params.neighbours_max);
        near
    }
}

/// Counts what was seen together with one item; the arrays are used again for the next.
struct Counter {
    together: Vec<f32>,
    support: Vec<u32>,
    /// The visitor counted last, so that each supports a pair once.
    visitor: Vec<u32>,
    touched: Vec<Number>,
}

impl Counter {
    fn new(items: usize) -> Self {
        Self { together: vec![0.0; items], support: vec![0; items], visitor: vec![0; items], touched: Vec::new() }
    }

    /// Visitors are numbered from 1 and come in order.
    fn count(&mut self, other: Number, visitor: u32, weight: f32) {
        let at = other as usize;
        if self.support[at] == 0 {
            self.touched.push(other);
        }
        self.together[at] += weight;
        if self.visitor[at] != visitor || self.support[at] == 0 {
            self.visitor[at] = visitor;
            self.support[at] += 1;
        }
    }

    /// Everything counted, and a clean slate.
    fn drain(&mut self) -> impl Iterator<Item = (Number, f32, u32)> {
        let Self { together, support, touched, .. } = self;
        touched.drain(..).map(|other| {
            let at = other as usize;
            (other, std::mem::take(&mut together[at]), std::mem::take(&mut support[at]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_763_798_400_000);
    const MINUTE: i64 = 60_000;

    fn learned(events: &[(u128, i64, &[&str])]) -> Index {
        let params = Params { trending_half_life_ms: 48.0 * 3_600_000.0, neighbours_max: 50, session_ms: 30 * MINUTE };
        let mut builder = Builder::new(params, NOW);
        for (visitor, minutes_ago, items) in events {
            let items: Vec<String> = items.iter().map(|id| (*id).to_owned()).collect();
            let (at, action) = (NOW.plus(-minutes_ago * MINUTE), Action::ItemViewed);
            builder.add(&ItemEvent { visitor: *visitor, at, action, items: &items, category: "C" });
        }
        builder.finish().0
    }

    fn near(index: &Index, id: &str) -> Vec<(String, u32)> {
        let neighbours = index.neighbours(index.number(id).unwrap());
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
        assert_eq!(near(&index, "i499").len(), VISIT_ITEMS_MAX - 1);
        assert!(near(&index, "i0").is_empty());
        assert!(index.popularity(0) > 0.0);
    }
}
