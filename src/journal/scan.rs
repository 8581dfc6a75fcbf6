//! Reads a whole segment, damaged or not: what can be believed, what is lost, where a torn tail begins.

use std::ops::Range;

use super::format::{BLOCK_HEADER, BlockHeader, Frame, SEGMENT_HEADER, frame_at};
use crate::model::Position;

/// Intact frames that follow each other, in bytes and in position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub first: Position,
    pub records: u64,
    /// Their bytes within the segment.
    pub frames: Range<usize>,
}

/// What a segment holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub runs: Vec<Run>,
    /// Records that were there and cannot be read.
    pub lost: Vec<Range<Position>>,
    /// Bytes that are not what was written.
    pub bad: Vec<Range<usize>>,
    /// One past the last record, lost ones included.
    pub end: Position,
    /// Where the next block would begin; what lies behind is a torn or a superseded tail.
    pub offset: usize,
    /// Where the last block begins.
    pub last_block: usize,
    /// Where the zeros begin that were written ahead, or that the last record ends with.
    pub written: usize,
}

/// Scans a segment that begins at `first`. `limit` is where the next segment begins; the newest has none.
pub(super) fn scan(bytes: &[u8], id: u64, first: Position, limit: Option<Position>) -> Scan {
    let start = SEGMENT_HEADER.min(bytes.len());
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut scan = Scan { end: first, offset: start, last_block: start, written, ..Scan::default() };
    while scan.offset < bytes.len() && limit.is_none_or(|limit| scan.end < limit) {
        let here = BlockHeader::decode(bytes, scan.offset, id).filter(|block| block.first == scan.end);
        let went_on = match here {
            Some(block) => scan.take_block(bytes, block, limit),
            None => scan.resume(bytes, id, limit),
        };
        if !went_on {
            break;
        }
    }
    if let Some(limit) = limit {
        scan.lose(limit);
    }
    scan
}

/// A crash leaves each sector as it was or as it was to be.
const SECTOR: usize = 512;

impl Scan {
    /// Takes a block whose header holds. False: it is the newest segment's last, and torn.
    fn take_block(&mut self, bytes: &[u8], block: BlockHeader, limit: Option<Position>) -> bool {
        let end = self.offset.saturating_add(block.size());
        let body = self.offset + BLOCK_HEADER..end.min(bytes.len());
        if limit.is_none() && (end > bytes.len() || self.is_torn(bytes, &body)) {
            return false;
        }
        self.take_frames(bytes, body, limit.map_or(block.end(), |limit| limit.min(block.end())));
        true
    }

    /// Goes on behind a header that does not hold. Its frames follow it all the same, and the next header
    /// tells how many they were. False: nothing believable follows in the newest segment; a torn tail.
    fn resume(&mut self, bytes: &[u8], id: u64, limit: Option<Position>) -> bool {
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
            self.bad.push(self.offset..body.start);
        }
        self.take_frames(bytes, body, position);
        true
    }

    /// Takes the frames in `body`, which hold the records up to `end`.
    fn take_frames(&mut self, bytes: &[u8], body: Range<usize>, end: Position) {
        (self.last_block, self.offset) = (self.offset, body.end);
        let records = end.0 - self.end.0;
        let (mut frames, whole) = chain(bytes, body.clone());
        // The lengths are proven only by leading to the exact end; else nothing behind the first bad one is.
        if !whole || frames.len() as u64 != records {
            frames.truncate(frames.iter().position(|frame| !frame.intact).unwrap_or(frames.len()));
            frames.truncate(usize::try_from(records).unwrap_or(usize::MAX));
        }
        let mut read_to = body.start;
        for frame in &frames {
            if frame.intact {
                self.take_frame(*frame);
            } else {
                self.bad.push(frame.start..frame.end);
                self.lose(self.end.plus(1));
            }
            read_to = frame.end;
        }
        if read_to < body.end {
            self.bad.push(read_to..body.end);
        }
        self.lose(end);
    }

    /// Whether the frames in `body`, behind which nothing is written, are damaged because the rest never came:
    /// then a sector of it is zeros to the body's end. A last block with a flipped bit whose own bytes are zeros
    /// from the beginning of a sector on looks the same; few of five hundred end so.
    fn is_torn(&self, bytes: &[u8], body: &Range<usize>) -> bool {
        self.written.next_multiple_of(SECTOR) < body.end && {
            let (frames, whole) = chain(bytes, body.clone());
            !whole || frames.iter().any(|frame| !frame.intact)
        }
    }

    /// How many frames there are from `start` to the zeros written ahead, and where they end; none unless all
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

    fn take_frame(&mut self, frame: Frame) {
        match self.runs.last_mut() {
            Some(run) if run.frames.end == frame.start => {
                run.frames.end = frame.end;
                run.records += 1;
            }
            _ => self.runs.push(Run { first: self.end, records: 1, frames: frame.start..frame.end }),
        }
        self.end = self.end.plus(1);
    }

    /// The records up to `end` are lost.
    fn lose(&mut self, end: Position) {
        if self.end < end {
            match self.lost.last_mut() {
                Some(lost) if lost.end == self.end => lost.end = end,
                _ => self.lost.push(self.end..end),
            }
            self.end = end;
        }
    }
}

/// The frames in `body` by their lengths, and whether these lead to its exact end.
fn chain(bytes: &[u8], body: Range<usize>) -> (Vec<Frame>, bool) {
    let within = &bytes[..body.end];
    let mut at = body.start;
    let mut frames = Vec::new();
    while let Some(frame) = frame_at(within, at) {
        at = frame.end;
        frames.push(frame);
    }
    (frames, at == body.end)
}

/// The next believable block header from `from` on. A header carries the journal's random id, which nobody
/// who can put bytes into a payload knows, so a payload cannot pose as one.
fn find_block(bytes: &[u8], from: usize, id: u64, at_least: Position) -> Option<(usize, BlockHeader)> {
    memchr::memmem::find_iter(&bytes[from..], &id.to_le_bytes()).find_map(|found| {
        let block = BlockHeader::decode(bytes, from + found, id).filter(|block| block.first >= at_least)?;
        Some((from + found, block))
    })
}
