//! No I/O. Funnels with optional steps, or with exclusions between some steps only.
//!
//! * From an event of step `i`, the next is an event of step `j` if all steps between them are optional.
//! * An excluded event ends the attempt if the last step reached before and after it are both in the exclusion's range;
//!   the event of a step is thus never excluded between this step and another.
//! * In strict order, an event that does not lead on ends the attempt. The history contains all events, also those that
//!   match nothing.
//! * The visitor's depth is the last step that any attempt reaches. Of the attempts that get there, that with the
//!   earliest entry counts; of its ways, those that get there first. Among them each step in turn is reached as early as
//!   possible, and left out only if it has to be.
//!
//! Three passes over the history: how deep, from which entry, and on which way. Each takes time proportional to events
//! times steps, or times the square of the steps where these are optional.

use super::types::{FunnelEvent, FunnelPath, Order, Plan, STEPS_MAX};

/// Working memory, kept between visitors.
#[derive(Debug, Default)]
pub(super) struct Flexible {
    /// For each event from the entry on: the steps at which an attempt may be after it to reach the end in time, as bits.
    ways: Vec<u32>,
}

impl Flexible {
    pub(super) fn run(&mut self, plan: &Plan, history: &[FunnelEvent]) -> Option<FunnelPath> {
        let last = last_step(plan, history)?;
        let (entry, end) = earliest(plan, history, last)?;
        self.find_ways(plan, &history[entry..=end], last);
        Some(self.path(plan, history, entry, last))
    }

    /// Fills [`Self::ways`]; `attempt` is from the entry to the event of the last step.
    fn find_ways(&mut self, plan: &Plan, attempt: &[FunnelEvent], last: usize) {
        self.ways.clear();
        self.ways.resize(attempt.len(), 0);
        let mut after: u32 = 1 << last;
        for (index, &event) in attempt.iter().enumerate().rev() {
            self.ways[index] = after;
            let mut before = 0;
            for from in 0..last {
                let leads = (from + 1..=last).any(|to| after >> to & 1 == 1 && leads(plan, event, (from, to), last));
                if leads || (after >> from & 1 == 1 && stays(plan, event, from)) {
                    before |= 1 << from;
                }
            }
            after = before;
        }
    }

    /// Each step in turn as early as possible.
    fn path(&self, plan: &Plan, history: &[FunnelEvent], entry: usize, last: usize) -> FunnelPath {
        let mut path = FunnelPath::new(history, [(0, entry)]);
        let (mut from, mut at) = (0, 0);
        while from < last {
            let next =
                (from + 1..=last).find_map(|to| Some((to, self.next(plan, &history[entry..], (from, to, at), last)?)));
            let Some((to, index)) = next else { break };
            path.add(to, entry + index, history[entry + index].at);
            (from, at) = (to, index);
        }
        path
    }

    /// The first event after the one at `at` that leads from one step to another and on to the end.
    fn next(
        &self,
        plan: &Plan,
        attempt: &[FunnelEvent],
        (from, to, at): (usize, usize, usize),
        last: usize,
    ) -> Option<usize> {
        for (index, &event) in attempt.iter().enumerate().take(self.ways.len()).skip(at + 1) {
            if self.ways[index] >> to & 1 == 1 && leads(plan, event, (from, to), last) {
                return Some(index);
            }
            if !stays(plan, event, from) {
                return None;
            }
        }
        None
    }
}

/// Whether an attempt goes on after an event that does not lead to another step.
fn stays(plan: &Plan, event: FunnelEvent, step: usize) -> bool {
    plan.order != Order::Strict && !ends(plan, event, step, step)
}

/// Whether the event ends an attempt. The event of a step is reached all the same, so this is about what follows.
fn ends(plan: &Plan, event: FunnelEvent, before: usize, after: usize) -> bool {
    plan.exclusions_of(event).any(|exclusion| !exclusion.removes && exclusion.applies(before, after))
}

/// The last step that any attempt reaches. For each step only the latest entry that is there matters: it has the most
/// of its window left, and what follows is the same for all.
fn last_step(plan: &Plan, history: &[FunnelEvent]) -> Option<usize> {
    let mut entries: [Option<FunnelEvent>; STEPS_MAX] = [None; STEPS_MAX];
    let mut last = None;
    for &event in history {
        // From the last step to the first, so that one event fills one step of a path.
        for to in (1..plan.steps).rev() {
            let mut arrived = entries[to].filter(|_| stays(plan, event, to));
            if event.fills(to) {
                for from in (0..to).rev() {
                    if let Some(entry) = entries[from].filter(|entry| plan.in_window(*entry, event)) {
                        last = last.max(Some(to));
                        if !ends(plan, event, from, to) && arrived.is_none_or(|other| other.at < entry.at) {
                            arrived = Some(entry);
                        }
                    }
                    if !plan.is_optional(from) {
                        break;
                    }
                }
            }
            entries[to] = arrived;
        }
        entries[0] = entries[0].filter(|_| stays(plan, event, 0));
        if event.fills(0) && plan.in_period(event) {
            entries[0] = Some(event);
            last = last.max(Some(0));
        }
        if last == Some(plan.steps - 1) {
            break;
        }
    }
    last
}

/// The earliest entry from which the step `last` is reached in time, and the first event that gets there.
fn earliest(plan: &Plan, history: &[FunnelEvent], last: usize) -> Option<(usize, usize)> {
    /// No way leads to the end.
    const NONE: usize = usize::MAX;
    let mut ends = [NONE; STEPS_MAX];
    let mut earliest = None;
    for (index, &event) in history.iter().enumerate().rev() {
        if event.fills(0) && plan.in_period(event) {
            let end = if last == 0 { index } else { ends[0] };
            if end != NONE && plan.in_window(event, history[end]) {
                earliest = Some((index, end));
            }
        }
        // From the first step to the last: what is after the event is still in the entries that follow.
        for from in 0..last {
            let mut end = if stays(plan, event, from) { ends[from] } else { NONE };
            for (to, after) in ends.iter().enumerate().take(last + 1).skip(from + 1) {
                if leads(plan, event, (from, to), last) {
                    end = end.min(if to == last { index } else { *after });
                }
            }
            ends[from] = end;
        }
    }
    earliest
}

/// Whether an event of the step `to` follows one of the step `from`, and the attempt goes on after it or has got to the
/// step `last`.
fn leads(plan: &Plan, event: FunnelEvent, (from, to): (usize, usize), last: usize) -> bool {
    let follows = event.fills(to) && (from + 1..to).all(|step| plan.is_optional(step));
    follows && (to == last || !ends(plan, event, from, to))
}
