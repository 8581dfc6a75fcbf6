//! What the service learned from everybody's clicks: which items are popular, which go together.
//!
//! Immutable and flat: items are numbered, and the neighbours of all items lie one after the other in
//! three arrays, so that a decision reads a few consecutive cache lines an item.

use std::collections::HashMap;

use crate::{
    model::{ItemId, Timestamp},
    recommend::Learned,
};

/// Place of an item in an [`Index`]; valid for that one instance only.
pub type Number = u32;

/// What was learned of one site. `Index::default()` knows nothing, which is right for a new site.
#[derive(Debug, Default)]
pub struct Index {
    ids: Box<[ItemId]>,
    numbers: HashMap<ItemId, Number, ahash::RandomState>,
    popularity: Box<[f32]>,
    trending: Box<[Number]>,
    trending_in: HashMap<Box<str>, Box<[Number]>, ahash::RandomState>,
    /// Neighbours of item `n` lie from `offsets[n]` to `offsets[n + 1]`.
    offsets: Box<[u32]>,
    targets: Box<[Number]>,
    scores: Box<[f32]>,
    supports: Box<[u32]>,
    events: usize,
    learned: Option<Learned>,
}

/// An item that goes together with another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The item.
    pub item: Number,
    /// How strongly, 0 to 1.
    pub score: f32,
    /// Visitors who looked at both in one visit.
    pub support: u32,
}

/// What an index is put together from; items are numbered by their place in `items`.
#[derive(Debug, Default)]
pub struct Parts {
    /// Every item with its main category (empty when unknown) and its decayed popularity.
    pub items: Vec<(ItemId, Box<str>, f32)>,
    /// Neighbours of every item, best first; as long as `items`.
    pub neighbours: Vec<Vec<Neighbour>>,
    /// Events it was learned from.
    pub events: usize,
}

/// Popular items kept overall and for each category.
pub const TRENDING_MAX: usize = 200;

impl Index {
    /// Puts an index together. Neighbours that point nowhere are left out.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { items, neighbours, events } = parts;
        let popularity: Box<[f32]> = items.iter().map(|(_, _, popularity)| *popularity).collect();
        let mut by_category: HashMap<&str, Vec<Number>> = HashMap::new();
        for (number, (_, category, _)) in (0..).zip(&items).filter(|(_, (_, category, _))| !category.is_empty()) {
            by_category.entry(category).or_default().push(number);
        }
        let trending_in = by_category
            .into_iter()
            .map(|(category, members)| (category.into(), most_popular(members, &popularity)))
            .collect();
        let trending = most_popular((0..).take(items.len()).collect(), &popularity);

