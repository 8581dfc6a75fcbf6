//! Enrichment: robots, browser and system, campaigns, locations, currencies, the event schema and cardinality limits.

use ashna::{
    clock,
    control::Scope,
    model::{
        Currency, Money, Site,
        rates::{RateEntry, Rates},
    },
};
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, these_days},
    client::TestVisitor,
};

const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
const BRAVE: &str = r#""Chromium";v="142", "Brave";v="142", "Not_A Brand";v="99""#;

fn on_chrome(app: &TestApp) -> TestVisitor {
    let mut visitor = app.visitor();
    visitor.agent = CHROME;
    visitor
}

#[tokio::test]
async fn client_hints_identify_browser_and_system() {
    let app = TestApp::start().await;
    on_chrome(&app).views("/plain").await;
    let mut brave = on_chrome(&app);
    brave.headers =
        vec![("sec-ch-ua", BRAVE), ("sec-ch-ua-mobile", "?0"), ("sec-ch-ua-platform-version", "\"15.0.0\"")];
    brave.headers.push(("sec-ch-ua-platform", "\"Windows\""));
    brave.views("/headers").await;
    let hints = json!({
        "brands": [{ "brand": "Microsoft Edge", "version": "142" }, { "brand": "Chromium", "version": "142" }],
        "mobile": false, "platform": "macOS", "platformVersion": "15.1.0",
    });
    let mut edge = on_chrome(&app);
    let page = json!({ "url": "https://shop.example/page" });
    edge.sends(json!([{ "type": "page", "context": { "page": page, "userAgentData": hints } }])).await;
    let found =
        app.stored("SELECT concat_ws('|', path, browser, browser_version, os, device) FROM events ORDER BY path").await;
    let expected = [
        "/headers|Brave|142.0|Windows 11|desktop",
        "/page|Edge|142.0|Mac OSX|desktop",
        "/plain|Chrome|142.0|Windows 10|desktop",
    ];
    assert_eq!(found, expected);
    app.finish().await;
}

