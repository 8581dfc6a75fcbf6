//! Learns from everybody's clicks which items are popular and which go together.
//!
//! In two parts. The large index of a site is built from what the store has, on a thread of low priority,
//! when there is something new and the last build is paid for (`due`); a build holds no rows, only the
//! visits they make. What is heard meanwhile (`ear`), the moment it is durable, is added beside it every
//! second (`recent`), so that an item first seen is recommended before the store has its first click; so
//! is what a start finds in the journal and the store does not have yet.
//! Decisions take the finished index by an atomic swap and never wait.
//!
//! What the recommendations weigh is tuned to each site on the newest part of its own clicks
//! (`recommend::tune`), beside the builds: when there are enough clicks, and again when there are a
//! quarter more or the last time is a day ago (`tuning`).

pub mod build;
mod building;
mod content_refresh;
mod due;
mod event_buffer;
mod failing;
mod impressions;
mod recent;
mod tuning;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{sync::watch, time::Instant};

use self::{
    build::Params,
    building::{Building, end_of},
    content_refresh::ContentRefresh,
    due::Due,
    event_buffer::EventBuffer,
    failing::Failing,
    recent::{BufferedEvent, Recent},
    tuning::Tuning,
};
pub use self::{
    impressions::Shows,
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
/// How often what was heard is added to the indexes.
const FRESHEN: Duration = Duration::from_secs(1);
/// After asking the store what changed, the next time waits so many times as long as that took.
const LOOK_REST_FACTOR: u32 = 20;

/// Learns, and holds what was learned.
#[derive(Debug)]
pub struct Learn {
    store: Store,
    refresh: Duration,
    rest_factor: u32,
    history_ms: i64,
    params: Params,
    tuning: Arc<Tuning>,
    ear: EventBuffer,
    /// How far the store has the service's own events; `None` where there is no journal.
    delivered: Option<watch::Receiver<Position>>,
    shelves: ContentRefresh,
    recent: Mutex<HashMap<SiteId, Recent>>,
    indexes: ArcSwap<Indexes>,
    metrics: Learning,
    /// When the indexes were last known to be up to date.
    up_to_date: Mutex<Instant>,
    component: Option<Component>,
}

/// The catalogues of all sites as they are now.
pub type Catalogues = Arc<dyn Fn() -> Vec<(SiteId, Arc<Items>)> + Send + Sync>;

/// Where it is reported how learning goes.
#[derive(Debug, Default)]
pub struct Reporting {
    /// Counters.
    pub metrics: Learning,
    /// For `/readyz`.
    pub component: Option<Component>,
}

impl Learn {
    /// Knows only what sites were tuned to before. `session_minutes` is the silence that ends a visit,
    /// `delivered` tells how far the store has what is heard.
    ///
    /// # Errors
    /// When the control database cannot be read.
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

    /// The same, and how it goes is reported.
    ///
    /// # Errors
    /// When the control database cannot be read.
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
            ear: EventBuffer::counting(metrics.events_dropped.clone()),
            delivered,
            shelves: ContentRefresh::new(catalogues),
            recent: Mutex::default(),
            indexes: ArcSwap::default(),
            metrics,
            up_to_date: Mutex::new(Instant::now()),
            component,
        })
    }

    /// The index of a site, an empty one before its first events.
    #[must_use]
    pub fn index(&self, site: SiteId) -> Arc<Index> {
        self.indexes.load().get(&site).map(Arc::clone).unwrap_or_default()
    }

    /// The newest index of every site.
    #[must_use]
    pub fn indexes(&self) -> Arc<Indexes> {
        self.indexes.load_full()
    }

    /// Takes a durable event of somebody; the index knows it about a second later.
    pub fn push(&self, site: SiteId, visitor: VisitorId, event: &ProfileEvent) {
        self.ear.push(site, visitor, event);
    }

    /// Takes an event of an earlier run that the store does not have yet, oldest first.
    pub fn recover(&self, site: SiteId, visitor: VisitorId, event: &ProfileEvent) {
        self.recents(|recents| {
            for heard in BufferedEvent::of(site, visitor, event) {
                recents.entry(site).or_default().push(heard);
            }
        });
    }

    /// Learns until the service stops.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        let mut due: HashMap<SiteId, Due> = HashMap::new();
        let mut building: Option<Building> = None;
        let mut look_at = Instant::now();
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
            self.freshen().await;
            if building.is_none() && Instant::now() >= look_at {
                let begun = Instant::now();
                match self.next_to_build(&mut due).await {
                    Ok(Some(change)) => building = Some(Box::pin(Arc::clone(&self).build(change, stopping.clone()))),
                    Ok(None) => self.worked(&mut failing),
                    Err(error) => self.failed(&mut failing, &error),
                }
                look_at = begun + self.refresh.max(begun.elapsed() * LOOK_REST_FACTOR);
            }
        }
    }

    /// Learns once, at once; tools and tests call this.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn learn(self: &Arc<Self>) -> Result<(), StoreError> {
        self.freshen().await;
        let tasks = Tasks::default();
        for change in self.store.item_changes(self.since()).await? {
            Arc::clone(self).build(change, tasks.stopping()).await?;
        }
        Ok(())
    }

    /// What a site's recommendations were tuned to, and what an owner chose instead.
    #[must_use]
    pub fn standing(&self, site: SiteId) -> ModelStatus {
        self.tuning.of(site)
    }

    /// Lets a model serve a site whatever the trial says, or with `None` the winner again. Answers follow
    /// at once.
    ///
    /// # Errors
    /// When the control database cannot keep it; nothing has changed then.
    pub async fn choose(self: &Arc<Self>, site: SiteId, model: Option<Model>, who: &str) -> Result<(), ControlError> {
        self.tuning.choose(site, model, who).await?;
        let learn = Arc::clone(self);
        if let Err(error) = tokio::task::spawn_blocking(move || learn.retune(site)).await {
            tracing::error!(%error, "a chosen model serves with the next index only");
        }
        Ok(())
    }

    /// How long ago the indexes were last known to be up to date.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.up_to_date.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    fn worked(&self, failing: &mut Failing) {
        *self.up_to_date.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        failing.worked(self.component.as_ref());
    }

    fn failed(&self, failing: &mut Failing, error: &StoreError) {
        self.metrics.failures.inc();
        failing.failed(error, self.component.as_ref(), Instant::now());
    }

    fn since(&self) -> Timestamp {
        Timestamp(clock::now().0.saturating_sub(self.history_ms))
    }

    /// Whoever changes an index holds these meanwhile, so that no change is lost.
    fn recents<T>(&self, what: impl FnOnce(&mut HashMap<SiteId, Recent>) -> T) -> T {
        // What is heard is kept entry by entry, so that a panic elsewhere leaves nothing half-written.
        what(&mut self.recent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The same for those who must not wait: an index may be growing, on a thread of low priority.
    async fn off_the_runtime<T: Send + 'static>(
        self: &Arc<Self>,
        what: impl FnOnce(&mut HashMap<SiteId, Recent>) -> T + Send + 'static,
    ) -> Option<T> {
        let learn = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || learn.recents(what)).await;
        done.inspect_err(|error| tracing::error!(%error, "looking at what was heard failed")).ok()
    }

    fn publish(&self, site: SiteId, index: Index) {
        let index = Arc::new(index);
        self.indexes.rcu(|indexes| {
            let mut next = Indexes::clone(indexes);
            next.insert(site, Arc::clone(&index));
            next
        });
    }

    /// Adds what was heard to the indexes.
    async fn freshen(self: &Arc<Self>) {
        let untold = self.off_the_runtime(|recents| {
            recents.iter().filter(|(_, recent)| recent.is_untold()).map(|(site, _)| *site).collect::<Vec<_>>()
        });
        let untold = untold.await.unwrap_or_default();
        let (mut heard, changed) = (self.ear.take(), self.shelves.changed());
        for site in untold {
            heard.entry(site).or_default();
        }
        if heard.is_empty() && changed.is_empty() && !self.tuning.any_news() {
            return;
        }
        let learn = Arc::clone(self);
        let done = run_low_priority("freshen", move || {
            for (site, items) in changed {
                let content = learn.shelves.read(site, &items);
                learn.recents(|_| {
                    let index = Index::clone(&learn.index(site)).with_content(content);
                    learn.publish(site, index);
                });
            }
            for site in learn.tuning.sites_with_news() {
                learn.retune(site);
            }
            learn.recents(|recents| {
                for (site, events) in heard {
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
            tracing::error!(%error, "what was heard was not taken up");
        }
    }

    /// Takes up what was tuned or chosen since, where that needs no new build.
    fn retune(&self, site: SiteId) {
        self.recents(|_| {
            let index = self.index(site);
            let Some(learned) = index.learned() else { return };
            if let Some(learned) = self.tuning.peek(site).and_then(|tuned| learned.tuned_to(&tuned)) {
                self.tuning.take(site);
                self.publish(site, Index::clone(&index).with(learned));
            }
        });
    }

    fn due_of<'d>(&self, due: &'d mut HashMap<SiteId, Due>, site: SiteId) -> &'d mut Due {
        due.entry(site).or_insert_with(|| Due::new(self.rest_factor))
    }

    /// The first site whose large index is due.
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
            let is_due = self.due_of(due, site).look(change, self.tuning.has_news(site), overflowed, now);
            if is_due && next.is_none() {
                next = Some(change);
            }
        }
        Ok(next)
    }
}
