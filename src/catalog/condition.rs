//! A compiled rule: a tree of typed tests whose evaluation cannot fail.
//!
//! No I/O. Texts are compared case-insensitively: marketers may write `coffee` where the shop has `Coffee`. Example:
//! `{"field":"visits","op":"gte","value":3}` becomes `Number { field: Visits, test: NumberTest::Gte(3.0) }` and is
//! displayed as "visits ≥ 3".

use std::fmt;

/// Which visitors an offer is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All visitors.
    Everyone,
    /// All of the conditions hold.
    All(Vec<Condition>),
    /// At least one of the conditions holds.
    Any(Vec<Condition>),
    /// The condition does not hold.
    Not(Box<Condition>),
    /// By a number.
    Number {
        /// The field.
        field: NumberField,
        /// The comparison.
        test: NumberTest,
    },
    /// By a text, which may be empty.
    Text {
        /// The field.
        field: TextField,
        /// The comparison.
        test: TextTest,
    },
    /// By a set of texts: holds if one of them passes.
    Set {
        /// The field.
        field: SetField,
        /// The comparison.
        test: TextTest,
    },
    /// Whether this is the visitor's first session.
    NewVisitor(bool),
    /// By a trait that the site sent with `identify`.
    Trait {
        /// Name of the trait.
        name: Box<str>,
        /// The comparison.
        test: TraitTest,
    },
}

/// Numeric fields of a visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberField {
    /// Sessions.
    Visits,
    /// Page views.
    Pageviews,
    /// Quantity of items in the cart.
    CartItems,
    /// Value of the cart in minor units.
    CartValueMinor,
    /// Orders.
    Orders,
}

/// Text fields of a visitor or of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextField {
    /// The category the visitor prefers.
    Affinity,
    /// Channel of the current session.
    Channel,
    /// Source of the current session.
    Source,
    /// Campaign of the current session.
    Campaign,
    /// Country.
    Country,
    /// Device class.
    Device,
    /// The site's own id of the user.
    UserId,
    /// Path of the page.
    UrlPath,
}

/// Set fields of a visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetField {
    /// Categories viewed.
    ViewedCategory,
    /// Categories bought from.
    BoughtCategory,
}

/// A numeric comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum NumberTest {
    /// Equal.
    Eq(f64),
    /// Not equal.
    Ne(f64),
    /// Greater.
    Gt(f64),
    /// Greater or equal.
    Gte(f64),
    /// Less.
    Lt(f64),
    /// Less or equal.
    Lte(f64),
    /// One of these.
    In(Vec<f64>),
    /// Not zero.
    Exists,
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
    /// Begins with.
    StartsWith(Box<str>),
    /// One of these.
    In(Vec<Box<str>>),
    /// Not empty.
    Exists,
}

/// A comparison of a trait, whose type depends on the site.
#[derive(Debug, Clone, PartialEq)]
pub enum TraitTest {
    /// As a number; a trait that is not a number does not pass.
    Number(NumberTest),
    /// As a text; numbers and booleans are compared in their text form.
    Text(TextTest),
}

impl NumberTest {
    /// Whether a number passes.
    #[must_use]
    #[expect(clippy::float_cmp, reason = "counts and amounts are whole numbers, exact in f64")]
    pub fn passes(&self, number: f64) -> bool {
        match self {
            Self::Eq(wanted) => number == *wanted,
            Self::Ne(wanted) => number != *wanted,
            Self::Gt(limit) => number > *limit,
            Self::Gte(limit) => number >= *limit,
            Self::Lt(limit) => number < *limit,
            Self::Lte(limit) => number <= *limit,
            Self::In(wanted) => wanted.contains(&number),
            Self::Exists => number != 0.0,
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
            Self::StartsWith(start) => text.to_lowercase().starts_with(&**start),
            Self::In(wanted) => wanted.iter().any(|wanted| same(text, wanted)),
            Self::Exists => !text.is_empty(),
        }
    }

    /// Whether a set passes: one of its members does, or, for `Ne`, all of them do.
    pub fn passes_set<'a>(&self, mut members: impl Iterator<Item = &'a str>) -> bool {
        match self {
            Self::Ne(_) => members.all(|member| self.passes(member)),
            _ => members.any(|member| self.passes(member)),
        }
    }
}

fn same(text: &str, lowercase: &str) -> bool {
    if text.is_ascii() {
        text.eq_ignore_ascii_case(lowercase)
    } else {
        text.chars().flat_map(char::to_lowercase).eq(lowercase.chars())
    }
}

impl NumberField {
    /// Every field with its name in rules.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("visits", Self::Visits),
        ("pageviews", Self::Pageviews),
        ("cart_items", Self::CartItems),
        ("cart_value_minor", Self::CartValueMinor),
        ("orders", Self::Orders),
    ];
}

impl TextField {
    /// Every field with its name in rules.
    pub const NAMES: [(&'static str, Self); 8] = [
        ("affinity", Self::Affinity),
        ("channel", Self::Channel),
        ("source", Self::Source),
        ("campaign", Self::Campaign),
        ("country", Self::Country),
        ("device", Self::Device),
        ("user_id", Self::UserId),
        ("url_path", Self::UrlPath),
    ];
}

impl SetField {
    /// Every field with its name in rules.
    pub const NAMES: [(&'static str, Self); 2] =
        [("viewed_category", Self::ViewedCategory), ("bought_category", Self::BoughtCategory)];
}

/// The name of a field in rules.
fn name_of<F: PartialEq + Copy>(names: &[(&'static str, F)], field: F) -> &'static str {
    names.iter().find(|(_, known)| *known == field).map_or("", |(name, _)| *name)
}

impl fmt::Display for Condition {
    /// The rule in readable form, for explanations.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("everyone"),
            Self::All(parts) => joined(f, parts, " and "),
            Self::Any(parts) => joined(f, parts, " or "),
            Self::Not(part) => write!(f, "not ({part})"),
            Self::Number { field, test } => write!(f, "{} {test}", name_of(&NumberField::NAMES, *field)),
            Self::Text { field, test } => write!(f, "{} {test}", name_of(&TextField::NAMES, *field)),
            Self::Set { field, test } => write!(f, "{} {test}", name_of(&SetField::NAMES, *field)),
            Self::NewVisitor(true) => f.write_str("a new visitor"),
            Self::NewVisitor(false) => f.write_str("a returning visitor"),
            Self::Trait { name, test: TraitTest::Number(test) } => write!(f, "trait.{name} {test}"),
            Self::Trait { name, test: TraitTest::Text(test) } => write!(f, "trait.{name} {test}"),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Condition], between: &str) -> fmt::Result {
    if parts.is_empty() {
        return f.write_str(if between == " and " { "everyone" } else { "no one" });
    }
    for (i, part) in parts.iter().enumerate() {
        f.write_str(if i == 0 { "" } else { between })?;
        match part {
            Condition::All(_) | Condition::Any(_) if parts.len() > 1 => write!(f, "({part})")?,
            _ => write!(f, "{part}")?,
        }
    }
    Ok(())
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
            Self::In(list) => write!(f, "in {list:?}"),
            Self::Exists => f.write_str("> 0"),
        }
    }
}

impl fmt::Display for TextTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eq(text) => write!(f, "is “{text}”"),
            Self::Ne(text) => write!(f, "is not “{text}”"),
            Self::Contains(text) => write!(f, "contains “{text}”"),
            Self::StartsWith(text) => write!(f, "begins with “{text}”"),
            Self::In(list) => write!(f, "is one of {list:?}"),
            Self::Exists => f.write_str("is known"),
        }
    }
}
