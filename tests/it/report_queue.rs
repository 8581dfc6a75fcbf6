//! Reports cannot overload the service: a bounded queue, cancellation with the client, named limits.

use std::time::Duration;

use ashna::{
    clock,
    config::Config,
    control::Scope,
    model::{SiteId, Timestamp},
    store::{Exceeded, Param, QueryLimits, Store, StoreError},
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, these_days},
    engine::{database, endpoint, eventually},
    events::{batch, event},
    fault_proxy::{Fault, FaultProxy},
};

const SOON: Duration = Duration::from_secs(20);

/// A service whose warehouse is behind a fault proxy.
async fn behind_a_proxy(running_max: usize, waiting_max: usize, wait_ms: u64) -> (TestApp, FaultProxy) {
    let proxy = FaultProxy::before(&endpoint().await.url).await;
    let url = proxy.url();
    let app = TestApp::with(|config| {
        config.clickhouse.url = url;
        config.reports.running_max = running_max;
        config.reports.waiting_max = waiting_max;
        config.reports.wait_ms = wait_ms;
    })
    .await;
    (app, proxy)
}

fn funnel(window_ms: u64) -> Value {
    let mut question = these_days();
    question["steps"] = json!([{ "event": "Product Viewed" }, { "event": "Order Completed" }]);
    question["window_ms"] = json!(window_ms);
    question
}

#[tokio::test]
async fn parallel_identical_reports_are_computed_once() {
    let (app, proxy) = behind_a_proxy(2, 40, 20_000).await;
    let (api, path) = (app.with_key(Scope::Read).await, app.path("reports/funnel"));
    proxy.set(Fault::Hold);
    let question = funnel(1000);
    let asked = join_all((0..6).map(|_| api.post(&path, question.clone())));
    let release = async {
        app.reaches("reports_shared_total", 5).await;
        assert_eq!(app.metric("reports_running"), 1);
        proxy.set(Fault::None);
    };
    let (answers, ()) = tokio::join!(asked, release);
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (200, &answers[0].text));
    }
    assert_eq!(app.metric("reports_seconds_count{report=\"funnel\"}"), 1);
    app.finish().await;
}

#[tokio::test]
async fn one_client_queues_and_another_does_not() {
    let (app, proxy) = behind_a_proxy(2, 4, 60_000).await;
    let (one, other) = (app.with_key(Scope::Read).await, app.with_key(Scope::Read).await);
    let (path, overview) = (app.path("reports/funnel"), app.path("reports/overview"));
    let mut visitor = app.visitor();
    visitor.sends(json!([{ "type": "track", "event": "Product Viewed" }])).await;
    app.settled().await;
    proxy.set(Fault::Hold);
    let rest = async {
        app.reaches("reports_running", 1).await;
        app.reaches("reports_waiting", 1).await;
        let refused = one.post(&path, funnel(3)).await;
        refused.refuses(503, "reports_busy");
        assert!(refused.text.contains("busy: 2 reports are ahead"), "{}", refused.text);
        assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
        // Another client's report runs, and a short one of the first client too; events are accepted meanwhile.
        let release = async {
            app.reaches("reports_running", 3).await;
            visitor.sends(json!([{ "type": "track", "event": "Product Viewed" }])).await;
            proxy.set(Fault::None);
        };
        let (realtime, now) = (app.path("reports/realtime"), json!({}));
        let (foreign, short, ()) = tokio::join!(other.post(&overview, these_days()), one.post(&realtime, now), release);
        assert_eq!((foreign.status, short.status), (200, 200), "{} {}", foreign.text, short.text);
    };
    let (first, second, ()) = tokio::join!(one.post(&path, funnel(1)), one.post(&path, funnel(2)), rest);
    assert_eq!((first.status, second.status), (200, 200), "{} {}", first.text, second.text);
    assert_eq!(app.metric("reports_refused_total{reason=\"queue_full\"}"), 1);
    assert_eq!((app.metric("reports_running"), app.metric("reports_waiting")), (0, 0));
    app.finish().await;
}

