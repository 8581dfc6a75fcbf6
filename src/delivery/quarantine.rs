//! Rows that the warehouse will not take, each with its reason: one JSON line a record, fsynced.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    ops::Range,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::{
    clock,
    model::{Position, Timestamp},
};

/// Longer lines are not ours: an event has at most 32 KB.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// One line of the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which journal.
    pub journal: u64,
    /// First position; the line stands for `records` of them.
    pub position: Position,
    /// 1, or the length of a stretch that the journal lost.
    pub records: u64,
    /// Why it is here.
    pub reason: String,
    /// When it came here.
    pub at: Timestamp,
    /// The journal's record in base64; empty when it was lost.
    pub payload: String,
}

impl Entry {
    /// One record with its bytes.
    pub fn refused(journal: u64, position: Position, reason: &str, payload: &[u8]) -> Self {
        let reason = reason.chars().take(500).collect();
        Self { journal, position, records: 1, reason, at: clock::now(), payload: STANDARD.encode(payload) }
    }

    /// A stretch that the journal no longer has.
    pub fn lost(journal: u64, range: &Range<Position>) -> Self {
        Self {
            journal,
            position: range.start,
            records: range.end.0 - range.start.0,
            reason: "lost by the journal".into(),
            at: clock::now(),
            payload: String::new(),
        }
    }

    /// The record's bytes.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.payload).ok()
    }
}

/// The directory of refused rows.
#[derive(Debug)]
pub struct Quarantine {
    path: PathBuf,
}

impl Quarantine {
    /// Opens it, making it when it is not there.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        Ok(Self { path: directory.join("events.ndjson") })
    }

    /// Adds lines and waits until they are on disk. A line cut short by a crash is ended first, so
    /// that it harms no other.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn add(&self, entries: &[Entry]) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut text = Vec::from(if self.is_torn()? { "\n" } else { "" });
        for entry in entries {
            serde_json::to_writer(&mut text, entry)?;
            text.push(b'\n');
        }
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        file.write_all(&text)?;
        file.sync_all()?;
        self.path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }

    /// The first `limit` lines, without repeats: a crash between a line and the checkpoint writes it again.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn list(&self, limit: usize) -> io::Result<Vec<Entry>> {
        let mut reader = match File::open(&self.path) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        let mut line = Vec::new();
        while entries.len() < limit {
            line.clear();
            if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let Ok(entry) = serde_json::from_slice::<Entry>(&line) else { continue };
            if seen.insert((entry.journal, entry.position)) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    fn is_torn(&self) -> io::Result<bool> {
        use std::io::{Seek as _, SeekFrom};
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if file.metadata()?.len() == 0 {
            return Ok(false);
        }
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        Ok(last != *b"\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_a_torn_neighbour_and_are_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::open(&dir.path().join("q")).unwrap();
        assert_eq!(quarantine.list(9).unwrap(), []);
        let first = Entry::refused(1, Position(4), "bad", b"\0row");
        quarantine.add(std::slice::from_ref(&first)).unwrap();
        OpenOptions::new().append(true).open(&quarantine.path).unwrap().write_all(b"{\"journal\":1,\"pos").unwrap();
        let second = Entry::lost(1, &(Position(5)..Position(9)));
        quarantine.add(&[first.clone(), second.clone()]).unwrap();
        assert_eq!(first.bytes().unwrap(), b"\0row");
        assert_eq!(quarantine.list(9).unwrap(), [first.clone(), second]);
        assert_eq!(quarantine.list(1).unwrap(), [first]);
    }
}