#[tokio::test]
async fn an_automated_browser_is_a_robot_and_counted_by_kind() {
    let app = TestApp::start().await;
    let driven = json!([{ "type": "page", "context": { "webdriver": true } }]);
    assert_eq!(app.visitor().sends(driven.clone()).await.outcome(), "kept=0, dropped=1 (robot=1), rejected=0");
    let mut screenless = on_chrome(&app);
    screenless.headers.push(("sec-ch-ua", r#""HeadlessChrome";v="142""#));
    screenless.views("/").await;
    app.changes_site(json!({ "robots": "keep" })).await;
    app.visitor().sends(driven).await;
    assert_eq!(app.metric("events_noticed_total{reason=\"robot_headless\"}"), 3);
    assert_eq!(app.stored("SELECT robot FROM events").await, ["headless"]);
    app.finish().await;
}

#[tokio::test]
async fn fake_chrome_is_detected_only_where_chrome_would_send_hints() {
    let app = TestApp::with(|config| config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let mut plain = on_chrome(&app);
    assert_eq!(plain.views("/").await.outcome(), "kept=1, dropped=0, rejected=0");
    let mut disguised = on_chrome(&app);
    disguised.headers.push(("x-forwarded-proto", "https"));
    assert_eq!(disguised.views("/").await.outcome(), "kept=0, dropped=1 (robot=1), rejected=0");
    disguised.headers.push(("sec-fetch-mode", "cors"));
    assert_eq!(disguised.views("/").await.outcome(), "kept=1, dropped=0, rejected=0");
    let mut firefox = app.visitor();
    firefox.headers.push(("x-forwarded-proto", "https"));
    assert_eq!(firefox.views("/").await.outcome(), "kept=1, dropped=0, rejected=0");
    assert_eq!(app.metric("events_noticed_total{reason=\"robot_disguised\"}"), 1);
    app.finish().await;
}

/// Simultaneous page views with distinct ids.
fn at_once(name: &str, views: usize) -> Value {
    let view = |n: usize| json!({ "type": "page", "messageId": format!("{name}-{n}"), "context": { "page": { "path": format!("/{n}") } } });
    (0..views).map(view).collect()
}

#[tokio::test]
async fn an_impossible_view_rate_is_a_robot_but_retries_are_not() {
    let app = TestApp::with(|config| config.ingest.pageviews_per_10s_max = 10).await;
    let mut retrying = app.visitor();
    for _ in 0..5 {
        retrying.sends(at_once("retrying", 5)).await;
    }
    assert_eq!(retrying.views("/").await.outcome(), "kept=1, dropped=0, rejected=0", "duplicates do not count");
    let mut fast = app.visitor();
    assert_eq!(fast.sends(at_once("fast", 30)).await.outcome(), "kept=11, dropped=19 (robot=19), rejected=0");
    assert_eq!(fast.tracks("Product Viewed", json!({})).await.outcome(), "kept=0, dropped=1 (robot=1), rejected=0");
    assert_eq!(app.metric("events_noticed_total{reason=\"robot_impossible\"}"), 20);
    assert_eq!(
        app.visitor().views("/").await.outcome(),
        "kept=1, dropped=0, rejected=0",
        "others are not taken for it"
    );
    app.finish().await;
}

#[tokio::test]
async fn campaign_parameters_are_kept_without_personal_data() {
    let app = TestApp::start().await;
    app.visitor()
        .views(
            "/reset/9f86d081884c7d659a2f?utm_source=google&utm_campaign=spring&utm_id=c7&utm_marketing_tactic=retention\
             &gclid=abc&utm_term=jo@example.com&token=secret&q=call+%2B442079460958",
        )
        .await;
    let found = app
        .stored(
            "SELECT concat_ws('|', path, query, source, medium, campaign, term, channel, click_id, toString(marks)) FROM events",
        )
        .await;
    let marks = "{'utm_id':'c7','utm_marketing_tactic':'retention'}";
    let expected = format!("/reset/[token]|q=call+%5Bnumber%5D|google|cpc|spring|[email]|Paid Search|gclid|{marks}");
    assert_eq!(found, [expected]);
    app.finish().await;
}

#[tokio::test]
async fn the_location_database_is_reloaded_and_a_damaged_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("places.mmdb");
    let whole =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/geo/GeoIP2-City-Test.mmdb")).unwrap();
    std::fs::write(&path, &whole).unwrap();
    let app = TestApp::with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.geo.database = path.display().to_string();
        config.geo.refresh_seconds = 1;
    })
    .await;
    let mut londoner = app.visitor();
    londoner.headers.push(("x-forwarded-for", "81.2.69.142"));
    londoner.views("/first").await;
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    app.reaches("geo_refusals_total", 1).await;
    londoner.views("/damaged").await;
    let mut newer = whole;
    // In every language with this notation.
    for at in 0..newer.len() - 6 {
        if newer[at..].starts_with(b"London") {
            newer[at..at + 6].copy_from_slice(b"Londra");
        }
    }
    std::fs::write(&path, &newer).unwrap();
    app.reaches("geo_swaps_total", 1).await;
    londoner.views("/swapped").await;
    let found = app.stored("SELECT concat(path, ' ', city) FROM events ORDER BY path").await;
    assert_eq!(found, ["/damaged London", "/first London", "/swapped Londra"]);
    app.finish().await;
}

/// An order with this revenue.
fn order(id: &str, revenue: impl serde::Serialize, currency: &str) -> Value {
    let properties = json!({ "order_id": id, "revenue": revenue, "currency": currency });
    json!({ "type": "track", "event": "Order Completed", "messageId": id, "properties": properties })
}

