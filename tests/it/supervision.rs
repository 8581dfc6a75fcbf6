//! Supervision: edits that outlive their client, failed tasks, readiness, shutdown.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use ashna::{
    clock,
    collect::{Collector, Dependencies, IncomingBatch},
    config::Config,
    control::{Control, NewSite, Scope},
    dedup::Dedup,
    geo::Geo,
    ingest::{ClientHints, Consent, Identity, Origin, Sender, TokenSigner},
    journal::Journal,
    learn::Learn,
    model::{SiteId, VisitorId},
    profiles::{Freshness, Profiles, rules::SiteChoices},
    salts::Salts,
    telemetry::Metrics,
    wire::collect,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sqlx::SqlitePool;
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};

use crate::{
    service::Service,
    support::{
        app::TestApp,
        engine::{database, eventually},
    },
};

const SOON: Duration = Duration::from_secs(30);

/// Fails while an event is applied to a profile, as long as a test wants it.
struct Failing(Arc<AtomicBool>);

impl SiteChoices for Failing {
    fn session_minutes(&self, _: SiteId) -> Option<u32> {
        assert!(!self.0.load(Relaxed), "injected by the test");
        None
    }
}

/// Sends a complete request and disconnects without waiting for the answer.
async fn hangs_up_after(app: &TestApp, key: &str, method: &str, path: &str, body: &Value) {
    let body = body.to_string();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: ashna\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
}

/// Lines of the audit log with this action.
async fn audited(app: &TestApp, action: &str) -> i64 {
    let path = app.data_dir().join("control.sqlite");
    let pool = SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::query_scalar("SELECT count(*) FROM audit WHERE action = ?").bind(action).fetch_one(&pool).await.unwrap()
}

#[tokio::test]
async fn an_edit_completes_after_its_client_disconnects() {
    let app = TestApp::start().await;
    let key = app.key(Scope::Admin).await;
    let path = app.path("offers");
    let mut stored = 0;
    // On a busy machine all of the first may hang up before their request was read.
    for n in 0..6000 {
        let offer = json!({ "id": format!("o-{n}"), "slot": format!("s-{n}") });
        hangs_up_after(&app, &key, "POST", &path, &offer).await;
        if n % 60 == 59 {
            app.edits_end().await;
            stored = app.state().catalog.offers(app.site.id).await.unwrap().len();
            if stored > 0 {
                break;
            }
        }
    }
    let shown = app.state().catalog.site(app.site.id).unwrap().offers.len();
    assert!(stored > 0, "at least one edit was started");
    assert_eq!(shown, stored, "visitors see what is stored");
    assert_eq!(audited(&app, "add offer").await, i64::try_from(stored).unwrap(), "each one is audited");
    app.finish().await;
}

#[tokio::test]
async fn parallel_edits_of_different_settings_all_survive() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let site = app.path("");
    let site = site.trim_end_matches('/').to_owned();
    let changes = [
        ("PATCH", site.clone(), json!({ "name": "Renamed" })),
        ("PATCH", site.clone(), json!({ "timezone": "Asia/Tehran" })),
        ("PATCH", site.clone(), json!({ "session_minutes": 45 })),
        ("PATCH", site.clone(), json!({ "honour_gpc": false })),
        ("PUT", app.path("recommendations/exploring"), json!({ "items": 0.25, "models": 0.125 })),
    ];
    let mut editing = JoinSet::new();
    for (method, path, change) in changes {
        let admin = admin.clone();
        editing.spawn(async move {
            let answer = match method {
                "PATCH" => admin.patch(&path, change).await,
                _ => admin.put(&path, change).await,
            };
            assert_eq!(answer.status, 200, "{}", answer.text);
        });
    }
    editing.join_all().await;
    let stored = Control::open(app.data_dir()).await.unwrap().site(app.site.id).await.unwrap().unwrap();
    let shown = app.state().catalog.site(app.site.id).unwrap();
    for site in [&stored, &*shown.site] {
        assert_eq!((site.name.as_str(), site.timezone.as_str()), ("Renamed", "Asia/Tehran"));
        assert_eq!((site.visitors.session_minutes, site.honour_gpc), (Some(45), false));
        assert_eq!(site.exploration.explore_items_bp, Some(2500));
    }
    assert_eq!((audited(&app, "change site").await, audited(&app, "change exploring").await), (4, 1));
    app.finish().await;
}

