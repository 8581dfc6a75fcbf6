//! A little room on the disk that nobody else can take.
//!
//! On a disk that is full to the last byte the journal can only be drained and let go if message ids can
//! still be written. So a file holds the room they need, is deleted when they find none, and is made again
//! when there is plenty.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// Enough for the ids of a quarter of a million events.
const BYTES: u64 = 4 * 1024 * 1024;
/// It is made only when this many times its size is free.
const PLENTY: u64 = 4;

/// The file `reserve` in the data directory.
#[derive(Debug)]
pub struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// Not made yet, or left from the last run.
    pub fn in_directory(data_dir: &Path) -> Self {
        Self { path: data_dir.join("reserve") }
    }

    /// Makes the file unless it is there or room is scarce.
    pub fn hold(&self) {
        if self.path.exists() {
            return;
        }
        match self.make() {
            Ok(()) => {}
            Err(error) => {
                tracing::debug!(%error, "no room is held in reserve");
                self.let_go();
            }
        }
    }

    fn make(&self) -> io::Result<()> {
        let disk = rustix::fs::statvfs(self.path.parent().unwrap_or(Path::new(".")))?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < BYTES * PLENTY {
            return Ok(());
        }
        let file = File::create(&self.path)?;
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, BYTES)?;
        Ok(())
    }

    /// Gives the room back.
    pub fn let_go(&self) {
        match fs::remove_file(&self.path) {
            Ok(()) => tracing::warn!("the disk is full: the room held in reserve is used now"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "the room held in reserve cannot be used"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_held_once_and_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let reserve = Reserve::in_directory(dir.path());
        reserve.let_go();
        reserve.hold();
        reserve.hold();
        assert_eq!(fs::metadata(dir.path().join("reserve")).unwrap().len(), BYTES);
        reserve.let_go();
        assert!(!dir.path().join("reserve").exists());
    }
}
