//! No I/O. How far one visitor got in a funnel.
//!
//! The history is ordered (by `occurred_at`, then by arrival) and contains only events that match a step or an
//! exclusion. Rules:
//!
//! * An **entry** is an event that fills the first step (with [`Order::Any`]: any step) within the period. Every entry
//!   is tried; the visitor's depth is the maximum over all entries.
//! * Steps are reached from an entry by different events, each filling one step, all at most `window_ms` (inclusive)
//!   after the entry.
//! * An excluded event after the entry ends the path: no later event counts. If the same event fills a step, the step
//!   still counts, because the event does not precede itself.
//! * [`Order::Strict`]: no other event of the visitor lies between two steps.
//! * [`Order::Any`]: the depth is the number of different steps filled, in any order.
//! * Times are those of the earliest entry that reaches the visitor's depth; from there each step is reached as early
//!   as possible.
//! * Optional steps and exclusions between some steps: see `Flexible`. Exclusions that take a visitor out of the funnel
//!   do not change the path: see `removal::is_removed`.
//!
//! The run time is proportional to events times steps, even for a visitor with a million events.

use super::{
    any_order::AnyOrder,
    flexible::Flexible,
    types::{FunnelEvent, FunnelPath, GAP_BEFORE, Order, Plan, STEPS_MAX},
};

/// Matches the histories of visitors; reuses its working memory.
#[derive(Debug)]
pub struct Matcher {
    plan: Plan,
    any_order: AnyOrder,
    flexible: Flexible,
}

impl Matcher {
    /// A matcher for one funnel.
    ///
    /// # Panics
    /// If the plan has no step or more than [`STEPS_MAX`]; requests are validated before.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        assert!((1..=STEPS_MAX).contains(&plan.steps), "a funnel has 1 to {STEPS_MAX} steps");
        Self { plan, any_order: AnyOrder::default(), flexible: Flexible::default() }
    }

    /// The funnel.
    pub(super) const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Matches one visitor's history; `None` without an entry.
    pub fn run(&mut self, history: &[FunnelEvent]) -> Option<FunnelPath> {
        match self.plan.order {
            _ if self.plan.is_flexible() => self.flexible.run(&self.plan, history),
            Order::Sequential => sequential(&self.plan, history),
            Order::Strict => strict(&self.plan, history),
            Order::Any => self.any_order.run(&self.plan, history),
        }
    }
}

fn sequential(plan: &Plan, history: &[FunnelEvent]) -> Option<FunnelPath> {
    let depth = deepest(plan, history);
    if depth == 0 {
        return None;
    }
    let entry = earliest_entry(plan, history, depth)?;
    let mut path = FunnelPath::new(history, [(0, entry)]);
    for (index, event) in history.iter().enumerate().skip(entry + 1) {
        let step = path.depth;
        if step == depth {
            break;
        }
        if event.fills(step) {
            path.add(step, index, event.at);
        }
    }
    Some(path)
}

/// The deepest step over all entries. For each step only the latest entry that reached it matters: it has the most of
/// its window left, and every exclusion after it is also after any earlier entry.
fn deepest(plan: &Plan, history: &[FunnelEvent]) -> usize {
    let mut entries: [Option<FunnelEvent>; STEPS_MAX] = [None; STEPS_MAX];
    let mut depth = 0;
    for &event in history {
        // From the last step to the first, so that one event fills one step of a path.
        for step in (1..plan.steps).rev() {
            if let Some(entry) = entries[step - 1]
                && event.fills(step)
                && plan.in_window(entry, event)
            {
                entries[step] = Some(entry);
                depth = depth.max(step + 1);
            }
        }
        let enters = event.fills(0) && plan.in_period(event);
        if enters {
            entries[0] = Some(event);
            depth = depth.max(1);
        }
        if event.excludes() {
            entries = [None; STEPS_MAX];
            entries[0] = enters.then_some(event);
        }
        if depth == plan.steps {
            break;
        }
    }
    depth
}

/// The earliest entry from which `depth` steps are reached. Scans backwards; `ends` is, for each step, the earliest
/// possible end of the rest of the path.
fn earliest_entry(plan: &Plan, history: &[FunnelEvent], depth: usize) -> Option<usize> {
    let mut ends: [usize; STEPS_MAX] = [usize::MAX; STEPS_MAX];
    let mut excluded_next = usize::MAX - 1;
    let mut earliest = None;
    for (index, &event) in history.iter().enumerate().rev() {
        for step in 0..depth {
            if event.fills(step) {
                ends[step] = if step + 1 == depth { index } else { ends[step + 1] };
            }
        }
        if event.fills(0)
            && plan.in_period(event)
            && ends[0] <= excluded_next
            && plan.in_window(event, history[ends[0]])
        {
            earliest = Some(index);
        }
        if event.excludes() {
            excluded_next = index;
        }
    }
    earliest
}

/// Matches runs of adjacent events, for all entries at once: bit `k` of `runs` means that the last `k + 1` events fill
/// the first `k + 1` steps.
fn strict(plan: &Plan, history: &[FunnelEvent]) -> Option<FunnelPath> {
    let last = plan.steps - 1;
    let mut runs: u32 = 0;
    let mut best = (0, 0);
    for (index, &event) in history.iter().enumerate() {
        let before = if event.flags & GAP_BEFORE == 0 { runs & !(1 << last) } else { 0 };
        runs = before << 1 & event.steps();
        // Runs outside their window are those with the earliest entries: the highest bits.
        while runs != 0 && !plan.in_window(history[index - runs.ilog2() as usize], event) {
            runs &= !(1 << runs.ilog2());
        }
        if event.fills(0) && plan.in_period(event) {
            runs |= 1;
        }
        if runs != 0 {
            let step = runs.ilog2() as usize;
            if step + 1 > best.0 {
                best = (step + 1, index - step);
            }
        }
        if event.excludes() {
            runs &= 1;
        }
    }
    let (depth, entry) = best;
    (depth > 0).then(|| FunnelPath::new(history, (entry..entry + depth).enumerate()))
}
