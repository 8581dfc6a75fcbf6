//! Durable event data on this machine: the journal and the message ids.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{health, recover};
use crate::{
    clock,
    config::Config,
    dedup::Dedup,
    delivery::{self, Delivery},
    engine::DiskSpace,
    journal::Journal,
    model::Position,
    store::Store,
    tasks::Tasks,
    telemetry::{Metrics, health::Health},
};

/// Durable event data on this machine.
pub(super) struct Durable {
    pub(super) journal: Arc<Journal>,
    pub(super) dedup: Dedup,
    /// Message ids of all records below it are in the files of `dedup`.
    pub(super) ids_safe_below: Arc<AtomicU64>,
    /// Webhooks need records from here on; all until they say so.
    pub(super) webhooks_need_from: Arc<AtomicU64>,
    /// The members of segments need records from here on; all until they say so.
    pub(super) segments_need_from: Arc<AtomicU64>,
}

impl Durable {
    /// Opens the journal and the message ids, consistent with each other. If the journal's thread ends, the service
    /// stops: acknowledged events are on disk, and only a restart can continue from there.
    pub(super) fn open(
        config: &Config,
        data_dir: &Path,
        metrics: &Metrics,
        health: &Health,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Self> {
        let dir = data_dir.join("journal");
        let panics = metrics.failures.hook_panics.clone();
        let mut settings = config.journal.clone();
        if config.clickhouse.endpoint().is_none() {
            settings.disk_free_bytes_min = journal_floor(config);
        }
        let (journal, recovery) = Journal::open_counting(&dir, &settings, panics)?;
        let (dedup, opened) = Dedup::open(&data_dir.join("dedup"), &config.dedup, journal.id(), clock::steady())?;
        let delivered = delivery::highest_position(data_dir, journal.id());
        let beyond = journal.continue_at(delivered.max(opened.complete));
        recover::report(&recovery, &beyond);
        recover::message_ids(&journal, &dedup, opened.complete)?;
        journal.record_sync_times(metrics.operations.sync_times());
        let journal = Arc::new(journal);
        health::watch_journal(health, &journal);
        let watched = Arc::clone(&journal);
        tasks.spawn_fatal("journal_thread", move |mut stopping| async move {
            tokio::select! {
                () = watched.ended() => {}
                () = stopping.wait() => {}
            }
        });
        let disk = health::Disk::new(health, dir, settings.disk_free_bytes_min);
        tasks.spawn_restarting("disk_watch", move |stopping| disk.clone().watch(stopping));
        let ids_safe_below = Arc::new(AtomicU64::new(opened.complete.0));
        Ok(Self {
            journal,
            dedup,
            ids_safe_below,
            webhooks_need_from: Arc::default(),
            segments_need_from: Arc::default(),
        })
    }

    /// The position from which on webhooks and the members of segments need the journal.
    pub(super) fn needed_from(&self) -> impl Fn() -> Position + Send + Sync + 'static {
        let (webhooks, segments) = (Arc::clone(&self.webhooks_need_from), Arc::clone(&self.segments_need_from));
        move || Position(webhooks.load(Ordering::Relaxed).min(segments.load(Ordering::Relaxed)))
    }

    /// Opens delivery of the journal, which may release a record once its message id is on disk elsewhere.
    pub(super) fn delivery(
        &self,
        config: &Config,
        data_dir: &Path,
        store: &Store,
        space: Option<&Arc<DiskSpace>>,
        metrics: &Metrics,
    ) -> anyhow::Result<Delivery> {
        let (safe, needed) = (Arc::clone(&self.ids_safe_below), self.needed_from());
        let keep_from = move || needed().min(Position(safe.load(Ordering::Relaxed)));
        let journal = Arc::clone(&self.journal);
        let delivery = Delivery::open(data_dir, journal, store.clone(), &config.delivery, keep_from)?
            .with_detached_counter(&metrics.parts_set_aside);
        Ok(match space {
            Some(space) => delivery.with_disk(Arc::clone(space)),
            None => delivery,
        })
    }
}

/// Minimum free disk space of the journal with an embedded engine, bytes.
pub(super) fn journal_floor(config: &Config) -> u64 {
    DiskSpace::journal_floor(config.journal.disk_free_bytes_min)
}
