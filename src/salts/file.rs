//! The salt file: one line per salt, `DAY HEX`, today's first. Readable only by its owner.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// File name in the data directory.
pub(super) const NAME: &str = "daily-salts";
const BYTES_MAX: u64 = 1000;

/// The salt of one day.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Salt {
    /// Days since 1970, UTC.
    pub(super) day: i64,
    pub(super) bytes: [u8; 32],
}

impl Salt {
    pub(super) fn generate(day: i64) -> Self {
        Self { day, bytes: rand::random() }
    }
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Salt(of day {})", self.day)
    }
}

/// Returns the salts of the file; none if it is missing or damaged.
pub(super) fn read(path: &Path) -> Vec<Salt> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text));
    if let Err(error) = read {
        if error.kind() != io::ErrorKind::NotFound {
            tracing::warn!(%error, "cannot read the salts of the day; new ones are generated");
        }
        return Vec::new();
    }
    text.lines().take(3).filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Salt> {
    let (day, hex) = line.split_once(' ')?;
    let bytes = *blake3::Hash::from_hex(hex).ok()?.as_bytes();
    Some(Salt { day: day.parse().ok()?, bytes })
}

/// Replaces the file by these salts, and overwrites the old file's content.
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
