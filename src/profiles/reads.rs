//! Reads of the store: the first goes at once, and those that come while it runs are collected and read together.
//!
//! A query costs much more than a visitor in it, so that many visitors at once are answered almost as fast as one.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use super::{Incomplete, Outcome, Profiles, READ_TIMEOUT, known, pending::Key, stored::StoredHistory};
use crate::{
    clock,
    model::{History, Profile, ProfileEvent, SiteId, Timestamp, VisitorId},
    store::{StoreError, StoredPast},
    tasks::Stopping,
};

/// Concurrent queries.
const QUERIES_MAX: usize = 4;
/// Visitors of one query.
const VISITORS_MAX: usize = 256;
/// How long reads are collected while another is running.
const COLLECT: Duration = Duration::from_millis(5);

/// A request to read from the store.
#[derive(Debug)]
pub(super) enum Job {
    Visitor(Read),
    UserVisitors(known::VisitorsRequest),
}

/// A queued read. If it is dropped (the service stops, the read panics), it counts as failed.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) key: Key,
    pub(super) outcome: watch::Sender<Outcome>,
}

impl Profiles {
    /// Executes reads until the service stops. Only one caller at a time; a second waits for the first to end.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        let mut queued = self.queued.lock().await;
        let mut running = JoinSet::new();
        let mut collected = Collected::default();
        loop {
            tokio::select! {
                () = stopping.wait() => return,
                Some(ended) = running.join_next() => if let Err(error) = ended {
                    // The requester sees a failed read; the next request reads again.
                    self.reads_failed.fetch_add(1, Relaxed);
                    tracing::error!(%error, "reading a profile panicked");
                },
                Some(job) = queued.recv(), if running.len() < QUERIES_MAX && collected.has_room() => {
                    self.accept(job, &mut collected, &mut running);
                }
                () = sleep_until(collected.until), if running.len() < QUERIES_MAX && !collected.reads.is_empty() => {}
            }
            if running.len() < QUERIES_MAX && collected.is_due(running.is_empty()) {
                self.accept_queued(&mut queued, &mut collected, &mut running);
                for (site, reads) in collected.take() {
                    // Begun here: a task may be dropped before it runs.
                    let batch = Batch::begin(&self, site, reads);
                    running.spawn(batch.run());
                }
            }
        }
    }

    fn accept(self: &Arc<Self>, job: Job, collected: &mut Collected, running: &mut JoinSet<()>) {
        match job {
            Job::Visitor(read) => collected.add(read),
            Job::UserVisitors(request) => {
                let this = Arc::clone(self);
                running.spawn(async move { this.read_visitors(request).await });
            }
        }
    }

    /// Takes what is queued already.
    fn accept_queued(
        self: &Arc<Self>,
        queued: &mut mpsc::Receiver<Job>,
        collected: &mut Collected,
        running: &mut JoinSet<()>,
    ) {
        while running.len() < QUERIES_MAX
            && collected.has_room()
            && let Ok(job) = queued.try_recv()
        {
            self.accept(job, collected, running);
        }
    }

    /// Reads what the store has of visitors. The past events come second, so that they lack none of the first.
    async fn read_stored(
        &self,
        site: SiteId,
        visitors: &[VisitorId],
        since: Timestamp,
    ) -> Result<HashMap<VisitorId, StoredHistory>, StoreError> {
        let wanted = self.cache.wanted(site);
        let rows = self.store.visitor_histories(site, visitors, since, self.history_events_max).await?;
        let mut events: HashMap<VisitorId, Vec<ProfileEvent>> = HashMap::new();
        for (visitor, event) in rows {
            events.entry(visitor).or_default().push(event);
        }
        let mut past: HashMap<VisitorId, Vec<StoredPast>> = HashMap::new();
        if wanted.version != 0 {
            for stored in self.store.past_events(site, visitors, &wanted.wanted, History::EVENTS_MAX).await? {
                past.entry(stored.visitor).or_default().push(stored);
            }
        }
        let mut of = |visitor: &VisitorId| {
            let (events, past) = (events.remove(visitor).unwrap_or_default(), past.remove(visitor).unwrap_or_default());
            (*visitor, StoredHistory::new(events, past, &wanted))
        };
        Ok(visitors.iter().map(&mut of).collect())
    }
}

