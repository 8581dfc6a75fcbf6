//! What a site leaves out or joins: its own networks, referrers that are no source, slashes at the end of paths. And
//! files of reports: all rows.

use ashna::control::{Role, Scope};
use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    client::{Answer, ApiClient},
};

fn page(visitor: &str, at: &str, path: &str, referrer: &str) -> Value {
    json!({ "type": "page", "anonymousId": visitor, "timestamp": at,
        "context": { "page": { "url": format!("https://shop.example{path}"), "referrer": referrer } } })
}

fn sender(app: &TestApp) -> ApiClient {
    app.api().with_header("x-api-key", app.site.write_key.clone())
}

async fn sends(app: &TestApp, client: ApiClient, events: Value) -> Answer {
    let answer = client.post("/v1/batch", json!({ "batch": events })).await;
    app.settled().await;
    answer
}

async fn rows(app: &TestApp, report: &str, question: Value) -> Value {
    let mut question = question;
    question["from"] = json!("2026-09-01T00:00:00Z");
    question["to"] = json!("2026-09-30T00:00:00Z");
    let answer = app.with_key(Scope::Read).await.post(&app.path(&format!("reports/{report}")), question).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["rows"].clone()
}

#[tokio::test]
async fn events_of_the_sites_own_networks_are_dropped_and_counted() {
    let app = TestApp::with(|config| config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    app.changes_site(json!({ "ignored_networks": ["81.2.69.142", "2001:db8::/32"] })).await;
    let view = |ip: &str| json!([{ "type": "page", "anonymousId": "v", "context": { "ip": ip } }]);
    let browser = |address: &str| {
        let headers = [
            ("origin", "https://shop.example"),
            ("x-forwarded-for", address),
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
        ];
        headers.into_iter().fold(sender(&app), |client, (name, value)| client.with_header(name, value.to_owned()))
    };
    let dropped = "kept=0, dropped=1 (ignored_network=1), rejected=0";
    let kept = "kept=1, dropped=0, rejected=0";
    assert_eq!(sends(&app, browser("81.2.69.142"), view("")).await.outcome(), dropped);
    assert_eq!(sends(&app, browser("2001:db8::5"), view("")).await.outcome(), dropped);
    assert_eq!(sends(&app, browser("81.2.69.143"), view("81.2.69.142")).await.outcome(), kept);
    assert_eq!(sends(&app, sender(&app), view("81.2.69.142:4000")).await.outcome(), dropped);
    assert_eq!(sends(&app, sender(&app), view("89.160.20.112")).await.outcome(), kept);
    let read = app.with_key(Scope::Read).await;
    let quality = read.post(&app.path("reports/quality"), json!({})).await.json();
    assert_eq!((&quality["dropped"]["ignored_network"], &quality["received"]), (&json!(3), &json!(5)), "{quality}");
    app.finish().await;
}

#[tokio::test]
async fn a_payment_page_is_no_source_and_slashes_are_one_page() {
    let app = TestApp::start().await;
    app.changes_site(json!({ "ignored_referrers": ["https://www.bank.example/"], "join_trailing_slashes": true }))
        .await;
    let site = app.with_key(Scope::Admin).await.get(&format!("/api/v1/sites/{}", app.site.id)).await.json();
    assert_eq!((&site["ignored_referrers"], &site["join_trailing_slashes"]), (&json!(["bank.example"]), &json!(true)));
    let events = json!([
        page("a", "2026-09-02T08:00:00Z", "/cart/", ""),
        page("a", "2026-09-02T08:05:00Z", "/thanks", "https://3ds.bank.example/done"),
        page("b", "2026-09-02T08:00:00Z", "/cart", "https://www.google.com/"),
        page("b", "2026-09-02T08:05:00Z", "/thanks/", "https://bank.example/"),
        page("c", "2026-09-02T08:05:00Z", "/", "https://notbank.example/"),
    ]);
    assert_eq!(sends(&app, sender(&app), events).await.outcome(), "kept=5, dropped=0, rejected=0");
    let sources = rows(&app, "sources", json!({ "by": "channel" })).await;
    let sessions = |channel: &str| {
        let found = sources.as_array().unwrap().iter().find(|row| row["value"] == channel);
        found.map_or(0, |row| row["sessions"].as_u64().unwrap())
    };
    let counts = ["Direct", "Organic Search", "Referral"].map(sessions);
    assert_eq!(counts, [1, 1, 1], "{sources}");
    let pages = rows(&app, "pages", json!({})).await;
    let mut viewed: Vec<_> = pages
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["path"].as_str().unwrap(), row["pageviews"].as_u64().unwrap()))
        .collect();
    viewed.sort_unstable();
    assert_eq!(viewed, [("/", 1), ("/cart", 2), ("/thanks", 2)]);
    app.finish().await;
}

