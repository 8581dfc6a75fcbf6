//! Funnel report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    BreakdownAt, Calendar, Compare, CountUnit, FunnelExclusion, FunnelStage, Interval, Moment, ReportFilter,
    funnel_steps::{FunnelExclusionBody, FunnelStageBody},
};
pub use crate::model::{EventStep as FunnelStep, PropertyTest as Condition};

/// Required order of the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FunnelOrder {
    /// In order, with any events in between.
    #[default]
    Sequential,
    /// In order, with no other events in between except those in `ignore`.
    Strict,
    /// In any order; `reached` of the n-th step counts visitors who completed any n steps.
    Any,
}

/// Request of the `funnel` report.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FunnelQuestion {
    /// Start of the period of the first step, inclusive.
    pub from: Moment,
    /// End of the period of the first step, exclusive; later steps may follow after it.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The steps, at most 20.
    #[schema(value_type = Vec<FunnelStageBody>)]
    pub steps: Vec<FunnelStage>,
    /// Required order of the steps.
    #[serde(default)]
    pub order: FunnelOrder,
    /// Conversion window: maximum time from the first step to any other, in milliseconds; absent: 7 days.
    #[serde(default = "seven_days")]
    pub window_ms: i64,
    /// Names of events allowed between the steps of a `strict` funnel, except its own step events. Meant for events
    /// captured automatically, such as `Page Engaged`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Events that must not happen between two steps, at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<FunnelExclusionBody>)]
    pub exclude: Vec<FunnelExclusion>,
    /// Whether all steps must happen in one session. Visitors count by their best session.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub per_session: bool,
    /// Column or property to break down by, or `$segment`: the segments of which the visitor is a member now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<String>,
    /// The event whose value counts in `breakdown`: `first`, `last`, or the number of a step; not with `$segment`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub breakdown_at: BreakdownAt,
    /// Width of the time series; absent: no series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<Interval>,
    /// Calendar of the weeks and months of the series.
    #[serde(default, skip_serializing_if = "is_default")]
    pub calendar: Calendar,
    /// Whether the answer has `differences`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub differences: bool,
    /// What counts as one visitor.
    #[serde(default)]
    pub unit: CountUnit,
    /// What is kept of the events, at most 20 filters that must all hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<ReportFilter>,
    /// Another period or other filters to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare: Option<Compare>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A saved funnel's question: that of the report without its period.
#[derive(Debug, ToSchema)]
#[schema(as = SavedFunnelQuestion)]
pub struct SavedFunnelQuestion {
    /// The steps, at most 20.
    #[schema(value_type = Vec<FunnelStageBody>)]
    pub steps: Vec<FunnelStage>,
    /// Required order of the steps.
    #[schema(required = false)]
    pub order: FunnelOrder,
    /// Conversion window in milliseconds; absent: 7 days.
    pub window_ms: Option<i64>,
    /// Names of events allowed between the steps of a `strict` funnel.
    #[schema(required = false)]
    pub ignore: Vec<String>,
    /// Exclusion events.
    #[schema(required = false, value_type = Vec<FunnelExclusionBody>)]
    pub exclude: Vec<FunnelExclusion>,
    /// Whether all steps must happen in one session.
    pub per_session: Option<bool>,
    /// Column or property to break down by, or `$segment`.
    pub breakdown: Option<String>,
    /// The event whose value counts in `breakdown`.
    #[schema(required = false)]
    pub breakdown_at: BreakdownAt,
    /// Width of the time series.
    pub trend: Option<Interval>,
    /// What counts as one visitor.
    #[schema(required = false)]
    pub unit: CountUnit,
}

const fn seven_days() -> i64 {
    7 * 86_400_000
}

