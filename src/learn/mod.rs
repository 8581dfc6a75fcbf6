//! Learns from all visitors' clicks which items are popular and which go together.
//!
//! Two parts. The base index of a site is built from stored events on a low-priority thread, when there are new events
//! and the pause after the last build is over (`due`); a build keeps no rows, only the sessions they form. Events that
//! arrive meanwhile (`event_buffer`) are added to it every second as soon as they are durable (`recent`), so that a new
//! item is recommended before its first click is in the store; so are events that a start finds in the journal and that
//! the store does not have yet. Decisions load the current index by an atomic swap and never wait.
//!
//! Model parameters are tuned per site on the newest part of its own clicks (`recommend::tune`), in parallel with the
//! builds: once there are enough clicks, then again after growth by a quarter or after a day (`tuning`).

pub mod build;
mod building;
mod content_refresh;
mod due;
mod event_buffer;
mod failing;
mod impressions;
mod recent;
mod tuning;
pub mod types;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::{sync::watch, time::Instant};

use self::{
    building::{Building, end_of},
    content_refresh::ContentRefresh,
    due::Due,
    event_buffer::EventBuffer,
    failing::Failing,
    recent::{BufferedEvent, Recent},
    tuning::Tuning,
    types::Params,
};
pub use self::{
    impressions::Impressions,
    tuning::{Choice, ModelStatus},
};
use crate::{
    catalog::snapshot::Items,
    clock, config,
    control::{Control, ControlError},
    decide::Index,
    model::{Position, ProfileEvent, SiteId, Timestamp, VisitorId},
    recommend::Model,
    store::{Store, StoreError, read::ItemChange},
    tasks::{Stopping, Tasks, run_low_priority},
    telemetry::{health::Component, learning::Learning},
};

/// The newest index of every site.
pub type Indexes = HashMap<SiteId, Arc<Index>>;

const DAY_MS: i64 = 86_400_000;
/// How often buffered events are added to the indexes.
const FRESHEN: Duration = Duration::from_secs(1);
/// The interval between checks for changes in the store is at least so many times the duration of a check.
const CHECK_REST_FACTOR: u32 = 20;

/// Learns in the background and holds the resulting indexes.
#[derive(Debug)]
pub struct Learn {
    store: Store,
    refresh: Duration,
    rest_factor: u32,
    history_ms: i64,
    params: Params,
    tuning: Arc<Tuning>,
    buffer: EventBuffer,
    /// Position below which the service's own events are in the store; `None` without a journal.
    delivered: Option<watch::Receiver<Position>>,
    content: ContentRefresh,
    recent: Mutex<HashMap<SiteId, Recent>>,
    indexes: ArcSwap<Indexes>,
    metrics: Learning,
    /// When the indexes were last known to be up to date.
    up_to_date: Mutex<Instant>,
    component: Option<Component>,
}

/// Returns the current catalogues of all sites.
pub type Catalogues = Arc<dyn Fn() -> Vec<(SiteId, Arc<Items>)> + Send + Sync>;

/// Where learning reports its progress.
#[derive(Debug, Default)]
pub struct Reporting {
    /// Counters.
    pub metrics: Learning,
    /// For `/readyz`.
    pub component: Option<Component>,
}

impl Learn {
    /// Opens with the stored tuning results only. A session ends after `session_minutes` of inactivity; `delivered` is
    /// the position up to which events are in the store.
    ///
    /// # Errors
    /// If the control database cannot be read.
    pub async fn open(
        store: Store,
        control: Control,
        config: &config::Learn,
        session_minutes: u64,
        delivered: Option<watch::Receiver<Position>>,
        catalogues: Catalogues,
    ) -> Result<Self, ControlError> {
        Self::reporting(store, control, config, session_minutes, delivered, catalogues, Reporting::default()).await
    }

