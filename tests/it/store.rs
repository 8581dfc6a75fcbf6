//! The warehouse store: migrations, encoding, deduplication.

use ashna::{
    config::{Config, Endpoint},
    model::{Action, Event, Position, SiteId, Timestamp, VisitorId, event::ItemLine},
    store::{Param, Store, StoreError, rows},
};
use std::time::Duration;

use crate::support::{
    engine::{database, endpoint},
    events::{batch, event, record},
    fault_proxy::{Fault, FaultProxy},
};

async fn count(store: &Store, question: &'static str) -> u64 {
    store.query::<u64>(question, &[]).await.unwrap()[0]
}

async fn events_and_copies(store: &Store) -> (u64, u64) {
    (count(store, "SELECT count() FROM events").await, count(store, "SELECT count() FROM visitor_events").await)
}

#[tokio::test]
async fn migrations_are_idempotent_and_a_changed_file_is_refused() {
    let store = Store::connect_to(endpoint().await, &Config::defaults().clickhouse);
    let first = store.migrate().await.unwrap();
    assert!(first.len() > 1 && first[0] == "0001_events" && first.is_sorted(), "{first:?}");
    assert!(store.migrate().await.unwrap().is_empty());
    // A crash after the last statement and before the record: all statements run again.
    store.execute("TRUNCATE TABLE ashna_migrations", &[]).await.unwrap();
    assert_eq!(store.migrate().await.unwrap(), first);
    store
        .execute("ALTER TABLE ashna_migrations UPDATE checksum = 'x' WHERE 1 SETTINGS mutations_sync = 1", &[])
        .await
        .unwrap();
    let error = store.migrate().await.unwrap_err();
    assert!(matches!(&error, StoreError::MigrationChanged(name) if name == "0001_events"), "{error}");
    store.execute("INSERT INTO ashna_migrations SELECT 9999, '9999_future', 'y', now64(3)", &[]).await.unwrap();
    assert!(matches!(store.migrate().await.unwrap_err(), StoreError::MigrationTooNew(_)));
}

#[tokio::test]
async fn database_names_are_validated() {
    let endpoint = endpoint().await;
    for name in ["", "a b", "a`; DROP DATABASE x", "1a"] {
        let endpoint = Endpoint { database: name.into(), ..endpoint.clone() };
        let error = Store::connect_to(endpoint, &Config::defaults().clickhouse).migrate().await.unwrap_err();
        assert!(matches!(error, StoreError::BadDatabaseName(_)), "{name}: {error}");
    }
}

#[tokio::test]
async fn an_encoded_row_is_decoded_correctly_by_the_engine() {
    let store = database().await;
    let event = event(3);
    store.insert(batch(40, std::slice::from_ref(&event))).await.unwrap();
    // Columns of every type, including the last: a shift of one byte anywhere would change it.
    let stored: Vec<String> = store
        .query(
            "SELECT hex(arrayStringConcat([
                reinterpretAsString(journal), reinterpretAsString(position)])) || '/' ||
                toString(site_id) || '/' || toString(message) || '/' || toString(kind) || '/' || name || '/' ||
                toString(action) || '/' || toString(toUnixTimestamp64Milli(occurred_at)) || '/' ||
                toString(visitor) || '/' || toString(user_verified) || '/' || path || '/' || title || '/' ||
                channel || '/' || device || '/' || country || '/' || toString(screen_height) || '/' ||
                toString(items) || toString(item_prices) || toString(item_quantities) || '/' || category || '/' ||
                toString(amount_minor) || '/' || currency || '/' || properties || '/' || library
             FROM events",
            &[],
        )
        .await
        .unwrap();
    let expected = format!(
        "0728/1/{}/1/Product Viewed/1/{}/103/true//p/3/Kaffee ☕/Organic Search/mobile/DE/844/\
         ['p-3'][1250][2]/Coffee/1250/EUR/{{\"price\":12.5}}/test 1",
        event.message.0, event.occurred_at.0
    );
    assert_eq!(stored, [expected]);
    assert_eq!(rows::decode(&record(&event)).unwrap(), event);
}

#[tokio::test]
async fn sending_a_batch_three_times_stores_one_copy() {
    let store = database().await;
    // Rows of three months: one block, three parts, one token.
    let mut events: Vec<_> = (0..30).map(event).collect();
    for (n, event) in events.iter_mut().enumerate() {
        event.occurred_at = event.occurred_at.plus(i64::try_from(n % 3).unwrap() * 31 * 86_400_000);
    }
    for _ in 0..3 {
        store.insert(batch(0, &events)).await.unwrap();
    }
    assert_eq!(events_and_copies(&store).await, (30, 30));
    store.insert(batch(30, &events)).await.unwrap();
    assert_eq!(events_and_copies(&store).await, (60, 60), "the same rows from another range are other events");
}

