//! Verification of stored rows: damaged, missing and duplicate rows are detected and sent again.

use std::{fs, path::Path, time::Duration};

use ashna::{
    delivery::Progress,
    model::Position,
    store::{Param, Store, StoredRange},
};

use crate::{
    delivery::{Line, stored},
    support::{
        engine::{OwnEngine, database, eventually},
        events::{batch, event},
    },
};

const LIMIT: Duration = Duration::from_secs(30);

/// Empties files of a table's newest part, as an engine with a full disk leaves them.
async fn damage(store: &Store, table: &str) {
    let question = "SELECT path FROM system.parts WHERE active AND database = currentDatabase() AND table = {table:String} \
                    ORDER BY modification_time DESC LIMIT 1";
    let path = store.query::<String>(question, &[("table", table.into())]).await.unwrap().pop().unwrap();
    for file in fs::read_dir(path).unwrap().flatten() {
        let name = file.file_name().into_string().unwrap();
        if name.contains(".cmrk") || name.contains(".mrk") || name.contains(".bin") {
            fs::write(file.path(), "").unwrap();
        }
    }
    for statement in ["SYSTEM DROP MARK CACHE", "SYSTEM DROP UNCOMPRESSED CACHE"] {
        store.execute(statement, &[]).await.unwrap();
    }
}

/// The checkpoint while the first forty records are in flight.
fn pending_again(data: &Path, journal: u64) {
    let text = format!(
        r#"{{"journal":{journal},"delivered":0,"pending":[{{"start":0,"end":40}}],"inserted":0,"quarantined":0}}"#
    );
    for file in ["delivery.json", "journal/delivery.json"] {
        fs::write(data.join(file), &text).unwrap();
    }
}

async fn detached(store: &Store) -> Vec<String> {
    store
        .query::<String>(
            "SELECT table FROM system.detached_parts WHERE database = currentDatabase() ORDER BY name",
            &[],
        )
        .await
        .unwrap()
}