    /// Like `open`, with metrics and health reporting.
    ///
    /// # Errors
    /// If the control database cannot be read.
    pub async fn reporting(
        store: Store,
        control: Control,
        config: &config::Learn,
        session_minutes: u64,
        delivered: Option<watch::Receiver<Position>>,
        catalogues: Catalogues,
        Reporting { metrics, component }: Reporting,
    ) -> Result<Self, ControlError> {
        Ok(Self {
            store,
            refresh: Duration::from_secs(config.refresh_seconds.max(1)),
            rest_factor: config.rest_factor,
            history_ms: i64::try_from(config.history_days).unwrap_or(i64::MAX).saturating_mul(DAY_MS),
            params: Params::new(config, session_minutes),
            tuning: Arc::new(Tuning::open(control, metrics.failures.clone()).await?),
            buffer: EventBuffer::counting(metrics.events_dropped.clone()),
            delivered,
            content: ContentRefresh::new(catalogues),
            recent: Mutex::default(),
            indexes: ArcSwap::default(),
            metrics,
            up_to_date: Mutex::new(Instant::now()),
            component,
        })
    }

    /// The index of a site; empty before its first events.
    #[must_use]
    pub fn index(&self, site: SiteId) -> Arc<Index> {
        self.indexes.load().get(&site).map(Arc::clone).unwrap_or_default()
    }

    /// The current index of every site.
    #[must_use]
    pub fn indexes(&self) -> Arc<Indexes> {
        self.indexes.load_full()
    }

    /// Adds a durable event of an identified visitor; the index includes it about a second later.
    pub fn push(&self, site: SiteId, visitor: VisitorId, event: &ProfileEvent) {
        self.buffer.push(site, visitor, event);
    }

    /// Adds an event of an earlier run that the store does not have yet. Call in order, oldest first.
    pub fn recover(&self, site: SiteId, visitor: VisitorId, event: &ProfileEvent) {
        self.recents(|recents| {
            for event in BufferedEvent::from_event(site, visitor, event) {
                recents.entry(site).or_default().push(event);
            }
        });
    }

