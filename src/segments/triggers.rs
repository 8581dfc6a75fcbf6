//! Which events can change the answer of a rule.
//!
//! An answer changes by an event that the rule mentions, by one that changes a field that it compares, or by time
//! ([`Held::until`](super::Held)). [`TriggerIndex`] finds the rules of one event among hundreds without asking each.

use std::collections::HashMap;

use crate::{
    catalog::condition::{Condition, NumberField, SetField, TextField},
    model::{Action, Kind, WantedEvents},
};

/// What of an event decides which rules it can change.
#[derive(Debug, Clone, Copy)]
pub struct EventTraits<'a> {
    /// Segment call.
    pub kind: Kind,
    /// E-commerce meaning.
    pub action: Action,
    /// Name, such as `Product Viewed`.
    pub name: &'a str,
    /// Whether it has items or a category.
    pub has_items: bool,
}

/// Kinds of events that change a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Any,
    View,
    Items,
    Order,
    Traits,
}

const CAUSES: [Cause; 5] = [Cause::Any, Cause::View, Cause::Items, Cause::Order, Cause::Traits];

impl Cause {
    const fn is(self, event: &EventTraits<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::View => matches!(event.kind, Kind::Page | Kind::Screen),
            // An order empties the cart, with items or without.
            Self::Items => event.has_items || matches!(event.action, Action::CartRemoved | Action::Ordered),
            Self::Order => matches!(event.action, Action::Ordered | Action::Refunded),
            Self::Traits => matches!(event.kind, Kind::Identify | Kind::Group | Kind::Alias),
        }
    }
}

/// A set of rules, by their index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSet(Vec<u64>);

impl RuleSet {
    /// All of the first `rules`.
    #[must_use]
    pub fn all(rules: usize) -> Self {
        let mut set = Self::default();
        (0..rules).for_each(|rule| set.add(rule));
        set
    }

    /// Adds a rule.
    pub fn add(&mut self, rule: usize) {
        if self.0.len() <= rule / 64 {
            self.0.resize(rule / 64 + 1, 0);
        }
        self.0[rule / 64] |= 1 << (rule % 64);
    }

    /// Adds all rules of another set.
    pub fn merge(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(bits, more)| *bits |= more);
    }

    /// Whether a rule is in it.
    #[must_use]
    pub fn contains(&self, rule: usize) -> bool {
        self.0.get(rule / 64).is_some_and(|bits| bits >> (rule % 64) & 1 == 1)
    }

    /// Removes all rules of another set.
    pub fn remove_all(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(bits, fewer)| *bits &= !fewer);
    }

    /// Whether every rule of another set is in it.
    #[must_use]
    pub fn contains_all(&self, other: &Self) -> bool {
        other.iter().all(|rule| self.contains(rule))
    }

    /// Whether it has no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|bits| *bits == 0)
    }

    /// The rules, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(place, bits)| {
            std::iter::successors(Some(*bits), |bits| Some(bits & bits.wrapping_sub(1)))
                .take_while(|bits| *bits != 0)
                .map(move |bits| place * 64 + bits.trailing_zeros() as usize)
        })
    }
}

/// The rules of a site by what can change their answers.
#[derive(Debug, Default)]
pub struct TriggerIndex {
    rules: usize,
    by_name: HashMap<Box<str>, RuleSet, ahash::RandomState>,
    by_cause: [RuleSet; CAUSES.len()],
    by_value: RuleSet,
    by_interest: RuleSet,
}

impl TriggerIndex {
    /// The index of rules, in their order.
    #[must_use]
    pub fn new<'a>(rules: impl IntoIterator<Item = &'a Condition>) -> Self {
        let mut index = Self::default();
        for rule in rules {
            index.add(rule);
        }
        index
    }

    fn add(&mut self, rule: &Condition) {
        let number = self.rules;
        self.rules += 1;
        let mut wanted = WantedEvents::default();
        rule.add_wanted(&mut wanted);
        for (name, _) in wanted.iter() {
            self.by_name.entry(name.into()).or_default().add(number);
        }
        rule.visit(&mut |part| {
            let cause = match part {
                Condition::Number { field, .. } if is_value(*field) => return self.by_value.add(number),
                Condition::Number { field, .. } => cause_of(*field),
                Condition::Text { field: TextField::Affinity, .. } => {
                    self.by_interest.add(number);
                    Cause::Items
                }
                Condition::Set { field: SetField::ViewedCategory | SetField::BoughtCategory, .. } => Cause::Items,
                Condition::Trait { .. } => Cause::Traits,
                Condition::Text { .. } | Condition::NewVisitor(_) => Cause::Any,
                // The first event of a person asks all rules.
                Condition::Everyone
                | Condition::Events(_)
                | Condition::All(_)
                | Condition::Any(_)
                | Condition::Not(_)
                | Condition::Segment { .. } => return,
            };
            if let Some(place) = CAUSES.iter().position(|known| *known == cause) {
                self.by_cause[place].add(number);
            }
        });
    }

    /// The rules whose answer an event can change, beside those that time changes.
    #[must_use]
    pub fn of(&self, event: &EventTraits<'_>) -> RuleSet {
        let mut found = RuleSet::default();
        for (cause, rules) in CAUSES.iter().zip(&self.by_cause) {
            if cause.is(event) {
                found.merge(rules);
            }
        }
        let page = (event.name != WantedEvents::PAGE && Cause::View.is(event)).then_some(WantedEvents::PAGE);
        for name in [Some(event.name), page].into_iter().flatten() {
            if let Some(rules) = self.by_name.get(name) {
                found.merge(rules);
            }
        }
        found
    }

    /// The rules that ask for a person's value.
    #[must_use]
    pub const fn by_value(&self) -> &RuleSet {
        &self.by_value
    }

    /// The rules that ask for a preference, which fades with time.
    #[must_use]
    pub const fn by_interest(&self) -> &RuleSet {
        &self.by_interest
    }

    /// All rules.
    #[must_use]
    pub fn all(&self) -> RuleSet {
        RuleSet::all(self.rules)
    }
}

