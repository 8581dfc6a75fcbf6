//! Rows that the warehouse will not take, each with its reason: one JSON line a record, fsynced.
//!
//! `events.ndjson` only grows; `replayed.ndjson` names those of its records that the warehouse took
//! after all, so that a crash between leaves nothing half done. Only erasing a visitor writes the first file once more,
//! as a new one that then replaces it: the lines stay, for the invariants, and what they held is gone.
//! Files are read line by line and once an order; how large they may become is bounded by whoever adds.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _},
    ops::Range,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
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

/// Names one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Name {
    /// Which journal.
    pub journal: u64,
    /// Its place in it.
    pub position: Position,
}

/// The directory of refused rows.
#[derive(Debug)]
pub struct Quarantine {
    path: PathBuf,
    replayed: PathBuf,
    /// Held while `path` changes: what is added must not go into a file that is being replaced.
    changing: Mutex<()>,
}

/// Why a line holds nothing any more.
const ERASED: &str = "erased with its visitor";

impl Quarantine {
    /// Opens it, making it when it is not there.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let [path, replayed] = ["events.ndjson", "replayed.ndjson"].map(|name| directory.join(name));
        Ok(Self { path, replayed, changing: Mutex::default() })
    }

    /// Adds lines and waits until they are on disk. A line cut short by a crash is ended first, so
    /// that it harms no other.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn add(&self, entries: &[Entry]) -> io::Result<()> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        append(&self.path, entries)
    }

    /// Empties the lines whose record is to go, replayed ones included, durably. Returns how many there were. Lines
    /// that cannot be read stay as they are.
    ///
    /// # Errors
    /// When the disk refuses; the old file is in place then.
    pub fn erase(&self, is_to_go: impl Fn(&[u8]) -> bool) -> io::Result<u64> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_theirs = |entry: &Entry| entry.bytes().is_some_and(|record| is_to_go(&record));
        let mut erased = 0;
        let mut lines = Lines::open(&self.path)?;
        while let Some(line) = lines.next()? {
            erased += u64::from(serde_json::from_slice(line).is_ok_and(|entry| is_theirs(&entry)));
        }
        if erased == 0 {
            return Ok(0);
        }
        let new = self.path.with_extension("new");
        let written = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        let mut out = BufWriter::new(written);
        let mut lines = Lines::open(&self.path)?;
        while let Some(line) = lines.next()? {
            match serde_json::from_slice::<Entry>(line) {
                Ok(entry) if is_theirs(&entry) => {
                    let empty = Entry { payload: String::new(), reason: ERASED.into(), ..entry };
                    serde_json::to_writer(&mut out, &empty)?;
                }
                _ => out.write_all(line.strip_suffix(b"\n").unwrap_or(line))?,
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
    pub fn list(&self, limit: usize) -> io::Result<Vec<Entry>> {
        self.reading()?.next(limit)
    }

    /// Reads the lines that are not replayed, some at a time: each file is read once.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn reading(&self) -> io::Result<Reading> {
        Ok(Reading { gone: self.names_replayed()?, lines: Lines::open(&self.path)? })
    }

    /// Which positions of a range of this journal are in quarantine now: neither stored nor to be sent again.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn positions(&self, journal: u64, range: &Range<Position>) -> io::Result<HashSet<Position>> {
        let mut reading = self.reading()?;
        let mut found = HashSet::new();
        while let [entry, ..] = reading.next(1)?.as_slice() {
            let end = entry.position.0.saturating_add(entry.records);
            if entry.journal == journal {
                found.extend((entry.position.0.max(range.start.0)..end.min(range.end.0)).map(Position));
            }
        }
        Ok(found)
    }

    /// Bytes of its lines.
    ///
    /// # Errors
    /// When the file cannot be looked at.
    pub fn bytes(&self) -> io::Result<u64> {
        match fs::metadata(&self.path) {
            Ok(file) => Ok(file.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Notes that the warehouse took this record after all, durably.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn note_replayed(&self, name: Name) -> io::Result<()> {
        append(&self.replayed, &[name])
    }

    /// How many records of this journal were replayed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn replayed(&self, journal: u64) -> io::Result<u64> {
        Ok(self.names_replayed()?.iter().filter(|name| name.journal == journal).count() as u64)
    }

    fn names_replayed(&self) -> io::Result<HashSet<Name>> {
        let mut names = HashSet::new();
        let mut lines = Lines::open(&self.replayed)?;
        while let Some(line) = lines.next()? {
            names.extend(serde_json::from_slice::<Name>(line));
        }
        Ok(names)
    }
}

/// Goes once through the lines that are not replayed. A crash between a line and the checkpoint writes it again: each
/// record comes once.
#[derive(Debug)]
pub struct Reading {
    /// Replayed, or handed out.
    gone: HashSet<Name>,
    lines: Lines,
}

impl Reading {
    /// The next lines, at most `limit`; none: that was all.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next(&mut self, limit: usize) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        while entries.len() < limit
            && let Some(line) = self.lines.next()?
        {
            // Torn and foreign ones are passed over.
            let Ok(entry) = serde_json::from_slice::<Entry>(line) else { continue };
            if self.gone.insert(Name { journal: entry.journal, position: entry.position }) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }
}

/// The lines of a file, one at a time; none where there is no file.
#[derive(Debug)]
struct Lines {
    reader: Option<BufReader<File>>,
    line: Vec<u8>,
}

impl Lines {
    fn open(path: &Path) -> io::Result<Self> {
        let reader = match File::open(path) {
            Ok(file) => Some(BufReader::new(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { reader, line: Vec::new() })
    }

    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        self.line.clear();
        let read = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line)?;
        Ok((read > 0).then_some(self.line.as_slice()))
    }
}

/// Appends lines and waits until they are on disk.
fn append(path: &Path, lines: &[impl Serialize]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut text = Vec::from(if is_torn(path)? { "\n" } else { "" });
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(&text)?;
    file.sync_all()?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

/// Whether a crash cut the last line short.
fn is_torn(path: &Path) -> io::Result<bool> {
    use std::io::{Seek as _, SeekFrom};
    let mut file = match File::open(path) {
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

#[cfg(test)]
mod tests;
