//! Reads durable records in order, across segments, and says which ones are lost.

use std::{collections::VecDeque, fs::File, io, os::unix::fs::FileExt, sync::Arc};

use bytes::{Buf, Bytes};

use super::{
    Shared,
    error::ReadError,
    format::{self, BLOCK_HEADER, BlockHeader, FRAME_HEADER, SEGMENT_HEADER},
    lock,
    scan::scan,
    segments,
};
use crate::model::Position;

/// Bytes asked from the disk at once.
const CHUNK: usize = 256 << 10;

/// One durable record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the journal.
    pub position: Position,
    /// The key it was pushed with.
    pub key: u128,
    /// The bytes it was pushed with; keeps up to a chunk or a block of the file in memory.
    pub payload: Bytes,
}

/// A place in the journal that moves forward. Blocks on the disk: keep it off the async threads.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    /// Position of the record that comes next.
    next: Position,
    /// Intact frames that were read and not yet handed out.
    staged: VecDeque<Staged>,
    /// Every record below is staged, handed out or lost.
    staged_to: Position,
    place: Option<Place>,
}

#[derive(Debug)]
struct Staged {
    first: Position,
    records: u64,
    frames: Bytes,
}

/// The open segment and the block in it that comes next.
#[derive(Debug)]
struct Place {
    file: File,
    segment: Position,
    offset: u64,
    /// Position of the first record of the block at `offset`.
    position: Position,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, from: Position) -> Self {
        Self { shared, next: from, staged: VecDeque::new(), staged_to: from, place: None }
    }

    /// Position of the record that comes next.
    pub fn position(&self) -> Position {
        self.next
    }

    /// The next durable records: at most `records_max` of them, and no more once their payloads exceed
    /// `bytes_max` (one record always fits). Empty: nothing more is durable yet.
    ///
    /// `ReadError::Lost` comes once, after the records before it; the next call goes on behind it.
    pub fn read(&mut self, records_max: usize, bytes_max: usize) -> Result<Vec<Record>, ReadError> {
        let mut records = Vec::new();
        let mut room = bytes_max;
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
            if let Some(record) = staged.take(self.next, if records.is_empty() { usize::MAX } else { room }) {
                room = room.saturating_sub(record.payload.len());
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

    /// Stages more of what is durable. False: there is nothing more yet.
    fn stage(&mut self) -> Result<bool, ReadError> {
        let durable = *self.shared.durable.borrow();
        if self.next > durable {
            return Err(ReadError::Ahead { from: self.next, end: durable });
        }
        if self.next == durable {
            return Ok(false);
        }
        let Some((segment, following)) = lock(&self.shared.segments).holding(self.next) else {
            // Released, or taken away: whatever there was before the first segment is gone.
            self.staged_to = lock(&self.shared.segments).as_slice().first().map_or(durable, |first| first.first);
            return Ok(true);
        };
        let limit = following.unwrap_or(durable).min(durable);
        if self.place.as_ref().is_none_or(|place| place.segment != segment.first) {
            let file = File::open(segments::path_of(&self.shared.dir, segment.first))?;
            let offset = SEGMENT_HEADER as u64;
            self.place = Some(Place { file, segment: segment.first, offset, position: segment.first });
        }
        let mut place = self.place.take().expect("set just above");
        if !self.stage_chunk(&mut place, limit)? {
            self.stage_damaged(&mut place, segment.bytes, limit)?;
        }
        self.place = Some(place);
        Ok(true)
    }

    /// Stages the intact blocks that one chunk holds. False: not even its first one is.
    fn stage_chunk(&mut self, place: &mut Place, limit: Position) -> io::Result<bool> {
        let mut chunk = read_up_to(&place.file, place.offset, CHUNK)?;
        if let Some(block) = BlockHeader::decode(&chunk, 0, self.shared.id)
            && block.size() > chunk.len()
            && block.first == place.position
        {
            chunk = read_up_to(&place.file, place.offset, block.size())?;
        }
        let mut any = false;
        while place.position < limit {
            let Some(block) = BlockHeader::decode(&chunk, 0, self.shared.id) else { break };
            if block.first != place.position || block.end() > limit || block.size() > chunk.len() {
                break;
            }
            let frames = chunk.slice(BLOCK_HEADER..block.size());
            if block.end() > self.next {
                if !format::all_intact(&frames, block.records) {
                    break;
                }
                self.staged.push_back(Staged { first: block.first, records: u64::from(block.records), frames });
            }
            chunk.advance(block.size());
            place.offset += block.size() as u64;
            place.position = block.end();
            any = true;
        }
        self.staged_to = self.staged_to.max(place.position.max(self.next));
        Ok(any)
    }

    /// Stages what can be believed of the `length` bytes of a damaged segment, up to `limit`.
    fn stage_damaged(&mut self, place: &mut Place, length: u64, limit: Position) -> io::Result<()> {
        let bytes = read_up_to(&place.file, 0, usize::try_from(length).unwrap_or(usize::MAX))?;
        let found = scan(&bytes, self.shared.id, place.segment, Some(limit));
        for bad in &found.bad {
            if let Err(error) = segments::set_aside(&self.shared.dir, place.segment, &bytes, bad) {
                tracing::warn!(%error, "cannot keep damaged journal bytes as evidence");
            }
        }
        tracing::error!(segment = %place.segment, places = found.bad.len(), "a journal segment is damaged");
        for run in found.runs.into_iter().filter(|run| run.first.plus(run.records) > self.next) {
            let frames = bytes.slice(run.frames);
            self.staged.push_back(Staged { first: run.first, records: run.records, frames });
        }
        place.offset = found.offset as u64;
        place.position = limit;
        self.staged_to = limit;
        Ok(())
    }
}

impl Staged {
    /// The record at `next`, passing over earlier ones, if its payload has at most `room` bytes.
    fn take(&mut self, next: Position, room: usize) -> Option<Record> {
        while self.records > 0 {
            let frame = format::frame_at(&self.frames, 0).expect("staged frames are intact");
            let wanted = self.first >= next;
            if wanted && frame.end - FRAME_HEADER > room {
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

/// At most `bytes_max` bytes from `offset` on, fewer at the file's end.
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
