//! The composition root: opens every part, joins the request flows with channels, and stops them in order.

mod background;
mod demo;
mod gauges;
mod health;
mod installation;
mod lock;
mod parts;
mod private;
mod recover;
mod reserve;
mod waiting;
mod warehouse;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

pub use installation::adopt;
use tokio::sync::watch;

use self::{
    background::IdKeeper,
    gauges::Gauges,
    parts::{Durable, Learning, Warehouse},
};
use crate::{
    access::Access,
    catalog::Catalog,
    clock,
    collect::Collector,
    config::Config,
    control::Control,
    dedup::Dedup,
    delivery::{Delivery, Guard, watch_space},
    engine::{self, Engine, Space},
    geo::Geo,
    http::{
        body::budget::Budget,
        flight::Flights,
        observe::HotRoutes,
        rate::Rates,
        state::{AppState, Installation, Services},
    },
    ingest::TokenSigner,
    journal::Journal,
    learn,
    mail::Mailer,
    personalize::Personalizer,
    privacy::Privacy,
    profiles::Profiles,
    removal::{self, Removal},
    reports::Reports,
    salts::Salts,
    store::{self, Condition, Store},
    tasks::{Detached, Supervision, Tasks},
    telemetry::{
        Metrics,
        health::{Component, Health, Serves},
    },
};

/// A running service without its listeners.
pub struct App {
    /// What the handlers reach.
    pub state: AppState,
    /// The token of the one-time set-up link, while there is no user.
    pub setup_token: Option<String>,
    /// The embedded engine, unless a server is used instead.
    pub engine: Option<Engine>,
    /// Listeners run among these, and are stopped first.
    pub front: Tasks,
    /// True once the warehouse's tables are up to date.
    pub warehouse: watch::Receiver<bool>,
    /// How the warehouse is, and what is wrong with it.
    pub condition: watch::Receiver<Condition>,
    supervision: Supervision,
    service: Component,
    back: Tasks,
    engine_tasks: Tasks,
    journal: Arc<Journal>,
    dedup: Dedup,
    control: Control,
    drain: Duration,
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
    pub async fn start(config: &Config, data_dir: &Path, start: Start) -> anyhow::Result<Self> {
        Self::open(config, data_dir, start).await.map_err(|error| reserve::explain(error, data_dir))
    }

