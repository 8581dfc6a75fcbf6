//! Appending, reading, rotating, releasing, and concurrency.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::*;
use crate::{journal::AppendError, telemetry::Counter};

#[tokio::test]
async fn appended_records_are_read_back_in_order_across_segments_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..3_u64 {
        let (journal, recovery) = open(dir.path());
        assert_eq!((recovery.records, recovery.next.0, recovery.torn_bytes), (round * 100, round * 100, 0));
        for i in 0..50 {
            let key = 1000 * round + i;
            let positions = journal.append(batch([key, key + 500])).await.unwrap();
            expected.extend([(positions.start.0, key), (positions.end.0 - 1, key + 500)]);
        }
        assert_eq!(read_all(&journal, 0), (expected.clone(), vec![]));
        assert_eq!(read_all(&journal, 37).0, expected[37..]);
    }
    assert!(std::fs::read_dir(dir.path()).unwrap().count() > 5, "segments were rotated");
}

#[tokio::test]
async fn a_journal_keeps_its_id_and_a_second_one_has_a_different_id() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let id = open(first.path()).0.id();
    assert_eq!(open(first.path()).0.id(), id);
    assert_ne!(open(second.path()).0.id(), id);
}

#[tokio::test]
async fn a_reader_stops_at_the_end_and_continues_when_more_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    let mut reader = journal.reader(Position(0));
    let mut durable = journal.durable();
    for key in 0..40 {
        assert_eq!(reader.read(10, 1000).unwrap(), vec![]);
        journal.append(batch([key])).await.unwrap();
        assert_eq!(durable.wait_for(|end| end.0 > key).await.unwrap().0, key + 1);
        assert_eq!(reader.read(10, 0).unwrap().iter().map(key_of).collect::<Vec<_>>(), [key]);
    }
    assert!(matches!(journal.reader(Position(41)).read(1, 1), Err(ReadError::Ahead { end: Position(40), .. })));
}

#[tokio::test]
async fn only_whole_segments_below_are_released_and_never_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    for key in 0..200 {
        journal.append(batch([key])).await.unwrap();
    }
    let before = journal.disk_bytes();
    journal.release(Position(100));
    let first = journal.first().0;
    assert!(first > 50 && first <= 100, "{first}");
    assert!(journal.disk_bytes() < before);
    assert_eq!(read_all(&journal, first).0.len() as u64, 200 - first);
    assert_eq!(read_all(&journal, 0).1, [Position(0)..Position(first)], "released records are reported");
    journal.release(Position(200));
    assert!(!read_all(&journal, journal.first().0).0.is_empty());
    let reported = journal.disk_bytes();
    drop(journal);
    let on_disk: u64 = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(reported, on_disk);
    assert_eq!(open(dir.path()).1.next.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_appenders_at_once_get_positions_without_gap_or_overlap() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Arc::new(open(dir.path()).0);
    let hooks = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..64_u64 {
        let (journal, hooks) = (Arc::clone(&journal), Arc::clone(&hooks));
        tasks.spawn(async move {
            let mut appended = Vec::new();
            for i in 0..20 {
                let keys = (0..=i % 3).map(|k| task * 1000 + i * 10 + k);
                let mut batch = batch(keys.clone());
                let hooks = Arc::clone(&hooks);
                // Hooks run in order of position: each range begins at the end of the previous one.
                batch.when_durable(move |range| {
                    assert_eq!(hooks.swap(range.end.0, Ordering::SeqCst), range.start.0);
                });
                let positions = journal.append(batch).await.unwrap();
                assert!(journal.next() >= positions.end);
                appended.extend((positions.start.0..positions.end.0).zip(keys));
            }
            appended
        });
    }
    let mut expected = tasks.join_all().await.concat();
    expected.sort_unstable();
    assert_eq!(hooks.load(Ordering::SeqCst), expected.len() as u64);
    assert_eq!(read_all(&journal, 0), (expected, vec![]));
}

#[tokio::test]
async fn a_closed_journal_refuses_batches_and_keeps_its_records() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = open(dir.path());
    journal.append(batch([1])).await.unwrap();
    journal.close();
    journal.close();
    assert!(matches!(journal.append(batch([2])).await, Err(AppendError::Stopping)));
    assert_eq!(read_all(&journal, 0).0, [(0, 1)]);
}

#[tokio::test]
async fn a_panicking_hook_does_not_affect_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let panics = Counter::default();
    let (journal, _) = Journal::open_counting(dir.path(), &settings(), panics.clone()).unwrap();
    let mut bad = batch([1]);
    bad.when_durable(|_| panic!("intended by the test"));
    assert_eq!(journal.append(bad).await.unwrap(), Position(0)..Position(1), "its record is durable");
    let called = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&called);
    let mut good = batch([2]);
    good.when_durable(move |range| seen.store(range.end.0, Ordering::Relaxed));
    assert_eq!(journal.append(good).await.unwrap(), Position(1)..Position(2));
    assert_eq!((called.load(Ordering::Relaxed), panics.get(), journal.has_ended()), (2, 1, false));
    journal.close();
    journal.ended().await;
    assert!(journal.has_ended());
}
