//! What is bought with what, and what is bought after it.
//!
//! Together: the cosine over orders, as over visits. After: which share of the orders of an item had
//! another in them or were followed, within three months, by an order of the same buyer that did. Of that
//! share the lower end of its 95% interval counts (Wilson, 1927), so that two orders prove little, times
//! the logarithm of its lift over the share of all orders, so that a bestseller, which follows everything,
//! follows nothing in particular (a term of the J-measure, Smyth and Goodman 1992).
//!
//! All orders are counted when the large index is built. Orders that came since lie beside it, numbered
//! on, and the items of their buyers are counted anew over old and new orders together: the same
//! numbers as if everything had been counted at once, but that the popularity of the *other* items is
//! the new one for the items counted anew only.

mod orders;

use std::{collections::HashMap, sync::Arc};

use self::orders::{Books, Ledger};
use super::Number;
pub use orders::Orders;

/// An item that goes with another in the baskets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Companion {
    /// The item.
    pub item: Number,
    /// How strongly; only for comparison with others of the same list.
    pub score: f32,
    /// Orders with both, not all of one buyer.
    pub support: u32,
}

/// What goes with every item in the baskets. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Bought {
    base: Arc<Base>,
    /// Of items in orders that came since.
    renewed: Arc<HashMap<Number, Arc<Companions>, ahash::RandomState>>,
}

/// The large part.
#[derive(Debug, Default)]
struct Base {
    ledger: Ledger,
    of: Vec<Companions>,
}

/// What goes with one item.
#[derive(Debug, Default)]
struct Companions {
    together: Vec<Companion>,
    after: Vec<Companion>,
}

/// What an order after another counts, where one with both counts one.
const LATER_WEIGHT: f32 = 0.5;
/// Companions kept of an item.
const KEPT_MAX: usize = 30;
/// Orders, not all of one buyer, that must have had a pair.
const SUPPORT_MIN: u32 = 2;

impl Bought {
    /// Counts orders of `catalogue` items.
    #[must_use]
    pub fn new(orders: Orders, catalogue: usize) -> Self {
        let (ledger, none) = (Ledger::new(orders), Ledger::default());
        let books = Books { old: &ledger, new: &none };
        let mut counter = Counter::new(catalogue);
        let numbers = 0..u32::try_from(catalogue).unwrap_or(u32::MAX);
        let of = numbers.map(|item| counter.count(books, item)).collect();
        Self { base: Arc::new(Base { ledger, of }), renewed: Arc::default() }
    }

    /// The same with every order that came since the large part was counted. Counted anew is what these
    /// buyers ordered, `None`: what any of the new orders' buyers did; the rest stays as it was.
    #[must_use]
    pub fn grown(&self, since: Orders, catalogue: usize, buyers: Option<&[u32]>) -> Self {
        let new = Ledger::new(since);
        if new.is_empty() {
            let renewed = if buyers.is_some() { Arc::clone(&self.renewed) } else { Arc::default() };
            return Self { base: Arc::clone(&self.base), renewed };
        }
        let books = Books { old: &self.base.ledger, new: &new };
        let touched = books.touched(buyers);
        let mut renewed = if buyers.is_some() { HashMap::clone(&self.renewed) } else { HashMap::default() };
        if !touched.is_empty() {
            let mut counter = Counter::new(catalogue);
            renewed.extend(touched.into_iter().map(|item| (item, Arc::new(counter.count(books, item)))));
        }
        Self { base: Arc::clone(&self.base), renewed: Arc::new(renewed) }
    }

    fn of(&self, item: Number) -> Option<&Companions> {
        self.renewed.get(&item).map(AsRef::as_ref).or_else(|| self.base.of.get(item as usize))
    }

    /// What is in the same orders as an item, strongest first.
    #[must_use]
    pub fn together(&self, item: Number) -> &[Companion] {
        self.of(item).map_or(&[], |of| &of.together)
    }

    /// What is bought with an item or after it more than other things are, strongest first.
    #[must_use]
    pub fn after(&self, item: Number) -> &[Companion] {
        self.of(item).map_or(&[], |of| &of.after)
    }
}

fn strongest(mut list: Vec<Companion>) -> Vec<Companion> {
    list.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.item.cmp(&b.item)));
    list.truncate(KEPT_MAX);
    list.shrink_to_fit();
    list
}

