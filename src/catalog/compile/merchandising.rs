//! Compiles merchandising rules: unusable rules are refused here, with one line that says what to fix, so that
//! decisions cannot fail. Rules of a slot are merged with the site's.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    Budget, FindSegment, NAME_BYTES_MAX, Tree, compile_rule, lookup, shown,
    values::{number_test, text_test, trait_test},
};
use crate::{
    catalog::{
        condition::TextTest,
        items::Items,
        merchandising::{
            Bits, CompiledRules, Gate, IndexedCondition, ItemCondition, Lift, SlotPlan,
            condition::{ItemSet, ItemText},
        },
    },
    model::{
        MerchandisingRules, Op, Rule,
        merchandising::{Exclude, Pin},
    },
    segments::EventCondition,
};

/// Maximum number of excluded items, categories and brands, each.
const EXCLUDED_MAX: usize = 1000;
/// Maximum number of pins per slot, and the last position of a pin.
const PINS_MAX: usize = 50;
const BOOSTS_MAX: usize = 50;
const PERCENT_MAX: u32 = 10_000;
const DAYS_MAX: u32 = 3650;
/// Maximum number of slots with their own rules.
const SLOTS_MAX: usize = 200;
const OF_PEOPLE: &str = "past events and segments are of people: a rule on items cannot use them";

/// Compiles the rules of a site and its slots, merged, and evaluates them for its items.
///
/// # Errors
/// One line: whose rules are unusable, and why.
pub fn compile_merchandising(rules: &[(String, MerchandisingRules)], items: &Items) -> Result<CompiledRules, String> {
    if rules.len() > SLOTS_MAX {
        return Err(format!("at most {SLOTS_MAX} slots may have rules of their own"));
    }
    let mut conditions = Vec::new();
    let named = |slot: &str, why: String| match slot {
        "" => format!("the rules of the site: {why}"),
        slot => format!("the rules of slot `{}`: {why}", shown(slot)),
    };
    let whole = rules.iter().find(|(slot, _)| slot.is_empty()).map(|(_, rules)| rules);
    let site = match whole {
        Some(rules) => plan_of(&SlotPlan::default(), rules, "site", &mut conditions).map_err(|why| named("", why))?,
        None => SlotPlan::default(),
    };
    let mut slots = HashMap::new();
    for (slot, rules) in rules.iter().filter(|(slot, _)| !slot.is_empty()) {
        if slot.len() > NAME_BYTES_MAX || slot.chars().any(char::is_control) {
            return Err(format!("a slot's name has at most {NAME_BYTES_MAX} bytes"));
        }
        let plan = plan_of(&site, rules, slot, &mut conditions).map_err(|why| named(slot, why))?;
        slots.insert(slot.as_str().into(), plan);
    }
    Ok(CompiledRules { conditions, site, slots }.evaluated_for(items))
}

/// The plan `base` extended by `rules`.
fn plan_of(
    base: &SlotPlan,
    rules: &MerchandisingRules,
    whose: &str,
    conditions: &mut Vec<IndexedCondition>,
) -> Result<SlotPlan, String> {
    check_settings(rules)?;
    let mut plan = base.clone();
    let mut add_condition = |condition: ItemCondition| {
        conditions.push(IndexedCondition { condition, holds: Bits::default() });
        conditions.len() - 1
    };
    let condition = item_rule(&rules.only)?;
    if condition != ItemCondition::Everything {
        let label = format!("only {condition} ({whose})").into();
        plan.gates.push(Gate { condition: add_condition(condition), label });
    }
    for (what, condition) in exclusions(&rules.exclude)? {
        let label = format!("{what} ({whose})").into();
        plan.gates.push(Gate { condition: add_condition(ItemCondition::Not(Box::new(condition))), label });
    }
    for boost in &rules.boosts {
        let condition = item_rule(&boost.when)?;
        let label = format!("{}% for {condition} ({whose})", boost.percent).into();
        #[expect(clippy::cast_possible_truncation, reason = "a factor of 0.01 to 100")]
        let factor = (f64::from(boost.percent) / 100.0) as f32;
        plan.boosts.push(Lift { condition: add_condition(condition), factor, label });
    }
    for pin in &rules.pins {
        plan.pins.retain(|known| known.position != pin.position && known.item != pin.item);
        plan.pins.push(pin.clone());
    }
    plan.pins.sort_by_key(|pin| pin.position);
    plan.hide_bought = rules.hide_bought.unwrap_or(plan.hide_bought);
    plan.same_language = rules.same_language.unwrap_or(plan.same_language);
    plan.price_band = rules.price_band.or(plan.price_band);
    plan.diversity = rules.diversity.or(plan.diversity);
    plan.freshness = rules.freshness.or(plan.freshness);
    plan.fatigue = rules.fatigue.or(plan.fatigue);
    Ok(plan)
}

