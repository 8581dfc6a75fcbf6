//! Starts the service in named steps, in the order in which they depend on each other.

mod flows;
mod membership;
mod modules;

use std::{path::Path, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::sync::watch;

use self::{
    flows::Flows,
    modules::{Context, Local, Pipeline},
};
use super::{
    App, StartOptions,
    background::{self, MessageIdSync},
    gauges::Gauges,
    lock, private, restore, warehouse,
};
use crate::{
    backup::Backup,
    clock,
    config::Config,
    delivery::{DeliveryStatus, DiskGuard, Replay, watch_space},
    http::{
        body::budget::Budget,
        coalesce::Coalescer,
        hot_routes::HotRoutes,
        rate::RateLimiter,
        state::{AppState, Installation, Services},
    },
    prune::Pruner,
    removal::{self, Removal},
    salts::Salts,
    store::{self, Availability},
    tasks::{NonCancellable, Tasks},
    telemetry::health::Serves,
    trace::Tracer,
};

/// Opens everything in `data_dir` and starts the background tasks.
pub(super) async fn open(config: &Config, data_dir: &Path, options: StartOptions) -> anyhow::Result<App> {
    store::check(&config.clickhouse)?;
    private::prepare(data_dir)?;
    restore::ensure_finished(data_dir)?;
    let lock = lock::DataLock::acquire(data_dir)?;
    let context = Context::new(config, data_dir);
    let service = context.health.component("service", Serves::Events);
    let (mut tasks, mut engine_tasks) = (Tasks::new(&context.supervision), Tasks::new(&context.supervision));

    let local = Local::open(&context, options.demo_origins.as_deref(), &mut tasks).await?;
    let pipeline = Pipeline::open(&context, &local, options.engine_program, &mut tasks, &mut engine_tasks).await?;
    let flows = Flows::open(&context, &local, &pipeline, &mut tasks).await?;
    let quarantine = pipeline.delivery.replayer();
    let removal = start_removal(&local, &pipeline, &quarantine, &mut tasks);
    let (monitor, warehouse_ready) = warehouse_monitor(&context, &local, &pipeline);
    let availability = monitor.availability();
    let gauges = start_gauges(&context, &local, &pipeline, &flows, availability.clone(), &mut tasks);
    let engine = pipeline.engine.clone();
    let admin = admin_flows(&context, &local, &pipeline, &gauges);
    let retention = admin.0.clone();
    tasks.spawn_restarting("retention", move |stopping| retention.clone().run_retention(clock::now, stopping));
    start_background(&context, &local, pipeline, &flows.salts, monitor, &mut tasks);
    let (control, setup_token) = (local.control.clone(), local.setup_token.clone());
    let (journal, dedup) = (Arc::clone(&local.durable.journal), local.durable.dedup.clone());
    let state = AppState::from(services(&context, local, flows, (removal, admin), quarantine, gauges));
    Ok(App {
        state,
        setup_token,
        engine,
        listeners: Tasks::new(&context.supervision),
        warehouse_ready,
        availability,
        supervision: context.supervision,
        service,
        background: tasks,
        engine_tasks,
        journal,
        dedup,
        control,
        drain: Duration::from_millis(config.server.drain_ms),
        shutdown: Duration::from_millis(config.server.shutdown_ms),
        _lock: lock,
    })
}

/// Starts the upkeep of users and keys, and the removal of deleted sites.
fn start_removal(local: &Local, pipeline: &Pipeline, quarantine: &Replay, tasks: &mut Tasks) -> Arc<Removal> {
    let access = Arc::clone(&local.access);
    tasks.spawn_restarting("people_and_keys", move |stopping| {
        let access = Arc::clone(&access);
        async move { access.run_maintenance(stopping).await }
    });
    let removal = Arc::new(Removal::new(removal::Dependencies {
        catalog: Arc::clone(&local.catalog),
        access: Arc::clone(&local.access),
        profiles: Arc::clone(&pipeline.profiles),
        control: local.control.clone(),
        store: pipeline.store.clone(),
        journal: Arc::clone(&local.durable.journal),
        delivered: pipeline.delivery.delivered(),
        quarantine: quarantine.clone(),
    }));
    let runner = Arc::clone(&removal);
    tasks.spawn_restarting("removed_sites", move |stopping| {
        let runner = Arc::clone(&runner);
        async move { runner.run(stopping).await }
    });
    removal
}

/// The monitor of the warehouse, and a receiver that turns true once the warehouse's tables are migrated.
fn warehouse_monitor(
    context: &Context<'_>,
    local: &Local,
    pipeline: &Pipeline,
) -> (warehouse::Monitor, watch::Receiver<bool>) {
    let (ready, warehouse_ready) = watch::channel(false);
    let component = context.health.component("warehouse", Serves::Reports);
    component.down("warehouse_starting", "the warehouse is starting");
    let owner = warehouse::Owner {
        id: local.installation.clone(),
        journal: pipeline.engine.is_none().then(|| local.durable.journal.id()),
    };
    let disk = pipeline.disk.clone();
    (warehouse::Monitor::new(pipeline.store.clone(), ready, component, (disk, owner)), warehouse_ready)
}

/// Creates the gauges and starts measuring the age of undelivered events.
fn start_gauges(
    context: &Context<'_>,
    local: &Local,
    pipeline: &Pipeline,
    flows: &Flows,
    availability: watch::Receiver<Availability>,
    tasks: &mut Tasks,
) -> Arc<Gauges> {
    let (journal, progress) = (&local.durable.journal, pipeline.delivery.progress());
    let gauges = Arc::new(Gauges {
        metrics: Arc::clone(&context.metrics),
        journal: Arc::clone(journal),
        dedup: local.durable.dedup.clone(),
        delivery: DeliveryStatus::new(Arc::clone(journal), progress.clone()),
        progress,
        wait_reason: pipeline.delivery.wait_reason(),
        profiles: Arc::clone(&pipeline.profiles),
        learn: Arc::clone(&pipeline.learning.learn),
        availability,
        health: context.health.clone(),
        geo: Arc::clone(&flows.geo),
        engine: pipeline.engine.clone(),
        data_dir: context.data_dir.to_owned(),
        undelivered_age: Mutex::default(),
    });
    let measured = Arc::clone(&gauges);
    tasks.spawn_restarting("waiting_age", move |stopping| Arc::clone(&measured).measure_age(stopping));
    gauges
}

/// What only commands use: removal by age, tracing, backups.
type AdminFlows = (Pruner, Tracer, Backup);

fn admin_flows(context: &Context<'_>, local: &Local, pipeline: &Pipeline, gauges: &Gauges) -> AdminFlows {
    let (store, quarantine, journal) = (&pipeline.store, pipeline.delivery.replayer(), &local.durable.journal);
    let pruner = Pruner {
        control: local.control.clone(),
        store: store.clone(),
        journal: Arc::clone(journal),
        profiles: Arc::clone(&pipeline.profiles),
        delivered: pipeline.delivery.delivered(),
        quarantine: quarantine.clone(),
    };
    let tracer = Tracer {
        store: store.clone(),
        journal: Arc::clone(journal),
        delivery: gauges.delivery.clone(),
        quarantine: quarantine.clone(),
    };
    let backup = Backup {
        data_dir: context.data_dir.to_owned(),
        control: local.control.clone(),
        store: store.clone(),
        has_engine: pipeline.engine.is_some(),
        journal: Arc::clone(journal),
        delivery: quarantine,
    };
    (pruner, tracer, backup)
}

/// Starts delivery, and the tasks that follow it or keep data in order.
fn start_background(
    context: &Context<'_>,
    local: &Local,
    pipeline: Pipeline,
    salts: &Arc<Salts>,
    monitor: warehouse::Monitor,
    tasks: &mut Tasks,
) {
    let Pipeline { disk, store, delivery, profiles, .. } = pipeline;
    let (delivered, released) = (delivery.delivered(), Arc::clone(&profiles));
    tasks.spawn_restarting("profile_release", move |stopping| {
        background::release_delivered(Arc::clone(&released), delivered.clone(), stopping)
    });
    let message_ids = Arc::new(MessageIdSync::new(&local.durable, &delivery, context.data_dir));
    tasks.spawn_restarting("message_ids", move |stopping| Arc::clone(&message_ids).run(stopping));
    if let Some(disk) = disk {
        let watched = Arc::clone(&disk);
        tasks.spawn_restarting("engine_disk", move |stopping| watch_space(Arc::clone(&watched), stopping));
        tasks.spawn_restarting("engine_parts", move |stopping| {
            DiskGuard::new(store.clone(), Arc::clone(&disk)).run(stopping)
        });
    }
    // Delivery's state is its checkpoint on disk, and others hold its channels: after a failure the whole process
    // restarts from the checkpoint, the only recovery that the kill tests cover.
    tasks.spawn_fatal("delivery_loop", move |stopping| monitor.run(delivery, stopping));
    let salts = Arc::clone(salts);
    tasks.spawn_restarting("salts", move |stopping| background::rotate_salts(Arc::clone(&salts), stopping));
    tasks.spawn_restarting("profile_reads", move |stopping| Arc::clone(&profiles).run(stopping));
}

/// What the HTTP handlers use.
fn services(
    context: &Context<'_>,
    local: Local,
    flows: Flows,
    (removal, (pruner, tracer, backup)): (Arc<Removal>, AdminFlows),
    quarantine: Replay,
    gauges: Arc<Gauges>,
) -> Services {
    let Context { config, metrics, health, supervision, .. } = context;
    Services {
        server: config.server.clone(),
        bodies: Budget::new(config.server.bodies_bytes_max),
        rate_limiter: RateLimiter::new(&config.rate),
        access: local.access,
        catalog: local.catalog,
        collector: flows.collector,
        exposures: flows.exposures,
        personalizer: flows.personalizer,
        reports: flows.reports,
        customers: flows.customers,
        membership: flows.membership,
        report_coalescer: Coalescer::default(),
        privacy: flows.privacy,
        removal,
        pruner,
        tracer,
        backup,
        control: local.control,
        feeds: flows.feeds,
        webhooks: local.webhooks,
        offers: local.offers,
        installation: Installation::new(&config.checks),
        health: health.clone(),
        edits: NonCancellable::new(supervision),
        delivery: gauges.delivery.clone(),
        quarantine,
        refresh_gauges: Box::new(move || gauges.refresh()),
        hot_routes: HotRoutes::new(&metrics.operations.requests),
        metrics: Arc::clone(metrics),
    }
}
