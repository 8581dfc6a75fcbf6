//! Filters and comparison, the same in every report.

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Moment;
use crate::model::{EventStep, PropertyTest};

/// What a report keeps of the events. All filters of a question must hold.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ReportFilter {
    /// Keeps the events with which the condition holds. `$channel`, `$source`, `$medium`, `$campaign` and
    /// `$referrer_host` are those of the session, all others the event's own. What is absent differs from every value.
    Property(PropertyTest),
    /// Keeps all events of the sessions in which it happened.
    Event(EventStep),
    /// Keeps the events of the people who are members now, or are not.
    Segment(SegmentFilter),
}

/// A filter by segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentFilter {
    /// Id of the segment.
    pub segment: String,
    /// Whether members are kept, or all others.
    #[serde(default)]
    pub op: MemberOp,
}

/// Whether members are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MemberOp {
    /// Members.
    #[default]
    In,
    /// All others.
    NotIn,
}

/// What a report is compared with: the same question for another period, or with other filters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Compare {
    /// Start of the other period, inclusive; absent: the question's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// End of the other period, exclusive; absent: the question's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Moment>,
    /// The other filters; absent: the question's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<Vec<ReportFilter>>,
}

/// Reads a filter, with errors that name what is wrong where `serde`'s untagged enums only say that nothing matches.
impl<'de> Deserialize<'de> for ReportFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Map::deserialize(deserializer)?;
        let has = |name: &str| fields.contains_key(name);
        let filter = match (has("property"), has("event"), has("segment")) {
            (true, false, false) => serde_json::from_value(Value::Object(fields)).map(Self::Property),
            (false, true, false) => serde_json::from_value(Value::Object(fields)).map(Self::Event),
            (false, false, true) => serde_json::from_value(Value::Object(fields)).map(Self::Segment),
            _ => return Err(D::Error::custom("a filter has one of `property`, `event` and `segment`")),
        };
        filter.map_err(|error| D::Error::custom(format_args!("a filter: {error}")))
    }
}