#[tokio::test]
async fn an_unreadable_part_is_removed_and_its_batch_sent_again() {
    for table in ["events", "visitor_events"] {
        let (data, engine_data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let own = OwnEngine::start(engine_data.path()).await;
        let store = own.store();
        store.migrate().await.unwrap();
        store.execute("SYSTEM STOP MERGES", &[]).await.unwrap();
        let mut line = Line::open(data.path(), &store);
        line.keep((0..40).map(event)).await;
        line.delivered(40).await;
        let id = line.journal.id();
        line.stop().await;
        damage(&store, table).await;
        pending_again(data.path(), id);
        // The insert is deduplicated by its token and stores nothing.
        let mut line = Line::open(data.path(), &store);
        let progress = line.delivered(40).await;
        assert_eq!((progress.inserted, progress.quarantined), (40, 0));
        line.stop().await;
        assert_eq!(stored(&store).await, (40, 40, 40), "{table}");
        assert_eq!(detached(&store).await, [table], "its files are kept");
        own.stop().await;
    }
}

#[tokio::test]
async fn parts_detached_at_startup_are_sent_again_from_the_journal() {
    let (data, engine_data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let own = OwnEngine::start(engine_data.path()).await;
    let store = own.store();
    store.migrate().await.unwrap();
    store.execute("SYSTEM STOP MERGES", &[]).await.unwrap();
    store.execute("ALTER TABLE events ADD CONSTRAINT no_poison CHECK path != '/p/3'", &[]).await.unwrap();
    let mut line = Line::open(data.path(), &store);
    line.keep((0..40).map(event)).await;
    line.delivered(40).await;
    line.stop().await;
    assert_eq!(stored(&store).await, (39, 39, 39));
    damage(&store, "events").await;
    own.kill().await;
    own.engine.ready(LIMIT).await.unwrap();
    assert!(stored(&store).await.0 < 39, "the part is detached");
    let line = Line::open(data.path(), &store);
    let whole = async || stored(&store).await == (39, 39, 39);
    eventually("what was set aside is stored again, without what is in quarantine", LIMIT, whole).await;
    let same = Progress { delivered: Position(40), inserted: 39, quarantined: 1 };
    assert_eq!(*line.progress.borrow(), same);
    line.stop().await;
    own.stop().await;
}

#[tokio::test]
async fn erased_rows_are_not_sent_again() {
    let (data, engine_data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let own = OwnEngine::start(engine_data.path()).await;
    let store = own.store();
    store.migrate().await.unwrap();
    let mut line = Line::open(data.path(), &store);
    line.keep((0..40).map(event)).await;
    line.delivered(40).await;
    line.quarantine.forget_delivered().await.unwrap();
    line.stop().await;
    damage(&store, "events").await;
    own.kill().await;
    own.engine.ready(LIMIT).await.unwrap();
    let mut line = Line::open(data.path(), &store);
    line.keep((40..50).map(event)).await;
    line.delivered(50).await;
    line.stop().await;
    assert_eq!(stored(&store).await.0, 10);
    own.stop().await;
}

#[tokio::test]
async fn duplicates_and_gaps_are_detected() {
    let store = database().await;
    let range = Position(0)..Position(30);
    let events: Vec<_> = (0..30).map(event).collect();
    assert_eq!(store.stored_range(7, &range, 30).await.unwrap(), StoredRange::Differs(0));
    store.insert(batch(0, &events)).await.unwrap();
    assert_eq!(store.stored_range(7, &range, 30).await.unwrap(), StoredRange::Complete);
    assert_eq!(store.stored_range(8, &range, 0).await.unwrap(), StoredRange::Complete, "another journal has none");
    store.execute("INSERT INTO visitor_events SELECT * FROM visitor_events WHERE position = 3", &[]).await.unwrap();
    assert_eq!(store.stored_range(7, &range, 30).await.unwrap(), StoredRange::Differs(30), "a duplicate");
    // The part also has rows of other ranges by now.
    store.insert(batch(30, &(30..60).map(event).collect::<Vec<_>>())).await.unwrap();
    for table in ["events", "visitor_events"] {
        store.execute("OPTIMIZE TABLE {table:Identifier} FINAL", &[("table", table.into())]).await.unwrap();
    }
    store.remove_range(7, &range).await.unwrap();
    assert_eq!(stored(&store).await, (30, 30, 30));
    assert_eq!(store.stored_range(7, &range, 30).await.unwrap(), StoredRange::Differs(0));
    let mut again = batch(0, &events);
    again.epoch = 1;
    store.insert(again).await.unwrap();
    assert_eq!(store.stored_range(7, &range, 30).await.unwrap(), StoredRange::Complete);
    assert_eq!(stored(&store).await, (60, 60, 60));
}

/// Rows that the engine reads to look up a range of the journal.
async fn rows_read(store: &Store, table: &str) -> u64 {
    let question = "EXPLAIN ESTIMATE SELECT count() FROM {table:Identifier} \
                    WHERE journal = 7 AND position >= 1000000 AND position < 1000010 \
                    SETTINGS use_skip_indexes_on_data_read = 0";
    let found =
        store.query::<(String, String, u64, u64, u64)>(question, &[("table", Param::from(table))]).await.unwrap();
    found.iter().map(|(_, _, _, rows, _)| rows).sum()
}

#[tokio::test]
async fn a_range_lookup_reads_a_constant_number_of_rows() {
    let store = database().await;
    let fill = "INSERT INTO events (journal, position, site_id, visitor, kind, name, occurred_at, received_at) \
                SELECT 7, {from:UInt64} + number, 1, 1 + number % 1000, 2, 'x', \
                       toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + toIntervalSecond({from:UInt64} + number), now64(3) \
                FROM numbers({rows:UInt64}) SETTINGS max_partitions_per_insert_block = 1000";
    let add = async |from: u64, rows: u64| {
        store.execute(fill, &[("from", Param::U64(from)), ("rows", Param::U64(rows))]).await.unwrap();
    };
    add(1_000_000, 10).await;
    let mut read = Vec::new();
    for round in 0..3 {
        add(round * 200_000, 200_000).await;
        for table in ["events", "visitor_events"] {
            store.execute("OPTIMIZE TABLE {table:Identifier} FINAL", &[("table", table.into())]).await.unwrap();
            read.push(rows_read(&store, table).await);
        }
    }
    // A row is in the granule of its key or the one before: 1,024 rows, and 8,192 of `events`.
    assert!(read.iter().all(|rows| (10..=20_480).contains(rows)), "of 200,010 to 600,010 rows were read: {read:?}");
}
