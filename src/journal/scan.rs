//! Scans a whole segment, damaged or not: intact frames, lost records, the start of a torn tail.

use std::ops::Range;

use super::format::{BLOCK_HEADER, BlockHeader, Frame, SEGMENT_HEADER, frame_at};
use crate::model::Position;

/// Consecutive intact frames, in bytes and in position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub first: Position,
    pub records: u64,
    /// Their bytes within the segment.
    pub frames: Range<usize>,
}

/// The contents of a segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub runs: Vec<Run>,
    /// Records that were written and cannot be read.
    pub lost: Vec<Range<Position>>,
    /// Ranges of damaged bytes.
    pub damaged: Vec<Range<usize>>,
    /// One past the last record, including lost ones.
    pub end: Position,
    /// Where the next block would begin; bytes after it are a torn or a superseded tail.
    pub offset: usize,
    /// Where the last block begins.
    pub last_block: usize,
    /// One past the last non-zero byte: preallocated zeros, or those of the last record, follow.
    pub written: usize,
}

/// Scans a segment that begins at `first`. `limit` is where the next segment begins; the newest has none.
pub(super) fn scan(bytes: &[u8], id: u64, first: Position, limit: Option<Position>) -> Scan {
    let start = SEGMENT_HEADER.min(bytes.len());
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut scan = Scan { end: first, offset: start, last_block: start, written, ..Scan::default() };
    while scan.offset < bytes.len() && limit.is_none_or(|limit| scan.end < limit) {
        let header = BlockHeader::decode(bytes, scan.offset, id).filter(|block| block.first == scan.end);
        let has_more = match header {
            Some(block) => scan.add_block(bytes, block, limit),
            None => scan.add_without_header(bytes, id, limit),
        };
        if !has_more {
            break;
        }
    }
    if let Some(limit) = limit {
        scan.add_lost(limit);
    }
    scan
}

/// Sectors are atomic: a crash leaves each one either old or new.
const SECTOR: usize = 512;

impl Scan {
    /// Adds a block with a valid header. False: it is the torn last block of the newest segment.
    fn add_block(&mut self, bytes: &[u8], block: BlockHeader, limit: Option<Position>) -> bool {
        let end = self.offset.saturating_add(block.size());
        let body = self.offset + BLOCK_HEADER..end.min(bytes.len());
        if limit.is_none() && (end > bytes.len() || self.is_torn(bytes, &body)) {
            return false;
        }
        self.add_frames(bytes, body, limit.map_or(block.end(), |limit| limit.min(block.end())));
        true
    }

    /// Continues after an invalid block header. Its frames still follow it, and the next header gives their
    /// number. False: nothing valid follows in the newest segment, so it is a torn tail.
    fn add_without_header(&mut self, bytes: &[u8], id: u64, limit: Option<Position>) -> bool {
        let next = find_block(bytes, self.offset, id, self.end);
        let body_end = next.map_or(bytes.len(), |(at, _)| at);
        let mut body = (self.offset + BLOCK_HEADER).min(body_end)..body_end;
        let position = match (next, limit) {
            (Some((_, block)), limit) => limit.map_or(block.first, |limit| limit.min(block.first)),
            (None, Some(limit)) => limit,
            (None, None) => {
                let (frames, end) = self.last_frames(bytes, body.start);
                if frames == 0 {
                    return false;
                }
                body.end = end;
                self.end.plus(frames)
            }
        };
        if !body.is_empty() {
            self.damaged.push(self.offset..body.start);
        }
        self.add_frames(bytes, body, position);
        true
    }

    /// Adds the frames in `body`, which hold the records up to `end`.
    fn add_frames(&mut self, bytes: &[u8], body: Range<usize>, end: Position) {
        (self.last_block, self.offset) = (self.offset, body.end);
        let records = end.0 - self.end.0;
        let (mut frames, is_complete) = frames_by_length(bytes, body.clone());
        // Lengths are verified only if they lead to the exact end; otherwise nothing after the first bad frame counts.
        if !is_complete || frames.len() as u64 != records {
            frames.truncate(frames.iter().position(|frame| !frame.intact).unwrap_or(frames.len()));
            frames.truncate(usize::try_from(records).unwrap_or(usize::MAX));
        }
        let mut read_to = body.start;
        for frame in &frames {
            if frame.intact {
                self.add_frame(*frame);
            } else {
                self.damaged.push(frame.start..frame.end);
                self.add_lost(self.end.plus(1));
            }
            read_to = frame.end;
        }
        if read_to < body.end {
            self.damaged.push(read_to..body.end);
        }
        self.add_lost(end);
    }

    /// Whether the frames in `body`, the last bytes written, are damaged because the rest was never written:
    /// then it is zeros from a sector's boundary to its end. A last block with a flipped bit whose own bytes are zeros
    /// from the beginning of a sector on looks the same; few of five hundred end so.
    fn is_torn(&self, bytes: &[u8], body: &Range<usize>) -> bool {
        self.written.next_multiple_of(SECTOR) < body.end && {
            let (frames, is_complete) = frames_by_length(bytes, body.clone());
            !is_complete || frames.iter().any(|frame| !frame.intact)
        }
    }

    /// Counts the frames from `start` to the preallocated zeros and returns where they end; zero unless all
    /// are intact.
    fn last_frames(&self, bytes: &[u8], start: usize) -> (u64, usize) {
        let (mut frames, mut at) = (0, start);
        while at < self.written {
            match frame_at(bytes, at) {
                Some(frame) if frame.intact => (frames, at) = (frames + 1, frame.end),
                _ => return (0, start),
            }
        }
        (frames, at)
    }

    fn add_frame(&mut self, frame: Frame) {
        match self.runs.last_mut() {
            Some(run) if run.frames.end == frame.start => {
                run.frames.end = frame.end;
                run.records += 1;
            }
            _ => self.runs.push(Run { first: self.end, records: 1, frames: frame.start..frame.end }),
        }
        self.end = self.end.plus(1);
    }

    /// Marks the records up to `end` as lost.
    fn add_lost(&mut self, end: Position) {
        if self.end < end {
            match self.lost.last_mut() {
                Some(lost) if lost.end == self.end => lost.end = end,
                _ => self.lost.push(self.end..end),
            }
            self.end = end;
        }
    }
}

/// The frames in `body` by their lengths, and whether the last one ends exactly at its end.
fn frames_by_length(bytes: &[u8], body: Range<usize>) -> (Vec<Frame>, bool) {
    let within = &bytes[..body.end];
    let mut at = body.start;
    let mut frames = Vec::new();
    while let Some(frame) = frame_at(within, at) {
        at = frame.end;
        frames.push(frame);
    }
    (frames, at == body.end)
}

/// The next valid block header from `from` on. A header contains the journal's random id, which clients
/// do not know, so no payload can imitate one.
fn find_block(bytes: &[u8], from: usize, id: u64, at_least: Position) -> Option<(usize, BlockHeader)> {
    memchr::memmem::find_iter(&bytes[from..], &id.to_le_bytes()).find_map(|found| {
        let block = BlockHeader::decode(bytes, from + found, id).filter(|block| block.first >= at_least)?;
        Some((from + found, block))
    })
}
