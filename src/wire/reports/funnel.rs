//! Funnel report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CountUnit, Moment};
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
    pub steps: Vec<FunnelStep>,
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
    /// Exclusion events: they end a visitor's progress when they occur.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<FunnelStep>,
    /// Column or property to break down by; its value at the first step counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<String>,
    /// What counts as one visitor.
    #[serde(default)]
    pub unit: CountUnit,
}

/// A saved funnel's question: that of the report without its period.
#[derive(Debug, ToSchema)]
#[schema(as = SavedFunnelQuestion)]
pub struct SavedFunnelQuestion {
    /// The steps, at most 20.
    pub steps: Vec<FunnelStep>,
    /// Required order of the steps.
    #[schema(required = false)]
    pub order: FunnelOrder,
    /// Conversion window in milliseconds; absent: 7 days.
    pub window_ms: Option<i64>,
    /// Names of events allowed between the steps of a `strict` funnel.
    #[schema(required = false)]
    pub ignore: Vec<String>,
    /// Exclusion events.
    #[schema(required = false)]
    pub exclude: Vec<FunnelStep>,
    /// Column or property to break down by.
    pub breakdown: Option<String>,
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
    /// Steps for the ten most frequent values at the first step, and `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<BTreeMap<String, FunnelGroup>>,
    /// Query time in milliseconds.
    pub took_ms: u64,
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
    /// Visitors who reached this step.
    pub reached: u64,
    /// Conversion rate from the first step, 0 to 1.
    pub rate_of_first: f64,
    /// Conversion rate from the previous step, 0 to 1.
    pub rate_of_previous: f64,
    /// Median time from the previous step in milliseconds; null for the first step and for steps that no visitor reached.
    pub median_ms: Option<i64>,
    /// 90th percentile of the time from the previous step in milliseconds.
    pub p90_ms: Option<i64>,
    /// Handle of the list of visitors who dropped off after this step; absent in a breakdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_list: Option<String>,
}

/// Visitors who dropped off after a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FunnelDropOffs {
    /// The last step reached, from 1.
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
