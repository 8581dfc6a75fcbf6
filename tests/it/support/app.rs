//! The whole service inside the test's process: the real services, the real router on a real port, its own data
//! directory and its own database in the shared engine.
//!
//! Every test ends with `finish()`, which checks both invariants; a test without it fails.

use std::{collections::HashMap, path::Path, time::Duration};

use ashna::{
    app::{App, StartOptions},
    clock,
    config::Config,
    control::{Membership, Role, Scope},
    http::{
        entry,
        entry::Entry,
        router,
        serve::{Settings, serve},
        state::AppState,
    },
    import::{Chunk, Format},
    model::Site,
    operate::Operation,
    store::Store,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{
    client::{ApiClient, TestVisitor},
    engine::{PATIENCE, endpoint, eventually},
};

/// Origin of the test site's pages.
pub const ORIGIN: &str = "https://shop.example";

/// A running service with one site.
pub struct TestApp {
    app: Option<App>,
    /// Its URL.
    pub url: String,
    /// A site with [`ORIGIN`] and the service's own origin.
    pub site: Site,
    /// The test's own connection to the warehouse.
    pub store: Store,
    client: reqwest::Client,
    data: tempfile::TempDir,
    finished: bool,
    failures_expected: bool,
    rows_erased: std::sync::atomic::AtomicBool,
}

impl TestApp {
    /// Default settings and a ready warehouse.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Changed settings and a ready warehouse.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let app = Self::without_waiting(change).await;
        let mut ready = app.running().warehouse_ready.clone();
        tokio::time::timeout(PATIENCE, ready.wait_for(|ready| *ready)).await.expect("a warehouse in time").unwrap();
        app
    }

    /// Changed settings, without waiting for the warehouse.
    pub async fn without_waiting(change: impl FnOnce(&mut Config)) -> Self {
        let endpoint = endpoint().await;
        let mut config = Config::defaults();
        config.clickhouse.url = endpoint.url.clone();
        config.clickhouse.user = endpoint.user.clone();
        config.clickhouse.password = endpoint.password.clone();
        config.clickhouse.database = endpoint.database.clone();
        config.delivery.flush_interval_ms = 50;
        // Decisions wait for the profile, on busy machines too.
        config.profiles.read_budget_ms = 10_000;
        // No exploration unless the test enables it.
        (config.decide.explore_items, config.decide.explore_models) = (0.0, 0.0);
        config.geo.database = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/geo/GeoIP2-City-Test.mmdb").into();
        let store = Store::connect_to(endpoint, &config.clickhouse);
        change(&mut config);

        let data = tempfile::tempdir().unwrap();
        let mut app = App::start(&config, data.path(), StartOptions::default()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let way_in = entry(app.state.clone());
        let settings = serving(&config, &app);
        app.listeners.spawn_fatal("http", move |stopping| serve(listener, way_in, stopping, settings));

        let origins = [ORIGIN.to_owned(), url.clone()];
        let site = app.state.catalog.add_site("test", "Test shop", &origins, false).await.unwrap();
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self {
            app: Some(app),
            url,
            site,
            store,
            client,
            data,
            finished: false,
            failures_expected: false,
            rows_erased: false.into(),
        }
    }

    /// Opens a second listener without the fast path, so that every request uses the router.
    pub async fn by_the_router(&mut self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = self.app.as_mut().expect("it runs until it is finished");
        let entry = Entry::new(router(app.state.clone()));
        let settings = serving(&Config::defaults(), app);
        app.listeners.spawn_fatal("http by the router", move |stopping| serve(listener, entry, stopping, settings));
        url
    }

    /// The state of the handlers.
    pub fn state(&self) -> &AppState {
        &self.running().state
    }

    /// A new key of the site.
    pub async fn key(&self, scope: Scope) -> String {
        self.running().state.access.add_key("test", self.site.id, scope, "", None).await.unwrap().0
    }

    /// Waits until no edit is running.
    pub async fn edits_end(&self) {
        // A request sent just before may be unread: an answered request on each thread comes after it.
        for _ in 0..8 {
            self.api().get("/healthz").await;
        }
        tokio::time::timeout(PATIENCE, self.state().edits.idle()).await.expect("edits end");
    }

    /// Announces a shutdown without stopping.
    pub async fn drains(&self) {
        self.running().drain().await;
    }

    /// Lets a required task fail.
    pub fn fail_task(&mut self, name: &'static str) {
        let app = self.app.as_mut().expect("it runs until it is finished");
        app.listeners.spawn_fatal(name, |_| async { panic!("injected by the test") });
    }

    /// Waits until a required task failed.
    pub async fn failed(&self) -> String {
        self.running().failed().await
    }

    /// Finishes a service with injected failures.
    pub async fn finish_after_failures(mut self) {
        self.failures_expected = true;
        self.finish().await;
    }

    fn running(&self) -> &App {
        self.app.as_ref().expect("it runs until it is finished")
    }

    /// A new visitor on a page of the site.
    pub fn visitor(&self) -> TestVisitor {
        TestVisitor::new(&self.client, &self.url, &self.site.write_key)
    }

    /// A client of the private API and of server calls, without a key.
    pub fn api(&self) -> ApiClient {
        ApiClient::new(&self.client, &self.url)
    }

    /// The same with a new key of the site.
    pub async fn with_key(&self, scope: Scope) -> ApiClient {
        self.with_key_of(&self.site, scope).await
    }

    /// The same with a new key of a site.
    pub async fn with_key_of(&self, site: &Site, scope: Scope) -> ApiClient {
        let (key, _) = self.running().state.access.add_key("test", site.id, scope, "", None).await.unwrap();
        self.api().with_header("authorization", format!("Bearer {key}"))
    }

    /// The same, logged in as a new user with this role.
    pub async fn with_login(&self, role: Role) -> ApiClient {
        let email = format!("{}@shop.example", role.as_str());
        self.with_login_of(&email, &Membership::with_all_sites(role)).await
    }

    /// The same, logged in as a new user with this membership.
    pub async fn with_login_of(&self, email: &str, membership: &Membership) -> ApiClient {
        let password = "long enough".into();
        self.running().state.access.add_user("test", email, membership, &password).await.unwrap();
        self.api().logs_in(email, "long enough").await
    }

    /// A path below the test site's.
    pub fn path(&self, rest: &str) -> String {
        format!("/api/v1/sites/{}/{rest}", self.site.id)
    }

    /// The token of the one-time set-up link.
    pub fn setup_token(&self) -> String {
        self.running().setup_token.clone().expect("no user yet")
    }

    /// Adds another site with the same origins.
    pub async fn another_site(&self) -> Site {
        self.running().state.catalog.add_site("test", "Another shop", &[ORIGIN.to_owned()], false).await.unwrap()
    }

    /// Changes settings of the test site.
    pub async fn changes_site(&self, change: Value) {
        let path = format!("/api/v1/sites/{}", self.site.id);
        let answer = self.with_key(Scope::Admin).await.patch(&path, change).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Imports a file, as the command does.
    pub async fn imports(&self, format: Format, file: &str, text: &str) -> Value {
        let mut offset = 0;
        let mut lines: Vec<(u64, String)> = Vec::new();
        for line in text.split_inclusive('\n') {
            let whole = line.trim_end_matches('\n').to_owned();
            let equal = lines.iter().filter(|(_, known)| *known == whole).count() as u64;
            lines.push((if format == Format::AccessLog { equal } else { offset }, whole));
            offset += line.len() as u64;
        }
        let chunk = Chunk { format, file: file.to_owned(), lines };
        self.operates(Operation::Import { site: self.site.id.0, chunk }).await
    }

    /// Runs an operation, as the command does.
    pub async fn operates(&self, operation: Operation) -> Value {
        self.running().state.operator().run(operation).await.unwrap()
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// Counters and gauges of `/metrics`: by name, summed over labels, and by name with labels.
    pub fn metrics(&self) -> HashMap<String, u64> {
        let state = &self.running().state;
        (state.refresh_gauges)();
        let text = state.metrics.render();
        let mut figures = HashMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let Ok(value) = value.parse::<u64>() else { continue };
            let name = name.trim_start_matches("ashna_");
            if let Some((bare, _)) = name.split_once('{') {
                *figures.entry(bare.to_owned()).or_default() += value;
            }
            figures.insert(name.to_owned(), value);
        }
        figures
    }

    /// One metric; 0 while it does not exist.
    pub fn metric(&self, name: &str) -> u64 {
        self.metrics().get(name).copied().unwrap_or_default()
    }

    /// Waits until a metric reaches this value.
    pub async fn reaches(&self, name: &str, least: u64) {
        let what = format!("{name} is at least {least}");
        eventually(&what, PATIENCE, async || self.metric(name) >= least).await;
    }

    /// Bodies refused for this reason since start.
    pub fn refused(&self, reason: &str) -> u64 {
        self.metric(&format!("bodies_refused_total{{reason=\"{reason}\"}}"))
    }

    /// Waits until everything is delivered.
    pub async fn settled(&self) {
        eventually("everything is delivered", PATIENCE, async || self.metric("journal_records_waiting") == 0).await;
    }

    /// The rows of a one-column query, once everything is delivered.
    pub async fn stored(&self, question: &'static str) -> Vec<String> {
        self.settled().await;
        self.store.query::<String>(question, &[]).await.unwrap()
    }

    /// Disables the row count check, because rows were erased on purpose.
    pub fn gives_up_counting_rows(&self) {
        self.rows_erased.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// Checks both invariants and that the warehouse has all acknowledged rows; then stops.
    pub async fn finish(mut self) {
        self.settled().await;
        let figures = self.metrics();
        let figure = |name: &str| figures.get(name).copied().unwrap_or_default();
        assert_eq!(
            figure("events_received_total"),
            figure("events_kept_total") + figure("events_dropped_total") + figure("events_rejected_total"),
            "received = kept + dropped + rejected: {figures:?}"
        );
        assert_eq!(
            figure("journal_records_kept"),
            figure("journal_records_inserted")
                + figure("journal_records_quarantined")
                + figure("journal_records_waiting"),
            "kept = inserted + quarantined + waiting: {figures:?}"
        );
        assert_eq!(figure("events_kept_total"), figure("journal_records_kept"), "kept equals the journal's records");
        let failures = figure("tasks_failed_total") + figure("hook_panics_total");
        assert!(failures == 0 || self.failures_expected, "no task failed: {figures:?}");
        let rows = self.store.query::<u64>("SELECT count() FROM events", &[]).await.unwrap();
        if !self.rows_erased.load(std::sync::atomic::Ordering::Relaxed) {
            assert_eq!(rows, [figure("journal_records_inserted")], "inserted equals the warehouse's rows");
        }
        self.finished = true;
        if let Some(app) = self.app.take() {
            app.stop().await;
        }
    }
}

fn serving(config: &Config, app: &App) -> Settings {
    let metrics = app.state.metrics.connections.clone();
    let settings = Settings::new(&config.server, 4096, metrics, app.supervision().clone());
    Settings { finish_within: Duration::from_secs(1), ..settings }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        assert!(self.finished || std::thread::panicking(), "a test must end with `finish().await`");
    }
}

/// The query of a report over the days around now.
pub fn these_days() -> Value {
    let now = clock::now();
    json!({ "from": now.plus(-86_400_000).to_string(), "to": now.plus(86_400_000).to_string() })
}
