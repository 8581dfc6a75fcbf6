//! Salts of a day, for sites that keep nothing in their visitors' browsers.
//!
//! A visitor is then a hash of salt, site, address and user agent. The salt is random, one for all sites,
//! and changes at midnight UTC. It is kept in memory and in the file `daily-salts` (so that a restart
//! within the day agrees), and is then destroyed: overwritten, synced and removed. Without it nobody, the
//! owner included, can tell whose a stored id was, or that two days' ids are one visitor's.
//!
//! **Across midnight.** Yesterday's salt lives on for [`GRACE_MS`]. Who was active shortly before midnight
//! and goes on before the session ends keeps yesterday's id until the session does end. Who was active
//! when is only in memory: a restart in that hour begins new sessions.
//!
//! A clock that jumps: less than an hour back over midnight changes nothing; any other change of day draws
//! a new salt. Example: `salts.visitor(site, pause_ms, address, "Mozilla/5.0 …", clock::now())`.

mod file;

use std::{
    collections::HashMap,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    ingest::identify::daily_visitor,
    model::{SiteId, Timestamp, VisitorId},
};

const DAY_MS: i64 = 86_400_000;
/// How long yesterday's salt lives on, and how long before midnight activity is noted.
pub const GRACE_MS: i64 = 3_600_000;
/// How long before midnight the next day's salt is drawn.
const AHEAD_MS: i64 = 5 * 60_000;
/// Visitors noted around midnight; of those beyond it the sessions end at midnight.
const NOTED_MAX: usize = 200_000;

/// Tells visitors apart within a day.
#[derive(Debug)]
pub struct Salts {
    path: PathBuf,
    state: Mutex<State>,
    /// The salts of the file; held while it is written, which no request waits for.
    stored: Mutex<Vec<Salt>>,
}

#[derive(Debug, Default)]
struct State {
    today: Option<Salt>,
    /// Drawn shortly before midnight, so that the first request after it finds one on disk.
    tomorrow: Option<Salt>,
    yesterday: Option<Salt>,
    /// Last activity before midnight, by yesterday's id.
    active: HashMap<(SiteId, VisitorId), Timestamp, ahash::RandomState>,
    /// Those who went on across midnight, by today's id: yesterday's, and their last activity.
    across: HashMap<(SiteId, VisitorId), (VisitorId, Timestamp), ahash::RandomState>,
}

/// The salt of one day.
#[derive(Clone, PartialEq, Eq)]
struct Salt {
    /// Days since 1970, UTC.
    day: i64,
    bytes: [u8; 32],
}

impl Salt {
    fn draw(day: i64) -> Self {
        Self { day, bytes: rand::random() }
    }
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Salt(of day {})", self.day)
    }
}

impl Salts {
    /// The salts kept in this directory. What has had its day is destroyed at once; nothing is drawn
    /// before it is needed.
    #[must_use]
    pub fn open(dir: &Path, now: Timestamp) -> Self {
        let path = dir.join(file::NAME);
        let mut state = State::default();
        let stored = file::read(&path);
        for salt in stored.clone() {
            let slot = match salt.day - day_of(now) {
                0 => &mut state.today,
                1 => &mut state.tomorrow,
                _ => &mut state.yesterday,
            };
            *slot = Some(salt);
        }
        let salts = Self { path, state: Mutex::new(state), stored: Mutex::new(stored) };
        salts.tidy(now);
        salts
    }

    /// The visitor that an address and a user agent stand for now. A pause longer than `pause_ms` ends
    /// a session, and with it yesterday's id.
    pub fn visitor(&self, site: SiteId, pause_ms: i64, address: IpAddr, user_agent: &str, now: Timestamp) -> VisitorId {
        let mut state = self.state();
        state.forget(now);
        if state.today.is_none() {
            state.today = Some(Salt::draw(day_of(now)));
            drop(state);
            self.save();
            state = self.state();
        }
        let today = state.today.clone().unwrap_or_else(|| Salt::draw(day_of(now)));
        let id = daily_visitor(&today.bytes, site, address, user_agent);
        if let Some((yesterdays, last)) = state.across.get_mut(&(site, id)) {
            if now.since(*last) <= pause_ms {
                *last = now.max(*last);
                return *yesterdays;
            }
            state.across.remove(&(site, id));
            return id;
        }
        if let Some(yesterday) = &state.yesterday {
            let yesterdays = daily_visitor(&yesterday.bytes, site, address, user_agent);
            let last = state.active.remove(&(site, yesterdays));
            if last.is_some_and(|last| now.since(last) <= pause_ms) && state.across.len() < NOTED_MAX {
                state.across.insert((site, id), (yesterdays, now));
                return yesterdays;
            }
        }
        if now.0 >= (today.day + 1) * DAY_MS - GRACE_MS
            && (state.active.len() < NOTED_MAX || state.active.contains_key(&(site, id)))
        {
            state.active.insert((site, id), now);
        }
        id
    }

    /// Destroys what has had its day, and draws ahead what the next one needs; to be called every minute or so,
    /// off the threads that answer requests.
    pub fn tidy(&self, now: Timestamp) {
        {
            let mut state = self.state();
            state.forget(now);
            let next = day_of(now) + 1;
            let is_near = now.0 >= next * DAY_MS - AHEAD_MS;
            if is_near && state.today.is_some() && state.tomorrow.is_none() {
                state.tomorrow = Some(Salt::draw(next));
            }
        }
        self.save();
    }

    /// Brings the file up to date where it is not. No request waits for the disk here.
    fn save(&self) {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let salts: Vec<Salt> = {
            let state = self.state();
            [&state.today, &state.tomorrow, &state.yesterday].into_iter().flatten().cloned().collect()
        };
        let is_same = salts.len() == stored.len() && salts.iter().all(|salt| stored.contains(salt));
        if is_same {
            return;
        }
        match file::replace(&self.path, &salts) {
            Ok(()) => *stored = salts,
            Err(error) => {
                tracing::warn!(%error, "the salts of the day are in memory alone: a restart begins new visitors");
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Consistent between any two statements, so a poisoned one is usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Makes yesterday's what was today's, and lets go of what is older. In memory alone.
    fn forget(&mut self, now: Timestamp) {
        if self.today.as_ref().is_some_and(|salt| !holds(salt.day, now)) {
            self.yesterday = self.today.take();
            self.today = self.tomorrow.take().filter(|salt| holds(salt.day, now));
            // Those of the midnight before are long gone.
            self.across.clear();
        }
        let since_midnight = now.0 - day_of(now) * DAY_MS;
        if self.yesterday.as_ref().is_some_and(|s| s.day + 1 != day_of(now) || since_midnight >= GRACE_MS) {
            self.yesterday = None;
            self.active.clear();
        }
        if self.tomorrow.as_ref().is_some_and(|salt| salt.day != day_of(now) + 1) {
            self.tomorrow = None;
        }
    }
}

fn day_of(now: Timestamp) -> i64 {
    now.0.div_euclid(DAY_MS)
}

/// Whether the salt of a day is the one to use now.
fn holds(day: i64, now: Timestamp) -> bool {
    day_of(now) == day || (day_of(now) < day && day_of(now.plus(GRACE_MS)) == day)
}

#[cfg(test)]
mod tests;
