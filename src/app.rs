//! The composition root: opens every room, joins the stories with channels, and stops them in order.

mod background;
mod demo;
mod lock;
mod recover;
mod reserve;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use self::background::IdKeeper;
use anyhow::Context;
use tokio::sync::watch;

use crate::{
    access::{Access, new_secret},
    catalog::Catalog,
    clock,
    collect::Collector,
    config::{self, Config, Endpoint},
    control::Control,
    dedup::Dedup,
    delivery::{Delivery, Progress},
    engine::{self, Engine},
    geo::Geo,
    http::{
        rate::Rates,
        state::{Doors, Installation, Rooms},
    },
    import::feeds::Feeds,
    ingest::Seal,
    journal::Journal,
    learn::{self, Learn, Shows},
    mail::Mailer,
    model::Position,
    personalize::Personalizer,
    privacy::Privacy,
    profiles::{Profiles, reducer::SessionMinutes},
    removal::{self, Removal},
    reports::Reports,
    salts::Salts,
    store::Store,
    tasks::Tasks,
    telemetry::Metrics,
    wire::admin::JournalCounts,
};

/// A running service without its listeners.
pub struct App {
    /// What the handlers reach.
    pub doors: Doors,
    /// The token of the one-time set-up link, while there is no user.
    pub setup_token: Option<String>,
    /// The embedded engine, unless a server is used instead.
    pub engine: Option<Engine>,
    /// Listeners run among these, and are stopped first.
    pub front: Tasks,
    /// True once the warehouse's tables are up to date.
    pub warehouse: watch::Receiver<bool>,
    back: Tasks,
    engine_tasks: Tasks,
    journal: Arc<Journal>,
    dedup: Dedup,
    control: Control,
    shutdown: Duration,
    _lock: lock::DataLock,
}

/// How a service is started.
#[derive(Debug, Default, Clone)]
pub struct Start {
    /// With the demo shop, reached at these origins.
    pub demo_origins: Option<Vec<String>>,
    /// The program that runs the engine; this one when `None`.
    pub engine_program: Option<PathBuf>,
}

