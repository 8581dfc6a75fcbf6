//! Consent by purpose, its withdrawal, and sites that store nothing in browsers.

use ashna::{control::Scope, import::Format};
use serde_json::{Value, json};

use crate::support::{app::TestApp, client::TestVisitor};

const IDENTIFIED: &str = "SELECT toString(uniqExactIf(visitor, visitor != 0)) FROM events";
const ANONYMOUS: &str = "SELECT toString(countIf(visitor = 0 AND user_id = '' AND session_start = 0)) FROM events";

fn with_body(mut visitor: TestVisitor, what: Value) -> TestVisitor {
    visitor.extra = what;
    visitor
}

fn signals(mut visitor: TestVisitor, name: &'static str, value: &'static str) -> TestVisitor {
    visitor.headers.push((name, value));
    visitor
}

#[tokio::test]
async fn a_gpc_signal_overrides_the_page_if_the_site_honours_it() {
    let app = TestApp::start().await;
    let granted = json!({ "consent": { "analytics": true, "personalization": true } });
    let is_known = |mut visitor: TestVisitor| async move { !visitor.views("/").await.cookie().is_empty() };
    assert!(is_known(app.visitor()).await, "by default");
    for signal in ["sec-gpc", "dnt"] {
        assert!(!is_known(signals(app.visitor(), signal, "1")).await, "{signal}");
        assert!(!is_known(with_body(signals(app.visitor(), signal, "1"), granted.clone())).await, "{signal}");
        for no_refusal in ["0", "", "1; x", "true"] {
            assert!(is_known(signals(app.visitor(), signal, no_refusal)).await, "{signal}: {no_refusal}");
        }
    }
    app.changes_site(json!({ "honour_gpc": false })).await;
    assert!(is_known(signals(app.visitor(), "sec-gpc", "1")).await, "the site ignores the signal");
    app.changes_site(json!({ "consent_default": "denied" })).await;
    assert!(!is_known(app.visitor()).await);
    assert!(is_known(with_body(app.visitor(), granted)).await);
    app.finish().await;
}

#[tokio::test]
async fn without_consent_events_are_anonymous_or_dropped_by_setting() {
    let app = TestApp::start().await;
    let refusal = json!({ "consent": { "analytics": false } });
    let mut visitor = with_body(app.visitor(), refusal);
    visitor.views("/").await;
    let order = json!([{ "type": "track", "event": "Order Completed", "userId": "u-1", "anonymousId": "a" }]);
    assert_eq!(visitor.sends(order.clone()).await.outcome(), "kept=1, dropped=0, rejected=0");
    assert_eq!(app.stored(ANONYMOUS).await, ["2"]);
    app.changes_site(json!({ "without_consent": "nothing" })).await;
    assert_eq!(visitor.sends(order).await.outcome(), "kept=0, dropped=1 (no_consent=1), rejected=0");
    assert_eq!(app.visitor().views("/").await.outcome(), "kept=1, dropped=0, rejected=0", "others are counted");
    assert_eq!(app.stored(IDENTIFIED).await, ["1"]);
    app.finish().await;
}

#[tokio::test]
async fn a_withdrawal_clears_the_cookie_and_later_events_are_anonymous() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.views("/").await;
    let kept = visitor.cookie.clone();
    visitor.extra = json!({ "consent": { "analytics": false, "personalization": false } });
    let answer = visitor.views("/a").await;
    let name = format!("ashna_{}=;", app.site.id);
    assert!(answer.cookie().starts_with(&name) && answer.cookie().contains("Max-Age=0"), "{}", answer.cookie());
    for attribute in ["Path=/", "SameSite=None", "Secure", "Partitioned"] {
        assert!(answer.cookie().contains(attribute), "needed to replace the old cookie: {}", answer.cookie());
    }
    visitor.cookie.clone_from(&kept);
    assert_eq!(visitor.decides(&[]).await.get("visitor"), None, "decisions return no id either");
    visitor.cookie = None;
    assert_eq!(visitor.views("/b").await.cookie(), "", "nothing left to clear");
    assert_eq!(app.stored(ANONYMOUS).await, ["2"]);
    visitor.extra = json!({ "consent": { "personalization": false } });
    assert_ne!(visitor.views("/c").await.cookie(), "", "measured, but not personalized");
    app.finish().await;
}

