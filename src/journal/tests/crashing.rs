//! Crashes at any byte and flipped bits: acknowledged records are there once and in order, or reported lost.

use std::{fs, sync::Arc};

use proptest::prelude::*;

use super::{
    faults::{Faults, Step},
    *,
};
use crate::journal::disk::Disk;

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            continue;
        }
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn newest(dir: &Path) -> std::path::PathBuf {
    with_extension(dir, "journal").max().unwrap()
}

fn with_extension(dir: &Path, extension: &'static str) -> impl Iterator<Item = std::path::PathBuf> {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    files.filter(move |path| path.extension().is_some_and(|e| e == extension))
}

/// Appends `groups` of records and returns all that were acknowledged.
async fn filled(dir: &Path, settings: &config::Journal, groups: &[Vec<u64>]) -> Vec<(u64, u64)> {
    let (journal, _) = Journal::open(dir, settings).unwrap();
    let mut expected = Vec::new();
    for keys in groups {
        let start = journal.append(batch(keys.iter().copied())).await.unwrap().start.0;
        expected.extend((start..).zip(keys.iter().copied()));
    }
    expected
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// What happens to the unsynced bytes in a crash.
#[derive(Debug, Clone)]
enum Damage {
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Zeros(prop::sample::Index),
}

fn any_damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        any::<prop::sample::Index>().prop_map(Damage::Cut),
        (any::<prop::sample::Index>(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        any::<prop::sample::Index>().prop_map(Damage::Zeros),
    ]
}

/// Runs of the journal: groups that become durable, then one whose sync never returns, then a crash.
fn runs() -> impl Strategy<Value = Vec<(Vec<u8>, u8, Damage)>> {
    prop::collection::vec((prop::collection::vec(1..6_u8, 0..12), 1..6_u8, any_damage()), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_acknowledged_record_survives_every_crash_once_and_in_order(runs in runs()) {
        let runtime = runtime();
        let mut dir = tempfile::tempdir().unwrap();
        // The model: the record at each position that a reader could have seen.
        let mut model: Vec<Option<u64>> = Vec::new();
        let mut key = 0;
        for (groups, unsynced, damage_kind) in runs {
            let faults = Arc::new(Faults::default());
            let (journal, _) = Journal::open_on(Disk::Faulty(Arc::clone(&faults)), dir.path(), &settings()).unwrap();
            prop_assert_eq!(journal.next().0, model.len() as u64);
            runtime.block_on(async {
                for records in groups {
                    let keys = key..key + u64::from(records);
                    let positions = journal.append(batch(keys.clone())).await.unwrap();
                    assert_eq!(positions.start.0, model.len() as u64);
                    model.extend(keys.map(Some));
                    key += u64::from(records);
                }
            });
            // The last group may leave any part of its block.
            let synced = journal.shared.segments.lock().as_slice().last().unwrap().bytes;
            faults.steps();
            faults.hold_syncs(true);
            let keys = key..key + u64::from(unsynced);
            key = keys.end;
            let crashed = tempfile::tempdir().unwrap();
            runtime.block_on(async {
                let append = journal.append(batch(keys.clone()));
                let written = async {
                    // A rotation waits at its header's sync instead; then the crash leaves only the header.
                    while !faults.is_sync_held() {
                        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                    }
                };
                tokio::select! { _ = append => unreachable!("its sync is held"), () = written => {} }
            });
            let Step::Write(unsynced) = faults.steps()[0] else { unreachable!("nothing is synced") };
            copy(dir.path(), crashed.path());
            faults.hold_syncs(false);
            drop(journal);
            damage(&newest(crashed.path()), usize::try_from(synced).unwrap(), unsynced, &damage_kind);

            let (journal, recovery) = open(crashed.path());
            let (records, lost) = read_all(&journal, 0);
            let acknowledged = model.len() as u64;
            // A full-length last block with a bad frame is reported, although it was never acknowledged.
            for lost in lost.iter().chain(&recovery.lost) {
                let known = model.get(usize::try_from(lost.start.0).unwrap()).copied().flatten();
                prop_assert_eq!(known, None);
            }
            for (position, record) in &records {
                let unacknowledged = keys.start + position.saturating_sub(acknowledged);
                let expected = model.get(usize::try_from(*position).unwrap()).copied();
                prop_assert_eq!(Some(*record), expected.unwrap_or(Some(unacknowledged)));
            }
            let known = model.iter().flatten().count();
            prop_assert_eq!(records.iter().filter(|(position, _)| *position < acknowledged).count(), known);
            model.resize(usize::try_from(journal.next().0).unwrap(), None);
            for (position, record) in records {
                model[usize::try_from(position).unwrap()] = Some(record);
            }
            dir = crashed;
        }
    }

    #[test]
    fn a_flipped_bit_loses_only_the_records_it_hits_and_they_are_reported(
        groups in prop::collection::vec(1..6_u8, 1..12),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
        segment_bytes in prop_oneof![Just(300_u64), Just(1 << 20)],
    ) {
        let runtime = runtime();
        let dir = tempfile::tempdir().unwrap();
        let limits = config::Journal { segment_bytes, ..settings() };
        let mut key = 0;
        let mut next_keys = |records: &u8| {
            key += u64::from(*records);
            (key - u64::from(*records)..key).collect()
        };
        let groups: Vec<Vec<u64>> = groups.iter().map(&mut next_keys).collect();
        let expected = runtime.block_on(filled(dir.path(), &limits, &groups));
        let files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).collect();
        let path = &files[at.index(files.len())];
        let mut bytes = fs::read(path).unwrap();
        let byte = at.index(bytes.len());
        bytes[byte] ^= 1 << bit;
        fs::write(path, &bytes).unwrap();

        let (journal, _) = Journal::open(dir.path(), &limits).unwrap();
        let check = |journal: &Journal| {
            let (records, lost) = read_all(journal, 0);
            let gone: Vec<u64> = lost.iter().flat_map(|l| l.start.0..l.end.0).collect();
            assert!(gone.len() <= 5, "at most one block");
            let left: Vec<_> = expected.iter().copied().filter(|(position, _)| !gone.contains(position)).collect();
            assert_eq!(records, left);
            gone
        };
        let gone = check(&journal);
        // The journal continues after the damage, and the damage is reported again after a restart.
        let next = runtime.block_on(journal.append(batch([7]))).unwrap().start.0;
        prop_assert_eq!(next, key);
        drop(journal);
        let (journal, _) = Journal::open(dir.path(), &limits).unwrap();
        let (records, lost) = read_all(&journal, 0);
        prop_assert_eq!(lost.iter().flat_map(|l| l.start.0..l.end.0).collect::<Vec<_>>(), gone);
        prop_assert_eq!(records.last(), Some(&(key, 7)));
    }
}

fn damage(path: &Path, synced: usize, unsynced: usize, damage_kind: &Damage) {
    let mut bytes = fs::read(path).unwrap();
    if bytes.len() < synced + unsynced {
        return;
    }
    match damage_kind {
        Damage::Cut(at) => bytes.truncate(synced + at.index(unsynced)),
        Damage::Flip(at, bit) => bytes[synced + at.index(unsynced)] ^= 1 << bit,
        Damage::Zeros(at) => bytes[synced + at.index(unsynced)..].fill(0),
    }
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_is_cut_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let limits = config::Journal { segment_bytes: 1 << 20, ..settings() };
    let expected = filled(dir.path(), &limits, &[vec![1, 2], vec![3]]).await;
    let whole = fs::read(newest(dir.path())).unwrap();
    let last = whole.len() - (32 + 24 + 8 + 3);
    for cut in last..whole.len() {
        let torn = tempfile::tempdir().unwrap();
        copy(dir.path(), torn.path());
        fs::write(newest(torn.path()), &whole[..cut]).unwrap();
        let (journal, recovery) = Journal::open(torn.path(), &limits).unwrap();
        // A zero at the very end cannot be distinguished from preallocated ones.
        let torn_bytes = whole[last..cut].iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        assert_eq!((recovery.torn_bytes, recovery.records, recovery.corrupt_copies), (torn_bytes as u64, 2, vec![]));
        assert_eq!(read_all(&journal, 0), (expected[..2].to_vec(), vec![]));
        assert_eq!(journal.append(batch([9])).await.unwrap().start.0, 2, "positions continue without a gap");
    }
}

#[tokio::test]
async fn a_group_with_only_some_sectors_written_is_torn_and_not_damaged() {
    let faults = Arc::new(Faults::default());
    let dir = tempfile::tempdir().unwrap();
    let limits = config::Journal { segment_bytes: 1 << 20, ..settings() };
    let (journal, _) = Journal::open_on(Disk::Faulty(Arc::clone(&faults)), dir.path(), &limits).unwrap();
    journal.append(batch([1, 2])).await.unwrap();
    let synced = usize::try_from(journal.shared.segments.lock().as_slice()[0].bytes).unwrap();
    faults.hold_syncs(true);
    let append = journal.append(batch(100..160));
    let held = async {
        while !faults.is_sync_held() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    tokio::select! { _ = append => unreachable!("its sync is held"), () = held => {} }
    let whole = fs::read(newest(dir.path())).unwrap();
    let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
    faults.hold_syncs(false);
    drop(journal);
    assert!(whole.len() == 1 << 20 && end > synced + 3 * 512, "zeros follow some sectors");
    for written in (synced.next_multiple_of(512)..end).step_by(512) {
        let torn = tempfile::tempdir().unwrap();
        let mut bytes = whole.clone();
        bytes[written..].fill(0);
        fs::write(newest(dir.path()).file_name().map(|name| torn.path().join(name)).unwrap(), bytes).unwrap();
        let (journal, recovery) = Journal::open(torn.path(), &limits).unwrap();
        assert_eq!((recovery.records, recovery.lost, recovery.corrupt_copies), (2, vec![], vec![]), "{written}");
        assert!(
            recovery.torn_bytes > 0 && recovery.torn_bytes <= (written - synced) as u64,
            "{written}: {}",
            recovery.torn_bytes
        );
        assert_eq!(journal.append(batch([9])).await.unwrap().start.0, 2, "positions continue without a gap");
    }
}

#[tokio::test]
async fn a_damaged_last_header_loses_nothing_although_zeros_follow() {
    let dir = tempfile::tempdir().unwrap();
    let limits = config::Journal { segment_bytes: 1 << 20, ..settings() };
    let expected = filled(dir.path(), &limits, &[vec![1], vec![2, 3]]).await;
    let mut bytes = fs::read(newest(dir.path())).unwrap();
    let header = 32 + (32 + 24 + 8 + 1);
    bytes[header + 9] ^= 4;
    bytes.resize(70_000, 0);
    fs::write(newest(dir.path()), bytes).unwrap();
    let (journal, recovery) = Journal::open(dir.path(), &limits).unwrap();
    assert_eq!((recovery.records, recovery.lost, recovery.torn_bytes), (3, vec![], 0));
    assert_eq!(fs::metadata(&recovery.corrupt_copies[0]).unwrap().len(), 32);
    assert_eq!(read_all(&journal, 0), (expected, vec![]));
}

#[tokio::test]
async fn preallocated_zeros_are_not_data_and_are_cut_when_the_journal_closes() {
    let dir = tempfile::tempdir().unwrap();
    let limits = config::Journal { segment_bytes: 100_000, ..settings() };
    let (journal, _) = Journal::open(dir.path(), &limits).unwrap();
    journal.append(batch([1])).await.unwrap();
    let killed = tempfile::tempdir().unwrap();
    copy(dir.path(), killed.path());
    assert_eq!(fs::metadata(newest(killed.path())).unwrap().len(), 100_000);
    assert_eq!(journal.disk_bytes(), 32 + 32 + 24 + 8 + 1);
    drop(journal);
    assert_eq!(fs::metadata(newest(dir.path())).unwrap().len(), 32 + 32 + 24 + 8 + 1);
    let (journal, recovery) = Journal::open(killed.path(), &limits).unwrap();
    assert_eq!((recovery.records, recovery.torn_bytes, recovery.lost), (1, 0, vec![]));
    assert_eq!(journal.append(batch([2])).await.unwrap().start.0, 1);
    assert_eq!(read_all(&journal, 0), (vec![(0, 1), (1, 2)], vec![]));
}

#[tokio::test]
async fn a_disk_that_refuses_to_preallocate_still_takes_records() {
    for refusal in [rustix::io::Errno::NOSPC, rustix::io::Errno::IO] {
        let faults = Arc::new(Faults::default());
        faults.fail_write_zeros(refusal);
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open_on(Disk::Faulty(Arc::clone(&faults)), dir.path(), &settings()).unwrap();
        for key in 0..40 {
            journal.append(batch([key])).await.unwrap();
        }
        assert_eq!(read_all(&journal, 0).0.len(), 40);
    }
}

#[tokio::test]
async fn damage_in_the_middle_is_copied_and_both_sides_stay_readable() {
    let dir = tempfile::tempdir().unwrap();
    let limits = config::Journal { segment_bytes: 1 << 20, ..settings() };
    let expected = filled(dir.path(), &limits, &[vec![1], vec![2, 3, 4], vec![5]]).await;
    let path = newest(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    let payload_of_3 = 32 + (32 + 24 + 8 + 1) + 32 + (24 + 8 + 2) + 24 + 3;
    bytes[payload_of_3] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (journal, recovery) = Journal::open(dir.path(), &limits).unwrap();
    assert_eq!((recovery.records, recovery.lost, recovery.next.0), (4, vec![Position(2)..Position(3)], 5));
    assert_eq!(fs::metadata(&recovery.corrupt_copies[0]).unwrap().len(), 24 + 8 + 3);
    let (records, lost) = read_all(&journal, 0);
    assert_eq!(lost, [Position(2)..Position(3)]);
    assert_eq!(records, [expected[0], expected[1], expected[3], expected[4]]);
}

#[test]
fn other_files_are_refused_with_one_clear_line() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(segments::path_of(dir.path(), Position(0)), "hello, I am a letter and not a journal at all, sorry")
        .unwrap();
    let error = Journal::open(dir.path(), &settings()).unwrap_err().to_string();
    assert!(error.contains("is not a journal segment") && !error.contains('\n'), "{error}");

    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop((open(first.path()), open(second.path())));
    fs::copy(segments::path_of(first.path(), Position(0)), segments::path_of(second.path(), Position(5))).unwrap();
    assert!(Journal::open(second.path(), &settings()).unwrap_err().to_string().contains("has another name"));
}
