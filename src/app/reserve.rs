//! A little room on the disk that nobody else can take.
//!
//! On a disk that is full to the last byte the journal can only be drained and let go if message ids can
//! still be written, and the service only started again if the control database can be opened. So a file holds the room they need, is deleted when they find none, and is made again
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

/// With less than this a start is likely to fail.
const SCARCE: u64 = 1024 * 1024;

fn free_bytes(directory: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(directory)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Says of a start that failed that the disk is full, where it is: what failed first seldom does.
pub fn explain(error: anyhow::Error, data_dir: &Path) -> anyhow::Error {
    match free_bytes(data_dir) {
        Ok(free) if free < SCARCE => error.context(format!(
            "the disk of {} is full ({free} bytes are free): make room and start again",
            data_dir.display()
        )),
        _ => error,
    }
}

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

    /// Whether a start may find too little room for itself.
    pub fn is_needed(&self) -> bool {
        free_bytes(self.path.parent().unwrap_or(Path::new("."))).is_ok_and(|free| free < SCARCE)
    }

    fn make(&self) -> io::Result<()> {
        if free_bytes(self.path.parent().unwrap_or(Path::new(".")))? < BYTES * PLENTY {
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
