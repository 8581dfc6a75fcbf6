//! The data directory is its owner's alone: it holds keys, password hashes and visitors' events.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use anyhow::Context as _;

/// Everything of ours in the directory; what lies in folders is closed with them.
const OWN: &[&str] = &[
    "ashna.sock",
    "control.sqlite",
    "control.sqlite-shm",
    "control.sqlite-wal",
    "daily-salts",
    "dedup",
    "delivery.json",
    "engine",
    "journal",
    "lock",
    "quarantine",
    "reserve",
];

const STICKY: u32 = 0o1000;
/// Rights of the group and of everybody else.
const OTHERS: u32 = 0o077;

/// Makes the directory, readable by its owner alone. One that is there already and is open to other users is
/// closed if it holds our data; any other, such as `/tmp`, is left as it is, and only what is ours in it is closed.
pub(super) fn prepare(data_dir: &Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
    made.with_context(|| format!("cannot create {}", data_dir.display()))?;
    // One with nothing else in it was made for us; a sticky one, such as `/tmp`, is shared on purpose.
    let is_own =
        |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|entry| OWN.iter().any(|own| entry.file_name() == *own));
    let has_nothing_else = || fs::read_dir(data_dir).is_ok_and(|mut entries| entries.all(is_own));
    let is_shared = fs::metadata(data_dir)?.mode() & STICKY != 0;
    let is_ours = !is_shared && (data_dir.join("control.sqlite").exists() || has_nothing_else());
    if is_ours && close(data_dir).with_context(|| cannot_close(data_dir))? {
        tracing::warn!(path = %data_dir.display(), "the data directory was open to other users; it is closed now");
    }
    for name in OWN {
        let path = data_dir.join(name);
        close(&path).with_context(|| cannot_close(&path))?;
    }
    if !is_ours && fs::metadata(data_dir)?.mode() & OTHERS != 0 {
        tracing::warn!(
            path = %data_dir.display(),
            "other users may look into the data directory; its files are closed to them. `chmod 700` closes it too"
        );
    }
    Ok(())
}

fn cannot_close(path: &Path) -> String {
    format!("{} is open to other users and cannot be closed; `chmod go= ` it as its owner", path.display())
}

/// Takes other users' rights away; whether they had any.
fn close(path: &Path) -> io::Result<bool> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        found => found?,
    };
    // Where a link leads its owner knows.
    if found.is_symlink() || found.mode() & OTHERS == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, fs::Permissions::from_mode(found.mode() & 0o7777 & !OTHERS))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn open(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_new_directory_is_the_owner_s_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a/b");
        prepare(&data).unwrap();
        assert_eq!(mode(&data), 0o700);
    }

    #[test]
    fn an_older_one_is_closed_with_all_that_is_ours() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        fs::write(data.join("control.sqlite"), "").unwrap();
        fs::create_dir(data.join("journal")).unwrap();
        for (path, before) in [(data, 0o755), (&data.join("control.sqlite"), 0o644), (&data.join("journal"), 0o755)] {
            open(path, before);
        }
        prepare(data).unwrap();
        assert_eq!(mode(data), 0o700);
        assert_eq!((mode(&data.join("control.sqlite")), mode(&data.join("journal"))), (0o600, 0o700));
    }

    #[test]
    fn a_directory_of_others_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), 0o1777);
        prepare(folder.path()).unwrap();
        assert_eq!(mode(folder.path()), 0o1777);
    }
}