/// Reads that wait for each other.
#[derive(Debug)]
struct Collected {
    reads: Vec<Read>,
    /// When they no longer wait.
    until: Instant,
}

impl Default for Collected {
    fn default() -> Self {
        Self { reads: Vec::new(), until: Instant::now() }
    }
}

impl Collected {
    const fn has_room(&self) -> bool {
        self.reads.len() < VISITORS_MAX
    }

    fn add(&mut self, read: Read) {
        if self.reads.is_empty() {
            self.until = Instant::now() + COLLECT;
        }
        self.reads.push(read);
    }

    /// Whether they are read now: nothing is running, or they waited long enough, or there is no room for more.
    fn is_due(&self, nothing_runs: bool) -> bool {
        !self.reads.is_empty() && (nothing_runs || !self.has_room() || Instant::now() >= self.until)
    }

    /// Takes them, by site.
    fn take(&mut self) -> HashMap<SiteId, Vec<Read>> {
        let mut by_site: HashMap<SiteId, Vec<Read>> = HashMap::new();
        for read in self.reads.drain(..) {
            by_site.entry(read.key.0).or_default().push(read);
        }
        by_site
    }
}

/// Visitors of a site that are read in one query.
struct Batch {
    profiles: Arc<Profiles>,
    site: SiteId,
    reads: Vec<(RunningRead, watch::Sender<Outcome>)>,
}

impl Batch {
    fn begin(profiles: &Arc<Profiles>, site: SiteId, reads: Vec<Read>) -> Self {
        let begin = |read: Read| (RunningRead::begin(Arc::clone(profiles), read.key), read.outcome);
        Self { profiles: Arc::clone(profiles), site, reads: reads.into_iter().map(begin).collect() }
    }

    async fn run(self) {
        let Self { profiles, site, reads } = self;
        let since = Timestamp(clock::now().0.saturating_sub(profiles.history_ms));
        let visitors: Vec<VisitorId> = reads.iter().map(|(read, _)| read.key.1).collect();
        let mut stored = match timeout(READ_TIMEOUT, profiles.read_stored(site, &visitors, since)).await {
            Ok(Ok(stored)) => stored,
            failed => {
                profiles.reads_failed.fetch_add(reads.len() as u64, Relaxed);
                if let Ok(Err(error)) = failed {
                    tracing::debug!(%error, "reading profiles failed");
                } else {
                    tracing::debug!("reading profiles timed out");
                }
                for (read, outcome) in reads {
                    drop(read);
                    outcome.send_replace(Some(Err(Incomplete)));
                }
                return;
            }
        };
        profiles.reads_done.fetch_add(reads.len() as u64, Relaxed);
        for (read, outcome) in reads {
            let (profile, complete) = match stored.remove(&read.key.1) {
                Some(stored) => read.finish(stored),
                None => continue,
            };
            outcome.send_replace(Some(if complete { Ok(profile) } else { Err(Incomplete) }));
        }
    }
}

/// A running read. However it ends, the visitor's events may be dropped afterwards and the next read may start.
struct RunningRead {
    profiles: Arc<Profiles>,
    key: Key,
    finished: bool,
}

impl RunningRead {
    fn begin(profiles: Arc<Profiles>, key: Key) -> Self {
        profiles.cache.begin_read(key);
        Self { profiles, key, finished: false }
    }

    fn finish(mut self, stored: StoredHistory) -> (Arc<Profile>, bool) {
        self.finished = true;
        self.profiles.cache.finish_read(self.key, stored)
    }
}

impl Drop for RunningRead {
    fn drop(&mut self) {
        if !self.finished {
            self.profiles.cache.fail_read(self.key);
        }
        self.profiles.reads.lock().remove(&self.key);
    }
}
