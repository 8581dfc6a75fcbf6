//! Learns from everybody's clicks which items are popular and which go together.
//!
//! In the background: every few seconds the sites with new item events are read from the store and
//! their index is built anew on a thread of its own; decisions take the finished one by an atomic swap
//! and never wait. A site whose events did not change is not read; after a long build the next one
//! waits in proportion, so that learning never takes more than a small share of the machine.
//!
//! What the recommendations weigh is tuned to each site on the newest part of its own clicks
//! (`recommend::tune`), beside the rebuilds: when there are enough clicks, and again when there are a
//! quarter more or the last time is a day ago.

pub mod build;
mod shows;
mod tuning;

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::time::Instant;

use self::{
    build::{Builder, ItemEvent, Params},
    tuning::Tuning,
};
pub use self::{
    shows::Shows,
    tuning::{Choice, Standing},
};
use crate::{
    clock, config,
    control::{Control, ControlError},
    decide::Index,
    model::{Action, SiteId, Timestamp},
    recommend::{Learned, Model},
    store::{Store, StoreError, read::ItemChange},
    tasks::Stopping,
};

/// The newest index of every site.
pub type Indexes = HashMap<SiteId, Arc<Index>>;

const DAY_MS: i64 = 86_400_000;
/// After a round the next one waits at least this many times as long as the round took.
const REST_FACTOR: u32 = 4;

/// Learns, and holds what was learned.
#[derive(Debug)]
pub struct Learn {
    store: Store,
    refresh: Duration,
    history_ms: i64,
    events_max: usize,
    params: Params,
    tuning: Arc<Tuning>,
    indexes: ArcSwap<Indexes>,
}

impl Learn {
    /// Knows only what sites were tuned to before. `session_minutes` is the silence that ends a visit.
    ///
    /// # Errors
    /// When the control database cannot be read.
    pub async fn open(
        store: Store,
        control: Control,
        config: &config::Learn,
        session_minutes: u64,
    ) -> Result<Self, ControlError> {
        Ok(Self {
            store,
            refresh: Duration::from_secs(config.refresh_seconds.max(1)),
            history_ms: i64::try_from(config.history_days).unwrap_or(i64::MAX).saturating_mul(DAY_MS),
            events_max: config.events_max,
            params: Params::new(config, session_minutes),
            tuning: Arc::new(Tuning::open(control).await?),
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

    /// Learns until the service stops.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        let mut known = HashMap::new();
        loop {
            let begun = Instant::now();
            tokio::select! {
                () = stopping.wait() => return,
                done = self.refresh(&mut known) => if let Err(error) = done {
                    tracing::debug!(%error, "nothing was learned this time");
                },
            }
            let rest = begun.elapsed().saturating_mul(REST_FACTOR);
            if stopping.sleep(self.refresh.saturating_sub(begun.elapsed()).max(rest)).await {
                return;
            }
        }
    }

    /// Learns once, at once; tools and tests call this.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn learn(&self) -> Result<(), StoreError> {
        self.refresh(&mut HashMap::new()).await
    }

    /// What a site's recommendations were tuned to, and what an owner chose instead.
    #[must_use]
    pub fn standing(&self, site: SiteId) -> Standing {
        self.tuning.of(site)
    }

    /// Lets a model serve a site whatever the trial says, or with `None` the winner again. Kept at once;
    /// answers follow with the next build, some seconds later.
    ///
    /// # Errors
    /// When the control database cannot keep it; nothing has changed then.
    pub async fn choose(&self, site: SiteId, model: Option<Model>, who: &str) -> Result<(), ControlError> {
        self.tuning.choose(site, model, who).await
    }

    async fn refresh(&self, known: &mut HashMap<SiteId, ItemChange>) -> Result<(), StoreError> {
        let since = Timestamp(clock::now().0.saturating_sub(self.history_ms));
        for change in self.store.item_changes(since).await? {
            let site = SiteId(change.site_id);
            if known.get(&site) == Some(&change) && !self.tuning.has_news(site) {
                continue;
            }
            let index = self.build(site, since).await?;
            tracing::debug!(%site, items = index.len(), pairs = index.pairs(), events = index.events(), "learned");
            let mut next = Indexes::clone(&self.indexes.load());
            next.insert(site, Arc::new(index));
            self.indexes.store(Arc::new(next));
            known.insert(site, change);
        }
        Ok(())
    }

    async fn build(&self, site: SiteId, since: Timestamp) -> Result<Index, StoreError> {
        let rows = self.store.item_events(site, since, self.events_max).await?;
        let (now, params, tuning) = (clock::now(), self.params, Arc::clone(&self.tuning));
        let built = tokio::task::spawn_blocking(move || {
            let mut builder = Builder::new(params, now);
            for row in &rows {
                builder.add(&ItemEvent {
                    visitor: row.visitor,
                    at: Timestamp(row.at),
                    action: Action::from_number(row.action),
                    items: &row.items,
                    category: &row.category_text,
                });
            }
            drop(rows);
            let (index, sessions) = builder.finish();
            tuning.begin_if_due(site, &sessions, now);
            match tuning.take(site) {
                Some(tuned) => index.with(Learned::new(sessions, &tuned)),
                None => index,
            }
        });
        built.await.map_err(|error| StoreError::Misfit(format!("the index could not be built: {error}")))
    }
}
