//! A sealed bucket: a file of sorted keys, and in memory its filter and sparse index.

use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    bytes::{TEMPORARY_EXTENSION, crc, i64_at, sync_directory, u32_at, u64_at},
    filter::Filter,
};
use crate::model::Timestamp;

const MAGIC: [u8; 8] = *b"ASHNADBK";
const VERSION: u32 = 1;
const HEADER: usize = 40;
const KEY: u64 = 16;
/// Keys in one page; a lookup reads one page, 4 KiB.
const PAGE_KEYS: u64 = 256;
const PAGE: usize = 4096;

#[derive(Debug)]
pub(super) struct Bucket {
    file: File,
    path: PathBuf,
    /// Latest claim of its keys.
    to: Timestamp,
    keys: u64,
    /// The first key of each page.
    sparse_index: Vec<u128>,
    filter: Filter,
}

impl Bucket {
    /// Writes at most `keys_max` sorted keys durably to a new file; equal ones once.
    pub(super) fn write(
        path: PathBuf,
        to: Timestamp,
        keys_max: u64,
        sorted: impl Iterator<Item = io::Result<u128>>,
    ) -> io::Result<Self> {
        let temporary = path.with_extension(TEMPORARY_EXTENSION);
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&temporary)?;
        let mut out = BufWriter::with_capacity(1 << 18, &file);
        out.write_all(&[0; HEADER])?;
        let (mut keys, mut last, mut sparse_index, mut filter) = (0, None, Vec::new(), Filter::for_keys(keys_max));
        for key in sorted {
            let key = key?;
            if last.replace(key) == Some(key) {
                continue;
            }
            if keys % PAGE_KEYS == 0 {
                sparse_index.push(key);
            }
            filter.insert(key);
            out.write_all(&key.to_le_bytes())?;
            keys += 1;
        }
        let index_bytes: Vec<u8> = sparse_index.iter().flat_map(|key| key.to_le_bytes()).collect();
        let filter_bytes = filter.to_bytes();
        out.write_all(&index_bytes)?;
        out.write_all(&filter_bytes)?;
        out.flush()?;
        drop(out);
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[16..24].copy_from_slice(&to.0.to_le_bytes());
        header[24..32].copy_from_slice(&u64::to_le_bytes(keys));
        header[32..40].copy_from_slice(&(filter_bytes.len() as u64).to_le_bytes());
        let crc = crc(&[&header[..12], &header[16..], &index_bytes, &filter_bytes]);
        header[12..16].copy_from_slice(&crc.to_le_bytes());
        file.write_all_at(&header, 0)?;
        file.sync_data()?;
        fs::rename(&temporary, &path)?;
        sync_directory(path.parent().unwrap_or(Path::new(".")))?;
        Ok(Self { file, path, to, keys, sparse_index, filter })
    }

    /// Opens a file; `None` if it is damaged. Its keys are not read: a start would read all of them. A bucket from later
    /// than `now` was written with a wrong clock and counts as new.
    pub(super) fn open(path: PathBuf, now: Timestamp) -> io::Result<Option<Self>> {
        let file = File::open(&path)?;
        let length = file.metadata()?.len();
        let mut header = [0; HEADER];
        if length < HEADER as u64 {
            return Ok(None);
        }
        file.read_exact_at(&mut header, 0)?;
        let (keys, filter_length) = (u64_at(&header, 24), u64_at(&header, 32));
        let Some(index_offset) = keys.checked_mul(KEY).and_then(|bytes| bytes.checked_add(HEADER as u64)) else {
            return Ok(None);
        };
        let index_length = keys.div_ceil(PAGE_KEYS) * KEY;
        let expected = index_offset.checked_add(index_length).and_then(|bytes| bytes.checked_add(filter_length));
        let is_valid = header[..8] == MAGIC && u32_at(&header, 8) == VERSION && expected == Some(length);
        if !is_valid || filter_length < Filter::bytes_for(1) {
            return Ok(None);
        }
        let mut rest = vec![0; usize::try_from(index_length + filter_length).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut rest, index_offset)?;
        if u32_at(&header, 12) != crc(&[&header[..12], &header[16..], &rest]) {
            return Ok(None);
        }
        let (index_bytes, filter_bytes) = rest.split_at(usize::try_from(index_length).unwrap_or(usize::MAX));
        let sparse_index = index_bytes.as_chunks::<16>().0.iter().map(|key| u128::from_le_bytes(*key)).collect();
        let filter = Filter::from_bytes(filter_bytes);
        Ok(Some(Self { file, path, to: Timestamp(i64_at(&header, 16)).min(now), keys, sparse_index, filter }))
    }

    /// Merges two buckets into a new file.
    pub(super) fn merge(path: PathBuf, first: &Self, second: &Self) -> io::Result<Self> {
        let mut left = first.read()?.peekable();
        let mut right = second.read()?.peekable();
        let sorted = std::iter::from_fn(|| match (left.peek(), right.peek()) {
            (Some(Ok(a)), Some(Ok(b))) if b < a => right.next(),
            (None, _) | (Some(Ok(_)), Some(Err(_))) => right.next(),
            (Some(_), _) => left.next(),
        });
        Self::write(path, first.to.max(second.to), first.keys + second.keys, sorted)
    }

    /// Its keys in order. Only one such iterator per bucket at a time: they share the file's cursor.
    fn read(&self) -> io::Result<impl Iterator<Item = io::Result<u128>>> {
        let mut file = BufReader::with_capacity(1 << 18, &self.file);
        file.seek(SeekFrom::Start(HEADER as u64))?;
        Ok((0..self.keys).map(move |_| {
            let mut key = [0; 16];
            file.read_exact(&mut key).map(|()| u128::from_le_bytes(key))
        }))
    }

    /// Whether the key is in it. The filter excludes most others; else one page is read.
    pub(super) fn contains(&self, key: u128) -> io::Result<bool> {
        if !self.filter.may_contain(key) {
            return Ok(false);
        }
        let Some(page) = self.sparse_index.partition_point(|first| *first <= key).checked_sub(1) else {
            return Ok(false);
        };
        let start = page as u64 * PAGE_KEYS;
        let mut bytes = [0; PAGE];
        let count = usize::try_from((self.keys - start).min(PAGE_KEYS)).expect("at most a page");
        let bytes = &mut bytes[..count * 16];
        self.file.read_exact_at(bytes, HEADER as u64 + start * KEY)?;
        Ok(bytes.as_chunks::<16>().0.binary_search_by_key(&key, |bytes| u128::from_le_bytes(*bytes)).is_ok())
    }

    pub(super) fn to(&self) -> Timestamp {
        self.to
    }

    pub(super) fn keys(&self) -> u64 {
        self.keys
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        self.sparse_index.len() as u64 * KEY + self.filter.bytes()
    }

    /// Deletes the file; lookups in progress still succeed.
    pub(super) fn delete(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}
