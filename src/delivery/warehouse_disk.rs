//! Free space on the warehouse's disk, if it is on this machine: whether to insert now, and whether an insert can be
//! trusted.

use std::sync::Arc;

use crate::engine::DiskSpace;

/// The disk of the embedded engine; `None` for a remote server, whose disk is only known by its errors.
#[derive(Debug, Clone, Default)]
pub(super) struct WarehouseDisk(Option<Arc<DiskSpace>>);

/// The number of shortages at some moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shortages(u64);

impl WarehouseDisk {
    pub(super) fn new(space: Arc<DiskSpace>) -> Self {
        Self(Some(space))
    }

    /// Whether the warehouse is an engine embedded in this service, which can be restarted.
    pub(super) fn is_embedded(&self) -> bool {
        self.0.is_some()
    }

    /// Whether there is too little space for an insert now.
    pub(super) fn is_short(&self) -> bool {
        self.0.as_ref().is_some_and(|space| !space.has_space())
    }

    pub(super) fn shortages(&self) -> Shortages {
        Shortages(self.0.as_ref().map_or(0, |space| space.shortages()))
    }

    /// Whether there was too little space at any moment since then, including now.
    pub(super) fn was_short_since(&self, before: Shortages) -> bool {
        self.0.as_ref().is_some_and(|space| !space.has_space() || space.shortages() != before.0)
    }

    /// The largest batch that still fits at the floor of free space.
    pub(super) fn batch_bytes_max(&self) -> usize {
        self.0.as_ref().map_or(usize::MAX, |space| usize::try_from(space.floor() / 2).unwrap_or(usize::MAX))
    }
}
