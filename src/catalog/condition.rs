//! A compiled rule: a tree of typed tests whose evaluation cannot fail.
//!
//! No I/O. Example: `{"field":"visits","op":"gte","value":3}` becomes `Number { field: Visits, test: NumberTest::Gte(3)
//! }` and is displayed as "visits ≥ 3". `segments` evaluates it.

use std::{fmt, sync::Arc};

pub use super::comparison::{NumberTest, TextTest, TraitTest};
use crate::{model::WantedEvents, segments::EventCondition};

/// Which people an offer or a segment is for.
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
    /// By past events.
    Events(Box<EventCondition>),
    /// By the rule of a segment.
    Segment {
        /// Its id.
        id: Box<str>,
        /// Its rule.
        rule: Arc<Condition>,
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
    /// Revenue less refunds, in minor units of the site's currency.
    OrdersValueMinor,
    /// Days since the last event.
    LastSeenDays,
    /// Days since the first event.
    FirstSeenDays,
    /// Quintile of the time since the last order.
    RfmRecency,
    /// Quintile of the number of orders.
    RfmFrequency,
    /// Quintile of the value of orders.
    RfmMonetary,
    /// Decile of the value of orders.
    ValueDecile,
    /// Probability of being still a customer.
    AliveProbability,
    /// Revenue expected in the next year, in minor units.
    PredictedValueMinor,
}

/// Text fields of a visitor or of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextField {
    /// The category the visitor prefers.
    Affinity,
    /// The brand of the items that the visitor prefers to view.
    BrandAffinity,
    /// The tag of the items that the visitor prefers to view.
    TagAffinity,
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
    /// Where the contact takes place, such as `call_centre`; empty where nothing is decided.
    ContactChannel,
}

/// Set fields of a visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetField {
    /// Categories viewed.
    ViewedCategory,
    /// Categories bought from.
    BoughtCategory,
}

impl NumberField {
    /// Every field with its name in rules.
    pub const NAMES: [(&'static str, Self); 14] = [
        ("visits", Self::Visits),
        ("pageviews", Self::Pageviews),
        ("cart_items", Self::CartItems),
        ("cart_value_minor", Self::CartValueMinor),
        ("orders", Self::Orders),
        ("orders_value_minor", Self::OrdersValueMinor),
        ("last_seen_days", Self::LastSeenDays),
        ("first_seen_days", Self::FirstSeenDays),
        ("rfm.recency", Self::RfmRecency),
        ("rfm.frequency", Self::RfmFrequency),
        ("rfm.monetary", Self::RfmMonetary),
        ("value_decile", Self::ValueDecile),
        ("alive_probability", Self::AliveProbability),
        ("predicted_value_minor", Self::PredictedValueMinor),
    ];
}

impl NumberField {
    /// Whether a person may have none: the value model knows only those who ordered.
    #[must_use]
    pub const fn may_be_unknown(self) -> bool {
        matches!(
            self,
            Self::RfmRecency
                | Self::RfmFrequency
                | Self::RfmMonetary
                | Self::ValueDecile
                | Self::AliveProbability
                | Self::PredictedValueMinor
                | Self::LastSeenDays
                | Self::FirstSeenDays
        )
    }

    /// Its name in rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        name_of(&Self::NAMES, self)
    }
}

impl TextField {
    /// Its name in rules.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        name_of(&Self::NAMES, self)
    }

    /// Every field with its name in rules.
    pub const NAMES: [(&'static str, Self); 11] = [
        ("affinity", Self::Affinity),
        ("brand_affinity", Self::BrandAffinity),
        ("tag_affinity", Self::TagAffinity),
        ("channel", Self::Channel),
        ("source", Self::Source),
        ("campaign", Self::Campaign),
        ("country", Self::Country),
        ("device", Self::Device),
        ("user_id", Self::UserId),
        ("url_path", Self::UrlPath),
        ("contact_channel", Self::ContactChannel),
    ];
}

impl SetField {
    /// Every field with its name in rules.
    pub const NAMES: [(&'static str, Self); 2] =
        [("viewed_category", Self::ViewedCategory), ("bought_category", Self::BoughtCategory)];
}

impl Condition {
    /// Adds the events and values that its evaluation needs.
    pub fn add_wanted(&self, wanted: &mut WantedEvents) {
        self.visit(&mut |part| {
            if let Self::Events(events) = part {
                events.add_wanted(wanted);
            }
        });
    }

    /// Calls `with` for the condition and all of its parts, those of the segments it refers to included.
    pub fn visit(&self, with: &mut impl FnMut(&Self)) {
        with(self);
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit(with)),
            Self::Not(part) => part.visit(with),
            Self::Segment { rule, .. } => rule.visit(with),
            _ => {}
        }
    }
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
            Self::Events(events) => events.fmt(f),
            Self::Segment { id, .. } => write!(f, "in segment `{id}`"),
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
