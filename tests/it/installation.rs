//! Control database, journal and warehouse belong together; others are refused unless taken over by command.

use std::{fs, time::Duration};

use ashna::{
    config::{Config, Endpoint},
    store::Store,
};

use crate::{
    faults::sender::{ORIGIN, Target, body, post},
    service::{PATIENCE, Service, refusal},
    support::engine::{endpoint, eventually},
};

fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap()
}

fn service_at(endpoint: &Endpoint) -> Service {
    Service::new(&[])
        .set("ASHNA__CLICKHOUSE__URL", &endpoint.url)
        .set("ASHNA__CLICKHOUSE__USER", &endpoint.user)
        .set("ASHNA__CLICKHOUSE__PASSWORD", endpoint.password.expose())
        .set("ASHNA__CLICKHOUSE__DATABASE", &endpoint.database)
        .set("ASHNA__DELIVERY__FLUSH_INTERVAL_MS", "50")
}

/// Adds a site and sends some of its events; returns the site id.
async fn sends(service: &Service, client: &reqwest::Client, name: &str) -> u64 {
    let site = service.command(&["site", "add", "--name", name, "--origin", ORIGIN]);
    let key = site["write_key"].as_str().unwrap().to_owned();
    let target = Target { url: service.url(), key: key.clone(), client: client.clone() };
    let ids: Vec<String> = (0..5).map(|n| format!("{name}-{n}")).collect();
    let (status, outcome) = post(&target, body(&key, 0, &ids, 0)).await.unwrap();
    assert_eq!((status, outcome.as_str()), (204, "kept=5, dropped=0, rejected=0"));
    site["site_id"].as_u64().unwrap()
}

async fn inserted(service: &Service, client: &reqwest::Client, events: u64) {
    let all = async || service.metrics(client).await["ashna_journal_records_inserted"] == events;
    eventually("events are inserted", PATIENCE, all).await;
}

async fn rows_of_site(store: &Store, site: u64) -> u64 {
    let question = "SELECT count() FROM events WHERE site_id = {site:UInt32}";
    store.query::<u64>(question, &[("site", ashna::store::Param::U32(u32::try_from(site).unwrap()))]).await.unwrap()[0]
}

fn lose_control(service: &Service) {
    for name in ["control.sqlite", "control.sqlite-wal", "control.sqlite-shm"] {
        let _ = fs::remove_file(service.data().join(name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_control_database_is_detected_and_site_ids_are_not_reused() {
    let (client, endpoint) = (client(), endpoint().await);
    let mut service = service_at(&endpoint);
    service.start();
    service.ready(&client).await;
    let first = sends(&service, &client, "first").await;
    inserted(&service, &client, 5).await;
    service.stop();
    lose_control(&service);
    let message = refusal(&service.tries(&["site", "list"]));
    assert!(message.contains("another installation") && message.contains("ashna adopt"), "{message}");
    lose_control(&service);
    let output = service.command(&["adopt"]);
    assert_eq!(output["new_sites_above"], first);
    service.start();
    service.ready(&client).await;
    let second = sends(&service, &client, "second").await;
    assert!(second > first, "site {second} after {first}");
    inserted(&service, &client, 10).await;
    let store = Store::connect_to(endpoint, &Config::defaults().clickhouse);
    assert_eq!((rows_of_site(&store, first).await, rows_of_site(&store, second).await), (5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_installations_cannot_share_a_warehouse() {
    let (client, endpoint) = (client(), endpoint().await);
    let mut one = service_at(&endpoint);
    one.start();
    one.ready(&client).await;
    sends(&one, &client, "one").await;
    inserted(&one, &client, 5).await;
    let mut other = service_at(&endpoint);
    other.start();
    other.ready(&client).await;
    sends(&other, &client, "other").await;
    let state = async || {
        let answer = client.get(format!("{}/readyz", other.url())).send().await.unwrap();
        answer.json::<serde_json::Value>().await.unwrap()
    };
    let says = async || state().await["components"].to_string().contains("another installation");
    eventually("the owner of the warehouse is reported", PATIENCE, says).await;
    assert_eq!(state().await["reports"], false);
    let metrics = other.metrics(&client).await;
    assert_eq!((metrics["ashna_journal_records_waiting"], metrics["ashna_delivery_waits"]), (5, 1));
    let store = Store::connect_to(endpoint, &Config::defaults().clickhouse);
    assert_eq!(store.query::<u64>("SELECT count() FROM events", &[]).await.unwrap(), [5]);
}