#[tokio::test]
async fn an_edit_starts_from_the_database_and_not_from_the_snapshot() {
    let app = TestApp::start().await;
    // The state after an edit that was interrupted between database and snapshot.
    let control = Control::open(app.data_dir()).await.unwrap();
    let mut site = control.site(app.site.id).await.unwrap().unwrap();
    site.timezone = "Asia/Tehran".into();
    assert!(control.update_site(&site).await.unwrap());
    app.changes_site(json!({ "name": "Renamed" })).await;
    let shown = app.state().catalog.site(app.site.id).unwrap();
    assert_eq!((shown.site.name.as_str(), shown.site.timezone.as_str()), ("Renamed", "Asia/Tehran"));
    assert!(control.site(SiteId(999)).await.unwrap().is_none());
    app.finish().await;
}

#[tokio::test]
async fn every_edit_is_audited_and_item_changes_once() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    for n in 0..5 {
        admin.post(&app.path("items"), json!([{ "id": format!("p-{n}") }])).await;
    }
    admin.delete(&app.path("items/p-1")).await;
    let funnel = json!({ "name": "To order", "question": { "steps": [] } });
    let id = admin.post(&app.path("funnels"), funnel.clone()).await.json()["id"].clone();
    admin.put(&app.path(&format!("funnels/{id}")), funnel).await;
    admin.delete(&app.path(&format!("funnels/{id}"))).await;
    let feed = json!({ "url": "http://127.0.0.1:9/feed.xml", "every_minutes": 60, "enabled": false });
    assert_eq!(admin.put(&app.path("feed"), feed).await.status, 200);
    assert_eq!(admin.delete(&app.path("feed")).await.status, 204);
    for action in
        ["change items", "delete item", "add funnel", "change funnel", "delete funnel", "change feed", "delete feed"]
    {
        assert_eq!(audited(&app, action).await, 1, "{action}");
    }
    app.finish().await;
}

#[tokio::test]
async fn readiness_is_reported_and_ends_before_a_stop() {
    let app = TestApp::with(|config| config.server.drain_ms = 0).await;
    let ready = app.api().get("/readyz").await;
    assert_eq!(ready.json(), json!({ "ready": true, "because": null, "reports": true, "components": [] }));
    app.drains().await;
    let stopping = app.api().get("/readyz").await;
    assert_eq!((stopping.status, &stopping.json()["code"]), (503, &json!("stopping")));
    assert_eq!(app.visitor().views("/").await.status, 204, "late requests are still answered");
    app.finish().await;
}

#[tokio::test]
async fn low_disk_space_ends_readiness_before_events_are_refused() {
    let app = TestApp::with(|config| config.journal.disk_free_bytes_min = u64::MAX).await;
    let answer = app.api().get("/readyz").await;
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("disk_below_floor")));
    app.finish().await;
}

#[tokio::test]
async fn a_failed_task_is_counted_reported_and_stops_the_service_if_required() {
    let mut app = TestApp::start().await;
    app.fail_task("sample");
    let why = tokio::time::timeout(SOON, app.failed()).await.unwrap();
    assert!(why.contains("`sample`") && why.contains("injected by the test"), "{why}");
    assert_eq!(app.metric("tasks_failed_total{task=\"sample\"}"), 1);
    let answer = app.api().get("/readyz").await;
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("task_failed")));
    app.finish_after_failures().await;
}