fn item_rule(rule: &Rule) -> Result<ItemCondition, String> {
    compile_rule(rule, 1, &mut Budget::new(&|_| Err(OF_PEOPLE.to_owned())))
}

/// The exclusions, each list as one condition with its label.
fn exclusions(exclude: &Exclude) -> Result<Vec<(&'static str, ItemCondition)>, String> {
    let lists = [&exclude.items, &exclude.categories, &exclude.brands];
    if lists.iter().any(|list| list.len() > EXCLUDED_MAX) {
        return Err(format!("at most {EXCLUDED_MAX} items, categories and brands can be excluded"));
    }
    let lower = |list: &[String]| TextTest::In(list.iter().map(|text| text.to_lowercase().into()).collect());
    let mut conditions = Vec::new();
    if !exclude.items.is_empty() {
        let ids = exclude.items.iter().map(|id| id.as_str().into()).collect();
        conditions.push(("an excluded item", ItemCondition::OneOf(ids)));
    }
    if !exclude.categories.is_empty() {
        let test = lower(&exclude.categories);
        conditions.push(("of an excluded category", ItemCondition::Set { field: ItemSet::Category, test }));
    }
    if !exclude.brands.is_empty() {
        let test = lower(&exclude.brands);
        conditions.push(("of an excluded brand", ItemCondition::Text { field: ItemText::Brand, test }));
    }
    Ok(conditions)
}

fn check_settings(rules: &MerchandisingRules) -> Result<(), String> {
    let within = |name: &str, value: u32, least: u32, most: u32| {
        if (least..=most).contains(&value) {
            Ok(())
        } else {
            Err(format!("`{name}` is {value}; it must be {least} to {most}"))
        }
    };
    if rules.pins.len() > PINS_MAX || rules.boosts.len() > BOOSTS_MAX {
        return Err(format!("at most {PINS_MAX} pins and {BOOSTS_MAX} boosts"));
    }
    for (index, Pin { item, position }) in rules.pins.iter().enumerate() {
        within("position", *position, 1, 50)?;
        if rules.pins[..index].iter().any(|other| other.position == *position || other.item == *item) {
            return Err(format!("a position or an item is pinned twice: {} at {position}", shown(item)));
        }
    }
    rules.boosts.iter().try_for_each(|boost| within("percent", boost.percent, 1, PERCENT_MAX))?;
    if let Some(band) = rules.price_band {
        within("to_percent", band.to_percent, 1, PERCENT_MAX)?;
        within("from_percent", band.from_percent, 0, band.to_percent)?;
    }
    if let Some(diversity) = rules.diversity {
        within("at_most", diversity.at_most, 1, 50)?;
    }
    if let Some(freshness) = rules.freshness {
        within("lift_percent", freshness.lift_percent, 0, PERCENT_MAX)?;
        within("half_life_days", freshness.half_life_days, 1, DAYS_MAX)?;
        within("max_age_days", freshness.max_age_days.unwrap_or(1), 1, DAYS_MAX)?;
    }
    if let Some(fatigue) = rules.fatigue {
        within("shown_max", fatigue.shown_max, 1, 1000)?;
        within("rest_hours", fatigue.rest_hours, 1, 24 * DAYS_MAX)?;
    }
    Ok(())
}

