//! What events mean: who is no person, with what it was done, and what an address tells of the way.

use serde_json::{Value, json};

use crate::support::{app::TestApp, client::TestVisitor};

const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
const BRAVE: &str = r#""Chromium";v="142", "Brave";v="142", "Not_A Brand";v="99""#;

fn on_chrome(app: &TestApp) -> TestVisitor {
    let mut visitor = app.visitor();
    visitor.agent = CHROME;
    visitor
}

#[tokio::test]
async fn hints_of_the_connection_and_of_the_page_tell_the_browser_and_the_system() {
    let app = TestApp::start().await;
    on_chrome(&app).views("/plain").await;
    let mut brave = on_chrome(&app);
    brave.headers =
        vec![("sec-ch-ua", BRAVE), ("sec-ch-ua-mobile", "?0"), ("sec-ch-ua-platform-version", "\"15.0.0\"")];
    brave.headers.push(("sec-ch-ua-platform", "\"Windows\""));
    brave.views("/headers").await;
    let told = json!({
        "brands": [{ "brand": "Microsoft Edge", "version": "142" }, { "brand": "Chromium", "version": "142" }],
        "mobile": false, "platform": "macOS", "platformVersion": "15.1.0",
    });
    let mut edge = on_chrome(&app);
    let page = json!({ "url": "https://shop.example/page" });
    edge.sends(json!([{ "type": "page", "context": { "page": page, "userAgentData": told } }])).await;
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
async fn a_driven_browser_is_a_robot_and_counted_by_its_kind() {
    let app = TestApp::start().await;
    let driven = json!([{ "type": "page", "context": { "webdriver": true } }]);
    assert_eq!(app.visitor().sends(driven.clone()).await.outcome(), "kept=0, dropped=1 (robot=1), rejected=0");
    let mut screenless = on_chrome(&app);
    screenless.headers.push(("sec-ch-ua", r#""HeadlessChrome";v="142""#));
    screenless.views("/").await;
    app.changes_site(json!({ "robots": "keep" })).await;
    app.visitor().sends(driven).await;
    assert_eq!(app.metric("events_noticed_total{reason=\"robot_headless\"}").await, 3);
    assert_eq!(app.stored("SELECT robot FROM events").await, ["headless"]);
    app.finish().await;
}

#[tokio::test]
async fn who_hides_behind_chrome_is_found_out_only_where_chrome_would_speak() {
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
    assert_eq!(app.metric("events_noticed_total{reason=\"robot_disguised\"}").await, 1);
    app.finish().await;
}

/// Page views of one moment, each with an id of its own.
fn at_once(name: &str, views: usize) -> Value {
    let view = |n: usize| json!({ "type": "page", "messageId": format!("{name}-{n}"), "context": { "page": { "path": format!("/{n}") } } });
    (0..views).map(view).collect()
}

#[tokio::test]
async fn more_pages_than_anybody_can_look_at_make_a_robot_but_trying_again_does_not() {
    let app = TestApp::with(|config| config.ingest.pageviews_per_10s_max = 10).await;
    let mut patient = app.visitor();
    for _ in 0..5 {
        patient.sends(at_once("patient", 5)).await;
    }
    assert_eq!(patient.views("/").await.outcome(), "kept=1, dropped=0, rejected=0", "copies are not counted");
    let mut fast = app.visitor();
    assert_eq!(fast.sends(at_once("fast", 30)).await.outcome(), "kept=11, dropped=19 (robot=19), rejected=0");
    assert_eq!(fast.tracks("Product Viewed", json!({})).await.outcome(), "kept=0, dropped=1 (robot=1), rejected=0");
    assert_eq!(app.metric("events_noticed_total{reason=\"robot_impossible\"}").await, 20);
    assert_eq!(
        app.visitor().views("/").await.outcome(),
        "kept=1, dropped=0, rejected=0",
        "others are not taken for it"
    );
    app.finish().await;
}

#[tokio::test]
async fn campaigns_keep_every_mark_and_no_persons_data() {
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
async fn a_database_of_places_is_swapped_while_running_and_a_damaged_one_refused() {
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
    // In every language that has it so.
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
