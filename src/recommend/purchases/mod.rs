//! Co-purchases: items bought together, and items bought afterwards.
//!
//! Together: the cosine over orders, as over visits. Afterwards: the share of an item's orders that contain another
//! item or were followed, within three months, by an order of the same buyer that does. The score is the lower bound
//! of the 95% interval of that share (Wilson, 1927), so that two orders prove little, times the logarithm of its lift
//! over the share of all orders, so that a bestseller, which follows everything, does not score (a term of the
//! J-measure, Smyth and Goodman 1992).
//!
//! All orders are counted when the large index is built. Newer orders are kept separately, their numbers follow on, and
//! the items of their buyers are recounted over old and new orders together. The results are the same as counting
//! everything at once, except that only the recounted items use the new popularity of the *other* items.

mod orders;

use std::{collections::HashMap, sync::Arc};

use self::orders::{OrderHistory, OrderIndex};
use super::types::Number;
pub use orders::Orders;

/// An item that is bought with or after another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoPurchase {
    /// The item.
    pub item: Number,
    /// Strength; comparable within the same list only.
    pub score: f32,
    /// Orders with both, consecutive ones of one buyer counted once.
    pub support: u32,
}

/// Co-purchases of every item. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct CoPurchases {
    base: Arc<Base>,
    /// Recounted items of newer orders.
    recounted: Arc<HashMap<Number, Arc<ItemCoPurchases>, ahash::RandomState>>,
}

/// The large part, counted when the index was built.
#[derive(Debug, Default)]
struct Base {
    orders: OrderIndex,
    items: Vec<ItemCoPurchases>,
}

/// Co-purchases of one item.
#[derive(Debug, Default)]
struct ItemCoPurchases {
    together: Vec<CoPurchase>,
    after: Vec<CoPurchase>,
}

/// Weight of a later order, relative to an order with both items.
const LATER_WEIGHT: f32 = 0.5;
/// Co-purchases kept for one item.
const KEPT_MAX: usize = 30;
/// Minimum support of a pair.
const SUPPORT_MIN: u32 = 2;

impl CoPurchases {
    /// Counts orders of `catalogue` items.
    #[must_use]
    pub fn new(orders: Orders, catalogue: usize) -> Self {
        let (orders, none) = (OrderIndex::new(orders), OrderIndex::default());
        let history = OrderHistory { old: &orders, new: &none };
        let mut counter = Counter::new(catalogue);
        let numbers = 0..u32::try_from(catalogue).unwrap_or(u32::MAX);
        let items = numbers.map(|item| counter.count(history, item)).collect();
        Self { base: Arc::new(Base { orders, items }), recounted: Arc::default() }
    }

    /// A copy with every order since the large part was counted. The items that `buyers` ever ordered are recounted
    /// (`None`: all buyers of the new orders); the rest stays.
    #[must_use]
    pub fn grown(&self, since: Orders, catalogue: usize, buyers: Option<&[u32]>) -> Self {
        let new = OrderIndex::new(since);
        if new.is_empty() {
            let recounted = if buyers.is_some() { Arc::clone(&self.recounted) } else { Arc::default() };
            return Self { base: Arc::clone(&self.base), recounted };
        }
        let history = OrderHistory { old: &self.base.orders, new: &new };
        let touched = history.touched(buyers);
        let mut recounted = if buyers.is_some() { HashMap::clone(&self.recounted) } else { HashMap::default() };
        if !touched.is_empty() {
            let mut counter = Counter::new(catalogue);
            recounted.extend(touched.into_iter().map(|item| (item, Arc::new(counter.count(history, item)))));
        }
        Self { base: Arc::clone(&self.base), recounted: Arc::new(recounted) }
    }

    fn get(&self, item: Number) -> Option<&ItemCoPurchases> {
        self.recounted.get(&item).map(AsRef::as_ref).or_else(|| self.base.items.get(item as usize))
    }

    /// Items in the same orders as an item, strongest first.
    #[must_use]
    pub fn together(&self, item: Number) -> &[CoPurchase] {
        self.get(item).map_or(&[], |lists| &lists.together)
    }

