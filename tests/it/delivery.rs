//! Delivery from the journal to the warehouse: exactly once under all faults.

use std::{path::Path, sync::Arc};

use ashna::{
    config::{self, Config, Endpoint},
    delivery::{Delivery, Progress, Replay, ReplayCounts},
    journal::{Batch, Journal},
    model::{Event, Position, VisitorId},
    store::Store,
    tasks::Tasks,
};
use tokio::sync::watch;

use crate::support::{
    engine::{OwnEngine, PATIENCE, database, endpoint},
    events::{event, record},
    fault_proxy::FaultProxy,
};

/// A journal with its delivery running.
pub struct Line {
    pub journal: Arc<Journal>,
    pub progress: watch::Receiver<Progress>,
    pub quarantine: Replay,
    tasks: Tasks,
}

fn quick() -> config::Delivery {
    let defaults = Config::defaults().delivery;
    config::Delivery {
        batch_events_max: 64,
        flush_interval_ms: 10,
        retry_backoff_ms: 10,
        retry_backoff_max_ms: 200,
        ..defaults
    }
}

impl Line {
    pub fn open(data: &Path, store: &Store) -> Self {
        let (journal, _) = Journal::open(&data.join("journal"), &Config::defaults().journal).unwrap();
        let journal = Arc::new(journal);
        let delivery =
            Delivery::open(data, Arc::clone(&journal), store.clone(), &quick(), || Position(u64::MAX)).unwrap();
        let (progress, quarantine) = (delivery.progress(), delivery.replayer());
        let mut tasks = Tasks::default();
        tasks.spawn_fatal("delivery", move |stopping| delivery.run(stopping));
        Self { journal, progress, quarantine, tasks }
    }

    pub async fn keep(&self, events: impl Iterator<Item = Event<'static>>) {
        let mut batch = Batch::default();
        for event in events {
            batch.push(event.message.0, |payload| payload.extend(record(&event)));
        }
        self.journal.append(batch).await.unwrap();
    }

    pub async fn delivered(&mut self, position: u64) -> Progress {
        let reached = self.progress.wait_for(|p| p.delivered.0 >= position);
        *tokio::time::timeout(PATIENCE, reached).await.expect("delivered in time").unwrap()
    }

    pub async fn stop(self) {
        self.tasks.stop(PATIENCE).await;
        self.journal.close();
    }
}

/// Rows, distinct positions, rows of `visitor_events`.
pub async fn stored(store: &Store) -> (u64, u64, u64) {
    store
        .query::<(u64, u64, u64)>(
            "SELECT count(), uniqExact(position), assumeNotNull((SELECT count() FROM visitor_events)) FROM events",
            &[],
        )
        .await
        .unwrap()[0]
}

#[tokio::test]
async fn kept_events_arrive_once_and_counts_hold_across_restarts() {
    let (data, store) = (tempfile::tempdir().unwrap(), database().await);
    let mut line = Line::open(data.path(), &store);
    line.keep((0..100).map(event)).await;
    let progress = line.delivered(100).await;
    assert_eq!(progress, Progress { delivered: Position(100), inserted: 100, quarantined: 0 });
    line.stop().await;
    let mut line = Line::open(data.path(), &store);
    assert_eq!(*line.progress.borrow(), progress);
    line.keep((100..150).map(event)).await;
    line.delivered(150).await;
    line.stop().await;
    assert_eq!(stored(&store).await, (150, 150, 150));
}

#[tokio::test]
async fn a_stop_delivers_pending_events_first() {
    let (data, store) = (tempfile::tempdir().unwrap(), database().await);
    let line = Line::open(data.path(), &store);
    line.keep((0..500).map(event)).await;
    line.stop().await;
    assert_eq!(stored(&store).await, (500, 500, 500));
}

