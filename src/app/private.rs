//! File permissions of the data directory, which contains keys, password hashes and visitors' events: only its owner has
//! access.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::Context as _;

/// Ashna's files in the directory; folders protect their contents.
const OWN: &[&str] = &[
    "ashna.sock",
    "backup",
    "control.sqlite",
    "control.sqlite-shm",
    "control.sqlite-wal",
    "daily-salts",
    "dedup",
    "delivery.json",
    "engine",
    "erasures.ndjson",
    "journal",
    "lock",
    "quarantine",
    "reserve",
    "restore-unfinished",
    "tables",
];

const STICKY: u32 = 0o1000;
/// Permissions of the group and of others.
const OTHERS: u32 = 0o077;

/// Creates the directory, accessible only to its owner. An existing directory is restricted if it contains only Ashna's
/// data; any other, such as `/tmp`, is left as it is, and only Ashna's files in it are restricted.
pub(super) fn prepare(data_dir: &Path) -> anyhow::Result<()> {
    let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
    created.with_context(|| format!("cannot create {}", data_dir.display()))?;
    // A directory with nothing else in it is Ashna's; a sticky one, such as `/tmp`, is shared on purpose.
    let is_own =
        |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|entry| OWN.iter().any(|name| entry.file_name() == *name));
    let has_nothing_else = || fs::read_dir(data_dir).is_ok_and(|mut entries| entries.all(is_own));
    let is_shared = fs::metadata(data_dir)?.mode() & STICKY != 0;
    let is_ours = !is_shared && (data_dir.join("control.sqlite").exists() || has_nothing_else());
    if is_ours && restrict(data_dir).with_context(|| cannot_restrict(data_dir))? {
        tracing::warn!(path = %data_dir.display(), "the data directory was accessible to other users; its permissions are now restricted");
    }
    for name in OWN {
        let path = data_dir.join(name);
        restrict(&path).with_context(|| cannot_restrict(&path))?;
    }
    if !is_ours && fs::metadata(data_dir)?.mode() & OTHERS != 0 {
        tracing::warn!(
            path = %data_dir.display(),
            "other users can list the data directory, but not read Ashna's files; `chmod 700` restricts the directory too"
        );
    }
    Ok(())
}

fn cannot_restrict(path: &Path) -> String {
    format!(
        "{} is accessible to other users and its permissions cannot be changed; run `chmod go=` on it as its owner",
        path.display()
    )
}

/// Removes other users' permissions; returns whether they had any.
fn restrict(path: &Path) -> io::Result<bool> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        result => result?,
    };
    // Targets of symbolic links are up to their owner.
    if metadata.is_symlink() || metadata.mode() & OTHERS == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, fs::Permissions::from_mode(metadata.mode() & 0o7777 & !OTHERS))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_new_directory_is_accessible_only_to_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a/b");
        prepare(&data).unwrap();
        assert_eq!(mode(&data), 0o700);
    }

    #[test]
    fn an_existing_directory_is_restricted_with_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        fs::write(data.join("control.sqlite"), "").unwrap();
        fs::create_dir(data.join("journal")).unwrap();
        for (path, before) in [(data, 0o755), (&data.join("control.sqlite"), 0o644), (&data.join("journal"), 0o755)] {
            set_mode(path, before);
        }
        prepare(data).unwrap();
        assert_eq!(mode(data), 0o700);
        assert_eq!((mode(&data.join("control.sqlite")), mode(&data.join("journal"))), (0o600, 0o700));
    }

    #[test]
    fn a_shared_directory_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o1777);
        prepare(folder.path()).unwrap();
        assert_eq!(mode(folder.path()), 0o1777);
    }
}
