//! Filters of a question, as conditions on events.

use super::{Param, fragments::Fragments};
use crate::wire::reports::{Condition, FunnelStep};

/// The filters of a question, all of which must hold. They were checked, and the members of segments were sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventFilters {
    /// Conditions on events and their sessions.
    pub conditions: Vec<Condition>,
    /// Events that happened in the session.
    pub events: Vec<FunnelStep>,
    /// Lists of members, and whether these are kept or all others.
    pub members: Vec<(MemberList, bool)>,
}

/// A list of members in the session of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberList(pub u32);

impl EventFilters {
    /// Whether everything is kept.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.conditions.is_empty() && self.events.is_empty() && self.members.is_empty()
    }

    /// The condition on an event; empty if there is none.
    pub(in crate::store) fn keeps(&self, fragments: &mut Fragments) -> String {
        let conditions = self.conditions.iter().map(|condition| fragments.condition(condition));
        let mut all: Vec<String> = conditions.collect();
        all.extend(self.events.iter().map(|event| fragments.happened(event)));
        for (list, are_kept) in &self.members {
            all.push(list.holds(fragments, *are_kept));
        }
        if all.is_empty() { String::new() } else { ["(", &all.join(" AND "), ")"].concat() }
    }
}

impl MemberList {
    /// Whether the visitor of an event is a member, or is none.
    pub(in crate::store) fn holds(self, fragments: &mut Fragments, is_member: bool) -> String {
        let list = fragments.param("UInt32", Param::U32(self.0));
        let not = if is_member { "" } else { "NOT " };
        ["visitor ", not, "IN (SELECT member FROM report_members WHERE list = ", &list, ")"].concat()
    }
}