impl Tree for ItemCondition {
    fn everything() -> Self {
        Self::Everything
    }

    fn all(parts: Vec<Self>) -> Self {
        Self::All(parts)
    }

    fn any(parts: Vec<Self>) -> Self {
        Self::Any(parts)
    }

    fn not(part: Self) -> Self {
        Self::Not(Box::new(part))
    }

    fn test(field: &str, op: Op, value: &Value) -> Result<Self, String> {
        if field == "price_minor" {
            return number_test(field, op, value).map(Self::Price);
        }
        if let Some(known) = lookup(&ItemText::NAMES, field) {
            return text_test(field, op, value).map(|test| Self::Text { field: known, test });
        }
        if let Some(known) = lookup(&ItemSet::NAMES, field) {
            return text_test(field, op, value).map(|test| Self::Set { field: known, test });
        }
        if let Some(name) = field.strip_prefix("attribute.").filter(|name| !name.is_empty()) {
            return trait_test(field, op, value).map(|test| Self::Attribute { name: name.into(), test });
        }
        let texts = ItemText::NAMES.iter().map(|(name, _)| *name);
        let sets = ItemSet::NAMES.iter().map(|(name, _)| *name);
        let known: Vec<_> = texts.chain(sets).chain(["price_minor", "attribute.NAME"]).collect();
        Err(format!("unknown field `{}` of items; known are {}", shown(field), known.join(", ")))
    }

    fn events(_: EventCondition) -> Result<Self, String> {
        Err(OF_PEOPLE.to_owned())
    }

