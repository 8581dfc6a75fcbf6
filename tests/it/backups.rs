//! `ashna backup` beside a running service, `ashna restore` into a new directory, and what must not come back with it.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

use ashna::{
    config::{Config, Endpoint},
    store::Store,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    service::{PATIENCE, Service, ashna, refusal},
    support::{
        app::these_days,
        client::TestVisitor,
        engine::{endpoint, eventually},
    },
};

const ORIGIN: &str = "https://shop.example";
const CLIENTS: u64 = 4;

/// A running service with a site.
struct Shop {
    service: Service,
    client: reqwest::Client,
    /// Number of the site, for commands.
    site: String,
    write_key: String,
    read_key: String,
}

impl Shop {
    async fn open() -> Self {
        Self::open_with(Service::new(&[])).await
    }

    async fn open_with(mut service: Service) -> Self {
        let client = reqwest::Client::new();
        service.start();
        service.ready(&client).await;
        let added = service.command(&["site", "add", "--name", "Shop", "--origin", ORIGIN]);
        let site = added["site_id"].to_string();
        let write_key = added["write_key"].as_str().unwrap().to_owned();
        let key = service.command(&["key", "add", "--site", &site, "--scope", "admin"]);
        let read_key = key["key"].as_str().unwrap().to_owned();
        Self { service, client, site, write_key, read_key }
    }

    /// Starts the copy that was restored into a directory.
    async fn restored(&self, data: &Path) -> Self {
        self.restored_as(Service::new(&[]).on(data)).await
    }

    async fn restored_as(&self, mut service: Service) -> Self {
        service.start();
        service.ready(&self.client).await;
        let (site, write_key) = (self.site.clone(), self.write_key.clone());
        Self { service, client: self.client.clone(), site, write_key, read_key: self.read_key.clone() }
    }

    fn visitor(&self) -> TestVisitor {
        TestVisitor::new(&self.client, &self.service.url(), &self.write_key)
    }

    async fn settled(&self) {
        eventually("everything is delivered", PATIENCE, async || {
            let metrics = self.service.metrics(&self.client).await;
            metrics["ashna_journal_records_waiting"] == 0 && metrics["ashna_store_up"] == 1
        })
        .await;
    }

    async fn asks(&self, question: &str) -> Vec<String> {
        self.settled().await;
        let mut lines = None;
        eventually("the engine answers", PATIENCE, async || {
            lines = self.service.ask_engine(&self.client, question).await;
            lines.is_some()
        })
        .await;
        lines.unwrap()
    }

    /// The answer of a report over these days.
    async fn report(&self, name: &str, question: &Value) -> Value {
        self.settled().await;
        let url = format!("{}/api/v1/sites/{}/reports/{name}", self.service.url(), self.site);
        let request = self.client.post(url).bearer_auth(&self.read_key).json(question);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{name}");
        answer.json().await.unwrap()
    }
}

/// A service whose warehouse is a ClickHouse server, which it does not own.
fn at_server(service: Service, endpoint: &Endpoint, flush_interval_ms: &str) -> Service {
    service
        .set("ASHNA__CLICKHOUSE__URL", &endpoint.url)
        .set("ASHNA__CLICKHOUSE__USER", &endpoint.user)
        .set("ASHNA__CLICKHOUSE__PASSWORD", endpoint.password.expose())
        .set("ASHNA__CLICKHOUSE__DATABASE", &endpoint.database)
        .set("ASHNA__DELIVERY__FLUSH_INTERVAL_MS", flush_interval_ms)
}

/// Page views with ids of their own, sent until it is stopped.
struct Ingest {
    running: JoinSet<u64>,
    ended: Arc<AtomicBool>,
    acknowledged: Arc<Vec<AtomicU64>>,
}

impl Ingest {
    fn start(shop: &Shop) -> Self {
        let (ended, mut running) = (Arc::<AtomicBool>::default(), JoinSet::new());
        let acknowledged: Arc<Vec<AtomicU64>> = Arc::new((0..CLIENTS).map(|_| AtomicU64::new(0)).collect());
        for (number, _) in acknowledged.iter().enumerate() {
            let (mut visitor, ended, acknowledged) = (shop.visitor(), Arc::clone(&ended), Arc::clone(&acknowledged));
            running.spawn(async move {
                let mut count = 0;
                while !ended.load(SeqCst) {
                    let answer = visitor.sends(json!([page(number, count)])).await;
                    assert!(answer.outcome().starts_with("kept=1,"), "{} {}", answer.status, answer.outcome());
                    count += 1;
                    acknowledged[number].store(count, SeqCst);
                }
                count
            });
        }
        Self { running, ended, acknowledged }
    }

    /// Events acknowledged of each client.
    fn acknowledged(&self) -> Vec<u64> {
        self.acknowledged.iter().map(|count| count.load(SeqCst)).collect()
    }

    async fn reaches(&self, each: u64) {
        let reached = async || self.acknowledged().iter().all(|count| *count >= each);
        eventually("clients send", PATIENCE, reached).await;
    }

