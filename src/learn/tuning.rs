//! What each site's recommendations are tuned to, and when they are tuned again.
//!
//! Tuning takes seconds to a minute of one processor and goes on beside the rebuilds; the rebuild after
//! it takes up what was found. A site is tuned by one at a time, and a service that stops does not
//! wait for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    model::{SiteId, Timestamp},
    recommend::{Bounds, Sessions, Tuned, tune},
};

/// Clicks below which a site is not tuned: the simple blend of `decide` serves it.
const CLICKS_MIN: usize = 1_000;
/// A site is tuned again when it has this many times the clicks of the last time, as a fraction.
const GROWTH: (usize, usize) = (5, 4);
/// And when the last time is this long ago.
const AGE_MS: i64 = 86_400_000;

/// Sites by what they were tuned to.
#[derive(Debug, Default)]
pub(super) struct Tuning {
    sites: Mutex<HashMap<SiteId, State>>,
}

#[derive(Debug, Default)]
struct State {
    tuned: Option<Arc<Tuned>>,
    running: bool,
    /// Whether something was found that no index was built with yet.
    news: bool,
    clicks: usize,
    at: Timestamp,
}

impl Tuning {
    fn with<T>(&self, site: SiteId, what: impl FnOnce(&mut State) -> T) -> T {
        // A state is written in one step, so that a panic elsewhere leaves none half-written.
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        what(sites.entry(site).or_default())
    }

    pub(super) fn of(&self, site: SiteId) -> Option<Arc<Tuned>> {
        self.with(site, |state| state.tuned.clone())
    }

    pub(super) fn has_news(&self, site: SiteId) -> bool {
        self.with(site, |state| state.news)
    }

    /// What to build the next index with.
    pub(super) fn take(&self, site: SiteId) -> Option<Arc<Tuned>> {
        self.with(site, |state| {
            state.news = false;
            state.tuned.clone()
        })
    }

    /// Starts tuning where it is due; returns at once.
    pub(super) fn begin_if_due(self: &Arc<Self>, site: SiteId, sessions: &Sessions, now: Timestamp) {
        let clicks = sessions.clicks();
        let due = self.with(site, |state| {
            let grown = clicks >= state.clicks.saturating_mul(GROWTH.0) / GROWTH.1;
            let due = clicks >= CLICKS_MIN && !state.running && (grown || now.since(state.at) >= AGE_MS);
            if due {
                (state.running, state.clicks, state.at) = (true, clicks, now);
            }
            due
        });
        if !due {
            return;
        }
        let (sessions, tuning) = (sessions.clone(), Arc::clone(self));
        tokio::task::spawn_blocking(move || {
            let bounds = Bounds { predictions_max: SERVED_PREDICTIONS_MAX, ..Bounds::default() };
            let tuned = tune(&sessions, &bounds, &mut |_| ());
            let (best, second) = tuned.margin();
            tracing::info!(%site, clicks, winner = tuned.winner.as_str(), hit_rate = best.hit_rate, mrr = best.mrr,
                next_hit_rate = second.hit_rate, next_mrr = second.mrr, "tuned");
            tuning.with(site, |state| {
                (state.tuned, state.running, state.news) = (Some(Arc::new(tuned)), false, true);
            });
        });
    }
}

/// Beside a service memory is dearer than the last thousandth of quality: at most some 200 MiB.
const SERVED_PREDICTIONS_MAX: usize = 10_000;
