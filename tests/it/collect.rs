//! Collecting events: stored once and enriched; robots and duplicates counted.

use ashna::{clock, control::Scope};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, these_days},
    client::{Answer, FIREFOX},
};

/// London in the test database. Only the location may be stored.
const ADDRESS: &str = "81.2.69.142";
const GOOGLEBOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

async fn behind_a_proxy() -> TestApp {
    TestApp::with(|config| config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await
}

#[tokio::test]
async fn an_event_is_stored_with_browser_location_channel_and_campaign() {
    let app = behind_a_proxy().await;
    let mut visitor = app.visitor();
    visitor.headers.push(("x-forwarded-for", ADDRESS));
    let answer = visitor.views("/p/1?utm_source=letter&utm_medium=email&utm_campaign=spring").await;
    assert_eq!((answer.status, answer.outcome()), (204, "kept=1, dropped=0, rejected=0"));
    let found = app
        .stored("SELECT concat_ws('|', path, browser, country, city, channel, source, campaign, leftPad(lower(hex(visitor)), 32, '0')) FROM events")
        .await;
    assert_eq!(found, [format!("/p/1|Firefox|GB|London|Email|letter|spring|{}", visitor.id)]);
    app.finish().await;
}

#[tokio::test]
async fn the_ip_address_is_stored_nowhere() {
    let app = behind_a_proxy().await;
    let mut visitor = app.visitor();
    visitor.headers.push(("x-forwarded-for", ADDRESS));
    visitor.views("/p/1").await;
    visitor.tracks("Product Viewed", json!({ "product_id": "p-1" })).await;
    // On disk before delivery, and in the warehouse after it.
    let files = || std::process::Command::new("grep").args(["-rlaF", ADDRESS]).arg(app.data_dir()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&files().stdout), "", "files that hold the address");
    let with = "SELECT toString(tuple(*)) AS row FROM events WHERE position(row, '81.2.69.142') > 0
        UNION ALL SELECT toString(tuple(*)) AS row FROM visitor_events WHERE position(row, '81.2.69.142') > 0";
    assert_eq!(app.stored(with).await, [""; 0]);
    let control = app.stored("SELECT name FROM events WHERE position(toString(tuple(*)), 'London') > 0").await;
    assert_eq!(control.len(), 2, "the search itself works");
    assert_eq!(String::from_utf8_lossy(&files().stdout), "", "files that hold the address");
    app.finish().await;
}

#[tokio::test]
async fn an_untrusted_client_cannot_choose_its_ip_address() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.headers.push(("x-forwarded-for", ADDRESS));
    visitor.views("/").await;
    assert_eq!(app.stored("SELECT country FROM events").await, [""]);
    app.finish().await;
}

#[tokio::test]
async fn a_segment_batch_authenticates_with_basic_auth() {
    let app = TestApp::start().await;
    let body = json!({ "batch": [
        { "type": "track", "event": "Order Completed", "userId": "u-1", "messageId": "a",
          "properties": { "order_id": "o-1", "revenue": 25.5, "currency": "EUR",
                          "products": [{ "product_id": "p-1", "price": 12.75, "quantity": 2 }] } },
        { "type": "identify", "userId": "u-1", "messageId": "b", "traits": { "plan": "gold" } },
    ] });
    let server = app.api().with_header("authorization", basic(&app.site.write_key));
    let answer = server.post("/v1/batch", body.clone()).await;
    assert_eq!((answer.status, answer.outcome()), (200, "kept=2, dropped=0, rejected=0"));
    assert_eq!(answer.json()["success"], true);
    let found = app
        .stored("SELECT concat_ws('|', name, user_id, order_id, toString(amount_minor), currency) FROM events WHERE kind != 4")
        .await;
    assert_eq!(found, ["Order Completed|u-1|o-1|2550|EUR"]);
    app.api().with_header("authorization", basic("unknown")).post("/v1/batch", body).await.refuses(401, "unauthorized");
    app.finish().await;
}

fn basic(key: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    format!("Basic {}", STANDARD.encode(format!("{key}:")))
}

#[tokio::test]
async fn a_pixel_counts_a_page_view() {
    let app = TestApp::start().await;
    let path = format!("/px.gif?key={}&url=https%3A%2F%2Fshop.example%2Fplain&title=Plain", app.site.write_key);
    let answer = Answer::to(app.visitor().request(Method::GET, &path)).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/gif"));
    assert_eq!((answer.header("cache-control"), answer.text.starts_with("GIF89a")), ("no-store", true));
    assert!(answer.cookie().starts_with("ashna_"), "{}", answer.cookie());
    assert_eq!(app.stored("SELECT concat(path, ' ', title) FROM events").await, ["/plain Plain"]);
    app.finish().await;
}

fn message(id: &str) -> Value {
    json!({ "type": "track", "event": "Clicked", "messageId": id })
}

#[tokio::test]
async fn a_message_is_stored_once_within_and_across_parallel_requests() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    let answer = visitor.sends(json!([message("a"), message("b"), message("a")])).await;
    assert_eq!(answer.outcome(), "kept=2, dropped=1 (duplicate=1), rejected=0");
    let answer = visitor.sends(json!([message("b"), message("c")])).await;
    assert_eq!(answer.outcome(), "kept=1, dropped=1 (duplicate=1), rejected=0");

    let at_once = (0..20).map(|_| {
        let mut visitor = app.visitor();
        async move { visitor.sends(json!([message("d")])).await }
    });
    let answers = futures_util::future::join_all(at_once).await;
    assert!(answers.iter().all(|answer| answer.status == 204), "{answers:?}");
    let kept = answers.iter().filter(|answer| answer.outcome().starts_with("kept=1,")).count();
    assert_eq!(kept, 1, "{answers:?}");
    assert_eq!(app.metric("events_dropped_total{reason=\"duplicate\"}"), 21);
    assert_eq!(app.stored("SELECT toString(count()) FROM events").await, ["4"]);
    app.finish().await;
}