    /// Items bought with or after an item more often than on average, strongest first.
    #[must_use]
    pub fn after(&self, item: Number) -> &[CoPurchase] {
        self.get(item).map_or(&[], |lists| &lists.after)
    }
}

fn strongest(mut list: Vec<CoPurchase>) -> Vec<CoPurchase> {
    list.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.item.cmp(&b.item)));
    list.truncate(KEPT_MAX);
    list.shrink_to_fit();
    list
}

/// Lower bound of the 95% interval of a share.
fn wilson_lower_bound(hits: f32, of: f32) -> f32 {
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

/// Counts items one by one; the buffers are reused.
struct Counter {
    found: Vec<Pair>,
    touched: Vec<Number>,
    orders: Vec<usize>,
}

impl Counter {
    fn new(catalogue: usize) -> Self {
        Self { found: vec![Pair::default(); catalogue], touched: Vec::new(), orders: Vec::new() }
    }

    fn count(&mut self, history: OrderHistory<'_>, item: Number) -> ItemCoPurchases {
        let mut orders = std::mem::take(&mut self.orders);
        history.of_item(item, &mut orders);
        for order in &orders {
            self.count_order(history, *order, item);
        }
        let (ours, all) = (orders.len() as f32, history.len().max(1) as f32);
        self.orders = orders;
        let (mut together, mut after) = (Vec::new(), Vec::new());
        for other in self.touched.drain(..) {
            let pair = std::mem::take(&mut self.found[other as usize]);
            if pair.support < SUPPORT_MIN {
                continue;
            }
            let theirs = history.count(other) as f32;
            let co_purchase = |score| CoPurchase { item: other, score, support: pair.support };
            if pair.together > 0.0 {
                together.push(co_purchase(pair.together / (ours * theirs).sqrt().max(1.0)));
            }
            let share = wilson_lower_bound(pair.hits.min(ours), ours);
            let lift = share / (theirs / all).max(f32::MIN_POSITIVE);
            if lift > 1.0 {
                after.push(co_purchase(share * lift.ln()));
            }
        }
        ItemCoPurchases { together: strongest(together), after: strongest(after) }
    }

    fn count_order(&mut self, history: OrderHistory<'_>, order: usize, item: Number) {
        let buyer = history.buyer(order);
        for other in history.items(order).iter().filter(|other| **other != item) {
            if let Some(pair) = self.pair(*other, buyer) {
                pair.together += 1.0;
                pair.hits += 1.0;
            }
        }
        for later in history.later(order) {
            for other in history.items(later).iter().filter(|other| **other != item) {
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

    fn bought(placed: &[(u32, i64, &[Number])]) -> CoPurchases {
        let mut orders = Orders::default();
        for (buyer, day, items) in placed {
            orders.push(*buyer, day * DAY_MS, items);
        }
        CoPurchases::new(orders, 50)
    }

    fn items(list: &[CoPurchase]) -> Vec<Number> {
        list.iter().map(|co_purchase| co_purchase.item).collect()
    }

    #[test]
    fn later_purchases_have_a_direction_and_a_time_limit() {
        let (camera, card, old) = (1, 2, 3);
        let mut placed: Vec<(u32, i64, &[Number])> = Vec::new();
        for buyer in 0..10 {
            placed.extend([(buyer, 1, &[1][..]), (buyer, 20, &[2][..]), (buyer, 200, &[3][..])]);
        }
        placed.extend((10..60).map(|buyer| (buyer, 1, &[9][..])));
        let bought = bought(&placed);
        assert_eq!(items(bought.after(camera)), [card]);
        assert!(bought.after(card).is_empty(), "a camera is not bought after its card, and {old} comes too late");
        assert!(bought.together(camera).is_empty(), "never in one order");
    }

    #[test]
    fn bestsellers_and_a_single_buyer_do_not_count() {
        let (camera, card, bag) = (1, 2, 7);
        let mut placed: Vec<(u32, i64, &[Number])> = Vec::new();
        placed.extend((0..20).map(|buyer| (buyer, 1, if buyer < 12 { &[1, 2, 7][..] } else { &[1, 7][..] })));
        placed.extend((20..200).map(|buyer| (buyer, 1, &[7][..])));
        placed.extend([(300, 1, &[1, 8][..]), (300, 2, &[1, 8][..])]);
        let bought = bought(&placed);
        assert_eq!(items(bought.after(camera)), [card], "everybody has {bag} anyway");
        assert_eq!(items(bought.together(card)), [camera, bag]);
        assert!(!items(bought.together(camera)).contains(&8));
    }

    #[test]
    fn new_orders_count_at_once_and_a_single_buyer_still_does_not() {
        let orders = |placed: &[(u32, i64, &[Number])]| {
            let mut orders = Orders::default();
            for (buyer, day, items) in placed {
                orders.push(*buyer, day * DAY_MS, items);
            }
            orders
        };
        let old = CoPurchases::new(orders(&[(1, 1, &[1, 8]), (2, 1, &[1, 7]), (3, 1, &[5])]), 10);
        let again = old.grown(orders(&[(1, 2, &[1, 8])]), 12, None);
        assert!(again.together(1).is_empty(), "the same buyer again");
        let new = again.grown(orders(&[(1, 2, &[1, 8]), (4, 2, &[1, 7, 11])]), 12, Some(&[4]));
        assert_eq!(items(new.together(1)), [7], "buyers 2 and 4");
        let third = new.grown(orders(&[(1, 2, &[1, 8]), (4, 2, &[1, 7, 11]), (5, 3, &[7, 11])]), 12, Some(&[5]));
        assert_eq!(items(third.together(11)), [7]);
        assert!(new.together(11).is_empty() && old.together(1).is_empty(), "earlier versions are unchanged");
        assert_eq!(items(new.grown(orders(&[]), 12, Some(&[])).together(1)), [7]);
        assert!(new.grown(orders(&[]), 12, None).together(1).is_empty(), "no new orders");
    }

    proptest! {
        /// Counting in two or three steps is the same as counting at once.
        #[test]
        fn growing_equals_counting_at_once(
            placed in prop::collection::vec((0_u32..6, prop::collection::vec(0_u32..12, 1..4)), 1..40),
            cuts in (0_usize..40, 0_usize..40),
        ) {
            let first = cuts.0.min(cuts.1).min(placed.len());
            let second = cuts.0.max(cuts.1).min(placed.len());
            let orders = |range: std::ops::Range<usize>| {
                let mut chosen: Vec<usize> = range.collect();
                chosen.sort_by_key(|n| (placed[*n].0, *n));
                let mut orders = Orders::default();
                for n in chosen {
                    orders.push(placed[n].0, i64::try_from(n).unwrap() * DAY_MS, &placed[n].1);
                }
                orders
            };
            let whole = CoPurchases::new(orders(0..placed.len()), 12);
            let buyers: Vec<u32> = placed[second..].iter().map(|(buyer, _)| *buyer).collect();
            let grown = CoPurchases::new(orders(0..first), 12).grown(orders(first..second), 12, None);
            let grown = grown.grown(orders(first..placed.len()), 12, Some(&buyers));
            let touched = placed[second..].iter().flat_map(|(_, items)| items);
            for item in touched {
                prop_assert_eq!(whole.together(*item), grown.together(*item));
                prop_assert_eq!(whole.after(*item), grown.after(*item));
            }
        }

        #[test]
        fn any_orders_give_finite_scores_in_order(
            placed in prop::collection::vec((0_u32..5, 0_i64..300, prop::collection::vec(0_u32..60, 0..6)), 0..60),
        ) {
            let mut placed = placed;
            placed.sort_by_key(|(buyer, day, _)| (*buyer, *day));
            let placed: Vec<(u32, i64, &[Number])> = placed.iter().map(|(b, d, items)| (*b, *d, &items[..])).collect();
            let bought = bought(&placed);
            for item in 0..60 {
                for list in [bought.after(item), bought.together(item)] {
                    prop_assert!(list.iter().all(|c| c.item != item && c.score.is_finite() && c.score > 0.0));
                    prop_assert!(list.windows(2).all(|pair| pair[0].score >= pair[1].score));
                }
            }
        }
    }
}