const fn is_value(field: NumberField) -> bool {
    matches!(
        field,
        NumberField::RfmRecency
            | NumberField::RfmFrequency
            | NumberField::RfmMonetary
            | NumberField::ValueDecile
            | NumberField::AliveProbability
            | NumberField::PredictedValueMinor
    )
}

const fn cause_of(field: NumberField) -> Cause {
    match field {
        NumberField::Pageviews => Cause::View,
        NumberField::CartItems | NumberField::CartValueMinor => Cause::Items,
        NumberField::Orders | NumberField::OrdersValueMinor => Cause::Order,
        _ => Cause::Any,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{catalog::compile::compile_segment_rule, segments::SegmentSet};

    fn index(rules: &[Value]) -> TriggerIndex {
        let compiled: Vec<Condition> = rules
            .iter()
            .map(|rule| {
                let rule = serde_json::from_value(rule.clone()).unwrap();
                compile_segment_rule(&rule, &SegmentSet::default()).unwrap()
            })
            .collect();
        TriggerIndex::new(&compiled)
    }

    fn of(index: &TriggerIndex, kind: Kind, action: Action, name: &str) -> Vec<usize> {
        let has_items = matches!(action, Action::ItemViewed | Action::Ordered);
        index.of(&EventTraits { kind, action, name, has_items }).iter().collect()
    }

    #[test]
    fn an_event_asks_the_rules_that_mention_it_or_a_field_that_it_changes() {
        let index = index(&[
            json!({"all": [{"event": "A"}, {"not": {"event": "B"}}]}),
            json!({"event": "B", "not_followed_by": {"event": "C", "within_hours": 1}}),
            json!({"sequence": [{"event": "page"}, {"event": "A"}]}),
            json!({"field": "orders", "op": "gte", "value": 1}),
            json!({"field": "visits", "op": "gte", "value": 1}),
            json!({"field": "pageviews", "op": "gte", "value": 1}),
            json!({"field": "trait.plan", "op": "eq", "value": "pro"}),
            json!({"field": "affinity", "op": "eq", "value": "Tea"}),
            json!({"field": "value_decile", "op": "gte", "value": 9}),
            json!({}),
        ]);
        assert_eq!(of(&index, Kind::Track, Action::Other, "A"), [0, 2, 4]);
        assert_eq!(of(&index, Kind::Track, Action::Other, "B"), [0, 1, 4]);
        assert_eq!(of(&index, Kind::Track, Action::Other, "C"), [1, 4]);
        assert_eq!(of(&index, Kind::Page, Action::Other, "A"), [0, 2, 4, 5]);
        assert_eq!(of(&index, Kind::Screen, Action::Other, ""), [2, 4, 5]);
        assert_eq!(of(&index, Kind::Track, Action::Ordered, "Order Completed"), [3, 4, 7]);
        assert_eq!(of(&index, Kind::Track, Action::ItemViewed, "Product Viewed"), [4, 7]);
        assert_eq!(of(&index, Kind::Identify, Action::Other, ""), [4, 6]);
        assert_eq!(index.by_value().iter().collect::<Vec<_>>(), [8]);
        assert_eq!(index.by_interest().iter().collect::<Vec<_>>(), [7]);
        assert_eq!(index.all().iter().count(), 10);
    }

    #[test]
    fn a_set_of_rules_has_any_number() {
        let mut set = RuleSet::default();
        assert!(set.is_empty() && set.iter().next().is_none());
        for rule in [0, 63, 64, 200] {
            set.add(rule);
        }
        let mut other = RuleSet::default();
        other.add(5);
        other.merge(&set);
        assert_eq!(other.iter().collect::<Vec<_>>(), [0, 5, 63, 64, 200]);
        assert!(other.contains(64) && !other.contains(65) && !other.contains(1000));
    }
}
