//! Lock that allows only one service per data directory.

use std::{fs::File, path::Path};

use anyhow::Context;

/// Held while a process uses the directory; the operating system releases it when the process ends.
#[derive(Debug)]
pub struct DataLock(#[expect(dead_code, reason = "held, not used")] File);

impl DataLock {
    /// Locks the directory; fails if another process has locked it.
    pub fn acquire(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(std::fs::TryLockError::WouldBlock) => {
                anyhow::bail!(
                    "another ashna is already running on {}; stop it or use another --data-dir",
                    data_dir.display()
                )
            }
            Err(std::fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }
}
