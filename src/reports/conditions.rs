//! Validation of events and conditions, in funnels and filters.

use serde_json::Value;

use super::{ReportError, check_text, invalid};
use crate::{
    model::Op,
    store::funnel::is_column,
    wire::reports::{Condition, FunnelStep},
};

const CONDITIONS_MAX: usize = 20;
const VALUES_MAX: usize = 100;

/// Refuses an event of a step or a filter that cannot be asked for.
pub(super) fn check_event(step: &FunnelStep) -> Result<(), ReportError> {
    if step.event.is_empty() {
        return invalid("every step and filter by event needs an event; `page` is any page view");
    }
    check_text("event", &step.event)?;
    if step.conditions.len() > CONDITIONS_MAX {
        return invalid("a step has at most 20 conditions");
    }
    step.conditions.iter().try_for_each(check_condition)
}

/// Refuses a condition on an unknown column or without a fitting value.
pub(super) fn check_condition(condition: &Condition) -> Result<(), ReportError> {
    if condition.property.is_empty() {
        return invalid("every condition needs a property");
    }
    check_text("property", &condition.property)?;
    check_field("property", &condition.property)?;
    match (&condition.op, &condition.value) {
        (op, _) if op.takes_nothing() => Ok(()),
        (Op::In | Op::NotIn, Value::Array(values)) if !values.is_empty() && values.len() <= VALUES_MAX => {
            values.iter().try_for_each(check_value)
        }
        (Op::In | Op::NotIn, _) => invalid("`in` and `not_in` take a list of 1 to 100 values"),
        (_, value) => check_value(value),
    }
}

fn check_value(value: &Value) -> Result<(), ReportError> {
    match value {
        Value::String(text) => check_text("value", text),
        Value::Number(_) | Value::Bool(_) => Ok(()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            invalid("a condition's value must be a string, a number, true or false")
        }
    }
}

/// Refuses unknown columns.
pub(super) fn check_field(what: &str, field: &str) -> Result<(), ReportError> {
    match field.strip_prefix('$') {
        Some(name) if !is_column(name) => invalid([what, " ", field, " is not known"].concat()),
        _ => Ok(()),
    }
}
