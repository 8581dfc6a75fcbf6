//! The file beside the bucket in memory: chunks of keys, one appended at each sync.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::bytes::{i64_at, u32_at, u64_at};
use crate::model::{Position, Timestamp};

const MAGIC: [u8; 8] = *b"ASHNADLG";
const VERSION: u32 = 1;
const HEADER: usize = 24;
const CHUNK_HEADER: usize = 24;

/// What one sync adds.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    pub keys: Vec<u128>,
    /// No key in it was claimed later.
    pub to: Timestamp,
    /// Every key of a journal position below is in this chunk or was written before it.
    pub complete: Position,
}

/// The open log; all of it is on disk.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    end: u64,
}

/// What a log that was left behind holds.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub journal: u64,
    pub chunks: Vec<Chunk>,
    /// Bytes of the file that can be believed; the rest is torn or damaged.
    pub good: usize,
    pub length: usize,
}

impl Log {
    /// A new log that takes the place of an older one at once or not at all.
    pub(super) fn create(dir: &Path, journal: u64, chunk: &Chunk) -> io::Result<Self> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&journal.to_le_bytes());
        let crc = header_crc(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        chunk.put(&mut bytes);
        let unborn = path_of(dir).with_extension("unborn");
        let file = File::options().write(true).create(true).truncate(true).open(&unborn)?;
        file.write_all_at(&bytes, 0)?;
        file.sync_data()?;
        fs::rename(&unborn, path_of(dir))?;
        super::bytes::sync_directory(dir)?;
        Ok(Self { file, end: bytes.len() as u64 })
    }

    /// Takes back what an append wrote that found no room.
    pub(super) fn cut(&self) -> io::Result<()> {
        self.file.set_len(self.end)
    }

    /// Appends a chunk and syncs. After an error other than a full disk the log must not be written again.
    pub(super) fn append(&mut self, chunk: &Chunk) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(CHUNK_HEADER + chunk.keys.len() * 16);
        chunk.put(&mut bytes);
        self.file.write_all_at(&bytes, self.end)?;
        self.file.sync_data()?;
        self.end += bytes.len() as u64;
        Ok(())
    }
}

/// Reads the log in `dir`, if there is one.
pub(super) fn read(dir: &Path) -> io::Result<Option<Left>> {
    let bytes = match fs::read(path_of(dir)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut left = Left { length: bytes.len(), ..Left::default() };
    let header_holds = bytes.len() >= HEADER
        && bytes[..8] == MAGIC
        && u32_at(&bytes, 8) == VERSION
        && u32_at(&bytes, 12) == header_crc(&bytes);
    if header_holds {
        left.journal = u64_at(&bytes, 16);
        left.good = HEADER;
        while let Some((chunk, size)) = Chunk::take(&bytes[left.good..]) {
            left.chunks.push(chunk);
            left.good += size;
        }
    }
    Ok(Some(left))
}

impl Chunk {
    fn put(&self, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        let count = u32::try_from(self.keys.len()).expect("a chunk holds the keys of one sync");
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.to.0.to_le_bytes());
        bytes.extend_from_slice(&self.complete.0.to_le_bytes());
        bytes.extend(self.keys.iter().flat_map(|key| key.to_le_bytes()));
        let crc = chunk_crc(&bytes[start..]);
        bytes[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
    }

    fn take(bytes: &[u8]) -> Option<(Self, usize)> {
        let count = u32_at(bytes.get(..CHUNK_HEADER)?, 0) as usize;
        let size = CHUNK_HEADER + count * 16;
        let bytes = bytes.get(..size)?;
        (u32_at(bytes, 4) == chunk_crc(bytes)).then(|| {
            let (keys, _) = bytes[CHUNK_HEADER..].as_chunks::<16>();
            let keys = keys.iter().map(|key| u128::from_le_bytes(*key)).collect();
            (Self { keys, to: Timestamp(i64_at(bytes, 8)), complete: Position(u64_at(bytes, 16)) }, size)
        })
    }
}

fn path_of(dir: &Path) -> PathBuf {
    dir.join("current.log")
}

fn header_crc(bytes: &[u8]) -> u32 {
    super::bytes::crc(&[&bytes[..12], &bytes[16..HEADER]])
}

fn chunk_crc(bytes: &[u8]) -> u32 {
    super::bytes::crc(&[&bytes[..4], &bytes[8..]])
}
