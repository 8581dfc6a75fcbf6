//! Whether the tracker is on a site's pages and does what it should: one-time links that open a page
//! in the owner's own browser, and what was found there and in the page as it is served.
//!
//! Nothing here is kept beyond minutes or a restart, and nothing is counted as an event. Judging is
//! pure (`page`, `browser`, `policy`); this file holds the open checks, a bounded number of them.
//! Example: `let token = checks.open(site, now); checks.load(&token, now)` is true once.

pub mod browser;
pub mod finding;
pub mod page;
pub mod policy;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

pub use finding::Finding;

use crate::model::{SiteId, Timestamp};

/// Open checks at one time; the oldest give way.
const OPEN_MAX: usize = 1000;

/// How far a check in the browser is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The link was not opened, or the page did not load the tracker.
    Waiting,
    /// The page loaded the tracker, which has yet to report.
    Loaded,
    /// What was found.
    BufferedEvent(Vec<Finding>),
}

#[derive(Debug)]
struct Check {
    site: SiteId,
    until: Timestamp,
    state: State,
}

/// The open checks.
#[derive(Debug)]
pub struct Checks {
    life_ms: i64,
    open: Mutex<HashMap<String, Check>>,
}

impl Checks {
    /// Links are good for `minutes`.
    #[must_use]
    pub fn new(minutes: u64) -> Self {
        let life_ms = i64::try_from(minutes).unwrap_or(i64::MAX / 60_000).saturating_mul(60_000);
        Self { life_ms, open: Mutex::default() }
    }

    /// Opens a check under `token`, which is random.
    pub fn open(&self, site: SiteId, token: String, now: Timestamp) {
        self.with(now, |open| {
            if open.len() >= OPEN_MAX
                && let Some(oldest) = open.iter().min_by_key(|(_, check)| check.until).map(|(token, _)| token.clone())
            {
                open.remove(&oldest);
            }
            open.insert(token, Check { site, until: now.plus(self.life_ms), state: State::Waiting });
        });
    }

    /// The page asks for the second file: true the first time only.
    pub fn load(&self, token: &str, now: Timestamp) -> bool {
        self.with(now, |open| match open.get_mut(token) {
            Some(check) if check.state == State::Waiting => {
                check.state = State::Loaded;
                true
            }
            _ => false,
        })
    }

    /// Whose check a page that loaded it reports to.
    pub fn site_of(&self, token: &str, now: Timestamp) -> Option<SiteId> {
        self.with(now, |open| open.get(token).filter(|check| check.state != State::Waiting).map(|check| check.site))
    }

    /// Keeps what was found; a later report of the same page replaces it.
    pub fn hear(&self, token: &str, findings: Vec<Finding>, now: Timestamp) {
        self.with(now, |open| {
            if let Some(check) = open.get_mut(token) {
                check.state = State::BufferedEvent(findings);
            }
        });
    }

    /// How far the site's check is; `None` when there is no such one, or no more.
    pub fn state(&self, site: SiteId, token: &str, now: Timestamp) -> Option<State> {
        self.with(now, |open| open.get(token).filter(|check| check.site == site).map(|check| check.state.clone()))
    }

    fn with<T>(&self, now: Timestamp, act: impl FnOnce(&mut HashMap<String, Check>) -> T) -> T {
        // Whatever a thread that panicked left behind is a whole map of whole checks.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, check| check.until > now);
        act(&mut open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    #[test]
    fn a_link_is_opened_once_and_reported_to_its_site_alone() {
        let checks = Checks::new(10);
        checks.open(SiteId(1), "t".into(), NOW);
        assert_eq!(checks.site_of("t", NOW), None, "nobody has opened it");
        assert_eq!(checks.state(SiteId(1), "t", NOW), Some(State::Waiting));
        assert!(checks.load("t", NOW));
        assert!(!checks.load("t", NOW));
        assert!(!checks.load("u", NOW));
        assert_eq!(checks.state(SiteId(1), "t", NOW), Some(State::Loaded));
        assert_eq!(checks.site_of("t", NOW), Some(SiteId(1)));
        checks.hear("t", vec![Finding::EventsArrive], NOW);
        assert_eq!(checks.state(SiteId(1), "t", NOW), Some(State::BufferedEvent(vec![Finding::EventsArrive])));
        assert_eq!(checks.state(SiteId(2), "t", NOW), None);
    }

    #[test]
    fn checks_end_and_are_bounded() {
        let checks = Checks::new(10);
        checks.open(SiteId(1), "t".into(), NOW);
        assert_eq!(checks.state(SiteId(1), "t", NOW.plus(600_000)), None);
        for n in 0..=i64::try_from(OPEN_MAX).unwrap() {
            checks.open(SiteId(1), n.to_string(), NOW.plus(n));
        }
        let now = NOW.plus(2000);
        assert_eq!(checks.state(SiteId(1), "0", now), None, "the oldest gave way");
        assert!(checks.state(SiteId(1), "1", now).is_some());
    }
}
