//! Item files that are uploaded, and feeds that are fetched from a test server.

use ashna::{
    config::Config,
    control::{Control, Role, Scope},
    fetch::{Fetcher, download::Validators},
    model::Site,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    client::ApiClient,
    engine::{PATIENCE, eventually},
    shop::{Answer, ShopServer},
};

/// Allows feeds from loopback addresses.
fn own_machine(config: &mut Config) {
    config.feeds.inside_networks = vec!["127.0.0.0/8".parse().unwrap()];
}

/// Moves the next visit an hour closer.
async fn an_hour_passes(app: &TestApp) {
    let control = Control::open(app.data_dir()).await.unwrap();
    for feed in control.feeds().await.unwrap() {
        let mut state = feed.state;
        state.started_at = state.started_at.map(|at| at.plus(-3_600_000));
        state.finished_at = state.finished_at.map(|at| at.plus(-3_600_000));
        control.put_feed_state(feed.site, &state).await.unwrap();
    }
    control.close().await;
}

fn csv(items: std::ops::Range<usize>) -> String {
    items.fold("id,title,price\n".to_owned(), |text, n| text + &format!("f-{n},Thing {n},1.00 EUR\n"))
}

async fn visited(app: &TestApp, admin: &ApiClient, expected: &str) -> Value {
    let mut state = Value::Null;
    eventually("the feed is visited", PATIENCE, async || {
        state = admin.get(&app.path("feed")).await.json();
        state["visiting"] == false && state["outcome"] == expected
    })
    .await;
    state
}

/// Waits until this many items are available; imports are published with a short delay.
async fn offers(app: &TestApp, admin: &ApiClient, expected: usize) {
    eventually("so many items are available", PATIENCE, async || {
        let page = admin.get(&app.path("items?limit=1000")).await.json();
        page["items"].as_array().unwrap().iter().filter(|item| item["available"] == true).count() == expected
    })
    .await;
}

