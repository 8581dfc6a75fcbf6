//! The checkpoint: which ranges are delivered and which are about to be sent, on disk before they are sent.
//!
//! It is stored twice, as `delivery.json` and as a copy in the journal's folder, each with a checksum: without
//! it the ranges that were sent, and so the tokens by which the warehouse recognizes them,
//! would be unknown. Both files are written before a range is sent; the newer readable one is used. They are
//! written in place, one after the other: that needs no space on a full disk, where only delivery can free
//! space, and an interrupted write leaves the other file intact.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    ops::Range,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::types::Progress;
use crate::model::Position;

/// File lengths are multiples of this, so that a longer checkpoint seldom needs more space.
const FILE_BYTES: usize = 4096;

/// The JSON document in a file, before the line with its checksum. The field names are the file format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The journal that the positions belong to.
    journal: u64,
    delivered: Position,
    /// Ranges to send with exactly these bounds, in order; the first one begins at `delivered`.
    pending: Vec<PendingRange>,
    inserted: u64,
    quarantined: u64,
    /// The highest epoch used in a token.
    #[serde(default)]
    epoch: u32,
    /// Delivered records from here on may be unreadable: the journal keeps them until they are counted and read.
    #[serde(default, rename = "unproved")]
    unverified: Option<Position>,
    /// Records below are never sent again: rows of them may have been erased on purpose.
    #[serde(default)]
    resend_from: Position,
    /// Ranges that begin below may have been sent before, with other bounds.
    #[serde(default)]
    suspect_below: Position,
    /// Positions below were used by the journal that this one was restored from.
    #[serde(default)]
    used_below: Position,
    /// How often it was saved: the file with the higher number is the newer one.
    #[serde(default)]
    saved: u64,
}

/// A range that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingRange {
    start: Position,
    end: Position,
    /// Part of its token: 0, or a new number for each attempt after its stored rows were removed.
    #[serde(default)]
    pub epoch: u32,
    /// Whether its stored rows are removed before it is sent.
    #[serde(default)]
    pub replace: bool,
}

impl PendingRange {
    fn new(range: Range<Position>) -> Self {
        Self { start: range.start, end: range.end, epoch: 0, replace: false }
    }

    /// Its positions.
    pub fn range(&self) -> Range<Position> {
        self.start..self.end
    }
}

/// The paths of the two files.
#[derive(Debug, Clone)]
pub struct CheckpointPaths([PathBuf; 2]);

impl CheckpointPaths {
    /// One in the data directory, one next to the journal's segments, so that it moves with them.
    pub fn new(data_dir: &Path) -> Self {
        Self([data_dir.join("delivery.json"), data_dir.join("journal").join("delivery.json")])
    }
}

