//! What is bought with what, and what is bought after it.
//!
//! Together: the cosine over orders, as over visits. After: which share of the orders of an item had
//! another in them or were followed, within three months, by an order of the same buyer that did. Of that
//! share the lower end of its 95% interval counts (Wilson, 1927), so that two orders prove little, times
//! the logarithm of its lift over the share of all orders, so that a bestseller, which follows everything,
//! follows nothing in particular (a term of the J-measure, Smyth and Goodman 1992).

use super::Number;

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

/// Orders, buyer after buyer and oldest first within each.
#[derive(Debug, Default)]
pub struct Orders {
    items: Vec<Number>,
    orders: Vec<Order>,
}

#[derive(Debug, Clone, Copy)]
struct Order {
    from: u32,
    buyer: u32,
    at_s: u32,
}

/// What goes with every item in the baskets.
#[derive(Debug, Default)]
pub struct Bought {
    together: Vec<Vec<Companion>>,
    after: Vec<Vec<Companion>>,
}

/// Items of one order that count, the first ones: more is a wholesaler's.
const ORDER_ITEMS_MAX: usize = 50;
/// Orders of one item that are counted, and orders after each.
const ITEM_ORDERS_MAX: usize = 3000;
const LATER_MAX: usize = 10;
/// How long after an order another follows it, and what it counts.
const LATER_S: u32 = 90 * 86_400;
const LATER_WEIGHT: f32 = 0.5;
/// Companions kept of an item.
const KEPT_MAX: usize = 30;
/// Orders, not all of one buyer, that must have had a pair.
const SUPPORT_MIN: u32 = 2;

impl Orders {
    /// Adds an order.
    pub fn push(&mut self, buyer: u32, at_ms: i64, items: &[Number]) {
        let from = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        let mut items: Vec<Number> = items.iter().take(ORDER_ITEMS_MAX).copied().collect();
        items.sort_unstable();
        items.dedup();
        if !items.is_empty() {
            self.items.extend(items);
            let moment = u32::try_from(at_ms.div_euclid(1000).max(0)).unwrap_or(u32::MAX);
            self.orders.push(Order { from, buyer, at_s: moment });
        }
    }

    fn items(&self, order: usize) -> &[Number] {
        let to = self.orders.get(order + 1).map_or(self.items.len(), |next| next.from as usize);
        &self.items[self.orders[order].from as usize..to]
    }

    /// The next orders of the same buyer, while they still belong to this one.
    fn later(&self, order: usize) -> impl Iterator<Item = usize> {
        let Order { buyer, at_s, .. } = self.orders[order];
        let belongs = move |later: &Order| later.buyer == buyer && later.at_s.saturating_sub(at_s) <= LATER_S;
        let next = self.orders[order + 1..].iter().take(LATER_MAX).take_while(move |later| belongs(later));
        next.enumerate().map(move |(n, _)| order + 1 + n)
    }
}

impl Bought {
    /// Counts orders of `catalogue` items.
    #[must_use]
    pub fn new(orders: &Orders, catalogue: usize) -> Self {
        let mut of_item: Vec<Vec<u32>> = vec![Vec::new(); catalogue];
        for order in 0..orders.orders.len() {
            for item in orders.items(order) {
                if let Some(of) = of_item.get_mut(*item as usize) {
                    of.push(u32::try_from(order).unwrap_or(u32::MAX));
                }
            }
        }
        let all = orders.orders.len().max(1) as f32;
        let mut counter = Counter { found: vec![Pair::default(); catalogue], touched: Vec::new() };
        let mut bought = Self::default();
        for (item, own) in (0..).zip(&of_item) {
            let read = &own[own.len().saturating_sub(ITEM_ORDERS_MAX)..];
            for order in read {
                counter.order(orders, *order as usize, item);
            }
            let (mut together, mut after) = (Vec::new(), Vec::new());
            for other in counter.touched.drain(..) {
                let pair = std::mem::take(&mut counter.found[other as usize]);
                if pair.support < SUPPORT_MIN {
                    continue;
                }
                let (ours, theirs) = (read.len() as f32, of_item[other as usize].len() as f32);
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
            bought.together.push(strongest(together));
            bought.after.push(strongest(after));
        }
        bought
    }

    /// What is in the same orders as an item, strongest first.
    #[must_use]
    pub fn together(&self, item: Number) -> &[Companion] {
        self.together.get(item as usize).map_or(&[], Vec::as_slice)
    }

    /// What is bought with an item or after it more than other things are, strongest first.
    #[must_use]
    pub fn after(&self, item: Number) -> &[Companion] {
        self.after.get(item as usize).map_or(&[], Vec::as_slice)
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

struct Counter {
    found: Vec<Pair>,
    touched: Vec<Number>,
}

impl Counter {
    fn order(&mut self, orders: &Orders, order: usize, item: Number) {
        let buyer = orders.orders[order].buyer;
        for other in orders.items(order).iter().filter(|other| **other != item) {
            if let Some(pair) = self.pair(*other, buyer) {
                pair.together += 1.0;
                pair.hits += 1.0;
            }
        }
        for later in orders.later(order) {
            for other in orders.items(later).iter().filter(|other| **other != item) {
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
        Bought::new(&orders, 50)
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

    proptest! {
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
