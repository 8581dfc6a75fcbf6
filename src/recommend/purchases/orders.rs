//! Orders, and their index by item and by buyer.

use super::super::types::Number;

/// Orders, grouped by buyer, oldest first within each.
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

/// Items counted of one order, the first ones: larger orders are a wholesaler's.
const ORDER_ITEMS_MAX: usize = 50;
/// Orders counted for one item, and later orders for each.
const ITEM_ORDERS_MAX: usize = 3000;
const LATER_MAX: usize = 10;
/// Period in which an order counts as later than another, seconds.
const LATER_S: u32 = 90 * 86_400;

impl Orders {
    /// Adds an order.
    pub fn push(&mut self, buyer: u32, at_ms: i64, items: &[Number]) {
        let from = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        let mut items: Vec<Number> = items.iter().take(ORDER_ITEMS_MAX).copied().collect();
        items.sort_unstable();
        items.dedup();
        if !items.is_empty() {
            self.items.extend(items);
            let seconds = u32::try_from(at_ms.div_euclid(1000).max(0)).unwrap_or(u32::MAX);
            self.orders.push(Order { from, buyer, at_s: seconds });
        }
    }

    /// Number of orders.
    #[must_use]
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether there are no orders.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    fn items(&self, order: usize) -> &[Number] {
        let to = self.orders.get(order + 1).map_or(self.items.len(), |next| next.from as usize);
        &self.items[self.orders[order].from as usize..to]
    }
}

/// Orders with their index: four bytes per item of an order, eight per buyer.
#[derive(Debug, Default)]
pub(super) struct OrderIndex {
    orders: Orders,
    /// Orders of item `n`: `of_item[starts[n]..starts[n + 1]]`.
    starts: Vec<u32>,
    of_item: Vec<u32>,
    /// The first order of every buyer, sorted by buyer.
    buyers: Vec<(u32, u32)>,
}

impl OrderIndex {
    pub(super) fn new(orders: Orders) -> Self {
        let catalogue = orders.items.iter().max().map_or(0, |last| *last as usize + 1);
        let mut starts = vec![0_u32; catalogue + 1];
        orders.items.iter().for_each(|item| starts[*item as usize + 1] += 1);
        for item in 0..catalogue {
            starts[item + 1] += starts[item];
        }
        let (mut next, mut of_item) = (starts.clone(), vec![0; orders.items.len()]);
        let mut buyers: Vec<(u32, u32)> = Vec::new();
        for (number, order) in (0..).zip(&orders.orders) {
            for item in orders.items(number as usize) {
                let at = &mut next[*item as usize];
                of_item[*at as usize] = number;
                *at += 1;
            }
            if buyers.last().is_none_or(|(buyer, _)| *buyer != order.buyer) {
                buyers.push((order.buyer, number));
            }
        }
        buyers.sort_unstable();
        Self { orders, starts, of_item, buyers }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// The orders of an item, grouped by buyer.
    fn of_item(&self, item: Number) -> &[u32] {
        let bounds = self.starts.get(item as usize).zip(self.starts.get(item as usize + 1));
        bounds.map_or(&[], |(from, to)| &self.of_item[*from as usize..*to as usize])
    }

    /// The orders of a buyer from index `from` on.
    fn orders_from(&self, buyer: u32, from: usize) -> impl Iterator<Item = usize> {
        let orders = self.orders.orders.iter().enumerate().skip(from);
        orders.take_while(move |(_, order)| order.buyer == buyer).map(|(index, _)| index)
    }

    fn of_buyer(&self, buyer: u32) -> impl Iterator<Item = usize> {
        let begun = self.buyers.partition_point(|(known, _)| *known < buyer);
        let firsts = self.buyers[begun..].iter().take_while(move |(known, _)| *known == buyer);
        firsts.flat_map(move |(_, first)| self.orders_from(buyer, *first as usize))
    }
}

/// Old orders, and new ones, whose numbers follow on.
#[derive(Clone, Copy)]
pub(super) struct OrderHistory<'a> {
    pub(super) old: &'a OrderIndex,
    pub(super) new: &'a OrderIndex,
}

impl<'a> OrderHistory<'a> {
    /// Number of orders of an item.
    pub(super) fn count(self, item: Number) -> usize {
        self.old.of_item(item).len() + self.new.of_item(item).len()
    }

    /// Number of all orders.
    pub(super) fn len(self) -> usize {
        self.old.orders.len() + self.new.orders.len()
    }

    /// The orders counted for an item, grouped by buyer.
    pub(super) fn of_item(self, item: Number, into: &mut Vec<usize>) {
        let new = self.new.of_item(item);
        let new = &new[new.len().saturating_sub(ITEM_ORDERS_MAX)..];
        let old = self.old.of_item(item);
        let old = &old[old.len().saturating_sub(ITEM_ORDERS_MAX - new.len())..];
        let first = self.old.orders.len();
        into.clear();
        into.extend(old.iter().map(|order| *order as usize));
        into.extend(new.iter().map(|order| first + *order as usize));
        if !new.is_empty() {
            into.sort_by_key(|order| self.buyer(*order));
        }
    }

    fn locate(self, order: usize) -> (&'a OrderIndex, usize) {
        match order.checked_sub(self.old.orders.len()) {
            Some(new) => (self.new, new),
            None => (self.old, order),
        }
    }

    pub(super) fn buyer(self, order: usize) -> u32 {
        let (index, order) = self.locate(order);
        index.orders.orders[order].buyer
    }

    pub(super) fn items(self, order: usize) -> &'a [Number] {
        let (index, order) = self.locate(order);
        index.orders.items(order)
    }

    /// The next orders of the same buyer within the period.
    pub(super) fn later(self, order: usize) -> impl Iterator<Item = usize> {
        let (index, position) = self.locate(order);
        let Order { buyer, at_s, .. } = index.orders.orders[position];
        let first = self.old.orders.len();
        let is_old = order < first;
        let same = index.orders_from(buyer, position + 1).map(move |at| if is_old { at } else { first + at });
        let since = is_old.then(|| self.new.of_buyer(buyer).map(move |at| first + at));
        let time = move |order| {
            let (index, order) = self.locate(order);
            index.orders.orders[order].at_s
        };
        let is_within_period = move |later: &usize| time(*later).saturating_sub(at_s) <= LATER_S;
        same.chain(since.into_iter().flatten()).take(LATER_MAX).take_while(is_within_period)
    }

    /// The items that those of `buyers` with new orders ever ordered; `None`: all buyers of new orders.
    pub(super) fn touched(self, buyers: Option<&[u32]>) -> Vec<Number> {
        let all = || self.new.buyers.iter().map(|(buyer, _)| *buyer).collect();
        let buyers: Vec<u32> = buyers.map_or_else(all, <[u32]>::to_vec);
        let mut items = Vec::new();
        for buyer in buyers {
            let mut new = self.new.of_buyer(buyer).peekable();
            if new.peek().is_some() {
                new.for_each(|order| items.extend(self.new.orders.items(order)));
                self.old.of_buyer(buyer).for_each(|order| items.extend(self.old.orders.items(order)));
            }
        }
        items.sort_unstable();
        items.dedup();
        items
    }
}
