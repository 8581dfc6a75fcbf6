//! Reading a stretch of the journal into rows that can be sent as they are.
//!
//! The same stretch always gives the same rows, or the token that stands for it would lie. Blocks on the disk.

use std::{collections::HashSet, io, ops::Range, sync::Arc};

use bytes::Bytes;

use super::{batcher::Cut, quarantine::Entry};
use crate::{
    config,
    journal::{Journal, ReadError, Reader, Record},
    model::Position,
    store::{Block, Rows},
};

/// Records asked from the journal at once.
const RECORDS: usize = 1024;

/// A stretch of the journal, read and sorted.
pub(super) struct Stretch {
    pub(super) rows: Rows,
    /// What will not be sent at all: not a row, or lost.
    pub(super) unfit: Vec<Entry>,
    pub(super) unfit_records: u64,
    /// Those of them that the journal lost: the warehouse may have them from an earlier attempt.
    pub(super) lost_records: u64,
    /// The first row's record, to be quarantined when it is alone and refused.
    pub(super) first: Option<(Position, Bytes)>,
}

/// Where a stretch ends.
enum End<'c> {
    At(Position),
    /// Where a batch is full, but not behind this position; without the records that are in quarantine.
    Within(Cut<'c>, Position, &'c HashSet<Position>),
    /// Where a batch is full, or the journal's durable end.
    Full(Cut<'c>),
}

/// Reads stretch after stretch, with one reader and one block for all.
pub(super) struct Gatherer {
    journal: Arc<Journal>,
    reader: Reader,
    block: Block,
}

impl Gatherer {
    pub(super) fn new(journal: Arc<Journal>, from: Position) -> Self {
        let reader = journal.reader(from);
        Self { journal, reader, block: Block::default() }
    }

    /// The next batch from `start` on. It is empty when nothing is durable yet.
    pub(super) fn batch(&mut self, start: Position, config: &config::Delivery) -> io::Result<Stretch> {
        self.gather(start, End::Full(Cut::new(config)))
    }

    /// A batch of what was delivered from `range.start` on, without the records in `refused`.
    pub(super) fn delivered(
        &mut self,
        range: &Range<Position>,
        config: &config::Delivery,
        refused: &HashSet<Position>,
    ) -> io::Result<Stretch> {
        self.gather(range.start, End::Within(Cut::new(config), range.end, refused))
    }

    /// Exactly this stretch.
    pub(super) fn exactly(&mut self, range: Range<Position>) -> io::Result<Stretch> {
        let stretch = self.gather(range.start, End::At(range.end))?;
        if stretch.rows.range.end < range.end {
            return Err(io::Error::other("the journal ends before the pending batch"));
        }
        Ok(stretch)
    }

    fn gather(&mut self, start: Position, mut end: End<'_>) -> io::Result<Stretch> {
        if self.reader.position() != start {
            self.reader = self.journal.reader(start);
        }
        self.block.clear();
        let mut stretch = Stretch::begin(self.journal.id(), start);
        'full: loop {
            let at = stretch.rows.range.end;
            let wanted = match &end {
                End::At(end) if at >= *end => break,
                End::At(end) => usize::try_from(end.0 - at.0).unwrap_or(usize::MAX),
                End::Within(cut, end, _) if cut.is_full() || at >= *end => break,
                End::Within(cut, end, _) => cut.events_left().min(usize::try_from(end.0 - at.0).unwrap_or(usize::MAX)),
                End::Full(cut) if cut.is_full() => break,
                End::Full(cut) => cut.events_left(),
            };
            match self.reader.read(wanted.min(RECORDS), usize::MAX) {
                Ok(records) if records.is_empty() => break,
                Ok(records) => {
                    for record in records {
                        if let End::Within(_, _, refused) = &end
                            && refused.contains(&record.position)
                        {
                            stretch.rows.range.end = record.position.plus(1);
                            continue;
                        }
                        // The reader is then ahead, and is placed again for the next stretch.
                        if let End::Full(cut) | End::Within(cut, ..) = &mut end
                            && !cut.takes(record.payload.first().copied(), record.payload.len())
                        {
                            break 'full;
                        }
                        stretch.put(self.journal.id(), &record, &mut self.block);
                    }
                }
                Err(ReadError::Lost(lost)) => {
                    let lost = match end {
                        End::At(end) | End::Within(_, end, _) => lost.start..lost.end.min(end),
                        End::Full(_) => lost,
                    };
                    stretch.put_lost(self.journal.id(), &lost);
                    if !matches!(end, End::At(_)) {
                        break;
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        (stretch.rows.version, stretch.rows.count) = (self.block.version(), self.block.rows());
        stretch.rows.pieces = self.block.take();
        Ok(stretch)
    }
}

impl Stretch {
    fn begin(journal: u64, start: Position) -> Self {
        let rows = Rows { version: 0, journal, range: start..start, pieces: Vec::new(), count: 0, epoch: 0 };
        Self { rows, unfit: Vec::new(), unfit_records: 0, lost_records: 0, first: None }
    }

    /// Adds a record as a row, unless it is none.
    fn put(&mut self, journal: u64, record: &Record, block: &mut Block) {
        self.rows.range.end = record.position.plus(1);
        match block.push(journal, record.position, &record.payload) {
            Ok(()) => {
                // A copy, or it would keep all that was read together with it.
                self.first.get_or_insert_with(|| (record.position, Bytes::copy_from_slice(&record.payload)));
            }
            Err(error) => {
                tracing::error!(position = %record.position, %error, "a record goes to quarantine");
                self.unfit_records += 1;
                self.unfit.push(Entry::refused(journal, record.position, &error.to_string(), &record.payload));
            }
        }
    }

    /// How many of the records that the journal lost are stored, when so many different rows of the range are.
    pub(super) fn found_of_lost(&self, stored: u64) -> Option<u64> {
        let found = stored.checked_sub(self.rows.count as u64)?;
        (found > 0 && found <= self.lost_records).then_some(found)
    }

    /// So many of the records that the journal lost are stored: they are not refused.
    pub(super) fn forgive(&mut self, mut records: u64) {
        self.unfit_records -= records;
        for entry in self.unfit.iter_mut().filter(|entry| entry.payload.is_empty()) {
            let some = records.min(entry.records);
            entry.records -= some;
            records -= some;
        }
        self.unfit.retain(|entry| entry.records > 0);
    }

    fn put_lost(&mut self, journal: u64, lost: &Range<Position>) {
        self.rows.range.end = lost.end;
        self.unfit_records += lost.end.0 - lost.start.0;
        self.lost_records += lost.end.0 - lost.start.0;
        self.unfit.push(Entry::lost(journal, lost));
    }
}
