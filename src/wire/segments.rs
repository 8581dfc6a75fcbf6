//! Segments: groups of people by rule. The grammar of rules is [`Rule`].

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reports::Moment;
use crate::model::Rule;

/// A segment as it is stored and edited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentBody {
    /// Letters, digits, `-`, `_`; with PUT it may be left out.
    #[serde(default)]
    pub id: String,
    /// Name shown to marketers.
    #[serde(default)]
    pub name: String,
    /// Who belongs to it.
    pub rule: Rule,
}

/// A segment in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ListedSegment {
    /// The segment.
    #[serde(flatten)]
    pub segment: SegmentBody,
    /// Whether every site has it; it cannot be changed.
    pub builtin: bool,
}

/// A rule to count people by.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentQuestion {
    /// The rule.
    pub rule: Rule,
}

/// Number of people for whom a rule holds now, counted over the stored past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct SegmentCount {
    /// People.
    pub people: u64,
    /// Their browsers and devices.
    pub visitors: u64,
}

/// Members of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SegmentMembers {
    /// The members, in order of visitor id.
    pub members: Vec<SegmentMember>,
    /// The value of `after` that continues the list; null at its end.
    pub next: Option<String>,
}

/// A member of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SegmentMember {
    /// Visitor id that stands for the person.
    pub visitor: String,
    /// The site's user id.
    pub user_id: Option<String>,
    /// Since when the rule holds, as far as past events tell; null if they do not.
    pub since: Option<Moment>,
}

/// A rule to explain for a visitor.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainQuestion {
    /// Visitor id, or an anonymousId as it was sent.
    pub visitor: String,
    /// The rule.
    pub rule: Rule,
}

/// Why a rule holds for a visitor, or not.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SegmentExplanation {
    /// The rule in readable form.
    pub rule: String,
    /// Whether it holds.
    pub holds: bool,
    /// What is known of the visitor; empty for a rule of parts.
    pub why: String,
    /// Since when the answer is this, as far as past events tell.
    pub since: Option<Moment>,
    /// Until when the answer stays the same without another event; null: until the next event.
    pub until: Option<Moment>,
    /// The parts of the rule.
    #[schema(no_recursion)]
    pub parts: Vec<SegmentExplanation>,
}
