//! The occurrences of an event condition in a history, and how its answer changes with time.

use super::{
    events::{EventCondition, Following},
    held::Held,
};
use crate::model::{History, PastEvent, Site, Timestamp};

/// The time in which an occurrence counts: from `from`, inclusive, until `to`, exclusive, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Occurrence {
    pub(super) at: i64,
    from: i64,
    to: i64,
    /// What it adds to a sum, in millionths.
    addend: i128,
}

impl Occurrence {
    /// Whether it counts at a time.
    pub(super) const fn counts_at(&self, now: Timestamp) -> bool {
        self.from <= now.0 && now.0 < self.to
    }

    /// Whether it may count later: it may still be followed in time.
    pub(super) const fn waits_at(&self, now: Timestamp) -> bool {
        now.0 < self.from
    }

    pub(super) const fn addend(&self) -> i128 {
        self.addend
    }
}

/// Whether a condition holds at `now`, since when, and until when.
pub(super) fn held(condition: &EventCondition, history: &History, site: &Site, now: Timestamp) -> Held {
    let found = occurrences(condition, history, site, now);
    // Changes of number and sum, in order of time.
    let mut changes: Vec<(i64, i64, i128)> = Vec::with_capacity(found.len() * 2);
    for occurrence in found {
        changes.push((occurrence.from, 1, occurrence.addend));
        if occurrence.to < i64::MAX {
            changes.push((occurrence.to, -1, -occurrence.addend));
        }
    }
    changes.sort_unstable_by_key(|change| change.0);
    let mut held = Held { holds: condition.tally.passes(0, 0), since: None, until: None };
    let (mut count, mut sum) = (0_i64, 0_i128);
    let mut index = 0;
    while let Some((at, ..)) = changes.get(index).copied() {
        while let Some((_, one, addend)) = changes.get(index).copied().filter(|change| change.0 == at) {
            count += one;
            sum += addend;
            index += 1;
        }
        let holds = condition.tally.passes(u32::try_from(count).unwrap_or(0), sum);
        if holds == held.holds {
            continue;
        }
        if at > now.0 {
            held.until = Some(Timestamp(at));
            break;
        }
        held = Held { holds, since: Some(Timestamp(at)), until: None };
    }
    held
}

/// The occurrences in order of time; those that were followed in time are left out.
pub(super) fn occurrences(
    condition: &EventCondition,
    history: &History,
    site: &Site,
    now: Timestamp,
) -> Vec<Occurrence> {
    let events: Vec<&PastEvent> = history.events().collect();
    let followers = condition.not_followed_by.as_ref().map(|following| followers(following, &events));
    let mut found = Vec::new();
    for Completed { end, start, last } in completed(condition, &events) {
        let at = last.at.0;
        let mut from = at.min(now.0);
        if let (Some(following), Some(followers)) = (&condition.not_followed_by, &followers) {
            let limit = following.within_ms.map_or(i64::MAX, |ms| at.saturating_add(ms));
            let next = followers.partition_point(|(index, _)| *index < end);
            if followers.get(next).is_some_and(|(_, follower)| *follower <= limit) {
                continue;
            }
            if limit < i64::MAX {
                from = limit + 1;
            }
        }
        let to = condition.window_ms.map_or(i64::MAX, |ms| start.saturating_add(ms).saturating_add(1));
        if from < to {
            found.push(Occurrence { at, from, to, addend: condition.tally.addend(last, site) });
        }
    }
    found
}

/// The events that follow, by index and time.
fn followers(following: &Following, events: &[&PastEvent]) -> Vec<(usize, i64)> {
    let matching = events.iter().enumerate().filter(|(_, event)| following.filter.matches(event));
    matching.map(|(index, event)| (index, event.at.0)).collect()
}

/// A completed sequence, or an event alone.
struct Completed<'a> {
    /// Index after its last event.
    end: usize,
    /// Time of its first event: the latest possible.
    start: i64,
    last: &'a PastEvent,
}

/// Every event that completes the steps, with the latest possible start. An event may be kept under two names; the two
/// entries have one position and fill one step together.
fn completed<'a>(condition: &EventCondition, events: &[&'a PastEvent]) -> Vec<Completed<'a>> {
    let steps = &condition.steps;
    // The latest start of a sequence that has reached each step.
    let mut starts: Vec<Option<i64>> = vec![None; steps.len()];
    let mut found = Vec::new();
    let mut index = 0;
    while let Some(first) = events.get(index) {
        let same = |event: &&&PastEvent| event.at == first.at && event.position == first.position;
        let length = events[index..].iter().take_while(same).count();
        let group = &events[index..index + length];
        index += length;
        for step in (0..steps.len()).rev() {
            let Some(last) = group.iter().find(|event| steps[step].matches(event)) else { continue };
            let start = if step == 0 { Some(last.at.0) } else { starts[step - 1] };
            let Some(start) = start else { continue };
            if step + 1 == steps.len() {
                if condition.within_ms.is_none_or(|ms| last.at.0.saturating_sub(start) <= ms) {
                    found.push(Completed { end: index, start, last });
                }
            } else {
                starts[step] = starts[step].max(Some(start));
            }
        }
    }
    found
}
