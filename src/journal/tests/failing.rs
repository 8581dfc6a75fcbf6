//! A slow, full or broken disk, and the order of write, sync and acknowledgement.

use std::{
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use rustix::io::Errno;

use super::{
    faults::{Faults, Step},
    *,
};
use crate::journal::{AppendError, disk::Disk};

fn on_faults(dir: &Path, settings: &config::Journal) -> (Arc<Journal>, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let (journal, _) = Journal::open_on(Disk::Faulty(Arc::clone(&faults)), dir, settings).unwrap();
    faults.steps();
    (Arc::new(journal), faults)
}

#[tokio::test]
async fn an_append_returns_only_after_write_and_sync() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = on_faults(dir.path(), &config::Journal { segment_bytes: 1 << 20, ..settings() });
    for key in 0..20 {
        journal.append(batch([key])).await.unwrap();
        faults.record(Step::Acknowledged);
        let steps = faults.steps();
        assert!(matches!(steps[..], [Step::Write(_), Step::Synced, Step::Acknowledged]), "{steps:?}");
    }
}

/// Bytes of the first segment's file.
fn file_length(dir: &Path) -> u64 {
    std::fs::metadata(segments::path_of(dir, Position(0))).unwrap().len()
}

#[tokio::test]
async fn a_group_within_preallocated_zeros_does_not_extend_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = on_faults(dir.path(), &config::Journal { segment_bytes: 1 << 20, ..settings() });
    journal.append(batch([1])).await.unwrap();
    let length = file_length(dir.path());
    for key in 2..20 {
        journal.append(batch([key])).await.unwrap();
        assert_eq!(file_length(dir.path()), length, "{key}");
    }
    assert_eq!(faults.write_zeros_calls(), 1);
}

#[tokio::test]
async fn preallocation_is_not_retried_for_a_file_that_refused_it() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = on_faults(dir.path(), &config::Journal { segment_bytes: 1 << 20, ..settings() });
    faults.fail_write_zeros(Errno::OPNOTSUPP);
    let mut before = 0;
    for key in 0..20 {
        journal.append(batch([key])).await.unwrap();
        let length = file_length(dir.path());
        assert!(length > before, "each group extends it");
        before = length;
    }
    assert_eq!(faults.write_zeros_calls(), 1);
    assert_eq!(read_all(&journal, 0).0.len(), 20);
}

#[tokio::test]
async fn nothing_is_acknowledged_or_readable_before_the_sync_returned() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = on_faults(dir.path(), &settings());
    journal.append(batch([1])).await.unwrap();
    faults.hold_syncs(true);
    let mut appending = std::pin::pin!(journal.append(batch([2])));
    assert!(tokio::time::timeout(Duration::from_millis(80), &mut appending).await.is_err());
    assert_eq!((journal.next().0, read_all(&journal, 0).0), (1, vec![(0, 1)]));
    faults.hold_syncs(false);
    assert_eq!(appending.await.unwrap().start.0, 1);
    assert_eq!(read_all(&journal, 0).0, [(0, 1), (1, 2)]);
}

#[tokio::test]
async fn after_a_timeout_the_hook_is_still_called_when_the_record_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = on_faults(dir.path(), &config::Journal { append_timeout_ms: 30, ..settings() });
    faults.hold_syncs(true);
    let durable = Arc::new(AtomicBool::new(false));
    let mut slow = batch([1]);
    let seen = Arc::clone(&durable);
    slow.when_durable(move |_| seen.store(true, Ordering::SeqCst));
    assert!(matches!(journal.append(slow).await, Err(AppendError::TooSlow)));
    assert!(!durable.load(Ordering::SeqCst));
    faults.hold_syncs(false);
    journal.durable().wait_for(|end| end.0 == 1).await.unwrap();
    journal.close();
    assert!(durable.load(Ordering::SeqCst));
}

#[tokio::test]
async fn memory_of_waiting_records_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let limits = config::Journal { pending_bytes_max: 600, append_timeout_ms: 20, ..settings() };
    let (journal, faults) = on_faults(dir.path(), &limits);
    faults.hold_syncs(true);
    let mut refused = 0;
    for key in 0..40 {
        match journal.append(batch([key])).await {
            Err(AppendError::TooSlow) => {}
            Err(AppendError::Busy) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!((25..39).contains(&refused), "{refused}");
    faults.hold_syncs(false);
    journal.durable().wait_for(|end| end.0 == 40 - refused).await.unwrap();
    journal.append(batch([99])).await.unwrap();
}

#[tokio::test]
async fn the_journals_own_limit_refuses_until_something_is_released() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), &config::Journal { disk_bytes_max: 8000, ..settings() }).unwrap();
    let mut kept = 0;
    while let Ok(positions) = journal.append(batch([kept])).await {
        assert_eq!(positions.start.0, kept);
        kept += 1;
    }
    assert!(journal.disk_bytes() <= 8000 && journal.disk_bytes() > 7000, "{}", journal.disk_bytes());
    assert!(matches!(journal.append(batch([kept])).await, Err(AppendError::Full)));
    assert_eq!(read_all(&journal, 0).0.len() as u64, kept);
    journal.release(Position(kept));
    assert_eq!(journal.append(batch([kept])).await.unwrap().start.0, kept);
}

