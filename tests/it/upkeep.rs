//! What must not come back after an erasure, removal of old events, retention, and tracing of one event.

use ashna::{clock, import::Format, operate::Operation};
use serde_json::{Value, json};

use crate::support::app::TestApp;

const DAY_MS: i64 = 86_400_000;

/// A past event as a line of an import.
fn line(id: &str, name: &str, days_ago: i64) -> String {
    let at = clock::now().plus(-days_ago * DAY_MS).to_string();
    json!({ "type": "track", "event": name, "anonymousId": "a-1", "messageId": id, "timestamp": at }).to_string()
}

async fn erases(app: &TestApp, visitor: &str) -> Value {
    app.operates(Operation::EraseVisitor { site: app.site.id.0, visitor: visitor.to_owned() }).await
}

#[tokio::test]
async fn an_import_cannot_bring_an_erased_person_back() {
    let app = TestApp::start().await;
    assert_eq!(app.imports(Format::Events, "one", &line("m-1", "Old", 2)).await["kept"], 1);
    let stored = app.stored("SELECT lower(hex(visitor)) FROM events").await;
    assert_eq!(erases(&app, &stored[0]).await, json!({ "erased_events": 1 }));
    let lines = [line("m-2", "Old", 3), line("m-3", "Old", 1)].join("\n");
    let counts = app.imports(Format::Events, "two", &lines).await;
    assert_eq!((&counts["kept"], &counts["dropped_by"]), (&json!(0), &json!({ "erased": 2 })), "{counts}");
    assert_eq!(app.stored("SELECT name FROM events").await, [""; 0]);

    // Another person's past is not affected, nor is what the person does later.
    let other = line("m-4", "Old", 3).replace("a-1", "a-2");
    assert_eq!(app.imports(Format::Events, "three", &other).await["kept"], 1);
    let later = json!({ "type": "track", "event": "New", "anonymousId": "a-1", "messageId": "m-5" }).to_string();
    assert_eq!(app.imports(Format::Events, "four", &later).await["kept"], 1);
    assert_eq!(app.stored("SELECT name FROM events ORDER BY name").await, ["New", "Old"]);
    app.gives_up_counting_rows();
    app.finish().await;
}

#[tokio::test]
async fn a_replay_cannot_bring_an_erased_person_back() {
    let app = TestApp::start().await;
    app.store.execute("ALTER TABLE events ADD CONSTRAINT no_poison CHECK name != 'Poison'", &[]).await.unwrap();
    let (mut known, mut other) = (app.visitor(), app.visitor());
    known.sends(json!([{ "type": "identify", "userId": "u-1" }])).await;
    for (user, event) in [("u-1", "Poison"), ("u-2", "Poison")] {
        other.sends(json!([{ "type": "track", "event": event, "userId": user }])).await;
    }
    app.settled().await;
    assert_eq!(app.operates(Operation::ListQuarantine { limit: 10 }).await["quarantined"], 2);
    erases(&app, &known.id).await;
    app.store.execute("ALTER TABLE events DROP CONSTRAINT no_poison", &[]).await.unwrap();
    let again = app.operates(Operation::ReplayQuarantine { limit: 10 }).await;
    assert_eq!(again["replayed"], 1, "{again}");
    assert_eq!(app.stored("SELECT user_id FROM events").await, ["u-2"]);
    app.gives_up_counting_rows();
    app.finish().await;
}

#[tokio::test]
async fn pruning_removes_old_events_of_a_kind_or_all_from_every_table() {
    let app = TestApp::start().await;
    let lines = [line("1", "Old", 9), line("2", "Kept", 8), line("3", "Old", 2), line("4", "Kept", 1)].join("\n");
    assert_eq!(app.imports(Format::Events, "file", &lines).await["kept"], 4);
    let other = app.another_site().await;
    let foreign =
        ashna::import::Chunk { format: Format::Events, file: "f".into(), lines: vec![(0, line("5", "Old", 9))] };
    app.operates(Operation::Import { site: other.id.0, chunk: foreign }).await;
    app.settled().await;
    let before = clock::now().plus(-5 * DAY_MS);
    let site = app.site.id.0;
    let prune = |event: Option<&str>| Operation::Prune { site, before, event: event.map(str::to_owned) };
    assert_eq!(app.operates(prune(Some("None"))).await["events"], 0);
    assert_eq!(app.operates(prune(Some("Old"))).await["events"], 1);
    let tables = [
        "SELECT concat(toString(site_id != 1), name) FROM events ORDER BY site_id, occurred_at",
        "SELECT concat(toString(site_id != 1), name) FROM visitor_events ORDER BY site_id, occurred_at",
    ];
    for question in tables {
        assert_eq!(app.stored(question).await, ["0Kept", "0Old", "0Kept", "1Old"], "{question}");
    }
    assert_eq!(app.operates(prune(None)).await["events"], 1);
    for question in tables {
        assert_eq!(app.stored(question).await, ["0Old", "0Kept", "1Old"], "{question}");
    }
    assert_eq!(app.operates(prune(None)).await["events"], 0, "again");
    app.gives_up_counting_rows();
    app.finish().await;
}

