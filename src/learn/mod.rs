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
mod due;
mod ear;
mod recent;
mod shelves;
mod shows;
mod tuning;

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{runtime::Handle, sync::watch, time::Instant};

use self::{
    build::{Builder, ItemEvent, Params},
    due::Due,
    ear::Ear,
    recent::{Heard, Recent},
    shelves::Shelves,
    tuning::Tuning,
};
pub use self::{
    shows::Shows,
    tuning::{Choice, Standing},
};
use crate::{
    catalog::snapshot::Items,
    clock, config,
    control::{Control, ControlError},
    decide::Index,
    model::{Action, Position, ProfileEvent, SiteId, Timestamp, VisitorId},
    recommend::Model,
    store::{
        Store, StoreError,
        read::{ItemChange, ItemEventRow},
    },
    tasks::{Stopping, Tasks, patiently},
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
    ear: Ear,
    /// How far the store has the service's own events; `None` where there is no journal.
    delivered: Option<watch::Receiver<Position>>,
    shelves: Shelves,
    recent: Mutex<HashMap<SiteId, Recent>>,
    indexes: ArcSwap<Indexes>,
}

/// The catalogues of all sites as they are now.
pub type Catalogues = Arc<dyn Fn() -> Vec<(SiteId, Arc<Items>)> + Send + Sync>;

