//! Evaluates the segments of one person and says which they entered and left. No I/O.
//!
//! Only rules that an event can change are asked again, and all of them when the earliest announced time has come. A
//! stored time may be earlier than necessary, never later: a window that moves on with every event needs no write.

use super::person::Person;
use crate::{
    catalog::condition::Condition,
    model::Timestamp,
    segments::{Evaluator, Facts, RuleSet},
};

/// Times of waking are rounded up to this, milliseconds.
const STEP_MS: i64 = 1000;
/// A preference fades slowly; rules that ask for one are asked again by time at most this often, milliseconds.
const FADING_MS: i64 = 6 * 3_600_000;

/// A rule to evaluate.
#[derive(Debug, Clone, Copy)]
pub struct FollowedRule<'a> {
    /// Number of the segment.
    pub number: u32,
    /// The rule.
    pub rule: &'a Condition,
    /// Whether it asks for a preference.
    pub fades: bool,
}

/// Someone entered or left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// Index of the rule.
    pub rule: usize,
    /// Whether they entered.
    pub entered: bool,
    /// Since when they are, or were, a member.
    pub since: Timestamp,
}

/// Evaluates rules for a person as of `now`. `all`: whether every rule that time can change is among them, so that the
/// time of the next evaluation is known; otherwise an earlier one stays.
pub fn evaluate<'a, F: Facts>(
    evaluator: &Evaluator<'_, F>,
    person: &mut Person,
    (rules, asked, all): (impl Fn(usize) -> Option<FollowedRule<'a>>, &RuleSet, bool),
    now: Timestamp,
) -> Vec<Transition> {
    let mut transitions = Vec::new();
    let mut wake_at: Option<Timestamp> = None;
    for index in asked.iter() {
        let Some(followed) = rules(index) else { continue };
        let held = evaluator.held(followed.rule);
        if let Some(until) = held.until {
            let at = next_time(until, followed.fades, now);
            wake_at = Some(wake_at.map_or(at, |known| known.min(at)));
        }
        let since = held.since.map_or(now, |since| since.min(now));
        if held.holds && !person.is_in(followed.number) {
            person.enter(followed.number, since);
            transitions.push(Transition { rule: index, entered: true, since });
        } else if !held.holds
            && let Some(since) = person.leave(followed.number)
        {
            transitions.push(Transition { rule: index, entered: false, since });
        }
    }
    if all {
        person.wake_at = wake_at;
    } else {
        person.wake_by(wake_at);
    }
    transitions
}

/// When to ask again.
pub fn next_time(until: Timestamp, fades: bool, now: Timestamp) -> Timestamp {
    let until = if fades { until.max(now.plus(FADING_MS)) } else { until.max(now.plus(1)) };
    Timestamp(until.0.saturating_add(STEP_MS - 1).div_euclid(STEP_MS).saturating_mul(STEP_MS))
}
