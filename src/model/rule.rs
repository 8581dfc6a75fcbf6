//! The closed grammar of rules: which people an offer, a segment or an experiment is for, and which items a
//! merchandising rule applies to. Stored and edited as JSON in this form.
//!
//! A rule is compiled by `catalog::compile`, which limits its depth and size. Example: `{"event": "Order Completed",
//! "within_days": 30, "count": {"op": "gte", "value": 2}}` holds for people with two orders in 30 days.

mod parse;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use utoipa::ToSchema;

/// A condition on a person. Its nesting is limited when it is compiled.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Rule {
    /// All of them hold.
    All {
        /// The rules.
        #[schema(no_recursion)]
        all: Vec<Rule>,
    },
    /// At least one of them holds.
    Any {
        /// The rules.
        #[schema(no_recursion)]
        any: Vec<Rule>,
    },
    /// It does not hold.
    Not {
        /// The rule.
        #[schema(no_recursion)]
        not: Box<Rule>,
    },
    /// A field compared with a value.
    Test {
        /// Field of the profile, of the person's value, or of the context.
        field: String,
        /// Comparison operator.
        op: Op,
        /// Value to compare with; absent for `exists` and `not_exists`.
        #[serde(default)]
        value: Value,
    },
    /// Past events of one name.
    Event(EventRule),
    /// Past events in an order.
    Sequence(SequenceRule),
    /// The rule of a segment.
    Segment {
        /// Its id.
        segment: String,
    },
    /// Holds for everyone.
    Everyone {},
}

impl Default for Rule {
    fn default() -> Self {
        Self::Everyone {}
    }
}

impl Rule {
    /// Calls `with` for the id of every segment that the rule itself refers to.
    pub fn for_each_segment<'a>(&'a self, with: &mut impl FnMut(&'a str)) {
        match self {
            Self::All { all: parts } | Self::Any { any: parts } => {
                for part in parts {
                    part.for_each_segment(with);
                }
            }
            Self::Not { not } => not.for_each_segment(with),
            Self::Segment { segment } => with(segment),
            Self::Test { .. } | Self::Event(_) | Self::Sequence(_) | Self::Everyone {} => {}
        }
    }

    /// Whether the rule itself refers to a segment.
    #[must_use]
    pub fn refers_to(&self, id: &str) -> bool {
        let mut found = false;
        self.for_each_segment(&mut |segment| found |= segment == id);
        found
    }
}

/// Names of event columns that conditions may use, written with a `$` before them.
pub const COLUMNS: [&str; 17] = [
    "path",
    "host",
    "title",
    "device",
    "os",
    "browser",
    "country",
    "city",
    "language",
    "category",
    "user_id",
    "channel",
    "source",
    "medium",
    "campaign",
    "referrer_host",
    "item",
];

/// Past events of one name: at least one, unless `count` or `sum` says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventRule {
    /// Exact event name; `page` is any page or screen view.
    pub event: String,
    /// Conditions on the event that must all be true.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<PropertyTest>,
    /// Only events of the last so many days of 86,400 s count; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_days: Option<f64>,
    /// Comparison of their number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<CountTest>,
    /// Comparison of a sum over them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<SumTest>,
    /// Only events that this event did not follow in time count, once that time has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_followed_by: Option<FollowingEvent>,
}

/// Past events in this order, others may lie between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SequenceRule {
    /// The events, at most 20.
    pub sequence: Vec<EventStep>,
    /// Longest time from the first to the last, in hours, inclusive; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_hours: Option<f64>,
    /// Only sequences of the last so many days of 86,400 s count; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_days: Option<f64>,
    /// Only sequences that this event did not follow in time count, once that time has passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_followed_by: Option<FollowingEvent>,
}

/// Comparison of a number of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountTest {
    /// Comparison operator.
    #[schema(value_type = String)]
    pub op: Op,
    /// Number to compare with; a list for `in` and `not_in`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
}

/// Comparison of a sum over events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SumTest {
    /// The property that is added up. Amounts (`revenue`, `total`, `value`, `price` …) are converted to the site's
    /// currency; what is no number counts nothing.
    pub property: String,
    /// Comparison operator.
    #[schema(value_type = String)]
    pub op: Op,
    /// Number to compare with, amounts in major units; a list for `in` and `not_in`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
}

/// An event that follows another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowingEvent {
    /// Exact event name; `page` is any page or screen view.
    pub event: String,
    /// Conditions on the event that must all be true.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<PropertyTest>,
    /// Time in which it follows, in hours, inclusive; absent: until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_hours: Option<f64>,
}

/// An event with conditions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = FunnelStep)]
#[serde(deny_unknown_fields)]
pub struct EventStep {
    /// Exact event name; `page` is any page or screen view.
    pub event: String,
    /// Conditions that must all be true, at most 20.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<PropertyTest>,
}

impl EventStep {
    /// The name that stands for any page or screen view.
    pub const PAGE: &'static str = "page";
}

/// A condition on an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Condition)]
#[serde(deny_unknown_fields)]
pub struct PropertyTest {
    /// Property name, or a column with `$`, such as `$path`.
    pub property: String,
    /// Comparison operator.
    #[schema(value_type = String)]
    pub op: Op,
    /// Value to compare with: string, number or boolean; a list for `in` and `not_in`; not needed for `exists` and
    /// `not_exists`.
    #[serde(default)]
    pub value: Value,
}

/// Comparison operators, the same in every rule and question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// Text contains text.
    Contains,
    /// Text does not contain text.
    NotContains,
    /// Text begins with text.
    StartsWith,
    /// Equal to one of a list.
    In,
    /// Equal to none of a list.
    NotIn,
    /// Present and not empty.
    Exists,
    /// Absent or empty.
    NotExists,
}

impl Op {
    /// Every operator.
    pub const ALL: [Self; 13] = [
        Self::Eq,
        Self::Ne,
        Self::Gt,
        Self::Gte,
        Self::Lt,
        Self::Lte,
        Self::Contains,
        Self::NotContains,
        Self::StartsWith,
        Self::In,
        Self::NotIn,
        Self::Exists,
        Self::NotExists,
    ];

    /// The operator that holds exactly where this one does not, of those whose opposite is made by negation.
    #[must_use]
    pub const fn positive(self) -> Option<Self> {
        match self {
            Self::Ne => Some(Self::Eq),
            Self::NotContains => Some(Self::Contains),
            Self::NotIn => Some(Self::In),
            Self::NotExists => Some(Self::Exists),
            _ => None,
        }
    }

    /// Whether it compares with a list.
    #[must_use]
    pub const fn takes_list(self) -> bool {
        matches!(self, Self::In | Self::NotIn)
    }

    /// Whether it needs no value.
    #[must_use]
    pub const fn takes_nothing(self) -> bool {
        matches!(self, Self::Exists | Self::NotExists)
    }

    /// Whether it compares by size.
    #[must_use]
    pub const fn is_order(self) -> bool {
        matches!(self, Self::Gt | Self::Gte | Self::Lt | Self::Lte)
    }

    /// The value to compare with: a text that is a number is meant as one where sizes are compared.
    #[must_use]
    pub fn operand(self, value: &Value) -> Cow<'_, Value> {
        let text = value.as_str().filter(|_| self.is_order());
        let number = text.and_then(|text| serde_json::from_str::<Number>(text.trim()).ok());
        number.map_or(Cow::Borrowed(value), |number| Cow::Owned(Value::Number(number)))
    }
}
