//! Reads durable records in order, across segments, and reports which ones are lost.

use std::{collections::VecDeque, fs::File, io, os::unix::fs::FileExt, sync::Arc};

use bytes::{Buf, Bytes};

use super::{
    Shared,
    error::ReadError,
    format::{self, BLOCK_HEADER, BlockHeader, FRAME_HEADER, SEGMENT_HEADER},
    scan::scan,
    segments,
};
use crate::model::Position;

/// Bytes of one read from the disk.
const CHUNK: usize = 256 << 10;

/// One durable record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its position in the journal.
    pub position: Position,
    /// The key it was pushed with.
    pub key: u128,
    /// The bytes it was pushed with; holds up to a chunk or a block of the file in memory.
    pub payload: Bytes,
}

/// Reads forward from a position. Blocks on the disk: do not use it on async threads.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    /// Position of the next record to return.
    next: Position,
    /// Intact frames that were read and not yet returned.
    staged: VecDeque<StagedFrames>,
    /// Every record below is staged, returned or lost.
    staged_to: Position,
    cursor: Option<SegmentCursor>,
}

#[derive(Debug)]
struct StagedFrames {
    first: Position,
    records: u64,
    frames: Bytes,
}

/// The open segment and its next block.
#[derive(Debug)]
struct SegmentCursor {
    file: File,
    segment: Position,
    offset: u64,
    /// Position of the first record of the block at `offset`.
    position: Position,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, from: Position) -> Self {
        Self { shared, next: from, staged: VecDeque::new(), staged_to: from, cursor: None }
    }

    /// Position of the next record to return.
    pub fn position(&self) -> Position {
        self.next
    }

    /// The next durable records: at most `records_max`, with payloads of at most `bytes_max` bytes in all
    /// (one record always fits). Empty if nothing more is durable yet.
    ///
    /// `ReadError::Lost` is returned once, after the records before it; the next call continues after it.
    pub fn read(&mut self, records_max: usize, bytes_max: usize) -> Result<Vec<Record>, ReadError> {
        let mut records = Vec::new();
        let mut bytes_left = bytes_max;
        while records.len() < records_max {
            let resumes = self.staged.front().map_or(self.staged_to, |staged| staged.first.max(self.next));
            if resumes > self.next {
                if !records.is_empty() {
                    break;
                }
                let lost = self.next..resumes;
                self.next = resumes;
                tracing::error!(from = %lost.start, to = %lost.end, "journal records are lost");
                return Err(ReadError::Lost(lost));
            }
            let Some(staged) = self.staged.front_mut() else {
                if self.stage()? {
                    continue;
                }
                break;
            };
            if let Some(record) =
                staged.next_record(self.next, if records.is_empty() { usize::MAX } else { bytes_left })
            {
                bytes_left = bytes_left.saturating_sub(record.payload.len());
                self.next = record.position.plus(1);
                records.push(record);
            } else if staged.records == 0 {
                self.staged.pop_front();
            } else {
                break;
            }
        }
        Ok(records)
    }

    /// Stages more durable records. False: there are no more yet.
    fn stage(&mut self) -> Result<bool, ReadError> {
        let durable = *self.shared.durable.borrow();
        if self.next > durable {
            return Err(ReadError::Ahead { from: self.next, end: durable });
        }
        if self.next == durable {
            return Ok(false);
        }
        let Some((segment, following)) = self.shared.segments.lock().holding(self.next) else {
            // Released or removed: everything before the first segment is gone.
            self.staged_to = self.shared.segments.lock().as_slice().first().map_or(durable, |first| first.first);
            return Ok(true);
        };
        let limit = following.unwrap_or(durable).min(durable);
        if self.cursor.as_ref().is_none_or(|cursor| cursor.segment != segment.first) {
            let file = File::open(segments::path_of(&self.shared.dir, segment.first))?;
            let offset = SEGMENT_HEADER as u64;
            self.cursor = Some(SegmentCursor { file, segment: segment.first, offset, position: segment.first });
        }
        let mut cursor = self.cursor.take().expect("set just above");
        if !self.stage_chunk(&mut cursor, limit)? {
            self.stage_damaged(&mut cursor, segment.bytes, limit)?;
        }
        self.cursor = Some(cursor);
        Ok(true)
    }

    /// Stages the intact blocks of one chunk. False: even its first block is damaged.
    fn stage_chunk(&mut self, cursor: &mut SegmentCursor, limit: Position) -> io::Result<bool> {
        let mut chunk = read_up_to(&cursor.file, cursor.offset, CHUNK)?;
        if let Some(block) = BlockHeader::decode(&chunk, 0, self.shared.id)
            && block.size() > chunk.len()
            && block.first == cursor.position
        {
            chunk = read_up_to(&cursor.file, cursor.offset, block.size())?;
        }
        let mut any = false;
        while cursor.position < limit {
            let Some(block) = BlockHeader::decode(&chunk, 0, self.shared.id) else { break };
            if block.first != cursor.position || block.end() > limit || block.size() > chunk.len() {
                break;
            }
            let frames = chunk.slice(BLOCK_HEADER..block.size());
            if block.end() > self.next {
                if !format::all_intact(&frames, block.records) {
                    break;
                }
                self.staged.push_back(StagedFrames { first: block.first, records: u64::from(block.records), frames });
            }
            chunk.advance(block.size());
            cursor.offset += block.size() as u64;
            cursor.position = block.end();
            any = true;
        }
        self.staged_to = self.staged_to.max(cursor.position.max(self.next));
        Ok(any)
    }

    /// Stages the intact frames in the first `length` bytes of a damaged segment, up to `limit`.
    fn stage_damaged(&mut self, cursor: &mut SegmentCursor, length: u64, limit: Position) -> io::Result<()> {
        let bytes = read_up_to(&cursor.file, 0, usize::try_from(length).unwrap_or(usize::MAX))?;
        let scan = scan(&bytes, self.shared.id, cursor.segment, Some(limit));
        for damaged in &scan.damaged {
            if let Err(error) = segments::save_corrupt(&self.shared.dir, cursor.segment, &bytes, damaged) {
                tracing::warn!(%error, "cannot save a copy of damaged journal bytes");
            }
        }
        tracing::error!(segment = %cursor.segment, places = scan.damaged.len(), "a journal segment is damaged");
        for run in scan.runs.into_iter().filter(|run| run.first.plus(run.records) > self.next) {
            let frames = bytes.slice(run.frames);
            self.staged.push_back(StagedFrames { first: run.first, records: run.records, frames });
        }
        cursor.offset = scan.offset as u64;
        cursor.position = limit;
        self.staged_to = limit;
        Ok(())
    }
}

impl StagedFrames {
    /// The record at `next`, skipping earlier ones, if its payload has at most `bytes_max` bytes.
    fn next_record(&mut self, next: Position, bytes_max: usize) -> Option<Record> {
        while self.records > 0 {
            let frame = format::frame_at(&self.frames, 0).expect("staged frames are intact");
            let wanted = self.first >= next;
            if wanted && frame.end - FRAME_HEADER > bytes_max {
                return None;
            }
            let mut payload = self.frames.split_to(frame.end);
            let position = self.first;
            self.first = position.plus(1);
            self.records -= 1;
            if wanted {
                let key = format::key_of(&payload);
                payload.advance(FRAME_HEADER);
                return Some(Record { position, key, payload });
            }
        }
        None
    }
}

/// At most `bytes_max` bytes from `offset` on; fewer at the end of the file.
fn read_up_to(file: &File, offset: u64, bytes_max: usize) -> io::Result<Bytes> {
    let left = file.metadata()?.len().saturating_sub(offset);
    let mut bytes = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(bytes_max)];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes.into())
}
