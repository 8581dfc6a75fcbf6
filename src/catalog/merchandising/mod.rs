//! A marketer's rules for shelves, ready for decisions: what each rule says of each item is worked out
//! when the rules or the items change, so that a request looks up single bits.
//!
//! PURE. Example: "only brand is Acme" holds for items 3 and 7; the rule's [`Bits`] have 3 and 7 set, and
//! a decision that considers item 5 asks one word of memory.

pub mod condition;

use std::collections::HashMap;

pub use condition::ItemCondition;

use super::items::{ItemNumber, Items};
use crate::model::merchandising::{Diversity, Fatigue, Freshness, Pin, PriceBand};

/// Items that fill a shelf with filters when nothing else may: the newest that pass.
const FILL_MAX: usize = 200;

/// The rules of a site and of its slots.
#[derive(Debug, Clone, Default)]
pub struct CompiledRules {
    pub(super) judged: Vec<Judged>,
    pub(super) site: SlotPlan,
    pub(super) slots: HashMap<Box<str>, SlotPlan>,
}

/// A condition, and for which items it holds.
#[derive(Debug, Clone)]
pub struct Judged {
    pub(super) condition: ItemCondition,
    pub(super) holds: Bits,
}

/// Which rules a condition is part of: place in `CompiledRules::judged`.
pub type JudgedNumber = usize;

/// Everything that holds for one slot, the site's rules included.
#[derive(Debug, Clone)]
pub struct SlotPlan {
    /// Conditions that every item must meet.
    pub gates: Vec<Gate>,
    /// Factors on scores.
    pub boosts: Vec<Lift>,
    /// Fixed places, by position; each position and each item once.
    pub pins: Vec<Pin>,
    /// Whether what was bought is left out.
    pub hide_bought: bool,
    /// Whether other languages are left out.
    pub same_language: bool,
    /// Prices around the page's item.
    pub price_band: Option<PriceBand>,
    /// Not too many alike.
    pub diversity: Option<Diversity>,
    /// How age counts.
    pub freshness: Option<Freshness>,
    /// How often ignored items come back.
    pub fatigue: Option<Fatigue>,
    /// The newest available items that pass the gates; not kept where there are no gates.
    pub fill: Box<[ItemNumber]>,
}

/// A condition that an item must meet to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    pub(super) judged: JudgedNumber,
    /// The rule in words, for explanations.
    pub says: Box<str>,
}

/// A factor on the scores of the items for which a condition holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Lift {
    pub(super) judged: JudgedNumber,
    /// The factor, above 0.
    pub factor: f32,
    /// The rule in words, for explanations.
    pub says: Box<str>,
}

impl Default for SlotPlan {
    fn default() -> Self {
        Self {
            gates: Vec::new(),
            boosts: Vec::new(),
            pins: Vec::new(),
            hide_bought: true,
            same_language: false,
            price_band: None,
            diversity: None,
            freshness: None,
            fatigue: None,
            fill: Box::default(),
        }
    }
}

impl SlotPlan {
    /// Whether scores stay what the models say.
    #[must_use]
    pub fn leaves_scores(&self) -> bool {
        self.boosts.is_empty() && self.freshness.is_none_or(|freshness| freshness.lift_percent == 0)
    }
}

impl CompiledRules {
    /// The rules of a slot; the site's where nothing is said about it.
    #[must_use]
    pub fn of(&self, slot: &str) -> &SlotPlan {
        if self.slots.is_empty() { &self.site } else { self.slots.get(slot).unwrap_or(&self.site) }
    }

    /// Whether an item meets a gate.
    #[must_use]
    pub fn passes(&self, gate: &Gate, item: ItemNumber) -> bool {
        self.judged.get(gate.judged).is_some_and(|judged| judged.holds.has(item))
    }

    /// Whether a boost is for an item.
    #[must_use]
    pub fn lifts(&self, lift: &Lift, item: ItemNumber) -> bool {
        self.judged.get(lift.judged).is_some_and(|judged| judged.holds.has(item))
    }

    /// The same rules after some items changed.
    #[must_use]
    pub fn after(&self, items: &Items, changed: &[ItemNumber]) -> Self {
        let mut next = self.clone();
        for judged in &mut next.judged {
            for number in changed {
                let holds = items.at(*number).is_some_and(|item| judged.condition.holds(item));
                judged.holds.put(*number, holds);
            }
        }
        next.put_fill(items);
        next
    }

    /// The same rules for these items, whatever they were made for.
    #[must_use]
    pub fn fit(mut self, items: &Items) -> Self {
        for judged in &mut self.judged {
            judged.holds = Bits::default();
            for number in (0..).take(items.numbers_end()) {
                if items.at(number).is_some_and(|item| judged.condition.holds(item)) {
                    judged.holds.put(number, true);
                }
            }
        }
        self.put_fill(items);
        self
    }

    fn put_fill(&mut self, items: &Items) {
        let judged = &self.judged;
        for plan in self.slots.values_mut().chain([&mut self.site]) {
            if plan.gates.is_empty() {
                continue;
            }
            let passes = |item: &ItemNumber| plan.gates.iter().all(|gate| judged[gate.judged].holds.has(*item));
            plan.fill = items.newest().iter().copied().filter(passes).take(FILL_MAX).collect();
        }
    }
}

/// A set of item numbers, one bit each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bits(Vec<u64>);

impl Bits {
    /// Whether a number is in it.
    #[must_use]
    pub fn has(&self, number: ItemNumber) -> bool {
        self.0.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    fn put(&mut self, number: ItemNumber, holds: bool) {
        let word = number as usize / 64;
        if holds && word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            let bit = 1 << (number % 64);
            *word = if holds { *word | bit } else { *word & !bit };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_put_and_taken_one_by_one() {
        let mut bits = Bits::default();
        bits.put(3, false);
        assert_eq!(bits, Bits::default());
        for number in [0, 63, 64, 1000] {
            bits.put(number, true);
            assert!(bits.has(number) && !bits.has(number + 1));
        }
        bits.put(64, false);
        assert!(!bits.has(64) && bits.has(63) && !bits.has(100_000));
    }
}
