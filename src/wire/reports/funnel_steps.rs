//! Steps and exclusions of a funnel.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Condition, FunnelStep};

/// A step: one event, or any of several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "FunnelStageBody", into = "FunnelStageBody")]
pub struct FunnelStage {
    /// The events, any of which fills the step; at least one.
    pub events: Vec<FunnelStep>,
    /// Whether visitors may leave it out.
    pub optional: bool,
}

/// A step as it is sent: `{"event": …, "where": […]}`, or `{"any": [{"event": …}, …]}`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = FunnelStage)]
#[serde(deny_unknown_fields)]
pub struct FunnelStageBody {
    /// Exact event name; `page` is any page or screen view. Either this or `any`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// Conditions on `event` that must all be true, at most 20.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<Condition>,
    /// Several events, at most 10: any of them fills the step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    any: Vec<FunnelStep>,
    /// Whether visitors may leave it out and still reach the steps after it. The first step is never optional, and in any
    /// order none is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    optional: bool,
}

impl From<FunnelStep> for FunnelStage {
    fn from(step: FunnelStep) -> Self {
        Self { events: vec![step], optional: false }
    }
}

impl TryFrom<FunnelStageBody> for FunnelStage {
    type Error = &'static str;

    fn try_from(body: FunnelStageBody) -> Result<Self, Self::Error> {
        let FunnelStageBody { event, conditions, any, optional } = body;
        match event {
            Some(event) if any.is_empty() => Ok(Self { events: vec![FunnelStep { event, conditions }], optional }),
            None if !any.is_empty() && conditions.is_empty() => Ok(Self { events: any, optional }),
            _ => Err("a step has either `event`, with `where`, or a list `any` of events with their own `where`"),
        }
    }
}

impl From<FunnelStage> for FunnelStageBody {
    fn from(stage: FunnelStage) -> Self {
        let FunnelStage { mut events, optional } = stage;
        if events.len() == 1
            && let Some(FunnelStep { event, conditions }) = events.pop()
        {
            return Self { event: Some(event), conditions, any: Vec::new(), optional };
        }
        Self { event: None, conditions: Vec::new(), any: events, optional }
    }
}

/// What an exclusion does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExclusionEffect {
    /// The attempt ends there: the visitor drops off at the last step reached before it, unless another attempt gets further.
    #[default]
    Stop,
    /// The visitor is taken out of the funnel, also out of its first step.
    Remove,
}

/// An event that must not happen between two steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "FunnelExclusionBody", into = "FunnelExclusionBody")]
pub struct FunnelExclusion {
    /// The event.
    pub step: FunnelStep,
    /// It is excluded after this step, from 1; absent: the first.
    pub from_step: Option<usize>,
    /// It is excluded before this step; absent: the last.
    pub to_step: Option<usize>,
    /// What it does.
    pub effect: ExclusionEffect,
}

/// An exclusion as it is sent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = FunnelExclusion)]
#[serde(deny_unknown_fields)]
pub struct FunnelExclusionBody {
    /// Exact event name; `page` is any page or screen view.
    event: String,
    /// Conditions that must all be true, at most 20.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<Condition>,
    /// Excluded after this step, from 1; absent: after the first. Not in any order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from_step: Option<usize>,
    /// Excluded before this step; absent: before the last. Not in any order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to_step: Option<usize>,
    /// What it does.
    #[serde(default)]
    effect: ExclusionEffect,
}

impl From<FunnelExclusionBody> for FunnelExclusion {
    fn from(body: FunnelExclusionBody) -> Self {
        let FunnelExclusionBody { event, conditions, from_step, to_step, effect } = body;
        Self { step: FunnelStep { event, conditions }, from_step, to_step, effect }
    }
}

impl From<FunnelExclusion> for FunnelExclusionBody {
    fn from(exclusion: FunnelExclusion) -> Self {
        let FunnelExclusion { step: FunnelStep { event, conditions }, from_step, to_step, effect } = exclusion;
        Self { event, conditions, from_step, to_step, effect }
    }
}

/// The event of a visitor whose value a breakdown groups by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum BreakdownAt {
    /// `first` or `last`.
    End(BreakdownEnd),
    /// The event of this step, from 1. Visitors who did not reach it are in no group.
    Step(usize),
}

impl Default for BreakdownAt {
    fn default() -> Self {
        Self::End(BreakdownEnd::First)
    }
}

/// One end of a visitor's attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BreakdownEnd {
    /// The event of the first step.
    First,
    /// The event of the last step that the visitor reached.
    Last,
}
