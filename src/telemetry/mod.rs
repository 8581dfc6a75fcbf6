//! Metrics for `/metrics`, the two conservation invariants, and the log.
//!
//! Every parsed event is counted as exactly one of kept, dropped, rejected; the invariant
//! `received = kept + dropped + rejected` can be checked from the exported metrics. The reasons are defined
//! elsewhere, as closed enums with stable names.

pub mod connections;
pub mod customers;
pub mod failures;
pub mod finished_days;
pub mod health;
pub mod learning;
mod log;
mod membership;
mod operations;
mod outcome;
mod process;
mod reports;
mod requests;
mod site;
mod timings;
mod webhooks;

pub use log::{check_filter, start_log};
pub use membership::MembershipMetrics;
pub use operations::Operations;
pub use outcome::Outcome;
pub use requests::{Requests, Route};
pub use timings::Timings;
pub use webhooks::WebhookMetrics;

use std::collections::HashMap;

use parking_lot::Mutex;
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
pub use reports::ReportMetrics;

use self::{
    connections::Connections, customers::CustomerMetrics, failures::Failures, finished_days::FinishedDayMetrics,
    learning::Learning,
};
use crate::{
    clock,
    model::{SiteId, Timestamp},
};

/// The label of a reason.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub struct Reason {
    /// Its stable name.
    pub reason: &'static str,
}

/// The label of an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub struct OutcomeLabel {
    /// Its stable name.
    pub outcome: &'static str,
}

/// The outcome of a login attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Login {
    /// Logged in.
    Done,
    /// Wrong email address or password.
    BadCredentials,
    /// The password was right, and a two-factor code is required.
    CodeNeeded,
    /// Wrong two-factor code.
    BadCode,
    /// Not checked: too many failed attempts before.
    Paused,
    /// Too many attempts at once, or the control database failed.
    Unavailable,
}

