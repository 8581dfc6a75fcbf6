//! Gauges that are brought up to date when they are read.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::waiting::Waiting;
use crate::{
    dedup::Dedup,
    delivery::{Progress, Waits},
    engine::Engine,
    geo::Geo,
    journal::Journal,
    learn::Learn,
    profiles::Profiles,
    store::{Condition, Fault},
    tasks::Stopping,
    telemetry::{
        Metrics,
        health::{Health, Serves},
    },
    wire::admin::JournalCounts,
};

/// What the gauges are read from.
pub struct Gauges {
    pub metrics: Arc<Metrics>,
    pub journal: Arc<Journal>,
    pub dedup: Dedup,
    pub progress: watch::Receiver<Progress>,
    pub waits: watch::Receiver<Option<Waits>>,
    pub profiles: Arc<Profiles>,
    pub learn: Arc<Learn>,
    pub condition: watch::Receiver<Condition>,
    pub health: Health,
    pub geo: Arc<Geo>,
    pub engine: Option<Engine>,
    pub data_dir: PathBuf,
    pub waiting: Mutex<Waiting>,
}

/// How far the journal's records are.
pub fn counts(journal: &Journal, progress: Progress) -> JournalCounts {
    let Progress { inserted, quarantined, .. } = progress;
    let kept = journal.next().0;
    JournalCounts { kept, inserted, quarantined, waiting: kept.saturating_sub(inserted + quarantined) }
}

impl Gauges {
    /// Brings them up to date.
    pub fn refresh(&self) {
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let (metrics, stats) = (&self.metrics, self.profiles.stats());
        let records = counts(&self.journal, *self.progress.borrow());
        metrics.delivery_waits.set(self.waits.borrow().is_some().into());
        metrics.journal_kept.set(whole(records.kept));
        metrics.journal_inserted.set(whole(records.inserted));
        metrics.journal_quarantined.set(whole(records.quarantined));
        metrics.journal_waiting.set(whole(records.waiting));
        metrics.journal_bytes.set(whole(self.journal.disk_bytes()));
        let (current, sealed) = self.dedup.memory_bytes();
        metrics.dedup_memory_bytes.set(whole(current + sealed));
        let condition = self.condition.borrow().clone();
        metrics.store_up.set(condition.is_ready().into());
        let operations = &metrics.operations;
        operations.set_warehouse(condition.fault().map(Fault::as_str));
        operations.set_records(records.kept, records.inserted, records.quarantined);
        operations.ready.set(self.health.report().refusal(Serves::Events).is_none().into());
        operations.set_engine_restarts(self.engine.as_ref().map_or(0, Engine::restarts));
        operations.geo_built_seconds.set(whole(self.geo.built_at().unwrap_or(0)));
        operations.oldest_waiting_seconds.set(self.oldest_waiting().as_secs_f64());
        if let Ok(disk) = rustix::fs::statvfs(&self.data_dir) {
            operations.disk_free_bytes.set(whole(disk.f_bavail.saturating_mul(disk.f_frsize)));
        }
        metrics.learning.age_seconds.set(whole(self.learn.age().as_secs()));
        metrics.profiles_cached.set(whole(stats.cached));
        metrics.profiles_waiting_events.set(whole(stats.pending_events));
    }

    fn oldest_waiting(&self) -> Duration {
        let (delivered, now) = (self.progress.borrow().delivered, Instant::now());
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.note(self.journal.next(), delivered, now);
        waiting.age(delivered, now)
    }

    /// Looks once a second how old what waits is.
    pub async fn watch_waiting(self: Arc<Self>, mut stopping: Stopping) {
        while !stopping.sleep(Duration::from_secs(1)).await {
            self.oldest_waiting();
        }
    }
}
