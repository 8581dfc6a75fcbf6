//! The directory `backup` in the data directory, where a snapshot is while it is copied.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use super::{BackupError, SnapshotFile};
use crate::model::Timestamp;

/// Name of the directory.
pub const DIRECTORY: &str = "backup";
/// Prefix of snapshots, also in the engine's directory of frozen tables.
const PREFIX: &str = "ashna_backup_";

/// Where snapshots are.
#[derive(Debug, Clone)]
pub struct Workspace {
    directory: PathBuf,
    /// The engine's frozen tables.
    shadow: PathBuf,
}

/// Held while a snapshot is copied. The operating system releases it when the process ends.
#[derive(Debug)]
pub struct WorkspaceLock(#[expect(dead_code, reason = "held, not used")] File);

impl Workspace {
    /// That of a data directory.
    #[must_use]
    pub fn of(data_dir: &Path) -> Self {
        Self { directory: data_dir.join(DIRECTORY), shadow: shadow(data_dir) }
    }

    /// Locks it; `None` if a backup is running.
    ///
    /// # Errors
    /// If its lock file cannot be used.
    pub fn try_lock(&self) -> Result<Option<WorkspaceLock>, BackupError> {
        create_private(&self.directory).map_err(BackupError::files("create", &self.directory))?;
        let path = self.directory.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(BackupError::files("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(WorkspaceLock(file))),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(BackupError::files("lock", &path)(error)),
        }
    }

    /// Removes all snapshots.
    ///
    /// # Errors
    /// If files cannot be removed.
    pub fn clear(&self) -> Result<(), BackupError> {
        for directory in [&self.directory, &self.shadow] {
            let entries = match fs::read_dir(directory) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(BackupError::files("read", directory))?,
            };
            for entry in entries {
                let path = entry.map_err(BackupError::files("read", directory))?.path();
                if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX)) {
                    fs::remove_dir_all(&path).map_err(BackupError::files("remove", &path))?;
                }
            }
        }
        Ok(())
    }

    /// Creates the directory of a snapshot.
    pub(super) fn create(&self, name: &str) -> Result<PathBuf, BackupError> {
        let directory = self.directory.join(name);
        for folder in ["journal", "dedup", "quarantine"] {
            create_private(&directory.join(folder)).map_err(BackupError::files("create", &directory))?;
        }
        Ok(directory)
    }
}

/// The engine's directory of frozen tables.
pub(super) fn shadow(data_dir: &Path) -> PathBuf {
    data_dir.join("engine").join("data").join("shadow")
}

/// The name of a snapshot.
pub(super) fn name_at(at: Timestamp) -> String {
    [PREFIX, &at.0.to_string()].concat()
}

/// A path relative to the data directory.
pub(super) fn relative(data_dir: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(data_dir).unwrap_or(path).to_owned()
}

/// A file with its present length.
pub(super) fn file(data_dir: &Path, source: &Path, path: &str) -> Result<SnapshotFile, BackupError> {
    let bytes = fs::metadata(source).map_err(BackupError::files("read", source))?.len();
    Ok(SnapshotFile { source: relative(data_dir, source), path: path.to_owned(), bytes })
}

fn create_private(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}
