//! Compiles one comparison of a rule: operator and value become a typed test.

use serde_json::Value;

use crate::{
    catalog::condition::{NumberTest, TextTest, TraitTest},
    model::Op,
};

pub(super) fn number_test(field: &str, op: Op, value: &Value) -> Result<NumberTest, String> {
    let number = || value.as_f64().ok_or_else(|| format!("`{field}` is compared with a number, not with {value}"));
    Ok(match op {
        Op::Eq => NumberTest::Eq(number()?),
        Op::Ne => NumberTest::Ne(number()?),
        Op::Gt => NumberTest::Gt(number()?),
        Op::Gte => NumberTest::Gte(number()?),
        Op::Lt => NumberTest::Lt(number()?),
        Op::Lte => NumberTest::Lte(number()?),
        Op::In => NumberTest::In(
            list(field, value)?
                .iter()
                .map(|v| v.as_f64().ok_or_else(|| format!("`{field}` is compared with numbers, not with {v}")))
                .collect::<Result<_, _>>()?,
        ),
        Op::Exists => NumberTest::Exists,
        Op::Contains | Op::StartsWith => {
            return Err(format!("`{field}` is a number: it has no `contains` or `starts_with`"));
        }
    })
}

pub(super) fn text_test(field: &str, op: Op, value: &Value) -> Result<TextTest, String> {
    let lower = |value: &Value| {
        let text = value.as_str().map(str::to_lowercase).map(String::into_boxed_str);
        text.ok_or_else(|| format!("`{field}` is compared with a text, not with {value}"))
    };
    Ok(match op {
        Op::Eq => TextTest::Eq(lower(value)?),
        Op::Ne => TextTest::Ne(lower(value)?),
        Op::Contains => TextTest::Contains(lower(value)?),
        Op::StartsWith => TextTest::StartsWith(lower(value)?),
        Op::In => TextTest::In(list(field, value)?.iter().map(lower).collect::<Result<_, _>>()?),
        Op::Exists => TextTest::Exists,
        Op::Gt | Op::Gte | Op::Lt | Op::Lte => {
            return Err(format!("`{field}` is a text: it cannot be greater or less than something"));
        }
    })
}

/// The type of a trait test follows the value it compares with.
pub(super) fn trait_test(field: &str, op: Op, value: &Value) -> Result<TraitTest, String> {
    let sample = value.as_array().and_then(|list| list.first()).unwrap_or(value);
    if matches!(op, Op::Gt | Op::Gte | Op::Lt | Op::Lte) || sample.is_number() {
        return number_test(field, op, value).map(TraitTest::Number);
    }
    match sample {
        Value::Bool(flag) if op != Op::In => text_test(field, op, &Value::String(flag.to_string())),
        _ => text_test(field, op, value),
    }
    .map(TraitTest::Text)
}

pub(super) fn flag_test(field: &str, op: Op, value: &Value) -> Result<bool, String> {
    match (op, value) {
        (Op::Exists, _) => Ok(true),
        (Op::Eq, Value::Bool(flag)) => Ok(*flag),
        (Op::Ne, Value::Bool(flag)) => Ok(!*flag),
        (Op::Eq | Op::Ne, _) => Err(format!("`{field}` is compared with true or false, not with {value}")),
        _ => Err(format!("`{field}` is true or false: compare it with `eq` or `ne`")),
    }
}

fn list<'a>(field: &str, value: &'a Value) -> Result<&'a [Value], String> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| format!("`in` on `{field}` needs a list, not {value}"))
}
