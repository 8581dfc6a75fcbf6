//! Free space on the engine's disk: whether there is enough for an insert now, and whether there was all the time
//! during one.
//!
//! The engine commits parts whose files could not be written: a write to a full disk leaves an empty file and no
//! error. It checks the free space only before an insert; it does not notice space that another program takes after
//! that. So there are no inserts and merges below a floor of free space, and those that ran when the space fell below
//! it are not trusted until their rows were read.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

/// The lowest floor: an insert reserves 1 MiB for each table it touches.
const FLOOR_MIN: u64 = 8 << 20;

/// Free space of the disk that holds the engine's directory.
#[derive(Debug)]
pub struct DiskSpace {
    directory: PathBuf,
    floor: u64,
    is_short: AtomicBool,
    /// How often the free space fell below the floor.
    shortages: AtomicU64,
}

impl DiskSpace {
    /// The disk of `directory`; `journal_floor` is what the journal leaves free (`journal.disk_free_bytes_min`). The
    /// floor is half of it: after the journal refuses events, its records can still be delivered.
    #[must_use]
    pub fn new(directory: &Path, journal_floor: u64) -> Self {
        let floor = (journal_floor / 2).max(FLOOR_MIN);
        Self { directory: directory.to_owned(), floor, is_short: AtomicBool::new(false), shortages: AtomicU64::new(0) }
    }

    /// The bytes that the journal must leave free, so that its records still fit into the engine.
    #[must_use]
    pub fn journal_floor(configured: u64) -> u64 {
        configured.max(FLOOR_MIN * 2)
    }

    /// The floor in bytes.
    #[must_use]
    pub const fn floor(&self) -> u64 {
        self.floor
    }

    /// Checks the disk and counts a new shortage. True: there is enough space.
    pub fn has_space(&self) -> bool {
        // If the free space cannot be read, the last state stays.
        if let Some(free) = self.free() {
            self.note(free);
        }
        !self.is_short.load(Ordering::Acquire)
    }

    /// Free bytes now.
    #[must_use]
    pub fn free(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(&self.directory).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// How many shortages there were, including a present one. If the number is unchanged and [`Self::has_space`] is
    /// true, no check in between found too little space.
    #[must_use]
    pub fn shortages(&self) -> u64 {
        self.shortages.load(Ordering::Acquire)
    }

    fn note(&self, free: u64) {
        if free < self.floor {
            if !self.is_short.swap(true, Ordering::AcqRel) {
                self.shortages.fetch_add(1, Ordering::AcqRel);
            }
        } else if free >= self.floor + self.floor / 4 {
            // Hysteresis: otherwise the state would change with every batch.
            self.is_short.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_begins_below_the_floor_and_ends_well_above_it() {
        let space = DiskSpace::new(Path::new("/"), 40 << 20);
        assert_eq!(space.floor(), 20 << 20);
        let check = |free_mib: u64, is_short: bool, shortages: u64| {
            space.note(free_mib << 20);
            assert_eq!(
                (space.is_short.load(Ordering::Relaxed), space.shortages()),
                (is_short, shortages),
                "{free_mib}"
            );
        };
        for (free, is_short, shortages) in
            [(21, false, 0), (19, true, 1), (21, true, 1), (3, true, 1), (25, false, 1), (21, false, 1), (0, true, 2)]
        {
            check(free, is_short, shortages);
        }
        assert_eq!(DiskSpace::new(Path::new("/"), 0).floor(), FLOOR_MIN);
        assert!(DiskSpace::journal_floor(0) > FLOOR_MIN);
    }
}
