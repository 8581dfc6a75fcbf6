//! Reserved disk space.
//!
//! On a full disk the journal can be drained and released only if message ids can still be written, and the service can
//! be restarted only if the control database can be opened. A file reserves the space for both. When ids run out of
//! space, it shrinks to what a start needs; a start on a full disk deletes the rest; it grows again when enough is free.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

/// Size of the reserve: enough for the ids of 250,000 events.
const BYTES: u64 = 4 * 1024 * 1024;
/// The part of it that only a start may use: the control database's files.
const START_BYTES: u64 = 256 * 1024;
/// Space is reserved only if this many times as much is free.
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

    /// Reserves as much as free space allows.
    pub fn hold(&self) {
        let held = self.len();
        if held >= BYTES {
            return;
        }
        let Ok(free) = free_bytes(self.directory()) else { return };
        let wanted = [BYTES, START_BYTES].into_iter().find(|bytes| free >= bytes * FREE_FACTOR && held < *bytes);
        if let Some(Err(error)) = wanted.map(|bytes| self.grow(bytes)) {
            tracing::debug!(%error, "cannot reserve disk space");
            self.shrink(held);
        }
    }

    /// Returns whether a start may run out of disk space.
    pub fn is_needed(&self) -> bool {
        free_bytes(self.directory()).is_ok_and(|free| free < START_BYTES_MIN)
    }

    /// Frees the reserved space, except for what the next start needs.
    pub fn release(&self) {
        if self.len() > START_BYTES && self.shrink(START_BYTES) {
            tracing::warn!("the disk is full: the reserved space is released");
        }
    }

    /// Frees all of the reserved space.
    pub fn release_for_start(&self) {
        match fs::remove_file(&self.path) {
            Ok(()) => tracing::warn!("the disk is full: the space reserved for a start is released"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "the reserved disk space cannot be released"),
        }
    }

    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    fn len(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |file| file.len())
    }

    fn grow(&self, bytes: u64) -> io::Result<()> {
        let file = OpenOptions::new().create(true).write(true).truncate(false).open(&self.path)?;
        Ok(rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes)?)
    }

    fn shrink(&self, bytes: u64) -> bool {
        let shrunk = OpenOptions::new().write(true).open(&self.path).and_then(|file: File| file.set_len(bytes));
        if let Err(error) = &shrunk {
            tracing::warn!(%error, "the reserved disk space cannot be released");
        }
        shrunk.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_reserved_once_and_released_in_two_steps() {
        let dir = tempfile::tempdir().unwrap();
        let reserve = Reserve::in_directory(dir.path());
        reserve.release();
        reserve.hold();
        reserve.hold();
        assert_eq!(reserve.len(), BYTES);
        reserve.release();
        reserve.release();
        assert_eq!(reserve.len(), START_BYTES);
        reserve.hold();
        assert_eq!(reserve.len(), BYTES);
        reserve.release_for_start();
        reserve.release_for_start();
        assert!(!dir.path().join("reserve").exists());
    }
}
