//! One row of the fault table: a service, its clients, its own warehouse, and the final counts.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
    path::Path,
    time::{Duration, Instant},
};

use ashna::{
    config::{Config, Endpoint},
    store::Store,
};

use super::sender::{ORIGIN, Senders, Sent, Target};
use crate::{
    service::{Service, report},
    support::{
        engine::{PATIENCE, endpoint},
        fault_proxy::FaultProxy,
    },
};

/// Number of faults per row.
#[expect(clippy::disallowed_methods, reason = "how long a campaign lasts is no setting of the service")]
pub fn rounds() -> usize {
    std::env::var("ASHNA_FAULT_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// A running row.
pub struct Campaign {
    name: &'static str,
    pub service: Service,
    pub target: Target,
    /// The proxy between service and warehouse.
    pub proxy: FaultProxy,
    store: Store,
    senders: Option<Senders>,
    sent: Sent,
}

/// Counts at the end of a row.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    pub acknowledged: usize,
    pub stored: usize,
    pub refused: u64,
}

impl Campaign {
    /// Starts a service with a site, without clients. `change` configures it before the start.
    pub async fn open(name: &'static str, change: impl FnOnce(Service) -> Service) -> Self {
        let endpoint = endpoint().await;
        let proxy = FaultProxy::before(&endpoint.url).await;
        let mut service = change(with_warehouse(Service::new(&[]), &proxy.url(), &endpoint));
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().expect("a client");
        service.start();
        service.ready(&client).await;
        let site = service.command(&["site", "add", "--name", "Faults", "--origin", ORIGIN]);
        let key = site["write_key"].as_str().expect("a write key").to_owned();
        let target = Target { url: service.url(), key, client };
        let store = Store::connect_to(endpoint, &Config::defaults().clickhouse);
        Self { name, service, target, proxy, store, senders: None, sent: Sent::default() }
    }

    /// Starts the clients.
    pub fn send(&mut self) {
        self.send_padded(0);
    }

    /// Starts the clients with larger events.
    pub fn send_padded(&mut self, padding: usize) {
        self.senders = Some(Senders::start(&self.target, padding));
    }

    /// Waits until this many more events are acknowledged; see [`Senders::go_on`].
    pub async fn go_on(&self, events: Range<u64>) {
        self.senders().go_on(events).await;
    }

    /// See [`Senders::meet_refusals`].
    pub async fn meet_refusals(&self, events: u64) {
        self.senders().meet_refusals(events).await;
    }

    fn senders(&self) -> &Senders {
        self.senders.as_ref().expect("clients that send")
    }

    /// Stops the clients, each with everything acknowledged.
    pub async fn quiet(&mut self) {
        if let Some(senders) = self.senders.take() {
            self.sent = senders.finish().await;
        }
    }

    /// Adds events that were sent by others than the clients.
    pub fn count(&mut self, sent: Sent) {
        self.sent = sent;
    }

    /// Restarts the service and waits until it accepts events.
    pub async fn again(&mut self) {
        self.service.start();
        self.service.ready(&self.target.client).await;
    }

    /// Stops the clients, waits until everything is delivered, counts, checks, prints the row.
    pub async fn finish(mut self, faults: usize) -> Counted {
        self.quiet().await;
        let metrics = settled(&self.service, &self.target.client).await;
        let stored = self.store.query::<String>("SELECT JSONExtractString(properties, 'id') FROM events", &[]).await;
        let narrow = self.store.query::<u64>("SELECT count() FROM visitor_events", &[]).await.expect("a count");
        let sent = &self.sent;
        let counted = check(self.name, faults, sent, &stored.expect("the ids"), &metrics);
        assert_eq!(narrow, [counted.stored as u64], "the table that profiles are read from");
        counted
    }
}

/// Configures an external warehouse for a service.
fn with_warehouse(service: Service, url: &str, endpoint: &Endpoint) -> Service {
    service
        .set("ASHNA__CLICKHOUSE__URL", url)
        .set("ASHNA__CLICKHOUSE__USER", &endpoint.user)
        .set("ASHNA__CLICKHOUSE__PASSWORD", endpoint.password.expose())
        .set("ASHNA__CLICKHOUSE__DATABASE", &endpoint.database)
        .set("ASHNA__CLICKHOUSE__INSERT_TIMEOUT_MS", "4000")
        .set("ASHNA__DELIVERY__FLUSH_INTERVAL_MS", "50")
        // A full batch must be accepted within that second on a busy machine too.
        .set("ASHNA__DELIVERY__BATCH_EVENTS_MAX", "2000")
}

/// Waits until everything is delivered, and returns the counters.
pub async fn settled(service: &Service, client: &reqwest::Client) -> HashMap<String, u64> {
    let began = Instant::now();
    loop {
        let metrics = service.metrics(client).await;
        if metrics["ashna_journal_records_waiting"] == 0 && metrics["ashna_store_up"] == 1 {
            return metrics;
        }
        assert!(began.elapsed() < PATIENCE, "not delivered after {PATIENCE:?}: {metrics:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Compares acknowledged with stored events, and prints the row.
pub fn check(name: &str, faults: usize, sent: &Sent, stored: &[String], metrics: &HashMap<String, u64>) -> Counted {
    let distinct: BTreeSet<&String> = stored.iter().collect();
    let said_lost = metrics.get("ashna_journal_records_quarantined").copied().unwrap_or_default();
    let acknowledged = sent.acknowledged.len();
    report(&format!(
        "| {name} | {faults} | {} | {} | {acknowledged} | {} | {} | {said_lost} |",
        sent.requests,
        sent.repeated,
        stored.len(),
        stored.len() - distinct.len(),
    ));
    let missing = sent.acknowledged.iter().filter(|id| !distinct.contains(id)).count() as u64;
    assert_eq!(missing, said_lost, "acknowledged and not stored, except for reported losses");
    assert_eq!(stored.len(), distinct.len(), "rows stored twice");
    assert_eq!(distinct.len() as u64 + missing, acknowledged as u64, "rows that were not acknowledged");
    conserved(metrics, stored.len());
    Counted { acknowledged, stored: stored.len(), refused: sent.refused }
}

/// Checks the two invariants by `/metrics`.
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
    assert_eq!(count("journal_records_inserted"), stored as u64, "inserted equals stored: {metrics:?}");
}

/// Files of the journal.
pub fn segments(data: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(data.join("journal")).expect("a journal").flatten();
    let mut files: Vec<_> =
        entries.map(|e| e.path()).filter(|path| path.extension().is_some_and(|e| e == "journal")).collect();
    files.sort();
    files
}