#[tokio::test]
async fn an_idle_service_stops_quickly_and_sighup_stops_it() {
    let client = reqwest::Client::new();
    for signal in [Signal::TERM, Signal::HUP] {
        let mut service = Service::new(&[]);
        service.start();
        service.ready(&client).await;
        let url = format!("{}/readyz", service.url());
        let reports = async || match client.get(&url).send().await {
            Ok(answer) => answer.json::<Value>().await.is_ok_and(|body| body["reports"] == true),
            Err(_) => false,
        };
        eventually("reports are ready", Duration::from_mins(2), reports).await;
        let pid = i32::try_from(service.pid().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
        let begun = Instant::now();
        let mut unready = false;
        let status = loop {
            if let Ok(answer) = client.get(&url).send().await {
                unready |= answer.status() == 503;
            }
            if let Some(status) = service.ended() {
                break status;
            }
            assert!(begun.elapsed() < SOON, "it does not stop");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!(status.code(), Some(0), "{signal:?}");
        assert!(unready, "/readyz answered 503 before the listener closed");
        // With open connections the engine alone took five seconds.
        assert!(begun.elapsed() < Duration::from_millis(4500), "it took {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_panic_on_one_event_skips_one_profile_update_only() {
    let (store, dir, config) = (database().await, tempfile::tempdir().unwrap(), Config::defaults());
    let metrics = Arc::new(Metrics::default());
    let panics = metrics.failures.hook_panics.clone();
    let (journal, _) = Journal::open_counting(&dir.path().join("journal"), &config.journal, panics.clone()).unwrap();
    let journal = Arc::new(journal);
    let (dedup, _) = Dedup::open(&dir.path().join("dedup"), &config.dedup, journal.id(), clock::steady()).unwrap();
    // Called while an event is applied, to inject a fault there.
    let broken = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&broken);
    let chosen = Arc::new(Failing(asked));
    let profiles = Arc::new(Profiles::with_choices(&config.profiles, 30, chosen, journal.id(), store.clone()));
    let control = Control::open(dir.path()).await.unwrap();
    let (name, write_key, secret) = ("Shop".to_owned(), "key".to_owned(), "secret".to_owned());
    let site = NewSite { name, origins: Vec::new(), write_key, secret: secret.into(), demo: false };
    let site = control.add_site(&site).await.unwrap();
    let offers = ashna::offers::Offers::open(control.clone(), &config.offers).await.unwrap();
    let learn = Learn::open(store, control, &config.learn, 30, None, Arc::new(Vec::new)).await.unwrap();
    let collector = Collector::new(Dependencies {
        limits: config.ingest.clone(),
        journal: Arc::clone(&journal),
        dedup,
        profiles: Arc::clone(&profiles),
        learn: Arc::new(learn),
        offers,
        geo: Arc::new(Geo::open(None).unwrap()),
        salts: Arc::new(Salts::open(dir.path(), clock::now())),
        erasures: Arc::new(ashna::erasures::Erasures::open(dir.path(), clock::now()).unwrap()),
        token_signer: TokenSigner::new("secret"),
        metrics: Arc::clone(&metrics),
    });
    let visitor = VisitorId(7);
    let sends = async |path: &str| {
        let body = json!({ "events": [{ "type": "page", "context": { "page": { "path": path } } }] }).to_string();
        let batch = collect::parse(body.as_bytes()).unwrap();
        let arrival = IncomingBatch {
            site: &site,
            batch: &batch,
            sender: Sender::Browser,
            user_agent: crate::support::client::FIREFOX,
            hints: ClientHints::default(),
            address: None,
            identity: Identity::new(visitor, Origin::Proposal),
            server_key: false,
            from_file: false,
            consent: Consent { analytics: true, personalization: true },
            refusal_signal: false,
        };
        collector.collect(arrival).await.expect("it is durable").outcome.kept
    };
    profiles.start_profile(site.id, visitor);
    assert_eq!(sends("/1").await, 1);
    broken.store(true, Relaxed);
    assert_eq!(sends("/2").await, 1, "events on disk are acknowledged");
    broken.store(false, Relaxed);
    assert_eq!(panics.get(), 1);
    assert_eq!(sends("/3").await, 1, "the journal continues");
    assert_eq!((journal.next().0, journal.has_ended()), (3, false));
    let (_, freshness) = profiles.get(site.id, visitor, Duration::ZERO).await;
    assert_eq!(freshness, Freshness::Degraded, "the profile is invalidated and read again");
}
