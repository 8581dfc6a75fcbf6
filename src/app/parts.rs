//! Opens the modules that [`super::start`] connects.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::{
    background,
    durable::{Durable, journal_floor},
    health,
    reserve::Reserve,
};
use crate::{
    access::new_secret,
    catalog::{Catalog, Snapshot},
    config::{self, Config, Endpoint},
    control::Control,
    customers::{self, Customers},
    delivery::{Delivery, IsErased},
    engine::{self, DiskSpace, Engine},
    erasures::Erasures,
    finished_days::{self, FinishedDays},
    geo::Geo,
    import::feeds::Feeds,
    ingest::TokenSigner,
    journal::Journal,
    learn::{self, Impressions, Learn},
    model::{SiteId, WantedSnapshot},
    offers::Offers,
    profiles::{Profiles, rules::SiteChoices},
    store::Store,
    tasks::Tasks,
    telemetry::{Metrics, health::Health},
    webhooks::Webhooks,
};

/// Returns the disk space of the embedded engine.
pub(super) fn engine_disk(config: &Config, data_dir: &Path) -> DiskSpace {
    DiskSpace::new(&data_dir.join("engine"), journal_floor(config))
}

/// Opens the control database. On a full disk the reserved space is released first: SQLite writes additional files when
/// it opens a database.
pub(super) async fn open_control(data_dir: &Path) -> anyhow::Result<Control> {
    let reserve = Reserve::in_directory(data_dir);
    if reserve.is_needed() {
        reserve.release_for_start();
    }
    let mut tries = 0;
    loop {
        match Control::open(data_dir).await {
            Err(error) if reserve.is_needed() && tries < 20 => {
                tracing::debug!(%error, "not enough disk space for the control database yet");
                reserve.release_for_start();
                tries += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            opened => return Ok(opened?),
        }
    }
}

/// Returns the signer of exposure tokens; its secret is created once and kept in the control database.
pub(super) async fn exposure_signer(control: &Control) -> anyhow::Result<TokenSigner> {
    Ok(TokenSigner::new(&control.setting("exposure_secret", || new_secret("")).await?))
}

/// Starts fetching product feeds, and publishing imported items.
pub(super) fn feeds(
    catalog: &Arc<Catalog>,
    control: &Control,
    config: &config::Feeds,
    metrics: &Metrics,
    tasks: &mut Tasks,
) -> Feeds {
    let feeds = Feeds::new(Arc::clone(catalog), control.clone(), config, metrics.operations.clone());
    let runner = feeds.clone();
    tasks.spawn_restarting("feeds", move |stopping| runner.clone().run(stopping));
    let publisher = Arc::clone(catalog);
    tasks.spawn_restarting("catalog", move |stopping| Arc::clone(&publisher).run(stopping));
    feeds
}

/// Loads the webhooks and starts calling them.
pub(super) async fn webhooks(
    control: &Control,
    durable: &Durable,
    config: &config::Webhooks,
    metrics: &Metrics,
    tasks: &mut Tasks,
) -> anyhow::Result<Webhooks> {
    let (journal, needed_from) = (Arc::clone(&durable.journal), Arc::clone(&durable.webhooks_need_from));
    let metrics = metrics.operations.webhooks.clone();
    let webhooks = Webhooks::open(control.clone(), journal, config, metrics, needed_from).await?;
    let (follow, sender) = (webhooks.clone(), webhooks.clone());
    tasks.spawn_restarting("webhook_events", move |stopping| follow.clone().run_follow(stopping));
    tasks.spawn_restarting("webhook_sender", move |stopping| sender.clone().run_sender(stopping));
    let (upkeep, gauge) = (webhooks.clone(), webhooks.clone());
    tasks.spawn_restarting("webhook_upkeep", move |stopping| upkeep.clone().run_upkeep(stopping));
    tasks.spawn_restarting("webhook_gauge", move |stopping| gauge.clone().run_gauge(stopping));
    Ok(webhooks)
}

/// Loads what is limited of offers, and starts its upkeep.
pub(super) async fn offers(control: &Control, config: &config::Offers, tasks: &mut Tasks) -> anyhow::Result<Offers> {
    let offers = Offers::open(control.clone(), config).await?;
    let (coupons, upkeep) = (offers.clone(), offers.clone());
    tasks.spawn_restarting("coupons", move |stopping| coupons.clone().run_coupons(stopping));
    tasks.spawn_restarting("offer_upkeep", move |stopping| upkeep.clone().run_upkeep(stopping));
    Ok(offers)
}

/// Whether an event is one of a person who was erased later.
pub(super) fn is_erased(catalog: &Catalog, erasures: &Arc<Erasures>) -> IsErased {
    let (sites, erasures) = (catalog.cell(), Arc::clone(erasures));
    Arc::new(move |event| {
        let sites = sites.load();
        let site = sites.sites.get(&event.site);
        site.is_some_and(|site| erasures.covers(&site.site, event.visitor, &event.user_id, event.occurred_at))
    })
}

/// The ClickHouse server of the warehouse.
pub(super) struct Warehouse {
    /// The embedded engine, unless an external server is configured.
    pub(super) engine: Option<Engine>,
    pub(super) endpoint: watch::Receiver<Endpoint>,
}

impl Warehouse {
    /// Starts the embedded engine, or uses the configured server.
    pub(super) fn open(
        config: &Config,
        data_dir: &Path,
        program: Option<PathBuf>,
        health: &Health,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Self> {
        if let Some(endpoint) = config.clickhouse.endpoint() {
            let (_, endpoint) = watch::channel(endpoint);
            return Ok(Self { engine: None, endpoint });
        }
        let database = &config.clickhouse.database;
        let options = engine::Options { engine: &config.engine, data_dir, database, program };
        let engine = Engine::start(&options, tasks)?;
        health::watch_engine(health, &engine);
        let endpoint = engine.endpoint();
        Ok(Self { engine: Some(engine), endpoint })
    }
}

/// Opens the location database, and starts reloading it when it is replaced.
pub(super) fn geo(config: &config::Geo, metrics: &Arc<Metrics>, tasks: &mut Tasks) -> anyhow::Result<Arc<Geo>> {
    let geo = Arc::new(Geo::open((!config.database.is_empty()).then(|| Path::new(&config.database)))?);
    if config.refresh_seconds > 0 {
        let (interval, watched, metrics) =
            (Duration::from_secs(config.refresh_seconds), Arc::clone(&geo), Arc::clone(metrics));
        tasks.spawn_restarting("geo", move |stopping| {
            background::reload_geo(Arc::clone(&watched), interval, Arc::clone(&metrics), stopping)
        });
    }
    Ok(geo)
}

/// What sites set for their profiles, as the catalog has it now.
struct CatalogChoices(Arc<ArcSwap<Snapshot>>);

impl SiteChoices for CatalogChoices {
    fn session_minutes(&self, site: SiteId) -> Option<u32> {
        self.0.load().sites.get(&site)?.site.visitors.session_minutes
    }

    fn wanted(&self, site: SiteId) -> Arc<WantedSnapshot> {
        self.0.load().sites.get(&site).map(|site| Arc::clone(&site.wanted)).unwrap_or_default()
    }

    fn wanted_version(&self, site: SiteId) -> u64 {
        self.0.load().sites.get(&site).map_or(0, |site| site.wanted.version)
    }
}

/// Creates the live profiles; sites have their own session timeout and rules.
pub(super) fn live_profiles(config: &Config, catalog: &Catalog, journal: &Journal, store: &Store) -> Arc<Profiles> {
    let choices = Arc::new(CatalogChoices(catalog.cell()));
    let minutes = config.ingest.session_minutes;
    Arc::new(Profiles::with_choices(&config.profiles, minutes, choices, journal.id(), store.clone()))
}

/// The values of customers, kept up to date in the background.
pub(super) fn customers(
    config: &Config,
    catalog: &Catalog,
    store: &Store,
    metrics: &Metrics,
    tasks: &mut Tasks,
) -> Arc<Customers> {
    let sites = catalog.cell();
    let sites: customers::Sites =
        Arc::new(move || sites.load().sites.values().map(|site| Arc::clone(&site.site)).collect());
    let customers = Arc::new(Customers::new(store, sites, &config.value, metrics.customers.clone()));
    let runner = Arc::clone(&customers);
    tasks.spawn_restarting("customer_values", move |stopping| Arc::clone(&runner).run(stopping));
    customers
}

/// Starts counting finished days.
pub(super) fn finished_days(config: &Config, catalog: &Catalog, store: &Store, metrics: &Metrics, tasks: &mut Tasks) {
    let sites = catalog.cell();
    let sites: finished_days::Sites =
        Arc::new(move || sites.load().sites.values().map(|site| Arc::clone(&site.site)).collect());
    let interval = Duration::from_secs(config.reports.finished_days_check_seconds.max(1));
    let minutes = config.ingest.session_minutes;
    let days = Arc::new(FinishedDays::new(store, sites, minutes, interval, metrics.finished_days.clone()));
    tasks.spawn_restarting("finished_days", move |stopping| Arc::clone(&days).run(stopping));
}

/// Recommendation models and impression counts.
pub(super) struct Learning {
    pub(super) learn: Arc<Learn>,
    /// How often items were shown.
    pub(super) impressions: Arc<Impressions>,
}

impl Learning {
    /// Loads the models with their last tuning result, and the impression counts.
    pub(super) async fn open(
        config: &Config,
        control: &Control,
        catalog: &Catalog,
        store: &Store,
        delivery: &Delivery,
        reporting: learn::Reporting,
    ) -> anyhow::Result<Self> {
        let (minutes, delivered) = (config.ingest.session_minutes, Some(delivery.delivered()));
        let catalogues = catalogues(catalog);
        let (stored, control) = (store.clone(), control.clone());
        let learn = Learn::reporting(stored, control, &config.learn, minutes, delivered, catalogues, reporting).await?;
        Ok(Self { learn: Arc::new(learn), impressions: Arc::new(Impressions::new(store.clone())) })
    }

    /// Starts learning in the background.
    pub(super) fn start(&self, tasks: &mut Tasks) {
        let learn = Arc::clone(&self.learn);
        tasks.spawn_restarting("learn", move |stopping| Arc::clone(&learn).run(stopping));
        let impressions = Arc::clone(&self.impressions);
        tasks.spawn_restarting("exposures", move |stopping| Arc::clone(&impressions).run(stopping));
    }
}

/// Returns a reader of all sites' current items.
fn catalogues(catalog: &Catalog) -> learn::Catalogues {
    let sites = catalog.cell();
    Arc::new(move || sites.load().sites.iter().map(|(id, site)| (*id, Arc::clone(&site.items))).collect())
}