    #[expect(clippy::too_many_lines, reason = "one part after the other, in the order in which they need each other")]
    async fn open(config: &Config, data_dir: &Path, start: Start) -> anyhow::Result<Self> {
        store::check(&config.clickhouse)?;
        private::prepare(data_dir)?;
        let lock = lock::DataLock::take(data_dir)?;
        let (metrics, health) = (Arc::new(Metrics::default()), Health::default());
        let supervision = Supervision::new(health.clone(), metrics.failures.clone());
        let service = health.component("service", Serves::Events);
        let (mut back, mut engine_tasks) = (Tasks::under(&supervision), Tasks::under(&supervision));

        let control = parts::open_control(data_dir).await?;
        let durable = Durable::open(config, data_dir, &metrics, &health, &mut back)?;
        // Before anything is written into a control database that may not be the one it should be.
        let owner = installation::bind(&control, &durable.journal, data_dir).await?;
        let catalog = Arc::new(Catalog::load(control.clone()).await?);
        let mailer = Mailer::new(&config.smtp)?;
        let access =
            Arc::new(Access::open(control.clone(), config.access.clone(), mailer, Arc::clone(&metrics)).await?);
        let setup_token = access.open_setup().await?;
        if let Some(origins) = &start.demo_origins {
            demo::install(&catalog, origins).await?;
        }

        let Warehouse { engine, endpoint } =
            Warehouse::open(config, data_dir, start.engine_program, &health, &mut engine_tasks)?;
        let store = Store::connect(endpoint, &config.clickhouse);
        let space = engine.is_some().then(|| Arc::new(parts::space(config, data_dir)));
        let delivery = durable.delivery(config, data_dir, &store, space.as_ref(), &metrics)?;
        health::watch_delivery(&health, &delivery);
        let profiles = parts::live_profiles(config, &catalog, &durable.journal, &store);
        let seal = parts::exposure_seal(&control).await?;
        let feeds = parts::feeds(&catalog, &control, &config.feeds, &metrics, &mut back);
        let reporting = learn::Reporting {
            metrics: metrics.learning.clone(),
            component: Some(health.component("learning", Serves::Nothing)),
        };
        let learning = Learning::open(config, &control, &catalog, &store, &delivery, reporting).await?;
        let panics = &metrics.failures.hook_panics;
        recover::undelivered(&durable.journal, (&profiles, &learning.learn), *delivery.delivered().borrow(), panics)?;
        learning.run(&mut back);

        let salts = Arc::new(Salts::open(data_dir, clock::now()));
        let geo = parts::places(&config.geo, &metrics, &mut back)?;
        let flows = Flows { config, durable: &durable, profiles: &profiles, learning: &learning, metrics: &metrics };
        let collector = flows.collector(Arc::clone(&geo), &salts, &seal);
        let personalizer = flows.personalizer(seal);
        let minutes = config.ingest.session_minutes;
        let reports = Reports::with_queue(store.clone(), minutes, &config.reports, metrics.reports.clone());

        let (progress, quarantine) = (delivery.progress(), delivery.replayer());
        let privacy = Privacy::new(store.clone(), Arc::clone(&durable.journal), Arc::clone(&profiles), &delivery);
        let keeper = IdKeeper::new(&durable.dedup, &durable.journal, &delivery, durable.ids_safe_below, data_dir);
        let owner = warehouse::Owner { id: owner, journal: engine.is_none().then(|| durable.journal.id()) };
        let (waits, delivered, stored) = (delivery.waits(), delivery.delivered(), store.clone());
        let following = Arc::clone(&profiles);
        let (warehouse, condition) =
            Background { store, salts, profiles: following, keeper, health: health.clone(), space, owner }
                .run(delivery, &mut back);
        let (journal, dedup) = (durable.journal, durable.dedup);
        let removal = keep_people(
            removal::Parts {
                catalog: Arc::clone(&catalog),
                access: Arc::clone(&access),
                profiles: Arc::clone(&profiles),
                control: control.clone(),
                store: stored,
                journal: Arc::clone(&journal),
                delivered,
                quarantine: quarantine.clone(),
            },
            &mut back,
        );
        let gauges = Arc::new(Gauges {
            metrics: Arc::clone(&metrics),
            journal: Arc::clone(&journal),
            dedup: dedup.clone(),
            progress: progress.clone(),
            waits,
            profiles,
            learn: learning.learn,
            condition: condition.clone(),
            health: health.clone(),
            geo,
            engine: engine.clone(),
            data_dir: data_dir.to_owned(),
            waiting: Mutex::default(),
        });
        let aging = Arc::clone(&gauges);
        back.spawn_restarting("waiting_age", move |stopping| Arc::clone(&aging).watch_waiting(stopping));
        let state = AppState::from(Services {
            server: config.server.clone(),
            bodies: Budget::new(config.server.bodies_bytes_max),
            rates: Rates::new(&config.rate),
            access,
            catalog,
            collector,
            personalizer,
            reports,
            report_flights: Flights::default(),
            privacy,
            removal,
            control: control.clone(),
            feeds,
            installation: Installation::new(&config.checks),
            health,
            edits: Detached::here(&supervision),
            delivery: {
                let journal = Arc::clone(&journal);
                Box::new(move || gauges::counts(&journal, *progress.borrow()))
            },
            quarantine,
            refresh_gauges: Box::new(move || gauges.refresh()),
            hot_routes: HotRoutes::of(&metrics.operations.requests),
            metrics,
        });
        Ok(Self {
            state,
            setup_token,
            engine,
            front: Tasks::under(&supervision),
            warehouse,
            condition,
            supervision,
            service,
            back,
            engine_tasks,
            journal,
            dedup,
            control,
            drain: Duration::from_millis(config.server.drain_ms),
            shutdown: Duration::from_millis(config.server.shutdown_ms),
            _lock: lock,
        })
    }

    /// Where failures of its tasks are reported.
    pub const fn supervision(&self) -> &Supervision {
        &self.supervision
    }

    /// Waits until a part failed without which the service cannot go on; says which and how. It is to be stopped
    /// then, and started again.
    pub async fn failed(&self) -> String {
        self.supervision.fatal().await
    }

    /// Says on `/readyz` that the service stops, while everything is still answered for `server.drain_ms`: a load
    /// balancer then sends its requests elsewhere before they would be refused.
    pub async fn drain(&self) {
        self.service.down("stopping", "the service is stopping");
        tokio::time::sleep(self.drain).await;
    }

    /// Stops in the order of the path: no more requests, everything durable, everything delivered that
    /// can be within `server.shutdown_ms`, then the engine. What is left waits in the journal.
    pub async fn stop(self) {
        self.service.down("stopping", "the service is stopping");
        let (begun, share) = (Instant::now(), self.shutdown.saturating_mul(2) / 5);
        self.front.stop(share).await;
        if tokio::time::timeout(share.saturating_sub(begun.elapsed()), self.state.edits.idle()).await.is_err() {
            tracing::warn!("some changes were not finished before the stop");
        }
        self.back.stop(share).await;
        let (journal, dedup) = (self.journal, self.dedup);
        // With the last of those who ask the warehouse go their connections to it: for idle ones that stay open the
        // engine waits five seconds before it ends.
        drop(self.state);
        // Closing waits for the disk.
        let closed = tokio::task::spawn_blocking(move || {
            journal.close();
            dedup.sync(clock::steady())
        });
        match closed.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "message ids are read from the journal again at the next start");
            }
            Err(error) => tracing::error!(%error, "closing the journal failed"),
        }
        self.control.close().await;
        // What the others did not need is the engine's, which takes seconds to close what it has open.
        let left = self.shutdown.saturating_sub(begun.elapsed());
        self.engine_tasks.stop(left.max(self.shutdown / 5)).await;
    }
}