#[tokio::test]
async fn a_nearly_full_disk_refuses_until_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = on_faults(dir.path(), &config::Journal { disk_free_bytes_min: 1000, ..settings() });
    faults.set_free_bytes(Some(999));
    // The disk is checked at intervals: some records may be appended until then.
    let mut appended = 0;
    let refused = loop {
        match journal.append(batch([appended])).await {
            Ok(positions) => assert_eq!(positions.start.0, appended),
            Err(refused) => break refused,
        }
        appended += 1;
    };
    assert!(matches!(refused, AppendError::Full));
    assert!(matches!(journal.append(batch([appended])).await, Err(AppendError::Full)));
    faults.set_free_bytes(Some(1000));
    wait_for_space(&journal).await;
    assert_eq!(journal.append(batch([appended])).await.unwrap().start.0, appended);
}

/// Waits until the journal has noticed that its disk has space.
async fn wait_for_space(journal: &Journal) {
    tokio::time::timeout(Duration::from_mins(1), async {
        while journal.shared.disk_full.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("space in time");
}

#[tokio::test]
async fn a_write_that_fills_the_disk_is_cut_off_and_the_same_file_stays_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = on_faults(dir.path(), &settings());
    journal.append(batch([1])).await.unwrap();
    let before = journal.disk_bytes();
    for written in [0, 5, 40, 60] {
        faults.fail_next_write(written, Errno::NOSPC);
        assert!(matches!(journal.append(batch([2, 3])).await, Err(AppendError::Full)));
        assert_eq!(file_bytes(dir.path()), before);
        wait_for_space(&journal).await;
    }
    assert_eq!(journal.append(batch([4])).await.unwrap().start.0, 1);
    drop(journal);
    let (journal, recovery) = open(dir.path());
    assert_eq!((recovery.torn_bytes, recovery.lost, read_all(&journal, 0).0), (0, vec![], vec![(0, 1), (1, 4)]));
}

#[tokio::test]
async fn after_a_failed_sync_or_write_a_new_segment_is_used() {
    for fail in [(|faults: &Faults| faults.fail_next_sync(Errno::IO)) as fn(&Faults), |faults| {
        faults.fail_next_write(45, Errno::IO);
    }] {
        let dir = tempfile::tempdir().unwrap();
        let (journal, faults) = on_faults(dir.path(), &config::Journal { segment_bytes: 1 << 20, ..settings() });
        journal.append(batch([1])).await.unwrap();
        for round in 0..3 {
            fail(&faults);
            let mut lost = batch([100 + round]);
            let called = Arc::new(());
            let held = Arc::clone(&called);
            lost.when_durable(move |_| panic!("{held:?} is not durable"));
            assert!(matches!(journal.append(lost).await, Err(AppendError::Broken(_))));
            assert_eq!(Arc::strong_count(&called), 1, "the hook is dropped before the append returns");
            // The second failure in a row hits a segment without any record.
            if round > 0 {
                assert_eq!(journal.append(batch([round])).await.unwrap().start.0, round);
            }
        }
        let expected = vec![(0, 1), (1, 1), (2, 2)];
        assert_eq!(read_all(&journal, 0), (expected.clone(), vec![]));
        drop(journal);
        let (journal, recovery) = open(dir.path());
        assert_eq!((recovery.records, recovery.lost), (3, vec![]));
        assert_eq!(read_all(&journal, 0), (expected, vec![]));
    }
}

#[tokio::test]
async fn a_tail_superseded_by_a_newer_segment_is_never_read() {
    let dir = tempfile::tempdir().unwrap();
    let large = config::Journal { segment_bytes: 1 << 20, ..settings() };
    let (journal, faults) = on_faults(dir.path(), &large);
    journal.append(batch([1])).await.unwrap();
    let old = segments::path_of(dir.path(), Position(0));
    faults.fail_next_sync(Errno::IO);
    assert!(journal.append(batch([2])).await.is_err());
    assert_eq!(journal.append(batch([3])).await.unwrap().start.0, 1);
    // If the cut had not reached the disk, the refused block would still be there.
    let mut refused = batch([2]);
    let mut bytes = std::fs::read(&old).unwrap();
    let block =
        super::super::format::BlockHeader { first: Position(1), bytes: refused.frames.len() as u64, records: 1 };
    bytes.extend_from_slice(&block.encode(journal.id()));
    bytes.append(&mut refused.frames);
    std::fs::write(&old, &bytes).unwrap();
    assert_eq!(read_all(&journal, 0), (vec![(0, 1), (1, 3)], vec![]));
    drop(journal);
    let (journal, _) = open(dir.path());
    assert_eq!(read_all(&journal, 0), (vec![(0, 1), (1, 3)], vec![]));
}

fn file_bytes(dir: &Path) -> u64 {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

/// Other stores know records up to a position, and the newest ones are gone: none of their positions is reused.
#[tokio::test]
async fn a_journal_whose_known_tail_is_gone_continues_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    journal.append(batch(0..5)).await.unwrap();
    journal.close();
    for _ in 0..2 {
        let (journal, _) = open(dir.path());
        assert_eq!(journal.continue_at(Position(3)), Position(5)..Position(5), "it has more than that");
        assert_eq!(journal.continue_at(Position(12)), Position(5)..Position(12));
        assert_eq!(journal.next(), Position(12));
        assert_eq!(read_all(&journal, 0).1, [Position(5)..Position(12)]);
        journal.close();
    }
    let (journal, _) = open(dir.path());
    assert!(!journal.continue_at(Position(12)).is_empty());
    assert_eq!(journal.append(batch(12..14)).await.unwrap(), Position(12)..Position(14));
    journal.close();
    let (journal, recovery) = open(dir.path());
    assert_eq!(recovery.next, Position(14));
    assert!(journal.continue_at(Position(12)).is_empty());
    let expected: Vec<(u64, u64)> = (0..5).chain(12..14).map(|n| (n, n)).collect();
    assert_eq!(read_all(&journal, 0), (expected, vec![Position(5)..Position(12)]));
}