#[tokio::test]
async fn segments_consent_applies_to_each_event() {
    let app = TestApp::start().await;
    let call = |id: &str, consent: Value| json!({ "type": "track", "event": "x", "anonymousId": id, "context": { "consent": consent } });
    let agrees = json!({ "categoryPreferences": { "Analytics": true, "Advertising": false } });
    let refuses = json!({ "categoryPreferences": { "Analytics": false, "Advertising": true } });
    let batch = json!({ "writeKey": app.site.write_key, "batch": [
        call("a", agrees.clone()), call("b", refuses.clone()), call("c", json!({})), call("d", json!("nonsense")),
        { "type": "identify", "userId": "u", "anonymousId": "e", "context": { "consent": refuses } },
    ]});
    let answer = app.api().post("/v1/batch", batch).await;
    assert_eq!(answer.outcome(), "kept=4, dropped=1 (no_consent=1), rejected=0");
    assert_eq!(app.stored(IDENTIFIED).await, ["3"]);
    app.changes_site(json!({ "consent_default": "denied" })).await;
    let batch = json!({ "writeKey": app.site.write_key, "batch": [call("a", agrees), call("f", json!({}))]});
    assert_eq!(app.api().post("/v1/batch", batch).await.status, 200);
    assert_eq!(app.stored(IDENTIFIED).await, ["3"], "only the visitor with consent is identified");
    assert_eq!(app.stored("SELECT toString(countIf(visitor = 0)) FROM events").await, ["2"]);
    app.finish().await;
}

#[tokio::test]
async fn the_pixel_accepts_consent() {
    let app = TestApp::start().await;
    let path = format!("/px.gif?key={}&url=https%3A%2F%2Fshop.example%2F", app.site.write_key);
    let ask = |rest: &str| app.visitor().request(reqwest::Method::GET, &format!("{path}{rest}")).send();
    assert!(ask("").await.unwrap().headers().contains_key("set-cookie"));
    assert!(!ask("&consent=denied").await.unwrap().headers().contains_key("set-cookie"));
    app.finish().await;
}

#[tokio::test]
async fn a_site_can_store_nothing_in_browsers() {
    let app = TestApp::start().await;
    let mut before = app.visitor();
    before.views("/").await;
    app.changes_site(json!({ "known_by": "daily_hash" })).await;
    let (mut one, mut same, mut other) = (app.visitor(), before, app.visitor());
    other.agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0";
    for visitor in [&mut one, &mut same, &mut other] {
        let answer = visitor.views("/").await;
        assert_eq!((answer.status, answer.cookie(), answer.text.as_str()), (204, "", ""), "no cookie, no id");
        assert_eq!(visitor.decides(&[]).await.get("visitor"), None);
        let answer = visitor.sends(json!([{ "type": "identify", "userId": "u" }])).await;
        assert_eq!(answer.outcome(), "kept=0, dropped=1 (no_ids=1), rejected=0");
    }
    one.sends(json!([{ "type": "track", "event": "x", "userId": "u", "anonymousId": "a" }])).await;
    let recommended = format!("/v1/recommend?key={}&visitor={}", app.site.write_key, one.id);
    assert_eq!(one.request(reqwest::Method::GET, &recommended).send().await.unwrap().status(), 200, "no id, no error");
    assert_eq!(app.stored(IDENTIFIED).await, ["3"], "one by cookie before, two by IP address and user agent since");
    assert_eq!(app.stored("SELECT toString(countIf(user_id != '')) FROM events").await, ["0"]);
    let refuses = with_body(app.visitor(), json!({ "consent": { "analytics": false } })).views("/").await;
    assert_eq!(refuses.status, 204);
    assert_eq!(app.stored(ANONYMOUS).await, ["1"], "a refusal applies there as well");
    app.finish().await;
}

