//! The six calls that can fail in interesting ways. Tests put faults and a recorder before the real ones.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// How the journal reaches the disk.
#[derive(Debug, Clone, Default)]
pub(super) enum Disk {
    /// Straight.
    #[default]
    Real,
    /// Through a test's faults and its recorder.
    #[cfg(test)]
    Faulty(std::sync::Arc<super::tests::faults::Faults>),
}

#[cfg_attr(not(test), expect(clippy::unused_self, reason = "the straight way needs nothing; a test's faults do"))]
impl Disk {
    /// Writes all of `bytes` at `offset`.
    pub(super) fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        #[cfg(test)]
        if let Self::Faulty(faults) = self {
            faults.before_write(file, bytes, offset)?;
        }
        file.write_all_at(bytes, offset)
    }

    /// Writes `bytes` zeros from `offset` on.
    pub(super) fn lengthen(&self, file: &File, offset: u64, bytes: u64) -> io::Result<()> {
        #[cfg(test)]
        if let Self::Faulty(faults) = self {
            faults.before_lengthening()?;
        }
        let mut left = bytes;
        while left > 0 {
            let some = left.min(ZEROS.len() as u64);
            file.write_all_at(&ZEROS[..usize::try_from(some).expect("at most 64 KiB")], offset + bytes - left)?;
            left -= some;
        }
        Ok(())
    }

    /// Returns once the file's bytes and length are on disk.
    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        #[cfg(test)]
        if let Self::Faulty(faults) = self {
            faults.before_sync()?;
        }
        file.sync_data()?;
        #[cfg(test)]
        if let Self::Faulty(faults) = self {
            faults.after_sync();
        }
        Ok(())
    }

    /// Creates the file `path` with `bytes`, durably, replacing what was there: it is there with all of
    /// them or not at all.
    pub(super) fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<File> {
        let unborn = unborn(path);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&unborn)?;
        self.write(&file, bytes, 0)?;
        self.sync(&file)?;
        std::fs::rename(&unborn, path)?;
        sync_directory(path.parent().unwrap_or(Path::new(".")))?;
        Ok(file)
    }

    /// Bytes that the disk has left for us.
    pub(super) fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        #[cfg(test)]
        if let Self::Faulty(faults) = self
            && let Some(free) = faults.free_bytes()
        {
            return Ok(free);
        }
        let disk = rustix::fs::statvfs(dir)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

/// Makes the names in `dir` durable.
pub(super) fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// The name a file has until it is complete.
fn unborn(path: &Path) -> PathBuf {
    path.with_extension("unborn")
}
