//! A condition on an item: a tree of typed tests that can be asked without failing.
//!
//! PURE. Example: `{"field":"price_minor","op":"lte","value":2000}` becomes
//! `Number(NumberTest::Lte(2000.0))` and reads "`price_minor` ≤ 2000".

use std::{collections::HashSet, fmt};

use serde_json::Value;

use crate::{
    catalog::condition::{NumberTest, TextTest, TraitTest},
    model::Item,
};

/// For which items something holds.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemCondition {
    /// All items.
    Everything,
    /// Those for which all hold.
    All(Vec<ItemCondition>),
    /// Those for which at least one holds.
    Any(Vec<ItemCondition>),
    /// Those for which it does not hold.
    Not(Box<ItemCondition>),
    /// By price in minor units.
    Price(NumberTest),
    /// By a text.
    Text {
        /// Which.
        field: ItemText,
        /// Compared how.
        test: TextTest,
    },
    /// By a set of texts: holds if one of them passes.
    Set {
        /// Which.
        field: ItemSet,
        /// Compared how.
        test: TextTest,
    },
    /// By whatever else the shop knows of the item.
    Attribute {
        /// Name of the attribute.
        name: Box<str>,
        /// Compared how.
        test: TraitTest,
    },
    /// By id, letter for letter.
    OneOf(HashSet<Box<str>>),
}

/// Texts of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemText {
    /// Its id, in any case.
    Id,
    /// Its name.
    Title,
    /// Its maker.
    Brand,
    /// Its language tag.
    Language,
    /// What it is a variant of.
    Group,
}

/// Sets of texts of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemSet {
    /// Its categories.
    Category,
    /// Its marks.
    Tag,
}

impl ItemText {
    /// Every text with its word in a rule.
    pub const WORDS: [(&'static str, Self); 5] = [
        ("id", Self::Id),
        ("title", Self::Title),
        ("brand", Self::Brand),
        ("language", Self::Language),
        ("item_group", Self::Group),
    ];

    fn of(self, item: &Item) -> &str {
        match self {
            Self::Id => &item.id,
            Self::Title => &item.title,
            Self::Brand => &item.brand,
            Self::Language => &item.language,
            Self::Group => &item.group,
        }
    }
}

impl ItemSet {
    /// Every set with its word in a rule.
    pub const WORDS: [(&'static str, Self); 2] = [("category", Self::Category), ("tag", Self::Tag)];
}

impl ItemCondition {
    /// Whether it holds for an item.
    #[must_use]
    pub fn holds(&self, item: &Item) -> bool {
        match self {
            Self::Everything => true,
            Self::All(parts) => parts.iter().all(|part| part.holds(item)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(item)),
            Self::Not(part) => !part.holds(item),
            Self::Price(test) => test.passes(item.price_minor as f64),
            Self::Text { field, test } => test.passes(field.of(item)),
            Self::Set { field: ItemSet::Category, test } => test.passes_set(item.categories.iter().map(String::as_str)),
            Self::Set { field: ItemSet::Tag, test } => test.passes_set(item.tags.iter().map(String::as_str)),
            Self::Attribute { name, test } => attribute_passes(item.attributes.get(&**name), test),
            Self::OneOf(ids) => ids.contains(&*item.id),
        }
    }
}

/// An attribute that is a list passes like a set: one of its texts does.
fn attribute_passes(value: Option<&Value>, test: &TraitTest) -> bool {
    let value = value.unwrap_or(&Value::Null);
    match test {
        TraitTest::Number(test) => {
            let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
            number.is_some_and(|number: f64| test.passes(number))
        }
        TraitTest::Text(test) => match value {
            Value::Null => test.passes(""),
            Value::String(said) => test.passes(said),
            Value::Array(list) => test.passes_set(list.iter().filter_map(Value::as_str)),
            other => test.passes(&other.to_string()),
        },
    }
}

impl fmt::Display for ItemCondition {
    /// The rule as a marketer would say it, for explanations.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |words: &[(&'static str, ItemText)], field: ItemText| {
            words.iter().find(|(_, known)| *known == field).map_or("", |(word, _)| *word)
        };
        match self {
            Self::Everything => f.write_str("every item"),
            Self::All(parts) => joined(f, parts, " and ", "every item"),
            Self::Any(parts) => joined(f, parts, " or ", "no item"),
            Self::Not(part) => write!(f, "not ({part})"),
            Self::Price(test) => write!(f, "price_minor {test}"),
            Self::Text { field, test } => write!(f, "{} {test}", word(&ItemText::WORDS, *field)),
            Self::Set { field: ItemSet::Category, test } => write!(f, "category {test}"),
            Self::Set { field: ItemSet::Tag, test } => write!(f, "tag {test}"),
            Self::Attribute { name, test: TraitTest::Number(test) } => write!(f, "attribute.{name} {test}"),
            Self::Attribute { name, test: TraitTest::Text(test) } => write!(f, "attribute.{name} {test}"),
            Self::OneOf(ids) => write!(f, "one of {} listed items", ids.len()),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[ItemCondition], between: &str, none: &str) -> fmt::Result {
    if parts.is_empty() {
        return f.write_str(none);
    }
    for (i, part) in parts.iter().enumerate() {
        f.write_str(if i == 0 { "" } else { between })?;
        match part {
            ItemCondition::All(_) | ItemCondition::Any(_) if parts.len() > 1 => write!(f, "({part})")?,
            _ => write!(f, "{part}")?,
        }
    }
    Ok(())
}
