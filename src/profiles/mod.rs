//! Live profiles: what is known of a visitor, to the last click, without asking the store each time.
//!
//! `apply` folds a durable event in at once; `get` finds the profile in memory or reads the visitor's
//! history from the store once, whoever else asks meanwhile, and waits for that no longer than its
//! budget. A profile that could not be read in time is made of what memory knows and called degraded;
//! the read goes on and the next request finds its fruit. Reads run in `run`, a bounded number of them:
//! a thousand unknown visitors at once make no thousand queries.
//!
//! Example: the service restarts with ten undelivered events of a visitor in the journal. They are
//! applied before the service is ready; the first decision reads the stored events, merges the ten by
//! their positions, and no event counts twice, delivered meanwhile or not.

mod cache;
mod identities;
mod ignored;
mod interest;
mod join;
mod known;
mod pending;
pub mod reducer;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, timeout, timeout_at},
};

use self::{
    cache::Cache,
    identities::People,
    pending::Key,
    reducer::{Params, Rules, SessionMinutes},
};
use crate::{
    clock, config,
    model::{Position, Profile, ProfileEvent, SiteId, Timestamp, VisitorId},
    store::Store,
    tasks::Stopping,
};

/// Reads of the store at one time.
const READS_MAX: usize = 8;
/// Visitors waiting for a read; those behind them would not be served within any budget.
const QUEUE_MAX: usize = 128;
/// A read that takes longer than this is given up, so that a hanging store does not hold all places.
const READ_TIME_MAX: Duration = Duration::from_secs(2);
const DAY_MS: i64 = 86_400_000;

/// Whether a profile is everything there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It is.
    Complete,
    /// Only what memory knows: the store did not answer in time.
    Degraded,
}

/// Numbers for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Profiles in memory.
    pub cached: u64,
    /// Undelivered events in memory.
    pub pending_events: u64,
    /// Undelivered events that did not fit; profiles that may lack them are degraded until they are delivered.
    pub events_let_go: u64,
    /// Profiles found in memory.
    pub hits: u64,
    /// Reads of the store that succeeded.
    pub reads: u64,
    /// Reads of the store that failed.
    pub reads_failed: u64,
    /// Profiles handed out degraded.
    pub degraded: u64,
}

/// What a read comes to; `None` while it is under way.
type Outcome = Option<Result<Arc<Profile>, Unread>>;

/// The read brought no whole profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unread;

/// The live profiles of all sites.
#[derive(Debug)]
pub struct Profiles {
    cache: Cache,
    people: People,
    store: Store,
    history_ms: i64,
    history_events_max: usize,
    /// Reads waiting or under way, one a visitor.
    reads: Mutex<HashMap<Key, watch::Receiver<Outcome>, ahash::RandomState>>,
    queue: mpsc::Sender<Job>,
    /// Taken by whoever runs the reads.
    queued: tokio::sync::Mutex<mpsc::Receiver<Job>>,
    hits: AtomicU64,
    /// Half-life of interest, milliseconds.
    half_life_ms: f64,
    reads_done: AtomicU64,
    reads_failed: AtomicU64,
    degraded: AtomicU64,
}

/// What is asked of the store.
#[derive(Debug)]
enum Job {
    Visitor(Read),
    Person(known::PersonRead),
}

/// A read to be done. Dropped undone (the service stops, the read panics) it ends as a failed one.
#[derive(Debug)]
struct Read {
    key: Key,
    outcome: watch::Sender<Outcome>,
}

impl Profiles {
    /// No profiles yet. `journal` is the id of the service's own journal; `session_minutes` the silence
    /// that ends a visit.
    #[must_use]
    pub fn new(config: &config::Profiles, session_minutes: u64, journal: u64, store: Store) -> Self {
        Self::with(config, Rules::new(Params::new(config, session_minutes), None), journal, store)
    }

    /// The same where sites may choose the silence that ends a visit themselves.
    #[must_use]
    pub fn with_choices(
        config: &config::Profiles,
        session_minutes: u64,
        chosen: SessionMinutes,
        journal: u64,
        store: Store,
    ) -> Self {
        Self::with(config, Rules::new(Params::new(config, session_minutes), Some(chosen)), journal, store)
    }

