//! The checkpoint: what is delivered and what is about to be sent, on disk before it is sent.
//!
//! It is kept twice, `delivery.json` and a copy in the journal's folder, each with a checksum: without
//! it the ranges that were sent, and with them the tokens by which the warehouse recognizes them,
//! would be unknown. Both are written before anything is sent; the newer readable one counts. They are
//! written in place, one after the other: that needs no room on a full disk, where draining the journal is
//! what makes room again, and a write that is cut short leaves the other.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    ops::Range,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Progress;
use crate::model::Position;

/// Files are this long or a multiple of it, so that a longer text seldom needs more room.
const FILE_BYTES: usize = 4096;

/// What a file holds before the line with its checksum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Which journal the positions are of.
    journal: u64,
    delivered: Position,
    /// Ranges to be sent exactly so, in order, the first one beginning at `delivered`.
    pending: Vec<Pending>,
    inserted: u64,
    quarantined: u64,
    /// The highest epoch that a token was made with.
    #[serde(default)]
    epoch: u32,
    /// What is delivered from here on is not known to be readable: the journal keeps it until it was counted and read.
    #[serde(default)]
    unproved: Option<Position>,
    /// What lies below is never sent again: rows of it may have been erased on purpose.
    #[serde(default)]
    resend_from: Position,
    /// Ranges that begin below it may have been sent before, within other bounds.
    #[serde(default)]
    suspect_below: Position,
    /// How often it was saved: of two files the one with more is the newer.
    #[serde(default)]
    saved: u64,
}

/// One range that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    start: Position,
    end: Position,
    /// Part of its token: 0, or the number of the attempt after what was there of it had been removed.
    #[serde(default)]
    pub epoch: u32,
    /// What is there of it is removed before it is sent.
    #[serde(default)]
    pub replace: bool,
}

impl Pending {
    fn new(range: Range<Position>) -> Self {
        Self { start: range.start, end: range.end, epoch: 0, replace: false }
    }

    /// Its positions.
    pub fn range(&self) -> Range<Position> {
        self.start..self.end
    }
}

/// Where the two are.
#[derive(Debug, Clone)]
pub struct Places([PathBuf; 2]);

impl Places {
    /// In the data directory, and beside the journal's segments, with which it would be moved.
    pub fn of(data_dir: &Path) -> Self {
        Self([data_dir.join("delivery.json"), data_dir.join("journal").join("delivery.json")])
    }
}

