//! Live profiles: the state of each visitor up to the last click, without a query per request.
//!
//! `apply` folds a durable event in immediately; `get` returns the profile from memory, or reads the visitor's history
//! from the store, once for all concurrent requests, and waits no longer than its budget. If the read takes longer, the
//! profile is built from memory alone and marked degraded; the read continues and the next request finds its result.
//! `run` executes the reads, those that wait together in one query: a thousand unknown visitors do not cause a thousand
//! queries.
//!
//! Example: the service restarts with ten undelivered events of a visitor in the journal. They are applied before the
//! service is ready; the first decision reads the stored events and merges the ten by position. No event counts twice,
//! whether delivered meanwhile or not.

mod cache;
mod identities;
mod ignored;
mod interest;
pub mod join;
mod known;
mod orders;
mod pending;
mod reads;
pub mod reducer;
pub mod rules;
mod stored;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout_at},
};

use self::{
    cache::Cache,
    identities::IdentityGraph,
    pending::Key,
    reads::{Job, Read},
    rules::{Params, Rules, SiteChoices},
};
use crate::{
    config,
    model::{Position, Profile, ProfileEvent, SiteId, Timestamp, VisitorId, WantedSnapshot, time::half_life_ms},
    store::Store,
};

/// Queued reads; requests behind them would exceed any budget.
const QUEUE_MAX: usize = 256;
/// Timeout of a read, so that a hanging store does not block all readers.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
const DAY_MS: i64 = 86_400_000;

/// Whether a profile is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It includes every event.
    Complete,
    /// From memory only: the store did not answer in time.
    Degraded,
}

/// Counts for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Profiles in memory.
    pub cached: u64,
    /// Undelivered events in memory.
    pub pending_events: u64,
    /// Undelivered events dropped for lack of room; profiles that may lack them are degraded until they are delivered.
    pub events_dropped: u64,
    /// Profiles found in memory.
    pub hits: u64,
    /// Reads of the store that succeeded.
    pub reads: u64,
    /// Reads of the store that failed.
    pub reads_failed: u64,
    /// Degraded profiles returned.
    pub degraded: u64,
}

/// Result of a read; `None` while it is running.
type Outcome = Option<Result<Arc<Profile>, Incomplete>>;

/// The read did not produce a complete profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Incomplete;

/// The live profiles of all sites.
#[derive(Debug)]
pub struct Profiles {
    cache: Cache,
    identities: IdentityGraph,
    store: Store,
    history_ms: i64,
    history_events_max: usize,
    /// Reads queued or running, one per visitor.
    reads: Mutex<HashMap<Key, watch::Receiver<Outcome>, ahash::RandomState>>,
    queue: mpsc::Sender<Job>,
    /// Held by whoever runs the reads.
    queued: tokio::sync::Mutex<mpsc::Receiver<Job>>,
    hits: AtomicU64,
    /// Half-life of interest, milliseconds.
    half_life_ms: f64,
    reads_done: AtomicU64,
    reads_failed: AtomicU64,
    degraded: AtomicU64,
}

impl Profiles {
    /// Creates an empty set of profiles. `journal` is the id of the service's own journal; a session ends after
    /// `session_minutes` of inactivity.
    #[must_use]
    pub fn new(config: &config::Profiles, session_minutes: u64, journal: u64, store: Store) -> Self {
        Self::with(config, Rules::new(Params::new(config, session_minutes), None), journal, store)
    }

    /// Like `new`, for sites that may have choices of their own.
    #[must_use]
    pub fn with_choices(
        config: &config::Profiles,
        session_minutes: u64,
        choices: Arc<dyn SiteChoices>,
        journal: u64,
        store: Store,
    ) -> Self {
        Self::with(config, Rules::new(Params::new(config, session_minutes), Some(choices)), journal, store)
    }

