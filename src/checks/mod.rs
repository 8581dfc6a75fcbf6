//! Installation check: is the tracker on a site's pages, and does it work? The served HTML is inspected, and one-time
//! links open a page in the user's own browser, where the tracker's debug script reports what it observes.
//!
//! Open checks are bounded, held in memory for minutes, and lost on restart; nothing is counted as an event. The
//! diagnosis is pure (`page`, `browser`, `policy`); this file holds the open checks.
//! Example: `let token = checks.open(site, now); checks.load(&token, now)` is true once.

pub mod browser;
pub mod page;
pub mod policy;

use std::collections::HashMap;

pub use crate::model::Finding;
use parking_lot::Mutex;

use crate::model::{SiteId, Timestamp};

/// Maximum number of open checks; beyond it the oldest is removed.
const OPEN_MAX: usize = 1000;

/// Progress of a check in the browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckStatus {
    /// The link was not opened yet, or the page did not load the tracker.
    Waiting,
    /// The page loaded the debug script, which has not reported yet.
    Loaded,
    /// The debug script reported.
    Reported(Vec<Finding>),
}

#[derive(Debug)]
struct Check {
    site: SiteId,
    expires_at: Timestamp,
    status: CheckStatus,
}

/// The open checks.
#[derive(Debug)]
pub struct Checks {
    life_ms: i64,
    open: Mutex<HashMap<String, Check>>,
}

impl Checks {
    /// Creates an empty set of checks; links expire after `minutes`.
    #[must_use]
    pub fn new(minutes: u64) -> Self {
        let life_ms = i64::try_from(minutes).unwrap_or(i64::MAX / 60_000).saturating_mul(60_000);
        Self { life_ms, open: Mutex::default() }
    }

    /// Starts a check; `token` must be random.
    pub fn open(&self, site: SiteId, token: String, now: Timestamp) {
        self.with_open(now, |open| {
            if open.len() >= OPEN_MAX
                && let Some(oldest) =
                    open.iter().min_by_key(|(_, check)| check.expires_at).map(|(token, _)| token.clone())
            {
                open.remove(&oldest);
            }
            open.insert(token, Check { site, expires_at: now.plus(self.life_ms), status: CheckStatus::Waiting });
        });
    }

    /// Marks a check as loaded when the page requests the debug script. Returns true only the first time.
    pub fn load(&self, token: &str, now: Timestamp) -> bool {
        self.with_open(now, |open| match open.get_mut(token) {
            Some(check) if check.status == CheckStatus::Waiting => {
                check.status = CheckStatus::Loaded;
                true
            }
            _ => false,
        })
    }

    /// Returns the site of a check that a page has loaded.
    pub fn site_of(&self, token: &str, now: Timestamp) -> Option<SiteId> {
        self.with_open(now, |open| {
            open.get(token).filter(|check| check.status != CheckStatus::Waiting).map(|check| check.site)
        })
    }

    /// Stores the findings of a report; a later report replaces them.
    pub fn record(&self, token: &str, findings: Vec<Finding>, now: Timestamp) {
        self.with_open(now, |open| {
            if let Some(check) = open.get_mut(token) {
                check.status = CheckStatus::Reported(findings);
            }
        });
    }

    /// Returns the status of a site's check; `None` if it is unknown or expired.
    pub fn status(&self, site: SiteId, token: &str, now: Timestamp) -> Option<CheckStatus> {
        self.with_open(now, |open| open.get(token).filter(|check| check.site == site).map(|check| check.status.clone()))
    }

    fn with_open<T>(&self, now: Timestamp, act: impl FnOnce(&mut HashMap<String, Check>) -> T) -> T {
        let mut open = self.open.lock();
        open.retain(|_, check| check.expires_at > now);
        act(&mut open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    #[test]
    fn a_link_is_opened_once_and_visible_only_to_its_site() {
        let checks = Checks::new(10);
        checks.open(SiteId(1), "t".into(), NOW);
        assert_eq!(checks.site_of("t", NOW), None, "the link was not opened");
        assert_eq!(checks.status(SiteId(1), "t", NOW), Some(CheckStatus::Waiting));
        assert!(checks.load("t", NOW));
        assert!(!checks.load("t", NOW));
        assert!(!checks.load("u", NOW));
        assert_eq!(checks.status(SiteId(1), "t", NOW), Some(CheckStatus::Loaded));
        assert_eq!(checks.site_of("t", NOW), Some(SiteId(1)));
        checks.record("t", vec![Finding::EventsArrive], NOW);
        assert_eq!(checks.status(SiteId(1), "t", NOW), Some(CheckStatus::Reported(vec![Finding::EventsArrive])));
        assert_eq!(checks.status(SiteId(2), "t", NOW), None);
    }

    #[test]
    fn checks_expire_and_are_bounded() {
        let checks = Checks::new(10);
        checks.open(SiteId(1), "t".into(), NOW);
        assert_eq!(checks.status(SiteId(1), "t", NOW.plus(600_000)), None);
        for n in 0..=i64::try_from(OPEN_MAX).unwrap() {
            checks.open(SiteId(1), n.to_string(), NOW.plus(n));
        }
        let now = NOW.plus(2000);
        assert_eq!(checks.status(SiteId(1), "0", now), None, "the oldest was removed");
        assert!(checks.status(SiteId(1), "1", now).is_some());
    }
}