impl Checkpoint {
    /// Reads the checkpoint, or creates one if there is none for this journal.
    pub fn load(paths: &CheckpointPaths, journal: u64, first: Position, next: Position) -> io::Result<Self> {
        let mut newest: Option<Self> = None;
        for path in &paths.0 {
            let read = match read(path) {
                Ok(read) => read,
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "a delivery checkpoint cannot be used; using its copy");
                    continue;
                }
            };
            let Some(checkpoint) = read else { continue };
            if checkpoint.journal != journal {
                tracing::warn!(path = %path.display(), "a delivery checkpoint belongs to another journal");
            } else if newest.as_ref().is_none_or(|other| other.saved < checkpoint.saved) {
                newest = Some(checkpoint);
            }
        }
        let Some(checkpoint) = newest else {
            if next > Position(0) && first < next {
                tracing::error!(
                    from = %first, to = %next,
                    "both delivery checkpoints are lost: all records in the journal are sent again, each batch compared \
                     with its stored rows"
                );
            }
            let mut new = Self { journal, delivered: first, inserted: first.0, suspect_below: next, ..Self::empty() };
            // Saved at once, so that a missing file means a loss, and its space is allocated before the disk fills.
            new.save(paths)?;
            return Ok(new);
        };
        if checkpoint.planned_end() > next {
            return Err(io::Error::other(format!(
                "it knows the positions below {}, but the journal ends at {next}",
                checkpoint.planned_end()
            )));
        }
        Ok(checkpoint)
    }

    const fn empty() -> Self {
        Self {
            journal: 0,
            delivered: Position(0),
            pending: Vec::new(),
            inserted: 0,
            quarantined: 0,
            epoch: 0,
            unverified: None,
            resend_from: Position(0),
            suspect_below: Position(0),
            used_below: Position(0),
            saved: 0,
        }
    }

    /// One past the highest position of this journal in a readable checkpoint. Positions below it belong to
    /// records that were sent or are about to be: they must never be reused.
    pub fn highest_position(paths: &CheckpointPaths, journal: u64) -> Position {
        let readable = paths.0.iter().filter_map(|path| read(path).ok().flatten());
        let of_journal = readable.filter(|checkpoint| checkpoint.journal == journal);
        of_journal.map(|checkpoint| checkpoint.planned_end().max(checkpoint.used_below)).max().unwrap_or_default()
    }

    /// Writes both files, one after the other, so that a crash leaves at least one of them intact. It succeeds
    /// if one of them is on disk: the other is then older, and is not used.
    pub fn save(&mut self, paths: &CheckpointPaths) -> io::Result<()> {
        self.saved += 1;
        let text = self.text()?;
        let [first, second] = paths.0.each_ref().map(|path| {
            let written = write(path, &text);
            if let Err(error) = &written {
                tracing::error!(path = %path.display(), %error, "a delivery checkpoint cannot be written");
            }
            written
        });
        first.or(second)
    }

    /// The content of a file.
    pub fn text(&self) -> io::Result<Vec<u8>> {
        let mut text = serde_json::to_vec(self).map_err(io::Error::from)?;
        let checksum = crc32fast::hash(&text);
        writeln!(text, "\n{checksum:08x}")?;
        Ok(text)
    }

    /// The public counters.
    pub fn progress(&self) -> Progress {
        Progress { delivered: self.delivered, inserted: self.inserted, quarantined: self.quarantined }
    }

    /// The ranges to send, in order.
    pub fn pending(&self) -> &[PendingRange] {
        &self.pending
    }

    /// One past the last record that is delivered or in a pending range.
    pub fn planned_end(&self) -> Position {
        self.pending.last().map_or(self.delivered, |last| last.end)
    }

    /// Adds the records from there to `end` as one more pending range.
    pub fn plan(&mut self, end: Position) {
        self.pending.push(PendingRange::new(self.planned_end()..end));
    }

    /// Splits the first range into two. False if it is a single record.
    pub fn split_first(&mut self) -> bool {
        let Some(whole) = self.pending.first().filter(|range| range.end.0 - range.start.0 > 1).cloned() else {
            return false;
        };
        let middle = Position(whole.start.0.midpoint(whole.end.0));
        let halves = [PendingRange { end: middle, ..whole.clone() }, PendingRange { start: middle, ..whole }];
        self.pending.splice(0..1, halves);
        true
    }

    /// Whether a range that begins there may have been sent before, unknown to this checkpoint.
    pub fn may_be_stored(&self, start: Position) -> bool {
        start < self.suspect_below
    }

    /// The end of what may have been sent before, if it lies within a range.
    pub fn suspects_within(&self, range: &Range<Position>) -> Option<Position> {
        Some(self.suspect_below).filter(|end| range.start < *end && *end < range.end)
    }

    /// Another copy of the journal went on: it may have stored the records below `end`, and used positions below `used`.
    pub fn follow(&mut self, end: Position, used: Position) {
        self.suspect_below = self.suspect_below.max(end);
        self.used_below = self.used_below.max(used);
    }

    /// Marks the first range to be replaced: its stored rows are removed, and it is sent with a new token.
    pub fn replace_first(&mut self) {
        let epoch = self.next_epoch();
        if let Some(first) = self.pending.first_mut() {
            (first.epoch, first.replace) = (epoch, true);
        }
    }

    /// An epoch that no token has used. Save the checkpoint before using it.
    pub fn next_epoch(&mut self) -> u32 {
        self.epoch += 1;
        self.epoch
    }

    /// Delivered records from here on must be counted and read before the journal releases them.
    pub fn unverified(&self) -> Option<Position> {
        self.unverified
    }

    /// Marks delivered records from `from` on as unverified, except those that may have been erased since.
    pub fn mark_unverified(&mut self, from: Position) {
        let from = from.max(self.resend_from).min(self.delivered);
        self.unverified = Some(self.unverified.map_or(from, |before| before.min(from)));
    }

    /// Marks delivered records below `to` as verified; `None`: all of them, and later ones are trusted again.
    pub fn mark_verified(&mut self, to: Option<Position>) {
        self.unverified = to;
    }

    /// Records that are delivered now are never sent again.
    pub fn forget_delivered(&mut self) {
        self.resend_from = self.delivered;
        self.unverified = self.unverified.map(|from| from.max(self.delivered));
    }

    /// Records below are no longer needed in the journal.
    pub fn releasable(&self) -> Position {
        self.unverified.map_or(self.delivered, |from| from.min(self.delivered))
    }

    /// Counts so many inserted records as quarantined instead.
    pub fn move_to_quarantine(&mut self, records: u64) {
        self.inserted -= records;
        self.quarantined += records;
    }

    /// Completes the first range, of which `quarantined` records were not stored.
    pub fn complete_first(&mut self, quarantined: u64) {
        if self.pending.is_empty() {
            return;
        }
        let range = self.pending.remove(0);
        self.delivered = range.end;
        self.quarantined += quarantined;
        self.inserted += (range.end.0 - range.start.0) - quarantined;
    }
}

/// Reads one file; `None` if it does not exist. A file of an earlier version has no checksum.
fn read(path: &Path) -> io::Result<Option<Checkpoint>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let (json, checksum) = text.split_once('\n').unwrap_or((&text, ""));
    let expected = format!("{:08x}", crc32fast::hash(json.as_bytes()));
    let checksum = checksum.trim_end_matches('\n');
    if !checksum.is_empty() && checksum != expected {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is wrong"));
    }
    serde_json::from_str(json).map(Some).map_err(io::Error::from)
}

/// Overwrites a file in place, durably.
fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let file = File::options().write(true).create(true).truncate(false).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(FILE_BYTES);
    let is_new = length == 0;
    let mut padded = text.to_vec();
    padded.resize(text.len().max(length).next_multiple_of(FILE_BYTES), b'\n');
    file.write_all_at(&padded, 0)?;
    file.sync_all()?;
    if is_new {
        path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
