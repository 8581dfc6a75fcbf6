//! Numbers of rules: integers are compared exactly, beyond what a double can tell apart.

use std::{cmp::Ordering, fmt};

use serde_json::Value;

/// A whole number, or any other one.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// A whole number.
    Int(i128),
    /// Any other number; finite.
    Float(f64),
}

impl Number {
    /// The number of a JSON value; `None` for anything else.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        let Value::Number(number) = value else { return None };
        let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        whole.map(Self::Int).or_else(|| number.as_f64().filter(|float| float.is_finite()).map(Self::Float))
    }

    /// The number that a text consists of: digits, or a finite decimal.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let first = text.bytes().find(|byte| !matches!(byte, b'-' | b'+' | b'.'))?;
        if !first.is_ascii_digit() {
            return None;
        }
        let whole = text.parse().ok().map(Self::Int);
        whole.or_else(|| text.parse().ok().filter(|float: &f64| float.is_finite()).map(Self::Float))
    }

    /// As a double; the nearest one for large whole numbers.
    #[must_use]
    pub const fn as_f64(self) -> f64 {
        match self {
            Self::Int(whole) => whole as f64,
            Self::Float(float) => float,
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (a, b) => a.as_f64().partial_cmp(&b.as_f64()),
        }
    }
}

impl From<f64> for Number {
    fn from(float: f64) -> Self {
        Self::Float(float)
    }
}

impl From<i64> for Number {
    fn from(whole: i64) -> Self {
        Self::Int(i128::from(whole))
    }
}

impl From<u32> for Number {
    fn from(whole: u32) -> Self {
        Self::Int(i128::from(whole))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(whole) => whole.fmt(f),
            Self::Float(float) => float.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn integers_are_exact_and_equal_decimals_are_equal() {
        let of = |value: Value| Number::of(&value);
        assert_ne!(of(json!(9_007_199_254_740_993_u64)), of(json!(9_007_199_254_740_992_u64)));
        assert!(of(json!(18_446_744_073_709_551_615_u64)) > of(json!(18_446_744_073_709_551_614_u64)));
        assert_eq!(of(json!(3)), of(json!(3.0)));
        assert_eq!((Number::parse("3.0"), Number::parse("-2")), (of(json!(3)), of(json!(-2))));
        assert_eq!(of(json!("3")), None);
        for text in ["", "abc", "nan", "inf", "-infinity", "3 ", "1,5", "."] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }
}
