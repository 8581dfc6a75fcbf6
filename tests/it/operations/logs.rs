//! Logs: plain text without a terminal, JSON on request, and an optional access log.

use serde_json::Value;

use crate::service::Service;

#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_has_route_status_and_id_but_no_visitor_data() {
    let client = reqwest::Client::new();
    let mut service = Service::new(&["--clickhouse-url", "http://127.0.0.1:9", "--log", "warn,ashna::access=debug"])
        .set("ASHNA__LOG__FORMAT", "json");
    service.start();
    service.ready(&client).await;
    let url = service.url();
    let answer = client
        .post(format!("{url}/e?key=secret-key"))
        .header("x-request-id", "from-the-proxy-1")
        .header("x-forwarded-for", "198.51.100.7")
        .body(r#"{"events":[{"type":"page"}]}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-request-id"], "from-the-proxy-1");
    let answer = client.get(format!("{url}/api/v1/sites/7/items?page=secret-page")).send().await.unwrap();
    let made = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(made.len(), 32);
    client.get(format!("{url}/some/where/secret-page")).send().await.unwrap();

    let log = service.log_text();
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect();
    let of = |route: &str| {
        let found = lines.iter().find(|line| line["target"] == "ashna::access" && line["route"] == route);
        found.unwrap_or_else(|| panic!("no line of {route}: {log}"))
    };
    let events = of("/e");
    assert_eq!((&events["method"], &events["status"]), (&"POST".into(), &401.into()), "{events}");
    assert_eq!(events["request_id"], "from-the-proxy-1");
    assert!(events["duration_ms"].is_number());
    assert_eq!(of("/api/v1/sites/{site}/items")["request_id"], made);
    assert_eq!(of("other")["status"], 404);
    for private in ["secret-key", "198.51.100.7", "secret-page"] {
        assert!(!log.contains(private), "{private} in {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirected_log_has_no_colours_and_a_full_stdout_is_harmless() {
    let client = reqwest::Client::new();
    let mut service =
        Service::new(&["--clickhouse-url", "http://127.0.0.1:9"]).under(&["sh", "-c", "exec \"$0\" \"$@\" >/dev/full"]);
    service.start();
    service.ready(&client).await;
    let answer = client.get(format!("{}/healthz", service.url())).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let log = service.log_text();
    assert!(log.contains("WARN") && !log.contains('\u{1b}'), "{log}");
    let answer = client.get(format!("{}/healthz", service.url())).send().await.unwrap();
    assert_eq!(answer.status(), 200, "it continues");
}
