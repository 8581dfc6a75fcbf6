//! The funnel's question and answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Moment;
use crate::model::Op;

/// How the steps must follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FunnelOrder {
    /// One after the other, anything between.
    #[default]
    Sequential,
    /// One after the other, no other event between, save those to `ignore`.
    Strict,
    /// In any order; `reached` of the n-th step counts visitors who did any n of them.
    Any,
}

/// How many visitors came how far along a way?
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FunnelQuestion {
    /// Ways begin at or after this.
    pub from: Moment,
    /// Ways begin before this; later steps may lie after it.
    pub to: Moment,
    /// IANA name; absent: the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The steps, at most 20.
    pub steps: Vec<FunnelStep>,
    /// How they follow each other.
    #[serde(default)]
    pub order: FunnelOrder,
    /// Every step lies at most this long after the first, milliseconds; absent: 7 days.
    #[serde(default = "seven_days")]
    pub window_ms: i64,
    /// Names of events that may lie between two steps of a `strict` way; those of its own steps never
    /// may. For what the tracker notices by itself while the visitor only reads, such as `Page Engaged`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Events that end a way where they happen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<FunnelStep>,
    /// Column or property whose value at the first step tells visitors apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<String>,
}

const fn seven_days() -> i64 {
    7 * 86_400_000
}

/// An event and what must be true of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FunnelStep {
    /// Its exact name; `page` is any page or screen view.
    pub event: String,
    /// All of these hold, at most 20.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

impl FunnelStep {
    /// The name that stands for any page or screen view.
    pub const PAGE: &'static str = "page";
}

/// Something that must be true of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// A property, or with `$` a column such as `$path`.
    pub property: String,
    /// How it is compared.
    #[schema(value_type = String)]
    pub op: Op,
    /// With what: text, number, true or false; a list for `in`; not needed for `exists`.
    #[serde(default)]
    pub value: Value,
}

/// How many visitors came how far.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Funnel {
    /// One a step.
    pub steps: Vec<FunnelStepAnswer>,
    /// The same for the ten most frequent values at the entry, and `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breakdown: Option<BTreeMap<String, FunnelGroup>>,
    /// How long the answer took, milliseconds.
    pub took_ms: u64,
}

/// How far the visitors with one value came.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FunnelGroup {
    /// One a step.
    pub steps: Vec<FunnelStepAnswer>,
}

/// One step of the answer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FunnelStepAnswer {
    /// Visitors who came at least here.
    pub reached: u64,
    /// Their share of those who entered, 0 to 1.
    pub rate_of_first: f64,
    /// Their share of those who came to the step before, 0 to 1.
    pub rate_of_previous: f64,
    /// Median time since the step before; null for the first step and where nobody came.
    pub median_ms: Option<i64>,
    /// The time since the step before that nine of ten did not exceed.
    pub p90_ms: Option<i64>,
    /// Handle of the list of those who went no further; absent in a breakdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_list: Option<String>,
}

/// Those who came to a step and no further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Dropped {
    /// The step, from 1.
    pub step: usize,
    /// Those who entered last, first.
    pub visitors: Vec<DroppedVisitor>,
    /// How many there are.
    pub total: u64,
}

/// One who went no further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DroppedVisitor {
    /// The id.
    pub visitor: String,
    /// Last event.
    pub last_at: Moment,
    /// The site's id of the person.
    pub user_id: Option<String>,
    /// Latest country known.
    pub country: String,
    /// Latest class of device known.
    pub device: String,
}
