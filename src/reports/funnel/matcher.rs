//! PURE: how far one visitor came through a funnel.
//!
//! The history given is in order (by `occurred_at`, then by arrival) and holds only the events that a
//! step or an exclusion names. What counts:
//!
//! * An **entry** is an event that fills the first step (with [`Order::Any`]: any step) inside the period.
//!   Every entry is tried; the deepest step over all of them is the visitor's depth.
//! * A step is reached from an entry by different events, each filling one step, all of them at most
//!   `window_ms` after the entry, the edge included.
//! * An excluding event after the entry ends it: nothing later counts. If that very event fills a step,
//!   the step still counts, because the event does not lie before itself.
//! * [`Order::Strict`]: no other event of the visitor lies between two steps.
//! * [`Order::Any`]: depth is the number of different steps filled, whichever they are.
//! * Times come from the earliest entry that gets to the visitor's depth, and each step is taken as early
//!   as it can be from there.
//!
//! Work is proportional to events times steps, also for a visitor with a million events.

use super::any_order::AnyOrder;

/// Steps a funnel may have: the width of the step bits in [`Mark::flags`].
pub const STEPS_MAX: usize = 20;
/// The bits of [`Mark::flags`] that say which steps the event matches; bit 0 is the first step.
pub const STEP_BITS: u32 = (1 << STEPS_MAX) - 1;
/// Four bits from here hold the group of the breakdown that the event belongs to.
pub const GROUP_SHIFT: u32 = 20;
/// The event matches an exclusion.
pub const EXCLUDED: u32 = 1 << 24;
/// Another event of the visitor lies between the mark before and this one.
pub const APART: u32 = 1 << 25;

/// One event of a visitor, reduced to what a funnel needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// When it happened, milliseconds.
    pub at: i64,
    /// Which steps and exclusions it matches, and its breakdown group.
    pub flags: u32,
}

impl Mark {
    pub(super) const fn steps(self) -> u32 {
        self.flags & STEP_BITS
    }

    pub(super) const fn fills(self, step: usize) -> bool {
        self.flags >> step & 1 == 1 && step < STEPS_MAX
    }

    pub(super) const fn excludes(self) -> bool {
        self.flags & EXCLUDED != 0
    }

    /// The breakdown group of the event, 0 to 15.
    #[must_use]
    pub const fn group(self) -> usize {
        (self.flags >> GROUP_SHIFT & 15) as usize
    }
}

/// How the steps must follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// One after the other, anything between.
    Sequential,
    /// One after the other, nothing between.
    Strict,
    /// In any order.
    Any,
}

/// What is asked of every visitor.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Number of steps, 1 to [`STEPS_MAX`].
    pub steps: usize,
    /// How they follow each other.
    pub order: Order,
    /// The last step lies at most this long after the entry, milliseconds.
    pub window_ms: i64,
    /// Entries happen at or after this, milliseconds.
    pub from: i64,
    /// Entries happen before this, milliseconds.
    pub to: i64,
}

impl Plan {
    pub(super) const fn in_period(&self, mark: Mark) -> bool {
        self.from <= mark.at && mark.at < self.to
    }

    pub(super) const fn in_window(&self, entry: Mark, mark: Mark) -> bool {
        mark.at.saturating_sub(entry.at) <= self.window_ms
    }
}

/// How far a visitor came, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Steps reached, at least 1.
    pub depth: usize,
    /// Place of the entry in the history.
    pub entry: usize,
    /// When each reached step was reached; unused ones are 0.
    pub at: [i64; STEPS_MAX],
}

/// Matches one visitor after the other, keeping its working memory between them.
#[derive(Debug)]
pub struct Matcher {
    plan: Plan,
    any_order: AnyOrder,
}

impl Matcher {
    /// A matcher for one funnel.
    ///
    /// # Panics
    /// When the plan has no step or more than [`STEPS_MAX`]; questions are checked before.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        assert!((1..=STEPS_MAX).contains(&plan.steps), "a funnel has 1 to {STEPS_MAX} steps");
        Self { plan, any_order: AnyOrder::default() }
    }

    /// How far the visitor with this history came; `None` without an entry.
    pub fn run(&mut self, history: &[Mark]) -> Option<Found> {
        match self.plan.order {
            Order::Sequential => sequential(&self.plan, history),
            Order::Strict => strict(&self.plan, history),
            Order::Any => self.any_order.run(&self.plan, history),
        }
    }
}

