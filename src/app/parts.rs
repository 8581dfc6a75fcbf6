//! Opening the parts that `App::start` puts together.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::{background, health, recover, reserve::Reserve};
use crate::{
    access::new_secret,
    catalog::Catalog,
    clock,
    config::{self, Config, Endpoint},
    control::Control,
    dedup::Dedup,
    delivery::{self, Delivery},
    engine::{self, Engine, Space},
    geo::Geo,
    import::feeds::Feeds,
    ingest::TokenSigner,
    journal::Journal,
    learn::{self, Learn, Shows},
    model::Position,
    profiles::{Profiles, reducer::SessionMinutes},
    store::Store,
    tasks::Tasks,
    telemetry::{Metrics, health::Health},
};

/// What is durable on this machine.
pub(super) struct Durable {
    pub(super) journal: Arc<Journal>,
    pub(super) dedup: Dedup,
    /// Below it the files of `dedup` have every message id.
    pub(super) ids_safe_below: Arc<AtomicU64>,
}

impl Durable {
    /// Opens the journal and the message ids, in step with each other. The end of the journal's thread is the end of
    /// the service: what is acknowledged is on disk, and only a new start can go on from there.
    pub(super) fn open(
        config: &Config,
        data_dir: &Path,
        metrics: &Metrics,
        health: &Health,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Self> {
        let dir = data_dir.join("journal");
        let panics = metrics.failures.hook_panics.clone();
        let mut settings = config.journal.clone();
        if config.clickhouse.endpoint().is_none() {
            settings.disk_free_bytes_min = journal_floor(config);
        }
        let (journal, recovery) = Journal::open_counting(&dir, &settings, panics)?;
        let (dedup, opened) = Dedup::open(&data_dir.join("dedup"), &config.dedup, journal.id(), clock::steady())?;
        let known = delivery::highest_position(data_dir, journal.id());
        let beyond = journal.go_on_at(known.max(opened.complete));
        recover::report(&recovery, &beyond);
        recover::message_ids(&journal, &dedup, opened.complete)?;
        journal.time_syncs(metrics.operations.sync_times());
        let journal = Arc::new(journal);
        health::watch_journal(health, &journal);
        let watched = Arc::clone(&journal);
        tasks.spawn_fatal("journal_thread", move |mut stopping| async move {
            tokio::select! {
                () = watched.ended() => {}
                () = stopping.wait() => {}
            }
        });
        let disk = health::Disk::new(health, dir, settings.disk_free_bytes_min);
        tasks.spawn_restarting("disk_watch", move |stopping| disk.clone().watch(stopping));
        Ok(Self { journal, dedup, ids_safe_below: Arc::new(AtomicU64::new(opened.complete.0)) })
    }

    /// Delivery of the journal, which may let go of a record once its message id is safe elsewhere.
    pub(super) fn delivery(
        &self,
        config: &Config,
        data_dir: &Path,
        store: &Store,
        space: Option<&Arc<Space>>,
        metrics: &Metrics,
    ) -> anyhow::Result<Delivery> {
        let safe = Arc::clone(&self.ids_safe_below);
        let keep_from = move || Position(safe.load(Ordering::Relaxed));
        let journal = Arc::clone(&self.journal);
        let delivery = Delivery::open(data_dir, journal, store.clone(), &config.delivery, keep_from)?
            .counting(&metrics.parts_set_aside);
        Ok(match space {
            Some(space) => delivery.onto(Arc::clone(space)),
            None => delivery,
        })
    }
}

/// What the journal leaves free beside an embedded engine.
fn journal_floor(config: &Config) -> u64 {
    Space::journal_floor(config.journal.disk_free_bytes_min)
}

/// Room on the disk of the embedded engine.
pub(super) fn space(config: &Config, data_dir: &Path) -> Space {
    Space::on(&data_dir.join("engine"), journal_floor(config))
}

/// The control database. Where the disk is full it gets the room that is held in reserve: SQLite cannot open a file
/// without writing beside it.
pub(super) async fn open_control(data_dir: &Path) -> anyhow::Result<Control> {
    let reserve = Reserve::in_directory(data_dir);
    if reserve.is_needed() {
        reserve.let_go();
    }
    let mut tries = 0;
    loop {
        match Control::open(data_dir).await {
            Err(error) if reserve.is_needed() && tries < 20 => {
                tracing::debug!(%error, "the control database finds no room yet");
                reserve.let_go();
                tries += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            opened => return Ok(opened?),
        }
    }
}

/// What signs the draws of recommendations and knows them again; made once, kept in the control database.
pub(super) async fn exposure_seal(control: &Control) -> anyhow::Result<TokenSigner> {
    Ok(TokenSigner::new(&control.setting("exposure_secret", || new_secret("")).await?))
}

/// Shows what imports stored, and visits sites' feeds.
pub(super) fn feeds(
    catalog: &Arc<Catalog>,
    control: &Control,
    config: &config::Feeds,
    metrics: &Metrics,
    tasks: &mut Tasks,
) -> Feeds {
    let feeds = Feeds::new(Arc::clone(catalog), control.clone(), config, metrics.operations.clone());
    let visiting = feeds.clone();
    tasks.spawn_restarting("feeds", move |stopping| visiting.clone().run(stopping));
    let showing = Arc::clone(catalog);
    tasks.spawn_restarting("catalog", move |stopping| Arc::clone(&showing).run(stopping));
    feeds
}

/// The warehouse's server and where it is.
pub(super) struct Warehouse {
    /// The embedded engine, unless the owner named a server.
    pub(super) engine: Option<Engine>,
    pub(super) endpoint: watch::Receiver<Endpoint>,
}

impl Warehouse {
    /// Starts the embedded engine, or takes the server that the owner named.
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

/// The database of places, and the task that takes up a new one.
pub(super) fn places(config: &config::Geo, metrics: &Arc<Metrics>, tasks: &mut Tasks) -> anyhow::Result<Arc<Geo>> {
    let geo = Arc::new(Geo::open((!config.database.is_empty()).then(|| Path::new(&config.database)))?);
    if config.refresh_seconds > 0 {
        let (look_every, watched, metrics) =
            (Duration::from_secs(config.refresh_seconds), Arc::clone(&geo), Arc::clone(metrics));
        tasks.spawn_restarting("geo", move |stopping| {
            background::keep_places(Arc::clone(&watched), look_every, Arc::clone(&metrics), stopping)
        });
    }
    Ok(geo)
}

/// Live profiles; some sites choose themselves what silence ends a session.
pub(super) fn live_profiles(config: &Config, catalog: &Catalog, journal: &Journal, store: &Store) -> Arc<Profiles> {
    let sites = catalog.cell();
    let chosen: SessionMinutes = Arc::new(move |site| sites.load().sites.get(&site)?.site.visitors.session_minutes);
    let minutes = config.ingest.session_minutes;
    Arc::new(Profiles::with_choices(&config.profiles, minutes, chosen, journal.id(), store.clone()))
}

/// What is learned from all visitors.
pub(super) struct Learning {
    pub(super) learn: Arc<Learn>,
    /// How often items were shown.
    pub(super) shows: Arc<Shows>,
}

impl Learning {
    /// What learns, with what it was tuned to before, and what counts what was shown.
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
        Ok(Self { learn: Arc::new(learn), shows: Arc::new(Shows::new(store.clone())) })
    }

    /// Starts to learn.
    pub(super) fn run(&self, tasks: &mut Tasks) {
        let learn = Arc::clone(&self.learn);
        tasks.spawn_restarting("learn", move |stopping| Arc::clone(&learn).run(stopping));
        let shows = Arc::clone(&self.shows);
        tasks.spawn_restarting("exposures", move |stopping| Arc::clone(&shows).run(stopping));
    }
}

/// Reads the items of every site as they are now.
fn catalogues(catalog: &Catalog) -> learn::Catalogues {
    let sites = catalog.cell();
    Arc::new(move || sites.load().sites.iter().map(|(id, site)| (*id, Arc::clone(&site.items))).collect())
}
