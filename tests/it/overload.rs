//! Partial failure: a full journal, an unavailable warehouse, lost answers.

use ashna::{control::Scope, operate::Operation};
use serde_json::json;

use crate::support::{
    app::{TestApp, these_days},
    engine::{PATIENCE, endpoint, eventually},
    fault_proxy::{Fault, FaultProxy},
};

/// A large event with random content that does not compress.
fn large_event() -> serde_json::Value {
    let text: Vec<String> = (0..500).map(|_| format!("{:016x}", rand::random::<u64>())).collect();
    json!([{ "type": "track", "event": "Large", "properties": { "text": text.concat() } }])
}

#[tokio::test]
async fn a_full_journal_refuses_events_until_it_is_drained() {
    let proxy = FaultProxy::before(&endpoint().await.url).await;
    let url = proxy.url();
    let app = TestApp::with(|config| {
        config.clickhouse.url = url;
        config.clickhouse.insert_timeout_ms = 300;
        config.journal.disk_bytes_max = 200_000;
        config.profiles.read_budget_ms = 40;
    })
    .await;
    proxy.set(Fault::Hang);
    let mut visitor = app.visitor();
    let mut taken = 0;
    let refused = loop {
        let answer = visitor.sends(large_event()).await;
        if answer.status != 204 {
            break answer;
        }
        taken += 1;
        assert!(taken < 100, "a journal of 200 KB took 800 KB");
    };
    refused.refuses(503, "unavailable");
    assert_eq!(app.api().get("/readyz").await.status, 503, "a full journal is not ready");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
    assert!(taken >= 10, "it took {taken} events of 8 KB");
    assert!(app.refused("unavailable") >= 1);
    assert_eq!(app.metric("events_received_total"), taken, "nothing was acknowledged, nothing is counted");
    visitor.decides(&["home-hero"]).await;

    proxy.set(Fault::None);
    let mut again = 0;
    eventually("events are taken again", PATIENCE, async || {
        again += u64::from(visitor.sends(large_event()).await.status == 204);
        again > 0
    })
    .await;
    let ready = async || app.api().get("/readyz").await.status == 200;
    eventually("a drained one is ready", PATIENCE, ready).await;
    let stored = app.stored("SELECT toString(count()) FROM events").await;
    assert_eq!(stored, [(taken + again).to_string()], "every acknowledged event is stored once");
    app.finish().await;
}

#[tokio::test]
async fn without_a_warehouse_events_and_decisions_work_and_reports_wait() {
    let engine = endpoint().await;
    // An address without a listener until the warehouse starts.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let app = TestApp::without_waiting(|config| {
        config.clickhouse.url = format!("http://{address}");
        config.profiles.read_budget_ms = 40;
    })
    .await;
    let viewed =
        json!({ "id": "viewed", "slot": "home-hero", "when": { "field": "pageviews", "op": "gte", "value": 2 } });
    let admin = app.with_key(Scope::Admin).await;
    assert_eq!(admin.post(&app.path("offers"), viewed).await.status, 201);
    assert_eq!(app.api().get("/readyz").await.status, 200, "events are accepted");

    let mut visitor = app.visitor();
    for n in 0..20 {
        let answer = visitor.views(&format!("/{n}")).await;
        assert_eq!((answer.status, answer.outcome()), (204, "kept=1, dropped=0, rejected=0"));
    }
    let decided = visitor.decides(&["home-hero"]).await;
    assert_eq!(decided["decisions"]["home-hero"]["offer"], "viewed", "memory suffices: {decided}");
    let stranger = app.visitor().decides(&["home-hero"]).await;
    assert_eq!(stranger["decisions"], json!({}), "a new visitor has no profile: {stranger}");
    let report = admin.post(&app.path("reports/overview"), these_days()).await;
    report.refuses(503, "unavailable");
    assert!(report.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
    assert_eq!((app.metric("journal_records_waiting"), app.metric("store_up")), (20, 0));

    let _proxy = FaultProxy::at(&address, &engine.url).await;
    assert_eq!(app.stored("SELECT toString(uniqExact(path)) FROM events").await, ["20"]);
    assert_eq!(app.stored("SELECT toString(count()) FROM visitor_events").await, ["20"], "once");
    let report = admin.post(&app.path("reports/overview"), these_days()).await;
    assert_eq!((report.status, &report.json()["totals"]["pageviews"]), (200, &json!(20)));
    app.finish().await;
}

#[tokio::test]
async fn lost_warehouse_answers_create_no_duplicates() {
    let proxy = FaultProxy::before(&endpoint().await.url).await;
    let url = proxy.url();
    let app = TestApp::with(|config| config.clickhouse.url = url).await;
    let mut visitor = app.visitor();
    for (n, fault) in [Fault::LoseAnswer, Fault::CutAnswer(7), Fault::LoseAnswer].into_iter().enumerate() {
        proxy.set(fault);
        assert_eq!(visitor.views(&format!("/{n}")).await.status, 204);
        // At least one insert was executed and its answer lost.
        proxy.strikes(fault, 2).await;
        assert!(app.metric("journal_records_waiting") > 0, "not acknowledged, so not delivered");
        proxy.set(Fault::None);
        app.settled().await;
    }
    assert_eq!(app.stored("SELECT path FROM events ORDER BY position").await, ["/0", "/1", "/2"]);
    assert_eq!(app.stored("SELECT path FROM visitor_events ORDER BY position").await, ["/0", "/1", "/2"]);
    app.finish().await;
}

#[tokio::test]
async fn refused_rows_are_quarantined_and_can_be_resent() {
    let app = TestApp::start().await;
    app.store.execute("ALTER TABLE events ADD CONSTRAINT no_poison CHECK path != '/poison'", &[]).await.unwrap();
    let mut visitor = app.visitor();
    for path in ["/a", "/poison", "/b"] {
        visitor.views(path).await;
    }
    app.settled().await;
    let listed = app.operates(Operation::ListQuarantine { limit: 10 }).await;
    assert_eq!((&listed["quarantined"], listed["entries"].as_array().map(Vec::len)), (&json!(1), Some(1)));
    let reason = listed["entries"][0]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("no_poison"), "{listed}");
    let again = app.operates(Operation::ReplayQuarantine { limit: 10 }).await;
    assert_eq!(again, json!({ "replayed": 0, "refused": 1 }));
    app.store.execute("ALTER TABLE events DROP CONSTRAINT no_poison", &[]).await.unwrap();
    let again = app.operates(Operation::ReplayQuarantine { limit: 10 }).await;
    assert_eq!(again, json!({ "replayed": 1, "refused": 0 }));
    assert_eq!(app.metric("journal_records_quarantined"), 0);
    let paths = app.stored("SELECT path FROM events ORDER BY position").await;
    assert_eq!(paths, ["/a", "/poison", "/b"], "at its own position");
    app.finish().await;
}

#[tokio::test]
#[should_panic(expected = "must end with `finish().await`")]
async fn a_test_that_does_not_check_the_invariants_fails() {
    let app = TestApp::start().await;
    app.visitor().views("/").await;
}
