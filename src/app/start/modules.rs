//! The modules of a running service, opened in groups.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;

use crate::{
    access::Access,
    app::{
        demo,
        durable::Durable,
        health, installation,
        parts::{self, Learning, Warehouse},
        recover,
    },
    catalog::Catalog,
    clock,
    config::Config,
    control::Control,
    delivery::Delivery,
    engine::{DiskSpace, Engine},
    erasures::Erasures,
    learn,
    mail::Mailer,
    offers::Offers,
    profiles::Profiles,
    store::Store,
    tasks::{Supervision, Tasks},
    telemetry::{
        Metrics,
        health::{Health, Serves},
    },
    webhooks::Webhooks,
};

/// What all steps use.
pub(super) struct Context<'a> {
    pub(super) config: &'a Config,
    pub(super) data_dir: &'a Path,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Health,
    pub(super) supervision: Supervision,
}

impl<'a> Context<'a> {
    pub(super) fn new(config: &'a Config, data_dir: &'a Path) -> Self {
        let (metrics, health) = (Arc::new(Metrics::default()), Health::default());
        let supervision = Supervision::new(health.clone(), metrics.failures.clone());
        Self { config, data_dir, metrics, health, supervision }
    }
}

/// Data on this machine: control database, journal and message ids, with catalog and users.
pub(super) struct Local {
    pub(super) control: Control,
    pub(super) durable: Durable,
    /// People who were erased.
    pub(super) erasures: Arc<Erasures>,
    /// Id of this installation.
    pub(super) installation: String,
    pub(super) catalog: Arc<Catalog>,
    pub(super) access: Arc<Access>,
    pub(super) webhooks: Webhooks,
    pub(super) offers: Offers,
    /// Token of the one-time set-up link, while no user exists.
    pub(super) setup_token: Option<String>,
}

impl Local {
    pub(super) async fn open(
        context: &Context<'_>,
        demo_origins: Option<&[String]>,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Self> {
        let Context { config, data_dir, metrics, health, .. } = context;
        let control = parts::open_control(data_dir).await?;
        let durable = Durable::open(config, data_dir, metrics, health, tasks)?;
        // Before anything else is written: the control database may be the wrong one.
        let installation = installation::bind(&control, &durable.journal, data_dir).await?;
        let erasures = Arc::new(Erasures::open(data_dir, clock::now()).context("cannot read erasures.ndjson")?);
        let webhooks = parts::webhooks(&control, &durable, &config.webhooks, metrics, tasks).await?;
        let catalog = Arc::new(Catalog::load(control.clone()).await?);
        let offers = parts::offers(&control, &config.offers, tasks).await?;
        let mailer = Mailer::new(&config.smtp)?;
        let access = Access::open(control.clone(), config.access.clone(), mailer, Arc::clone(metrics)).await?;
        let setup_token = access.open_setup().await?;
        if let Some(origins) = demo_origins {
            demo::install(&catalog, origins).await?;
        }
        let access = Arc::new(access);
        Ok(Self { control, durable, erasures, installation, catalog, access, webhooks, offers, setup_token })
    }
}

/// From the journal to the warehouse, with what is derived from events: live profiles and recommendation models.
pub(super) struct Pipeline {
    pub(super) engine: Option<Engine>,
    /// The embedded engine's disk.
    pub(super) disk: Option<Arc<DiskSpace>>,
    pub(super) store: Store,
    pub(super) delivery: Delivery,
    pub(super) profiles: Arc<Profiles>,
    pub(super) learning: Learning,
}

impl Pipeline {
    pub(super) async fn open(
        context: &Context<'_>,
        local: &Local,
        engine_program: Option<PathBuf>,
        tasks: &mut Tasks,
        engine_tasks: &mut Tasks,
    ) -> anyhow::Result<Self> {
        let Context { config, data_dir, metrics, health, .. } = context;
        let journal = &local.durable.journal;
        let Warehouse { engine, endpoint } = Warehouse::open(config, data_dir, engine_program, health, engine_tasks)?;
        let store = Store::connect(endpoint, &config.clickhouse);
        let disk = engine.is_some().then(|| Arc::new(parts::engine_disk(config, data_dir)));
        let delivery = local.durable.delivery(config, data_dir, &store, disk.as_ref(), metrics)?;
        let delivery = delivery.without_erased(parts::is_erased(&local.catalog, &local.erasures));
        health::watch_delivery(health, &delivery);
        let profiles = parts::live_profiles(config, &local.catalog, journal, &store);
        let reporting = learn::Reporting {
            metrics: metrics.learning.clone(),
            component: Some(health.component("learning", Serves::Nothing)),
        };
        let learning = Learning::open(config, &local.control, &local.catalog, &store, &delivery, reporting).await?;
        let (delivered, panics) = (*delivery.delivered().borrow(), &metrics.failures.hook_panics);
        recover::undelivered_events(journal, (&profiles, &learning.learn, &local.offers), delivered, panics)?;
        learning.start(tasks);
        Ok(Self { engine, disk, store, delivery, profiles, learning })
    }
}
