//! An unusable warehouse is reported at once: in the log, in `/readyz` and in metrics.

use std::time::Duration;

use serde_json::Value;

use super::stand_in::StandIn;
use crate::{
    service::{PATIENCE, Service},
    support::{app::TestApp, engine::endpoint},
};

/// Waits until the warehouse in `/readyz` matches.
async fn readiness(service: &Service, client: &reqwest::Client, fits: impl Fn(&Value) -> bool) -> Value {
    let began = std::time::Instant::now();
    loop {
        let answer = client.get(format!("{}/readyz", service.url())).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        let parts = body["components"].as_array().unwrap();
        if parts.iter().any(|part| part["name"] == "warehouse" && fits(part)) {
            return body;
        }
        assert!(began.elapsed() < PATIENCE, "{body}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Starts a service with this warehouse, and checks that the cause is reported once, in a log line with `texts`.
async fn reports(url: &str, change: &[(&str, &str)], cause: &str, texts: &[&str]) {
    let client = reqwest::Client::new();
    let mut service = Service::new(&["--clickhouse-url", url]);
    for (name, value) in change {
        service = service.set(name, value);
    }
    service.start();
    service.ready(&client).await;
    let body = readiness(&service, &client, |part| part["code"] != "warehouse_starting").await;
    assert_eq!(body["reports_code"], format!("warehouse_{cause}"), "{body}");
    assert_eq!((&body["ready"], &body["reports"]), (&true.into(), &false.into()), "events are accepted: {body}");
    assert!(!body["reports_because"].as_str().unwrap().is_empty());
    let log = service.log_text();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(&format!("cause=\"{cause}\""))).collect();
    assert_eq!(lines.len(), 1, "one line: {log}");
    assert!(texts.iter().all(|text| lines[0].contains(text)), "{texts:?} in {}", lines[0]);
    let figures = service.metrics_text(&client).await;
    assert!(figures.contains(&format!("ashna_warehouse_unusable{{cause=\"{cause}\"}} 1\n")), "{figures}");
    assert!(figures.contains("ashna_store_up 0\n"), "{figures}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there() {
    reports("http://127.0.0.1:9", &[], "unreachable", &["WARN", "cannot be reached", "Connection refused"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_does_not_resolve() {
    // Too long for a host name: no name server is queried.
    let url = format!("http://{}.invalid:8123", "x".repeat(64));
    reports(&url, &[], "name_unresolved", &["ERROR", "cannot be resolved"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn something_that_is_not_clickhouse() {
    let hello = StandIn::answering("200 OK", "hello").await;
    reports(&hello.url, &[], "not_clickhouse", &["ERROR", "is not ClickHouse's HTTP interface", "hello"]).await;
    let page = StandIn::answering("404 Not Found", "<html>\n<h1>404</h1>\n</html>").await;
    reports(&page.url, &[], "not_clickhouse", &["<html>"]).await;
    assert!(
        page.heads.lock().unwrap().iter().all(|head| !head.contains("INSERT") && !head.contains("CREATE")),
        "nothing is sent before it is known who answers"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_too_old() {
    // The answer of Debian's package.
    let old = StandIn::answering("200 OK", "18.16.1\n").await;
    reports(&old.url, &[], "too_old", &["ERROR", "18.16.1", "25.3 or newer"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_a_user_without_rights() {
    let endpoint = endpoint().await;
    let user = [("ASHNA__CLICKHOUSE__USER", "default"), ("ASHNA__CLICKHOUSE__PASSWORD", "wrong-for-sure")];
    // The engine accepts only its own user; to others it answers "not found".
    let refused = StandIn::answering(
        "403 Forbidden",
        "Code: 516. DB::Exception: default: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)",
    )
    .await;
    reports(&refused.url, &user, "wrong_credentials", &["ERROR", "Authentication failed", "clickhouse.user"]).await;
    let denied =
        StandIn::answering("403 Forbidden", "Code: 497. DB::Exception: x: Not enough privileges. (ACCESS_DENIED)")
            .await;
    reports(&denied.url, &user, "missing_rights", &["ERROR", "Not enough privileges"]).await;
    drop(endpoint);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_tables_are_detected_and_reports_wait() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.views("/a").await;
    app.settled().await;
    app.store.execute("RENAME TABLE identities TO elsewhere", &[]).await.unwrap();
    app.reaches("warehouse_unusable{cause=\"tables_missing\"}", 1).await;
    let body = app.api().get("/readyz").await.json();
    assert_eq!(
        (&body["reports_code"], &body["reports"]),
        (&"warehouse_tables_missing".into(), &false.into()),
        "{body}"
    );
    app.store.execute("RENAME TABLE elsewhere TO identities", &[]).await.unwrap();
    app.reaches("store_up", 1).await;
    assert_eq!(app.metric("warehouse_unusable"), 0);
    app.finish().await;
}
