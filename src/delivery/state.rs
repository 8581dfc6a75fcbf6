//! The checkpoint: what is delivered and what is about to be sent, on disk before it is sent.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    ops::Range,
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::Progress;
use crate::model::Position;

/// The file `delivery.json`.
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
}

impl State {
    /// Reads the checkpoint, or begins one when there is none or the journal is another one.
    pub fn load(path: &Path, journal: u64, first: Position, next: Position) -> io::Result<Self> {
        let fresh = Self { journal, delivered: first, pending: Vec::new(), inserted: first.0, quarantined: 0 };
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(fresh),
            Err(error) => return Err(error),
        };
        let state: Self = serde_json::from_slice(&text).map_err(io::Error::from)?;
        if state.journal != journal {
            tracing::warn!("the delivery checkpoint belongs to another journal: beginning anew");
            return Ok(fresh);
        }
        if state.delivered > next {
            return Err(io::Error::other(format!(
                "it says {} are delivered, but the journal ends at {next}",
                state.delivered
            )));
        }
        Ok(state)
    }

    /// Writes it so that a crash leaves the old or the new one.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        let temporary = path.with_extension("json.new");
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec(self).map_err(io::Error::from)?)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }

    /// What others may know.
    pub fn progress(&self) -> Progress {
        Progress { delivered: self.delivered, inserted: self.inserted, quarantined: self.quarantined }
    }

    /// The stretch to send now.
    pub fn pending(&self) -> Option<Range<Position>> {
        self.pending.first().cloned()
    }

    /// Intends to send everything from `delivered` to `end` as one batch.
    pub fn intend(&mut self, end: Position) {
        self.pending = vec![self.delivered..end];
    }

    /// Intends to send the first stretch as two. False when it is a single record.
    pub fn split(&mut self) -> bool {
        let Some(whole) = self.pending().filter(|range| range.end.0 - range.start.0 > 1) else { return false };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(path: &Path) -> State {
        State::load(path, 7, Position(0), Position(1000)).unwrap()
    }

    #[test]
    fn a_split_keeps_every_position_and_the_law() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("delivery.json");
        let mut state = fresh(&path);
        state.intend(Position(5));
        assert!(state.split());
        assert_eq!(state.pending, [Position(0)..Position(2), Position(2)..Position(5)]);
        state.save(&path).unwrap();
        let mut state = fresh(&path);
        state.done(0);
        assert!(state.split());
        assert!(!state.split(), "a single record");
        state.done(1);
        state.done(0);
        assert_eq!(state.progress(), Progress { delivered: Position(5), inserted: 4, quarantined: 1 });
        assert_eq!(state.pending(), None);
    }

    #[test]
    fn another_journal_begins_anew_and_an_impossible_checkpoint_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("delivery.json");
        let mut state = fresh(&path);
        state.intend(Position(9));
        state.done(0);
        state.save(&path).unwrap();
        let other = State::load(&path, 8, Position(0), Position(3)).unwrap();
        assert_eq!(other.progress(), Progress::default());
        assert!(State::load(&path, 7, Position(0), Position(3)).is_err());
    }
}
