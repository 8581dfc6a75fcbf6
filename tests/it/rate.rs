//! Rate limits set by the owner: 429 with `Retry-After`, counted, without effect on other clients.

use reqwest::Method;
use serde_json::json;

use crate::support::{
    app::TestApp,
    client::{Answer, TestVisitor},
};

async fn behind_a_proxy(change: impl FnOnce(&mut ashna::config::Rate)) -> TestApp {
    TestApp::with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        change(&mut config.rate);
    })
    .await
}

fn at(app: &TestApp, address: &'static str) -> TestVisitor {
    let mut visitor = app.visitor();
    visitor.headers.push(("x-forwarded-for", address));
    visitor
}

/// Sends views until one is refused; returns how many were accepted, and the refusal.
async fn until_refused(visitor: &mut TestVisitor) -> (u64, Answer) {
    for taken in 0..200 {
        let answer = visitor.views("/").await;
        if answer.status != 204 {
            return (taken, answer);
        }
    }
    panic!("two hundred views were taken");
}

#[track_caller]
fn has_retry_after(answer: &Answer) {
    answer.refuses(429, "rate_limited");
    let seconds: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn no_limits_by_default() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    for _ in 0..5 {
        let answer = visitor.sends(json!(vec![json!({ "type": "page" }); 2000])).await;
        assert_eq!(answer.status, 204);
    }
    app.finish().await;
}

#[tokio::test]
async fn one_address_is_limited_and_others_are_not() {
    let app = behind_a_proxy(|rate| (rate.address_events_per_second, rate.burst_seconds) = (1, 9)).await;
    let (taken, refusal) = until_refused(&mut at(&app, "81.2.69.142")).await;
    assert!((9..30).contains(&taken), "{taken}");
    has_retry_after(&refusal);
    assert_eq!(
        refusal.header("access-control-expose-headers").split(", ").filter(|name| *name == "Retry-After").count(),
        1
    );
    let pixel = at(&app, "81.2.69.142").request(Method::GET, &format!("/px.gif?key={}", app.site.write_key));
    has_retry_after(&Answer::to(pixel).await);
    let call = json!({ "event": "Paid", "userId": "u", "writeKey": app.site.write_key });
    has_retry_after(&app.api().with_header("x-forwarded-for", "81.2.69.142").post("/v1/track", call).await);
    assert_eq!(at(&app, "81.2.69.143").views("/").await.status, 204, "another address");
    assert_eq!(app.refused("rate_address"), 3);
    app.finish().await;
}

#[tokio::test]
async fn one_site_is_limited_and_others_are_not_and_its_own_setting_wins() {
    let app = behind_a_proxy(|rate| (rate.site_events_per_second, rate.burst_seconds) = (1, 9)).await;
    let other = app.another_site().await;
    let mut visitor = app.visitor();
    let (taken, refusal) = until_refused(&mut visitor).await;
    assert!((9..30).contains(&taken), "{taken}");
    has_retry_after(&refusal);
    assert!(app.refused("rate_site") >= 1);
    let mut elsewhere = app.visitor();
    elsewhere.key = other.write_key;
    assert_eq!(elsewhere.views("/").await.status, 204, "another site");
    app.changes_site(json!({ "events_per_second_max": 1_000_000 })).await;
    for _ in 0..100 {
        assert_eq!(visitor.views("/").await.status, 204, "the site's own setting");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_large_batch_is_accepted_and_delays_the_next() {
    let app = behind_a_proxy(|rate| (rate.address_events_per_second, rate.burst_seconds) = (10, 1)).await;
    let events: Vec<_> = (1..=500).map(|n| json!({ "type": "track", "event": "Paid", "userId": n })).collect();
    let server = app.api().with_header("x-forwarded-for", "81.2.69.142");
    let batch = server.post("/v1/batch", json!({ "writeKey": app.site.write_key, "batch": events })).await;
    assert_eq!(batch.outcome(), "kept=500, dropped=0, rejected=0");
    has_retry_after(&at(&app, "81.2.69.142").views("/").await);
    app.finish().await;
}