#[tokio::test]
async fn waiting_is_limited_and_a_closed_connection_frees_its_slot() {
    let (app, proxy) = behind_a_proxy(1, 40, 300).await;
    let (api, path) = (app.with_key(Scope::Read).await, app.path("reports/funnel"));
    proxy.set(Fault::Hold);
    {
        let first = std::pin::pin!(api.post(&path, funnel(1)));
        let rest = async {
            app.reaches("reports_running", 1).await;
            api.post(&path, funnel(2)).await.refuses(503, "reports_busy");
        };
        // The first request and its connection are dropped once the second has its answer.
        futures_util::future::select(first, std::pin::pin!(rest)).await;
    }
    assert_eq!(app.metric("reports_refused_total{reason=\"waited_too_long\"}"), 1);
    app.reaches("reports_cancelled_total", 1).await;
    eventually("the place is free", SOON, async || app.metric("reports_running") == 0).await;
    proxy.set(Fault::None);
    assert_eq!(api.post(&path, funnel(2)).await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn reports_return_retry_after_before_tables_exist() {
    let app = TestApp::start().await;
    let api = app.with_key(Scope::Read).await;
    app.store.execute(&format!("DROP DATABASE {}", app.store.endpoint().database), &[]).await.unwrap();
    for (report, question) in [("overview", these_days()), ("funnel", funnel(1000)), ("realtime", json!({}))] {
        let answer = api.post(&app.path(&format!("reports/{report}")), question).await;
        answer.refuses(503, "unavailable");
        assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
    }
    app.store.migrate().await.unwrap();
    app.finish().await;
}

/// Rows of many visitors over twenty days: 400 views each, within a few minutes.
async fn many(store: &Store, site: u32, visitors: u64) {
    let insert = "INSERT INTO events (journal, position, site_id, kind, name, action, occurred_at, received_at, visitor) \
         SELECT 9, number, {site:UInt32}, 1, 'Product Viewed', if(number % 100 = 0, 7, 1), \
             now64(3) - toIntervalHour(number % {visitors:UInt64} % 480) \
                 - toIntervalSecond(intDiv(number, {visitors:UInt64})) AS at, at, 1 + number % {visitors:UInt64} \
         FROM numbers({visitors:UInt64} * 400) SETTINGS max_insert_threads = 1";
    store.execute(insert, &[("site", Param::U32(site)), ("visitors", Param::U64(visitors))]).await.unwrap();
}

#[tokio::test]
async fn a_report_that_is_too_large_is_refused() {
    let app = TestApp::with(|config| config.reports.memory_bytes_max = 8_000_000).await;
    many(&app.store, app.site.id.0, 1500).await;
    let mut of_all_days = funnel(1000);
    of_all_days["from"] = json!(clock::now().plus(-25 * 86_400_000).to_string());
    let answer = app.with_key(Scope::Read).await.post(&app.path("reports/funnel"), of_all_days).await;
    answer.refuses(422, "question_too_large");
    assert!(answer.text.contains("shorter period"), "{}", answer.text);
    assert_eq!(app.metric("reports_refused_total{reason=\"too_large\"}"), 1);
    app.gives_up_counting_rows();
    app.finish().await;
}

#[tokio::test]
async fn exceeded_limits_are_distinguished_and_abandoned_queries_stop() {
    const ENDLESS: &str = "SELECT count() FROM system.numbers_mt WHERE cityHash64(number) = 1";
    const RUNS: &str = "SELECT count() FROM system.processes WHERE query LIKE '%numbers_mt WHERE cityHash64(number)%' \
         AND query NOT LIKE '%system.processes%' AND current_database = currentDatabase()";
    let store = database().await;
    let runs = async || store.query::<u64>(RUNS, &[]).await.unwrap()[0];
    {
        let asked = store.query::<u64>(ENDLESS, &[]);
        let seen = eventually("the engine works on it", SOON, async || runs().await == 1);
        tokio::select! {
            answer = asked => panic!("an endless question was answered: {answer:?}"),
            () = seen => {}
        }
    }
    eventually("the engine stopped", SOON, async || runs().await == 0).await;

    let hasty = QueryLimits {
        deadline: Some(std::time::Instant::now() + Duration::from_millis(200)),
        ..QueryLimits::default()
    };
    let late = store.with_limits(hasty).query::<u64>(ENDLESS, &[]).await.unwrap_err();
    assert_eq!(late.exceeded(), Some(Exceeded::Time), "{late}");
    let small = QueryLimits { memory_bytes_max: Some(20_000_000), threads_max: Some(1), ..QueryLimits::default() };
    let large = "SELECT length(groupArray(number)) FROM numbers(100000000)";
    let large = store.with_limits(small).query::<u64>(large, &[]).await.unwrap_err();
    assert_eq!(large.exceeded(), Some(Exceeded::Memory), "{large}");
    let change = store.query::<u64>("CREATE TABLE mine (a UInt8) ENGINE = Memory", &[]).await.unwrap_err();
    assert!(matches!(change, StoreError::Refused { code: 164, .. }), "queries are read-only: {change}");
    assert!(store.server_limits().await.unwrap().memory_bytes > 0);
}

#[tokio::test]
async fn one_visitor_is_read_by_primary_key() {
    const QUESTIONS: [(&str, &str); 3] = [
        ("visitor", include_str!("../../src/store/sql/reports.visitor.sql")),
        ("timeline", include_str!("../../src/store/sql/reports.visitor_timeline.sql")),
        ("dropped", include_str!("../../src/store/sql/reports.funnel_dropped.sql")),
    ];
    let store = database().await;
    // 600,000 rows in parts of many granules: 1024 rows each in `visitor_events`, 8192 in `events`.
    many(&store, 1, 1500).await;
    store.execute("OPTIMIZE TABLE events FINAL", &[]).await.unwrap();
    store.execute("OPTIMIZE TABLE visitor_events FINAL", &[]).await.unwrap();
    let endpoint = store.endpoint();
    for (name, question) in QUESTIONS {
        let parameters = [
            ("database", endpoint.database.as_str()),
            ("wait_end_of_query", "1"),
            ("param_site", "1"),
            ("param_visitors", "[77]"),
            ("param_limit", "50"),
            ("param_from_ms", "0"),
            ("param_to_ms", "4102444800000"),
            ("param_rate_currencies", "[]"),
            ("param_rate_since", "[]"),
            ("param_rate_numerators", "[]"),
            ("param_rate_denominators", "[]"),
        ];
        let mut url = reqwest::Url::parse(&endpoint.url).unwrap();
        url.query_pairs_mut().extend_pairs(parameters);
        let asked = reqwest::Client::new().post(url).body(question).header("x-clickhouse-user", &endpoint.user);
        let answer = asked.header("x-clickhouse-key", endpoint.password.expose()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{name}");
        let summary: Value = serde_json::from_str(answer.headers()["x-clickhouse-summary"].to_str().unwrap()).unwrap();
        let read: u64 = summary["read_rows"].as_str().unwrap().parse().unwrap();
        assert!(read > 0 && read < 60_000, "{name} reads {read} rows of 600,000 for one visitor");
    }
}

#[tokio::test]
async fn a_stalled_answer_times_out() {
    let direct = database().await;
    let mut events: Vec<_> = (0..3000).map(event).collect();
    for event in &mut events {
        event.page.path = "x".repeat(200).into();
    }
    direct.insert(batch(0, &events)).await.unwrap();
    let mut endpoint = direct.endpoint();
    let proxy = FaultProxy::before(&endpoint.url).await;
    endpoint.url = proxy.url();
    let mut config = Config::defaults().clickhouse;
    config.query_timeout_ms = 100;
    let store = Store::connect_to(endpoint, &config);
    proxy.set(Fault::StallAfter(2000));
    let mut rows = 0;
    let read = store.for_each_item_event(SiteId(1), Timestamp(0), |_| {
        rows += 1;
        true
    });
    let error = read.await.unwrap_err();
    assert!(matches!(error, StoreError::TimedOut(_)), "{error}");
    assert!(rows > 0 && rows < 3000, "{rows} rows arrived before the stall");
}