/// A build under way, and how it ends: what it saw, and how long it took.
type Building = Pin<Box<dyn Future<Output = Result<(ItemChange, Duration), StoreError>> + Send>>;

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
        Ok(Self {
            store,
            refresh: Duration::from_secs(config.refresh_seconds.max(1)),
            rest_factor: config.rest_factor,
            history_ms: i64::try_from(config.history_days).unwrap_or(i64::MAX).saturating_mul(DAY_MS),
            params: Params::new(config, session_minutes),
            tuning: Arc::new(Tuning::open(control).await?),
            ear: Ear::default(),
            delivered,
            shelves: Shelves::new(catalogues),
            recent: Mutex::default(),
            indexes: ArcSwap::default(),
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
    pub fn hear(&self, site: SiteId, visitor: VisitorId, event: &ProfileEvent) {
        self.ear.hear(site, visitor, event);
    }

    /// Takes an event of an earlier run that the store does not have yet, oldest first.
    pub fn recover(&self, site: SiteId, visitor: VisitorId, event: &ProfileEvent) {
        self.recents(|recents| {
            for heard in Heard::of(site, visitor, event) {
                recents.entry(site).or_default().hear(heard);
            }
        });
    }

    /// Learns until the service stops.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        let mut due: HashMap<SiteId, Due> = HashMap::new();
        let mut building: Option<Building> = None;
        let mut look_at = Instant::now();
        loop {
            tokio::select! {
                () = stopping.wait() => return,
                done = end_of(&mut building) => {
                    building = None;
                    match done {
                        Ok((change, took)) => {
                            self.due_of(&mut due, SiteId(change.site_id)).built(change, took, Instant::now());
                        }
                        Err(error) => tracing::debug!(%error, "nothing was learned this time"),
                    }
                }
                () = tokio::time::sleep(FRESHEN) => {}
            }
            self.freshen().await;
            if building.is_none() && Instant::now() >= look_at {
                let begun = Instant::now();
                match self.next_to_build(&mut due).await {
                    Ok(Some(change)) => building = Some(Box::pin(Arc::clone(&self).build(change, stopping.clone()))),
                    Ok(None) => {}
                    Err(error) => tracing::debug!(%error, "nothing was learned this time"),
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
    pub fn standing(&self, site: SiteId) -> Standing {
        self.tuning.of(site)
    }

    /// Lets a model serve a site whatever the trial says, or with `None` the winner again. Answers follow
    /// at once.
    ///
    /// # Errors
    /// When the control database cannot keep it; nothing has changed then.
    pub async fn choose(&self, site: SiteId, model: Option<Model>, who: &str) -> Result<(), ControlError> {
        self.tuning.choose(site, model, who).await?;
        self.retune(site);
        Ok(())
    }

    fn since(&self) -> Timestamp {
        Timestamp(clock::now().0.saturating_sub(self.history_ms))
    }

    /// Whoever changes an index holds these meanwhile, so that no change is lost.
    fn recents<T>(&self, what: impl FnOnce(&mut HashMap<SiteId, Recent>) -> T) -> T {
        // What is heard is kept entry by entry, so that a panic elsewhere leaves nothing half-written.
        what(&mut self.recent.lock().unwrap_or_else(PoisonError::into_inner))
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
        let (mut heard, changed) = (self.ear.take(), self.shelves.changed());
        self.recents(|recents| {
            let untold = recents.iter().filter(|(_, recent)| recent.is_untold()).map(|(site, _)| *site);
            untold.for_each(|site| _ = heard.entry(site).or_default());
        });
        if heard.is_empty() && changed.is_empty() && !self.tuning.any_news() {
            return;
        }
        let learn = Arc::clone(self);
        let done = patiently("freshen", move || {
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
                        recent.hear(event);
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
    async fn next_to_build(&self, due: &mut HashMap<SiteId, Due>) -> Result<Option<ItemChange>, StoreError> {
        let changes = self.store.item_changes(self.since()).await?;
        let now = Instant::now();
        let mut next = None;
        for change in changes {
            let site = SiteId(change.site_id);
            let overflowed = self.recents(|recents| recents.get(&site).is_some_and(|recent| recent.overflowed));
            let is_due = self.due_of(due, site).look(change, self.tuning.has_news(site), overflowed, now);
            if is_due && next.is_none() {
                next = Some(change);
            }
        }
        Ok(next)
    }

    async fn build(
        self: Arc<Self>,
        change: ItemChange,
        stopping: Stopping,
    ) -> Result<(ItemChange, Duration), StoreError> {
        let handle = Handle::current();
        let built = patiently("learn", move || handle.block_on(self.build_patiently(change, &stopping)));
        let lost = |lost| Err(StoreError::Misfit(format!("the index could not be built: {lost}")));
        Ok((change, built.await.unwrap_or_else(lost)?))
    }

    /// Reads a site's events, builds its large index and serves it, with what it does not have yet beside it.
    async fn build_patiently(&self, change: ItemChange, stopping: &Stopping) -> Result<Duration, StoreError> {
        let (site, begun, now, mut since) = (SiteId(change.site_id), Instant::now(), clock::now(), self.since());
        let below = self.delivered.as_ref().map_or(Position::default(), |delivered| *delivered.borrow());
        let under_way = self.recents(|recents| recents.get(&site).map(|recent| recent.under_way(now, &self.params)));
        let under_way = under_way.unwrap_or_default();
        if change.events > self.params.events_max as u64 {
            since = self.store.item_events_since(site, since, self.params.events_max).await?;
        }
        tracing::debug!(%site, events = change.events, "learning");
        let mut builder = Builder::new(self.params, now).without(under_way.clone());
        let each = |row: ItemEventRow<'_>| {
            let (at, action) = (Timestamp(row.at), Action::from_number(row.action));
            let (visitor, items, category) = (row.visitor, &row.items[..], row.category_text);
            builder.add(&ItemEvent { visitor, at, action, items, category }) && !stopping.begun()
        };
        self.store.each_item_event(site, since, each).await?;
        let read = begun.elapsed();
        let index = builder.finish(&self.tuning.take(site).unwrap_or_default());
        let took = begun.elapsed();
        tracing::debug!(%site, items = index.len(), events = index.events(), ?read, ?took, "learned");
        let before = self.index(site);
        self.recents(|recents| {
            let index = index.with_content(Arc::clone(self.index(site).content()));
            let recent = recents.entry(site).or_default();
            recent.settle(below, &under_way);
            if recent.is_empty() {
                recents.remove(&site);
                self.publish(site, index);
            } else {
                let grown = recent.grow(&index, &self.params, clock::now());
                self.publish(site, grown);
            }
        });
        let_go_of(before);
        self.tuning.begin_if_due(site, &self.index(site), now);
        Ok(took)
    }
}

/// Waits for a build; for ever where there is none.
async fn end_of(building: &mut Option<Building>) -> Result<(ItemChange, Duration), StoreError> {
    match building {
        Some(building) => building.await,
        None => std::future::pending().await,
    }
}

/// To take a large index apart takes milliseconds; they are spent here, not by the request that had it last.
fn let_go_of(index: Arc<Index>) {
    for _ in 0..100 {
        if Arc::strong_count(&index) == 1 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(index);
}
