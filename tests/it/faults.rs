//! What was acknowledged is stored, once, whatever is killed. Clients send under load and send again
//! what was not acknowledged, while the service (and in other rounds the engine) is killed with
//! SIGKILL at random moments. Three rounds by default; `ASHNA_FAULT_ROUNDS=20` for a campaign.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use rand::RngExt;
use serde_json::json;
use tokio::task::JoinSet;

use crate::service::{PATIENCE, Service, kill, report};

const CLIENTS: usize = 8;
const BATCH_MAX: usize = 20;
const ORIGIN: &str = "https://shop.example";
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// A client that never gives up on an event.
struct Sender {
    number: usize,
    url: String,
    key: String,
    client: reqwest::Client,
    stop: Arc<AtomicBool>,
}

/// What the clients know in the end.
#[derive(Default)]
struct Sent {
    acknowledged: BTreeSet<String>,
    requests: u64,
    repeated: u64,
}

impl Sender {
    async fn run(self) -> Sent {
        let mut sent = Sent::default();
        let mut next = 0;
        while !self.stop.load(Relaxed) {
            let count = if rand::random() { 1 } else { rand::rng().random_range(2..=BATCH_MAX) };
            let ids: Vec<String> = (next..next + count).map(|n| format!("c{}-{n}", self.number)).collect();
            next += count;
            self.send_until_acknowledged(&ids, &mut sent).await;
            sent.acknowledged.extend(ids);
        }
        sent
    }

    async fn send_until_acknowledged(&self, ids: &[String], sent: &mut Sent) {
        let body = self.body(ids);
        let began = Instant::now();
        loop {
            sent.requests += 1;
            let request =
                self.client.post(format!("{}/e", self.url)).header("origin", ORIGIN).header("user-agent", AGENT);
            match request.body(body.clone()).send().await {
                Ok(answer) if answer.status().is_success() => {
                    let outcome = answer.headers().get("ashna-outcome").and_then(|value| value.to_str().ok());
                    let outcome = outcome.expect("an outcome with every acknowledgement").to_owned();
                    assert!(accounts_for(&outcome, ids.len()), "{outcome} for {} events", ids.len());
                    return;
                }
                Ok(answer) if answer.status() == 503 => {}
                Ok(answer) => panic!("{}: {:?}", answer.status(), answer.text().await),
                Err(_) => {} // killed, or not there yet
            }
            assert!(began.elapsed() < PATIENCE, "not acknowledged within {PATIENCE:?}");
            sent.repeated += 1;
            let pause = rand::rng().random_range(10..60);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    fn body(&self, ids: &[String]) -> String {
        let event = |id: &String| json!({"type": "track", "event": "Fault Survived", "messageId": id, "properties": {"id": id}});
        json!({
            "key": self.key,
            "visitor": format!("{:032x}", self.number + 0x5eed),
            "context": {"page": {"url": format!("{ORIGIN}/p/{}", self.number)}},
            "events": ids.iter().map(event).collect::<Vec<_>>(),
        })
        .to_string()
    }
}

/// Whether every event was kept now or, having come before, dropped as a duplicate.
fn accounts_for(outcome: &str, events: usize) -> bool {
    let number = |word: &str| -> usize {
        let after = outcome.split(word).nth(1).unwrap_or("");
        after.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("").parse().unwrap_or(0)
    };
    number("kept=") + number("duplicate=") == events && number("rejected=") == 0
}

/// Kills once: the service in even rounds, the engine in odd ones.
async fn strike(service: &mut Service, client: &reqwest::Client, round: usize) {
    let pause = rand::rng().random_range(200..1500);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    if round.is_multiple_of(2) {
        service.kill();
        service.start();
        if rand::random_ratio(1, 4) {
            // A second death while it opens its files.
            tokio::time::sleep(Duration::from_millis(rand::rng().random_range(10..400))).await;
            service.kill();
            service.start();
        }
        service.ready(client).await;
    } else if let Some(engine) = service.engine() {
        kill(engine);
    }
}

/// Waits until nothing waits for the warehouse, and returns the counters of that moment.
async fn settled(service: &Service, client: &reqwest::Client) -> HashMap<String, u64> {
    let began = Instant::now();
    loop {
        let metrics = service.metrics(client).await;
        if metrics["ashna_journal_records_waiting"] == 0 && metrics["ashna_store_up"] == 1 {
            return metrics;
        }
        assert!(began.elapsed() < PATIENCE, "still waiting after {PATIENCE:?}: {metrics:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "how long a campaign lasts is no setting of the service")]
fn rounds() -> usize {
    std::env::var("ASHNA_FAULT_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_stored_once_whatever_is_killed() {
    let rounds = rounds();
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().expect("a client");
    let mut service = Service::new(&[]);
    service.start();
    service.ready(&client).await;
    let site = service.command(&["site", "add", "--name", "Faults", "--origin", ORIGIN]);
    let key = site["write_key"].as_str().expect("a write key").to_owned();

    let stop = Arc::new(AtomicBool::new(false));
    let mut senders = JoinSet::new();
    for number in 0..CLIENTS {
        let (url, key, client, stop) = (service.url(), key.clone(), client.clone(), Arc::clone(&stop));
        senders.spawn(Sender { number, url, key, client, stop }.run());
    }
    for round in 0..rounds {
        strike(&mut service, &client, round).await;
    }
    stop.store(true, Relaxed);
    let mut all = Sent::default();
    for sent in senders.join_all().await {
        all.acknowledged.extend(sent.acknowledged);
        all.requests += sent.requests;
        all.repeated += sent.repeated;
    }

    let metrics = settled(&service, &client).await;
    let stored = service.ask_engine(&client, "SELECT JSONExtractString(properties, 'id') FROM ashna.events").await;
    let stored = stored.expect("the engine is there");
    let narrow = service.ask_engine(&client, "SELECT count() FROM ashna.visitor_events").await;
    let distinct: BTreeSet<&String> = stored.iter().collect();
    report(&format!(
        "{rounds} kills: {} requests, {} of them repeated, {} events acknowledged, {} rows stored, {} distinct",
        all.requests,
        all.repeated,
        all.acknowledged.len(),
        stored.len(),
        distinct.len(),
    ));
    let missing: Vec<_> = all.acknowledged.iter().filter(|id| !distinct.contains(id)).take(10).collect();
    assert!(missing.is_empty(), "acknowledged but not stored: {missing:?}…");
    assert_eq!(stored.len(), distinct.len(), "rows stored twice");
    assert_eq!(stored.len(), all.acknowledged.len(), "rows that nobody was promised");
    assert_eq!(narrow, Some(vec![stored.len().to_string()]), "the copy that profiles are read from");
    conserved(&metrics, stored.len());
}

/// The two laws, by what `/metrics` says.
fn conserved(metrics: &HashMap<String, u64>, stored: usize) {
    let count = |name: &str| metrics.get(&format!("ashna_{name}")).copied().unwrap_or_default();
    assert_eq!(
        count("events_received_total"),
        count("events_kept_total") + count("events_dropped_total") + count("events_rejected_total"),
        "received = kept + dropped + rejected: {metrics:?}"
    );
    assert_eq!(
        count("journal_records_kept"),
        count("journal_records_inserted") + count("journal_records_quarantined") + count("journal_records_waiting"),
        "kept = inserted + quarantined + waiting: {metrics:?}"
    );
    assert_eq!(count("journal_records_kept"), stored as u64, "what the journal took is what is stored: {metrics:?}");
}
