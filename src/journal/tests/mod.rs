//! The journal on real files, with injected disk faults.

pub(super) mod faults;

mod appending;
mod crashing;
mod failing;
mod group_commit;

use std::path::Path;

use super::{Batch, Journal, ReadError, Record, Recovery, segments};
use crate::{
    config::{self, Config},
    model::Position,
};

/// Small segments, so that rotation happens in every test.
pub(super) fn settings() -> config::Journal {
    config::Journal { segment_bytes: 2000, disk_free_bytes_min: 0, ..Config::defaults().journal }
}

pub(super) fn open(dir: &Path) -> (Journal, Recovery) {
    Journal::open(dir, &settings()).unwrap()
}

/// A batch of records whose payload is derived from their key, so that no record can be mistaken for another.
pub(super) fn batch(keys: impl IntoIterator<Item = u64>) -> Batch {
    let mut batch = Batch::default();
    for key in keys {
        batch.push(u128::from(key), |out| append_payload(key, out));
    }
    batch
}

fn append_payload(key: u64, out: &mut Vec<u8>) {
    let length = usize::try_from(key % 97).unwrap();
    out.extend_from_slice(&key.to_le_bytes());
    out.resize(out.len() + length, u8::try_from(key % 251).unwrap());
}

/// Checks that a record is what `batch` made of its key, and returns the key.
pub(super) fn key_of(record: &Record) -> u64 {
    let key = u64::try_from(record.key).unwrap();
    let mut expected = Vec::new();
    append_payload(key, &mut expected);
    assert_eq!(record.payload, expected);
    key
}

/// Everything from `from` on, as (position, key), and what was reported lost.
pub(super) fn read_all(journal: &Journal, from: u64) -> (Vec<(u64, u64)>, Vec<std::ops::Range<Position>>) {
    let mut reader = journal.reader(Position(from));
    let (mut records, mut lost) = (Vec::new(), Vec::new());
    loop {
        match reader.read(7, 400) {
            Ok(read) if read.is_empty() => return (records, lost),
            Ok(read) => records.extend(read.iter().map(|record| (record.position.0, key_of(record)))),
            Err(ReadError::Lost(range)) => lost.push(range),
            Err(error) => panic!("{error}"),
        }
    }
}