/// Response of the `funnel` report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Funnel {
    /// One entry per step.
    pub steps: Vec<FunnelStepAnswer>,
    /// Steps for the ten most frequent values, and `other`; for `$segment` by the ids of segments, of which a visitor may
    /// be in several, and those in none under an empty name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<BTreeMap<String, FunnelGroup>>,
    /// Visitors whom an exclusion took out of the funnel; they are in no other number.
    pub removed: u64,
    /// Time from the first step to the last of those who reached it; absent for a single step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_convert: Option<FunnelTimes>,
    /// By the time of the first step; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trend: Option<Vec<FunnelTrendPoint>>,
    /// What those who reached the last step have more or less often than the others; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differences: Option<FunnelDifferences>,
    /// Query time in milliseconds.
    pub took_ms: u64,
    /// The answer to `compare`, without lists and differences; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<Funnel>>,
}

/// Durations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FunnelTimes {
    /// Median in milliseconds; null without visitors.
    pub median_ms: Option<i64>,
    /// 90th percentile in milliseconds.
    pub p90_ms: Option<i64>,
    /// All of them.
    pub histogram: Vec<FunnelBar>,
}

/// One bar of a histogram of durations: longer than the bar before, up to `to_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct FunnelBar {
    /// Longest duration of the bar, milliseconds; null: any.
    pub to_ms: Option<i64>,
    /// Visitors.
    pub people: u64,
}

/// One step of the time series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FunnelTrendPoint {
    /// Its start.
    pub at: Moment,
    /// For each step of the funnel, the visitors who reached it of those whose first step was then.
    pub reached: Vec<u64>,
}

/// How the visitors who reached the last step differ from those who did not.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FunnelDifferences {
    /// One row per value, those whose interval excludes zero first, then by the size of the difference.
    pub rows: Vec<FunnelDifference>,
    /// Values compared. The intervals hold for all of them together with 95% confidence (Bonferroni).
    pub comparisons: usize,
}

/// Conversion of the visitors with a value at their first step, compared with that of all others.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FunnelDifference {
    /// The column, such as `$device`.
    pub property: String,
    /// Its value; `other` for all values without a row, empty for none.
    pub value: String,
    /// Visitors with this value.
    pub people: u64,
    /// Those of them who reached the last step.
    pub converted: u64,
    /// Share of them, 0 to 1.
    pub rate: f64,
    /// The same share of all others.
    pub other_rate: f64,
    /// `rate` less `other_rate`.
    pub difference: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Upper end of its interval.
    pub high: f64,
}

/// Funnel steps of the visitors with one breakdown value.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FunnelGroup {
    /// One entry per step.
    pub steps: Vec<FunnelStepAnswer>,
}

/// Result of one step.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FunnelStepAnswer {
    /// Visitors who reached this step; those who left out an optional step are not among them.
    pub reached: u64,
    /// Conversion rate from the first step, 0 to 1.
    pub rate_of_first: f64,
    /// Conversion rate from the previous step that is not optional, 0 to 1.
    pub rate_of_previous: f64,
    /// Median time from the step that the visitor reached before, in milliseconds; null for the first step and for steps that no visitor reached.
    pub median_ms: Option<i64>,
    /// 90th percentile of the time from the previous step in milliseconds.
    pub p90_ms: Option<i64>,
    /// The times from the step before; absent for the first step and in a breakdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Vec<FunnelBar>>,
    /// Handle of the list of visitors who dropped off after this step; absent in a breakdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_list: Option<String>,
    /// Handle of the list of visitors who got to this step or further; absent in a breakdown, and for an optional step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub converted_list: Option<String>,
}

/// Visitors who dropped off after a step, or who got to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FunnelDropOffs {
    /// The last step reached, or the one that they got to, from 1.
    pub step: usize,
    /// Visitors, most recent entry into the funnel first.
    pub visitors: Vec<DroppedVisitor>,
    /// Total number of visitors.
    pub total: u64,
}

/// A visitor who dropped off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DroppedVisitor {
    /// Visitor id.
    pub visitor: String,
    /// Time of the last event.
    pub last_at: Moment,
    /// The site's user id.
    pub user_id: Option<String>,
    /// Last known country.
    pub country: String,
    /// Last known device type.
    pub device: String,
}