/// What people and keys, and sites that are gone, need in the background.
fn keep_people(parts: removal::Parts, tasks: &mut Tasks) -> Arc<Removal> {
    let access = Arc::clone(&parts.access);
    tasks.spawn_restarting("people_and_keys", move |stopping| {
        let access = Arc::clone(&access);
        async move { access.keep(stopping).await }
    });
    let removal = Arc::new(Removal::new(parts));
    let erasing = Arc::clone(&removal);
    tasks.spawn_restarting("removed_sites", move |stopping| {
        let erasing = Arc::clone(&erasing);
        async move { erasing.run(stopping).await }
    });
    removal
}

/// What the request flows of visitors' pages are made of.
struct Flows<'a> {
    config: &'a Config,
    durable: &'a Durable,
    profiles: &'a Arc<Profiles>,
    learning: &'a Learning,
    metrics: &'a Arc<Metrics>,
}

impl Flows<'_> {
    fn collector(&self, geo: Arc<Geo>, salts: &Arc<Salts>, seal: &TokenSigner) -> Collector {
        Collector::new(
            self.config.ingest.clone(),
            Arc::clone(&self.durable.journal),
            self.durable.dedup.clone(),
            (Arc::clone(self.profiles), Arc::clone(&self.learning.learn)),
            geo,
            (Arc::clone(salts), seal.clone()),
            Arc::clone(self.metrics),
        )
    }

    fn personalizer(&self, seal: TokenSigner) -> Personalizer {
        Personalizer::new(
            Arc::clone(self.profiles),
            (Arc::clone(&self.learning.learn), Arc::clone(&self.learning.shows)),
            seal,
            &self.config.decide,
            &self.config.profiles,
            Arc::clone(self.metrics),
        )
    }
}

/// What runs beside the requests from the start to the stop.
struct Background {
    store: Store,
    salts: Arc<Salts>,
    profiles: Arc<Profiles>,
    keeper: IdKeeper,
    health: Health,
    /// The embedded engine's disk.
    space: Option<Arc<Space>>,
    /// The installation that may use the warehouse.
    owner: warehouse::Owner,
}

impl Background {
    /// Starts all of it. The first answer turns true once the warehouse's tables are up to date, the second is how
    /// the warehouse is.
    fn run(self, delivery: Delivery, tasks: &mut Tasks) -> (watch::Receiver<bool>, watch::Receiver<Condition>) {
        let Self { store, salts, profiles, keeper, health, space, owner } = self;
        let (ready, warehouse) = watch::channel(false);
        let (delivered, following) = (delivery.delivered(), Arc::clone(&profiles));
        tasks.spawn_restarting("profile_release", move |stopping| {
            background::follow_delivery(Arc::clone(&following), delivered.clone(), stopping)
        });
        let keeper = Arc::new(keeper);
        tasks.spawn_restarting("message_ids", move |stopping| Arc::clone(&keeper).run(stopping));
        if let Some(space) = &space {
            let watched = Arc::clone(space);
            tasks.spawn_restarting("engine_disk", move |stopping| watch_space(Arc::clone(&watched), stopping));
            let (guarded, asked) = (Arc::clone(space), store.clone());
            tasks.spawn_restarting("engine_parts", move |stopping| {
                Guard::new(asked.clone(), Arc::clone(&guarded)).run(stopping)
            });
        }
        let component = health.component("warehouse", Serves::Reports);
        component.down("warehouse_starting", "the warehouse is starting");
        let warehouse_keeper = warehouse::Keeper::new(store, ready, component, (space, owner));
        let condition = warehouse_keeper.condition();
        // Delivery's state is its checkpoint on disk, and others hold its channels: after a failure the whole process
        // begins from the checkpoint, which is the one way of going on that every kill has tested.
        tasks.spawn_fatal("delivery_loop", move |stopping| warehouse_keeper.run(delivery, stopping));
        tasks.spawn_restarting("salts", move |stopping| background::keep_salts(Arc::clone(&salts), stopping));
        tasks.spawn_restarting("profile_reads", move |stopping| Arc::clone(&profiles).run(stopping));
        (warehouse, condition)
    }
}

/// Checks what a start needs besides its ports and the network: the files that settings name, the engine.
///
/// # Errors
/// When one of them is missing or unusable.
pub fn check(config: &Config) -> anyhow::Result<()> {
    Geo::open((!config.geo.database.is_empty()).then(|| Path::new(&config.geo.database)))?;
    store::check(&config.clickhouse)?;
    if config.clickhouse.endpoint().is_none() {
        engine::check(&config.engine)?;
    }
    Ok(())
}
