//! What runs beside the requests.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::{installation, reserve::Reserve};
use crate::{
    clock,
    dedup::Dedup,
    delivery::{Delivery, Waits},
    engine::Space,
    geo::{Geo, Refreshed},
    journal::Journal,
    model::Position,
    profiles::Profiles,
    salts::Salts,
    store::{ErrorKind, Store, StoreError},
    tasks::Stopping,
    telemetry::{Metrics, health::Component},
};

/// Profiles let go of events that the warehouse now has.
pub async fn follow_delivery(
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

/// Brings message ids to disk once a second, so that the journal may let go of the records they came with.
pub struct IdKeeper {
    dedup: Dedup,
    journal: Arc<Journal>,
    /// Below it records are in the warehouse and known to be readable.
    releasable: watch::Receiver<Position>,
    /// Told to delivery: below it, ids are safe.
    safe_below: Arc<AtomicU64>,
    reserve: Reserve,
}

impl IdKeeper {
    /// For the ids of this journal's records; `safe_below` is where it tells how far they are on disk.
    pub fn new(
        dedup: &Dedup,
        journal: &Arc<Journal>,
        delivery: &Delivery,
        safe_below: Arc<AtomicU64>,
        data_dir: &Path,
    ) -> Self {
        let releasable = delivery.releasable();
        let (dedup, journal, reserve) = (dedup.clone(), Arc::clone(journal), Reserve::in_directory(data_dir));
        Self { dedup, journal, releasable, safe_below, reserve }
    }

    /// Until stopping begins.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        while !stopping.sleep(Duration::from_secs(1)).await {
            let keeper = Arc::clone(&self);
            if let Err(error) = tokio::task::spawn_blocking(move || keeper.keep()).await {
                tracing::error!(%error, "writing message ids failed");
            }
        }
    }

    /// Delivery lets go of records as it goes on; but when nothing more can be taken because there is no
    /// room, it does not go on, so what is safe is let go here too.
    fn keep(&self) {
        match self.dedup.sync(clock::steady()) {
            Ok(position) => {
                self.safe_below.store(position.0, Ordering::Relaxed);
                self.journal.release(position.min(*self.releasable.borrow()));
                self.reserve.hold();
            }
            Err(error) => {
                tracing::warn!(%error, "message ids stay in the journal a little longer");
                self.reserve.let_go();
            }
        }
    }
}

/// Takes up a database of places that was replaced; a damaged one is named, and the old one goes on.
pub async fn keep_places(geo: Arc<Geo>, every: Duration, metrics: Arc<Metrics>, mut stopping: Stopping) {
    while !stopping.sleep(every).await {
        let geo = Arc::clone(&geo);
        match tokio::task::spawn_blocking(move || geo.refresh()).await {
            Ok(Ok(Refreshed::Unchanged)) => {}
            Ok(Ok(Refreshed::Swapped { path, kind })) => {
                tracing::info!(path = %path.display(), kind, "places come from a new database");
                metrics.geo_swaps.inc();
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database of places before stays in use");
                metrics.geo_refusals.inc();
            }
            Err(error) => tracing::error!(%error, "looking at the database of places failed"),
        }
    }
}

/// Salts that have had their day are destroyed within the minute.
pub async fn keep_salts(salts: Arc<Salts>, mut stopping: Stopping) {
    while !stopping.sleep(Duration::from_mins(1)).await {
        let salts = Arc::clone(&salts);
        if let Err(error) = tokio::task::spawn_blocking(move || salts.tidy(clock::now())).await {
            tracing::error!(%error, "tidying the salts failed");
        }
    }
}

/// Brings the tables up to date as soon as the warehouse answers, then moves the journal into it.
pub async fn keep_warehouse(
    store: Store,
    delivery: Delivery,
    space: Option<Arc<Space>>,
    owner: Owner,
    (ready, component): (watch::Sender<bool>, Component),
    mut stopping: Stopping,
) {
    let mut pause = Duration::from_millis(50);
    loop {
        // A table that is made or changed on a full disk is one whose description is empty.
        if space.as_ref().is_some_and(|space| !space.look()) {
            tracing::warn!("the warehouse's tables wait for disk space");
            component.down("disk_space", "the warehouse's tables wait for disk space");
            if stopping.sleep(Duration::from_secs(1)).await {
                return;
            }
            continue;
        }
        match owner.prepare(&store).await {
            Ok(true) => break,
            Ok(false) => {
                component.down("foreign_warehouse", StoreError::Foreign.to_string());
                if delivery.wait_for(Waits::Owner) {
                    tracing::error!(error = %StoreError::Foreign, "the warehouse is not used: events stay in the journal");
                }
            }
            Err(error) if error.kind() == ErrorKind::Fatal => {
                tracing::error!(%error, "the warehouse needs attention: events stay in the journal until it takes them");
            }
            Err(error) => tracing::debug!(%error, "the warehouse is not there yet"),
        }
        if stopping.sleep(pause).await {
            return;
        }
        pause = (pause * 2).min(Duration::from_secs(2));
    }
    delivery.wait_for_nothing();
    component.ok();
    ready.send_replace(true);
    delivery.run(stopping).await;
}

/// The installation that may use the warehouse.
#[derive(Debug)]
pub struct Owner {
    /// Its id.
    pub id: String,
    /// Its journal's, where the warehouse may have been used by others.
    pub journal: Option<u64>,
}

impl Owner {
    /// Brings the tables up to date, unless they belong to somebody else: then nothing is asked of the warehouse any
    /// more but whose it is.
    async fn prepare(&self, store: &Store) -> Result<bool, StoreError> {
        let asking = store.for_the_owner_check();
        let mut is_ours = asking.owner().await?.is_none_or(|owner| owner == self.id);
        if is_ours {
            asking.migrate().await?;
            is_ours = installation::owns_warehouse(&asking, &self.id, self.journal).await?;
        }
        store.refuse_everything(!is_ours);
        Ok(is_ours)
    }
}
