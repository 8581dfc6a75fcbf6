//! When a group waits for more batches to share its sync. The delay is one hour: a test ends only without it.

use std::sync::Arc;

use super::{
    faults::{Faults, Step},
    *,
};
use crate::journal::disk::Disk;

const HOUR_US: u64 = 3_600_000_000;

fn with_long_delay(dir: &Path) -> (Arc<Journal>, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let limits =
        config::Journal { gather_us: HOUR_US, append_timeout_ms: 60_000, segment_bytes: 1 << 20, ..settings() };
    let (journal, _) = Journal::open_on(Disk::Faulty(Arc::clone(&faults)), dir, &limits).unwrap();
    (Arc::new(journal), faults)
}

type Appends = tokio::task::JoinSet<bool>;

fn append(journal: &Arc<Journal>, keys: std::ops::Range<u64>) -> Appends {
    let mut tasks = Appends::new();
    for key in keys {
        let journal = Arc::clone(journal);
        tasks.spawn(async move { journal.append(batch([key])).await.is_ok() });
    }
    tasks
}

/// Writes a group of eight batches, after which the delay applies.
async fn commit_large_group(journal: &Arc<Journal>, faults: &Faults) {
    faults.hold_syncs(true);
    let first = append(journal, 0..1);
    while !faults.is_sync_held() {
        tokio::task::yield_now().await;
    }
    let mut group = append(journal, 1..9);
    // All of them are in the queue once each was polled.
    tokio::task::yield_now().await;
    faults.hold_syncs(false);
    assert!(first.join_all().await[0]);
    while let Some(kept) = group.join_next().await {
        assert!(kept.unwrap());
    }
    assert_eq!(journal.next().0, 9);
    faults.steps();
}

#[tokio::test]
async fn a_single_appender_does_not_wait() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = with_long_delay(dir.path());
    for key in 0..50 {
        journal.append(batch([key])).await.unwrap();
    }
}

#[tokio::test]
async fn after_a_group_of_several_batches_the_next_one_waits_until_it_is_large() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = with_long_delay(dir.path());
    commit_large_group(&journal, &faults).await;
    assert!(append(&journal, 9..265).join_all().await.into_iter().all(|kept| kept));
    let syncs = faults.steps().iter().filter(|step| **step == Step::Synced).count();
    assert_eq!((syncs, journal.next().0), (1, 265));
    assert_eq!(read_all(&journal, 0).0.len(), 265);
}

#[tokio::test]
async fn a_large_batch_does_not_wait() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = with_long_delay(dir.path());
    commit_large_group(&journal, &faults).await;
    let mut large = Batch::default();
    large.push(9, |out| out.resize(2 << 20, 7));
    assert_eq!(journal.append(large).await.unwrap().start.0, 9);
}

#[tokio::test]
async fn closing_ends_the_wait_and_keeps_waiting_batches() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = with_long_delay(dir.path());
    commit_large_group(&journal, &faults).await;
    let waiting = append(&journal, 9..12);
    tokio::task::yield_now().await;
    assert_eq!(journal.next().0, 9, "a small group waits for more");
    journal.close();
    assert!(waiting.join_all().await.into_iter().all(|kept| kept));
    assert_eq!(read_all(&journal, 0).0.len(), 12);
}
