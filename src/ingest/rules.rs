//! What of the site's rules an event does not keep to. It is kept all the same; the report on data quality
//! counts the violations and shows an example of each.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use ahash::RandomState;
use serde_json::value::RawValue;

use super::Setting;
use crate::{
    model::{
        Event, Kind,
        schema::{EventRules, PropertyRule, PropertyType},
    },
    wire::collect::{Moment, Text},
};

/// Violations kept with one event.
const VIOLATIONS_MAX: usize = 16;
/// Bytes of a property that nobody planned, in the name of its violation.
const NAME_BYTES_MAX: usize = 64;

pub(super) fn put_violations(event: &mut Event<'_>, setting: &Setting<'_>) {
    let rules = &setting.site.rules;
    if rules.is_empty() || !matches!(event.kind, Kind::Track | Kind::Page | Kind::Screen) {
        return;
    }
    let name = if event.kind == Kind::Track { &*event.name } else { "page" };
    let Some(of_event) = rules.events.get(name) else {
        if rules.closed {
            event.violations.push(Cow::Borrowed("event: unplanned"));
        }
        return;
    };
    let broken = violations(of_event, &event.properties);
    event.violations.extend(broken);
}

fn violations<'a>(rules: &EventRules, properties: &str) -> Vec<Cow<'a, str>> {
    let said: HashMap<Cow<'_, str>, &RawValue, RandomState> = serde_json::from_str(properties).unwrap_or_default();
    let mut found = Vec::new();
    for (name, rule) in &rules.properties {
        let broken = match said.get(name.as_str()).filter(|value| value.get() != "null") {
            Some(value) => breaks(rule, value),
            None => rule.required.then_some("missing"),
        };
        found.extend(broken.map(|broken| Cow::Owned(format!("{name}: {broken}"))));
    }
    if rules.closed {
        // In order, so that one event always says the same.
        let unplanned: BTreeMap<_, _> =
            said.iter().filter(|(name, _)| !rules.properties.contains_key(&***name)).collect();
        let named = unplanned.keys().map(|name| super::text::clean_borrowed(name, NAME_BYTES_MAX));
        found.extend(named.map(|name| Cow::Owned(format!("{name}: unplanned"))));
    }
    found.truncate(VIOLATIONS_MAX);
    found
}

/// The first rule that a value breaks.
fn breaks(rule: &PropertyRule, value: &RawValue) -> Option<&'static str> {
    let json = value.get();
    if let Some(wrong) = rule.kind.and_then(|kind| is_not(kind, json, value)) {
        return Some(wrong);
    }
    let text = Text::of_json(value);
    if !rule.allowed.is_empty() && !rule.allowed.iter().any(|allowed| allowed == text.as_str()) {
        return Some("not allowed");
    }
    if let Some(number) = number(json) {
        if rule.min.is_some_and(|min| number < min as f64) {
            return Some("too small");
        }
        if rule.max.is_some_and(|max| number > max as f64) {
            return Some("too large");
        }
    }
    let characters = || text.as_str().chars().count();
    rule.length_max.is_some_and(|max| json.starts_with('"') && characters() > max as usize).then_some("too long")
}

fn is_not(kind: PropertyType, json: &str, value: &RawValue) -> Option<&'static str> {
    let is_date = || {
        let text = Text::of_json(value);
        text.as_str().parse::<jiff::civil::Date>().is_ok() || matches!(Moment::parse(text.as_str()), Moment::At(_))
    };
    let (is, wrong) = match kind {
        PropertyType::Text => (json.starts_with('"'), "not a text"),
        PropertyType::Number => (number(json).is_some(), "not a number"),
        PropertyType::Integer => (number(json).is_some_and(|number| number.fract() == 0.0), "not an integer"),
        PropertyType::Boolean => (matches!(json, "true" | "false"), "not a boolean"),
        PropertyType::List => (json.starts_with('['), "not a list"),
        PropertyType::Object => (json.starts_with('{'), "not an object"),
        PropertyType::Date => (json.starts_with('"') && is_date(), "not a date"),
    };
    (!is).then_some(wrong)
}

/// A JSON number; only compared, never added up.
fn number(json: &str) -> Option<f64> {
    json.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then(|| json.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broken_rule_is_named() {
        let check = |rule: &str, value: &str, expected: &[&str]| {
            let rules = format!(r#"{{"properties":{{"p":{rule}}}}}"#);
            let found = violations(&serde_json::from_str(&rules).unwrap(), value);
            assert_eq!(found, expected, "{rule} {value}");
        };
        check(r#"{"required":true}"#, "{}", &["p: missing"]);
        check(r#"{"required":true}"#, r#"{"p":null}"#, &["p: missing"]);
        check(r#"{"required":true}"#, r#"{"p":false}"#, &[]);
        check(r#"{"type":"text"}"#, r#"{"p":1}"#, &["p: not a text"]);
        check(r#"{"type":"text"}"#, "{}", &[]);
        check(r#"{"type":"number"}"#, r#"{"p":"1"}"#, &["p: not a number"]);
        check(r#"{"type":"number"}"#, r#"{"p":-1.5e3}"#, &[]);
        check(r#"{"type":"integer"}"#, r#"{"p":1.5}"#, &["p: not an integer"]);
        check(r#"{"type":"integer"}"#, r#"{"p":2.0}"#, &[]);
        check(r#"{"type":"boolean"}"#, r#"{"p":"true"}"#, &["p: not a boolean"]);
        check(r#"{"type":"list"}"#, r#"{"p":{}}"#, &["p: not a list"]);
        check(r#"{"type":"object"}"#, r#"{"p":[]}"#, &["p: not an object"]);
        check(r#"{"type":"date"}"#, r#"{"p":"2026-02-30"}"#, &["p: not a date"]);
        check(r#"{"type":"date"}"#, r#"{"p":"2026-02-28"}"#, &[]);
        check(r#"{"type":"date"}"#, r#"{"p":"2026-02-28T10:00:00Z"}"#, &[]);
        check(r#"{"allowed":["EUR","USD"]}"#, r#"{"p":"GBP"}"#, &["p: not allowed"]);
        check(r#"{"allowed":["EUR","USD"]}"#, r#"{"p":"EUR"}"#, &[]);
        check(r#"{"min":0}"#, r#"{"p":-0.01}"#, &["p: too small"]);
        check(r#"{"max":10}"#, r#"{"p":10.01}"#, &["p: too large"]);
        check(r#"{"length_max":3}"#, r#"{"p":"قهوه"}"#, &["p: too long"]);
        check(r#"{"length_max":4}"#, r#"{"p":"قهوه"}"#, &[]);
    }

    #[test]
    fn closed_rules_name_what_nobody_planned_within_bounds() {
        let rules: EventRules = serde_json::from_str(r#"{"closed":true,"properties":{"known":{}}}"#).unwrap();
        assert_eq!(violations(&rules, r#"{"known":1,"b":2,"a\n":3}"#), ["a: unplanned", "b: unplanned"]);
        let many: Vec<String> = (0..100).map(|n| format!("\"{n}\":1")).collect();
        assert_eq!(violations(&rules, &format!("{{{}}}", many.join(","))).len(), VIOLATIONS_MAX);
    }
}
