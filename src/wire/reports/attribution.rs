//! The `attribution` report.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Compare, CountUnit, FunnelStep, Moment, ReportFilter};

/// How the credit of a conversion is divided among the sessions before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributionModel {
    /// All to the first.
    First,
    /// All to the last.
    Last,
    /// All to the last one that was not direct; to the last if all were.
    #[default]
    LastNonDirect,
    /// Equal shares.
    Linear,
    /// 40 per cent to the first and the last, 20 per cent to those between; half each of two.
    Position,
    /// Half as much for every seven days before the conversion.
    TimeDecay,
    /// By how many conversions there would be less without the value, in a chain of the paths of all people.
    Markov,
}

/// What gets the credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TouchDimension {
    /// Traffic channel.
    #[default]
    Channel,
    /// Traffic source.
    Source,
    /// Campaign.
    Campaign,
}

/// Request of the `attribution` report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributionQuestion {
    /// Start of the period of conversions, inclusive.
    pub from: Moment,
    /// End of the period of conversions, exclusive.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// The event that is a conversion. An order counts once.
    pub conversion: FunnelStep,
    /// How the credit is divided.
    #[serde(default)]
    pub model: AttributionModel,
    /// How long before a conversion a session may begin to have a part in it, days, 1 to 365.
    #[serde(default = "thirty")]
    pub window_days: u32,
    /// What gets the credit.
    #[serde(default)]
    pub dimension: TouchDimension,
    /// What counts as one person.
    #[serde(default)]
    pub unit: CountUnit,
    /// Which conversions are kept, at most 20 filters that must all hold. The sessions before them are not filtered.
    #[serde(default)]
    pub filters: Vec<ReportFilter>,
    /// Another period or other filters to compare with.
    #[serde(default)]
    pub compare: Option<Compare>,
}

const fn thirty() -> u32 {
    30
}

/// What one value is credited with.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AttributionRow {
    /// The value; empty: direct sessions, and conversions without a session before them.
    pub value: String,
    /// Conversions, of some models with a fraction, in millionths.
    pub conversions: f64,
    /// Revenue minus refunds in minor units of the site's currency.
    pub revenue_minor: i64,
}

/// Response of the `attribution` report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Attribution {
    /// One row per value, most conversions first. They add up to the totals.
    pub rows: Vec<AttributionRow>,
    /// Conversions of the period.
    pub conversions: u64,
    /// Their revenue, and refunds of the period.
    pub revenue_minor: i64,
    /// Currency of the revenue, ISO 4217 code.
    pub currency: String,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<Attribution>>,
}
