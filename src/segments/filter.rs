//! Conditions on one event, with the meaning that they have in funnels: texts are compared exactly, numbers as numbers,
//! an absent value is the empty text.

use std::fmt;

use serde_json::Value;

use crate::model::{Number, Op, PastEvent, WantedEvents};

/// The column with the items of an event: a condition on it holds if it does for one of them.
const ITEM: &str = "$item";

/// Properties with amounts of money in major units.
const AMOUNTS: [&str; 11] = [
    "revenue",
    "total",
    "value",
    "price",
    "subtotal",
    "amount",
    "tax",
    "shipping",
    "discount",
    "cart_total",
    "order_total",
];

/// Whether a property is an amount of money.
#[must_use]
pub fn is_amount(property: &str) -> bool {
    AMOUNTS.contains(&property)
}

/// Events of one name that pass conditions.
#[derive(Debug, Clone, PartialEq)]
pub struct EventFilter {
    /// Name; `page` is any page or screen view.
    pub name: Box<str>,
    /// All of them must pass.
    pub tests: Box<[PropertyFilter]>,
}

/// A condition on a property or a column.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyFilter {
    property: Box<str>,
    op: Op,
    /// For messages.
    value: Value,
    test: ValueTest,
    negated: bool,
}

/// A comparison without negation.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueTest {
    /// Not empty.
    Exists,
    /// Contains a text.
    Contains(Box<str>),
    /// Begins with a text.
    StartsWith(Box<str>),
    /// Equals one of them.
    OneOf {
        /// As a text.
        texts: Vec<Box<str>>,
        /// As a number.
        numbers: Vec<Number>,
    },
    /// Compares texts.
    Text(Op, Box<str>),
    /// Compares numbers.
    Number(Op, Number),
}

impl EventFilter {
    /// Whether an event passes.
    #[must_use]
    pub fn matches(&self, event: &PastEvent) -> bool {
        *event.name == *self.name && self.tests.iter().all(|test| test.matches(event))
    }

    pub(super) fn add_wanted(&self, wanted: &mut WantedEvents) {
        wanted.add(&self.name);
        self.tests.iter().for_each(|test| wanted.add_value(&self.name, &test.property));
    }
}

impl PropertyFilter {
    /// A condition whose operator and value were checked.
    #[must_use]
    pub fn new(property: &str, op: Op, value: &Value) -> Self {
        // A number given for a column is meant as a text, except where it is compared by size.
        let typed = !property.starts_with('$');
        let positive = op.positive();
        let test = ValueTest::new(positive.unwrap_or(op), value, typed);
        Self { property: property.into(), op, value: value.clone(), test, negated: positive.is_some() }
    }

    /// The property, or the column with `$`.
    #[must_use]
    pub fn property(&self) -> &str {
        &self.property
    }

    /// The comparison; its opposite if the condition is negated.
    #[must_use]
    pub const fn test(&self) -> &ValueTest {
        &self.test
    }

    /// Whether the comparison must fail.
    #[must_use]
    pub const fn is_negated(&self) -> bool {
        self.negated
    }

    /// Whether an event passes.
    #[must_use]
    pub fn matches(&self, event: &PastEvent) -> bool {
        let value = event.value(&self.property);
        let passes = match value {
            Some(Value::Array(items)) if *self.property == *ITEM => match self.test {
                ValueTest::Exists => !items.is_empty(),
                _ => items.iter().any(|item| self.test.passes(&to_text(item))),
            },
            Some(value) => match value.as_str() {
                Some(text) => self.test.passes(text),
                None => self.test.passes(&to_text(value)),
            },
            None => self.test.passes(""),
        };
        passes != self.negated
    }
}

impl ValueTest {
    fn new(op: Op, value: &Value, typed: bool) -> Self {
        let value = &*op.operand(value);
        let text = || to_text(value).into_boxed_str();
        match op {
            Op::Exists => Self::Exists,
            Op::Contains => Self::Contains(text()),
            Op::StartsWith => Self::StartsWith(text()),
            Op::In => {
                let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                let texts = values.iter().map(|value| to_text(value).into_boxed_str()).collect();
                let numbers = values.iter().filter(|_| typed).filter_map(Number::of).collect();
                Self::OneOf { texts, numbers }
            }
            op => match Number::of(value).filter(|_| typed || op.is_order()) {
                Some(number) => Self::Number(op, number),
                None => Self::Text(op, text()),
            },
        }
    }

    /// Whether the text of a value passes; it is empty if the value is absent.
    fn passes(&self, text: &str) -> bool {
        match self {
            Self::Exists => !text.is_empty(),
            Self::Contains(part) => text.contains(&**part),
            Self::StartsWith(start) => text.starts_with(&**start),
            Self::OneOf { texts, numbers } => {
                texts.iter().any(|known| **known == *text)
                    || (!numbers.is_empty() && Number::parse(text).is_some_and(|number| numbers.contains(&number)))
            }
            Self::Text(op, wanted) => compares(*op, text.partial_cmp(&**wanted)),
            Self::Number(op, wanted) => {
                Number::parse(text).is_some_and(|number| compares(*op, number.partial_cmp(wanted)))
            }
        }
    }
}

