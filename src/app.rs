//! The composition root: opens every part, joins the request flows with channels, and stops them in order.

mod background;
mod demo;
mod gauges;
mod health;
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
    delivery::Delivery,
    engine::{self, Engine},
    geo::Geo,
    http::{
        body::budget::Budget,
        observe::HotRoutes,
        rate::Rates,
        state::{Doors, Installation, Rooms},
    },
    journal::Journal,
    learn,
    personalize::Personalizer,
    privacy::Privacy,
    profiles::Profiles,
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
    pub doors: Doors,
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
        store::check(&config.clickhouse)?;
        private::prepare(data_dir)?;
        let lock = lock::DataLock::take(data_dir)?;
        let (metrics, health) = (Arc::new(Metrics::default()), Health::default());
        let supervision = Supervision::new(health.clone(), metrics.failures.clone());
        let service = health.component("service", Serves::Events);
        let (mut back, mut engine_tasks) = (Tasks::under(&supervision), Tasks::under(&supervision));

        let control = Control::open(data_dir).await?;
        let catalog = Arc::new(Catalog::load(control.clone()).await?);
        let access = Access::open(control.clone(), config.access.clone()).await?;
        let setup_token = access.open_setup().await?;
        if let Some(origins) = &start.demo_origins {
            demo::install(&catalog, origins).await?;
        }

        let Warehouse { engine, endpoint } =
            Warehouse::open(config, data_dir, start.engine_program, &health, &mut engine_tasks)?;
        let store = Store::connect(endpoint, &config.clickhouse);
        let durable = Durable::open(config, data_dir, &metrics, &health, &mut back)?;
        let delivery = durable.delivery(config, data_dir, &store)?;
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
        let collector = Collector::new(
            config.ingest.clone(),
            Arc::clone(&durable.journal),
            durable.dedup.clone(),
            (Arc::clone(&profiles), Arc::clone(&learning.learn)),
            Arc::clone(&geo),
            (Arc::clone(&salts), seal.clone()),
            Arc::clone(&metrics),
        );
        let personalizer = Personalizer::new(
            Arc::clone(&profiles),
            (Arc::clone(&learning.learn), learning.shows),
            seal,
            &config.decide,
            &config.profiles,
            Arc::clone(&metrics),
        );
        let reports = Reports::new(store.clone(), config.ingest.session_minutes);

        let (progress, quarantine) = (delivery.progress(), delivery.replayer());
        let privacy = Privacy::new(store.clone(), Arc::clone(&durable.journal), Arc::clone(&profiles), &delivery);
        let keeper = IdKeeper::new(&durable.dedup, &durable.journal, &delivery, durable.ids_safe_below, data_dir);
        let is_ours = engine.is_some();
        let (warehouse, condition) =
            Background { store, salts, profiles: Arc::clone(&profiles), keeper, health: health.clone(), is_ours }
                .run(delivery, &mut back);
        let (journal, dedup) = (durable.journal, durable.dedup);
        let gauges = Arc::new(Gauges {
            metrics: Arc::clone(&metrics),
            journal: Arc::clone(&journal),
            dedup: dedup.clone(),
            progress: progress.clone(),
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
        let doors = Doors::from(Rooms {
            server: config.server.clone(),
            bodies: Budget::new(config.server.bodies_bytes_max),
            rates: Rates::new(&config.rate),
            access,
            catalog,
            collector,
            personalizer,
            reports,
            privacy,
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
            doors,
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
        if tokio::time::timeout(share.saturating_sub(begun.elapsed()), self.doors.edits.idle()).await.is_err() {
            tracing::warn!("some changes were not finished before the stop");
        }
        self.back.stop(share).await;
        let (journal, dedup) = (self.journal, self.dedup);
        // With the last of those who ask the warehouse go their connections to it: for idle ones that stay open the
        // engine waits five seconds before it ends.
        drop(self.doors);
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

/// What runs beside the requests from the start to the stop.
struct Background {
    store: Store,
    salts: Arc<Salts>,
    profiles: Arc<Profiles>,
    keeper: IdKeeper,
    health: Health,
    /// The warehouse is the embedded engine.
    is_ours: bool,
}

impl Background {
    /// Starts all of it. The first answer turns true once the warehouse's tables are up to date, the second is how
    /// the warehouse is.
    fn run(self, delivery: Delivery, tasks: &mut Tasks) -> (watch::Receiver<bool>, watch::Receiver<Condition>) {
        let Self { store, salts, profiles, keeper, health, is_ours } = self;
        let (ready, warehouse) = watch::channel(false);
        let (delivered, following) = (delivery.delivered(), Arc::clone(&profiles));
        tasks.spawn_restarting("profile_release", move |stopping| {
            background::follow_delivery(Arc::clone(&following), delivered.clone(), stopping)
        });
        let keeper = Arc::new(keeper);
        tasks.spawn_restarting("message_ids", move |stopping| Arc::clone(&keeper).run(stopping));
        let component = health.component("warehouse", Serves::Reports);
        component.down("warehouse_starting", "the warehouse is starting");
        let warehouse_keeper = warehouse::Keeper::new(store, ready, component, is_ours);
        let condition = warehouse_keeper.condition();
        // Delivery's state is its checkpoint on disk, and others hold its channels: after a failure the whole process
        // begins from the checkpoint, which is the one way of going on that every kill has tested.
        tasks.spawn_fatal("delivery", move |stopping| warehouse_keeper.run(delivery, stopping));
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
