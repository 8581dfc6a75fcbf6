//! The six disk calls whose failures matter. Tests inject faults and record the calls.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

/// Extension of a file until it is complete. Files of earlier versions have it too: do not change it.
pub(super) const TEMPORARY_EXTENSION: &str = "unborn";

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// How the journal reaches the disk.
#[derive(Debug, Clone, Default)]
pub(super) enum Disk {
    /// Directly.
    #[default]
    Real,
    /// Through a test's fault injection and recorder.
    #[cfg(test)]
    Faulty(std::sync::Arc<super::tests::faults::Faults>),
}

#[cfg_attr(not(test), expect(clippy::unused_self, reason = "only the fault injection of tests needs it"))]
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
    pub(super) fn write_zeros(&self, file: &File, offset: u64, bytes: u64) -> io::Result<()> {
        #[cfg(test)]
        if let Self::Faulty(faults) = self {
            faults.before_write_zeros()?;
        }
        let mut left = bytes;
        while left > 0 {
            let chunk = left.min(ZEROS.len() as u64);
            file.write_all_at(&ZEROS[..usize::try_from(chunk).expect("at most 64 KiB")], offset + bytes - left)?;
            left -= chunk;
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

    /// Creates the file `path` with `bytes`, durably and atomically, replacing an existing one.
    pub(super) fn create(&self, path: &Path, bytes: &[u8]) -> io::Result<File> {
        let temporary = path.with_extension(TEMPORARY_EXTENSION);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&temporary)?;
        self.write(&file, bytes, 0)?;
        self.sync(&file)?;
        std::fs::rename(&temporary, path)?;
        sync_directory(path.parent().unwrap_or(Path::new(".")))?;
        Ok(file)
    }

    /// Free bytes on the disk for unprivileged users.
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

/// Makes the directory entries of `dir` durable.
pub(super) fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