fn sequential(plan: &Plan, history: &[Mark]) -> Option<Found> {
    let depth = deepest(plan, history);
    if depth == 0 {
        return None;
    }
    let entry = earliest_entry(plan, history, depth)?;
    let mut at = [0; STEPS_MAX];
    at[0] = history[entry].at;
    let mut step = 1;
    for mark in &history[entry + 1..] {
        if step == depth {
            break;
        }
        if mark.fills(step) {
            at[step] = mark.at;
            step += 1;
        }
    }
    Some(Found { depth, entry, at })
}

/// The deepest step over all entries. For each step only the latest entry that has got there matters:
/// it leaves the most of its window, and no excluding event lies behind it that spares an earlier one.
fn deepest(plan: &Plan, history: &[Mark]) -> usize {
    let mut entries: [Option<Mark>; STEPS_MAX] = [None; STEPS_MAX];
    let mut depth = 0;
    for &mark in history {
        // From the last step down, so that one event fills one step of a path.
        for step in (1..plan.steps).rev() {
            if let Some(entry) = entries[step - 1]
                && mark.fills(step)
                && plan.in_window(entry, mark)
            {
                entries[step] = Some(entry);
                depth = depth.max(step + 1);
            }
        }
        let enters = mark.fills(0) && plan.in_period(mark);
        if enters {
            entries[0] = Some(mark);
            depth = depth.max(1);
        }
        if mark.excludes() {
            entries = [None; STEPS_MAX];
            entries[0] = enters.then_some(mark);
        }
        if depth == plan.steps {
            break;
        }
    }
    depth
}

/// The earliest entry from which `depth` steps are reached, found from the end backwards: for each step,
/// where the rest of the path would end at the earliest.
fn earliest_entry(plan: &Plan, history: &[Mark], depth: usize) -> Option<usize> {
    let mut ends: [usize; STEPS_MAX] = [usize::MAX; STEPS_MAX];
    let mut excluded_next = usize::MAX - 1;
    let mut earliest = None;
    for (place, &mark) in history.iter().enumerate().rev() {
        for step in 0..depth {
            if mark.fills(step) {
                ends[step] = if step + 1 == depth { place } else { ends[step + 1] };
            }
        }
        if mark.fills(0) && plan.in_period(mark) && ends[0] <= excluded_next && plan.in_window(mark, history[ends[0]]) {
            earliest = Some(place);
        }
        if mark.excludes() {
            excluded_next = place;
        }
    }
    earliest
}

/// A run of neighbouring marks, tracked for all entries at once: bit `k` of `runs` says that the last
/// `k + 1` marks fill the first `k + 1` steps.
fn strict(plan: &Plan, history: &[Mark]) -> Option<Found> {
    let last = plan.steps - 1;
    let mut runs: u32 = 0;
    let mut found = (0, 0);
    for (place, &mark) in history.iter().enumerate() {
        let before = if mark.flags & APART == 0 { runs & !(1 << last) } else { 0 };
        runs = before << 1 & mark.steps();
        // The runs outside their window are those with the earliest entries, so the highest bits.
        while runs != 0 && !plan.in_window(history[place - runs.ilog2() as usize], mark) {
            runs &= !(1 << runs.ilog2());
        }
        if mark.fills(0) && plan.in_period(mark) {
            runs |= 1;
        }
        if runs != 0 {
            let step = runs.ilog2() as usize;
            if step + 1 > found.0 {
                found = (step + 1, place - step);
            }
        }
        if mark.excludes() {
            runs &= 1;
        }
    }
    let (depth, entry) = found;
    let mut at = [0; STEPS_MAX];
    for (at, mark) in at.iter_mut().zip(history[entry..].iter().take(depth)) {
        *at = mark.at;
    }
    (depth > 0).then_some(Found { depth, entry, at })
}
