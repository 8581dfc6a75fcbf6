//! The `paths` report.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CountUnit, FunnelStep, Moment, ReportFilter};

/// Request of the `paths` report: from the beginning of sessions, from a step, or to a step.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PathsQuestion {
    /// Start of the period in which sessions begin, inclusive.
    pub from: Moment,
    /// End of the period in which sessions begin, exclusive.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Paths begin with the session's first event that matches.
    #[serde(default)]
    pub from_step: Option<FunnelStep>,
    /// Paths end with the session's first event that matches.
    #[serde(default)]
    pub to_step: Option<FunnelStep>,
    /// How many links a path has at most, 1 to 10.
    #[serde(default = "five")]
    pub steps: u32,
    /// How many nodes of a step are shown by name, 1 to 50; all others are one, `$other`.
    #[serde(default = "ten")]
    pub nodes: u32,
    /// What counts as one person.
    #[serde(default)]
    pub unit: CountUnit,
    /// What is kept of the events, at most 20 filters that must all hold.
    #[serde(default)]
    pub filters: Vec<ReportFilter>,
}

const fn five() -> u32 {
    5
}

const fn ten() -> u32 {
    10
}

/// How many people went from one node to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PathLink {
    /// Place of the link in the path: 1 is the first one, of paths to a step the last one.
    pub step: u32,
    /// The earlier node: a page's path or an event's name.
    pub source: String,
    /// The later node.
    pub target: String,
    /// People with a session that has it at this place.
    pub people: u64,
}

/// How many people's paths end with a node, or begin with it if they lead to a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PathEnd {
    /// Place of the node in the path, from 1; of paths to a step counted from the end.
    pub step: u32,
    /// The node.
    pub node: String,
    /// People.
    pub people: u64,
}

/// Response of the `paths` report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Paths {
    /// Links, by step, most people first.
    pub links: Vec<PathLink>,
    /// Nodes after which nothing follows, by step, most people first.
    pub ends: Vec<PathEnd>,
    /// Sessions with such a path.
    pub sessions: u64,
}