impl App {
    /// Opens everything in `data_dir`. Returns when events can be taken; the warehouse may still be starting.
    #[expect(
        clippy::too_many_lines,
        reason = "parts are opened one by one, in the order in which they need each other"
    )]
    pub async fn start(config: &Config, data_dir: &Path, start: Start) -> anyhow::Result<Self> {
        std::fs::create_dir_all(data_dir).with_context(|| format!("cannot create {}", data_dir.display()))?;
        let lock = lock::DataLock::take(data_dir)?;
        let metrics = Arc::new(Metrics::default());

        let control = Control::open(data_dir).await?;
        let catalog = Arc::new(Catalog::load(control.clone()).await?);
        let mailer = Mailer::new(&config.smtp)?;
        let access =
            Arc::new(Access::open(control.clone(), config.access.clone(), mailer, Arc::clone(&metrics)).await?);
        let setup_token = access.open_setup().await?;
        if let Some(origins) = &start.demo_origins {
            demo::install(&catalog, origins).await?;
        }

        let mut engine_tasks = Tasks::default();
        let (engine, endpoint) = warehouse_at(config, data_dir, start.engine_program, &mut engine_tasks)?;
        let store = Store::connect(endpoint, &config.clickhouse);

        let (journal, dedup, ids_safe_below) = durable_rooms(config, data_dir)?;
        let delivery = {
            let safe = Arc::clone(&ids_safe_below);
            // A record may go once its message id is safe elsewhere.
            let keep_from = move || Position(safe.load(Ordering::Relaxed));
            Delivery::open(data_dir, Arc::clone(&journal), store.clone(), &config.delivery, keep_from)?
        };
        let profiles = live_profiles(config, &catalog, &journal, &store);
        let seal = exposure_seal(&control).await?;
        let (mut back, feeds) = keeping(&catalog, &control, &config.feeds);
        let learned = learning(config, (&control, &catalog), &store, &delivery, &mut back).await?;
        recover::undelivered(&journal, (&profiles, &learned.0), *delivery.delivered().borrow())?;
        let salts = Arc::new(Salts::open(data_dir, clock::now()));
        let collector = Collector::new(
            config.ingest.clone(),
            Arc::clone(&journal),
            dedup.clone(),
            (Arc::clone(&profiles), Arc::clone(&learned.0)),
            places(&config.geo, &metrics, &mut back)?,
            (Arc::clone(&salts), seal.clone()),
            Arc::clone(&metrics),
        );
        let personalizer = Personalizer::new(
            Arc::clone(&profiles),
            learned,
            seal,
            &config.decide,
            &config.profiles,
            Arc::clone(&metrics),
        );
        let reports = Reports::new(store.clone(), config.ingest.session_minutes);

        let (progress, quarantine) = (delivery.progress(), delivery.replayer());
        let privacy = Privacy::new(store.clone(), Arc::clone(&journal), Arc::clone(&profiles), &delivery);
        let (ready, warehouse) = watch::channel(false);
        let delivered = delivery.delivered();
        back.spawn(
            "profiles follow delivery",
            background::follow_delivery(Arc::clone(&profiles), delivery.delivered(), back.stopping()),
        );
        let keeper = IdKeeper::new(&dedup, &journal, delivery.delivered(), ids_safe_below, data_dir);
        back.spawn("message ids", keeper.run(back.stopping()));
        back.spawn("warehouse", background::keep_warehouse(store.clone(), delivery, ready, back.stopping()));
        back.spawn("salts", background::keep_salts(salts, back.stopping()));
        back.spawn("profile reads", Arc::clone(&profiles).run(back.stopping()));

        let removal = keep_people(
            removal::Parts {
                catalog: Arc::clone(&catalog),
                access: Arc::clone(&access),
                profiles: Arc::clone(&profiles),
                control: control.clone(),
                store,
                journal: Arc::clone(&journal),
                delivered,
            },
            &mut back,
        );

        let doors = Doors::from(Rooms {
            server: config.server.clone(),
            rates: Rates::new(&config.rate),
            access,
            catalog,
            collector,
            personalizer,
            reports,
            privacy,
            removal,
            control: control.clone(),
            feeds,
            installation: Installation::new(&config.checks),
            not_ready: {
                let journal = Arc::clone(&journal);
                Box::new(move || (!journal.has_room()).then_some("the journal is full"))
            },
            reports_ready: reading(&warehouse, |ready| ready),
            delivery: {
                let journal = Arc::clone(&journal);
                reading(&progress, move |progress| counts(&journal, progress))
            },
            quarantine,
            refresh_gauges: {
                let (metrics, journal, dedup) = (Arc::clone(&metrics), Arc::clone(&journal), dedup.clone());
                let warehouse = warehouse.clone();
                reading(&progress, move |now| refresh(&metrics, &journal, &dedup, now, &profiles, *warehouse.borrow()))
            },
            metrics,
        });
        Ok(Self {
            doors,
            setup_token,
            engine,
            front: Tasks::default(),
            warehouse,
            back,
            engine_tasks,
            journal,
            dedup,
            control,
            shutdown: Duration::from_millis(config.server.shutdown_ms),
            _lock: lock,
        })
    }

    /// Stops in the order of the path: no more requests, everything durable, everything delivered that
    /// can be within `server.shutdown_ms`, then the engine. What is left waits in the journal.
    pub async fn stop(self) {
        let (begun, share) = (Instant::now(), self.shutdown * 2 / 5);
        self.front.stop(share).await;
        self.back.stop(share).await;
        let (journal, dedup) = (self.journal, self.dedup);
        // Closing waits for the disk.
        let closed = tokio::task::spawn_blocking(move || {
            journal.close();
            dedup.sync(clock::steady())
        });
        if let Ok(Err(error)) = closed.await {
            tracing::warn!(%error, "message ids are read from the journal again at the next start");
        }
        self.control.close().await;
        // What the others did not need is the engine's, which takes seconds to close what it has open.
        let left = self.shutdown.saturating_sub(begun.elapsed());
        self.engine_tasks.stop(left.max(self.shutdown / 5)).await;
    }
}

/// What people and keys, and sites that are gone, need in the background.
fn keep_people(parts: removal::Parts, tasks: &mut Tasks) -> Arc<Removal> {
    let (access, stopping) = (Arc::clone(&parts.access), tasks.stopping());
    tasks.spawn("people and keys", async move { access.keep(stopping).await });
    let removal = Arc::new(Removal::new(parts));
    let (erasing, stopping) = (Arc::clone(&removal), tasks.stopping());
    tasks.spawn("removed sites", async move { erasing.run(stopping).await });
    removal
}

/// What signs the draws of recommendations and knows them again; made once, kept in the control database.
async fn exposure_seal(control: &Control) -> anyhow::Result<Seal> {
    Ok(Seal::new(&control.setting("exposure_secret", || new_secret("")).await?))
}

/// The tasks in the background, the catalogue's own the first of them.
fn keeping(catalog: &Arc<Catalog>, control: &Control, config: &config::Feeds) -> (Tasks, Feeds) {
    let mut back = Tasks::default();
    let feeds = Feeds::new(Arc::clone(catalog), control.clone(), config);
    back.spawn("feeds", feeds.clone().run(back.stopping()));
    back.spawn("catalogue", Arc::clone(catalog).run(back.stopping()));
    (back, feeds)
}