        let mut flat = Flat {
            offsets: vec![0],
            targets: Vec::new(),
            scores: Vec::new(),
            supports: Vec::new(),
            limit: items.len(),
        };
        for number in 0..items.len() {
            flat.push(neighbours.get(number).map_or(&[], Vec::as_slice));
        }
        let ids: Box<[ItemId]> = items.into_iter().map(|(id, _, _)| id).collect();
        Self {
            numbers: ids.iter().cloned().zip(0..).collect(),
            ids,
            popularity,
            trending,
            trending_in,
            offsets: flat.offsets.into(),
            targets: flat.targets.into(),
            scores: flat.scores.into(),
            supports: flat.supports.into(),
            events,
            learned: None,
        }
    }

    /// Adds what was learned of whole visits; its items are numbered as here.
    #[must_use]
    pub fn with(mut self, learned: Learned) -> Self {
        self.learned = Some(learned);
        self
    }

    /// What was learned of whole visits, once there were enough of them to tune it.
    #[must_use]
    pub fn learned(&self) -> Option<&Learned> {
        self.learned.as_ref()
    }

    /// A moment as [`Learned::rank`] takes it.
    #[must_use]
    pub fn moment(learned: &Learned, at: Timestamp) -> u32 {
        learned.sessions().since_origin(at.0)
    }

    /// Items known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether nothing was learned yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Events it was learned from.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events
    }

    /// Pairs of items kept.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.targets.len()
    }

    /// The number of an item.
    #[must_use]
    pub fn number(&self, id: &str) -> Option<Number> {
        self.numbers.get(id).copied()
    }

    /// The item with this number.
    #[must_use]
    pub fn id(&self, number: Number) -> Option<&ItemId> {
        self.ids.get(number as usize)
    }

    /// Decayed popularity of an item; 0 when unknown.
    #[must_use]
    pub fn popularity(&self, number: Number) -> f32 {
        self.popularity.get(number as usize).copied().unwrap_or(0.0)
    }

    /// The most popular items, best first.
    #[must_use]
    pub fn trending(&self) -> &[Number] {
        &self.trending
    }

    /// The most popular items of a category, best first.
    #[must_use]
    pub fn trending_in(&self, category: &str) -> &[Number] {
        self.trending_in.get(category).map_or(&[], |items| items)
    }

    /// What goes together with an item, best first.
    pub fn neighbours(&self, number: Number) -> impl Iterator<Item = Neighbour> {
        let n = number as usize;
        let range = match (self.offsets.get(n), self.offsets.get(n + 1)) {
            (Some(from), Some(to)) => *from as usize..*to as usize,
            _ => 0..0,
        };
        range.map(|i| Neighbour { item: self.targets[i], score: self.scores[i], support: self.supports[i] })
    }
}

/// The arrays of neighbours while they grow.
struct Flat {
    offsets: Vec<u32>,
    targets: Vec<Number>,
    scores: Vec<f32>,
    supports: Vec<u32>,
    limit: usize,
}

impl Flat {
    fn push(&mut self, neighbours: &[Neighbour]) {
        for neighbour in neighbours.iter().filter(|n| (n.item as usize) < self.limit && n.score.is_finite()) {
            self.targets.push(neighbour.item);
            self.scores.push(neighbour.score);
            self.supports.push(neighbour.support);
        }
        self.offsets.push(u32::try_from(self.targets.len()).unwrap_or(u32::MAX));
    }
}

/// The best of `members`, equal ones in the order of their numbers.
fn most_popular(mut members: Vec<Number>, popularity: &[f32]) -> Box<[Number]> {
    let of = |n: &Number| popularity[*n as usize];
    members.sort_unstable_by(|a, b| of(b).total_cmp(&of(a)).then_with(|| a.cmp(b)));
    members.truncate(TRENDING_MAX);
    members.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_gives_back_what_it_was_made_of() {
        let near = |item, score, support| Neighbour { item, score, support };
        let index = Index::new(Parts {
            items: vec![("a".into(), "X".into(), 1.0), ("b".into(), "X".into(), 3.0), ("c".into(), "".into(), 2.0)],
            neighbours: vec![vec![near(1, 0.5, 9), near(7, 0.4, 2)], vec![], vec![near(0, 0.2, 3)]],
            events: 12,
        });
        assert_eq!(index.trending(), [1, 2, 0]);
        assert_eq!(index.trending_in("X"), [1, 0]);
        assert_eq!(index.neighbours(0).collect::<Vec<_>>(), [near(1, 0.5, 9)]);
        assert_eq!(index.neighbours(2).count(), 1);
        assert_eq!(index.neighbours(99).count(), 0);
        assert_eq!((index.len(), index.events(), index.pairs()), (3, 12, 2));
        assert_eq!(index.number("c").and_then(|n| index.id(n)).map(|id| &**id), Some("c"));
    }

    #[test]
    fn an_empty_index_knows_nothing_and_says_so() {
        let index = Index::default();
        assert!(index.is_empty() && index.trending().is_empty() && index.neighbours(0).next().is_none());
        assert_eq!((index.number("a"), index.popularity(3)), (None, 0.0));
    }
}
