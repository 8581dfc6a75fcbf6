//! Room on the warehouse's disk, where that is this machine's: whether to insert now, and whether what was inserted is
//! to be believed.

use std::sync::Arc;

use crate::engine::Space;

/// The disk of the embedded engine; of a server elsewhere nothing is known but its errors.
#[derive(Debug, Clone, Default)]
pub(super) struct Room(Option<Arc<Space>>);

/// A moment before something was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark(u64);

impl Room {
    pub(super) fn of(space: Arc<Space>) -> Self {
        Self(Some(space))
    }

    /// Whether the warehouse is a process of this service, which may be ended and comes back.
    pub(super) fn is_own(&self) -> bool {
        self.0.is_some()
    }

    /// Whether there is too little for an insert now.
    pub(super) fn is_short(&self) -> bool {
        self.0.as_ref().is_some_and(|space| !space.look())
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.0.as_ref().map_or(0, |space| space.shortages()))
    }

    /// Whether there was too little since then, now included.
    pub(super) fn was_short_since(&self, mark: Mark) -> bool {
        self.0.as_ref().is_some_and(|space| !space.look() || space.shortages() != mark.0)
    }

    /// The largest batch that fits in where there is just enough.
    pub(super) fn batch_bytes_max(&self) -> usize {
        self.0.as_ref().map_or(usize::MAX, |space| usize::try_from(space.floor() / 2).unwrap_or(usize::MAX))
    }
}