fn compares(op: Op, order: Option<std::cmp::Ordering>) -> bool {
    order.is_some_and(|order| match op {
        Op::Gt => order.is_gt(),
        Op::Gte => order.is_ge(),
        Op::Lt => order.is_lt(),
        Op::Lte => order.is_le(),
        _ => order.is_eq(),
    })
}

/// A value as text: strings as they are, others as JSON, nothing for null.
fn to_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

impl fmt::Display for EventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "“{}”", self.name)?;
        for (i, test) in self.tests.iter().enumerate() {
            write!(f, "{}{test}", if i == 0 { " with " } else { " and " })?;
        }
        Ok(())
    }
}

impl fmt::Display for PropertyFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { property, value, .. } = self;
        match self.op {
            Op::Eq => write!(f, "{property} = {value}"),
            Op::Ne => write!(f, "{property} ≠ {value}"),
            Op::Gt => write!(f, "{property} > {value}"),
            Op::Gte => write!(f, "{property} ≥ {value}"),
            Op::Lt => write!(f, "{property} < {value}"),
            Op::Lte => write!(f, "{property} ≤ {value}"),
            Op::Contains => write!(f, "{property} contains {value}"),
            Op::NotContains => write!(f, "{property} does not contain {value}"),
            Op::StartsWith => write!(f, "{property} begins with {value}"),
            Op::In => write!(f, "{property} in {value}"),
            Op::NotIn => write!(f, "{property} not in {value}"),
            Op::Exists => write!(f, "{property}"),
            Op::NotExists => write!(f, "no {property}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Currency, Position, Timestamp};

    fn event(values: &Value) -> PastEvent {
        let values = values.as_object().unwrap().iter().map(|(name, value)| (name.as_str().into(), value.clone()));
        let mut values: Vec<(Box<str>, Value)> = values.collect();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        PastEvent {
            at: Timestamp(1),
            position: Position(1),
            name: "e".into(),
            order: None,
            values: Some(values.into()),
            currency: Currency::NONE,
        }
    }

    #[test]
    fn every_operator_on_texts_numbers_and_absent_values() {
        let event = event(&json!({"n": 5, "big": 9_007_199_254_740_993_u64, "text": "Blue Mug", "quoted": "7.50",
            "flag": true, "none": null, "$path": "/a/b", "$item": ["x", "y"]}));
        let check = |property: &str, op: Op, value: Value, expected: bool| {
            let filter = PropertyFilter::new(property, op, &value);
            assert_eq!(filter.matches(&event), expected, "{filter}");
        };
        check("n", Op::Eq, json!(5.0), true);
        check("n", Op::Ne, json!(5), false);
        check("n", Op::Gt, json!(4.9), true);
        check("n", Op::Gte, json!(5), true);
        check("n", Op::Lt, json!(5), false);
        check("n", Op::Lte, json!(5), true);
        check("n", Op::In, json!([4, 5]), true);
        check("n", Op::NotIn, json!([4, 5]), false);
        check("n", Op::Eq, json!("5"), true);
        check("quoted", Op::Eq, json!(7.5), true);
        check("quoted", Op::Gt, json!(10), false);
        check("big", Op::Eq, json!(9_007_199_254_740_993_u64), true);
        check("big", Op::Eq, json!(9_007_199_254_740_992_u64), false);
        check("big", Op::Gt, json!(9_007_199_254_740_992_u64), true);
        check("big", Op::NotIn, json!([9_007_199_254_740_992_u64]), true);
        check("text", Op::Eq, json!("Blue Mug"), true);
        check("text", Op::Eq, json!("blue mug"), false);
        check("text", Op::Contains, json!("Mug"), true);
        check("text", Op::NotContains, json!("Mug"), false);
        check("text", Op::StartsWith, json!("Blue"), true);
        check("text", Op::Exists, json!(null), true);
        check("text", Op::NotExists, json!(null), false);
        check("text", Op::Gt, json!(1), false);
        check("flag", Op::Eq, json!(true), true);
        check("none", Op::NotExists, json!(null), true);
        check("absent", Op::Ne, json!(5), true);
        check("absent", Op::NotIn, json!(["a"]), true);
        check("absent", Op::NotContains, json!("a"), true);
        check("absent", Op::Lt, json!(5), false);
        check("$path", Op::StartsWith, json!("/a"), true);
        check("$item", Op::Eq, json!("y"), true);
        check("$item", Op::Ne, json!("y"), false);
        check("$item", Op::NotIn, json!(["z"]), true);
        check("$item", Op::Exists, json!(null), true);
    }
}
