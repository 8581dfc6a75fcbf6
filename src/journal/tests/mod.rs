//! The journal on real files, with faults where a disk has them.

pub(super) mod faults;

mod appending;
mod crashing;
mod failing;
mod gathering;

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

/// A batch of records whose payload tells their key, so that no record can pass for another.
pub(super) fn batch(keys: impl IntoIterator<Item = u64>) -> Batch {
    let mut batch = Batch::default();
    for key in keys {
        batch.push(u128::from(key), |out| put_payload(key, out));
    }
    batch
}

fn put_payload(key: u64, out: &mut Vec<u8>) {
    let length = usize::try_from(key % 97).unwrap();
    out.extend_from_slice(&key.to_le_bytes());
    out.resize(out.len() + length, u8::try_from(key % 251).unwrap());
}

/// Checks that a record is what `batch` made of its key, and tells the key.
pub(super) fn key_of(record: &Record) -> u64 {
    let key = u64::try_from(record.key).unwrap();
    let mut expected = Vec::new();
    put_payload(key, &mut expected);
    assert_eq!(record.payload, expected);
    key
}

/// Everything from `from` on, as (position, key), and what was reported lost.
pub(super) fn read_all(journal: &Journal, from: u64) -> (Vec<(u64, u64)>, Vec<std::ops::Range<Position>>) {
    let mut reader = journal.reader(Position(from));
    let (mut records, mut lost) = (Vec::new(), Vec::new());
    loop {
        match reader.read(7, 400) {
            Ok(some) if some.is_empty() => return (records, lost),
            Ok(some) => records.extend(some.iter().map(|record| (record.position.0, key_of(record)))),
            Err(ReadError::Lost(range)) => lost.push(range),
            Err(error) => panic!("{error}"),
        }
    }
}
