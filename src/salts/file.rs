//! The file of salts: a line for each, `DAY HEX`, today's first. Readable by its owner alone.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use super::Salt;

/// Its name in the data directory.
pub(super) const NAME: &str = "daily-salts";
const BYTES_MAX: u64 = 1000;

/// The salts of the file; none when there is no file or it is torn.
pub(super) fn read(path: &Path) -> Vec<Salt> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text));
    if let Err(error) = read {
        if error.kind() != io::ErrorKind::NotFound {
            tracing::warn!(%error, "the salts of the day cannot be read: new ones are drawn");
        }
        return Vec::new();
    }
    text.lines().take(3).filter_map(salt).collect()
}

fn salt(line: &str) -> Option<Salt> {
    let (day, hex) = line.split_once(' ')?;
    let bytes = *blake3::Hash::from_hex(hex).ok()?.as_bytes();
    Some(Salt { day: day.parse().ok()?, bytes })
}

/// Puts these salts in the place of the old ones, and destroys the old file's content.
pub(super) fn replace(path: &Path, salts: &[Salt]) -> io::Result<()> {
    let old = OpenOptions::new().write(true).open(path);
    if salts.is_empty() {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    } else {
        let new = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        for Salt { day, bytes } in salts {
            writeln!(file, "{day} {}", blake3::Hash::from_bytes(*bytes).to_hex())?;
        }
        file.sync_all()?;
        fs::rename(&new, path)?;
    }
    if let Some(parent) = path.parent() {
        File::open(parent)?.sync_all()?;
    }
    match old {
        Ok(mut old) => {
            let length = old.metadata()?.len().min(BYTES_MAX);
            old.write_all(&vec![b'0'; usize::try_from(length).unwrap_or_default()])?;
            old.sync_all()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
