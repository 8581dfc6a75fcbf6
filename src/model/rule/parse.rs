//! Reads rules from JSON, with errors that name what is wrong where `serde`'s untagged enums only say that nothing
//! matches.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value};

use super::{Op, Rule};

/// Nesting at which reading ends; compiling has a lower limit, with the same message.
const DEPTH_MAX: usize = 60;
/// Longest part of a rule that a message quotes, characters.
const QUOTED_MAX: usize = 60;

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        rule(Value::deserialize(deserializer)?, 1).map_err(D::Error::custom)
    }
}

fn rule(value: Value, depth: usize) -> Result<Rule, String> {
    if depth > DEPTH_MAX {
        return Err("a rule is nested too deeply".into());
    }
    let Value::Object(mut fields) = value else {
        return Err(format!("a rule is a JSON object, not {}", quoted(&value)));
    };
    if fields.is_empty() {
        return Ok(Rule::Everyone {});
    }
    if let Some(list) = fields.remove("all") {
        return alone(&fields, "all").and(rules(list, "all", depth)).map(|all| Rule::All { all });
    }
    if let Some(list) = fields.remove("any") {
        return alone(&fields, "any").and(rules(list, "any", depth)).map(|any| Rule::Any { any });
    }
    if let Some(part) = fields.remove("not") {
        alone(&fields, "not")?;
        return Ok(Rule::Not { not: Box::new(rule(part, depth + 1)?) });
    }
    if let Some(id) = fields.remove("segment") {
        alone(&fields, "segment")?;
        let Value::String(segment) = id else { return Err("`segment` is the id of a segment".into()) };
        return Ok(Rule::Segment { segment });
    }
    if fields.contains_key("field") {
        return test(fields);
    }
    if fields.contains_key("event") {
        let event = serde_json::from_value(Value::Object(fields));
        return event.map(Rule::Event).map_err(|error| format!("a rule on events: {error}"));
    }
    if fields.contains_key("sequence") {
        let sequence = serde_json::from_value(Value::Object(fields));
        return sequence.map(Rule::Sequence).map_err(|error| format!("a rule on a sequence: {error}"));
    }
    let names: Vec<&str> = fields.keys().map(String::as_str).take(5).collect();
    let quoted_names: String = names.join(", ").chars().take(QUOTED_MAX).collect();
    Err(format!("a rule has one of all, any, not, field, event, sequence and segment; this one has {quoted_names}"))
}

fn rules(list: Value, what: &str, depth: usize) -> Result<Vec<Rule>, String> {
    let Value::Array(list) = list else { return Err(format!("`{what}` is a list of rules, not {}", quoted(&list))) };
    list.into_iter().map(|part| rule(part, depth + 1)).collect()
}

/// Refuses further fields beside the one that says what the rule is.
fn alone(others: &Map<String, Value>, what: &str) -> Result<(), String> {
    match others.keys().next() {
        Some(other) => {
            let other: String = other.chars().take(QUOTED_MAX).collect();
            Err(format!("a rule with `{what}` has no other field, such as `{other}`"))
        }
        None => Ok(()),
    }
}

fn test(fields: Map<String, Value>) -> Result<Rule, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Test {
        field: String,
        op: Op,
        #[serde(default)]
        value: Value,
    }
    let read: Result<Test, _> = serde_json::from_value(Value::Object(fields));
    let Test { field, op, value } = read.map_err(|error| format!("a rule on a field: {error}"))?;
    Ok(Rule::Test { field, op, value })
}

fn quoted(value: &Value) -> String {
    value.to_string().chars().take(QUOTED_MAX).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rules_are_read_as_marketers_write_them_and_written_back_alike() {
        for text in [
            json!({}),
            json!({"all": [{"field": "affinity", "op": "eq", "value": "Coffee"}, {"not": {"any": []}}]}),
            json!({"event": "Order Completed", "within_days": 30.0, "count": {"op": "gte", "value": 2}}),
            json!({"event": "A", "where": [{"property": "price", "op": "not_in", "value": [1, 2]}],
                "sum": {"property": "revenue", "op": "gt", "value": 9.5}}),
            json!({"sequence": [{"event": "A"}, {"event": "B"}], "within_hours": 2.0,
                "not_followed_by": {"event": "C", "within_hours": 1.0}}),
            json!({"segment": "loyal"}),
            json!({"field": "orders", "op": "not_exists", "value": null}),
        ] {
            let rule: Rule = serde_json::from_value(text.clone()).unwrap();
            assert_eq!(serde_json::to_value(&rule).unwrap(), text);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let check = |rule: Value, expected: &str| {
            let error = serde_json::from_value::<Rule>(rule).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(json!({"al": []}), "this one has al");
        check(json!([]), "a JSON object");
        check(json!({"all": {}}), "`all` is a list of rules");
        check(json!({"all": [], "any": []}), "no other field, such as `any`");
        check(json!({"field": "visits", "op": "like", "value": 1}), "unknown variant `like`, expected one of `eq`");
        check(json!({"field": "visits", "op": "eq", "valeu": 1}), "valeu");
        check(json!({"event": "A", "within_day": 3}), "within_day");
        check(json!({"event": 5}), "a rule on events");
        check(json!({"sequence": {"event": "A"}}), "a rule on a sequence");
        check(json!({"segment": 3}), "the id of a segment");
        let deep = (0..100).fold(json!({}), |inner, _| json!({"not": inner}));
        check(deep, "nested too deeply");
    }
}