#[tokio::test]
async fn filters_are_validated_and_networks_are_the_owners() {
    let app = TestApp::start().await;
    let path = format!("/api/v1/sites/{}", app.site.id);
    let admin = app.with_key(Scope::Admin).await;
    for wrong in [
        json!({ "ignored_networks": ["office"] }),
        json!({ "ignored_networks": ["0.0.0.0/0"] }),
        json!({ "ignored_referrers": ["com"] }),
        json!({ "ignored_referrers": vec!["a.example"; 101] }),
    ] {
        admin.patch(&path, wrong).await.refuses(422, "invalid");
    }
    let marketer = app.with_login(Role::Marketer).await;
    marketer.patch(&path, json!({ "ignored_networks": ["10.0.0.0/8"] })).await.refuses(403, "forbidden");
    let allowed =
        marketer.patch(&path, json!({ "ignored_referrers": ["pay.example"], "join_trailing_slashes": true })).await;
    assert_eq!(allowed.status, 200, "{}", allowed.text);
    app.finish().await;
}

#[tokio::test]
async fn a_file_has_all_rows_of_a_report() {
    let app = TestApp::start().await;
    let views = (0..1100).map(|n| page(&format!("v{n}"), "2026-09-02T08:00:00Z", &format!("/p/{n}"), "")).collect();
    assert_eq!(sends(&app, sender(&app), views).await.outcome(), "kept=1100, dropped=0, rejected=0");
    let question = json!({ "from": "2026-09-01T00:00:00Z", "to": "2026-09-30T00:00:00Z" });
    let read = app.with_key(Scope::Read).await;
    let file = read.post(&app.path("reports/pages?format=csv"), question.clone()).await;
    assert_eq!((file.status, file.text.lines().count(), file.header("ashna-rows-cut")), (200, 1101, ""));
    let mut limited = question.clone();
    limited["limit"] = json!(1050);
    assert_eq!(read.post(&app.path("reports/pages?format=csv"), limited.clone()).await.text.lines().count(), 1051);
    read.post(&app.path("reports/pages"), limited).await.refuses(422, "invalid");
    assert_eq!(read.post(&app.path("reports/pages"), question).await.json()["rows"].as_array().unwrap().len(), 50);
    app.finish().await;
}

#[tokio::test]
async fn late_decisions_are_a_share_of_sessions() {
    let app = TestApp::start().await;
    let event = |visitor: &str, name: &str| json!({ "type": "track", "event": name, "anonymousId": visitor, "timestamp": "2026-09-02T08:00:00Z" });
    let late = async || {
        let question = json!({ "from": "2026-09-01T00:00:00Z", "to": "2026-09-30T00:00:00Z" });
        let read = app.with_key(Scope::Read).await;
        read.post(&app.path("reports/data-quality"), question).await.json()["late_decisions"].clone()
    };
    assert_eq!(late().await, json!({ "sessions": 0, "late": 0, "share": null }));
    let events = json!([
        event("a", "Slot Viewed"),
        event("a", "Decision Late"),
        event("b", "Slot Viewed"),
        event("b", "Slot Viewed"),
        event("c", "Slot Viewed"),
        event("d", "Decision Late"),
        event("e", "Product Viewed"),
    ]);
    assert_eq!(sends(&app, sender(&app), events).await.outcome(), "kept=7, dropped=0, rejected=0");
    assert_eq!(late().await, json!({ "sessions": 4, "late": 2, "share": 0.5 }));
    app.finish().await;
}

#[tokio::test]
async fn persian_months_are_a_calendar_of_the_overview() {
    let app = TestApp::start().await;
    let read = app.with_key(Scope::Read).await;
    let question = json!({ "from": "2026-09-22T20:30:00Z", "to": "2026-11-21T20:30:00Z", "timezone": "Asia/Tehran",
        "interval": "month", "calendar": "persian" });
    let answer = read.post(&app.path("reports/overview"), question).await.json();
    let at: Vec<_> = answer["series"].as_array().unwrap().iter().map(|point| point["at"].as_str().unwrap()).collect();
    assert_eq!(at, ["2026-09-22T20:30:00.000Z", "2026-10-22T20:30:00.000Z"], "{answer}");
    app.finish().await;
}