#[tokio::test]
async fn an_answer_lost_after_the_insert_causes_no_duplicate() {
    let direct = database().await;
    let endpoint = direct.endpoint();
    let proxy = FaultProxy::before(&endpoint.url).await;
    let unhurried = Config::defaults().clickhouse;
    let mut config = Config::defaults().clickhouse;
    config.insert_timeout_ms = 1000;
    let proxied = Endpoint { url: proxy.url(), ..endpoint };
    let store = Store::connect_to(proxied.clone(), &config);
    let events: Vec<_> = (0..5).map(event).collect();
    for fault in [Fault::LoseAnswer, Fault::CutAnswer(20), Fault::Hang] {
        proxy.set(fault);
        let error = store.insert(batch(0, &events)).await.expect_err("a broken answer");
        assert_eq!(error.kind(), ashna::store::ErrorKind::Retry, "{fault:?}: {error}");
    }
    proxy.set(Fault::Delay(Duration::from_millis(50)));
    // A busy machine may need longer than the second that the faults were waited for.
    Store::connect_to(proxied, &unhurried).insert(batch(0, &events)).await.unwrap();
    assert_eq!(events_and_copies(&direct).await, (5, 5));
}

#[tokio::test]
async fn a_visitors_history_is_read_oldest_first_and_limited() {
    let store = database().await;
    let events: Vec<_> = (0..40).map(event).collect();
    store.insert(batch(0, &events)).await.unwrap();
    let read = async |site, visitors: &[u128], since, limit| {
        let visitors: Vec<VisitorId> = visitors.iter().copied().map(VisitorId).collect();
        store.visitor_histories(SiteId(site), &visitors, since, limit).await.unwrap()
    };
    let history = read(1, &[105], Timestamp(0), 3).await;
    let positions: Vec<u64> = history.iter().map(|(_, event)| event.position.0).collect();
    assert_eq!(positions, [15, 25, 35]);
    let (visitor, last) = history.last().unwrap();
    assert_eq!(
        (visitor.0, last.action, last.channel, last.device),
        (105, Action::ItemViewed, "Organic Search", "mobile")
    );
    assert_eq!(last.items, [("p-35".into(), 1250, 2)]);
    assert_eq!(read(1, &[105], events[25].occurred_at, 100).await.len(), 2);
    assert!(read(2, &[105], Timestamp(0), 3).await.is_empty());
    let several = read(1, &[107, 999, 105], Timestamp(0), 2).await;
    let several: Vec<(u128, u64)> = several.iter().map(|(visitor, event)| (visitor.0, event.position.0)).collect();
    assert_eq!(several, [(105, 25), (105, 35), (107, 27), (107, 37)]);
}

#[tokio::test]
async fn parameters_of_every_kind_arrive_unchanged() {
    let store = database().await;
    let nasty = "'; DROP TABLE events; -- \\ ☕ \t\n {x:String} ?";
    let texts: Vec<String> = vec![nasty.into(), String::new(), "b".into()];
    let answer: Vec<(String, String, u64, u128, i64, u64, bool)> = store
        .query(
            "SELECT {a:String}, {b:Array(String)}[1], length({b:Array(String)}), {c:UInt128}, {d:Int64}, {e:Array(UInt64)}[2], {f:Bool}",
            &[
                ("a", nasty.into()),
                ("b", Param::ArrayStr(texts)),
                ("c", Param::U128(u128::MAX)),
                ("d", Param::I64(-5)),
                ("e", Param::ArrayU64(vec![1, u64::MAX])),
                ("f", Param::Bool(true)),
            ],
        )
        .await
        .unwrap();
    assert_eq!(answer, [(nasty.into(), nasty.into(), 3, u128::MAX, -5, u64::MAX, true)]);
}

/// Repeated and distinct names, empty and long lists: the engine returns each row byte for byte as in the journal.
#[tokio::test]
async fn rows_converted_to_columns_are_read_back_unchanged() {
    let store = database().await;
    let events: Vec<Event<'static>> = (0..1500).map(varied).collect();
    store.insert(batch(0, &events)).await.unwrap();
    let statement = rows::insert_statement(rows::VERSION, "RowBinary").unwrap();
    let columns = statement.split(['(', ')']).nth(1).unwrap();
    let endpoint = store.endpoint();
    let client = clickhouse::Client::default()
        .with_compression(clickhouse::Compression::None)
        .with_url(&endpoint.url)
        .with_user(&endpoint.user)
        .with_password(endpoint.password.expose())
        .with_database(&endpoint.database);
    let question = format!("SELECT {columns} FROM events ORDER BY position");
    let stored = client.query(&question).fetch_bytes("RowBinary").unwrap().collect().await.unwrap();
    let expected: Vec<u8> = (0..)
        .zip(&events)
        .flat_map(|(position, event)| [&rows::prefix(7, Position(position))[..], &record(event)[1..]].concat())
        .collect();
    assert!(stored == expected, "{} and {} bytes", stored.len(), expected.len());
}

fn varied(n: u64) -> Event<'static> {
    let many = usize::try_from(n).unwrap();
    let lines = |count| (0..count).map(|i| ItemLine { id: format!("p-{n}-{i}").into(), price_minor: -5, quantity: 9 });
    let mut event = event(n);
    event.name = format!("name {}", n % 700).into();
    event.page.title = "é".repeat(many % 200).into();
    event.items = lines(many % 4).collect();
    event.traffic.campaign = if n.is_multiple_of(3) { "".into() } else { format!("campaign {n}").into() };
    event.traffic.campaign_params =
        [("utm_id", format!("{n}").into()), ("utm_marketing_tactic", "".into())].into_iter().take(many % 3).collect();
    event.violations = ["price: missing", "sku: not a text"].map(Into::into).into_iter().take(many % 3).collect();
    event
}
