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

/// Whether entries and exits of a segment are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SegmentFollowing {
    /// They are.
    Followed,
    /// Its members are being counted over the stored past; who enters and leaves meanwhile is known afterwards.
    Counting,
    /// They are not: a built-in segment that no webhook names.
    NotFollowed,
}

/// How many members a segment had, by day.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SegmentHistory {
    /// Whether the segment is followed.
    pub state: SegmentFollowing,
    /// Members now; null until they are counted.
    pub members: Option<u64>,
    /// The days since it is followed, oldest first, dates in the site's time zone.
    pub days: Vec<SegmentDay>,
}

/// A day of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SegmentDay {
    /// The date, such as `2026-11-30`.
    pub date: String,
    /// Members at its end, or now.
    pub members: u64,
    /// How many entered.
    pub entered: u64,
    /// How many left.
    pub left: u64,
}

/// Whether someone entered or left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SegmentChangeKind {
    /// They are a member from then on.
    Entered,
    /// They were one until then.
    Left,
}

/// Why someone entered or left. Numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ChangeReason {
    /// By an event.
    Event = 0,
    /// By time: a window ended, or what was waited for did not follow.
    Time = 1,
    /// The value of customers was computed.
    Value = 2,
}

impl ChangeReason {
    /// The reason with this stored number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Event,
            2 => Self::Value,
            _ => Self::Time,
        }
    }
}

/// Who entered and left a segment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SegmentChanges {
    /// Whether the segment is followed.
    pub state: SegmentFollowing,
    /// Newest first.
    pub changes: Vec<SegmentChange>,
    /// The value of `before` that continues the list; null at its end.
    pub next: Option<i64>,
}

/// Someone entered or left a segment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SegmentChange {
    /// Visitor id that stands for the person.
    pub visitor: String,
    /// The site's user id.
    pub user_id: Option<String>,
    /// What happened.
    pub change: SegmentChangeKind,
    /// When it was noticed.
    pub at: Moment,
    /// Why.
    pub reason: ChangeReason,
    /// The event, by its name or the type of call.
    pub event: Option<String>,
}

/// How many members other segments share with a segment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SegmentOverlap {
    /// Whether the segment is followed.
    pub state: SegmentFollowing,
    /// Members now; null until they are counted.
    pub members: Option<u64>,
    /// The other followed segments, most shared members first.
    pub segments: Vec<SharedMembers>,
}

/// Members that a segment shares with another.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SharedMembers {
    /// Id of the other segment.
    pub id: String,
    /// Its name.
    pub name: String,
    /// People in both.
    pub people: u64,
    /// Share of the members, 0 to 1; null without members.
    pub share: Option<f64>,
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
