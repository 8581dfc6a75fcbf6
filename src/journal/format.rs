//! The bytes on disk: segment header, block header, frame. The table is in the docs of the module.

use crate::model::Position;

/// First bytes of every segment.
pub const MAGIC: [u8; 8] = *b"ASHNAJNL";
/// Format this build writes, and the only one it reads.
pub const VERSION: u32 = 1;
/// Bytes of a segment's header.
pub const SEGMENT_HEADER: usize = 32;
/// Bytes of the header of a block, which is what one group commit writes.
pub const BLOCK_HEADER: usize = 32;
/// Bytes of a frame without its payload.
pub const FRAME_HEADER: usize = 24;

/// The header of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The journal it belongs to.
    pub id: u64,
    /// Position of its first record.
    pub first: Position,
}

/// Why a segment's header is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadHeader {
    /// Too short, wrong magic or wrong checksum.
    Damaged,
    /// Another format version.
    Version(u32),
}

impl SegmentHeader {
    pub fn encode(self) -> [u8; SEGMENT_HEADER] {
        let mut bytes = [0; SEGMENT_HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.id.to_le_bytes());
        bytes[24..].copy_from_slice(&self.first.0.to_le_bytes());
        let crc = Self::crc(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let bytes = bytes.get(..SEGMENT_HEADER).ok_or(BadHeader::Damaged)?;
        if bytes[..8] != MAGIC || u32_at(bytes, 12) != Self::crc(bytes) {
            return Err(BadHeader::Damaged);
        }
        match u32_at(bytes, 8) {
            VERSION => Ok(Self { id: u64_at(bytes, 16), first: Position(u64_at(bytes, 24)) }),
            other => Err(BadHeader::Version(other)),
        }
    }

    fn crc(bytes: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&bytes[..12]);
        hasher.update(&bytes[16..SEGMENT_HEADER]);
        hasher.finalize()
    }
}

/// The header of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHeader {
    /// Position of its first record.
    pub first: Position,
    /// Bytes of its frames.
    pub bytes: u64,
    /// Number of its frames.
    pub records: u32,
}

impl BlockHeader {
    pub fn encode(self, id: u64) -> [u8; BLOCK_HEADER] {
        let mut bytes = [0; BLOCK_HEADER];
        bytes[..8].copy_from_slice(&id.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.records.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header at `at`, if its checksum is correct and it belongs to journal `id`.
    pub fn decode(bytes: &[u8], at: usize, id: u64) -> Option<Self> {
        let bytes = bytes.get(at..)?.get(..BLOCK_HEADER)?;
        (u64_at(bytes, 0) == id && u32_at(bytes, 28) == crc32fast::hash(&bytes[..28])).then(|| Self {
            first: Position(u64_at(bytes, 8)),
            bytes: u64_at(bytes, 16),
            records: u32_at(bytes, 24),
        })
    }

    /// The position after its last record.
    pub const fn end(self) -> Position {
        self.first.plus(self.records as u64)
    }

    /// Bytes from the header's first to the block's last.
    pub fn size(self) -> usize {
        usize::try_from(self.bytes).unwrap_or(usize::MAX).saturating_add(BLOCK_HEADER)
    }
}

/// Where a frame is, and whether its checksum is correct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Offset of its first byte.
    pub start: usize,
    /// Offset after its last byte.
    pub end: usize,
    /// Whether the checksum is correct.
    pub intact: bool,
}

/// Appends one frame; `payload` writes its payload.
pub fn append_frame(frames: &mut Vec<u8>, key: u128, payload: impl FnOnce(&mut Vec<u8>)) {
    let start = frames.len();
    frames.extend_from_slice(&[0; 8]);
    frames.extend_from_slice(&key.to_le_bytes());
    payload(frames);
    let length = u32::try_from(frames.len() - start - FRAME_HEADER).expect("bodies are capped far below 4 GiB");
    frames[start..start + 4].copy_from_slice(&length.to_le_bytes());
    let crc = frame_crc(&frames[start..]);
    frames[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// The frame that starts at `start`, unless its length runs past the bytes.
pub fn frame_at(bytes: &[u8], start: usize) -> Option<Frame> {
    let rest = bytes.get(start..)?;
    let length = u32_at(rest.get(..FRAME_HEADER)?, 0) as usize;
    let frame = rest.get(..FRAME_HEADER + length)?;
    Some(Frame { start, end: start + frame.len(), intact: u32_at(frame, 4) == frame_crc(frame) })
}

/// The key of a frame that `frame_at` found.
pub fn key_of(frame: &[u8]) -> u128 {
    u128::from_le_bytes(frame[8..FRAME_HEADER].try_into().expect("sixteen bytes"))
}

/// Whether `frames` is exactly `records` intact frames.
pub fn all_intact(frames: &[u8], records: u32) -> bool {
    let mut at = 0;
    for _ in 0..records {
        match frame_at(frames, at) {
            Some(frame) if frame.intact => at = frame.end,
            _ => return false,
        }
    }
    at == frames.len()
}

/// Covers the length too, so that zeros are never a valid frame and no length is used unverified.
fn frame_crc(frame: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[..4]);
    hasher.update(&frame[8..]);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_round_trip_and_any_flipped_bit_is_detected() {
        let segment = SegmentHeader { id: 7, first: Position(9) };
        let block = BlockHeader { first: Position(9), bytes: 100, records: 3 };
        assert_eq!(SegmentHeader::decode(&segment.encode()), Ok(segment));
        assert_eq!(BlockHeader::decode(&block.encode(7), 0, 7), Some(block));
        assert_eq!(BlockHeader::decode(&block.encode(7), 0, 8), None);
        for bit in 0..SEGMENT_HEADER * 8 {
            let mut bytes = segment.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&bytes), Err(BadHeader::Damaged), "bit {bit}");
            let mut bytes = block.encode(7);
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(BlockHeader::decode(&bytes, 0, 7), None, "bit {bit}");
        }
    }

    #[test]
    fn a_frame_has_its_end_and_damage_is_detected() {
        let mut bytes = Vec::new();
        append_frame(&mut bytes, 5, |out| out.extend_from_slice(b"abc"));
        append_frame(&mut bytes, 6, |_| ());
        assert!(all_intact(&bytes, 2) && !all_intact(&bytes, 1) && !all_intact(&bytes, 3));
        let first = frame_at(&bytes, 0).unwrap();
        assert_eq!((first.end, first.intact, key_of(&bytes)), (27, true, 5));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!all_intact(&flipped, 2), "bit {bit}");
        }
        assert!(!all_intact(&[0; 48], 2), "zeros are not frames");
    }
}
