//! A condition on an item: a tree of typed tests whose evaluation cannot fail.
//!
//! No I/O. Example: `{"field":"price_minor","op":"lte","value":2000}` becomes `Number(NumberTest::Lte(2000))` and is
//! displayed as "`price_minor` ≤ 2000".

use std::{collections::HashSet, fmt};

use serde_json::Value;

use crate::{
    catalog::condition::{NumberTest, TextTest, TraitTest},
    model::Item,
};

/// Which items a rule applies to.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemCondition {
    /// All items.
    Everything,
    /// Items for which all conditions hold.
    All(Vec<ItemCondition>),
    /// Items for which at least one condition holds.
    Any(Vec<ItemCondition>),
    /// Items for which the condition does not hold.
    Not(Box<ItemCondition>),
    /// By price in minor units.
    Price(NumberTest),
    /// By a text.
    Text {
        /// The field.
        field: ItemText,
        /// The comparison.
        test: TextTest,
    },
    /// By a set of texts: holds if one of them passes.
    Set {
        /// The field.
        field: ItemSet,
        /// The comparison.
        test: TextTest,
    },
    /// By one of the item's further attributes.
    Attribute {
        /// Name of the attribute.
        name: Box<str>,
        /// The comparison.
        test: TraitTest,
    },
    /// By id, case-sensitive.
    OneOf(HashSet<Box<str>>),
}

/// Text fields of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemText {
    /// Its id, case-insensitive.
    Id,
    /// Its title.
    Title,
    /// Its brand.
    Brand,
    /// Its language tag.
    Language,
    /// Its item group.
    Group,
}

/// Set fields of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemSet {
    /// Its categories.
    Category,
    /// Its tags.
    Tag,
}

impl ItemText {
    /// Every field with its name in rules.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("id", Self::Id),
        ("title", Self::Title),
        ("brand", Self::Brand),
        ("language", Self::Language),
        ("item_group", Self::Group),
    ];

    fn value(self, item: &Item) -> &str {
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
    /// Every field with its name in rules.
    pub const NAMES: [(&'static str, Self); 2] = [("category", Self::Category), ("tag", Self::Tag)];
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
            Self::Price(test) => test.passes(item.price_minor),
            Self::Text { field, test } => test.passes(field.value(item)),
            Self::Set { field: ItemSet::Category, test } => test.passes_set(item.categories.iter().map(String::as_str)),
            Self::Set { field: ItemSet::Tag, test } => test.passes_set(item.tags.iter().map(String::as_str)),
            Self::Attribute { name, test } => attribute_passes(item.attributes.get(&**name), test),
            Self::OneOf(ids) => ids.contains(&*item.id),
        }
    }
}

/// A list attribute passes like a set: if one of its texts does.
fn attribute_passes(value: Option<&Value>, test: &TraitTest) -> bool {
    match (test, value) {
        (TraitTest::Text(test), Some(Value::Array(list))) => test.passes_set(list.iter().filter_map(Value::as_str)),
        (test, value) => test.passes(value),
    }
}

impl fmt::Display for ItemCondition {
    /// The rule in readable form, for explanations.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name_of =
            |field: ItemText| ItemText::NAMES.iter().find(|(_, known)| *known == field).map_or("", |(name, _)| *name);
        match self {
            Self::Everything => f.write_str("every item"),
            Self::All(parts) => joined(f, parts, " and ", "every item"),
            Self::Any(parts) => joined(f, parts, " or ", "no item"),
            Self::Not(part) => write!(f, "not ({part})"),
            Self::Price(test) => write!(f, "price_minor {test}"),
            Self::Text { field, test } => write!(f, "{} {test}", name_of(*field)),
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
