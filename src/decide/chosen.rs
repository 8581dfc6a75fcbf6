//! The items of a shelf while it is filled: bounded, varied, each once, pinned ones in their places.

use super::{rank::Known, slot_rules::SlotRules};
use crate::{catalog::snapshot::ItemNumber, model::Item};

/// Items chosen so far, and those set aside for the sake of variety.
pub(super) struct Chosen<'a, 'r> {
    k: usize,
    per_category: usize,
    ruling: &'r SlotRules<'a>,
    /// By position, counted from 0, in ascending order.
    pins: Vec<(usize, Known<'a>)>,
    items: Vec<Known<'a>>,
    /// Of all that are on the shelf: which, and how many of each category.
    numbers: Vec<ItemNumber>,
    categories: Vec<(&'a str, usize)>,
    aside: Vec<Known<'a>>,
}

impl<'a, 'r> Chosen<'a, 'r> {
    /// For `k` items, of a category at most `per_category` while there are others.
    pub(super) fn new(k: usize, per_category: usize, ruling: &'r SlotRules<'a>, pins: Vec<(usize, Known<'a>)>) -> Self {
        let (items, numbers) = (Vec::with_capacity(k), Vec::with_capacity(k));
        let mut new = Self {
            k,
            per_category,
            ruling,
            pins: Vec::new(),
            items,
            numbers,
            categories: Vec::new(),
            aside: Vec::new(),
        };
        for (_, placed) in &pins {
            new.count(placed);
        }
        Self { pins, ..new }
    }

    fn count(&mut self, placed: &Known<'a>) {
        self.numbers.push(placed.number);
        if self.per_category < self.k {
            let category = placed.item.main_category();
            match self.categories.iter_mut().find(|(known, _)| *known == category) {
                Some((_, count)) => *count += 1,
                None => self.categories.push((category, 1)),
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.numbers.len() >= self.k
    }

    fn all(&self) -> impl Iterator<Item = &Known<'a>> {
        self.pins.iter().map(|(_, placed)| placed).chain(&self.items)
    }

    /// Whether an item is on the shelf.
    pub(super) fn has(&self, number: ItemNumber) -> bool {
        self.numbers.contains(&number)
    }

    /// Whether a rule has enough of its kind on the shelf.
    pub(super) fn has_enough_like(&self, item: &Item) -> bool {
        self.ruling.has_enough_like(item, self.all())
    }

    /// Takes an item unless its category has its share already.
    pub(super) fn offer(&mut self, placed: Known<'a>) {
        let category = placed.item.main_category();
        let alike = || self.categories.iter().find(|(known, _)| *known == category).map_or(0, |(_, count)| *count);
        if self.per_category >= self.k || category.is_empty() || alike() < self.per_category {
            self.take(placed);
        } else if self.aside.len() < self.k {
            self.aside.push(placed);
        }
    }

    pub(super) fn take(&mut self, placed: Known<'a>) {
        if !self.is_full() && !self.has(placed.number) && !self.has_enough_like(placed.item) {
            self.count(&placed);
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
        if self.pins.is_empty() {
            return self.items;
        }
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
