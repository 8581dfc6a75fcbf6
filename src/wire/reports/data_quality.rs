//! Data-quality report: schema violations and unconverted currencies.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Moment;

/// Request of the data-quality report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DataQualityQuestion {
    /// Start of the period, inclusive.
    pub from: Moment,
    /// End of the period, exclusive.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Maximum number of rows per list, 1 to 1,000; absent: 50.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Response of the data-quality report.
#[derive(Debug, Serialize, ToSchema)]
pub struct DataQuality {
    /// The site's currency.
    pub currency: String,
    /// Violated rules, most frequent first.
    pub violations: Vec<Violation>,
    /// Currencies of orders and refunds without an exchange rate.
    pub unconverted: Vec<Unconverted>,
    /// Slots that were decided after the deadline, so that visitors saw the page's default content.
    pub late_decisions: LateDecisions,
}

/// How often decisions come too late.
#[derive(Debug, Serialize, ToSchema)]
pub struct LateDecisions {
    /// Sessions in which a slot was viewed, or a decision was late.
    pub sessions: u64,
    /// Those of them in which a decision was late.
    pub late: u64,
    /// `late` of `sessions`, 0 to 1; null without sessions.
    pub share: Option<f64>,
}

/// One rule violated by events of one name.
#[derive(Debug, Serialize, ToSchema)]
pub struct Violation {
    /// The event's name; page and screen views are `page`.
    pub event: String,
    /// The property and the rule, such as `price: not a number`.
    pub violation: String,
    /// Events that violate the rule.
    pub events: u64,
    /// Last such event.
    pub last: Moment,
    /// Properties of a recent example.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    pub example: Box<RawValue>,
}

/// Amounts in one currency that are missing from the revenue.
#[derive(Debug, Serialize, ToSchema)]
pub struct Unconverted {
    /// ISO 4217 code; `XXX` if none was given.
    pub currency: String,
    /// Orders.
    pub orders: u64,
    /// Orders minus refunds in minor units of this currency.
    pub amount_minor: i64,
    /// First such event.
    pub first: Moment,
    /// Last such event.
    pub last: Moment,
}