    fn with(config: &config::Profiles, rules: Rules, journal: u64, store: Store) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE_MAX);
        Self {
            identities: IdentityGraph::new(config.cached_max, config.undelivered_events_max),
            half_life_ms: half_life_ms(config.affinity_half_life_days),
            cache: Cache::new(config.cached_max, config.undelivered_events_max, journal, rules),
            store,
            history_ms: i64::try_from(config.history_days).unwrap_or(i64::MAX).saturating_mul(DAY_MS),
            history_events_max: config.history_events_max,
            reads: Mutex::default(),
            queue,
            queued: tokio::sync::Mutex::new(queued),
            hits: AtomicU64::new(0),
            reads_done: AtomicU64::new(0),
            reads_failed: AtomicU64::new(0),
            degraded: AtomicU64::new(0),
        }
    }

    /// Applies a durable event; the next `get` includes it. Events of anonymous visitors are ignored.
    pub fn apply(&self, site: SiteId, visitor: VisitorId, event: &ProfileEvent) {
        if visitor.is_identified() {
            self.cache.apply((site, visitor), event);
            if event.user_verified && !event.user_id.is_empty() {
                self.identities.link(site, &event.user_id, visitor, event.position);
            }
        }
    }

    /// Registers a visitor whose id was created just now: there is no history to read. Only the first durable event
    /// creates a profile: ids cost nothing to invent, and invented ones must not evict the profiles of real visitors.
    pub fn start_profile(&self, site: SiteId, visitor: VisitorId) {
        if visitor.is_identified() {
            self.cache.start_profile((site, visitor));
        }
    }

    /// Evicts what memory knows of a visitor, except events not yet in the store.
    pub fn forget(&self, site: SiteId, visitor: VisitorId) {
        self.cache.forget((site, visitor));
    }

    /// Evicts the profiles of all visitors of a site.
    pub fn forget_site(&self, site: SiteId) {
        self.cache.forget_site(site);
    }

    /// Every event below this position is in the store.
    pub fn delivered(&self, position: Position) {
        self.cache.delivered(position);
        self.identities.delivered(position);
    }

    /// The profile of a visitor, waiting at most `budget` for the store.
    pub async fn get(&self, site: SiteId, visitor: VisitorId, budget: Duration) -> (Arc<Profile>, Freshness) {
        let key = (site, visitor);
        if !visitor.is_identified() {
            return (Arc::new(Profile::empty(site, visitor)), Freshness::Complete);
        }
        if let Some(live) = self.cache.hit(&key).or_else(|| self.cache.rebuild_from_memory(key)) {
            self.hits.fetch_add(1, Relaxed);
            return (live, Freshness::Complete);
        }
        let deadline = Instant::now() + budget;
        if let Some(mut outcome) = self.request_read(key)
            && let Ok(Ok(done)) = timeout_at(deadline, outcome.wait_for(Option::is_some)).await
            && let Some(Ok(read)) = &*done
        {
            // Events may have arrived since the read; the cache has folded them.
            return (self.cache.hit(&key).unwrap_or_else(|| Arc::clone(read)), Freshness::Complete);
        }
        self.degraded.fetch_add(1, Relaxed);
        // A profile whose past events were kept for other rules knows more than the events in memory.
        let known = self.cache.of_any_rules(&key);
        (known.unwrap_or_else(|| Arc::new(self.cache.without_store(key))), Freshness::Degraded)
    }

    /// Start and last event of the visitor's current session, if it is in memory.
    #[must_use]
    pub fn session_of(&self, site: SiteId, visitor: VisitorId) -> Option<(Timestamp, Timestamp)> {
        let profile = self.cache.hit(&(site, visitor))?;
        Some((profile.session_start, profile.last_seen))
    }

    /// The user that the site verified in a browser, if its profile is in memory.
    #[must_use]
    pub fn verified_user(&self, site: SiteId, visitor: VisitorId) -> Option<Box<str>> {
        let profile = self.cache.of_any_rules(&(site, visitor))?;
        profile.user_verified.then(|| profile.user_id.clone())
    }

    /// Joins the running read of this visitor, or queues one. `None` when the queue is full.
    fn request_read(&self, key: Key) -> Option<watch::Receiver<Outcome>> {
        let mut reads = self.reads.lock();
        if let Some(running) = reads.get(&key).filter(|read| read.has_changed().is_ok()) {
            return Some(running.clone());
        }
        let (sender, receiver) = watch::channel(None);
        self.queue.try_send(Job::Visitor(Read { key, outcome: sender })).ok()?;
        reads.insert(key, receiver.clone());
        Some(receiver)
    }

    /// The past events that a site's rules need.
    #[must_use]
    pub fn wanted(&self, site: SiteId) -> Arc<WantedSnapshot> {
        self.cache.wanted(site)
    }

    /// Counts for metrics.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            cached: self.cache.cached(),
            pending_events: self.cache.pending() as u64,
            events_dropped: self.cache.dropped(),
            hits: self.hits.load(Relaxed),
            reads: self.reads_done.load(Relaxed),
            reads_failed: self.reads_failed.load(Relaxed),
            degraded: self.degraded.load(Relaxed),
        }
    }
}
