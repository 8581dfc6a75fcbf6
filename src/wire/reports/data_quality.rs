//! What is wrong with a site's data.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::Moment;

/// Which rules do events break, and which money is not converted?
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DataQualityQuestion {
    /// From this moment on.
    pub from: Moment,
    /// Before this moment.
    pub to: Moment,
    /// IANA name; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Rows wanted of each list, 1 to 1,000; absent: 50.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// What is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct DataQuality {
    /// The site's currency.
    pub currency: String,
    /// Rules that events break, the most frequent first.
    pub violations: Vec<Violation>,
    /// Currencies of orders and refunds that no rate converts.
    pub unconverted: Vec<Unconverted>,
}

/// One rule that events of one name break.
#[derive(Debug, Serialize, ToSchema)]
pub struct Violation {
    /// The event's name; page and screen views are `page`.
    pub event: String,
    /// The property and the rule, such as `price: not a number`.
    pub violation: String,
    /// Events that break it.
    pub events: u64,
    /// The last of them.
    pub last: Moment,
    /// Properties of a late one.
    #[schema(value_type = Object)]
    pub example: Box<RawValue>,
}

/// Money in one currency that is in no revenue.
#[derive(Debug, Serialize, ToSchema)]
pub struct Unconverted {
    /// ISO 4217 code; `XXX` when none was told.
    pub currency: String,
    /// Orders.
    pub orders: u64,
    /// Orders minus refunds in its minor unit.
    pub amount_minor: i64,
    /// The first of them.
    pub first: Moment,
    /// The last of them.
    pub last: Moment,
}
