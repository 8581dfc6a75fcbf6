//! What is evaluated, and what became of it.

use std::sync::Arc;

use super::followed::FollowedSite;
use crate::{
    model::{Position, Profile, SiteId, Timestamp, VisitorId},
    segments::RuleSet,
    wire::segments::ChangeReason,
};

/// A visitor to evaluate.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) site: SiteId,
    pub(super) visitor: VisitorId,
    /// The user, if the person is known to be one.
    pub(super) user_id: String,
    /// Why; the last event that concerns a rule is given with it.
    pub(super) reason: ChangeReason,
    /// Names of events, each with the rules that it can change.
    pub(super) events: Vec<(Box<str>, RuleSet)>,
    /// Whether all rules are asked.
    pub(super) all: bool,
    /// Position that the profile must include.
    pub(super) position: Option<Position>,
    /// Time of the earliest of the events.
    pub(super) earliest: Option<Timestamp>,
    /// Whether the visitor waited.
    pub(super) waited: bool,
    /// Key of the person whose time has come.
    pub(super) due: Option<u128>,
}

/// A part of the journal that was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Position after it.
    pub(super) end: Position,
    /// Version of what is followed, by which it was read.
    pub(super) version: u64,
    /// Whether the position is stored although nothing changed.
    pub(super) is_saved: bool,
}

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evaluated {
    /// It is stored with its position.
    Saved,
    /// It changed nothing.
    Unsaved,
    /// What is followed changed meanwhile: to be read again.
    Outdated,
}

impl Asked {
    pub(super) fn rules(&self, followed: &FollowedSite) -> RuleSet {
        if self.all {
            return followed.index.all();
        }
        let mut rules = RuleSet::default();
        self.events.iter().for_each(|(_, of_event)| rules.merge(of_event));
        rules
    }

    /// The last event that concerns a rule, else the last one.
    pub(super) fn event_for(&self, rule: usize) -> &str {
        let concerning = self.events.iter().rev().find(|(_, rules)| rules.contains(rule));
        concerning.or(self.events.last()).map_or("", |(name, _)| name)
    }
}

/// A visitor with the profile to evaluate.
pub(super) struct Read {
    pub(super) asked: Asked,
    pub(super) profile: Arc<Profile>,
    pub(super) is_complete: bool,
}
