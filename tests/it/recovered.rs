//! Events that were acknowledged but not delivered at a kill are learned from after the restart.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};

use crate::{
    service::Service,
    support::engine::{PATIENCE, eventually},
};

const ORIGIN: &str = "https://shop.example";

/// Sends one visitor's views or orders; returns once they are on disk.
async fn does(client: &Client, url: &str, key: &str, name: &str, events: &[(&str, Value)]) {
    let event = |(n, (event, properties)): (usize, &(&str, Value))| {
        let id = format!("{name}-{n}");
        json!({ "type": "track", "event": event, "properties": properties, "messageId": id, "anonymousId": name })
    };
    let batch: Vec<Value> = events.iter().enumerate().map(event).collect();
    let body = json!({ "writeKey": key, "batch": batch });
    let answer = client.post(format!("{url}/v1/batch")).json(&body).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap_or_default());
}

fn looks_at(id: &str) -> (&'static str, Value) {
    ("Product Viewed", json!({ "product_id": id }))
}

fn orders(name: &str, ids: [&str; 2]) -> (&'static str, Value) {
    let products = ids.map(|id| json!({ "product_id": id }));
    ("Order Completed", json!({ "order_id": name, "revenue": 1, "currency": "EUR", "products": products }))
}

async fn recommended(client: &Client, url: &str, key: &str, rest: &str) -> Vec<String> {
    let asked = client.get(format!("{url}/v1/recommend?key={key}&k=3&{rest}")).send().await;
    let answer: Value = asked.expect("an answer").json().await.expect("JSON");
    let items = answer["items"].as_array().expect("items");
    items.iter().filter_map(|item| item["id"].as_str()).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn undelivered_clicks_and_orders_count_after_a_kill() {
    let client = Client::builder().timeout(Duration::from_mins(1)).build().expect("a client");
    // There is no warehouse: recommendations can only come from the journal.
    let mut service = Service::new(&[]).set("ASHNA__CLICKHOUSE__URL", "http://127.0.0.1:1");
    service.start();
    service.ready(&client).await;
    let site = service.command(&["site", "add", "--name", "Shop", "--origin", ORIGIN]);
    let (key, id) = (site["write_key"].as_str().expect("a key").to_owned(), site["site_id"].to_string());
    let items = service.data().join("items.ndjson");
    let lines: Vec<String> = (1..=40).map(|n| json!({ "id": format!("p-{n}"), "title": "T" }).to_string()).collect();
    std::fs::write(&items, lines.join("\n")).expect("a file");
    let items = items.to_str().expect("a path");
    let imported = service.command(&["import", "items", items, "--site", id.trim_matches('"')]);
    assert_eq!(imported["kept"], 40, "{imported}");

    let url = service.url();
    for name in ["one", "another"] {
        does(&client, &url, &key, name, &[looks_at("p-7"), looks_at("p-30"), orders(name, ["p-7", "p-8"])]).await;
    }
    service.kill();
    service.start();
    service.ready(&client).await;
    for (rest, expected) in [("model=viewed_together&item=p-7", "p-30"), ("model=bought_together&item=p-7", "p-8")] {
        eventually(rest, PATIENCE, async || {
            recommended(&client, &url, &key, rest).await.first().is_some_and(|first| first == expected)
        })
        .await;
    }
    let metrics = service.metrics(&client).await;
    assert_eq!((metrics["ashna_journal_records_inserted"], metrics["ashna_journal_records_waiting"]), (0, 6));
    service.kill();
}
