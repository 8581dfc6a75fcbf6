//! The `retention` report.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Calendar, Compare, CountUnit, FunnelStep, Interval, Moment, ReportFilter};

/// Request of the `retention` report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionQuestion {
    /// Start of the period of first events, inclusive.
    pub from: Moment,
    /// End of the period of first events, exclusive; returns may follow after it.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Length of a cohort and of the intervals after it: `day`, `week` or `month`.
    #[serde(default = "week")]
    pub interval: Interval,
    /// Calendar of weeks and months.
    #[serde(default)]
    pub calendar: Calendar,
    /// The event that begins a cohort: a person's first one in the period.
    pub first: FunnelStep,
    /// The event that counts as a return; absent: any event.
    #[serde(default, rename = "return")]
    pub returns: Option<FunnelStep>,
    /// How many intervals after the cohort's own are counted, 0 to 100.
    #[serde(default = "eight")]
    pub periods: u32,
    /// What counts as one person.
    #[serde(default)]
    pub unit: CountUnit,
    /// What is kept of the events, at most 20 filters that must all hold.
    #[serde(default)]
    pub filters: Vec<ReportFilter>,
    /// Another period or other filters to compare with.
    #[serde(default)]
    pub compare: Option<Compare>,
}

const fn week() -> Interval {
    Interval::Week
}

const fn eight() -> u32 {
    8
}

/// The people whose first event was in the same interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Cohort {
    /// Start of the interval; that of the first may lie before the period.
    pub start: Moment,
    /// People.
    pub people: u64,
    /// How many of them came back, in the first interval itself and in each of the `periods` after it: `periods` + 1
    /// numbers. Null for intervals that are not over.
    pub returned: Vec<Option<u64>>,
}

/// Response of the `retention` report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Retention {
    /// One cohort for each interval of the period, in order, empty ones too.
    pub cohorts: Vec<Cohort>,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<Retention>>,
}