/// The lower end of the 95% interval of a share.
fn at_least(hits: f32, of: f32) -> f32 {
    const Z: f32 = 1.96;
    if of <= 0.0 {
        return 0.0;
    }
    let (share, z2) = (hits / of, Z * Z / of);
    let spread = Z * (share * (1.0 - share) / of + z2 / (4.0 * of)).max(0.0).sqrt();
    ((share + z2 / 2.0 - spread) / (1.0 + z2)).max(0.0)
}

#[derive(Debug, Clone, Copy, Default)]
struct Pair {
    together: f32,
    hits: f32,
    support: u32,
    buyer: u32,
}

/// Counts one item after the other.
struct Counter {
    found: Vec<Pair>,
    touched: Vec<Number>,
    orders: Vec<usize>,
}

impl Counter {
    fn new(catalogue: usize) -> Self {
        Self { found: vec![Pair::default(); catalogue], touched: Vec::new(), orders: Vec::new() }
    }

    fn count(&mut self, books: Books<'_>, item: Number) -> Companions {
        let mut read = std::mem::take(&mut self.orders);
        books.of_item(item, &mut read);
        for order in &read {
            self.order(books, *order, item);
        }
        let (ours, all) = (read.len() as f32, books.len().max(1) as f32);
        self.orders = read;
        let (mut together, mut after) = (Vec::new(), Vec::new());
        for other in self.touched.drain(..) {
            let pair = std::mem::take(&mut self.found[other as usize]);
            if pair.support < SUPPORT_MIN {
                continue;
            }
            let theirs = books.count(other) as f32;
            let companion = |score| Companion { item: other, score, support: pair.support };
            if pair.together > 0.0 {
                together.push(companion(pair.together / (ours * theirs).sqrt().max(1.0)));
            }
            let share = at_least(pair.hits.min(ours), ours);
            let lift = share / (theirs / all).max(f32::MIN_POSITIVE);
            if lift > 1.0 {
                after.push(companion(share * lift.ln()));
            }
        }
        Companions { together: strongest(together), after: strongest(after) }
    }

    fn order(&mut self, books: Books<'_>, order: usize, item: Number) {
        let buyer = books.buyer(order);
        for other in books.items(order).iter().filter(|other| **other != item) {
            if let Some(pair) = self.pair(*other, buyer) {
                pair.together += 1.0;
                pair.hits += 1.0;
            }
        }
        for later in books.later(order) {
            for other in books.items(later).iter().filter(|other| **other != item) {
                if let Some(pair) = self.pair(*other, buyer) {
                    pair.hits += LATER_WEIGHT;
                }
            }
        }
    }

