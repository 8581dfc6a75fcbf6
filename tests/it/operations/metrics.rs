//! Metrics for operators.

use crate::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn requests_syncs_and_the_process_are_counted() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.views("/a").await;
    visitor.posts("not json").await;
    app.api().get("/no/such/page").await;
    app.settled().await;
    let figures = app.metrics();
    let figure = |name: &str| figures.get(name).copied().unwrap_or_else(|| panic!("no {name} in {figures:#?}"));
    assert_eq!(figure("http_requests_total{route=\"/e\",method=\"POST\",status=\"2xx\"}"), 1);
    assert_eq!(figure("http_requests_total{route=\"/e\",method=\"POST\",status=\"4xx\"}"), 1);
    assert_eq!(figure("http_requests_total{route=\"other\",method=\"GET\",status=\"4xx\"}"), 1);
    assert_eq!(figure("http_request_seconds_count{route=\"/e\",method=\"POST\"}"), 2);
    assert!(figure("journal_sync_seconds_count") >= 1);
    assert!(figure("disk_free_bytes") > 0 && figure("ready") == 1 && figure("engine_restarts_total") == 0);
    assert_eq!(figure("records_total{state=\"kept\"}"), figure("journal_records_kept"));
    assert!(figures.contains_key(&format!("build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), "{figures:#?}");
    for name in
        ["process_open_fds", "process_max_fds", "process_resident_memory_bytes", "geo_database_built_timestamp_seconds"]
    {
        assert!(figures.keys().any(|key| key.starts_with(name)), "no {name} in {figures:#?}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_age_of_pending_events_grows() {
    let client = reqwest::Client::new();
    let mut service = crate::service::Service::new(&["--clickhouse-url", "http://127.0.0.1:9"]);
    service.start();
    service.ready(&client).await;
    let site = service.command(&["site", "add", "--name", "Shop", "--origin", "https://shop.example"]);
    let body = format!(r#"{{"key":{},"events":[{{"type":"page"}}]}}"#, site["write_key"]);
    client.post(format!("{}/e", service.url())).body(body).send().await.unwrap();
    let began = std::time::Instant::now();
    loop {
        let text = service.metrics_text(&client).await;
        let age = text.lines().find_map(|line| line.strip_prefix("ashna_oldest_waiting_event_age_seconds ")).unwrap();
        if age.parse::<f64>().unwrap() > 1.0 {
            break;
        }
        assert!(began.elapsed() < crate::service::PATIENCE, "{text}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sites_over_their_limit_are_counted_individually() {
    let app = TestApp::with(|config| config.rate.burst_seconds = 1).await;
    app.changes_site(serde_json::json!({ "events_per_second_max": 1 })).await;
    let mut visitor = app.visitor();
    let mut refused = 0;
    for _ in 0..6 {
        refused += u64::from(visitor.views("/a").await.status == 429);
    }
    assert!(refused > 0);
    assert_eq!(app.metric(&format!("site_rate_limited_total{{site=\"{}\"}}", app.site.id)), refused);
    app.finish().await;
}