    async fn stop(self) -> u64 {
        self.ended.store(true, SeqCst);
        self.running.join_all().await.iter().sum()
    }
}

fn page(client: usize, n: u64) -> Value {
    let id = format!("c{client}-{n}");
    // No page view: many of them in a minute are a robot's.
    json!({ "type": "track", "event": "Seen", "messageId": id, "context": { "page": { "url": format!("{ORIGIN}/p/{id}") } } })
}

fn files_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_has_every_acknowledged_event_exactly_once() {
    let shop = Shop::open().await;
    let ingest = Ingest::start(&shop);
    ingest.reaches(60).await;
    let folder = tempfile::tempdir().unwrap();
    let before = ingest.acknowledged();
    let made = shop.service.command(&["backup", folder.path().to_str().unwrap()]);
    ingest.reaches(before.iter().max().unwrap() + 40).await;
    let all = ingest.stop().await;

    let file = Path::new(made["file"].as_str().unwrap());
    assert_eq!((file.parent(), made["warehouse"].as_str()), (Some(folder.path()), Some("embedded")));
    assert_eq!(files_in(folder.path()).len(), 1, "no partial file is left");
    let metadata = fs::metadata(file).unwrap();
    assert_eq!((metadata.mode() & 0o777, metadata.len()), (0o600, made["bytes"].as_u64().unwrap()));
    let left = files_in(&shop.service.data().join("backup"));
    assert!(!left.iter().any(|name| name.starts_with("ashna_backup_")), "the snapshot is removed: {left:?}");
    let shadow = files_in(&shop.service.data().join("engine/data/shadow"));
    assert!(!shadow.iter().any(|name| name.starts_with("ashna_backup_")), "frozen tables are removed: {shadow:?}");
    assert_eq!(shop.asks("SELECT count() FROM ashna.events").await, [all.to_string()], "the original went on");

    let data = folder.path().join("new");
    let copy = Service::new(&[]).on(&data);
    let restored = copy.command(&["restore", file.to_str().unwrap()]);
    assert_eq!((&restored["restored"], &restored["erased_visitors"]), (&json!(true), &json!(0)), "{restored}");
    for secret in ["daily-salts", "engine/secret", "ashna.sock"] {
        let name = Path::new(secret).file_name().unwrap().to_str().unwrap();
        assert!(!archived(file).iter().any(|path| path.contains(name)), "{secret} is in the backup");
    }
    let copy = shop.restored(&data).await;
    let stored = copy.asks("SELECT path, count() FROM ashna.events GROUP BY path ORDER BY path").await;
    let counts: std::collections::HashMap<&str, &str> =
        stored.iter().filter_map(|line| line.split_once('\t')).collect();
    assert!(counts.values().all(|count| *count == "1"), "an event is there twice: {stored:?}");
    for (client, count) in before.iter().enumerate() {
        for n in 0..*count {
            assert!(counts.contains_key(format!("/p/c{client}-{n}").as_str()), "c{client}-{n} of {count} is missing");
        }
    }
    let narrow = copy.asks("SELECT count() FROM ashna.visitor_events").await;
    assert_eq!(narrow, [counts.len().to_string()], "copies of events are complete");

    // A client that repeats an event of before the backup adds nothing.
    let answer = copy.visitor().sends(json!([page(0, 0)])).await;
    assert!(answer.outcome().starts_with("kept=0, dropped=1"), "{}", answer.outcome());
    let answer = copy.visitor().sends(json!([page(9, 0)])).await;
    assert!(answer.outcome().starts_with("kept=1,"), "{}", answer.outcome());
    assert_eq!(copy.asks("SELECT count() FROM ashna.events").await, [(counts.len() + 1).to_string()]);
}

