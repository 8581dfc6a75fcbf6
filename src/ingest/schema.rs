//! Checks an event against the site's event schema. Violations do not reject it; the report on data quality counts them
//! and shows an example of each.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use ahash::RandomState;
use serde_json::value::RawValue;

use super::types::RequestContext;
use crate::{
    model::{
        Event, Kind,
        schema::{EventRules, PropertyRule, PropertyType},
    },
    wire::collect::{ClientTime, Text},
};

/// Violations stored with one event.
const VIOLATIONS_MAX: usize = 16;
/// Bytes of an unplanned property's name in its violation.
const NAME_BYTES_MAX: usize = 64;

pub(super) fn add_violations(event: &mut Event<'_>, request: &RequestContext<'_>) {
    let rules = &request.site.rules;
    if rules.is_empty() || !matches!(event.kind, Kind::Track | Kind::Page | Kind::Screen) {
        return;
    }
    let name = if event.kind == Kind::Track { &*event.name } else { "page" };
    let Some(event_rules) = rules.events.get(name) else {
        if rules.closed {
            event.violations.push(Cow::Borrowed("event: unplanned"));
        }
        return;
    };
    let broken = violations(event_rules, &event.properties);
    event.violations.extend(broken);
}

fn violations<'a>(rules: &EventRules, properties: &str) -> Vec<Cow<'a, str>> {
    let values: HashMap<Cow<'_, str>, &RawValue, RandomState> = serde_json::from_str(properties).unwrap_or_default();
    let mut found = Vec::new();
    for (name, rule) in &rules.properties {
        let broken = match values.get(name.as_str()).filter(|value| value.get() != "null") {
            Some(value) => first_violation(rule, value),
            None => rule.required.then_some("missing"),
        };
        found.extend(broken.map(|broken| Cow::Owned(format!("{name}: {broken}"))));
    }
    if rules.closed {
        // Sorted, so that the result is deterministic.
        let unplanned: BTreeMap<_, _> =
            values.iter().filter(|(name, _)| !rules.properties.contains_key(&***name)).collect();
        let named = unplanned.keys().map(|name| super::text::clean_borrowed(name, NAME_BYTES_MAX));
        found.extend(named.map(|name| Cow::Owned(format!("{name}: unplanned"))));
    }
    found.truncate(VIOLATIONS_MAX);
    found
}

/// The first rule that a value breaks.
fn first_violation(rule: &PropertyRule, value: &RawValue) -> Option<&'static str> {
    let json = value.get();
    if let Some(mismatch) = rule.kind.and_then(|kind| type_mismatch(kind, json, value)) {
        return Some(mismatch);
    }
    let text = Text::from_json(value);
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

fn type_mismatch(kind: PropertyType, json: &str, value: &RawValue) -> Option<&'static str> {
    let is_date = || {
        let text = Text::from_json(value);
        text.as_str().parse::<jiff::civil::Date>().is_ok()
            || matches!(ClientTime::parse(text.as_str()), ClientTime::At(_))
    };
    let (matches, mismatch) = match kind {
        PropertyType::Text => (json.starts_with('"'), "not a text"),
        PropertyType::Number => (number(json).is_some(), "not a number"),
        PropertyType::Integer => (number(json).is_some_and(|number| number.fract() == 0.0), "not an integer"),
        PropertyType::Boolean => (matches!(json, "true" | "false"), "not a boolean"),
        PropertyType::List => (json.starts_with('['), "not a list"),
        PropertyType::Object => (json.starts_with('{'), "not an object"),
        PropertyType::Date => (json.starts_with('"') && is_date(), "not a date"),
    };
    (!matches).then_some(mismatch)
}

/// Parses a JSON number; only for comparison.
fn number(json: &str) -> Option<f64> {
    json.starts_with(|c: char| c == '-' || c.is_ascii_digit()).then(|| json.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_broken_rule_is_reported() {
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
    fn unplanned_properties_are_reported_within_bounds() {
        let rules: EventRules = serde_json::from_str(r#"{"closed":true,"properties":{"known":{}}}"#).unwrap();
        assert_eq!(violations(&rules, r#"{"known":1,"b":2,"a\n":3}"#), ["a: unplanned", "b: unplanned"]);
        let many: Vec<String> = (0..100).map(|n| format!("\"{n}\":1")).collect();
        assert_eq!(violations(&rules, &format!("{{{}}}", many.join(","))).len(), VIOLATIONS_MAX);
    }
}