#[tokio::test]
async fn items_removed_from_a_feed_become_unavailable() {
    let app = TestApp::with(own_machine).await;
    let admin = app.with_key(Scope::Admin).await;
    admin.post(&app.path("items"), json!({ "id": "own", "title": "Not of the feed" })).await;
    let shop = ShopServer::start(&csv(0..40)).await;
    assert_eq!(admin.get(&app.path("feed")).await.json()["settings"], Value::Null);
    let answer = admin.put(&app.path("feed"), json!({ "url": shop.url, "every_minutes": 5 })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let state = visited(&app, &admin, "taken").await;
    assert_eq!((&state["items"], &state["counts"]["kept"]), (&json!(40), &json!(40)), "{state}");

    // A few items leave: they become unavailable, and the others stay.
    shop.serves(&csv(5..40));
    admin.post(&app.path("feed/visit"), json!({})).await;
    offers(&app, &admin, 36).await;

    // Most items leave at once: nothing changes until the owner confirms.
    shop.serves(&csv(38..40));
    admin.post(&app.path("feed/visit"), json!({})).await;
    let state = visited(&app, &admin, "withheld").await;
    assert_eq!(state["withheld"], 33, "{state}");
    offers(&app, &admin, 36).await;
    assert_eq!(admin.post(&app.path("feed/visit"), json!({ "confirm": true })).await.status, 202);
    let state = visited(&app, &admin, "taken").await;
    assert_eq!(state["withdrawn"], 33, "{state}");
    offers(&app, &admin, 3).await;

    // A truncated file removes nothing.
    shop.does(Answer::Broken);
    admin.post(&app.path("feed/visit"), json!({})).await;
    visited(&app, &admin, "failed").await;
    offers(&app, &admin, 4).await;
    assert_eq!(admin.delete(&app.path("feed")).await.status, 204);
    admin.post(&app.path("feed/visit"), json!({})).await.refuses(404, "not_found");
    app.finish().await;
}

/// Waits for a scheduled visit and returns the feed's state.
async fn visited_in_time(app: &TestApp, admin: &ApiClient, expected: &str) -> Value {
    an_hour_passes(app).await;
    let before = admin.get(&app.path("feed")).await.json()["visited_at"].clone();
    let mut state = Value::Null;
    eventually("the feed is visited in its time", PATIENCE, async || {
        state = admin.get(&app.path("feed")).await.json();
        state["visiting"] == false && state["visited_at"] != before
    })
    .await;
    assert_eq!(state["outcome"], expected, "{state}");
    state
}

/// Minutes between a visit and the next.
fn pause(state: &Value) -> i64 {
    let at = |name: &str| state[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    (at("next_visit_at") - at("visited_at") + 30) / 60
}

#[tokio::test]
async fn an_unchanged_feed_is_not_sent_again_and_errors_are_reported() {
    let app = TestApp::with(own_machine).await;
    let admin = app.with_key(Scope::Admin).await;
    let shop = ShopServer::start(&csv(0..12)).await;
    admin.put(&app.path("feed"), json!({ "url": shop.url, "every_minutes": 45 })).await;
    let taken = visited(&app, &admin, "taken").await;
    assert!(!shop.requests()[0].contains("if-none-match"), "{:?}", shop.requests());
    assert_eq!(pause(&taken), 45, "{taken}");

    let same = visited_in_time(&app, &admin, "unchanged").await;
    assert!(
        shop.requests()[1].contains(&format!("if-none-match: \"{}\"\r\n", csv(0..12).len())),
        "{:?}",
        shop.requests()
    );
    assert_eq!((&same["items"], &same["counts"], pause(&same)), (&json!(12), &taken["counts"], 45));
    offers(&app, &admin, 12).await;

    // An error is reported, removes no items and keeps the validators (`ETag`).
    for (answer, says) in [(Answer::Status(503), "status 503"), (Answer::Status(404), "status 404")] {
        shop.does(answer);
        let failed = visited_in_time(&app, &admin, "failed").await;
        assert!(failed["message"].as_str().unwrap().contains(says), "{failed}");
        assert_eq!((&failed["items"], pause(&failed)), (&json!(12), 45));
    }
    shop.serves(&csv(0..12));
    let again = visited_in_time(&app, &admin, "unchanged").await;
    assert_eq!(again["message"], "", "{again}");
    assert_eq!(shop.requests().len(), 5, "one visit at a time: {:?}", shop.requests());

    // A server with `Last-Modified` instead of `ETag`.
    let date = "Wed, 21 Oct 2026 07:28:00 GMT";
    shop.does(Answer::Dated(csv(0..13), date));
    visited_in_time(&app, &admin, "taken").await;
    visited_in_time(&app, &admin, "unchanged").await;
    let last = shop.requests().pop().unwrap();
    assert!(last.contains(&format!("if-modified-since: {}", date.to_lowercase())), "{last}");
    assert!(!last.contains("if-none-match"), "the ETag is of an earlier state: {last}");
    offers(&app, &admin, 13).await;
    // A manual fetch reads the whole file.
    admin.post(&app.path("feed/visit"), json!({})).await;
    visited(&app, &admin, "taken").await;
    assert!(!shop.requests().pop().unwrap().contains("if-modified-since"));
    app.finish().await;
}

#[tokio::test]
async fn a_feed_that_hangs_does_not_delay_others() {
    let app = TestApp::with(|config| {
        own_machine(config);
        (config.feeds.at_once, config.feeds.silence_ms) = (2, 4_000);
    })
    .await;
    let admin = app.with_key(Scope::Admin).await;
    let hanging = ShopServer::doing(Answer::Hangs).await;
    admin.put(&app.path("feed"), json!({ "url": hanging.url })).await;
    eventually("the first feed hangs", PATIENCE, async || hanging.requests().len() == 1).await;
    // The other slot serves all other feeds, one after the other.
    for n in 1..=3 {
        let shop = ShopServer::start(&csv(0..n)).await;
        let (site, path) = (app.another_site().await, |site: &Site| format!("/api/v1/sites/{}/feed", site.id));
        let api = app.with_key_of(&site, Scope::Admin).await;
        api.put(&path(&site), json!({ "url": shop.url })).await;
        eventually("the other feed is taken", PATIENCE, async || {
            api.get(&path(&site)).await.json()["outcome"] == "taken"
        })
        .await;
        if n == 1 {
            let state = admin.get(&app.path("feed")).await.json();
            assert_eq!((&state["visiting"], &state["outcome"]), (&json!(true), &Value::Null), "{state}");
        }
    }
    let state = visited(&app, &admin, "failed").await;
    assert!(state["message"].as_str().unwrap().contains("it sent nothing for 4 seconds"), "{state}");
    app.finish().await;
}

#[tokio::test]
async fn a_feed_on_a_private_address_is_not_fetched() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    for url in ["http://127.0.0.1:1/feed.xml", "http://169.254.169.254/latest", "http://localhost:1/"] {
        assert_eq!(admin.put(&app.path("feed"), json!({ "url": url })).await.status, 200);
        let state = visited(&app, &admin, "failed").await;
        assert!(state["message"].as_str().unwrap().contains("private network address"), "{state}");
    }
    for url in ["ftp://shop.example/f", "file:///etc/passwd", "http://user:pw@shop.example/", "no address"] {
        admin.put(&app.path("feed"), json!({ "url": url })).await.refuses(422, "invalid");
    }
    let viewer = app.with_login(Role::Viewer).await;
    viewer.put(&app.path("feed"), json!({ "url": "https://shop.example/f" })).await.refuses(403, "forbidden");
    app.finish().await;
}

#[tokio::test]
async fn every_file_format_is_imported_and_a_repeat_adds_nothing() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let rss = "<rss xmlns:g='http://base.google.com/ns/1.0'><channel>\
        <item><g:id>a</g:id><title>Tea</title><g:price>3.50 EUR</g:price></item>\
        <item><g:id>b</g:id><title>Pot</title><g:price>cheap</g:price></item></channel></rss>";
    let import = async |file: &str| admin.sends(Method::POST, &app.path("items/import"), file.to_owned()).await;
    let counts = import(rss).await.json();
    assert_eq!(
        (&counts["read"], &counts["kept"], &counts["rejected_by"]),
        (&json!(2), &json!(1), &json!({ "bad_price": 1 }))
    );
    assert!(counts["rejected_rows"][0]["message"].as_str().unwrap().contains("cheap"), "{counts}");
    let again = import(rss).await.json();
    assert_eq!((&again["kept"], &again["dropped_by"]), (&json!(0), &json!({ "unchanged": 1 })));
    let tsv = "id\ttitle\tprice\na\tTea\t4.00 EUR\nc\tCup\t1.00 EUR\n";
    assert_eq!(import(tsv).await.json()["kept"], 2);
    offers(&app, &admin, 2).await;
    let items = admin.get(&app.path("items")).await.json();
    assert_eq!((&items["total"], &items["items"][0]["price_minor"]), (&json!(2), &json!(400)));
    import("\u{0}\u{0}").await.refuses(422, "invalid");
    import("what is this").await.refuses(422, "invalid");
    app.finish().await;
}

#[tokio::test]
async fn a_redirect_without_an_address_is_named_with_its_status() {
    let shop = ShopServer::start("").await;
    shop.does(Answer::Status(307));
    let fetcher = Fetcher::with_limits(vec!["127.0.0.0/8".parse().unwrap()], PATIENCE);
    let (chunks, _received) = tokio::sync::mpsc::channel(1);
    let url = shop.url.parse().unwrap();
    let error = fetcher.download(&url, &Validators::default(), chunks, 1000).await.unwrap_err().to_string();
    assert_eq!(error, "127.0.0.1 redirects (status 307) without a usable address in `Location`");
}
