//! Rows that the warehouse refuses, each with its reason: one JSON line per record, fsynced.
//!
//! `events.ndjson` is append-only; `replayed.ndjson` lists those of its records that were stored
//! later, so that a crash between the two is harmless. Only erasing a visitor rewrites the first file, atomically:
//! the lines stay, for the invariants, without their payload.
//! Each command reads a file once, line by line; the caller of `add` bounds the size.

mod lines;

#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write as _},
    ops::Range,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lines::{LineReader, append};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{
    clock,
    model::{Position, Timestamp},
};

/// One line of the quarantine. The field names are the file format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineEntry {
    /// The journal's id.
    pub journal: u64,
    /// The first of `records` positions.
    pub position: Position,
    /// 1, or the length of a range that the journal lost.
    pub records: u64,
    /// Why it was quarantined.
    pub reason: String,
    /// When it was quarantined.
    pub at: Timestamp,
    /// The journal's record in base64; empty if it was lost or erased.
    pub payload: String,
}

impl QuarantineEntry {
    /// A refused record with its bytes.
    pub fn refused(journal: u64, position: Position, reason: &str, payload: &[u8]) -> Self {
        let reason = reason.chars().take(500).collect();
        Self { journal, position, records: 1, reason, at: clock::now(), payload: STANDARD.encode(payload) }
    }

    /// A range that the journal lost.
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

/// Identifies one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RecordId {
    /// The journal's id.
    pub journal: u64,
    /// Its position in the journal.
    pub position: Position,
}

/// The directory of refused rows.
#[derive(Debug)]
pub struct Quarantine {
    path: PathBuf,
    replayed: PathBuf,
    /// Held while `path` changes: lines must not be added to a file that is being replaced.
    write_lock: Mutex<()>,
}

/// The reason of a line whose payload was erased.
const ERASED: &str = "erased with its visitor";

impl Quarantine {
    /// Opens the directory, or creates it.
    ///
    /// # Errors
    /// When the directory cannot be created.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let [path, replayed] = ["events.ndjson", "replayed.ndjson"].map(|name| directory.join(name));
        Ok(Self { path, replayed, write_lock: Mutex::default() })
    }

    /// Adds lines and waits until they are on disk. A line truncated by a crash is ended first, so
    /// that it does not damage the next one.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn add(&self, entries: &[QuarantineEntry]) -> io::Result<()> {
        let _lock = self.write_lock.lock();
        append(&self.path, entries)
    }

    /// Erases the payload of every line whose record matches, including replayed ones, durably. Returns how many there
    /// were. Unreadable lines stay as they are.
    ///
    /// # Errors
    /// When the disk fails; the old file is then still in place.
    pub fn erase(&self, matches: impl Fn(&[u8]) -> bool) -> io::Result<u64> {
        let _lock = self.write_lock.lock();
        let is_match = |entry: &QuarantineEntry| entry.bytes().is_some_and(|record| matches(&record));
        let mut erased = 0;
        let mut lines = LineReader::open(&self.path)?;
        while let Some(line) = lines.next_line()? {
            erased += u64::from(serde_json::from_slice(line).is_ok_and(|entry| is_match(&entry)));
        }
        if erased == 0 {
            return Ok(0);
        }
        let new = self.path.with_extension("new");
        let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let mut out = BufWriter::new(written);
        let mut lines = LineReader::open(&self.path)?;
        while let Some(line) = lines.next_line()? {
            match serde_json::from_slice::<QuarantineEntry>(line) {
                Ok(entry) if is_match(&entry) => {
                    let empty = QuarantineEntry { payload: String::new(), reason: ERASED.into(), ..entry };
                    serde_json::to_writer(&mut out, &empty)?;
                }
                _ => {
                    out.write_all(line.strip_suffix(b"\n").unwrap_or(line))?;
                    lines.copy_rest(&mut out)?;
                }
            }
            out.write_all(b"\n")?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&new, &self.path)?;
        self.path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())?;
        Ok(erased)
    }

    /// The first `limit` lines that are not replayed, without repeats.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn list(&self, limit: usize) -> io::Result<Vec<QuarantineEntry>> {
        self.reader()?.next(limit)
    }

    /// A reader of the lines that are not replayed; it reads each file once.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn reader(&self) -> io::Result<QuarantineReader> {
        Ok(QuarantineReader { skipped: self.replayed_ids()?, lines: LineReader::open(&self.path)? })
    }

    /// The positions of a range of this journal that are in quarantine now: not stored, and not to be sent again.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn positions(&self, journal: u64, range: &Range<Position>) -> io::Result<HashSet<Position>> {
        let mut reader = self.reader()?;
        let mut found = HashSet::new();
        while let [entry, ..] = reader.next(1)?.as_slice() {
            let end = entry.position.0.saturating_add(entry.records);
            if entry.journal == journal {
                found.extend((entry.position.0.max(range.start.0)..end.min(range.end.0)).map(Position));
            }
        }
        Ok(found)
    }

    /// The paths of both files.
    pub(super) fn paths(&self) -> [&Path; 2] {
        [&self.path, &self.replayed]
    }

    /// Size of the file in bytes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn bytes(&self) -> io::Result<u64> {
        match fs::metadata(&self.path) {
            Ok(file) => Ok(file.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Marks this record as stored by a replay, durably.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn mark_replayed(&self, id: RecordId) -> io::Result<()> {
        append(&self.replayed, &[id])
    }

    /// Counts the replayed records of this journal.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn count_replayed(&self, journal: u64) -> io::Result<u64> {
        Ok(self.replayed_ids()?.iter().filter(|id| id.journal == journal).count() as u64)
    }

    fn replayed_ids(&self) -> io::Result<HashSet<RecordId>> {
        let mut ids = HashSet::new();
        let mut lines = LineReader::open(&self.replayed)?;
        while let Some(line) = lines.next_line()? {
            ids.extend(serde_json::from_slice::<RecordId>(line));
        }
        Ok(ids)
    }
}

/// Reads the lines that are not replayed, each record once: a crash between a line and the checkpoint writes the line
/// again.
#[derive(Debug)]
pub struct QuarantineReader {
    /// Replayed or already returned records.
    skipped: HashSet<RecordId>,
    lines: LineReader,
}

impl QuarantineReader {
    /// The next lines, at most `limit`; empty at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next(&mut self, limit: usize) -> io::Result<Vec<QuarantineEntry>> {
        let mut entries = Vec::new();
        while entries.len() < limit
            && let Some(line) = self.lines.next_line()?
        {
            // Torn and invalid lines are skipped.
            let Ok(entry) = serde_json::from_slice::<QuarantineEntry>(line) else { continue };
            if self.skipped.insert(RecordId { journal: entry.journal, position: entry.position }) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }
}
