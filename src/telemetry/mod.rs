//! Counters for `/metrics`, the two conservation laws, and the log.
//!
//! Every parsed event ends in exactly one of kept, dropped, rejected; the law
//! `received = kept + dropped + rejected` is computable from what this room exports. It never knows
//! reasons by heart: closed enums elsewhere bring their stable words.

pub mod connections;
pub mod failures;
pub mod health;
pub mod learning;

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    sync::{Mutex, PoisonError},
};

pub use prometheus_client::metrics::counter::Counter;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use self::{connections::Connections, failures::Failures, learning::Learning};
use crate::{
    clock,
    model::{SiteId, Timestamp},
};

/// A label set of one stable word.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub struct Reason {
    /// The word.
    pub reason: &'static str,
}

/// A label set of one outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub struct OutcomeLabel {
    /// The word.
    pub outcome: &'static str,
}

/// How an attempt to log in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// Logged in.
    Done,
    /// Wrong e-mail address or password.
    BadCredentials,
    /// The password was right, and a code is asked for.
    CodeNeeded,
    /// A wrong code.
    BadCode,
    /// Too many failures before it; not looked at.
    Paused,
    /// Too many at once, or the control database failed.
    Unavailable,
}

impl Login {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::BadCredentials => "bad_credentials",
            Self::CodeNeeded => "code_needed",
            Self::BadCode => "bad_code",
            Self::Paused => "paused",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The service's counters. One instance a process; tests make their own.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    started: Timestamp,
    sites: Mutex<HashMap<SiteId, Outcome>>,
    /// Parsed events.
    pub received: Counter,
    /// Events made durable.
    pub kept: Counter,
    /// Events left out on purpose, by reason.
    pub dropped: Family<Reason, Counter>,
    /// Events that cannot be used, by reason.
    pub rejected: Family<Reason, Counter>,
    /// What was noticed about events besides their fate, by what it is.
    pub noticed: Family<Reason, Counter>,
    /// Bodies refused before any event could be counted, by reason.
    pub refused: Family<Reason, Counter>,
    /// Attempts to log in, by how they ended.
    pub logins: Family<OutcomeLabel, Counter>,
    /// Databases of places taken up while running.
    pub geo_swaps: Counter,
    /// Databases of places refused while running.
    pub geo_refusals: Counter,
    /// Decision requests.
    pub decisions: Counter,
    /// Decision requests answered without the stored profile.
    pub decisions_degraded: Counter,
    /// Times it was asked what follows from a visit's clicks.
    pub visits_asked: Counter,
    /// Those of them that were remembered.
    pub visits_remembered: Counter,
    /// Seconds from a decision request to its answer.
    pub decision_seconds: Histogram,
    /// Records ever written to the journal; persisted.
    pub journal_kept: Gauge,
    /// Records inserted into the warehouse; persisted.
    pub journal_inserted: Gauge,
    /// Records set aside with a reason; persisted.
    pub journal_quarantined: Gauge,
    /// Records that wait for the warehouse.
    pub journal_waiting: Gauge,
    /// Bytes of journal files.
    pub journal_bytes: Gauge,
    /// Parts that the warehouse lost because it cannot read them.
    pub parts_set_aside: Counter,
    /// 1 while delivery waits for room, for an operator, or for the warehouse to be whole again.
    pub delivery_waits: Gauge,
    /// 1 while the warehouse answers.
    pub store_up: Gauge,
    /// Memory of the set of seen messages, bytes.
    pub dedup_memory_bytes: Gauge,
    /// Connections of the listeners.
    pub connections: Connections,
    /// Learning from all visitors' events.
    pub learning: Learning,
    /// What failed inside the service.
    pub failures: Failures,
    /// Profiles in memory.
    pub profiles_cached: Gauge,
    /// Undelivered events held for profiles that are not in memory.
    pub profiles_waiting_events: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("ashna");
        let metrics = Self {
            received: Counter::default(),
            kept: Counter::default(),
            dropped: Family::default(),
            rejected: Family::default(),
            noticed: Family::default(),
            refused: Family::default(),
            logins: Family::default(),
            geo_swaps: Counter::default(),
            geo_refusals: Counter::default(),
            decisions: Counter::default(),
            decisions_degraded: Counter::default(),
            visits_asked: Counter::default(),
            visits_remembered: Counter::default(),
            decision_seconds: Histogram::new(exponential_buckets(0.000_05, 2.0, 14)),
            journal_kept: Gauge::default(),
            journal_inserted: Gauge::default(),
            journal_quarantined: Gauge::default(),
            journal_waiting: Gauge::default(),
            journal_bytes: Gauge::default(),
            parts_set_aside: Counter::default(),
            delivery_waits: Gauge::default(),
            store_up: Gauge::default(),
            dedup_memory_bytes: Gauge::default(),
            connections: Connections::default(),
            failures: Failures::default(),
            learning: Learning::default(),
            profiles_cached: Gauge::default(),
            profiles_waiting_events: Gauge::default(),
            registry: Registry::default(),
            started: clock::now(),
            sites: Mutex::default(),
        };
        registry.register("events_received", "Parsed events since start", metrics.received.clone());
        registry.register("events_kept", "Events made durable since start", metrics.kept.clone());
        registry.register("events_dropped", "Events left out on purpose since start", metrics.dropped.clone());
        registry.register("events_rejected", "Events that cannot be used since start", metrics.rejected.clone());
        registry.register(
            "events_noticed",
            "What was noticed about events besides their fate since start",
            metrics.noticed.clone(),
        );
        registry.register("bodies_refused", "Bodies refused before events were counted", metrics.refused.clone());
        registry.register("logins", "Attempts to log in since start, by how they ended", metrics.logins.clone());
        registry.register("geo_swaps", "Databases of places taken up while running", metrics.geo_swaps.clone());
        registry.register("geo_refusals", "Databases of places refused while running", metrics.geo_refusals.clone());
        registry.register(
            "parts_set_aside",
            "Parts of the warehouse that could not be read and were set aside, seen since start",
            metrics.parts_set_aside.clone(),
        );
        metrics.register_decisions(&mut registry);
        metrics.failures.register(&mut registry);
        metrics.learning.register(&mut registry);
        metrics.connections.register(&mut registry);
        for (name, help, gauge) in [
            ("journal_records_kept", "Records ever written to the journal", &metrics.journal_kept),
            ("journal_records_inserted", "Records inserted into the warehouse", &metrics.journal_inserted),
            ("journal_records_quarantined", "Records set aside with a reason", &metrics.journal_quarantined),
            ("journal_records_waiting", "Records that wait for the warehouse", &metrics.journal_waiting),
            ("journal_bytes", "Size of the journal's files", &metrics.journal_bytes),
            ("delivery_waits", "1 while delivery waits for room or for an operator", &metrics.delivery_waits),
            ("store_up", "1 while the warehouse answers", &metrics.store_up),
            ("dedup_memory_bytes", "Memory of the set of seen messages", &metrics.dedup_memory_bytes),
            ("profiles_cached", "Live profiles in memory", &metrics.profiles_cached),
            ("profiles_waiting_events", "Undelivered events held for profiles", &metrics.profiles_waiting_events),
        ] {
            registry.register(name, help, gauge.clone());
        }
        Self { registry, ..metrics }
    }
}