    fn segment(_: &str, _: FindSegment<'_>) -> Result<Self, String> {
        Err(OF_PEOPLE.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Item;

    fn rules(value: Value) -> MerchandisingRules {
        serde_json::from_value(value).unwrap()
    }

    fn message(value: Value) -> String {
        compile_merchandising(&[("s".into(), rules(value))], &Items::default()).unwrap_err()
    }

    #[test]
    fn every_field_of_an_item_is_compared_as_expected() {
        let item = Item {
            id: "P-1".into(),
            title: "Red Mug".into(),
            brand: "Acme".into(),
            price_minor: 1250,
            categories: vec!["Mugs".into(), "Kitchen".into()],
            tags: vec!["sale".into()],
            language: "fa".into(),
            group: "mug".into(),
            attributes: serde_json::from_value(
                json!({"colour": "Red", "size": 12, "for": ["Tea", "Coffee"], "new": true}),
            )
            .unwrap(),
            ..Item::default()
        };
        let check = |field: &str, op: &str, value: Value, expected: bool| {
            let rule = serde_json::from_value(json!({"field": field, "op": op, "value": value})).unwrap();
            let condition = item_rule(&rule).unwrap();
            assert_eq!(condition.holds(&item), expected, "{condition}");
        };
        check("price_minor", "lte", json!(1250), true);
        check("price_minor", "gt", json!(1250), false);
        check("brand", "eq", json!("ACME"), true);
        check("title", "contains", json!("mug"), true);
        check("category", "eq", json!("kitchen"), true);
        check("category", "ne", json!("Kitchen"), false);
        check("tag", "in", json!(["new", "sale"]), true);
        check("language", "starts_with", json!("fa"), true);
        check("item_group", "exists", json!(null), true);
        check("id", "eq", json!("p-1"), true);
        check("attribute.colour", "eq", json!("red"), true);
        check("attribute.size", "gte", json!(12), true);
        check("attribute.for", "eq", json!("coffee"), true);
        check("attribute.new", "eq", json!(true), true);
        check("attribute.nothing", "exists", json!(null), false);
    }

    #[test]
    fn unusable_rules_are_refused_in_one_line() {
        let field = |name: &str| json!({"only": {"field": name, "op": "eq", "value": "x"}});
        assert!(
            message(field("colour"))
                .starts_with("the rules of slot `s`: unknown field `colour` of items; known are id")
        );
        assert!(message(json!({"pins": [{"item": "a", "position": 0}]})).contains("must be 1 to 50"));
        assert!(
            message(json!({"pins": [{"item": "a", "position": 1}, {"item": "b", "position": 1}]})).contains("twice")
        );
        assert!(message(json!({"boosts": [{"when": {}, "percent": 0}]})).contains("`percent` is 0"));
        assert!(message(json!({"price_band": {"from_percent": 120, "to_percent": 80}})).contains("from_percent"));
        assert!(message(json!({"diversity": {"by": "brand", "at_most": 0}})).contains("at_most"));
        assert!(message(json!({"freshness": {"half_life_days": 0}})).contains("half_life_days"));
        assert!(message(json!({"fatigue": {"shown_max": 0, "rest_hours": 1}})).contains("shown_max"));
        assert!(
            serde_json::from_value::<MerchandisingRules>(json!({"diversity": {"by": "colour", "at_most": 1}})).is_err()
        );
        assert!(serde_json::from_value::<MerchandisingRules>(json!({"pin": []})).is_err());
    }

    #[test]
    fn rules_of_a_slot_are_added_to_those_of_the_site() {
        let site = rules(json!({"exclude": {"brands": ["acme"]}, "hide_bought": false,
            "pins": [{"item": "a", "position": 1}, {"item": "b", "position": 2}],
            "diversity": {"by": "brand", "at_most": 2}}));
        let slot = rules(json!({"only": {"field": "category", "op": "eq", "value": "Tea"}, "same_language": true,
            "pins": [{"item": "c", "position": 1}, {"item": "b", "position": 3}]}));
        let plans = compile_merchandising(&[(String::new(), site), ("s".into(), slot)], &Items::default()).unwrap();
        let plan = plans.for_slot("s");
        let labels: Vec<&str> = plan.gates.iter().map(|gate| &*gate.label).collect();
        assert_eq!(labels, ["of an excluded brand (site)", "only category is “tea” (s)"]);
        let pins: Vec<_> = plan.pins.iter().map(|pin| (pin.item.as_str(), pin.position)).collect();
        assert_eq!(pins, [("c", 1), ("b", 3)]);
        assert_eq!((plan.hide_bought, plan.same_language, plan.diversity.is_some()), (false, true, true));
        assert_eq!((plans.for_slot("other").gates.len(), plans.for_slot("other").same_language), (1, false));
    }

    #[test]
    fn a_changed_item_is_evaluated_again_and_the_others_stay() {
        let item =
            |id: &str, brand: &str| Item { id: id.into(), brand: brand.into(), available: true, ..Item::default() };
        let mut items = Items::new((0..200).map(|n| item(&format!("i-{n}"), "other")).collect());
        let only = rules(json!({"only": {"field": "brand", "op": "eq", "value": "Acme"}}));
        let plans = compile_merchandising(&[(String::new(), only)], &items).unwrap();
        assert!(plans.for_slot("").fill.is_empty());
        let changed = items.put([item("i-7", "Acme"), item("new", "ACME")]);
        let plans = plans.after_changes(&items, &changed);
        assert_eq!(&*plans.for_slot("").fill, [200, 7]);
        let again = plans.clone().evaluated_for(&items);
        assert_eq!(again.for_slot("").fill, plans.for_slot("").fill);
        let changed: Vec<_> = items.remove("i-7").into_iter().collect();
        assert_eq!(&*plans.after_changes(&items, &changed).for_slot("").fill, [200]);
    }
}
