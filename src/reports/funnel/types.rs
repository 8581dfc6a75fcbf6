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

/// An event of a visitor, reduced to what the matcher needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunnelEvent {
    /// Time, milliseconds.
    pub at: i64,
    /// The steps and exclusions that it matches, and its breakdown group.
    pub flags: u32,
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

/// The funnel to match.
#[derive(Debug, Clone, Copy)]
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
}

impl Plan {
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
    /// Steps reached, at least 1.
    pub depth: usize,
    /// Index of the entry in the history.
    pub entry: usize,
    /// Time at which each step was reached, milliseconds; 0 for steps not reached.
    pub reached_at: [i64; STEPS_MAX],
}
