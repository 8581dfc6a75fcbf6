//! The items of a shelf while it is filled: bounded, varied, each once, pinned ones in their places.

use super::{rank::Known, ruling::Ruling};
use crate::{catalog::snapshot::ItemNumber, model::Item};

/// Items chosen so far, and those set aside for the sake of variety.
pub(super) struct Chosen<'a, 'r> {
    k: usize,
    per_category: usize,
    ruling: &'r Ruling<'a>,
    /// By position, counted from 0, in ascending order.
    pins: Vec<(usize, Known<'a>)>,
    items: Vec<Known<'a>>,
    aside: Vec<Known<'a>>,
}

impl<'a, 'r> Chosen<'a, 'r> {
    /// For `k` items, of a category at most `per_category` while there are others.
    pub(super) fn new(k: usize, per_category: usize, ruling: &'r Ruling<'a>, pins: Vec<(usize, Known<'a>)>) -> Self {
        Self { k, per_category, ruling, pins, items: Vec::with_capacity(k), aside: Vec::new() }
    }

    pub(super) fn is_full(&self) -> bool {
        self.items.len() + self.pins.len() >= self.k
    }

    fn all(&self) -> impl Iterator<Item = &Known<'a>> {
        self.pins.iter().map(|(_, placed)| placed).chain(&self.items)
    }

    /// Whether an item is on the shelf.
    pub(super) fn has(&self, number: ItemNumber) -> bool {
        self.all().any(|known| known.number == number)
    }

    /// Whether a rule has enough of its kind on the shelf.
    pub(super) fn has_enough_like(&self, item: &Item) -> bool {
        self.ruling.has_enough_like(item, self.all())
    }

    /// Takes an item unless its category has its share already.
    pub(super) fn offer(&mut self, placed: Known<'a>) {
        let category = placed.item.main_category();
        let alike = || self.all().filter(|other| other.item.main_category() == category).count();
        if self.per_category >= self.k || category.is_empty() || alike() < self.per_category {
            self.take(placed);
        } else if self.aside.len() < self.k {
            self.aside.push(placed);
        }
    }

    pub(super) fn take(&mut self, placed: Known<'a>) {
        if !self.is_full()
            && self.all().all(|known| known.number != placed.number)
            && !self.has_enough_like(placed.item)
        {
            self.items.push(placed);
        }
    }

    pub(super) fn take_those_set_aside(&mut self) {
        for placed in std::mem::take(&mut self.aside) {
            self.take(placed);
        }
    }

    /// Those that no pin brought.
    pub(super) fn unpinned(self) -> impl Iterator<Item = Known<'a>> {
        self.items.into_iter()
    }

    /// The shelf in its order. A pin whose place lies beyond the end moves up to it.
    pub(super) fn in_order(self) -> Vec<Known<'a>> {
        let mut placed_items = Vec::with_capacity(self.k);
        let mut others = self.items.into_iter();
        let mut pins = self.pins.into_iter().peekable();
        loop {
            let pinned = pins.next_if(|(position, _)| *position == placed_items.len()).map(|(_, placed)| placed);
            let Some(next) = pinned.or_else(|| others.next()).or_else(|| pins.next().map(|(_, placed)| placed)) else {
                return placed_items;
            };
            placed_items.push(next);
        }
    }
}
