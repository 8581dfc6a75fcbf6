//! Compiled merchandising rules: each rule is evaluated for all items when the rules or the items change, so that a
//! request only looks up bits.
//!
//! No I/O. Example: "only brand is Acme" holds for items 3 and 7; the rule's [`Bits`] have 3 and 7 set, and a decision
//! that considers item 5 reads one machine word.

pub mod condition;

use std::collections::HashMap;

pub use condition::ItemCondition;

use super::items::{ItemNumber, Items};
use crate::model::merchandising::{Diversity, Fatigue, Freshness, Pin, PriceBand};

/// Items that fill a filtered slot if the models find none: the newest that pass.
const FILL_MAX: usize = 200;

/// The rules of a site and of its slots.
#[derive(Debug, Clone, Default)]
pub struct CompiledRules {
    pub(super) conditions: Vec<IndexedCondition>,
    pub(super) site: SlotPlan,
    pub(super) slots: HashMap<Box<str>, SlotPlan>,
}

/// A condition with the items for which it holds.
#[derive(Debug, Clone)]
pub struct IndexedCondition {
    pub(super) condition: ItemCondition,
    pub(super) holds: Bits,
}

/// Index into `CompiledRules::conditions`.
pub type ConditionIndex = usize;

/// All rules of one slot, including the site's.
#[derive(Debug, Clone)]
pub struct SlotPlan {
    /// Conditions that every item must meet.
    pub gates: Vec<Gate>,
    /// Factors on scores.
    pub boosts: Vec<Lift>,
    /// Fixed positions, ascending; each position and each item once.
    pub pins: Vec<Pin>,
    /// Whether bought items are hidden.
    pub hide_bought: bool,
    /// Whether items in other languages are hidden.
    pub same_language: bool,
    /// Prices around that of the page's item.
    pub price_band: Option<PriceBand>,
    /// Limit on similar items.
    pub diversity: Option<Diversity>,
    /// How age counts.
    pub freshness: Option<Freshness>,
    /// Frequency cap for ignored items.
    pub fatigue: Option<Fatigue>,
    /// The newest available items that pass the gates; empty if there are no gates.
    pub fill: Box<[ItemNumber]>,
}

/// A condition that an item must meet to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    pub(super) condition: ConditionIndex,
    /// The rule in readable form, for explanations.
    pub label: Box<str>,
}

/// A factor on the scores of the items for which a condition holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Lift {
    pub(super) condition: ConditionIndex,
    /// The factor, above 0.
    pub factor: f32,
    /// The rule in readable form, for explanations.
    pub label: Box<str>,
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
    /// Whether no rule changes the models' scores.
    #[must_use]
    pub fn keeps_model_scores(&self) -> bool {
        self.boosts.is_empty() && self.freshness.is_none_or(|freshness| freshness.lift_percent == 0)
    }
}

impl CompiledRules {
    /// The rules of a slot; the site's if it has none of its own.
    #[must_use]
    pub fn for_slot(&self, slot: &str) -> &SlotPlan {
        if self.slots.is_empty() { &self.site } else { self.slots.get(slot).unwrap_or(&self.site) }
    }

    /// Whether an item passes a gate.
    #[must_use]
    pub fn passes(&self, gate: &Gate, item: ItemNumber) -> bool {
        self.conditions.get(gate.condition).is_some_and(|condition| condition.holds.has(item))
    }

    /// Whether a boost applies to an item.
    #[must_use]
    pub fn lifts(&self, lift: &Lift, item: ItemNumber) -> bool {
        self.conditions.get(lift.condition).is_some_and(|condition| condition.holds.has(item))
    }

    /// The same rules after some items changed.
    #[must_use]
    pub fn after_changes(&self, items: &Items, changed: &[ItemNumber]) -> Self {
        let mut next = self.clone();
        for indexed in &mut next.conditions {
            for number in changed {
                let holds = items.at(*number).is_some_and(|item| indexed.condition.holds(item));
                indexed.holds.set(*number, holds);
            }
        }
        next.update_fill(items);
        next
    }

    /// The same rules evaluated for other items.
    #[must_use]
    pub fn evaluated_for(mut self, items: &Items) -> Self {
        for indexed in &mut self.conditions {
            indexed.holds = Bits::default();
            for number in (0..).take(items.numbers_end()) {
                if items.at(number).is_some_and(|item| indexed.condition.holds(item)) {
                    indexed.holds.set(number, true);
                }
            }
        }
        self.update_fill(items);
        self
    }

    fn update_fill(&mut self, items: &Items) {
        let conditions = &self.conditions;
        for plan in self.slots.values_mut().chain([&mut self.site]) {
            if plan.gates.is_empty() {
                continue;
            }
            let passes = |item: &ItemNumber| plan.gates.iter().all(|gate| conditions[gate.condition].holds.has(*item));
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

    fn set(&mut self, number: ItemNumber, holds: bool) {
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
    fn bits_are_set_and_cleared_one_by_one() {
        let mut bits = Bits::default();
        bits.set(3, false);
        assert_eq!(bits, Bits::default());
        for number in [0, 63, 64, 1000] {
            bits.set(number, true);
            assert!(bits.has(number) && !bits.has(number + 1));
        }
        bits.set(64, false);
        assert!(!bits.has(64) && bits.has(63) && !bits.has(100_000));
    }
}
