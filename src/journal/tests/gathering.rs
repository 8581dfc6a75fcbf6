//! Who waits for others to share a sync, and who does not. The wait is set to an hour: what should not wait ends.

use std::sync::Arc;

use super::{
    faults::{Faults, Step},
    *,
};
use crate::journal::disk::Disk;

const HOUR_US: u64 = 3_600_000_000;

fn gathering(dir: &Path) -> (Arc<Journal>, Arc<Faults>) {
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

/// Batches that wait for one sync together.
async fn make_a_crowd(journal: &Arc<Journal>, faults: &Faults) {
    faults.hold_syncs(true);
    let first = append(journal, 0..1);
    while !faults.holds_one() {
        tokio::task::yield_now().await;
    }
    let mut crowd = append(journal, 1..9);
    // All of them are in the queue once each was polled.
    tokio::task::yield_now().await;
    faults.hold_syncs(false);
    assert!(first.join_all().await[0]);
    while let Some(kept) = crowd.join_next().await {
        assert!(kept.unwrap());
    }
    assert_eq!(journal.next().0, 9);
    faults.steps();
}

#[tokio::test]
async fn who_appends_alone_waits_for_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = gathering(dir.path());
    for key in 0..50 {
        journal.append(batch([key])).await.unwrap();
    }
}

#[tokio::test]
async fn after_a_crowd_the_next_shares_one_sync_once_it_is_large() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = gathering(dir.path());
    make_a_crowd(&journal, &faults).await;
    assert!(append(&journal, 9..265).join_all().await.into_iter().all(|kept| kept));
    let syncs = faults.steps().iter().filter(|step| **step == Step::Synced).count();
    assert_eq!((syncs, journal.next().0), (1, 265));
    assert_eq!(read_all(&journal, 0).0.len(), 265);
}

#[tokio::test]
async fn a_large_batch_is_gathered_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = gathering(dir.path());
    make_a_crowd(&journal, &faults).await;
    let mut large = Batch::default();
    large.push(9, |out| out.resize(2 << 20, 7));
    assert_eq!(journal.append(large).await.unwrap().start.0, 9);
}

#[tokio::test]
async fn closing_ends_the_wait_and_what_waited_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, faults) = gathering(dir.path());
    make_a_crowd(&journal, &faults).await;
    let waiting = append(&journal, 9..12);
    tokio::task::yield_now().await;
    assert_eq!(journal.next().0, 9, "three are no crowd and wait for more");
    journal.close();
    assert!(waiting.join_all().await.into_iter().all(|kept| kept));
    assert_eq!(read_all(&journal, 0).0.len(), 12);
}
