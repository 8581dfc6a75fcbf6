//! Files of items sent by hand, and a feed that is fetched from a server of the test's own.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use ashna::control::{Role, Scope};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

use crate::support::{app::TestApp, client::Door, engine::eventually};

const PATIENCE: Duration = Duration::from_secs(30);

/// A shop's own server, which serves one file with an `ETag`.
struct ShopServer {
    url: String,
    file: Arc<Mutex<String>>,
    serving: JoinSet<()>,
}

impl ShopServer {
    async fn start(file: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/feed.csv", listener.local_addr().unwrap());
        let mut server = Self { url, file: Arc::new(Mutex::new(file.to_owned())), serving: JoinSet::new() };
        let file = Arc::clone(&server.file);
        server.serving.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let n = stream.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..n]).to_lowercase();
                let body = file.lock().unwrap().clone();
                let etag = format!("\"{}\"", body.len());
                let answer = if request.contains(&format!("if-none-match: {etag}")) {
                    "HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n".to_owned()
                } else if body == "broken" {
                    "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\nconnection: close\r\n\r\nid,title\nx,1\n".to_owned()
                } else {
                    format!(
                        "HTTP/1.1 200 OK\r\netag: {etag}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    )
                };
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        server
    }

    fn serves(&self, file: &str) {
        file.clone_into(&mut self.file.lock().unwrap());
    }
}

fn csv(items: std::ops::Range<usize>) -> String {
    items.fold("id,title,price\n".to_owned(), |text, n| text + &format!("f-{n},Thing {n},1.00 EUR\n"))
}

async fn visited(app: &TestApp, admin: &Door, expected: &str) -> Value {
    let mut state = Value::Null;
    eventually("the feed is visited", PATIENCE, async || {
        state = admin.get(&app.path("feed")).await.json();
        state["visiting"] == false && state["outcome"] == expected
    })
    .await;
    state
}

/// Waits until so many items are available; an import shows what it stored a moment later.
async fn offers(app: &TestApp, admin: &Door, expected: usize) {
    eventually("so many items are available", PATIENCE, async || {
        let page = admin.get(&app.path("items?limit=1000")).await.json();
        page["items"].as_array().unwrap().iter().filter(|item| item["available"] == true).count() == expected
    })
    .await;
}

#[tokio::test]
async fn a_feed_is_followed_and_what_leaves_it_becomes_unavailable() {
    let app = TestApp::with(|config| config.feeds.inside_networks = vec!["127.0.0.0/8".parse().unwrap()]).await;
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

    // Most leave at once: nothing happens until the owner says so.
    shop.serves(&csv(38..40));
    admin.post(&app.path("feed/visit"), json!({})).await;
    let state = visited(&app, &admin, "withheld").await;
    assert_eq!(state["withheld"], 33, "{state}");
    offers(&app, &admin, 36).await;
    assert_eq!(admin.post(&app.path("feed/visit"), json!({ "confirm": true })).await.status, 202);
    let state = visited(&app, &admin, "taken").await;
    assert_eq!(state["withdrawn"], 33, "{state}");
    offers(&app, &admin, 3).await;

    // A file that breaks off takes nothing away.
    shop.serves("broken");
    admin.post(&app.path("feed/visit"), json!({})).await;
    visited(&app, &admin, "failed").await;
    offers(&app, &admin, 4).await;
    assert_eq!(admin.delete(&app.path("feed")).await.status, 204);
    admin.post(&app.path("feed/visit"), json!({})).await.refuses(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn a_feed_inside_the_network_is_not_fetched() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    for url in ["http://127.0.0.1:1/feed.xml", "http://169.254.169.254/latest", "http://localhost:1/"] {
        assert_eq!(admin.put(&app.path("feed"), json!({ "url": url })).await.status, 200);
        let state = visited(&app, &admin, "failed").await;
        assert!(state["message"].as_str().unwrap().contains("inside a network"), "{state}");
    }
    for url in ["ftp://shop.example/f", "file:///etc/passwd", "http://user:pw@shop.example/", "no address"] {
        admin.put(&app.path("feed"), json!({ "url": url })).await.refuses(422, "invalid");
    }
    let viewer = app.with_login(Role::Viewer).await;
    viewer.put(&app.path("feed"), json!({ "url": "https://shop.example/f" })).await.refuses(403, "forbidden");
    app.finish().await;
}

#[tokio::test]
async fn a_file_of_any_kind_is_taken_and_a_second_time_adds_nothing() {
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