/// Paths in an archive.
fn archived(file: &Path) -> Vec<String> {
    let plain = zstd::decode_all(fs::File::open(file).unwrap()).unwrap();
    let mut archive = tar::Archive::new(plain.as_slice());
    let entries = archive.entries().unwrap();
    entries.map(|entry| entry.unwrap().path().unwrap().to_string_lossy().into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_copy_answers_reports_alike_without_people_who_were_erased_since() {
    let shop = Shop::open().await;
    let (mut stays, mut leaves) = (shop.visitor(), shop.visitor());
    for visitor in [&mut stays, &mut leaves] {
        for path in ["/", "/shoes"] {
            assert_eq!(visitor.views(path).await.status, 204);
        }
        let order = json!({ "order_id": visitor.id, "revenue": 20, "currency": "EUR" });
        assert_eq!(visitor.tracks("Order Completed", order).await.status, 204);
    }
    let question = these_days();
    let names = ["overview", "pages", "campaigns"];
    let mut reports = Vec::new();
    for name in names {
        reports.push(shop.report(name, &question).await);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.tar.zst");
    shop.service.command(&["backup", file.to_str().unwrap()]);
    let file = file.to_str().unwrap();

    let same = folder.path().join("same");
    Service::new(&[]).on(&same).command(&["restore", file]);
    let mut copy = shop.restored(&same).await;
    for (name, report) in names.iter().zip(&reports) {
        assert_eq!(&copy.report(name, &question).await, report, "{name}");
    }
    copy.service.stop();

    // The original erases someone; its list of erased people is applied to an older backup.
    let erased = shop.service.command(&["visitor", "erase", &leaves.id, "--site", &shop.site]);
    assert_eq!(erased["erased_events"], 3);
    let list = shop.service.data().join("erasures.ndjson");
    let without = folder.path().join("without");
    let restored = Service::new(&[]).on(&without).command(&["restore", file, "--erasures", list.to_str().unwrap()]);
    assert_eq!(restored["erased_visitors"], 1);
    let copy = shop.restored(&without).await;
    let counts = copy.asks("SELECT count(), uniqExact(visitor) FROM ashna.events").await;
    assert_eq!(counts, ["3\t1"]);
    assert_eq!(copy.asks("SELECT uniqExact(visitor) FROM ashna.visitor_events").await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_foreign_and_incomplete_backups_are_refused_and_leave_nothing_that_runs() {
    let shop = Shop::open().await;
    shop.visitor().views("/").await;
    shop.settled().await;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    shop.service.command(&["backup", &at("good")]);
    let bytes = fs::read(at("good")).unwrap();
    fs::write(at("short"), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(at("foreign"), "SQLite format 3\0").unwrap();
    let mut changed = zstd::decode_all(bytes.as_slice()).unwrap();
    let middle = changed.len() / 2;
    // In the middle of the archive is the content of a file, or its header: both are noticed.
    changed[middle] ^= 0xff;
    fs::File::create(at("changed")).unwrap().write_all(&zstd::encode_all(changed.as_slice(), 1).unwrap()).unwrap();
    for name in ["short", "foreign", "changed"] {
        let target = at(&format!("{name}-data"));
        let said = refusal(&ashna(&["restore", &at(name), "--data-dir", &target], b""));
        assert!(said.contains("the backup cannot be used"), "{name}: {said}");
        let said = refusal(&ashna(&["serve", "--listen", "127.0.0.1:0", "--data-dir", &target], b""));
        assert!(said.contains("did not finish"), "{name}: {said}");
    }
    let said = refusal(&ashna(&["restore", &at("good"), "--data-dir", shop.service.data().to_str().unwrap()], b""));
    assert!(said.contains("is not empty"), "{said}");
    let said = refusal(&ashna(&["restore", &at("none"), "--data-dir", &at("none-data")], b""));
    assert!(said.contains("none"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_goes_on_with_the_server_of_its_original_only_when_it_takes_it_over() {
    let endpoint = endpoint().await;
    let store = Store::connect_to(endpoint.clone(), &Config::defaults().clickhouse);
    let events =
        async || store.query::<(u64, u64)>("SELECT count(), uniqExact(position) FROM events", &[]).await.unwrap();
    // Nothing is delivered before the backup.
    let mut shop = Shop::open_with(at_server(Service::new(&[]), &endpoint, "600000")).await;
    for n in 0..3 {
        shop.visitor().sends(json!([page(0, n)])).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    let file = file.to_str().unwrap();
    let made = shop.service.command(&["backup", file]);
    assert_eq!(
        (&made["warehouse"], &made["journal_end"], &made["tables"]),
        (&json!("external"), &json!(3), &json!({}))
    );
    // The original delivers these events, and others.
    shop.service.stop();
    let data = shop.service.data().to_owned();
    let quick = at_server(Service::new(&[]).on(&data), &endpoint, "50");
    // It owns the directory.
    let _first = std::mem::replace(&mut shop.service, quick);
    shop.service.start();
    shop.service.ready(&shop.client).await;
    for n in 3..5 {
        shop.visitor().sends(json!([page(0, n)])).await;
    }
    shop.settled().await;
    assert_eq!(events().await, [(5, 5)]);
    shop.service.stop();

    let apart = at_server(Service::new(&[]).on(&folder.path().join("apart")), &endpoint, "50");
    apart.command(&["restore", file]);
    let mut copy = shop.restored_as(apart).await;
    copy.visitor().sends(json!([page(1, 0)])).await;
    let is_foreign = async || {
        let answer = copy.client.get(format!("{}/readyz", copy.service.url())).send().await.unwrap();
        answer.text().await.unwrap().contains("another installation")
    };
    eventually("the owner of the warehouse is reported", PATIENCE, is_foreign).await;
    assert_eq!(copy.service.metrics(&copy.client).await["ashna_journal_records_waiting"], 4);
    copy.service.stop();

    let owner = at_server(Service::new(&[]).on(&folder.path().join("owner")), &endpoint, "50");
    owner.command(&["restore", file, "--adopt"]);
    let copy = shop.restored_as(owner).await;
    copy.visitor().sends(json!([page(1, 0)])).await;
    copy.settled().await;
    assert_eq!(events().await, [(6, 6)], "those of the original once, and the new one");
}
