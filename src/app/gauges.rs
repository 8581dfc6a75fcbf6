//! Gauges that are brought up to date when they are read.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    dedup::Dedup,
    delivery::{Progress, Waits},
    journal::Journal,
    learn::Learn,
    profiles::Profiles,
    telemetry::Metrics,
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
    pub warehouse: watch::Receiver<bool>,
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
        metrics.store_up.set((*self.warehouse.borrow()).into());
        metrics.learning.age_seconds.set(whole(self.learn.age().as_secs()));
        metrics.profiles_cached.set(whole(stats.cached));
        metrics.profiles_waiting_events.set(whole(stats.pending_events));
    }
}
