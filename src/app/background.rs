//! Background tasks.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::{durable::Durable, reserve::Reserve};
use crate::{
    clock,
    dedup::Dedup,
    delivery::Delivery,
    geo::{Geo, Refreshed},
    journal::Journal,
    model::Position,
    profiles::Profiles,
    salts::Salts,
    tasks::Stopping,
    telemetry::Metrics,
};

/// Releases events that the warehouse has received from the live profiles.
pub async fn release_delivered(
    profiles: Arc<Profiles>,
    mut delivered: watch::Receiver<Position>,
    mut stopping: Stopping,
) {
    loop {
        tokio::select! {
            moved = delivered.changed() => if moved.is_err() { return },
            () = stopping.wait() => return,
        }
        profiles.delivered(*delivered.borrow_and_update());
    }
}

/// Writes message ids to disk once per second, so that the journal can release their records.
pub struct MessageIdSync {
    dedup: Dedup,
    journal: Arc<Journal>,
    /// Records below it are in the warehouse and verified as readable.
    releasable: watch::Receiver<Position>,
    /// Message ids of records below it are on disk; read by delivery.
    safe_below: Arc<AtomicU64>,
    /// From which record on others need the journal.
    needed_from: Box<dyn Fn() -> Position + Send + Sync>,
    reserve: Reserve,
}

impl MessageIdSync {
    /// Creates the task's state.
    pub(super) fn new(durable: &Durable, delivery: &Delivery, data_dir: &Path) -> Self {
        Self {
            dedup: durable.dedup.clone(),
            journal: Arc::clone(&durable.journal),
            releasable: delivery.releasable(),
            safe_below: Arc::clone(&durable.ids_safe_below),
            needed_from: Box::new(durable.needed_from()),
            reserve: Reserve::in_directory(data_dir),
        }
    }

    /// Runs until the service stops.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        while !stopping.sleep(Duration::from_secs(1)).await {
            let this = Arc::clone(&self);
            if let Err(error) = tokio::task::spawn_blocking(move || this.sync()).await {
                tracing::error!(%error, "writing message ids failed");
            }
        }
    }

    /// Delivery also releases records, but only while it makes progress. On a full disk it does not, so they are
    /// released here too.
    fn sync(&self) {
        match self.dedup.sync(clock::steady()) {
            Ok(position) => {
                self.safe_below.store(position.0, Ordering::Relaxed);
                self.journal.release(position.min(*self.releasable.borrow()).min((self.needed_from)()));
                self.reserve.hold();
            }
            Err(error) => {
                tracing::warn!(%error, "message ids cannot be written; their journal records are kept");
                self.reserve.release();
            }
        }
    }
}

/// Reloads the location database when its file is replaced; if the new one is damaged, the old one stays in use.
pub async fn reload_geo(geo: Arc<Geo>, every: Duration, metrics: Arc<Metrics>, mut stopping: Stopping) {
    while !stopping.sleep(every).await {
        let geo = Arc::clone(&geo);
        match tokio::task::spawn_blocking(move || geo.refresh()).await {
            Ok(Ok(Refreshed::Unchanged)) => {}
            Ok(Ok(Refreshed::Swapped { path, kind })) => {
                tracing::info!(path = %path.display(), kind, "the location database was replaced");
                metrics.geo_swaps.inc();
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the new location database is refused; the previous one stays in use");
                metrics.geo_refusals.inc();
            }
            Err(error) => tracing::error!(%error, "checking the location database failed"),
        }
    }
}

/// Destroys expired salts within a minute.
pub async fn rotate_salts(salts: Arc<Salts>, mut stopping: Stopping) {
    while !stopping.sleep(Duration::from_mins(1)).await {
        let salts = Arc::clone(&salts);
        if let Err(error) = tokio::task::spawn_blocking(move || salts.rotate(clock::now())).await {
            tracing::error!(%error, "rotating the salts failed");
        }
    }
}