/// The service's metrics. One instance per process; tests create their own.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Process metrics, whose names have no prefix.
    process: Registry,
    /// Operational metrics.
    pub operations: Operations,
    started: Timestamp,
    sites: Mutex<HashMap<SiteId, Outcome>>,
    /// Parsed events.
    pub received: Counter,
    /// Events made durable.
    pub kept: Counter,
    /// Events dropped on purpose, by reason.
    pub dropped: Family<Reason, Counter>,
    /// Invalid events, by reason.
    pub rejected: Family<Reason, Counter>,
    /// Notes about events that do not change their outcome, by kind.
    pub noticed: Family<Reason, Counter>,
    /// Bodies refused before any event could be counted, by reason.
    pub refused: Family<Reason, Counter>,
    /// Login attempts, by outcome.
    pub logins: Family<OutcomeLabel, Counter>,
    /// Location databases replaced while running.
    pub geo_swaps: Counter,
    /// Location databases refused while running.
    pub geo_refusals: Counter,
    /// Decision requests.
    pub decisions: Counter,
    /// Decision requests answered without the stored profile.
    pub decisions_degraded: Counter,
    /// Lookups in the session cache.
    pub session_lookups: Counter,
    /// Session lookups answered from the cache.
    pub session_cache_hits: Counter,
    /// Seconds from a decision request to its response.
    pub decision_seconds: Histogram,
    /// Reports.
    pub reports: ReportMetrics,
    /// Records ever written to the journal; persisted.
    pub journal_kept: Gauge,
    /// Records inserted into the warehouse; persisted.
    pub journal_inserted: Gauge,
    /// Records in quarantine; persisted.
    pub journal_quarantined: Gauge,
    /// Records that are not yet delivered.
    pub journal_waiting: Gauge,
    /// Bytes of journal files.
    pub journal_bytes: Gauge,
    /// Unreadable data parts that the warehouse detached.
    pub parts_set_aside: Counter,
    /// 1 while delivery waits for space, for an operator, or for the repair of the warehouse.
    pub delivery_waits: Gauge,
    /// 1 while the warehouse responds.
    pub store_up: Gauge,
    /// Memory of the deduplication set, bytes.
    pub dedup_memory_bytes: Gauge,
    /// Connections of the listeners.
    pub connections: Connections,
    /// Learning from all visitors' events.
    pub learning: Learning,
    /// Values of customers.
    pub customers: CustomerMetrics,
    /// Counting of finished days.
    pub finished_days: FinishedDayMetrics,
    /// Failures inside the service.
    pub failures: Failures,
    /// Profiles in memory.
    pub profiles_cached: Gauge,
    /// Undelivered events held for profiles outside of memory.
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
            session_lookups: Counter::default(),
            session_cache_hits: Counter::default(),
            decision_seconds: Histogram::new(exponential_buckets(0.000_05, 2.0, 14)),
            reports: ReportMetrics::default(),
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
            customers: CustomerMetrics::default(),
            finished_days: FinishedDayMetrics::default(),
            failures: Failures::default(),
            learning: Learning::default(),
            profiles_cached: Gauge::default(),
            profiles_waiting_events: Gauge::default(),
            registry: Registry::default(),
            process: Registry::default(),
            operations: Operations::default(),
            started: clock::now(),
            sites: Mutex::default(),
        };
        registry.register("events_received", "Parsed events since start", metrics.received.clone());
        registry.register("events_kept", "Events made durable since start", metrics.kept.clone());
        registry.register("events_dropped", "Events dropped on purpose since start", metrics.dropped.clone());
        registry.register("events_rejected", "Invalid events since start", metrics.rejected.clone());
        registry.register(
            "events_noticed",
            "Notes about events that do not change their outcome, since start",
            metrics.noticed.clone(),
        );
        registry.register("bodies_refused", "Bodies refused before events were counted", metrics.refused.clone());
        registry.register("logins", "Login attempts since start, by outcome", metrics.logins.clone());
        registry.register("geo_swaps", "Location databases replaced while running", metrics.geo_swaps.clone());
        registry.register("geo_refusals", "Location databases refused while running", metrics.geo_refusals.clone());
        registry.register(
            "parts_set_aside",
            "Unreadable data parts that the warehouse detached, seen since start",
            metrics.parts_set_aside.clone(),
        );
        metrics.register_decisions(&mut registry);
        metrics.customers.register(&mut registry);
        metrics.finished_days.register(&mut registry);
        metrics.failures.register(&mut registry);
        metrics.learning.register(&mut registry);
        metrics.connections.register(&mut registry);
        metrics.reports.register(&mut registry);
        for (name, help, gauge) in [
            ("journal_records_kept", "Records ever written to the journal", &metrics.journal_kept),
            ("journal_records_inserted", "Records inserted into the warehouse", &metrics.journal_inserted),
            ("journal_records_quarantined", "Records in quarantine", &metrics.journal_quarantined),
            ("journal_records_waiting", "Records that are not yet delivered", &metrics.journal_waiting),
            ("journal_bytes", "Size of the journal's files", &metrics.journal_bytes),
            ("delivery_waits", "1 while delivery waits for space or for an operator", &metrics.delivery_waits),
            ("store_up", "1 while the warehouse responds", &metrics.store_up),
            ("dedup_memory_bytes", "Memory of the deduplication set", &metrics.dedup_memory_bytes),
            ("profiles_cached", "Live profiles in memory", &metrics.profiles_cached),
            ("profiles_waiting_events", "Undelivered events held for profiles", &metrics.profiles_waiting_events),
        ] {
            registry.register(name, help, gauge.clone());
        }
        metrics.operations.register(&mut registry);
        let mut process = Registry::default();
        process.register_collector(Box::new(process::Process));
        Self { registry, process, ..metrics }
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
            ("visits_asked", "Lookups in the session cache", &self.session_lookups),
            ("visits_remembered", "Lookups answered from the session cache", &self.session_cache_hits),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register_with_unit(
            "decision",
            "Time from a decision request to its response",
            Unit::Seconds,
            self.decision_seconds.clone(),
        );
    }

    /// Counts a body that was refused before its events were counted.
    pub fn refuse_body(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// Counts a login attempt.
    pub fn count_login(&self, outcome: Login) {
        self.logins.get_or_create(&OutcomeLabel { outcome: outcome.into() }).inc();
    }

    /// Adds the outcome of one request.
    pub fn count(&self, site: SiteId, outcome: &Outcome) {
        self.sites.lock().entry(site).or_default().add(outcome);
        // `received` is counted from the body, not summed: otherwise the first invariant could not fail.
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

    /// The outcomes of one site's events since start.
    #[must_use]
    pub fn site_outcome(&self, site: SiteId) -> Outcome {
        self.sites.lock().get(&site).cloned().unwrap_or_default()
    }

    /// When counting began.
    #[must_use]
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// All metrics in the `OpenMetrics` text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(8192);
        let written = text::encode_registry(&mut out, &self.registry)
            .and_then(|()| text::encode_registry(&mut out, &self.process))
            .and_then(|()| text::encode_eof(&mut out));
        if written.is_err() {
            out.clear();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
