//! Reads a range of the journal into rows that are ready to be sent.
//!
//! The same range always gives the same rows: its deduplication token depends on it. Blocks on the disk.

use std::{collections::HashSet, io, ops::Range, sync::Arc};

use bytes::Bytes;

use super::{batcher::BatchLimits, quarantine::QuarantineEntry};
use crate::{
    config,
    journal::{Journal, ReadError, Reader, Record},
    model::Position,
    store::{Block, InsertBatch},
};

/// Records of one read from the journal.
const RECORDS: usize = 1024;

/// A range of the journal, read and decoded.
pub(super) struct LoadedRange {
    pub(super) rows: InsertBatch,
    /// Records that are not sent: undecodable or lost.
    pub(super) rejected: Vec<QuarantineEntry>,
    pub(super) rejected_records: u64,
    /// Rejected records that the journal lost: an earlier attempt may have stored them.
    pub(super) lost_records: u64,
    /// The record of the first row, for the quarantine if it is alone and refused.
    pub(super) first_row: Option<(Position, Bytes)>,
}

/// Where a range ends.
enum RangeEnd<'c> {
    At(Position),
    /// When the batch is full, or at this position; without the records that are in quarantine.
    BatchWithin(BatchLimits<'c>, Position, &'c HashSet<Position>),
    /// When the batch is full, or at the journal's durable end.
    Batch(BatchLimits<'c>),
}

/// Reads range after range, with one reader and one block for all.
pub(super) struct RangeReader {
    journal: Arc<Journal>,
    reader: Reader,
    block: Block,
}

impl RangeReader {
    pub(super) fn new(journal: Arc<Journal>, from: Position) -> Self {
        let reader = journal.reader(from);
        Self { journal, reader, block: Block::default() }
    }

    /// The next batch from `start` on. Empty if nothing more is durable.
    pub(super) fn next_batch(&mut self, start: Position, config: &config::Delivery) -> io::Result<LoadedRange> {
        self.read(start, RangeEnd::Batch(BatchLimits::new(config)))
    }

    /// A batch of delivered records from `range.start` on, without those in `quarantined`.
    pub(super) fn delivered_batch(
        &mut self,
        range: &Range<Position>,
        config: &config::Delivery,
        quarantined: &HashSet<Position>,
    ) -> io::Result<LoadedRange> {
        self.read(range.start, RangeEnd::BatchWithin(BatchLimits::new(config), range.end, quarantined))
    }

    /// Exactly this range.
    pub(super) fn exact(&mut self, range: Range<Position>) -> io::Result<LoadedRange> {
        let loaded = self.read(range.start, RangeEnd::At(range.end))?;
        if loaded.rows.range.end < range.end {
            return Err(io::Error::other("the journal ends before the pending batch"));
        }
        Ok(loaded)
    }

    fn read(&mut self, start: Position, mut end: RangeEnd<'_>) -> io::Result<LoadedRange> {
        if self.reader.position() != start {
            self.reader = self.journal.reader(start);
        }
        self.block.clear();
        let mut loaded = LoadedRange::new(self.journal.id(), start);
        'full: loop {
            let at = loaded.rows.range.end;
            let records_max = match &end {
                RangeEnd::At(end) if at >= *end => break,
                RangeEnd::At(end) => usize::try_from(end.0 - at.0).unwrap_or(usize::MAX),
                RangeEnd::BatchWithin(limits, end, _) if limits.is_full() || at >= *end => break,
                RangeEnd::BatchWithin(limits, end, _) => {
                    limits.events_left().min(usize::try_from(end.0 - at.0).unwrap_or(usize::MAX))
                }
                RangeEnd::Batch(limits) if limits.is_full() => break,
                RangeEnd::Batch(limits) => limits.events_left(),
            };
            match self.reader.read(records_max.min(RECORDS), usize::MAX) {
                Ok(records) if records.is_empty() => break,
                Ok(records) => {
                    for record in records {
                        if let RangeEnd::BatchWithin(_, _, quarantined) = &end
                            && quarantined.contains(&record.position)
                        {
                            loaded.rows.range.end = record.position.plus(1);
                            continue;
                        }
                        // The reader is then past the end; it is replaced for the next range.
                        if let RangeEnd::Batch(limits) | RangeEnd::BatchWithin(limits, ..) = &mut end
                            && !limits.try_add(record.payload.first().copied(), record.payload.len())
                        {
                            break 'full;
                        }
                        loaded.add(self.journal.id(), &record, &mut self.block);
                    }
                }
                Err(ReadError::Lost(lost)) => {
                    let lost = match end {
                        RangeEnd::At(end) | RangeEnd::BatchWithin(_, end, _) => lost.start..lost.end.min(end),
                        RangeEnd::Batch(_) => lost,
                    };
                    loaded.add_lost(self.journal.id(), &lost);
                    if !matches!(end, RangeEnd::At(_)) {
                        break;
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        (loaded.rows.version, loaded.rows.count) = (self.block.version(), self.block.rows());
        loaded.rows.chunks = self.block.take();
        Ok(loaded)
    }
}

impl LoadedRange {
    fn new(journal: u64, start: Position) -> Self {
        let rows = InsertBatch { version: 0, journal, range: start..start, chunks: Vec::new(), count: 0, epoch: 0 };
        Self { rows, rejected: Vec::new(), rejected_records: 0, lost_records: 0, first_row: None }
    }

    /// Adds a record as a row; rejects one that cannot be decoded.
    fn add(&mut self, journal: u64, record: &Record, block: &mut Block) {
        self.rows.range.end = record.position.plus(1);
        match block.push(journal, record.position, &record.payload) {
            Ok(()) => {
                // A copy: a reference would keep the whole chunk in memory.
                self.first_row.get_or_insert_with(|| (record.position, Bytes::copy_from_slice(&record.payload)));
            }
            Err(error) => {
                tracing::error!(position = %record.position, %error, "a record goes to quarantine");
                self.rejected_records += 1;
                let entry = QuarantineEntry::refused(journal, record.position, &error.to_string(), &record.payload);
                self.rejected.push(entry);
            }
        }
    }

    /// If `stored` distinct rows of the range are stored: how many records that the journal lost are among them.
    /// `None` if lost records do not explain the number.
    pub(super) fn stored_lost_records(&self, stored: u64) -> Option<u64> {
        let found = stored.checked_sub(self.rows.count as u64)?;
        (found > 0 && found <= self.lost_records).then_some(found)
    }

    /// Removes so many lost records from the rejected ones, because they are stored.
    pub(super) fn mark_lost_stored(&mut self, mut records: u64) {
        self.rejected_records -= records;
        for entry in self.rejected.iter_mut().filter(|entry| entry.payload.is_empty()) {
            let stored = records.min(entry.records);
            entry.records -= stored;
            records -= stored;
        }
        self.rejected.retain(|entry| entry.records > 0);
    }

    fn add_lost(&mut self, journal: u64, lost: &Range<Position>) {
        self.rows.range.end = lost.end;
        self.rejected_records += lost.end.0 - lost.start.0;
        self.lost_records += lost.end.0 - lost.start.0;
        self.rejected.push(QuarantineEntry::lost(journal, lost));
    }
}
