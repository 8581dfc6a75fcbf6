//! Brute force for the matcher: tries every assignment of events to steps.

use super::types::{EXCLUDED, FunnelEvent, FunnelPath, Order, Plan, STEP_BITS, STEPS_MAX};

/// Tries every path from `entry`; writes the earliest end of each length to `ends`.
fn paths(plan: &Plan, events: &[FunnelEvent], entry: usize, last: usize, filled: u32, ends: &mut [usize; STEPS_MAX]) {
    let length = filled.count_ones() as usize;
    ends[length - 1] = ends[length - 1].min(last);
    if last > entry && events[last].flags & EXCLUDED != 0 {
        return;
    }
    let reach = if plan.order == Order::Strict { last + 2 } else { events.len() };
    for next in last + 1..reach.min(events.len()) {
        if events[next].at - events[entry].at > plan.window_ms {
            break;
        }
        for step in 0..plan.steps {
            let fits =
                plan.order == Order::Any && filled >> step & 1 == 0 || plan.order != Order::Any && step == length;
            if fits && events[next].flags >> step & 1 == 1 {
                paths(plan, events, entry, next, filled | 1 << step, ends);
            }
        }
        if events[next].flags & EXCLUDED != 0 {
            break;
        }
    }
}

/// The path of a funnel without optional steps and ranges.
pub(super) fn plain(plan: &Plan, events: &[FunnelEvent]) -> Option<FunnelPath> {
    let mut best: Option<FunnelPath> = None;
    for (entry, event) in events.iter().enumerate().filter(|(_, m)| plan.from <= m.at && m.at < plan.to) {
        let firsts = if plan.order == Order::Any { STEP_BITS } else { 1 };
        let mut ends = [usize::MAX; STEPS_MAX];
        for step in (0..plan.steps).filter(|step| (event.flags & firsts) >> step & 1 == 1) {
            paths(plan, events, entry, entry, 1 << step, &mut ends);
        }
        let path = FunnelPath::new(events, ends.into_iter().take_while(|end| *end != usize::MAX).enumerate());
        if path.depth > best.map_or(0, |b| b.depth) {
            best = Some(path);
        }
    }
    best
}

/// A path as events of steps: (step, index).
type Steps = Vec<(usize, usize)>;

/// All paths from an entry, each as far as it goes and each of its beginnings.
fn every_path(plan: &Plan, events: &[FunnelEvent], path: &Steps, all: &mut Vec<Steps>) {
    let (&(_, entry), &(step, last)) = (path.first().unwrap(), path.last().unwrap());
    all.push(path.clone());
    for next in last + 1..events.len() {
        for to in step + 1..plan.steps {
            let mut longer = path.clone();
            longer.push((to, next));
            let leaves_out_optional_only = (step + 1..to).all(|left_out| plan.optional >> left_out & 1 == 1);
            let in_window = events[next].at - events[entry].at <= plan.window_ms;
            if events[next].flags >> to & 1 == 1
                && leaves_out_optional_only
                && in_window
                && holds(plan, events, &longer)
            {
                every_path(plan, events, &longer, all);
            }
        }
    }
}

/// Whether nothing ends the path before its last event.
fn holds(plan: &Plan, events: &[FunnelEvent], path: &Steps) -> bool {
    let (entry, last) = (path[0].1, path[path.len() - 1].1);
    let is_step = |index: usize| path.iter().any(|(_, event)| *event == index);
    (entry + 1..=last).all(|index| {
        let strictly = plan.order != Order::Strict || is_step(index);
        // The last event is reached even if it is excluded itself.
        strictly && (index == last || !is_hit(plan, events, path, index, false))
    })
}

/// Whether an exclusion applies to an event: the steps reached before and after it are both in the range.
fn is_hit(plan: &Plan, events: &[FunnelEvent], path: &Steps, index: usize, removes: bool) -> bool {
    let reached = |until: usize| path.iter().filter(|(_, event)| *event <= until).map(|(step, _)| *step).max().unwrap();
    let (before, after) = (reached(index - 1), reached(index));
    plan.exclusions.iter().enumerate().any(|(bit, exclusion)| {
        let in_range = |step: usize| exclusion.from <= step && step < exclusion.to;
        exclusion.removes == removes && events[index].excluded >> bit & 1 == 1 && in_range(before) && in_range(after)
    })
}

/// The path of a funnel in order with optional steps and ranges.
pub(super) fn flexible(plan: &Plan, events: &[FunnelEvent]) -> Option<FunnelPath> {
    let mut all = Vec::new();
    for (entry, event) in events.iter().enumerate() {
        if event.flags & 1 == 1 && plan.from <= event.at && event.at < plan.to {
            every_path(plan, events, &vec![(0, entry)], &mut all);
        }
    }
    let deepest = all.iter().map(|path| path[path.len() - 1].0).max()?;
    // The deepest, from the earliest entry, that ends first; then each step as early as possible rather than not at all.
    let rank = |path: &Steps| {
        let event = |step: usize| path.iter().find(|(of, _)| *of == step).map_or(usize::MAX, |(_, event)| *event);
        let each: Vec<usize> = (0..plan.steps).map(event).collect();
        (path[0].1, path[path.len() - 1].1, each)
    };
    let best = all.into_iter().filter(|path| path[path.len() - 1].0 == deepest).min_by_key(rank)?;
    Some(FunnelPath::new(events, best))
}

/// Whether the visitor is taken out: by an event within the window of the path's entry.
pub(super) fn is_removed(plan: &Plan, events: &[FunnelEvent], path: &FunnelPath) -> bool {
    let steps: Steps =
        (0..STEPS_MAX).filter(|step| path.reached >> step & 1 == 1).map(|s| (s, path.events[s])).collect();
    let entry = steps[0].1;
    let in_window = |index: &usize| events[*index].at - events[entry].at <= plan.window_ms;
    (entry + 1..events.len()).filter(in_window).any(|index| is_hit(plan, events, &steps, index, true))
}
