//! The outcome of a request's events.

use std::{collections::BTreeMap, fmt::Write};

/// Counts of a request's events by outcome, for the `Ashna-Outcome` header and the importer.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Events parsed.
    pub received: u64,
    /// Events made durable.
    pub kept: u64,
    /// Events dropped on purpose, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Invalid events, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Notes about events that do not change their outcome, such as the kind of a robot.
    pub noticed: BTreeMap<&'static str, u64>,
}

impl Outcome {
    /// Dropped events for any reason.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Rejected events for any reason.
    #[must_use]
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// Counts one event dropped on purpose.
    pub fn count_dropped(&mut self, reason: &'static str) {
        *self.dropped.entry(reason).or_default() += 1;
    }

    /// Counts one invalid event.
    pub fn count_rejected(&mut self, reason: &'static str) {
        *self.rejected.entry(reason).or_default() += 1;
    }

    /// Counts a note about an event that does not change its outcome.
    pub fn notice(&mut self, note: &'static str) {
        *self.noticed.entry(note).or_default() += 1;
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
        for (note, n) in &other.noticed {
            *self.noticed.entry(note).or_default() += n;
        }
    }

    /// The header's value: `kept=2, dropped=1 (duplicate=1), rejected=0`.
    #[must_use]
    pub fn header(&self) -> String {
        if self.dropped.is_empty() && self.rejected.is_empty() {
            return format!("kept={}, dropped=0, rejected=0", self.kept);
        }
        let mut out = format!("kept={}", self.kept);
        for (name, total, reasons) in
            [("dropped", self.dropped_total(), &self.dropped), ("rejected", self.rejected_total(), &self.rejected)]
        {
            let _ = write!(out, ", {name}={total}");
            if total > 0 {
                let counts: Vec<String> = reasons.iter().map(|(reason, n)| format!("{reason}={n}")).collect();
                let _ = write!(out, " ({})", counts.join(" "));
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
