//! Room on the engine's disk: whether there is enough for an insert, and whether there always was during one.
//!
//! The engine commits parts whose files could not be written: a write that finds no room leaves an empty file and no
//! error. It asks for room before it begins and refuses then; what another program takes after that it does not
//! notice. So nothing is inserted or merged below a floor of free space, and what was going on when the floor was
//! passed is not trusted before it was read.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

/// The least floor: an insert reserves a mebibyte for each table it touches.
const FLOOR_MIN: u64 = 8 << 20;

/// Free space of the disk that holds the engine's directory.
#[derive(Debug)]
pub struct Space {
    directory: PathBuf,
    floor: u64,
    is_short: AtomicBool,
    /// How often the floor was passed downwards.
    shortages: AtomicU64,
}

impl Space {
    /// The disk of `directory`; `journal_floor` is what the journal leaves free (`journal.disk_free_bytes_min`). The
    /// floor is half of it: where the journal has stopped taking events, what it holds can still be delivered.
    #[must_use]
    pub fn on(directory: &Path, journal_floor: u64) -> Self {
        let floor = (journal_floor / 2).max(FLOOR_MIN);
        Self { directory: directory.to_owned(), floor, is_short: AtomicBool::new(false), shortages: AtomicU64::new(0) }
    }

    /// What the journal must leave free at least, for what it holds to fit into the engine.
    #[must_use]
    pub fn journal_floor(configured: u64) -> u64 {
        configured.max(FLOOR_MIN * 2)
    }

    /// The floor, bytes.
    #[must_use]
    pub const fn floor(&self) -> u64 {
        self.floor
    }

    /// Asks the disk. True: there is enough.
    pub fn look(&self) -> bool {
        // A disk that cannot be asked is as it was.
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

    /// How often there was too little, now included. Unchanged and [`Self::look`] true: there was enough in between,
    /// as far as those who look could see.
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
            // A little more than the floor, or it would be passed with every batch.
            self.is_short.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_begins_below_the_floor_and_ends_well_above_it() {
        let space = Space::on(Path::new("/"), 40 << 20);
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
        assert_eq!(Space::on(Path::new("/"), 0).floor(), FLOOR_MIN);
        assert!(Space::journal_floor(0) > FLOOR_MIN);
    }
}