impl State {
    /// Reads the checkpoint, or begins one when there is none or the journal is another one.
    pub fn load(places: &Places, journal: u64, first: Position, next: Position) -> io::Result<Self> {
        let mut newest: Option<Self> = None;
        for path in &places.0 {
            let found = match read(path) {
                Ok(found) => found,
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "a delivery checkpoint cannot be used; its copy counts");
                    continue;
                }
            };
            let Some(state) = found else { continue };
            if state.journal != journal {
                tracing::warn!(path = %path.display(), "a delivery checkpoint belongs to another journal");
            } else if newest.as_ref().is_none_or(|other| other.saved < state.saved) {
                newest = Some(state);
            }
        }
        let Some(state) = newest else {
            if next > Position(0) && first < next {
                tracing::error!(
                    from = %first, to = %next,
                    "both delivery checkpoints are lost: what the journal still holds is sent again, each batch compared \
                     with what the warehouse has of it"
                );
            }
            let mut fresh = Self { journal, delivered: first, inserted: first.0, suspect_below: next, ..Self::empty() };
            // From now on there is one, so that its absence means a loss; and room for it on a disk that fills.
            fresh.save(places)?;
            return Ok(fresh);
        };
        if state.intended() > next {
            return Err(io::Error::other(format!(
                "it knows the positions below {}, but the journal ends at {next}",
                state.intended()
            )));
        }
        Ok(state)
    }

    const fn empty() -> Self {
        Self {
            journal: 0,
            delivered: Position(0),
            pending: Vec::new(),
            inserted: 0,
            quarantined: 0,
            epoch: 0,
            unproved: None,
            resend_from: Position(0),
            suspect_below: Position(0),
            saved: 0,
        }
    }

    /// One past the highest position of this journal that a readable checkpoint names. Positions below it stand for
    /// records that were sent or are about to be: they must never be given to others.
    pub fn highest(places: &Places, journal: u64) -> Position {
        let known = places.0.iter().filter_map(|path| read(path).ok().flatten());
        known.filter(|state| state.journal == journal).map(|state| state.intended()).max().unwrap_or_default()
    }

    /// Writes both, one after the other, so that a crash leaves at least one of them whole. It succeeds
    /// when one of them is on disk: the other is then older, and does not count.
    pub fn save(&mut self, places: &Places) -> io::Result<()> {
        self.saved += 1;
        let mut text = serde_json::to_vec(self).map_err(io::Error::from)?;
        let checksum = crc32fast::hash(&text);
        writeln!(text, "\n{checksum:08x}")?;
        let [one, two] = places.0.each_ref().map(|path| {
            let written = write(path, &text);
            if let Err(error) = &written {
                tracing::error!(path = %path.display(), %error, "a delivery checkpoint cannot be written");
            }
            written
        });
        one.or(two)
    }

    /// What others may know.
    pub fn progress(&self) -> Progress {
        Progress { delivered: self.delivered, inserted: self.inserted, quarantined: self.quarantined }
    }

    /// The ranges to send now, in order.
    pub fn pending(&self) -> &[Pending] {
        &self.pending
    }

    /// One past the last record that is delivered or in a range to be sent.
    pub fn intended(&self) -> Position {
        self.pending.last().map_or(self.delivered, |last| last.end)
    }

    /// Intends to send everything from there to `end` as one more batch.
    pub fn intend(&mut self, end: Position) {
        self.pending.push(Pending::new(self.intended()..end));
    }

    /// Intends to send the first range as two. False when it is a single record.
    pub fn split(&mut self) -> bool {
        let Some(whole) = self.pending.first().filter(|range| range.end.0 - range.start.0 > 1).cloned() else {
            return false;
        };
        let middle = Position(whole.start.0.midpoint(whole.end.0));
        let halves = [Pending { end: middle, ..whole.clone() }, Pending { start: middle, ..whole }];
        self.pending.splice(0..1, halves);
        true
    }

    /// Whether the range that begins there may have been sent before, unknown to this checkpoint.
    pub fn is_suspect(&self, start: Position) -> bool {
        start < self.suspect_below
    }

    /// What the warehouse has of the first range is to be removed, and the range sent under a token of its own.
    pub fn replace_first(&mut self) {
        let epoch = self.next_epoch();
        if let Some(first) = self.pending.first_mut() {
            (first.epoch, first.replace) = (epoch, true);
        }
    }

    /// An epoch that no token was made with; to be saved before one is.
    pub fn next_epoch(&mut self) -> u32 {
        self.epoch += 1;
        self.epoch
    }

    /// From where on what is delivered must be counted and read before the journal lets go of it.
    pub fn unproved(&self) -> Option<Position> {
        self.unproved
    }

    /// Trust in what is delivered from `from` on is lost; what may have been erased since is left out.
    pub fn doubt(&mut self, from: Position) {
        let from = from.max(self.resend_from).min(self.delivered);
        self.unproved = Some(self.unproved.map_or(from, |before| before.min(from)));
    }

    /// What is delivered below `to` is proved; `None`: all of it, and what follows is trusted again.
    pub fn proved(&mut self, to: Option<Position>) {
        self.unproved = to;
    }

    /// What is delivered now is never sent again.
    pub fn forget_delivered(&mut self) {
        self.resend_from = self.delivered;
        self.unproved = self.unproved.map(|from| from.max(self.delivered));
    }

    /// Below it the journal is no longer needed.
    pub fn releasable(&self) -> Position {
        self.unproved.map_or(self.delivered, |from| from.min(self.delivered))
    }

    /// So many records that were counted as inserted are in quarantine after all.
    pub fn refused_after_all(&mut self, records: u64) {
        self.inserted -= records;
        self.quarantined += records;
    }

    /// The first range is done; `quarantined` of its records were not stored.
    pub fn done(&mut self, quarantined: u64) {
        if self.pending.is_empty() {
            return;
        }
        let range = self.pending.remove(0);
        self.delivered = range.end;
        self.quarantined += quarantined;
        self.inserted += (range.end.0 - range.start.0) - quarantined;
    }
}

/// One file; `None` when it is not there. A file of an earlier version has no checksum.
fn read(path: &Path) -> io::Result<Option<State>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let (state, checksum) = text.split_once('\n').unwrap_or((&text, ""));
    let expected = format!("{:08x}", crc32fast::hash(state.as_bytes()));
    let checksum = checksum.trim_end_matches('\n');
    if !checksum.is_empty() && checksum != expected {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum does not fit"));
    }
    serde_json::from_str(state).map(Some).map_err(io::Error::from)
}

/// Writes a text over what was there, durably.
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