#[tokio::test]
async fn amounts_are_converted_by_the_owners_rates_and_missing_rates_are_reported() {
    let app = TestApp::start().await;
    let owner = app.with_key(Scope::Admin).await;
    let today = clock::now().to_string();
    let rate = |currency: &str, from: &str, rate: &str| json!({ "currency": currency, "from": from, "rate": rate });
    let mut rates = vec![rate("USD", "2020-01-01", "0.92"), rate("JPY", "2020-01-01", "0.0061")];
    let answer = owner.put(&app.path("rates"), json!({ "rates": rates })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["base"], "EUR");
    let orders = json!([
        order("1", 10, "EUR"),
        order("2", "10.01", "USD"),
        order("3", 1000, "JPY"),
        order("4", 5, "GBP"),
        { "type": "track", "event": "Order Refunded", "messageId": "5", "properties": { "revenue": 1, "currency": "USD" } },
    ]);
    app.visitor().sends(orders).await;
    app.settled().await;
    let overview = owner.post(&app.path("reports/overview"), these_days()).await.json();
    let totals = &overview["totals"];
    // 10.00 + 9.21 + 6.10 − 0.92
    assert_eq!((&totals["revenue_minor"], &totals["orders"]), (&json!(2439), &json!(4)), "{overview}");
    assert_eq!(totals["other_currency_orders"], 1);
    let mut by_channel = these_days();
    by_channel["by"] = json!("channel");
    let sources = owner.post(&app.path("reports/sources"), by_channel).await.json();
    assert_eq!(sources["rows"][0]["revenue_minor"], 2439, "{sources}");
    let issues = owner.post(&app.path("reports/data-quality"), these_days()).await.json();
    let unconverted = &issues["unconverted"];
    assert_eq!(unconverted.as_array().map(Vec::len), Some(1), "{issues}");
    assert_eq!((&unconverted[0]["currency"], &unconverted[0]["amount_minor"]), (&json!("GBP"), &json!(500)));

    // A rate that is added later also converts earlier orders.
    rates.push(rate("GBP", &today[..10], "1.15"));
    rates.push(rate("GBP", "2020-01-01", "1.2"));
    assert_eq!(owner.put(&app.path("rates"), json!({ "rates": rates })).await.status, 200);
    let overview = owner.post(&app.path("reports/overview"), these_days()).await.json();
    assert_eq!(overview["totals"]["revenue_minor"], 2439 + 575, "{overview}");
    // Rates to the previous currency are kept, and used again if it returns.
    app.changes_site(json!({ "currency": "IRT" })).await;
    let overview = owner.post(&app.path("reports/overview"), these_days()).await.json();
    assert_eq!((&overview["currency"], &overview["totals"]["other_currency_orders"]), (&json!("IRT"), &json!(4)));
    app.visitor().sends(json!([order("6", 45_000, "toman"), order("7", "۴۵٬۰۰۰", "")])).await;
    app.settled().await;
    let overview = owner.post(&app.path("reports/overview"), these_days()).await.json();
    assert_eq!(overview["totals"]["revenue_minor"], 9_000_000, "{overview}");
    app.changes_site(json!({ "currency": "EUR" })).await;
    assert_eq!(owner.get(&app.path("rates")).await.json()["rates"].as_array().map(Vec::len), Some(4));
    app.finish().await;
}

#[tokio::test]
async fn invalid_rates_are_refused() {
    let app = TestApp::start().await;
    let (owner, reader) = (app.with_key(Scope::Admin).await, app.with_key(Scope::Read).await);
    for (currency, from, rate, status, code) in [
        ("USD", "2026-01-01", "0", 422, "invalid"),
        ("USD", "2026-01-01", "1e3", 422, "invalid"),
        ("EUR", "2026-01-01", "1", 422, "invalid"),
        ("USD", "yesterday", "1", 400, "unreadable"),
        ("dollars", "2026-01-01", "1", 400, "unreadable"),
    ] {
        let rates = json!({ "rates": [{ "currency": currency, "from": from, "rate": rate }] });
        owner.put(&app.path("rates"), rates).await.refuses(status, code);
    }
    reader.put(&app.path("rates"), json!({ "rates": [] })).await.refuses(403, "forbidden");
    app.finish().await;
}