    fn with(config: &config::Profiles, rules: Rules, journal: u64, store: Store) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE_MAX);
        Self {
            people: People::new(config.cached_max, config.undelivered_events_max),
            half_life_ms: interest::half_life_ms(config.affinity_half_life_days),
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

    /// Takes a durable event; the next `get` sees it. Events of nobody are ignored.
    pub fn apply(&self, site: SiteId, visitor: VisitorId, event: &ProfileEvent) {
        if visitor.is_somebody() {
            self.cache.apply((site, visitor), event);
            if event.user_verified && !event.user_id.is_empty() {
                self.people.note(site, &event.user_id, visitor, event.position);
            }
        }
    }

    /// Notes that nothing is known of a visitor whose id was made this moment: there is no history to read. A
    /// profile is begun by the first durable event alone: ids cost nothing to invent, and invented ones must
    /// not push out the profiles of real visitors.
    pub fn expect(&self, site: SiteId, visitor: VisitorId) {
        if visitor.is_somebody() {
            self.cache.expect((site, visitor));
        }
    }

    /// Forgets what memory knows of a visitor beyond what is still on its way to the store.
    pub fn forget(&self, site: SiteId, visitor: VisitorId) {
        self.cache.forget((site, visitor));
    }

    /// The same for every visitor of a site.
    pub fn forget_site(&self, site: SiteId) {
        self.cache.forget_site(site);
    }

    /// The store has every event below this position.
    pub fn delivered(&self, position: Position) {
        self.cache.delivered(position);
        self.people.delivered(position);
    }

    /// The profile of a visitor, waiting at most `budget` for the store.
    pub async fn get(&self, site: SiteId, visitor: VisitorId, budget: Duration) -> (Arc<Profile>, Freshness) {
        let key = (site, visitor);
        if !visitor.is_somebody() {
            return (Arc::new(Profile::empty(site, visitor)), Freshness::Complete);
        }
        if let Some(live) = self.cache.hit(&key).or_else(|| self.cache.recall(key)) {
            self.hits.fetch_add(1, Relaxed);
            return (live, Freshness::Complete);
        }
        let deadline = Instant::now() + budget;
        if let Some(mut outcome) = self.ask(key)
            && let Ok(Ok(done)) = timeout_at(deadline, outcome.wait_for(Option::is_some)).await
            && let Some(Ok(read)) = &*done
        {
            // Events may have come between the read and now; the cache has folded them.
            return (self.cache.hit(&key).unwrap_or_else(|| Arc::clone(read)), Freshness::Complete);
        }
        self.degraded.fetch_add(1, Relaxed);
        (Arc::new(self.cache.without_store(key)), Freshness::Degraded)
    }

    /// Start and last event of the session a visitor is in, if memory knows it.
    #[must_use]
    pub fn session_of(&self, site: SiteId, visitor: VisitorId) -> Option<(Timestamp, Timestamp)> {
        let profile = self.cache.hit(&(site, visitor))?;
        Some((profile.session_start, profile.last_seen))
    }

    /// Joins the read of this visitor, or queues one. `None` when too many are waiting.
    fn ask(&self, key: Key) -> Option<watch::Receiver<Outcome>> {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = reads.get(&key).filter(|read| read.has_changed().is_ok()) {
            return Some(under_way.clone());
        }
        let (sender, receiver) = watch::channel(None);
        self.queue.try_send(Job::Visitor(Read { key, outcome: sender })).ok()?;
        reads.insert(key, receiver.clone());
        Some(receiver)
    }

    /// Serves the reads until the service stops. One at a time; a second one waits for the first to end.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        let mut queued = self.queued.lock().await;
        let mut under_way = JoinSet::new();
        loop {
            tokio::select! {
                () = stopping.wait() => return,
                Some(ended) = under_way.join_next() => if let Err(error) = ended {
                    // Whoever asked sees a failed read; the next request reads again.
                    self.reads_failed.fetch_add(1, Relaxed);
                    tracing::error!(%error, "reading a profile panicked");
                },
                Some(job) = queued.recv(), if under_way.len() < READS_MAX => {
                    let this = Arc::clone(&self);
                    under_way.spawn(async move {
                        match job {
                            Job::Visitor(read) => this.read(read).await,
                            Job::Person(read) => this.read_person(read).await,
                        }
                    });
                }
            }
        }
    }

    async fn read(&self, Read { key, outcome }: Read) {
        let reading = Reading { profiles: self, key, finished: false };
        let (site, visitor) = key;
        self.cache.begin_reading(key);
        let since = Timestamp(clock::now().0.saturating_sub(self.history_ms));
        let history = self.store.visitor_history(site, visitor, since, self.history_events_max);
        let result = match timeout(READ_TIME_MAX, history).await {
            Ok(Ok(stored)) => {
                self.reads_done.fetch_add(1, Relaxed);
                let (profile, whole) = reading.finish(stored);
                if whole { Ok(profile) } else { Err(Unread) }
            }
            Ok(Err(error)) => {
                self.reads_failed.fetch_add(1, Relaxed);
                tracing::debug!(%error, "a profile could not be read");
                Err(Unread)
            }
            Err(_) => {
                self.reads_failed.fetch_add(1, Relaxed);
                tracing::debug!("a profile was not read in time");
                Err(Unread)
            }
        };
        outcome.send_replace(Some(result));
    }

    /// Numbers for the metrics.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            cached: self.cache.cached(),
            pending_events: self.cache.pending() as u64,
            events_let_go: self.cache.let_go(),
            hits: self.hits.load(Relaxed),
            reads: self.reads_done.load(Relaxed),
            reads_failed: self.reads_failed.load(Relaxed),
            degraded: self.degraded.load(Relaxed),
        }
    }
}

/// A read under way; however it ends, the visitor's events may go and the next read may begin.
struct Reading<'a> {
    profiles: &'a Profiles,
    key: Key,
    finished: bool,
}

impl Reading<'_> {
    fn finish(mut self, stored: Vec<ProfileEvent>) -> (Arc<Profile>, bool) {
        self.finished = true;
        self.profiles.cache.finish(self.key, stored)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.profiles.cache.give_up(self.key);
        }
        self.profiles.reads.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