    /// Learns until the service stops.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        let mut due: HashMap<SiteId, Due> = HashMap::new();
        let mut building: Option<Building> = None;
        let mut next_check = Instant::now();
        let mut failing = Failing::default();
        loop {
            tokio::select! {
                () = stopping.wait() => return,
                done = end_of(&mut building) => {
                    building = None;
                    match done {
                        Ok((change, took)) => {
                            self.worked(&mut failing);
                            self.metrics.builds.inc();
                            self.due_of(&mut due, SiteId(change.site_id)).built(change, took, Instant::now());
                        }
                        Err(error) => self.failed(&mut failing, &error),
                    }
                }
                () = tokio::time::sleep(FRESHEN) => {}
            }
            self.update_indexes().await;
            if building.is_none() && Instant::now() >= next_check {
                let begun = Instant::now();
                match self.next_to_build(&mut due).await {
                    Ok(Some(change)) => building = Some(Box::pin(Arc::clone(&self).build(change, stopping.clone()))),
                    Ok(None) => self.worked(&mut failing),
                    Err(error) => self.failed(&mut failing, &error),
                }
                next_check = begun + self.refresh.max(begun.elapsed() * CHECK_REST_FACTOR);
            }
        }
    }

    /// Learns once, immediately; for tools and tests.
    ///
    /// # Errors
    /// If the store cannot be queried.
    pub async fn learn(self: &Arc<Self>) -> Result<(), StoreError> {
        self.update_indexes().await;
        let tasks = Tasks::default();
        for change in self.store.item_changes(self.since()).await? {
            Arc::clone(self).build(change, tasks.stopping()).await?;
        }
        Ok(())
    }

    /// A site's tuning result and the owner's choice of a model.
    #[must_use]
    pub fn model_status(&self, site: SiteId) -> ModelStatus {
        self.tuning.status(site)
    }

    /// Makes a model serve a site regardless of the tuning result, or with `None` the winner again. Takes effect
    /// immediately.
    ///
    /// # Errors
    /// If the control database cannot store it; nothing has changed then.
    pub async fn choose(self: &Arc<Self>, site: SiteId, model: Option<Model>, who: &str) -> Result<(), ControlError> {
        self.tuning.choose(site, model, who).await?;
        let learn = Arc::clone(self);
        if let Err(error) = tokio::task::spawn_blocking(move || learn.retune(site)).await {
            tracing::error!(%error, "a chosen model takes effect with the next index only");
        }
        Ok(())
    }

    /// How long ago the indexes were last known to be up to date.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.up_to_date.lock().elapsed()
    }

    fn worked(&self, failing: &mut Failing) {
        *self.up_to_date.lock() = Instant::now();
        failing.worked(self.component.as_ref());
    }

    fn failed(&self, failing: &mut Failing, error: &StoreError) {
        self.metrics.failures.inc();
        failing.failed(error, self.component.as_ref(), Instant::now());
    }

    fn since(&self) -> Timestamp {
        Timestamp(clock::now().0.saturating_sub(self.history_ms))
    }

    /// Runs `update` with the recent events locked: every index change happens under this lock, so that none is lost.
    fn recents<T>(&self, update: impl FnOnce(&mut HashMap<SiteId, Recent>) -> T) -> T {
        update(&mut self.recent.lock())
    }

    /// Like `recents`, for callers that must not block: a low-priority thread may hold the lock while an index grows.
    async fn off_the_runtime<T: Send + 'static>(
        self: &Arc<Self>,
        update: impl FnOnce(&mut HashMap<SiteId, Recent>) -> T + Send + 'static,
    ) -> Option<T> {
        let learn = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || learn.recents(update)).await;
        done.inspect_err(|error| tracing::error!(%error, "accessing recent events failed")).ok()
    }

    fn publish(&self, site: SiteId, index: Index) {
        let index = Arc::new(index);
        self.indexes.rcu(|indexes| {
            let mut next = Indexes::clone(indexes);
            next.insert(site, Arc::clone(&index));
            next
        });
    }

    /// Adds buffered events to the indexes, and applies new item content and tuning results.
    async fn update_indexes(self: &Arc<Self>) {
        let unpublished = self.off_the_runtime(|recents| {
            recents.iter().filter(|(_, recent)| recent.is_unpublished()).map(|(site, _)| *site).collect::<Vec<_>>()
        });
        let unpublished = unpublished.await.unwrap_or_default();
        let (mut buffered, changed) = (self.buffer.drain(), self.content.changed());
        for site in unpublished {
            buffered.entry(site).or_default();
        }
        if buffered.is_empty() && changed.is_empty() && !self.tuning.any_unapplied() {
            return;
        }
        let learn = Arc::clone(self);
        let done = run_low_priority("freshen", move || {
            for (site, items) in changed {
                let content = learn.content.read(site, &items);
                learn.recents(|_| {
                    let index = Index::clone(&learn.index(site)).with_content(content);
                    learn.publish(site, index);
                });
            }
            for site in learn.tuning.unapplied_sites() {
                learn.retune(site);
            }
            learn.recents(|recents| {
                for (site, events) in buffered {
                    let recent = recents.entry(site).or_default();
                    for event in events {
                        recent.push(event);
                    }
                    let grown = recent.grow(&learn.index(site), &learn.params, clock::now());
                    learn.publish(site, grown);
                }
            });
        });
        if let Err(error) = done.await {
            tracing::error!(%error, "adding buffered events to the indexes failed");
        }
    }

    /// Applies a new tuning result or choice, if that needs no new build.
    fn retune(&self, site: SiteId) {
        self.recents(|_| {
            let index = self.index(site);
            let Some(learned) = index.learned() else { return };
            if let Some(learned) = self.tuning.current(site).and_then(|tuned| learned.tuned_to(&tuned)) {
                self.tuning.apply(site);
                self.publish(site, Index::clone(&index).with(learned));
            }
        });
    }

    fn due_of<'d>(&self, due: &'d mut HashMap<SiteId, Due>, site: SiteId) -> &'d mut Due {
        due.entry(site).or_insert_with(|| Due::new(self.rest_factor))
    }

    /// Returns the first site whose base index is due.
    async fn next_to_build(self: &Arc<Self>, due: &mut HashMap<SiteId, Due>) -> Result<Option<ItemChange>, StoreError> {
        let changes = self.store.item_changes(self.since()).await?;
        let overflowed = self.off_the_runtime(|recents| {
            recents.iter().filter(|(_, recent)| recent.overflowed).map(|(site, _)| *site).collect::<HashSet<_>>()
        });
        let overflowed = overflowed.await.unwrap_or_default();
        let now = Instant::now();
        let mut next = None;
        for change in changes {
            let site = SiteId(change.site_id);
            let overflowed = overflowed.contains(&site);
            let is_due = self.due_of(due, site).check(change, self.tuning.is_unapplied(site), overflowed, now);
            if is_due && next.is_none() {
                next = Some(change);
            }
        }
        Ok(next)
    }
}
