//! What failed logins leave behind: a bounded number of log lines, and an entry of the audit for each account
//! now and then with how many there were.

use std::{collections::HashMap, net::IpAddr};

use crate::model::Timestamp;

use super::login_attempts::shown_network;

/// One entry of the audit for an account in this time.
const WINDOW_MS: i64 = 10 * 60_000;
/// Log lines in a minute.
const LINES_MAX: u32 = 20;
const MINUTE_MS: i64 = 60_000;

/// Failures that are not in the audit yet. Keyed by user, so that its size is bounded by the number of users;
/// attempts at names without an account are one more.
#[derive(Debug, Default)]
pub struct Traces {
    windows: HashMap<Option<i64>, Window>,
    minute: i64,
    lines: u32,
}

#[derive(Debug)]
struct Window {
    since: Timestamp,
    /// Failures that are not noted yet.
    more: u64,
    network: String,
}

/// Failed logins to be noted in the audit.
#[derive(Debug, PartialEq, Eq)]
pub struct FailedLogins {
    /// At whose account; `None` for names without one.
    pub user: Option<i64>,
    /// How many.
    pub count: u64,
    /// Where the last one came from.
    pub network: String,
}

impl Traces {
    /// Takes a failure: logs it, and answers what is to be noted at once.
    pub fn failed(
        &mut self,
        user: Option<i64>,
        from: IpAddr,
        why: &'static str,
        now: Timestamp,
    ) -> Option<FailedLogins> {
        let network = shown_network(from);
        self.log(user, from, &network, why, now);
        if let Some(window) = self.windows.get_mut(&user) {
            window.more += 1;
            window.network = network;
            return None;
        }
        self.windows.insert(user, Window { since: now, more: 0, network: network.clone() });
        Some(FailedLogins { user, count: 1, network })
    }

    /// Failures of windows that are over, or of `all`, to be noted now.
    pub fn take_due(&mut self, now: Timestamp, all: bool) -> Vec<FailedLogins> {
        let mut due = Vec::new();
        self.windows.retain(|user, window| {
            let over = now.since(window.since) >= WINDOW_MS;
            if window.more > 0 && (over || all) {
                let network = window.network.clone();
                due.push(FailedLogins { user: *user, count: std::mem::take(&mut window.more), network });
            }
            !over
        });
        due
    }

    /// Address in full only where the owner asks for it: it is personal data, and the network is enough to see an attack.
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
        let mut traces = Traces::default();
        let from = "192.0.2.7".parse().unwrap();
        let first = traces.failed(Some(1), from, "password", Timestamp(0)).unwrap();
        assert_eq!((first.count, first.network.as_str()), (1, "192.0.2.0/24"));
        for _ in 0..999 {
            assert_eq!(traces.failed(Some(1), from, "password", Timestamp(1)), None);
        }
        assert_eq!(traces.take_due(Timestamp(1000), false), []);
        let due = traces.take_due(Timestamp(WINDOW_MS), false);
        assert_eq!((due.len(), due[0].count), (1, 999));
        assert!(traces.windows.is_empty());
        assert!(traces.failed(Some(1), from, "password", Timestamp(WINDOW_MS)).is_some());
    }
}
