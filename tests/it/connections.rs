//! Many slow clients, few file descriptors.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::service::Service;

/// File descriptor limit of the service.
const OPEN_FILES: u32 = 1024;
const SLOW_CLIENTS: usize = 1300;

/// Raises the test's own limit as far as its connections need.
fn may_open_many_files() -> bool {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    limit.maximum.is_none_or(|most| most > 2 * SLOW_CLIENTS as u64)
}

/// A service with few file descriptors, and the write key of its site.
async fn service(client: &reqwest::Client) -> (Service, String) {
    let script = format!("ulimit -n {OPEN_FILES} && exec \"$0\" \"$@\"");
    let mut service = Service::new(&[]).under(&["sh", "-c", &script]);
    service.start();
    service.ready(client).await;
    let site = service.command(&["site", "add", "--name", "Shop", "--origin", "https://shop.example"]);
    let key = site["write_key"].as_str().expect("a key").to_owned();
    (service, key)
}

/// Opens connections that send the beginning of a request and no more.
async fn half_open(service: &Service, part: &str, count: usize) -> Vec<TcpStream> {
    let address = service.url().trim_start_matches("http://").to_owned();
    let mut open = Vec::with_capacity(count);
    for _ in 0..count {
        // A connection that the service evicts at once may fail the write.
        if let Ok(mut stream) = TcpStream::connect(&address).await {
            let _ = stream.write_all(part.as_bytes()).await;
            open.push(stream);
        }
    }
    open
}

async fn sends(client: &reqwest::Client, service: &Service, key: &str) -> (u16, Duration) {
    let begun = Instant::now();
    let body = json!({ "key": key, "events": [{ "type": "page" }] }).to_string();
    let post = || client.post(format!("{}/e", service.url())).body(body.clone()).send();
    let answer = match post().await {
        Ok(answer) => answer,
        // A kept-alive connection may have been evicted: retry once, as browsers and SDKs do.
        Err(_) => post().await.expect("an answer"),
    };
    (answer.status().as_u16(), begun.elapsed())
}

#[tokio::test]
async fn a_thousand_half_open_requests_block_no_client() {
    if !may_open_many_files() {
        return;
    }
    let (older, newer) = (reqwest::Client::new(), reqwest::Client::new());
    let (service, key) = service(&older).await;
    assert!(sends(&older, &service, &key).await.0 < 300);
    for part in ["GET /readyz HTTP/1.1\r\nhost: a", "POST /e HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{"] {
        let slow = half_open(&service, part, SLOW_CLIENTS).await;
        for client in [&older, &newer] {
            for _ in 0..30 {
                let (status, took) = sends(client, &service, &key).await;
                assert!(status < 300, "{status} with {part:?}");
                assert!(took < Duration::from_secs(1), "it took {took:?} with {part:?}");
            }
        }
        drop(slow);
    }
    let figures = service.metrics(&newer).await;
    assert!(figures["ashna_connections_evicted_total"] > 0, "{figures:?}");
    assert_eq!(figures.get("ashna_connections_refused_total"), Some(&0));
}

#[tokio::test]
async fn half_open_requests_time_out_and_idle_connections_are_served() {
    let client = reqwest::Client::new();
    let (service, key) = service(&client).await;
    let mut slow = half_open(&service, "GET /readyz HTTP/1.1\r\n", 1).await;
    assert!(sends(&client, &service, &key).await.0 < 300);
    slow[0].write_all(b"host: a\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    slow[0].read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}
