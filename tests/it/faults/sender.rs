//! Clients that resend every event until it is acknowledged.

use std::{
    collections::BTreeSet,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use rand::RngExt;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::engine::{PATIENCE, eventually};

const CLIENTS: usize = 8;
const BATCH_MAX: usize = 20;
pub const ORIGIN: &str = "https://shop.example";
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// One client.
struct Sender {
    number: usize,
    target: Target,
    progress: Arc<Progress>,
    padding: usize,
}

/// Progress of the running clients.
#[derive(Debug, Default)]
struct Progress {
    stop: AtomicBool,
    /// Events acknowledged.
    acknowledged: AtomicU64,
    /// Requests refused with 503.
    refused: AtomicU64,
}

/// The endpoint and key that events are sent to.
#[derive(Debug, Clone)]
pub struct Target {
    pub url: String,
    pub key: String,
    pub client: reqwest::Client,
}

/// Counts of the clients at the end.
#[derive(Debug, Default)]
pub struct Sent {
    pub acknowledged: BTreeSet<String>,
    pub requests: u64,
    /// Requests repeated because the first was not answered or not acknowledged.
    pub repeated: u64,
    /// Requests answered with 503.
    pub refused: u64,
}

/// Running clients.
pub struct Senders {
    running: JoinSet<Sent>,
    progress: Arc<Progress>,
}

impl Senders {
    /// Starts them; each event has `padding` extra bytes.
    pub fn start(target: &Target, padding: usize) -> Self {
        let progress = Arc::<Progress>::default();
        let mut running = JoinSet::new();
        for number in 0..CLIENTS {
            let progress = Arc::clone(&progress);
            running.spawn(Sender { number, target: target.clone(), progress, padding }.run());
        }
        Self { running, progress }
    }

    /// Waits until a random number of further events is acknowledged, so that the next fault meets a service under
    /// load on any machine.
    pub async fn go_on(&self, events: Range<u64>) {
        let until = self.progress.acknowledged.load(Relaxed) + rand::rng().random_range(events);
        let reached = async || self.progress.acknowledged.load(Relaxed) >= until;
        eventually("the clients go on", PATIENCE, reached).await;
    }

    /// Waits until a request is refused, or until `events` more are acknowledged.
    pub async fn meet_refusals(&self, events: u64) {
        let refused = self.progress.refused.load(Relaxed);
        let until = self.progress.acknowledged.load(Relaxed) + events;
        let met =
            async || self.progress.refused.load(Relaxed) > refused || self.progress.acknowledged.load(Relaxed) >= until;
        eventually("the clients are refused, or go on", PATIENCE, met).await;
    }

    /// Stops the clients after their current request.
    pub async fn finish(self) -> Sent {
        self.progress.stop.store(true, Relaxed);
        let mut all = Sent::default();
        for sent in self.running.join_all().await {
            all.acknowledged.extend(sent.acknowledged);
            all.requests += sent.requests;
            all.repeated += sent.repeated;
            all.refused += sent.refused;
        }
        all
    }
}

impl Sender {
    async fn run(self) -> Sent {
        let mut sent = Sent::default();
        let mut next = 0;
        while !self.progress.stop.load(Relaxed) {
            let count = if rand::random() { 1 } else { rand::rng().random_range(2..=BATCH_MAX) };
            let ids: Vec<String> = (next..next + count).map(|n| format!("c{}-{n}", self.number)).collect();
            next += count;
            self.send_until_acknowledged(&ids, &mut sent).await;
            self.progress.acknowledged.fetch_add(count as u64, Relaxed);
            sent.acknowledged.extend(ids);
        }
        sent
    }

    async fn send_until_acknowledged(&self, ids: &[String], sent: &mut Sent) {
        let body = body(&self.target.key, self.number, ids, self.padding);
        let began = Instant::now();
        loop {
            sent.requests += 1;
            match post(&self.target, body.clone()).await {
                Some((status, outcome)) if status < 300 => {
                    assert!(accounts_for(&outcome, ids.len()), "{outcome} for {} events", ids.len());
                    return;
                }
                Some((503, _)) => {
                    sent.refused += 1;
                    self.progress.refused.fetch_add(1, Relaxed);
                }
                Some((status, outcome)) => panic!("{status} {outcome}"),
                None => {} // killed, or still starting
            }
            assert!(began.elapsed() < PATIENCE, "not acknowledged within {PATIENCE:?}");
            sent.repeated += 1;
            let pause = rand::rng().random_range(10..60);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }
}

/// Sends one request; returns status and outcome, or `None` without an answer.
pub async fn post(target: &Target, body: String) -> Option<(u16, String)> {
    let request = target.client.post(format!("{}/e", target.url)).header("origin", ORIGIN).header("user-agent", AGENT);
    let answer = request.body(body).send().await.ok()?;
    let outcome = answer.headers().get("ashna-outcome").and_then(|value| value.to_str().ok()).unwrap_or_default();
    Some((answer.status().as_u16(), outcome.to_owned()))
}

/// A batch of events with these message ids.
pub fn body(key: &str, visitor: usize, ids: &[String], padding: usize) -> String {
    let filler = (0..padding / 16).map(|_| format!("{:016x}", rand::random::<u64>())).collect::<Vec<_>>().concat();
    let event = |id: &String| json!({"type": "track", "event": "Fault Survived", "messageId": id, "properties": {"id": id, "filler": filler}});
    json!({
        "key": key,
        "visitor": format!("{:032x}", visitor + 0x5eed),
        "context": {"page": {"url": format!("{ORIGIN}/p/{visitor}")}},
        "events": ids.iter().map(event).collect::<Vec<_>>(),
    })
    .to_string()
}

/// Whether every event was kept or dropped as a duplicate of an earlier attempt.
fn accounts_for(outcome: &str, events: usize) -> bool {
    let number = |label: &str| -> usize {
        let after = outcome.split(label).nth(1).unwrap_or("");
        after.split(|c: char| !c.is_ascii_digit()).next().unwrap_or("").parse().unwrap_or(0)
    };
    number("kept=") + number("duplicate=") == events && number("rejected=") == 0
}
