//! The items of a slot while it is filled: limited, diversified, without duplicates, pinned ones in their positions.

use super::{slot_rules::SlotRules, types::SlotItem};
use crate::{catalog::snapshot::ItemNumber, model::Item};

/// Items chosen so far, and those set aside for diversity.
pub(super) struct Chosen<'a, 'r> {
    k: usize,
    per_category: usize,
    rules: &'r SlotRules<'a>,
    /// By position from 0, ascending.
    pins: Vec<(usize, SlotItem<'a>)>,
    items: Vec<SlotItem<'a>>,
    /// All chosen items, and their number by category.
    numbers: Vec<ItemNumber>,
    categories: Vec<(&'a str, usize)>,
    set_aside: Vec<SlotItem<'a>>,
}

impl<'a, 'r> Chosen<'a, 'r> {
    /// For `k` items, at most `per_category` of a category while there are others.
    pub(super) fn new(
        k: usize,
        per_category: usize,
        rules: &'r SlotRules<'a>,
        pins: Vec<(usize, SlotItem<'a>)>,
    ) -> Self {
        let (items, numbers) = (Vec::with_capacity(k), Vec::with_capacity(k));
        let mut new = Self {
            k,
            per_category,
            rules,
            pins: Vec::new(),
            items,
            numbers,
            categories: Vec::new(),
            set_aside: Vec::new(),
        };
        for (_, pinned) in &pins {
            new.count(pinned);
        }
        Self { pins, ..new }
    }

    fn count(&mut self, slot_item: &SlotItem<'a>) {
        self.numbers.push(slot_item.number);
        if self.per_category < self.k {
            let category = slot_item.item.main_category();
            match self.categories.iter_mut().find(|(known, _)| *known == category) {
                Some((_, count)) => *count += 1,
                None => self.categories.push((category, 1)),
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.numbers.len() >= self.k
    }

    fn all(&self) -> impl Iterator<Item = &SlotItem<'a>> {
        self.pins.iter().map(|(_, slot_item)| slot_item).chain(&self.items)
    }

    /// Whether an item is chosen.
    pub(super) fn contains(&self, number: ItemNumber) -> bool {
        self.numbers.contains(&number)
    }

    /// Whether the diversity rule allows no more items of its kind.
    pub(super) fn has_enough_like(&self, item: &Item) -> bool {
        self.rules.has_enough_like(item, self.all())
    }

    /// Adds an item unless its category has its share already; then it is set aside.
    pub(super) fn offer(&mut self, slot_item: SlotItem<'a>) {
        let category = slot_item.item.main_category();
        let same_category =
            || self.categories.iter().find(|(known, _)| *known == category).map_or(0, |(_, count)| *count);
        if self.per_category >= self.k || category.is_empty() || same_category() < self.per_category {
            self.add(slot_item);
        } else if self.set_aside.len() < self.k {
            self.set_aside.push(slot_item);
        }
    }

    /// Adds an item if there is room and the diversity rule allows it.
    pub(super) fn add(&mut self, slot_item: SlotItem<'a>) {
        if !self.is_full() && !self.contains(slot_item.number) && !self.has_enough_like(slot_item.item) {
            self.count(&slot_item);
            self.items.push(slot_item);
        }
    }

    pub(super) fn add_set_aside(&mut self) {
        for slot_item in std::mem::take(&mut self.set_aside) {
            self.add(slot_item);
        }
    }

    /// The items without the pinned ones.
    pub(super) fn unpinned(self) -> impl Iterator<Item = SlotItem<'a>> {
        self.items.into_iter()
    }

    /// All items in order. A pin beyond the end moves up to it.
    pub(super) fn in_order(self) -> Vec<SlotItem<'a>> {
        if self.pins.is_empty() {
            return self.items;
        }
        let mut ordered = Vec::with_capacity(self.k);
        let mut others = self.items.into_iter();
        let mut pins = self.pins.into_iter().peekable();
        loop {
            let pinned = pins.next_if(|(position, _)| *position == ordered.len()).map(|(_, slot_item)| slot_item);
            let Some(next) = pinned.or_else(|| others.next()).or_else(|| pins.next().map(|(_, slot_item)| slot_item))
            else {
                return ordered;
            };
            ordered.push(next);
        }
    }
}
