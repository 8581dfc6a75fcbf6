//! Compiles one comparison of a rule: operator and value become a typed test.

use serde_json::Value;

use crate::{
    catalog::condition::{NumberTest, TextTest, TraitTest},
    model::{Number, Op},
};

pub(super) fn number_test(field: &str, op: Op, value: &Value) -> Result<NumberTest, String> {
    let one = |value: &Value| {
        Number::of(value).ok_or_else(|| format!("`{field}` is compared with a number, not with {}", quoted(value)))
    };
    let many = || list(field, op, value)?.iter().map(one).collect::<Result<_, _>>();
    Ok(match op {
        Op::Eq => NumberTest::Eq(one(value)?),
        Op::Ne => NumberTest::Ne(one(value)?),
        Op::Gt => NumberTest::Gt(one(value)?),
        Op::Gte => NumberTest::Gte(one(value)?),
        Op::Lt => NumberTest::Lt(one(value)?),
        Op::Lte => NumberTest::Lte(one(value)?),
        Op::In => NumberTest::In(many()?),
        Op::NotIn => NumberTest::NotIn(many()?),
        Op::Exists => NumberTest::Exists,
        Op::NotExists => NumberTest::NotExists,
        Op::Contains | Op::NotContains | Op::StartsWith => {
            return Err(format!("`{field}` is a number: it has no `contains`, `not_contains` or `starts_with`"));
        }
    })
}

pub(super) fn text_test(field: &str, op: Op, value: &Value) -> Result<TextTest, String> {
    let lower = |value: &Value| {
        let text = value.as_str().map(str::to_lowercase).map(String::into_boxed_str);
        text.ok_or_else(|| format!("`{field}` is compared with a text, not with {}", quoted(value)))
    };
    let many = || list(field, op, value)?.iter().map(lower).collect::<Result<_, _>>();
    Ok(match op {
        Op::Eq => TextTest::Eq(lower(value)?),
        Op::Ne => TextTest::Ne(lower(value)?),
        Op::Contains => TextTest::Contains(lower(value)?),
        Op::NotContains => TextTest::NotContains(lower(value)?),
        Op::StartsWith => TextTest::StartsWith(lower(value)?),
        Op::In => TextTest::In(many()?),
        Op::NotIn => TextTest::NotIn(many()?),
        Op::Exists => TextTest::Exists,
        Op::NotExists => TextTest::NotExists,
        Op::Gt | Op::Gte | Op::Lt | Op::Lte => {
            return Err(format!("`{field}` is a text: it cannot be greater or less than something"));
        }
    })
}

/// The type of a trait test follows the value it compares with.
pub(super) fn trait_test(field: &str, op: Op, value: &Value) -> Result<TraitTest, String> {
    let sample = value.as_array().and_then(|list| list.first()).unwrap_or(value);
    if op.is_order() || (sample.is_number() && !op.takes_nothing()) {
        return number_test(field, op, value).map(TraitTest::Number);
    }
    match sample {
        Value::Bool(flag) if !op.takes_list() => text_test(field, op, &Value::String(flag.to_string())),
        _ => text_test(field, op, value),
    }
    .map(TraitTest::Text)
}

pub(super) fn flag_test(field: &str, op: Op, value: &Value) -> Result<bool, String> {
    match (op, value) {
        (Op::Exists, _) => Ok(true),
        (Op::NotExists, _) => Ok(false),
        (Op::Eq, Value::Bool(flag)) => Ok(*flag),
        (Op::Ne, Value::Bool(flag)) => Ok(!*flag),
        (Op::Eq | Op::Ne, _) => Err(format!("`{field}` is compared with true or false, not with {}", quoted(value))),
        _ => Err(format!("`{field}` is true or false: compare it with `eq` or `ne`")),
    }
}

fn list<'a>(field: &str, op: Op, value: &'a Value) -> Result<&'a [Value], String> {
    let name = if op == Op::NotIn { "not_in" } else { "in" };
    let list = value.as_array().map(Vec::as_slice);
    list.ok_or_else(|| format!("`{name}` on `{field}` needs a list, not {}", quoted(value)))
}

/// A value as a message quotes it, shortened.
fn quoted(value: &Value) -> String {
    super::shown(&value.to_string())
}
