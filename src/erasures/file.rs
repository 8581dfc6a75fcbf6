//! The file of tombstones: one JSON object per line.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::model::{SiteId, Timestamp};

/// That someone was erased. The field names are the file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// The site.
    #[serde(rename = "site_id")]
    pub site: SiteId,
    /// Hash of the visitor id or user id.
    #[serde(serialize_with = "to_hex", deserialize_with = "from_hex")]
    pub hash: u128,
    /// When.
    pub erased_at: Timestamp,
}

fn to_hex<S: serde::Serializer>(hash: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format!("{hash:032x}"))
}

fn from_hex<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
    let text = String::deserialize(deserializer)?;
    u128::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
}

/// All readable lines; none if there is no file.
pub(super) fn read(path: &Path) -> io::Result<Vec<Tombstone>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let read = lines.filter_map(|line| {
        let parsed = serde_json::from_str(line);
        parsed.inspect_err(|error| tracing::warn!(path = %path.display(), %error, "an unreadable tombstone")).ok()
    });
    Ok(read.collect())
}

/// Appends lines and syncs. A line truncated by a crash is ended first.
pub(super) fn append(path: &Path, tombstones: &[Tombstone]) -> io::Result<()> {
    let is_torn = fs::read(path).is_ok_and(|bytes| bytes.last().is_some_and(|last| *last != b'\n'));
    let mut text = Vec::from(if is_torn { "\n" } else { "" });
    text.extend(lines(tombstones)?);
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(&text)?;
    file.sync_all()?;
    sync_directory(path)
}

/// Replaces the file.
pub(super) fn rewrite(path: &Path, tombstones: &[Tombstone]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&lines(tombstones)?)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_directory(path)
}

fn lines(tombstones: &[Tombstone]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for tombstone in tombstones {
        serde_json::to_writer(&mut text, tombstone)?;
        text.push(b'\n');
    }
    Ok(text)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}