    fn pair(&mut self, other: Number, buyer: u32) -> Option<&mut Pair> {
        let pair = self.found.get_mut(other as usize)?;
        if pair.support == 0 {
            self.touched.push(other);
        }
        if pair.support == 0 || pair.buyer != buyer {
            (pair.buyer, pair.support) = (buyer, pair.support + 1);
        }
        Some(pair)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn bought(told: &[(u32, i64, &[Number])]) -> Bought {
        let mut orders = Orders::default();
        for (buyer, day, items) in told {
            orders.push(*buyer, day * DAY_MS, items);
        }
        Bought::new(orders, 50)
    }

    fn items(list: &[Companion]) -> Vec<Number> {
        list.iter().map(|companion| companion.item).collect()
    }

    #[test]
    fn what_is_bought_after_has_a_direction_and_a_time() {
        let (camera, card, old) = (1, 2, 3);
        let mut told: Vec<(u32, i64, &[Number])> = Vec::new();
        for buyer in 0..10 {
            told.extend([(buyer, 1, &[1][..]), (buyer, 20, &[2][..]), (buyer, 200, &[3][..])]);
        }
        told.extend((10..60).map(|buyer| (buyer, 1, &[9][..])));
        let bought = bought(&told);
        assert_eq!(items(bought.after(camera)), [card]);
        assert!(bought.after(card).is_empty(), "a camera is not bought after its card, and {old} comes too late");
        assert!(bought.together(camera).is_empty(), "never in one order");
    }

    #[test]
    fn a_bestseller_follows_nothing_in_particular_and_one_buyer_proves_nothing() {
        let (camera, card, bag) = (1, 2, 7);
        let mut told: Vec<(u32, i64, &[Number])> = Vec::new();
        told.extend((0..20).map(|buyer| (buyer, 1, if buyer < 12 { &[1, 2, 7][..] } else { &[1, 7][..] })));
        told.extend((20..200).map(|buyer| (buyer, 1, &[7][..])));
        told.extend([(300, 1, &[1, 8][..]), (300, 2, &[1, 8][..])]);
        let bought = bought(&told);
        assert_eq!(items(bought.after(camera)), [card], "everybody has {bag} anyway");
        assert_eq!(items(bought.together(card)), [camera, bag]);
        assert!(!items(bought.together(camera)).contains(&8));
    }

    #[test]
    fn what_was_ordered_since_counts_at_once_and_one_buyer_still_proves_nothing() {
        let orders = |told: &[(u32, i64, &[Number])]| {
            let mut orders = Orders::default();
            for (buyer, day, items) in told {
                orders.push(*buyer, day * DAY_MS, items);
            }
            orders
        };
        let old = Bought::new(orders(&[(1, 1, &[1, 8]), (2, 1, &[1, 7]), (3, 1, &[5])]), 10);
        let again = old.grown(orders(&[(1, 2, &[1, 8])]), 12, None);
        assert!(again.together(1).is_empty(), "the same buyer again");
        let new = again.grown(orders(&[(1, 2, &[1, 8]), (4, 2, &[1, 7, 11])]), 12, Some(&[4]));
        assert_eq!(items(new.together(1)), [7], "buyers 2 and 4");
        let third = new.grown(orders(&[(1, 2, &[1, 8]), (4, 2, &[1, 7, 11]), (5, 3, &[7, 11])]), 12, Some(&[5]));
        assert_eq!(items(third.together(11)), [7]);
        assert!(new.together(11).is_empty() && old.together(1).is_empty(), "the ones before stay");
        assert_eq!(items(new.grown(orders(&[]), 12, Some(&[])).together(1)), [7]);
        assert!(new.grown(orders(&[]), 12, None).together(1).is_empty(), "nothing came since the large part");
    }

    proptest! {
        /// Counting in two steps, or three, is counting at once.
        #[test]
        fn to_grow_is_to_count_at_once(
            told in prop::collection::vec((0_u32..6, prop::collection::vec(0_u32..12, 1..4)), 1..40),
            cuts in (0_usize..40, 0_usize..40),
        ) {
            let first = cuts.0.min(cuts.1).min(told.len());
            let second = cuts.0.max(cuts.1).min(told.len());
            let orders = |range: std::ops::Range<usize>| {
                let mut chosen: Vec<usize> = range.collect();
                chosen.sort_by_key(|n| (told[*n].0, *n));
                let mut orders = Orders::default();
                for n in chosen {
                    orders.push(told[n].0, i64::try_from(n).unwrap() * DAY_MS, &told[n].1);
                }
                orders
            };
            let whole = Bought::new(orders(0..told.len()), 12);
            let buyers: Vec<u32> = told[second..].iter().map(|(buyer, _)| *buyer).collect();
            let grown = Bought::new(orders(0..first), 12).grown(orders(first..second), 12, None);
            let grown = grown.grown(orders(first..told.len()), 12, Some(&buyers));
            let touched = told[second..].iter().flat_map(|(_, items)| items);
            for item in touched {
                prop_assert_eq!(whole.together(*item), grown.together(*item));
                prop_assert_eq!(whole.after(*item), grown.after(*item));
            }
        }

        #[test]
        fn any_orders_give_finite_scores_in_order(
            told in prop::collection::vec((0_u32..5, 0_i64..300, prop::collection::vec(0_u32..60, 0..6)), 0..60),
        ) {
            let mut told = told;
            told.sort_by_key(|(buyer, day, _)| (*buyer, *day));
            let told: Vec<(u32, i64, &[Number])> = told.iter().map(|(b, d, items)| (*b, *d, &items[..])).collect();
            let bought = bought(&told);
            for item in 0..60 {
                for list in [bought.after(item), bought.together(item)] {
                    prop_assert!(list.iter().all(|c| c.item != item && c.score.is_finite() && c.score > 0.0));
                    prop_assert!(list.windows(2).all(|pair| pair[0].score >= pair[1].score));
                }
            }
        }
    }
}
