//! The checkpoint: what is delivered and what is about to be sent, on disk before it is sent.
//!
//! It is kept twice, `delivery.json` and a copy in the journal's folder, each with a checksum: without
//! it the stretches that were sent, and with them the tokens by which the warehouse recognizes them,
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
    /// Stretches to be sent exactly so, in order, the first one beginning at `delivered`.
    pending: Vec<Range<Position>>,
    inserted: u64,
    quarantined: u64,
    /// How often it was saved: of two files the one with more is the newer.
    #[serde(default)]
    saved: u64,
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
                    "both delivery checkpoints are lost: what the journal still holds is sent again, and what of it \
                     was delivered before may be stored twice"
                );
            }
            let mut fresh =
                Self { journal, delivered: first, pending: Vec::new(), inserted: first.0, quarantined: 0, saved: 0 };
            // From now on there is one, so that its absence means a loss; and room for it on a disk that fills.
            fresh.save(places)?;
            return Ok(fresh);
        };
        if state.delivered > next {
            return Err(io::Error::other(format!(
                "it says {} are delivered, but the journal ends at {next}",
                state.delivered
            )));
        }
        Ok(state)
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

    /// The stretches to send now, in order.
    pub fn pending(&self) -> &[Range<Position>] {
        &self.pending
    }

    /// One past the last record that is delivered or in a stretch to be sent.
    pub fn intended(&self) -> Position {
        self.pending.last().map_or(self.delivered, |last| last.end)
    }

    /// Intends to send everything from there to `end` as one more batch.
    pub fn intend(&mut self, end: Position) {
        self.pending.push(self.intended()..end);
    }

    /// Intends to send the first stretch as two. False when it is a single record.
    pub fn split(&mut self) -> bool {
        let Some(whole) = self.pending.first().filter(|range| range.end.0 - range.start.0 > 1).cloned() else {
            return false;
        };
        let middle = Position(whole.start.0.midpoint(whole.end.0));
        self.pending.splice(0..1, [whole.start..middle, middle..whole.end]);
        true
    }

    /// The first stretch is done; `quarantined` of its records were not stored.
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
mod tests {
    use super::*;

    /// A data directory with a journal's folder.
    fn places() -> (tempfile::TempDir, Places) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("journal")).unwrap();
        let places = Places::of(dir.path());
        (dir, places)
    }

    fn load(places: &Places) -> State {
        State::load(places, 7, Position(0), Position(1000)).unwrap()
    }

    #[test]
    fn a_split_keeps_every_position_and_the_law() {
        let (_dir, places) = places();
        let mut state = load(&places);
        state.intend(Position(5));
        assert!(state.split());
        assert_eq!(state.pending, [Position(0)..Position(2), Position(2)..Position(5)]);
        state.save(&places).unwrap();
        let mut state = load(&places);
        state.done(0);
        assert!(state.split());
        assert!(!state.split(), "a single record");
        state.done(1);
        state.done(0);
        assert_eq!(state.progress(), Progress { delivered: Position(5), inserted: 4, quarantined: 1 });
        assert_eq!(state.pending(), []);
    }

    #[test]
    fn two_stretches_are_done_in_order_and_the_first_may_be_halved_before_the_second() {
        let (_dir, places) = places();
        let mut state = load(&places);
        state.intend(Position(4));
        assert_eq!(state.intended(), Position(4));
        state.intend(Position(10));
        state.save(&places).unwrap();
        let mut state = load(&places);
        assert_eq!((state.intended(), state.progress().delivered), (Position(10), Position(0)));
        assert!(state.split());
        assert_eq!(state.pending(), [Position(0)..Position(2), Position(2)..Position(4), Position(4)..Position(10)]);
        for (end, quarantined) in [(2, 0), (4, 2), (10, 0)] {
            state.done(quarantined);
            assert_eq!(state.progress().delivered, Position(end));
        }
        assert_eq!(state.progress(), Progress { delivered: Position(10), inserted: 8, quarantined: 2 });
        assert_eq!(state.intended(), Position(10));
    }

    #[test]
    fn another_journal_begins_anew_and_an_impossible_checkpoint_is_refused() {
        let (_dir, places) = places();
        let mut state = load(&places);
        state.intend(Position(9));
        state.done(0);
        state.save(&places).unwrap();
        assert!(State::load(&places, 7, Position(0), Position(3)).is_err());
        let other = State::load(&places, 8, Position(0), Position(3)).unwrap();
        assert_eq!(other.progress(), Progress::default());
        assert_eq!(State::load(&places, 8, Position(0), Position(3)).unwrap(), other, "it is kept at once");
    }

    #[test]
    fn either_file_alone_is_enough_and_the_newer_one_counts() {
        let (_dir, places) = places();
        let mut state = load(&places);
        state.intend(Position(100));
        state.save(&places).unwrap();
        let before = fs::read(&places.0[0]).unwrap();
        state.done(0);
        state.intend(Position(150));
        state.save(&places).unwrap();
        for lost in 0..2 {
            let kept = fs::read(&places.0[lost]).unwrap();
            fs::remove_file(&places.0[lost]).unwrap();
            assert_eq!(load(&places), state, "without {lost}");
            fs::write(&places.0[lost], &before).unwrap();
            assert_eq!(load(&places), state, "an older {lost}");
            fs::write(&places.0[lost], kept).unwrap();
        }
    }

    #[test]
    fn damage_is_noticed_at_any_byte_and_a_torn_write_too() {
        let (_dir, places) = places();
        let mut state = load(&places);
        state.intend(Position(100));
        state.save(&places).unwrap();
        let whole = fs::read(&places.0[0]).unwrap();
        let text = whole.iter().rposition(|byte| *byte != b'\n').unwrap() + 2;
        for at in 0..text {
            let mut damaged = whole.clone();
            damaged[at] ^= 4;
            fs::write(&places.0[0], &damaged).unwrap();
            assert_eq!(load(&places), state, "byte {at}");
            fs::write(&places.0[0], &whole[..at]).unwrap();
            assert_eq!(load(&places), state, "cut at {at}");
        }
        let before = state.clone();
        state.done(0);
        state.intend(Position(12_345));
        fs::write(&places.0[0], &whole).unwrap();
        state.save(&places).unwrap();
        let after = fs::read(&places.0[0]).unwrap();
        assert_eq!(after.len(), whole.len(), "no more room is needed");
        for at in 0..text {
            // The first was being written when the lights went out; the second is as it was.
            fs::write(&places.0[0], [&after[..at], &whole[at..]].concat()).unwrap();
            fs::write(&places.0[1], &whole).unwrap();
            let found = load(&places);
            assert!(found == before || found == state, "torn at {at}: {found:?}");
        }
    }

    #[test]
    fn a_checkpoint_of_an_earlier_version_is_read() {
        let (dir, places) = places();
        let text = r#"{"journal":7,"delivered":5,"pending":[{"start":5,"end":9}],"inserted":4,"quarantined":1}"#;
        fs::write(dir.path().join("delivery.json"), text).unwrap();
        assert_eq!(load(&places).pending(), [Position(5)..Position(9)]);
    }
}
