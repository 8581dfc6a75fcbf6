//! The file of the bucket in memory: chunks of keys, one appended at each sync.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::bytes::{TEMPORARY_EXTENSION, i64_at, u32_at, u64_at};
use crate::model::{Position, Timestamp};

const MAGIC: [u8; 8] = *b"ASHNADLG";
const VERSION: u32 = 1;
const HEADER: usize = 24;
const CHUNK_HEADER: usize = 24;

/// The keys of one sync.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    pub keys: Vec<u128>,
    /// Latest claim of its keys.
    pub to: Timestamp,
    /// All keys of journal positions below this one are in this chunk or were written before it.
    pub complete: Position,
}

/// The open log; all of its content is on disk.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    end: u64,
}

/// The content of an existing log.
#[derive(Debug, Default)]
pub(super) struct ExistingLog {
    pub journal: u64,
    pub chunks: Vec<Chunk>,
    /// Valid bytes of the file; the rest is torn or damaged.
    pub valid_bytes: usize,
    pub length: usize,
}

impl Log {
    /// Creates a log that replaces an older one atomically.
    pub(super) fn create(dir: &Path, journal: u64, chunk: &Chunk) -> io::Result<Self> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&journal.to_le_bytes());
        let crc = header_crc(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        chunk.encode(&mut bytes);
        let temporary = path_in(dir).with_extension(TEMPORARY_EXTENSION);
        let file = File::options().write(true).create(true).truncate(true).open(&temporary)?;
        file.write_all_at(&bytes, 0)?;
        file.sync_data()?;
        fs::rename(&temporary, path_in(dir))?;
        super::bytes::sync_directory(dir)?;
        Ok(Self { file, end: bytes.len() as u64 })
    }

    /// Removes the partial chunk of an append that ran out of space.
    pub(super) fn truncate(&self) -> io::Result<()> {
        self.file.set_len(self.end)
    }

    /// Appends a chunk and syncs. After any error except a full disk the log must not be written again.
    pub(super) fn append(&mut self, chunk: &Chunk) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(CHUNK_HEADER + chunk.keys.len() * 16);
        chunk.encode(&mut bytes);
        self.file.write_all_at(&bytes, self.end)?;
        self.file.sync_data()?;
        self.end += bytes.len() as u64;
        Ok(())
    }
}

/// Reads the log in `dir`, if there is one.
pub(super) fn read(dir: &Path) -> io::Result<Option<ExistingLog>> {
    let bytes = match fs::read(path_in(dir)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut log = ExistingLog { length: bytes.len(), ..ExistingLog::default() };
    let header_is_valid = bytes.len() >= HEADER
        && bytes[..8] == MAGIC
        && u32_at(&bytes, 8) == VERSION
        && u32_at(&bytes, 12) == header_crc(&bytes);
    if header_is_valid {
        log.journal = u64_at(&bytes, 16);
        log.valid_bytes = HEADER;
        while let Some((chunk, size)) = Chunk::decode(&bytes[log.valid_bytes..]) {
            log.chunks.push(chunk);
            log.valid_bytes += size;
        }
    }
    Ok(Some(log))
}

impl Chunk {
    fn encode(&self, bytes: &mut Vec<u8>) {
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

    fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
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

fn path_in(dir: &Path) -> PathBuf {
    dir.join("current.log")
}

fn header_crc(bytes: &[u8]) -> u32 {
    super::bytes::crc(&[&bytes[..12], &bytes[16..HEADER]])
}

fn chunk_crc(bytes: &[u8]) -> u32 {
    super::bytes::crc(&[&bytes[..4], &bytes[8..]])
}
