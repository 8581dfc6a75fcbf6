//! Links of files that are only appended to or replaced, and the engine's frozen parts.

use std::{fs, io, path::Path};

use super::{
    BackupError, SnapshotFile,
    workspace::{self, shadow},
};
use crate::store::FrozenTable;

/// How often the files of message ids are linked before the backup gives up, because they were merged meanwhile.
const TRIES: u32 = 10;

/// Links the files of message ids.
pub(super) fn message_ids(data_dir: &Path, directory: &Path) -> Result<Vec<SnapshotFile>, BackupError> {
    let (source, target) = (data_dir.join("dedup"), directory.join("dedup"));
    let failed = BackupError::files("link the message ids in", &source);
    let mut tries = 0;
    loop {
        match link_message_ids(&source, &target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => tries += 1,
            linked => {
                linked.map_err(&failed)?;
                break;
            }
        }
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(&target).map_err(&failed)? {
        let path = entry.map_err(&failed)?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            files.push(workspace::file(data_dir, &path, &["dedup/", name].concat())?);
        }
    }
    Ok(files)
}

/// The log first: if it becomes a bucket meanwhile, its ids are in both.
fn link_message_ids(source: &Path, target: &Path) -> io::Result<()> {
    fs::remove_dir_all(target)?;
    fs::create_dir(target)?;
    match fs::hard_link(source.join("current.log"), target.join("current.log")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        linked => linked?,
    }
    for entry in fs::read_dir(source)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "bucket")
            && let Some(name) = path.file_name()
        {
            fs::hard_link(&path, target.join(name))?;
        }
    }
    Ok(())
}

/// The names of a table's frozen parts; adds their files.
pub(super) fn frozen_parts(
    data_dir: &Path,
    name: &str,
    table: &FrozenTable,
    files: &mut Vec<SnapshotFile>,
) -> Result<Vec<String>, BackupError> {
    let prefix = table.uuid.get(..3).unwrap_or_default();
    let directory = shadow(data_dir).join(name).join("store").join(prefix).join(&table.uuid);
    let failed = BackupError::files("read", &directory);
    let mut parts = Vec::new();
    let entries = match fs::read_dir(&directory) {
        // A table without rows.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(parts),
        entries => entries.map_err(&failed)?,
    };
    for entry in entries {
        let path = entry.map_err(&failed)?.path();
        let Some(part) = path.file_name().and_then(|part| part.to_str()).map(str::to_owned) else { continue };
        if !path.is_dir() {
            continue;
        }
        let target = ["tables/", &table.name, "/", &part].concat();
        add_files(data_dir, &path, &target, files)?;
        parts.push(part);
    }
    Ok(parts)
}

/// Adds the files of a part, and of projections in it.
fn add_files(
    data_dir: &Path,
    directory: &Path,
    target: &str,
    files: &mut Vec<SnapshotFile>,
) -> Result<(), BackupError> {
    let failed = BackupError::files("read", directory);
    for entry in fs::read_dir(directory).map_err(&failed)? {
        let path = entry.map_err(&failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let inner = [target, "/", name].concat();
        if path.is_dir() {
            add_files(data_dir, &path, &inner, files)?;
        } else {
            files.push(workspace::file(data_dir, &path, &inner)?);
        }
    }
    Ok(())
}
