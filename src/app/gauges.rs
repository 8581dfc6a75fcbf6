//! Gauges that are updated when they are read.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::undelivered_age::UndeliveredAge;
use crate::{
    dedup::Dedup,
    delivery::{DeliveryStatus, Progress, WaitReason},
    engine::Engine,
    geo::Geo,
    journal::Journal,
    learn::Learn,
    profiles::Profiles,
    store::{Availability, Fault},
    tasks::Stopping,
    telemetry::{
        Metrics,
        health::{Health, Serves},
    },
};

/// Sources of the gauges.
pub struct Gauges {
    pub metrics: Arc<Metrics>,
    pub journal: Arc<Journal>,
    pub dedup: Dedup,
    pub delivery: DeliveryStatus,
    pub progress: watch::Receiver<Progress>,
    pub wait_reason: watch::Receiver<Option<WaitReason>>,
    pub profiles: Arc<Profiles>,
    pub learn: Arc<Learn>,
    pub availability: watch::Receiver<Availability>,
    pub health: Health,
    pub geo: Arc<Geo>,
    pub engine: Option<Engine>,
    pub data_dir: PathBuf,
    pub undelivered_age: Mutex<UndeliveredAge>,
}

impl Gauges {
    /// Updates all gauges.
    pub fn refresh(&self) {
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let (metrics, stats) = (&self.metrics, self.profiles.stats());
        let records = self.delivery.counts();
        metrics.delivery_waits.set(self.wait_reason.borrow().is_some().into());
        metrics.journal_kept.set(whole(records.kept));
        metrics.journal_inserted.set(whole(records.inserted));
        metrics.journal_quarantined.set(whole(records.quarantined));
        metrics.journal_waiting.set(whole(records.waiting));
        metrics.journal_bytes.set(whole(self.journal.disk_bytes()));
        let (current, sealed) = self.dedup.memory_bytes();
        metrics.dedup_memory_bytes.set(whole(current + sealed));
        let availability = self.availability.borrow().clone();
        metrics.store_up.set(availability.is_ready().into());
        let operations = &metrics.operations;
        operations.set_warehouse(availability.fault().map(Fault::as_str));
        operations.set_records(records.kept, records.inserted, records.quarantined);
        operations.ready.set(self.health.report().refusal(Serves::Events).is_none().into());
        operations.set_engine_restarts(self.engine.as_ref().map_or(0, Engine::restarts));
        operations.geo_built_seconds.set(whole(self.geo.built_at().unwrap_or(0)));
        operations.oldest_waiting_seconds.set(self.oldest_undelivered().as_secs_f64());
        if let Ok(disk) = rustix::fs::statvfs(&self.data_dir) {
            operations.disk_free_bytes.set(whole(disk.f_bavail.saturating_mul(disk.f_frsize)));
        }
        metrics.learning.age_seconds.set(whole(self.learn.age().as_secs()));
        metrics.profiles_cached.set(whole(stats.cached));
        metrics.profiles_waiting_events.set(whole(stats.pending_events));
    }

    fn oldest_undelivered(&self) -> Duration {
        let (delivered, now) = (self.progress.borrow().delivered, Instant::now());
        let mut age = self.undelivered_age.lock();
        age.observe(self.journal.next(), delivered, now);
        age.get(delivered, now)
    }

    /// Observes once per second how long events have been undelivered.
    pub async fn measure_age(self: Arc<Self>, mut stopping: Stopping) {
        while !stopping.sleep(Duration::from_secs(1)).await {
            self.oldest_undelivered();
        }
    }
}