impl Metrics {
    fn register_decisions(&self, registry: &mut Registry) {
        registry.register("decisions", "Decision requests since start", self.decisions.clone());
        registry.register(
            "decisions_degraded",
            "Decisions made without the stored profile",
            self.decisions_degraded.clone(),
        );
        for (name, help, counter) in [
            ("visits_asked", "Times it was asked what follows from a visit's clicks", &self.visits_asked),
            ("visits_remembered", "Those of them that were asked lately", &self.visits_remembered),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register_with_unit(
            "decision",
            "Time from a decision request to its answer",
            Unit::Seconds,
            self.decision_seconds.clone(),
        );
    }

    /// Counts one body refused unread.
    pub fn refuse_body(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// Counts one attempt to log in.
    pub fn count_login(&self, outcome: Login) {
        self.logins.get_or_create(&OutcomeLabel { outcome: outcome.as_str() }).inc();
    }

    /// Adds the outcome of one request.
    pub fn count(&self, site: SiteId, outcome: &Outcome) {
        {
            let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
            let of_site = sites.entry(site).or_default();
            of_site.add(outcome);
        }
        // Counted from the body, not from the verdicts: otherwise the first law could not fail.
        self.received.inc_by(outcome.received);
        self.kept.inc_by(outcome.kept);
        let families =
            [(&self.dropped, &outcome.dropped), (&self.rejected, &outcome.rejected), (&self.noticed, &outcome.noticed)];
        for (family, counts) in families {
            for (reason, n) in counts {
                family.get_or_create(&Reason { reason }).inc_by(*n);
            }
        }
    }

    /// What became of one site's events since start.
    #[must_use]
    pub fn of_site(&self, site: SiteId) -> Outcome {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner).get(&site).cloned().unwrap_or_default()
    }

    /// When counting began.
    #[must_use]
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// Everything, in the text format of `OpenMetrics`.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(8192);
        if text::encode(&mut out, &self.registry).is_err() {
            out.clear();
        }
        out
    }
}

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

/// Starts the log on standard error; `RUST_LOG`-style filters, `info` by default.
pub fn start_log(filter: &str) {
    let filter = tracing_subscriber::EnvFilter::try_new(filter).unwrap_or_else(|_| "info".into());
    // A log that cannot be written, as on a full disk, must harm nobody: complaining of it on the same
    // standard error would panic in whichever task had something to say.
    let log = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    // A second start, as in tests, keeps the first log.
    let _ = log.with_writer(std::io::stderr).with_target(false).try_init();
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

    #[test]
    fn metrics_render_with_their_reasons() {
        let metrics = Metrics::default();
        let mut outcome = Outcome { received: 1, ..Outcome::default() };
        outcome.count_dropped("robot");
        metrics.count(SiteId(1), &outcome);
        let text = metrics.render();
        assert!(text.contains("ashna_events_dropped_total{reason=\"robot\"} 1"), "{text}");
        assert!(text.contains("ashna_events_received_total 1"), "{text}");
    }
}
