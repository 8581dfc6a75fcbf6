//! What became of one request's events.

use std::{collections::BTreeMap, fmt::Write};

/// What became of one request's events, for the `Ashna-Outcome` header and the importer's counts.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Events parsed.
    pub received: u64,
    /// Events made durable.
    pub kept: u64,
    /// Events left out on purpose, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Events that cannot be used, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// What was noticed about events besides their fate, such as the kind of a robot.
    pub noticed: BTreeMap<&'static str, u64>,
}

impl Outcome {
    /// Dropped events of any reason.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Rejected events of any reason.
    #[must_use]
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Counts one event left out on purpose.
    pub fn count_dropped(&mut self, reason: &'static str) {
        *self.dropped.entry(reason).or_default() += 1;
    }

    /// Counts one event that cannot be used.
    pub fn count_rejected(&mut self, reason: &'static str) {
        *self.rejected.entry(reason).or_default() += 1;
    }

    /// Counts something about an event that does not decide its fate.
    pub fn notice(&mut self, what: &'static str) {
        *self.noticed.entry(what).or_default() += 1;
    }

    /// Adds the counts of another request.
    pub fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.kept += other.kept;
        for (reason, n) in &other.dropped {
            *self.dropped.entry(reason).or_default() += n;
        }
        for (reason, n) in &other.rejected {
            *self.rejected.entry(reason).or_default() += n;
        }
        for (what, n) in &other.noticed {
            *self.noticed.entry(what).or_default() += n;
        }
    }

    /// The header's text: `kept=2, dropped=1 (duplicate=1), rejected=0`.
    #[must_use]
    pub fn header(&self) -> String {
        if self.dropped.is_empty() && self.rejected.is_empty() {
            return format!("kept={}, dropped=0, rejected=0", self.kept);
        }
        let mut out = format!("kept={}", self.kept);
        for (word, total, reasons) in
            [("dropped", self.dropped_total(), &self.dropped), ("rejected", self.rejected_total(), &self.rejected)]
        {
            let _ = write!(out, ", {word}={total}");
            if total > 0 {
                let named: Vec<String> = reasons.iter().map(|(reason, n)| format!("{reason}={n}")).collect();
                let _ = write!(out, " ({})", named.join(" "));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_names_every_reason() {
        let mut outcome = Outcome { received: 4, kept: 2, ..Outcome::default() };
        assert_eq!(outcome.header(), "kept=2, dropped=0, rejected=0");
        outcome.dropped.insert("duplicate", 1);
        outcome.rejected.insert("no_name", 1);
        assert_eq!(outcome.header(), "kept=2, dropped=1 (duplicate=1), rejected=1 (no_name=1)");
    }
}