#[tokio::test]
async fn a_crash_between_insert_and_checkpoint_sends_the_same_batch_again() {
    let (data, store) = (tempfile::tempdir().unwrap(), database().await);
    let mut line = Line::open(data.path(), &store);
    line.keep((0..40).map(event)).await;
    line.delivered(40).await;
    let id = line.journal.id();
    line.stop().await;
    // The checkpoint from before the insert was answered.
    let before =
        format!(r#"{{"journal":{id},"delivered":0,"pending":[{{"start":0,"end":40}}],"inserted":0,"quarantined":0}}"#);
    std::fs::remove_file(data.path().join("journal/delivery.json")).unwrap();
    std::fs::write(data.path().join("delivery.json"), before).unwrap();
    let mut line = Line::open(data.path(), &store);
    line.keep((40..50).map(event)).await;
    let progress = line.delivered(50).await;
    assert_eq!((progress.inserted, progress.quarantined), (50, 0));
    line.stop().await;
    assert_eq!(stored(&store).await, (50, 50, 50));
}

/// The engine was killed between writing a part and its deduplication token: it has the rows but not the token.
#[tokio::test]
async fn rows_stored_without_their_token_are_deduplicated() {
    let (data, store) = (tempfile::tempdir().unwrap(), database().await);
    let mut line = Line::open(data.path(), &store);
    line.keep((0..40).map(event)).await;
    line.delivered(40).await;
    let id = line.journal.id();
    line.stop().await;
    store.execute("SYSTEM STOP MERGES events", &[]).await.unwrap();
    store.execute("INSERT INTO events SELECT * FROM events", &[]).await.unwrap();
    assert_eq!(stored(&store).await, (80, 40, 80));
    let before =
        format!(r#"{{"journal":{id},"delivered":0,"pending":[{{"start":0,"end":40}}],"inserted":0,"quarantined":0}}"#);
    std::fs::remove_file(data.path().join("journal/delivery.json")).unwrap();
    std::fs::write(data.path().join("delivery.json"), before).unwrap();
    let mut line = Line::open(data.path(), &store);
    line.delivered(40).await;
    line.stop().await;
    assert_eq!(stored(&store).await, (40, 40, 40));
}

#[tokio::test]
async fn a_bad_row_is_quarantined_with_its_reason_and_the_others_arrive() {
    let (data, store) = (tempfile::tempdir().unwrap(), database().await);
    store.execute("ALTER TABLE events ADD CONSTRAINT no_poison CHECK path != '/p/33'", &[]).await.unwrap();
    let mut line = Line::open(data.path(), &store);
    line.keep((0..60).map(event)).await;
    let mut torn = Batch::default();
    torn.push(1, |payload| payload.extend([1, 2, 3]));
    torn.push(2, |payload| payload.extend([250, 2, 3]));
    line.journal.append(torn).await.unwrap();
    let progress = line.delivered(62).await;
    assert_eq!(progress, Progress { delivered: Position(62), inserted: 59, quarantined: 3 });
    let entries = line.quarantine.list(10).await.unwrap();
    let mut positions: Vec<u64> = entries.iter().map(|e| e.position).collect();
    positions.sort_unstable();
    assert_eq!(positions, [33, 60, 61]);
    let poison = entries.iter().find(|e| e.position == 33).unwrap();
    assert!(poison.reason.contains("no_poison"), "{}", poison.reason);
    assert_eq!((poison.site_id, poison.event.as_deref()), (Some(1), Some("Product Viewed")));
    line.stop().await;
    assert_eq!(stored(&store).await, (59, 59, 59));
}

/// While the first of two ranges in flight is bisected, the second is delivered and counted once.
#[tokio::test]
async fn bad_rows_of_a_range_do_not_affect_the_next_range() {
    let (data, store) = (tempfile::tempdir().unwrap(), database().await);
    store
        .execute("ALTER TABLE events ADD CONSTRAINT no_poison CHECK path NOT IN ('/p/33', '/p/64', '/p/190')", &[])
        .await
        .unwrap();
    let mut line = Line::open(data.path(), &store);
    line.keep((0..300).map(event)).await;
    let progress = line.delivered(300).await;
    assert_eq!(progress, Progress { delivered: Position(300), inserted: 297, quarantined: 3 });
    let mut positions: Vec<u64> = line.quarantine.list(10).await.unwrap().iter().map(|e| e.position).collect();
    positions.sort_unstable();
    assert_eq!(positions, [33, 64, 190]);
    line.stop().await;
    assert_eq!(stored(&store).await, (297, 297, 297));
}

/// A crash with two ranges in flight, of which the warehouse stored only the second.
#[tokio::test]
async fn two_ranges_in_flight_at_a_crash_are_sent_again_unchanged() {
    let (data, store) = (tempfile::tempdir().unwrap(), database().await);
    let mut line = Line::open(data.path(), &store);
    line.keep((0..40).map(event)).await;
    line.delivered(40).await;
    let id = line.journal.id();
    line.keep((40..70).map(event)).await;
    line.delivered(70).await;
    line.stop().await;
    store.execute("ALTER TABLE events DELETE WHERE position < 40 SETTINGS mutations_sync = 1", &[]).await.unwrap();
    store
        .execute("ALTER TABLE visitor_events DELETE WHERE position < 40 SETTINGS mutations_sync = 1", &[])
        .await
        .unwrap();
    // The first has other bounds, as if it had never been sent.
    let before = format!(
        r#"{{"journal":{id},"delivered":0,"pending":[{{"start":0,"end":20}},{{"start":20,"end":40}},{{"start":40,"end":70}}],"inserted":0,"quarantined":0}}"#
    );
    for file in ["delivery.json", "journal/delivery.json"] {
        std::fs::write(data.path().join(file), &before).unwrap();
    }
    let mut line = Line::open(data.path(), &store);
    line.keep((70..90).map(event)).await;
    let progress = line.delivered(90).await;
    assert_eq!((progress.inserted, progress.quarantined), (90, 0));
    line.stop().await;
    assert_eq!(stored(&store).await, (90, 90, 90));
}

#[tokio::test]
async fn quarantined_rows_can_be_resent_and_the_counts_hold() {
    let (data, store) = (tempfile::tempdir().unwrap(), database().await);
    store.execute("ALTER TABLE events ADD CONSTRAINT no_poison CHECK path != '/p/33'", &[]).await.unwrap();
    let mut line = Line::open(data.path(), &store);
    line.keep((0..60).map(event)).await;
    let mut torn = Batch::default();
    torn.push(1, |payload| payload.extend([1, 2, 3]));
    line.journal.append(torn).await.unwrap();
    line.delivered(61).await;
    assert_eq!(line.quarantine.replay(100).await.unwrap(), ReplayCounts { replayed: 0, refused: 2 });
    assert_eq!(line.progress.borrow().quarantined, 2, "nothing changed");
    store.execute("ALTER TABLE events DROP CONSTRAINT no_poison", &[]).await.unwrap();
    assert_eq!(line.quarantine.replay(100).await.unwrap(), ReplayCounts { replayed: 1, refused: 1 });
    assert_eq!(line.quarantine.replay(100).await.unwrap(), ReplayCounts { replayed: 0, refused: 1 }, "once");
    let after = Progress { delivered: Position(61), inserted: 60, quarantined: 1 };
    assert_eq!(*line.progress.borrow(), after);
    assert_eq!(stored(&store).await, (60, 60, 60));
    line.keep((61..70).map(event)).await;
    line.delivered(70).await;
    line.stop().await;
    // A crash between the insert and its record: the warehouse is checked before it is sent again.
    std::fs::remove_file(data.path().join("quarantine/replayed.ndjson")).unwrap();
    let line = Line::open(data.path(), &store);
    assert_eq!(*line.progress.borrow(), Progress { delivered: Position(70), inserted: 68, quarantined: 2 });
    assert_eq!(line.quarantine.replay(100).await.unwrap(), ReplayCounts { replayed: 1, refused: 1 });
    assert_eq!(*line.progress.borrow(), Progress { delivered: Position(70), inserted: 69, quarantined: 1 });
    line.stop().await;
    assert_eq!(stored(&store).await, (69, 69, 69));
}

#[tokio::test]
async fn an_erased_visitors_quarantined_rows_are_removed_and_the_counts_hold() {
    let (data, store) = (tempfile::tempdir().unwrap(), database().await);
    store.execute("ALTER TABLE events ADD CONSTRAINT no_poison CHECK path != '/p/33'", &[]).await.unwrap();
    let mut line = Line::open(data.path(), &store);
    line.keep((0..60).map(event)).await;
    line.delivered(60).await;
    let Event { site, visitor, .. } = event(33);
    assert_eq!(line.quarantine.erase(site, VisitorId(visitor.0 ^ 1)).await.unwrap(), 0, "another visitor");
    assert_eq!(line.quarantine.erase(site, visitor).await.unwrap(), 1);
    let listed = line.quarantine.list(9).await.unwrap();
    assert_eq!((listed.len(), listed[0].reason.as_str(), &listed[0].event), (1, "erased with its visitor", &None));
    assert_eq!(line.quarantine.replay(9).await.unwrap(), ReplayCounts { replayed: 0, refused: 1 });
    assert_eq!(line.progress.borrow().quarantined, 1);
    line.stop().await;
}

#[tokio::test]
async fn either_checkpoint_can_be_lost_during_a_batch() {
    for lost in ["delivery.json", "journal/delivery.json"] {
        let (data, store) = (tempfile::tempdir().unwrap(), database().await);
        let mut line = Line::open(data.path(), &store);
        line.keep((0..40).map(event)).await;
        line.delivered(40).await;
        let id = line.journal.id();
        line.keep((40..60).map(event)).await;
        line.delivered(60).await;
        line.stop().await;
        // The state after a crash between insert and checkpoint: both name the batch in flight.
        let before = format!(
            r#"{{"journal":{id},"delivered":40,"pending":[{{"start":40,"end":60}}],"inserted":40,"quarantined":0}}"#
        );
        for file in ["delivery.json", "journal/delivery.json"] {
            std::fs::write(data.path().join(file), &before).unwrap();
        }
        std::fs::remove_file(data.path().join(lost)).unwrap();
        let mut line = Line::open(data.path(), &store);
        // More events arrive before delivery: without the checkpoint the range would differ.
        line.keep((60..70).map(event)).await;
        assert_eq!(line.delivered(70).await.inserted, 70, "without {lost}");
        line.stop().await;
        assert_eq!(stored(&store).await, (70, 70, 70), "without {lost}");
    }
}

#[tokio::test]
async fn a_missing_table_loses_no_events() {
    let (data, endpoint) = (tempfile::tempdir().unwrap(), endpoint().await);
    let proxy = FaultProxy::before(&endpoint.url).await;
    let store = Store::connect_to(Endpoint { url: proxy.url(), ..endpoint }, &Config::defaults().clickhouse);
    store.migrate().await.unwrap();
    store.execute("RENAME TABLE events TO away", &[]).await.unwrap();
    let mut line = Line::open(data.path(), &store);
    line.keep((0..10).map(event)).await;
    proxy.answers(3).await;
    assert_eq!(line.progress.borrow().delivered, Position(0));
    store.execute("RENAME TABLE away TO events", &[]).await.unwrap();
    line.delivered(10).await;
    line.stop().await;
    assert_eq!(stored(&store).await.0, 10);
}

#[tokio::test]
async fn a_dying_engine_causes_no_loss_and_no_duplicates() {
    let (data, engine_data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let own = OwnEngine::start(engine_data.path()).await;
    let store = own.store();
    store.migrate().await.unwrap();
    let mut line = Line::open(data.path(), &store);
    let mut kept = 0;
    for _ in 0..3 {
        for _ in 0..10 {
            line.keep((kept..kept + 50).map(event)).await;
            kept += 50;
            // Some events are inserted and some pending when it dies.
            line.delivered(kept.saturating_sub(200)).await;
        }
        own.kill().await;
        line.keep((kept..kept + 50).map(event)).await;
        kept += 50;
        own.engine.ready(PATIENCE).await.unwrap();
    }
    let progress = line.delivered(kept).await;
    assert_eq!((progress.inserted, progress.quarantined), (kept, 0));
    assert_eq!(stored(&store).await, (kept, kept, kept));
    line.stop().await;
    own.stop().await;
}
