//! Failed logins, remembered for a while so that guessing is slow. Bounded: the memory of the oldest
//! names is given up first.

use std::collections::{HashMap, VecDeque};

use crate::model::Timestamp;

const NAMES_MAX: usize = 10_000;

/// Failures by login name.
#[derive(Debug)]
pub struct Failures {
    by_name: HashMap<String, (usize, Timestamp)>,
    order: VecDeque<String>,
    allowed: usize,
    pause_ms: i64,
}

impl Failures {
    /// After `allowed` failures a name waits `pause_seconds` after each further one.
    pub fn new(allowed: usize, pause_seconds: u64) -> Self {
        let pause_ms = i64::try_from(pause_seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        Self { by_name: HashMap::new(), order: VecDeque::new(), allowed, pause_ms }
    }

    /// Seconds this name still has to wait.
    pub fn paused_for(&self, name: &str, now: Timestamp) -> Option<u64> {
        let (count, last) = self.by_name.get(name)?;
        let left = self.pause_ms - now.since(*last);
        (*count >= self.allowed && left > 0).then(|| left.unsigned_abs().div_ceil(1000))
    }

    /// Notes one more failure.
    pub fn note(&mut self, name: &str, now: Timestamp) {
        if let Some(entry) = self.by_name.get_mut(name) {
            // A name left alone for ten pauses begins anew.
            let count = if now.since(entry.1) > self.pause_ms.saturating_mul(10) { 1 } else { entry.0 + 1 };
            *entry = (count, now);
            return;
        }
        if self.order.len() >= NAMES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_name.remove(&oldest);
        }
        self.order.push_back(name.to_owned());
        self.by_name.insert(name.to_owned(), (1, now));
    }

    /// Forgets a name that logged in.
    pub fn forget(&mut self, name: &str) {
        if self.by_name.remove(name).is_some() {
            self.order.retain(|n| n != name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_waits_after_too_many_failures_and_is_free_again_later() {
        let mut failures = Failures::new(2, 60);
        failures.note("a", Timestamp(0));
        assert_eq!(failures.paused_for("a", Timestamp(1)), None);
        failures.note("a", Timestamp(1000));
        assert_eq!(failures.paused_for("a", Timestamp(1000)), Some(60));
        assert_eq!(failures.paused_for("b", Timestamp(1000)), None);
        assert_eq!(failures.paused_for("a", Timestamp(61_000)), None);
        failures.forget("a");
        assert_eq!(failures.paused_for("a", Timestamp(1000)), None);
    }
}
