//! Whether a rule holds, since when and until when.

use crate::model::Timestamp;

/// An answer and the time in which it stays the same without another event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Whether the rule holds.
    pub holds: bool,
    /// Since when, as far as past events tell; `None`: unknown.
    pub since: Option<Timestamp>,
    /// Until when, exclusive; the answer may be the same afterwards. `None`: until the next event.
    pub until: Option<Timestamp>,
}

impl Held {
    pub(super) const fn always(holds: bool) -> Self {
        Self { holds, since: None, until: None }
    }

    pub(super) const fn not(self) -> Self {
        Self { holds: !self.holds, ..self }
    }

    /// Of several parts: `all` of them, or any. The answer stays while each of the parts that it needs does; of the
    /// parts that each suffice, the longest counts.
    pub(super) fn of(parts: impl Iterator<Item = Self>, all: bool) -> Self {
        let (mut needed, mut sufficient): (Option<Self>, Option<Self>) = (None, None);
        for part in parts {
            if part.holds == all {
                needed = Some(needed.map_or(part, |known| known.and(part)));
            } else {
                sufficient = Some(sufficient.map_or(part, |known| known.or(part)));
            }
        }
        sufficient.or(needed).unwrap_or(Self::always(all))
    }

    /// Both are needed.
    fn and(self, other: Self) -> Self {
        let until = match (self.until, other.until) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self { holds: self.holds, since: self.since.max(other.since), until }
    }

    /// Each suffices.
    fn or(self, other: Self) -> Self {
        let until = self.until.zip(other.until).map(|(a, b)| a.max(b));
        let since = match (self.since, other.since) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self { holds: self.holds, since, until }
    }
}