#[tokio::test]
async fn an_event_is_traced_from_the_journal_to_the_tables() {
    let app = TestApp::start().await;
    app.store.execute("ALTER TABLE events ADD CONSTRAINT no_poison CHECK name != 'Poison'", &[]).await.unwrap();
    let mut visitor = app.visitor();
    for (id, name) in [("m-1", "Viewed"), ("m-2", "Poison")] {
        visitor.sends(json!([{ "type": "track", "event": name, "messageId": id }])).await;
    }
    app.settled().await;
    let trace = |event: &str| Operation::Trace { site: app.site.id.0, event: event.to_owned() };
    let inserted = app.operates(trace("m-1")).await;
    assert_eq!(inserted["outcome"], "inserted", "{inserted}");
    assert_eq!((&inserted["rows"][0]["name"], &inserted["rows"][0]["visitor"]), (&json!("Viewed"), &json!(visitor.id)));
    assert_eq!((&inserted["journal"]["position"], &inserted["journal"]["is_delivered"]), (&json!(0), &json!(true)));
    for table in ["events", "visitor_events"] {
        let counted = inserted["tables"].as_array().unwrap().iter().find(|counted| counted["table"] == table);
        assert_eq!(counted.unwrap()["rows"], 1, "{inserted}");
    }
    let by_hash = app.operates(trace(inserted["message"].as_str().unwrap())).await;
    assert_eq!(by_hash["rows"], inserted["rows"]);
    let refused = app.operates(trace("m-2")).await;
    assert_eq!((&refused["outcome"], &refused["journal"]["position"]), (&json!("quarantined"), &json!(1)));
    assert!(refused["quarantine_reason"].as_str().unwrap().contains("no_poison"), "{refused}");
    assert_eq!(app.operates(trace("m-3")).await["outcome"], "not_found");
    let other = app.another_site().await.id.0;
    let foreign = app.operates(Operation::Trace { site: other, event: "m-1".into() }).await;
    assert_eq!(foreign["outcome"], "not_found", "message ids belong to a site");
    erases(&app, &visitor.id).await;
    assert_eq!(app.operates(trace("m-1")).await["outcome"], "removed");
    app.gives_up_counting_rows();
    app.finish().await;
}

#[tokio::test]
async fn retention_is_by_site_and_kind() {
    let app = TestApp::start().await;
    let lines = [line("1", "Old", 40), line("2", "Old", 20), line("3", "Order", 40), line("4", "Order", 9)].join("\n");
    assert_eq!(app.imports(Format::Events, "file", &lines).await["kept"], 4);
    app.settled().await;
    let site = app.site.id.0;
    let set = |event: &str, days| Operation::SetRetention { site, event: event.to_owned(), days };
    assert_eq!(app.operates(Operation::ApplyRetention { site }).await["events"], 0, "events are kept forever");
    app.operates(set("Order", Some(60))).await;
    let rules = app.operates(set("", Some(30))).await;
    let expected = json!([{ "event": "", "days": 30 }, { "event": "Order", "days": 60 }]);
    assert_eq!(rules["rules"], expected);
    assert_eq!(app.operates(Operation::ApplyRetention { site }).await["events"], 1);
    let question = "SELECT name FROM events ORDER BY occurred_at";
    assert_eq!(app.stored(question).await, ["Order", "Old", "Order"]);
    app.operates(set("Order", Some(10))).await;
    assert_eq!(app.operates(Operation::ApplyRetention { site }).await["events"], 1);
    assert_eq!(app.stored(question).await, ["Old", "Order"]);
    let rules = app.operates(set("Order", None)).await;
    assert_eq!(rules["rules"], json!([{ "event": "", "days": 30 }]));
    for days in [0, 36_501] {
        let refused = app.state().operator().run(set("", Some(days))).await;
        assert!(refused.unwrap_err().to_string().contains("between 1 and 36500"), "{days}");
    }
    app.gives_up_counting_rows();
    app.finish().await;
}