/// The warehouse and the service convert with the same rounding.
#[tokio::test]
async fn the_warehouse_converts_exactly_like_the_service() {
    let app = TestApp::start().await;
    let owner = app.with_key(Scope::Admin).await;
    let day = "2020-01-01".parse().unwrap();
    let amounts = ["0.01", "0.05", "1.37", "99999.99", "123456789.12", "-0.05", "90071992547409.93"];
    for (code, rate) in [("USD", "0.123456789012345"), ("JPY", "0.00610001"), ("KWD", "2.999999"), ("CLF", "3.5")] {
        let currency = Currency::parse(code).unwrap();
        let entry = RateEntry { base: Currency(*b"EUR"), currency, from: day, rate: rate.to_owned() };
        let rates = Rates::compile(Currency(*b"EUR"), &[entry], &Site::zone("UTC")).unwrap();
        let body = json!({ "rates": [{ "currency": code, "from": "2020-01-01", "rate": rate }] });
        assert_eq!(owner.put(&app.path("rates"), body).await.status, 200);
        for amount in amounts {
            let mut one = app.visitor();
            one.sends(json!([order(&format!("{code} {amount}"), amount, code)])).await;
            app.settled().await;
            let stored = Money::parse_major(amount, currency).unwrap();
            let expected = rates.convert(stored.minor, currency, clock::now()).unwrap();
            let visitor = owner.get(&app.path(&format!("visitors/{}", one.id))).await.json();
            assert_eq!(visitor["revenue_minor"], expected, "{amount} {code} at {rate}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn events_that_violate_the_schema_are_kept_counted_and_reported() {
    let app = TestApp::start().await;
    let owner = app.with_key(Scope::Admin).await;
    let rules = json!({ "closed": true, "events": {
        "Signed Up": { "closed": true, "properties": {
            "plan": { "type": "text", "required": true, "allowed": ["free", "paid"] },
            "seats": { "type": "integer", "min": 1, "max": 100 },
        } },
        "page": {},
    } });
    let answer = owner.put(&app.path("schema/rules"), rules).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut visitor = app.visitor();
    visitor.views("/").await;
    visitor.tracks("Signed Up", json!({ "plan": "free", "seats": 5 })).await;
    visitor.tracks("Signed Up", json!({ "plan": "gold", "seats": 0.5, "colour": "red" })).await;
    visitor.tracks("Signed Up", json!({})).await;
    assert_eq!(visitor.tracks("Unheard Of", json!({})).await.outcome(), "kept=1, dropped=0, rejected=0");
    assert_eq!(app.metric("events_noticed_total{reason=\"rules_broken\"}"), 3);
    app.settled().await;
    let issues = owner.post(&app.path("reports/data-quality"), these_days()).await.json();
    let found: Vec<(&str, &str)> = issues["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| (v["event"].as_str().unwrap(), v["violation"].as_str().unwrap()))
        .collect();
    let expected = [
        ("Signed Up", "colour: unplanned"),
        ("Signed Up", "plan: missing"),
        ("Signed Up", "plan: not allowed"),
        ("Signed Up", "seats: not an integer"),
        ("Unheard Of", "event: unplanned"),
    ];
    assert_eq!(found, expected);
    assert_eq!(issues["violations"][2]["example"]["plan"], "gold");
    let as_table = owner.post(&app.path("reports/data-quality?format=csv"), these_days()).await.text;
    assert!(as_table.contains("\"Signed Up\",\"plan: missing\",1,"), "{as_table}");
    owner.put(&app.path("schema/rules"), json!({ "events": { "": {} } })).await.refuses(422, "invalid");
    app.finish().await;
}

#[tokio::test]
async fn names_per_site_are_limited_in_columns_metrics_and_event_lists() {
    let app = TestApp::with(|config| {
        config.ingest.event_names_per_day_max = 5;
        config.ingest.column_values_per_day_max = 5;
    })
    .await;
    let flood = |n: usize| {
        json!({ "type": "track", "event": format!("Hostile {n}"), "properties": { format!("key {n}"): 1 },
        "context": { "campaign": { "source": format!("hostile-{n}"), "name": "c" }, "locale": format!("x{n}") } })
    };
    let events: Value = (0..300).map(flood).collect();
    let mut visitor = app.visitor();
    assert_eq!(visitor.sends(events).await.outcome(), "kept=300, dropped=0, rejected=0");
    visitor.tracks("Product Viewed", json!({ "product_id": "p" })).await;
    let counted = app
        .stored("SELECT concat_ws('|', uniqExact(name), uniqExact(source), uniqExact(language), countIf(name = '(other)')) FROM events")
        .await;
    assert_eq!(counted, ["7|7|7|295"]);
    let names = app.stored("SELECT marks['name'] FROM events WHERE name = '(other)' ORDER BY position LIMIT 1").await;
    assert_eq!(names, ["Hostile 5"], "the original name is kept");
    assert_eq!(app.metric("events_noticed_total{reason=\"bucketed_name\"}"), 295);
    let labels = app.metrics();
    assert!(!labels.keys().any(|name| name.contains("ostile")), "{labels:?}");
    assert!(labels.len() < 300, "{} figures", labels.len());
    let another = app.another_site().await;
    let mut elsewhere = app.visitor();
    elsewhere.key = another.write_key;
    elsewhere.tracks("Hostile 299", json!({})).await;
    assert_eq!(app.stored("SELECT toString(count()) FROM events WHERE name = 'Hostile 299'").await, ["1"]);
    let schema = app.with_key(Scope::Read).await.get(&app.path("schema")).await.json();
    let longest = schema["events"].as_array().unwrap().iter().map(|e| e["properties"].as_array().unwrap().len()).max();
    assert!(schema["events"].as_array().unwrap().len() == 7 && longest <= Some(100), "{schema}");
    app.finish().await;
}
