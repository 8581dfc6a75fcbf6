//! Daily salts, for cookieless sites.
//!
//! A visitor id is then a hash of salt, site, address and user agent. The salt is random, one for all sites, and changes
//! at midnight UTC. It is kept in memory and in the file `daily-salts` (so that ids survive a restart within the day), and
//! then destroyed: overwritten, synced and removed. Without it not even the owner can find out to whom a stored id
//! belonged, or that ids of two days are of one visitor.
//!
//! **Across midnight.** Yesterday's salt is kept for [`GRACE_MS`]. A visitor who was active shortly before midnight and
//! continues the session keeps yesterday's id until that session ends. Times of activity are only in memory: a restart in
//! that hour starts new sessions.
//!
//! Clock jumps: less than an hour back over midnight changes nothing; any other change of day generates a new salt.
//! Example: `salts.visitor(site, timeout_ms, address, "Mozilla/5.0 …", clock::now())`.

mod file;

use std::{
    collections::HashMap,
    net::IpAddr,
    path::{Path, PathBuf},
};

use file::Salt;
use parking_lot::Mutex;

use crate::{
    ingest::identify::daily_visitor,
    model::{SiteId, Timestamp, VisitorId},
};

const DAY_MS: i64 = 86_400_000;
/// How long yesterday's salt is kept, and how long before midnight activity is recorded.
pub const GRACE_MS: i64 = 3_600_000;
/// How long before midnight the next day's salt is generated.
const AHEAD_MS: i64 = 5 * 60_000;
/// Visitors recorded around midnight; sessions of further ones end at midnight.
const RECORDED_MAX: usize = 200_000;

/// The salts in use.
#[derive(Debug)]
pub struct Salts {
    path: PathBuf,
    state: Mutex<SaltState>,
    /// The salts in the file; locked while it is written, which no request waits for.
    stored: Mutex<Vec<Salt>>,
}

#[derive(Debug, Default)]
struct SaltState {
    today: Option<Salt>,
    /// Generated shortly before midnight, so that it is on disk before the first request needs it.
    tomorrow: Option<Salt>,
    yesterday: Option<Salt>,
    /// Last activity before midnight, by yesterday's id.
    active: HashMap<(SiteId, VisitorId), Timestamp, ahash::RandomState>,
    /// Visitors with a session across midnight, by today's id.
    across: HashMap<(SiteId, VisitorId), Continued, ahash::RandomState>,
}

/// A session that continues from yesterday.
#[derive(Debug)]
struct Continued {
    yesterdays_id: VisitorId,
    last: Timestamp,
}

impl Salts {
    /// Opens the salts in this directory. Expired ones are destroyed at once; none is generated before it is needed.
    #[must_use]
    pub fn open(dir: &Path, now: Timestamp) -> Self {
        let path = dir.join(file::NAME);
        let mut state = SaltState::default();
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
        salts.rotate(now);
        salts
    }

    /// Returns the current visitor id of an address and a user agent. Inactivity longer than `timeout_ms` ends a session,
    /// and with it yesterday's id.
    pub fn visitor(
        &self,
        site: SiteId,
        timeout_ms: i64,
        address: IpAddr,
        user_agent: &str,
        now: Timestamp,
    ) -> VisitorId {
        let mut state = self.state.lock();
        state.expire(now);
        if state.today.is_none() {
            state.today = Some(Salt::generate(day_of(now)));
            drop(state);
            self.save();
            state = self.state.lock();
        }
        let today = state.today.clone().unwrap_or_else(|| Salt::generate(day_of(now)));
        let id = daily_visitor(&today.bytes, site, address, user_agent);
        if let Some(Continued { yesterdays_id, last }) = state.across.get_mut(&(site, id)) {
            if now.since(*last) <= timeout_ms {
                *last = now.max(*last);
                return *yesterdays_id;
            }
            state.across.remove(&(site, id));
            return id;
        }
        if let Some(yesterday) = &state.yesterday {
            let yesterdays_id = daily_visitor(&yesterday.bytes, site, address, user_agent);
            let last = state.active.remove(&(site, yesterdays_id));
            if last.is_some_and(|last| now.since(last) <= timeout_ms) && state.across.len() < RECORDED_MAX {
                state.across.insert((site, id), Continued { yesterdays_id, last: now });
                return yesterdays_id;
            }
        }
        if now.0 >= (today.day + 1) * DAY_MS - GRACE_MS
            && (state.active.len() < RECORDED_MAX || state.active.contains_key(&(site, id)))
        {
            state.active.insert((site, id), now);
        }
        id
    }

    /// Destroys expired salts and generates the next one ahead of time. Call it about once a minute, not on threads that
    /// answer requests.
    pub fn rotate(&self, now: Timestamp) {
        {
            let mut state = self.state.lock();
            state.expire(now);
            let next = day_of(now) + 1;
            let is_near = now.0 >= next * DAY_MS - AHEAD_MS;
            if is_near && state.today.is_some() && state.tomorrow.is_none() {
                state.tomorrow = Some(Salt::generate(next));
            }
        }
        self.save();
    }

    /// Writes the file if it is not current. No request waits for it.
    fn save(&self) {
        let mut stored = self.stored.lock();
        let salts: Vec<Salt> = {
            let state = self.state.lock();
            [&state.today, &state.tomorrow, &state.yesterday].into_iter().flatten().cloned().collect()
        };
        let is_same = salts.len() == stored.len() && salts.iter().all(|salt| stored.contains(salt));
        if is_same {
            return;
        }
        match file::replace(&self.path, &salts) {
            Ok(()) => *stored = salts,
            Err(error) => {
                tracing::warn!(%error, "cannot write the salts of the day: after a restart all visitors count as new");
            }
        }
    }
}

impl SaltState {
    /// Moves today's salt to yesterday when the day changes, and drops older ones; only in memory.
    fn expire(&mut self, now: Timestamp) {
        if self.today.as_ref().is_some_and(|salt| !is_current(salt.day, now)) {
            self.yesterday = self.today.take();
            self.today = self.tomorrow.take().filter(|salt| is_current(salt.day, now));
            // Sessions across the previous midnight have ended.
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

/// Whether the salt of this day is to be used now.
fn is_current(day: i64, now: Timestamp) -> bool {
    day_of(now) == day || (day_of(now) < day && day_of(now.plus(GRACE_MS)) == day)
}

#[cfg(test)]
mod tests;
