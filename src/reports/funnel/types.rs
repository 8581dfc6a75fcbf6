//! What the matcher reads and returns. No I/O.

/// Maximum number of steps: the number of step bits in [`FunnelEvent::flags`].
pub const STEPS_MAX: usize = 20;
/// The step bits of [`FunnelEvent::flags`]: which steps the event matches; bit 0 is the first step.
pub const STEP_BITS: u32 = (1 << STEPS_MAX) - 1;
/// The four bits from here are the breakdown group of the event.
pub const GROUP_SHIFT: u32 = 20;
/// The event matches an exclusion.
pub const EXCLUDED: u32 = 1 << 24;
/// Another event of the visitor lies between the previous event of the history and this one.
pub const GAP_BEFORE: u32 = 1 << 25;

/// Name of the group of all values without one of their own.
pub(super) const OTHER: &str = "other";

/// An event of a visitor, reduced to what the matcher needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunnelEvent {
    /// Time, milliseconds.
    pub at: i64,
    /// The steps and exclusions that it matches, and its breakdown group.
    pub flags: u32,
    /// The exclusions of [`Plan::exclusions`] that it matches, as bits.
    pub excluded: u32,
}

impl FunnelEvent {
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

/// Order of the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// In sequence, with any events between.
    Sequential,
    /// In sequence, with no events between.
    Strict,
    /// In any order.
    Any,
}

/// An event that must not happen between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exclusion {
    /// It is excluded while the last step reached is this one or a later one, from 0.
    pub from: usize,
    /// It is excluded until this step is reached, from 0.
    pub to: usize,
    /// Whether it takes the visitor out of the funnel, instead of ending the attempt.
    pub removes: bool,
}

impl Exclusion {
    /// Whether an event is excluded that happens while the last step reached is `before`, and `after` with the event
    /// itself: the event of a step is not between this step and another.
    pub(super) fn applies(self, before: usize, after: usize) -> bool {
        (self.from..self.to).contains(&before) && (self.from..self.to).contains(&after)
    }
}

/// The funnel to match.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Number of steps, 1 to [`STEPS_MAX`].
    pub steps: usize,
    /// Their order.
    pub order: Order,
    /// Maximum time from the entry to the last step, milliseconds.
    pub window_ms: i64,
    /// Entries happen at or after this, milliseconds.
    pub from: i64,
    /// Entries happen before this, milliseconds.
    pub to: i64,
    /// The steps that may be left out, as bits.
    pub optional: u32,
    /// The exclusions beside those that [`EXCLUDED`] stands for, in the order of the bits of [`FunnelEvent::excluded`].
    pub exclusions: Vec<Exclusion>,
}

impl Plan {
    /// Whether steps may be left out, or attempts end between some steps only.
    pub(super) fn is_flexible(&self) -> bool {
        self.order != Order::Any && (self.optional != 0 || self.exclusions.iter().any(|exclusion| !exclusion.removes))
    }

    pub(super) const fn is_optional(&self, step: usize) -> bool {
        self.optional >> step & 1 == 1
    }

    /// The exclusions that an event matches.
    pub(super) fn exclusions_of(&self, event: FunnelEvent) -> impl Iterator<Item = Exclusion> {
        let matched = self.exclusions.iter().enumerate();
        matched.filter(move |(bit, _)| event.excluded >> bit & 1 == 1).map(|(_, exclusion)| *exclusion)
    }

    pub(super) const fn in_period(&self, event: FunnelEvent) -> bool {
        self.from <= event.at && event.at < self.to
    }

    pub(super) const fn in_window(&self, entry: FunnelEvent, event: FunnelEvent) -> bool {
        event.at.saturating_sub(entry.at) <= self.window_ms
    }
}

/// How far a visitor got, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunnelPath {
    /// The last step reached, from 1.
    pub depth: usize,
    /// The steps reached, as bits: all up to the last, except optional ones that were left out.
    pub reached: u32,
    /// Index in the history of the event of each step; 0 for steps not reached.
    pub events: [usize; STEPS_MAX],
    /// Time at which each step was reached, milliseconds; 0 for steps not reached.
    pub reached_at: [i64; STEPS_MAX],
}

impl FunnelPath {
    /// The path over these events of steps, in order.
    pub(super) fn new(history: &[FunnelEvent], steps: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut path = Self { depth: 0, reached: 0, events: [0; STEPS_MAX], reached_at: [0; STEPS_MAX] };
        for (step, event) in steps {
            path.add(step, event, history[event].at);
        }
        path
    }

    /// Adds a step after all others.
    pub(super) const fn add(&mut self, step: usize, event: usize, at: i64) {
        self.depth = step + 1;
        self.reached |= 1 << step;
        self.events[step] = event;
        self.reached_at[step] = at;
    }

    pub(super) const fn has(&self, step: usize) -> bool {
        step < STEPS_MAX && self.reached >> step & 1 == 1
    }
}