/// The journal and the message ids, in step with each other; and below which position the ids' own files
/// have them all.
fn durable_rooms(config: &Config, data_dir: &Path) -> anyhow::Result<(Arc<Journal>, Dedup, Arc<AtomicU64>)> {
    let (journal, recovery) = Journal::open(&data_dir.join("journal"), &config.journal)?;
    recover::report(&recovery);
    let (dedup, opened) = Dedup::open(&data_dir.join("dedup"), &config.dedup, journal.id(), clock::steady())?;
    recover::message_ids(&journal, &dedup, opened.complete)?;
    Ok((Arc::new(journal), dedup, Arc::new(AtomicU64::new(opened.complete.0))))
}

/// The embedded engine, or the server that the owner named.
fn warehouse_at(
    config: &Config,
    data_dir: &Path,
    program: Option<PathBuf>,
    tasks: &mut Tasks,
) -> anyhow::Result<(Option<Engine>, watch::Receiver<Endpoint>)> {
    if let Some(endpoint) = config.clickhouse.endpoint() {
        let (_, endpoint) = watch::channel(endpoint);
        return Ok((None, endpoint));
    }
    let options = engine::Options { engine: &config.engine, data_dir, database: &config.clickhouse.database, program };
    let engine = Engine::start(&options, tasks)?;
    let endpoint = engine.endpoint();
    Ok((Some(engine), endpoint))
}

/// The database of places, and the task that takes up a new one.
fn places(config: &config::Geo, metrics: &Arc<Metrics>, tasks: &mut Tasks) -> anyhow::Result<Arc<Geo>> {
    let geo = Arc::new(Geo::open((!config.database.is_empty()).then(|| Path::new(&config.database)))?);
    let look_every = Duration::from_secs(config.refresh_seconds);
    tasks.spawn("places", background::keep_places(Arc::clone(&geo), look_every, Arc::clone(metrics), tasks.stopping()));
    Ok(geo)
}

/// Live profiles; some sites choose themselves what silence ends a session.
fn live_profiles(config: &Config, catalog: &Catalog, journal: &Journal, store: &Store) -> Arc<Profiles> {
    let sites = catalog.cell();
    let chosen: SessionMinutes = Arc::new(move |site| sites.load().sites.get(&site)?.site.visitors.session_minutes);
    let minutes = config.ingest.session_minutes;
    Arc::new(Profiles::with_choices(&config.profiles, minutes, chosen, journal.id(), store.clone()))
}

/// What learns, with what it was tuned to before, and what counts what was shown.
async fn learning(
    config: &Config,
    (control, catalog): (&Control, &Catalog),
    store: &Store,
    delivery: &Delivery,
    tasks: &mut Tasks,
) -> anyhow::Result<(Arc<Learn>, Arc<Shows>)> {
    let (minutes, delivered) = (config.ingest.session_minutes, Some(delivery.delivered()));
    let learn = Arc::new(
        Learn::open(store.clone(), control.clone(), &config.learn, minutes, delivered, catalogues(catalog)).await?,
    );
    let shows = Arc::new(Shows::new(store.clone()));
    tasks.spawn("learn", Arc::clone(&learn).run(tasks.stopping()));
    tasks.spawn("what was shown", Arc::clone(&shows).run(tasks.stopping()));
    Ok((learn, shows))
}

/// Reads the items of every site as they are now.
fn catalogues(catalog: &Catalog) -> learn::Catalogues {
    let sites = catalog.cell();
    Arc::new(move || sites.load().sites.iter().map(|(id, site)| (*id, Arc::clone(&site.items))).collect())
}

/// A closure that reads a watched value each time it is called.
fn reading<T: Copy + Send + Sync + 'static, R>(
    watched: &watch::Receiver<T>,
    read: impl Fn(T) -> R + Send + Sync + 'static,
) -> Box<dyn Fn() -> R + Send + Sync> {
    let watched = watched.clone();
    Box::new(move || read(*watched.borrow()))
}

fn counts(journal: &Journal, progress: Progress) -> JournalCounts {
    let Progress { inserted, quarantined, .. } = progress;
    let kept = journal.next().0;
    JournalCounts { kept, inserted, quarantined, waiting: kept.saturating_sub(inserted + quarantined) }
}

fn refresh(
    metrics: &Metrics,
    journal: &Journal,
    dedup: &Dedup,
    progress: Progress,
    profiles: &Profiles,
    store_up: bool,
) {
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let (records, stats) = (counts(journal, progress), profiles.stats());
    metrics.journal_kept.set(whole(records.kept));
    metrics.journal_inserted.set(whole(records.inserted));
    metrics.journal_quarantined.set(whole(records.quarantined));
    metrics.journal_waiting.set(whole(records.waiting));
    metrics.journal_bytes.set(whole(journal.disk_bytes()));
    let (current, sealed) = dedup.memory_bytes();
    metrics.dedup_memory_bytes.set(whole(current + sealed));
    metrics.store_up.set(store_up.into());
    metrics.profiles_cached.set(whole(stats.cached));
    metrics.profiles_waiting_events.set(whole(stats.pending_events));
}