#[tokio::test]
async fn two_sites_may_use_the_same_message_id() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.sends(json!([message("a")])).await;
    visitor.key = app.another_site().await.write_key;
    assert_eq!(visitor.sends(json!([message("a")])).await.outcome(), "kept=1, dropped=0, rejected=0");
    app.finish().await;
}

#[tokio::test]
async fn a_wrong_client_clock_is_corrected_by_sent_at() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    let an_hour_slow = clock::now().0 - 3_600_000;
    visitor.extra = json!({ "sentAt": an_hour_slow });
    visitor.sends(json!([{ "type": "page", "timestamp": an_hour_slow - 10_000 }])).await;
    let ago = app.stored("SELECT toString(dateDiff('second', occurred_at, received_at)) FROM events").await;
    let ago: i64 = ago[0].parse().unwrap();
    assert!((9..=12).contains(&ago), "ten seconds before it was sent, not {ago}");
    app.finish().await;
}

#[tokio::test]
async fn future_times_are_clamped_and_old_events_are_rejected() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    let now = clock::now().0;
    let ancient = visitor.sends(json!([{ "type": "page", "timestamp": now - 6 * 365 * 86_400_000 }])).await;
    assert_eq!((ancient.status, ancient.outcome()), (204, "kept=0, dropped=0, rejected=1 (too_old=1)"));
    let unreadable = visitor.sends(json!([{ "type": "page", "timestamp": "yesterday" }])).await;
    assert_eq!(unreadable.outcome(), "kept=1, dropped=0, rejected=0");
    visitor.sends(json!([{ "type": "page", "timestamp": now + 86_400_000 }])).await;
    assert_eq!(app.stored("SELECT toString(occurred_at = received_at) FROM events").await, ["1", "1"]);
    app.finish().await;
}

#[tokio::test]
async fn robots_are_dropped_or_flagged_by_the_sites_setting() {
    let app = TestApp::start().await;
    let mut robot = app.visitor();
    robot.agent = GOOGLEBOT;
    let answer = robot.views("/").await;
    assert_eq!((answer.status, answer.outcome()), (204, "kept=0, dropped=1 (robot=1), rejected=0"));
    assert_eq!(app.metric("events_dropped_total{reason=\"robot\"}"), 1);

    app.changes_site(json!({ "robots": "keep" })).await;
    assert_eq!(robot.views("/").await.outcome(), "kept=1, dropped=0, rejected=0");
    app.visitor().views("/").await;
    assert_eq!(app.stored("SELECT robot FROM events ORDER BY robot").await, ["", "crawler"]);
    let report = app.with_key(Scope::Read).await;
    let overview = report.post(&app.path("reports/overview"), these_days()).await.json();
    assert_eq!((&overview["totals"]["visitors"], &overview["totals"]["pageviews"]), (&json!(1), &json!(1)));
    app.finish().await;
}

#[tokio::test]
async fn a_servers_own_user_agent_is_ignored() {
    let app = TestApp::start().await;
    let curl = app.api().with_header("user-agent", "curl/8.5.0");
    let call = |context: Value| json!({ "writeKey": app.site.write_key, "event": "Paid", "userId": "u-1", "context": context });
    let answer = curl.post("/v1/track", call(json!({}))).await;
    assert_eq!(answer.outcome(), "kept=1, dropped=0, rejected=0", "{}", answer.text);
    let answer = curl.post("/v1/track", call(json!({ "userAgent": FIREFOX, "ip": ADDRESS }))).await;
    assert_eq!(answer.outcome(), "kept=1, dropped=0, rejected=0");
    let answer = curl.post("/v1/track", call(json!({ "userAgent": GOOGLEBOT }))).await;
    assert_eq!(answer.outcome(), "kept=0, dropped=1 (robot=1), rejected=0");
    let answer = curl.post("/v1/track", json!({ "writeKey": app.site.write_key, "event": "Paid" })).await;
    assert_eq!(answer.outcome(), "kept=0, dropped=0, rejected=1 (identity_missing=1)");
    let found = app.stored("SELECT concat_ws('|', browser, country, robot) FROM events ORDER BY browser").await;
    assert_eq!(found, ["||", "Firefox|GB|"]);
    app.finish().await;
}

#[tokio::test]
async fn a_browsers_segment_call_uses_its_own_user_agent() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    let call = json!({ "writeKey": app.site.write_key, "anonymousId": visitor.id, "name": "Home" }).to_string();
    let answer = Answer::to(visitor.request(Method::POST, "/v1/p").body(call.clone())).await;
    assert_eq!((answer.status, answer.outcome()), (200, "kept=1, dropped=0, rejected=0"));
    visitor.agent = GOOGLEBOT;
    let answer = Answer::to(visitor.request(Method::POST, "/v1/p").body(call)).await;
    assert_eq!(answer.outcome(), "kept=0, dropped=1 (robot=1), rejected=0");
    let found = app.stored("SELECT concat(browser, ' ', leftPad(lower(hex(visitor)), 32, '0')) FROM events").await;
    assert_eq!(found, [format!("Firefox {}", visitor.id)]);
    app.finish().await;
}
