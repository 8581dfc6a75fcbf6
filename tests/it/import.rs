//! Imports of access logs, events and items: every line is accounted for, once.

use ashna::{clock, control::Scope, import::Format};
use reqwest::Method;
use serde_json::json;

use crate::support::{app::TestApp, client::FIREFOX};

/// Ten lines: three page views of one visitor and one of another, with two identical lines; an image,
/// a 404, a form post, a robot, a tool, and one that is not a log line.
fn log() -> String {
    let at = |seconds: i64| {
        let at = jiff::Timestamp::from_millisecond(clock::now().0 - 3_600_000 + seconds * 1000).unwrap();
        at.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
    };
    let (start, later) = (at(0), at(5));
    let line = |address: &str, at: &str, request: &str, status: u16, agent: &str| {
        format!("{address} - - [{at}] \"{request}\" {status} 512 \"https://www.google.com/\" \"{agent}\"\n")
    };
    [
        line("81.2.69.142", &start, "GET /beans?q=dark HTTP/1.1", 200, FIREFOX),
        line("81.2.69.142", &start, "GET /img/beans.png HTTP/1.1", 200, FIREFOX),
        line("81.2.69.142", &later, "GET /beans HTTP/1.1", 200, FIREFOX),
        line("81.2.69.142", &later, "GET /beans HTTP/1.1", 200, FIREFOX),
        line("89.160.20.112", &later, "GET / HTTP/1.1", 304, FIREFOX),
        line("89.160.20.112", &later, "GET /gone HTTP/1.1", 404, FIREFOX),
        line("89.160.20.112", &later, "POST /login HTTP/1.1", 200, FIREFOX),
        line("89.160.20.112", &later, "GET / HTTP/1.1", 200, "Mozilla/5.0 (compatible; bingbot/2.0)"),
        line("89.160.20.112", &later, "GET / HTTP/1.1", 200, "curl/8.5.0"),
        "\u{16}\u{3}\u{1} not a request\n".to_owned(),
    ]
    .concat()
}

#[tokio::test]
async fn every_line_of_a_log_is_accounted_for() {
    let app = TestApp::start().await;
    let counts = app.imports(Format::AccessLog, "file", &log()).await;
    let expected = json!({
        "read": 10, "kept": 4, "dropped": 5, "rejected": 1,
        "dropped_by": { "asset": 1, "status": 1, "not_get": 1, "robot": 2 },
        "rejected_by": { "unreadable_line": 1 },
        "noticed": { "robot_crawler": 1, "robot_library": 1 },
    });
    assert_eq!(counts, expected);
    let found = app
        .stored("SELECT concat_ws('|', path, country, browser, channel) FROM events ORDER BY occurred_at, path DESC, position")
        .await;
    assert_eq!(found[0], "/beans|GB|Firefox|Organic Search");
    assert_eq!(
        found.iter().map(|row| row.split('|').next().unwrap()).collect::<Vec<_>>(),
        ["/beans", "/beans", "/beans", "/"]
    );
    assert_eq!(app.stored("SELECT toString(uniqExact(visitor)) FROM events").await, ["2"]);
    let old = app.stored("SELECT toString(max(occurred_at) < now() - 3000) FROM events").await;
    assert_eq!(old, ["1"], "the time is the one in the log");
    let with = "SELECT path FROM events WHERE position(toString(tuple(*)), '81.2.69.142') > 0";
    assert_eq!(app.stored(with).await, [""; 0], "the IP address is stored nowhere");
    assert_eq!(app.metric("events_received_total"), 10);
    app.finish().await;
}

#[tokio::test]
async fn a_second_import_adds_nothing_and_another_file_does() {
    let app = TestApp::start().await;
    let log = log();
    app.imports(Format::AccessLog, "file", &log).await;
    let again = app.imports(Format::AccessLog, "file", &log).await;
    assert_eq!((&again["read"], &again["kept"], &again["dropped_by"]["duplicate"]), (&json!(10), &json!(0), &json!(4)));
    let other = app.imports(Format::AccessLog, "another file", &log).await;
    assert_eq!(other["kept"], 4);
    assert_eq!(app.stored("SELECT toString(count()) FROM events").await, ["8"]);
    app.finish().await;
}

#[tokio::test]
async fn files_of_events_and_items_are_accounted_for() {
    let app = TestApp::start().await;
    let events = [
        json!({ "type": "track", "event": "Order Completed", "userId": "u-1", "messageId": "m-1" }).to_string(),
        json!({ "type": "track", "event": "Order Completed", "userId": "u-1", "messageId": "m-1" }).to_string(),
        json!({ "type": "page", "anonymousId": "a-1" }).to_string(),
        json!({ "type": "page", "anonymousId": "a-1" }).to_string(),
        "no JSON".to_owned(),
    ]
    .join("\n");
    let counts = app.imports(Format::Events, "events", &events).await;
    assert_eq!((&counts["read"], &counts["kept"]), (&json!(5), &json!(3)), "{counts}");
    assert_eq!(
        (&counts["dropped_by"], &counts["rejected_by"]),
        (&json!({ "duplicate": 1 }), &json!({ "malformed": 1 }))
    );
    assert_eq!(app.imports(Format::Events, "events", &events).await["kept"], 0);

    let items = "{\"id\":\"p-1\",\"title\":\"Beans\"}\n{\"title\":\"no id\"}\n";
    let answer = app.with_key(Scope::Admin).await.sends(Method::POST, &app.path("items/import"), items).await;
    let counts = answer.json();
    assert_eq!((&counts["read"], &counts["kept"], &counts["rejected"]), (&json!(2), &json!(1), &json!(1)));
    app.finish().await;
}
