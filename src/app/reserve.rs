//! Reserved disk space.
//!
//! On a full disk the journal can be drained and released only if message ids can still be written, and the service can
//! be restarted only if the control database can be opened. A file reserves the space they need; it is deleted when they
//! run out of space and recreated when enough is free.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// Size of the reserve: enough for the ids of 250,000 events.
const BYTES: u64 = 4 * 1024 * 1024;
/// The reserve is created only if this many times its size is free.
const FREE_FACTOR: u64 = 4;

/// With less free space than this a start is likely to fail, bytes.
const START_BYTES_MIN: u64 = 1024 * 1024;

fn free_bytes(directory: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(directory)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Adds to the error of a failed start that the disk is full, if it is: the original error rarely says so.
pub fn explain(error: anyhow::Error, data_dir: &Path) -> anyhow::Error {
    match free_bytes(data_dir) {
        Ok(free) if free < START_BYTES_MIN => error.context(format!(
            "the disk of {} is full ({free} bytes are free): free some space and start again",
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
    /// Returns the reserve of a data directory, whether or not its file exists.
    pub fn in_directory(data_dir: &Path) -> Self {
        Self { path: data_dir.join("reserve") }
    }

    /// Creates the file unless it exists or free space is low.
    pub fn hold(&self) {
        if self.path.exists() {
            return;
        }
        match self.create() {
            Ok(()) => {}
            Err(error) => {
                tracing::debug!(%error, "cannot reserve disk space");
                self.release();
            }
        }
    }

    /// Returns whether a start may run out of disk space.
    pub fn is_needed(&self) -> bool {
        free_bytes(self.path.parent().unwrap_or(Path::new("."))).is_ok_and(|free| free < START_BYTES_MIN)
    }

    fn create(&self) -> io::Result<()> {
        if free_bytes(self.path.parent().unwrap_or(Path::new(".")))? < BYTES * FREE_FACTOR {
            return Ok(());
        }
        let file = File::create(&self.path)?;
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, BYTES)?;
        Ok(())
    }

    /// Deletes the file to free its space.
    pub fn release(&self) {
        match fs::remove_file(&self.path) {
            Ok(()) => tracing::warn!("the disk is full: the reserved space is released"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "the reserved disk space cannot be released"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_reserved_once_and_released() {
        let dir = tempfile::tempdir().unwrap();
        let reserve = Reserve::in_directory(dir.path());
        reserve.release();
        reserve.hold();
        reserve.hold();
        assert_eq!(fs::metadata(dir.path().join("reserve")).unwrap().len(), BYTES);
        reserve.release();
        assert!(!dir.path().join("reserve").exists());
    }
}
