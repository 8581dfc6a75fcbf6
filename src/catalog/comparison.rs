//! Typed comparisons of rules; their evaluation cannot fail.
//!
//! No I/O. Texts are compared case-insensitively: marketers may write `coffee` where the shop has `Coffee`. Whole numbers
//! are compared exactly.

use std::fmt;

use serde_json::Value;

use crate::model::Number;

/// A numeric comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum NumberTest {
    /// Equal.
    Eq(Number),
    /// Not equal.
    Ne(Number),
    /// Greater.
    Gt(Number),
    /// Greater or equal.
    Gte(Number),
    /// Less.
    Lt(Number),
    /// Less or equal.
    Lte(Number),
    /// One of these.
    In(Vec<Number>),
    /// None of these.
    NotIn(Vec<Number>),
    /// Not zero; for a number that may be unknown: known.
    Exists,
    /// Zero; for a number that may be unknown: unknown.
    NotExists,
}

/// A text comparison; its values are lowercase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    /// Equal.
    Eq(Box<str>),
    /// Not equal.
    Ne(Box<str>),
    /// Contains.
    Contains(Box<str>),
    /// Does not contain.
    NotContains(Box<str>),
    /// Begins with.
    StartsWith(Box<str>),
    /// One of these.
    In(Vec<Box<str>>),
    /// None of these.
    NotIn(Vec<Box<str>>),
    /// Not empty.
    Exists,
    /// Empty.
    NotExists,
}

/// A comparison of a trait, whose type depends on the site.
#[derive(Debug, Clone, PartialEq)]
pub enum TraitTest {
    /// As a number; a trait that is no number is unknown.
    Number(NumberTest),
    /// As a text; numbers and booleans are compared in their text form.
    Text(TextTest),
}

impl NumberTest {
    /// Whether a number passes.
    #[must_use]
    pub fn passes(&self, number: impl Into<Number>) -> bool {
        let number = number.into();
        match self {
            Self::Eq(wanted) => number == *wanted,
            Self::Ne(wanted) => number != *wanted,
            Self::Gt(limit) => number > *limit,
            Self::Gte(limit) => number >= *limit,
            Self::Lt(limit) => number < *limit,
            Self::Lte(limit) => number <= *limit,
            Self::In(wanted) => wanted.contains(&number),
            Self::NotIn(wanted) => !wanted.contains(&number),
            Self::Exists => number != Number::Int(0),
            Self::NotExists => number == Number::Int(0),
        }
    }

    /// Whether a number that may be unknown passes. An unknown one differs from every number.
    #[must_use]
    pub fn passes_optional(&self, number: Option<Number>) -> bool {
        match (self, number) {
            (Self::Exists, number) => number.is_some(),
            (Self::NotExists, number) => number.is_none(),
            (_, Some(number)) => self.passes(number),
            (Self::Ne(_) | Self::NotIn(_), None) => true,
            (_, None) => false,
        }
    }

    /// The numbers it compares with.
    #[must_use]
    pub fn numbers(&self) -> &[Number] {
        match self {
            Self::Eq(one) | Self::Ne(one) | Self::Gt(one) | Self::Gte(one) | Self::Lt(one) | Self::Lte(one) => {
                std::slice::from_ref(one)
            }
            Self::In(list) | Self::NotIn(list) => list,
            Self::Exists | Self::NotExists => &[],
        }
    }
}

impl TextTest {
    /// Whether a text passes; an empty one means "unknown".
    #[must_use]
    pub fn passes(&self, text: &str) -> bool {
        match self {
            Self::Eq(wanted) => same(text, wanted),
            Self::Ne(wanted) => !same(text, wanted),
            Self::Contains(part) => text.to_lowercase().contains(&**part),
            Self::NotContains(part) => !text.to_lowercase().contains(&**part),
            Self::StartsWith(start) => text.to_lowercase().starts_with(&**start),
            Self::In(wanted) => wanted.iter().any(|wanted| same(text, wanted)),
            Self::NotIn(wanted) => !wanted.iter().any(|wanted| same(text, wanted)),
            Self::Exists => !text.is_empty(),
            Self::NotExists => text.is_empty(),
        }
    }

    /// Whether a set passes: one of its members does, or, for negative comparisons, all of them do.
    pub fn passes_set<'a>(&self, mut members: impl Iterator<Item = &'a str>) -> bool {
        match self {
            Self::Ne(_) | Self::NotContains(_) | Self::NotIn(_) | Self::NotExists => {
                members.all(|member| self.passes(member))
            }
            _ => members.any(|member| self.passes(member)),
        }
    }
}

impl TraitTest {
    /// Whether a trait passes; `None` if it is unknown.
    #[must_use]
    pub fn passes(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Number(test) => test.passes_optional(value.and_then(as_number)),
            Self::Text(test) => match value {
                None | Some(Value::Null) => test.passes(""),
                Some(Value::String(content)) => test.passes(content),
                Some(other) => test.passes(&other.to_string()),
            },
        }
    }
}

/// A number, or a text that is one.
pub(super) fn as_number(value: &Value) -> Option<Number> {
    Number::of(value).or_else(|| Number::parse(value.as_str()?.trim()))
}

fn same(text: &str, lowercase: &str) -> bool {
    if text.is_ascii() {
        text.eq_ignore_ascii_case(lowercase)
    } else {
        text.chars().flat_map(char::to_lowercase).eq(lowercase.chars())
    }
}

/// A list as a rule shows it: `[1, 2]`.
struct List<'a>(&'a [Number]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, number) in self.0.iter().enumerate() {
            write!(f, "{}{number}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}

impl fmt::Display for NumberTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eq(n) => write!(f, "= {n}"),
            Self::Ne(n) => write!(f, "≠ {n}"),
            Self::Gt(n) => write!(f, "> {n}"),
            Self::Gte(n) => write!(f, "≥ {n}"),
            Self::Lt(n) => write!(f, "< {n}"),
            Self::Lte(n) => write!(f, "≤ {n}"),
            Self::In(list) => write!(f, "in {}", List(list)),
            Self::NotIn(list) => write!(f, "not in {}", List(list)),
            Self::Exists => f.write_str("> 0"),
            Self::NotExists => f.write_str("is 0 or unknown"),
        }
    }
}

impl fmt::Display for TextTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eq(text) => write!(f, "is “{text}”"),
            Self::Ne(text) => write!(f, "is not “{text}”"),
            Self::Contains(text) => write!(f, "contains “{text}”"),
            Self::NotContains(text) => write!(f, "does not contain “{text}”"),
            Self::StartsWith(text) => write!(f, "begins with “{text}”"),
            Self::In(list) => write!(f, "is one of {list:?}"),
            Self::NotIn(list) => write!(f, "is none of {list:?}"),
            Self::Exists => f.write_str("is known"),
            Self::NotExists => f.write_str("is unknown"),
        }
    }
}
