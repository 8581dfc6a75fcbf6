//! Composition root: creates all modules, connects them with channels, and stops them in order.

mod background;
mod demo;
mod durable;
mod gauges;
mod health;
mod installation;
mod lock;
mod parts;
mod private;
mod recover;
mod reserve;
mod restore;
mod start;
mod undelivered_age;
mod warehouse;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

pub use installation::adopt;
pub use restore::{RestoreSettings, Restored, restore};
use tokio::sync::watch;

use crate::{
    clock,
    config::Config,
    control::Control,
    dedup::Dedup,
    engine::{self, Engine},
    geo::Geo,
    http::state::AppState,
    journal::Journal,
    store::{self, Availability},
    tasks::{Supervision, Tasks},
    telemetry::health::Component,
};

/// A running service without its listeners.
pub struct App {
    /// State of the HTTP handlers.
    pub state: AppState,
    /// Token of the one-time set-up link, while no user exists.
    pub setup_token: Option<String>,
    /// The embedded engine, unless a server is used instead.
    pub engine: Option<Engine>,
    /// Tasks of the listeners; stopped first.
    pub listeners: Tasks,
    /// True once the warehouse's tables are migrated.
    pub warehouse_ready: watch::Receiver<bool>,
    /// Whether the warehouse can be used, and why not.
    pub availability: watch::Receiver<Availability>,
    supervision: Supervision,
    service: Component,
    background: Tasks,
    engine_tasks: Tasks,
    journal: Arc<Journal>,
    dedup: Dedup,
    control: Control,
    drain: Duration,
    shutdown: Duration,
    _lock: lock::DataLock,
}

/// Options of a start.
#[derive(Debug, Default, Clone)]
pub struct StartOptions {
    /// Installs the demo shop, served from these origins.
    pub demo_origins: Option<Vec<String>>,
    /// Program that runs the engine; this one if `None`.
    pub engine_program: Option<PathBuf>,
}

impl App {
    /// Starts the service in `data_dir`. Returns when events can be accepted; the warehouse may still be starting.
    pub async fn start(config: &Config, data_dir: &Path, options: StartOptions) -> anyhow::Result<Self> {
        start::open(config, data_dir, options).await.map_err(|error| reserve::explain(error, data_dir))
    }

    /// Returns the supervision that handles failures of the service's tasks.
    pub const fn supervision(&self) -> &Supervision {
        &self.supervision
    }

    /// Waits for a fatal failure and returns its description. The service must then be stopped and restarted.
    pub async fn failed(&self) -> String {
        self.supervision.fatal().await
    }

    /// Reports on `/readyz` that the service is stopping, but keeps answering for `server.drain_ms`, so that load
    /// balancers redirect requests before they would be refused.
    pub async fn drain(&self) {
        self.service.down("stopping", "the service is stopping");
        tokio::time::sleep(self.drain).await;
    }

    /// Stops in the order in which events flow, within `server.shutdown_ms`: accepts no more requests, makes everything
    /// durable, delivers as much as possible, then stops the engine. Undelivered events stay in the journal.
    pub async fn stop(self) {
        self.service.down("stopping", "the service is stopping");
        let (started, share) = (Instant::now(), self.shutdown.saturating_mul(2) / 5);
        self.listeners.stop(share).await;
        if tokio::time::timeout(share.saturating_sub(started.elapsed()), self.state.edits.idle()).await.is_err() {
            tracing::warn!("some changes did not finish before the service stopped");
        }
        self.background.stop(share).await;
        let (journal, dedup) = (self.journal, self.dedup);
        // Closes idle connections to the engine, which would otherwise wait five seconds for them before it exits.
        drop(self.state);
        // Closing does blocking disk I/O.
        let closed = tokio::task::spawn_blocking(move || {
            journal.close();
            dedup.sync(clock::steady())
        });
        match closed.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "message ids will be restored from the journal at the next start");
            }
            Err(error) => tracing::error!(%error, "closing the journal failed"),
        }
        self.control.close().await;
        // The engine gets the remaining time; closing its files takes it seconds.
        let left = self.shutdown.saturating_sub(started.elapsed());
        self.engine_tasks.stop(left.max(self.shutdown / 5)).await;
    }
}

/// Checks what a start needs except ports and network: configured files and the engine.
///
/// # Errors
/// If one of them is missing or unusable.
pub fn check(config: &Config) -> anyhow::Result<()> {
    Geo::open((!config.geo.database.is_empty()).then(|| Path::new(&config.geo.database)))?;
    store::check(&config.clickhouse)?;
    if config.clickhouse.endpoint().is_none() {
        engine::check(&config.engine)?;
    }
    Ok(())
}