#[tokio::test]
async fn a_site_without_ids_derives_visitors_from_the_ip_and_user_agent_that_servers_send() {
    let app = TestApp::start().await;
    app.changes_site(json!({ "known_by": "daily_hash" })).await;
    let server = app.with_key(Scope::Server).await;
    let view = |ip: &str, agent: &str| json!({ "type": "page", "anonymousId": "a", "userId": "u", "context": { "ip": ip, "userAgent": agent } });
    let firefox = crate::support::client::FIREFOX;
    let batch = json!({ "batch": [view("81.2.69.142", firefox), view("81.2.69.142", firefox),
        view("81.2.69.143", firefox), view("", firefox), view("81.2.69.142", ""), { "type": "page" }] });
    assert_eq!(server.post("/v1/batch", batch).await.outcome(), "kept=6, dropped=0, rejected=0");
    assert_eq!(app.stored(IDENTIFIED).await, ["2"]);
    assert_eq!(app.stored(ANONYMOUS).await, ["3"], "without an IP address or user agent the event is anonymous");

    let line = |day: u8| {
        format!("1.1.1.1 - - [{day:02}/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"{firefox}\"\n")
    };
    let log = [line(17), line(17), line(18)].concat();
    assert_eq!(app.imports(Format::AccessLog, "log", &log).await["kept"], 3);
    assert_eq!(app.stored(IDENTIFIED).await, ["4"], "visitors of a log are per day");
    app.finish().await;
}

#[tokio::test]
async fn the_ip_address_is_on_no_disk() {
    let app = TestApp::start().await;
    app.changes_site(json!({ "known_by": "daily_hash" })).await;
    let server = app.with_key(Scope::Server).await;
    let call = json!({ "type": "page", "context": { "ip": "81.2.69.142", "userAgent": "Mozilla/5.0 unique-marked" } });
    assert_eq!(server.post("/v1/batch", json!({ "batch": [call] })).await.status, 200);
    app.settled().await;
    let mut folders = vec![app.data_dir().to_owned()];
    let mut looked_at = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if let Ok(bytes) = std::fs::read(&entry) {
                looked_at += 1;
                let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
                assert!(!holds(b"81.2.69.142") && !holds(b"unique-marked"), "{}", entry.display());
            }
        }
    }
    assert!(looked_at > 3, "{looked_at} files");
    app.finish().await;
}

#[tokio::test]
async fn site_settings_are_validated_and_stored() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let path = format!("/api/v1/sites/{}", app.site.id);
    let site = admin.get(&path).await.json();
    assert_eq!(
        (&site["known_by"], &site["without_consent"], &site["session_minutes"], &site["honour_gpc"]),
        (&json!("cookie"), &json!("anonymous"), &Value::Null, &json!(true))
    );
    for bad in [
        json!({ "known_by": "fingerprint" }),
        json!({ "without_consent": "everything" }),
        json!({ "session_minutes": 0 }),
        json!({ "session_minutes": 1441 }),
    ] {
        admin.patch(&path, bad).await.refuses(422, "invalid");
    }
    let change = json!({ "known_by": "daily_hash", "without_consent": "nothing", "session_minutes": 60 });
    let site = admin.patch(&path, change).await.json();
    assert_eq!((&site["known_by"], &site["session_minutes"]), (&json!("daily_hash"), &json!(60)));
    assert_eq!(admin.patch(&path, json!({})).await.json()["session_minutes"], 60, "absent fields keep their values");
    assert_eq!(admin.patch(&path, json!({ "session_minutes": null })).await.json()["session_minutes"], Value::Null);
    app.finish().await;
}
