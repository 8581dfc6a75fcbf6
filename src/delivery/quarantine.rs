//! Rows that the warehouse will not take, each with its reason: one JSON line a record, fsynced.
//!
//! `events.ndjson` only grows; `replayed.ndjson` names those of its records that the warehouse took
//! after all, so that a crash between leaves nothing half done. Only erasing a visitor writes the first anew, beside
//! the old one, which it then replaces: the lines stay, for the laws, and what they held is gone.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
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

    /// Empties the lines whose record is to go, replayed ones included, durably. Tells how many there were.
    ///
    /// # Errors
    /// When the disk refuses; the old file is in place then.
    pub fn erase(&self, is_to_go: impl Fn(&[u8]) -> bool) -> io::Result<u64> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut erased, mut lines) = (0, Vec::new());
        each_line(&self.path, |mut entry: Entry| {
            if entry.bytes().is_some_and(|record| is_to_go(&record)) {
                erased += 1;
                (entry.payload, entry.reason) = (String::new(), ERASED.into());
            }
            lines.push(entry);
            true
        })?;
        if erased > 0 {
            let new = self.path.with_extension("new");
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => append(&new, &lines)?,
            }
            fs::rename(&new, &self.path)?;
            self.path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())?;
        }
        Ok(erased)
    }

    /// The first `limit` lines that are not replayed and lie behind `after`, without repeats: a crash
    /// between a line and the checkpoint writes it again.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn list(&self, limit: usize, after: Option<Name>) -> io::Result<Vec<Entry>> {
        let mut gone = self.names_replayed()?;
        let mut waiting_for = after;
        let mut entries = Vec::new();
        each_line(&self.path, |entry: Entry| {
            let name = Name { journal: entry.journal, position: entry.position };
            if gone.insert(name) && waiting_for.is_none() {
                entries.push(entry);
            }
            if waiting_for == Some(name) {
                waiting_for = None;
            }
            entries.len() < limit
        })?;
        Ok(entries)
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
        each_line(&self.replayed, |name| {
            names.insert(name);
            true
        })?;
        Ok(names)
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

/// Hands over each whole line until told to stop; torn and foreign ones are passed over.
fn each_line<T: for<'a> Deserialize<'a>>(path: &Path, mut hand_over: impl FnMut(T) -> bool) -> io::Result<()> {
    let mut reader = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let Ok(value) = serde_json::from_slice(&line) else { continue };
        if !hand_over(value) {
            return Ok(());
        }
    }
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
mod tests {
    use super::*;

    fn name(entry: &Entry) -> Name {
        Name { journal: entry.journal, position: entry.position }
    }

    #[test]
    fn lines_survive_a_torn_neighbour_and_are_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::open(&dir.path().join("q")).unwrap();
        assert_eq!(quarantine.list(9, None).unwrap(), []);
        let first = Entry::refused(1, Position(4), "bad", b"\0row");
        quarantine.add(std::slice::from_ref(&first)).unwrap();
        OpenOptions::new().append(true).open(&quarantine.path).unwrap().write_all(b"{\"journal\":1,\"pos").unwrap();
        let second = Entry::lost(1, &(Position(5)..Position(9)));
        quarantine.add(&[first.clone(), second.clone()]).unwrap();
        assert_eq!(first.bytes().unwrap(), b"\0row");
        assert_eq!(quarantine.list(9, None).unwrap(), [first.clone(), second.clone()]);
        assert_eq!(quarantine.list(9, Some(name(&first))).unwrap(), [second]);
        assert_eq!(quarantine.list(1, None).unwrap(), [first]);
    }

    #[test]
    fn what_is_erased_is_gone_from_the_file_and_its_line_stays() {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::open(dir.path()).unwrap();
        assert_eq!(quarantine.erase(|_| true).unwrap(), 0, "there is no file yet");
        let [theirs, other] =
            [(4, b"theirs"), (5, b"others")].map(|(at, row)| Entry::refused(1, Position(at), "bad", row));
        let lost = Entry::lost(1, &(Position(6)..Position(9)));
        quarantine.add(&[theirs.clone(), other.clone(), lost.clone()]).unwrap();
        quarantine.note_replayed(name(&other)).unwrap();
        fs::write(quarantine.path.with_extension("new"), "left by a crash").unwrap();
        assert_eq!(quarantine.erase(|record| record == b"theirs").unwrap(), 1);
        assert!(!fs::read_to_string(&quarantine.path).unwrap().contains(&theirs.payload));
        let empty = Entry { payload: String::new(), reason: ERASED.into(), ..theirs };
        assert_eq!(quarantine.list(9, None).unwrap(), [empty, lost.clone()]);
        assert_eq!(quarantine.erase(|record| record == b"theirs").unwrap(), 0);
        assert_eq!(quarantine.erase(|record| record == b"others").unwrap(), 1, "replayed ones too");
        quarantine.add(&[Entry::refused(1, Position(10), "bad", b"new")]).unwrap();
        assert_eq!(quarantine.list(9, None).unwrap().len(), 3);
    }

    #[test]
    fn what_was_replayed_is_listed_no_more_and_counted_once() {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::open(dir.path()).unwrap();
        let [first, second] = [4, 5].map(|at| Entry::refused(1, Position(at), "bad", b"row"));
        quarantine.add(&[first.clone(), second.clone()]).unwrap();
        quarantine.note_replayed(name(&first)).unwrap();
        OpenOptions::new().append(true).open(&quarantine.replayed).unwrap().write_all(b"{\"jour").unwrap();
        quarantine.note_replayed(name(&first)).unwrap();
        quarantine.note_replayed(Name { journal: 2, position: Position(4) }).unwrap();
        assert_eq!(quarantine.list(9, None).unwrap(), [second]);
        assert_eq!((quarantine.replayed(1).unwrap(), quarantine.replayed(2).unwrap()), (1, 1));
    }
}
