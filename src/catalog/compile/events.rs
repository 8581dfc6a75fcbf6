//! Compiles conditions on past events.

use serde_json::Value;

use super::{Budget, shown, values::number_test};
use crate::{
    catalog::condition::NumberTest,
    model::{EventRule, FollowingEvent, Op, PropertyTest, SequenceRule, rule::COLUMNS},
    segments::{EventCondition, EventFilter, Following, PropertyFilter, Tally},
};

/// Maximum length of the name of an event or property, bytes.
const NAME_MAX: usize = 200;
/// Maximum length of a text that is compared with, bytes.
const TEXT_MAX: usize = 500;
/// Maximum number of events of a sequence.
const STEPS_MAX: usize = 20;
const DAYS_MAX: f64 = 36_500.0;
const HOUR_MS: f64 = 3_600_000.0;

pub(super) fn event(rule: &EventRule, budget: &mut Budget<'_>) -> Result<EventCondition, String> {
    let tally = match (&rule.count, &rule.sum) {
        (None, None) => Tally::Any,
        (Some(count), None) => Tally::Count(tally_test("count", count.op, &count.value, budget)?),
        (None, Some(sum)) => Tally::Sum {
            property: name("property", &sum.property)?,
            test: tally_test("sum", sum.op, &sum.value, budget)?,
        },
        (Some(_), Some(_)) => return Err("an event has `count` or `sum`, not both".into()),
    };
    Ok(EventCondition {
        steps: [filter(&rule.event, &rule.conditions, budget)?].into(),
        within_ms: None,
        window_ms: days("within_days", rule.within_days)?,
        not_followed_by: rule.not_followed_by.as_ref().map(|event| following(event, budget)).transpose()?,
        tally,
    })
}

pub(super) fn sequence(rule: &SequenceRule, budget: &mut Budget<'_>) -> Result<EventCondition, String> {
    if rule.sequence.is_empty() || rule.sequence.len() > STEPS_MAX {
        return Err(format!("a sequence has 1 to {STEPS_MAX} events"));
    }
    budget.spend(rule.sequence.len() - 1)?;
    let steps = rule.sequence.iter().map(|step| filter(&step.event, &step.conditions, budget));
    Ok(EventCondition {
        steps: steps.collect::<Result<_, _>>()?,
        within_ms: hours("within_hours", rule.within_hours)?,
        window_ms: days("within_days", rule.within_days)?,
        not_followed_by: rule.not_followed_by.as_ref().map(|event| following(event, budget)).transpose()?,
        tally: Tally::Any,
    })
}

fn following(event: &FollowingEvent, budget: &mut Budget<'_>) -> Result<Following, String> {
    budget.spend(1)?;
    let filter = filter(&event.event, &event.conditions, budget)?;
    Ok(Following { filter, within_ms: hours("within_hours", event.within_hours)? })
}

fn filter(event: &str, conditions: &[PropertyTest], budget: &mut Budget<'_>) -> Result<EventFilter, String> {
    budget.spend(conditions.len())?;
    let tests = conditions.iter().map(|condition| property(condition, budget));
    Ok(EventFilter { name: name("event", event)?, tests: tests.collect::<Result<_, _>>()? })
}

fn property(condition: &PropertyTest, budget: &mut Budget<'_>) -> Result<PropertyFilter, String> {
    let PropertyTest { property, op, value } = condition;
    name("property", property)?;
    if let Some(column) = property.strip_prefix('$')
        && !COLUMNS.contains(&column)
    {
        return Err(format!("unknown column `{}`; known are ${}", shown(property), COLUMNS.join(", $")));
    }
    match value {
        _ if op.takes_nothing() => {}
        Value::Array(list) if op.takes_list() && !list.is_empty() => {
            budget.spend(list.len())?;
            list.iter().try_for_each(|value| plain(property, value))?;
        }
        _ if op.takes_list() => return Err(format!("`{}` is compared with a list of values", shown(property))),
        value => plain(property, value)?,
    }
    Ok(PropertyFilter::new(property, *op, value))
}

fn plain(property: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::String(text) if text.len() <= TEXT_MAX => Ok(()),
        Value::String(_) => Err(format!("a text that is compared with has at most {TEXT_MAX} bytes")),
        Value::Number(_) | Value::Bool(_) => Ok(()),
        _ => Err(format!("`{}` is compared with a text, a number, true or false", shown(property))),
    }
}

fn tally_test(what: &str, op: Op, value: &Value, budget: &mut Budget<'_>) -> Result<NumberTest, String> {
    if let Value::Array(list) = value {
        budget.spend(list.len())?;
    }
    number_test(what, op, value)
}

fn name(what: &str, text: &str) -> Result<Box<str>, String> {
    if text.is_empty() || text.len() > NAME_MAX || text.chars().any(char::is_control) {
        return Err(format!("`{what}` must have 1 to {NAME_MAX} bytes, without control characters"));
    }
    Ok(text.into())
}

fn days(name: &str, days: Option<f64>) -> Result<Option<i64>, String> {
    span(name, days.map(|days| days * 24.0), "days")
}

fn hours(name: &str, hours: Option<f64>) -> Result<Option<i64>, String> {
    span(name, hours, "hours")
}

fn span(name: &str, hours: Option<f64>, unit: &str) -> Result<Option<i64>, String> {
    let Some(hours) = hours else { return Ok(None) };
    if !(hours > 0.0 && hours <= DAYS_MAX * 24.0) {
        return Err(format!("`{name}` is a number of {unit}, more than 0 and at most 100 years"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
    let ms = (hours * HOUR_MS).round() as i64;
    Ok(Some(ms))
}
