//! Records failed logins: a bounded number of log lines, and per account one audit entry per window with their count.

use std::{collections::HashMap, net::IpAddr};

use crate::model::Timestamp;

use super::login_attempts::display_network;

/// One audit entry per account in this time.
const WINDOW_MS: i64 = 10 * 60_000;
/// Log lines per minute.
const LINES_MAX: u32 = 20;
const MINUTE_MS: i64 = 60_000;

/// Failures that are not in the audit log yet, by user, so bounded by the number of users; all names without an account
/// share one entry.
#[derive(Debug, Default)]
pub struct FailureLog {
    windows: HashMap<Option<i64>, Window>,
    minute: i64,
    lines: u32,
}

#[derive(Debug)]
struct Window {
    since: Timestamp,
    /// Failures that are not in the audit log yet.
    pending: u64,
    network: String,
}

/// Failed logins to add to the audit log.
#[derive(Debug, PartialEq, Eq)]
pub struct FailedLogins {
    /// The account; `None` for names without one.
    pub user: Option<i64>,
    /// How many.
    pub count: u64,
    /// The network of the last one.
    pub network: String,
}

impl FailureLog {
    /// Logs and counts a failure; returns the account's first one in a window, to be audited at once.
    pub fn record(
        &mut self,
        user: Option<i64>,
        from: IpAddr,
        why: &'static str,
        now: Timestamp,
    ) -> Option<FailedLogins> {
        let network = display_network(from);
        self.log(user, from, &network, why, now);
        if let Some(window) = self.windows.get_mut(&user) {
            window.pending += 1;
            window.network = network;
            return None;
        }
        self.windows.insert(user, Window { since: now, pending: 0, network: network.clone() });
        Some(FailedLogins { user, count: 1, network })
    }

    /// The pending failures of ended windows, or of `all`, to be audited now.
    pub fn take_due(&mut self, now: Timestamp, all: bool) -> Vec<FailedLogins> {
        let mut due = Vec::new();
        self.windows.retain(|user, window| {
            let over = now.since(window.since) >= WINDOW_MS;
            if window.pending > 0 && (over || all) {
                let network = window.network.clone();
                due.push(FailedLogins { user: *user, count: std::mem::take(&mut window.pending), network });
            }
            !over
        });
        due
    }

    /// The full address is logged at level debug only: it is personal data, and the network suffices to see an attack.
    fn log(&mut self, user: Option<i64>, from: IpAddr, network: &str, why: &'static str, now: Timestamp) {
        tracing::debug!(address = %from, why, "a login failed");
        let minute = now.0.div_euclid(MINUTE_MS);
        if minute != self.minute {
            if self.lines > LINES_MAX {
                tracing::warn!(more = self.lines - LINES_MAX, "further logins failed");
            }
            (self.minute, self.lines) = (minute, 0);
        }
        self.lines = self.lines.saturating_add(1);
        if self.lines <= LINES_MAX {
            let account = user.map_or_else(|| "unknown".to_owned(), |id| id.to_string());
            tracing::warn!(account, network, why, "a login failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_failures_are_two_entries() {
        let mut failures = FailureLog::default();
        let from = "192.0.2.7".parse().unwrap();
        let first = failures.record(Some(1), from, "password", Timestamp(0)).unwrap();
        assert_eq!((first.count, first.network.as_str()), (1, "192.0.2.0/24"));
        for _ in 0..999 {
            assert_eq!(failures.record(Some(1), from, "password", Timestamp(1)), None);
        }
        assert_eq!(failures.take_due(Timestamp(1000), false), []);
        let due = failures.take_due(Timestamp(WINDOW_MS), false);
        assert_eq!((due.len(), due[0].count), (1, 999));
        assert!(failures.windows.is_empty());
        assert!(failures.record(Some(1), from, "password", Timestamp(WINDOW_MS)).is_some());
    }
}
