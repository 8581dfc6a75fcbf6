//! What those who run the service watch: is it ready, has it room, does the warehouse keep up?

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};

use super::{
    requests::Requests,
    timings::{SharedTimings, Timings},
};
use crate::model::SiteId;

/// More sites are not told apart.
const SITES_MAX: usize = 1000;

/// Why the warehouse cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cause {
    cause: &'static str,
}

/// What became of something.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Where records of the journal are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RecordState {
    state: &'static str,
}

/// A site by number; 0 for those beyond the limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SiteLabel {
    site: u32,
}

/// Figures of operation. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Operations {
    /// Requests by route.
    pub requests: Requests,
    /// 1 while events can be taken.
    pub ready: Gauge,
    /// Free space on the data directory's disk.
    pub disk_free_bytes: Gauge,
    /// How long the oldest event that the warehouse lacks has been waiting, seconds.
    pub oldest_waiting_seconds: Gauge<f64, AtomicU64>,
    /// When the database of places was made, Unix time; 0 without one.
    pub geo_built_seconds: Gauge,
    engine_restarts: Counter,
    sync_times: SharedTimings,
    unusable: Family<Cause, Gauge>,
    records: Family<RecordState, Counter>,
    feed_visits: Family<OutcomeLabel, Counter>,
    rate_limited: Family<SiteLabel, Counter>,
    sites_limited: Arc<Mutex<HashSet<SiteId>>>,
}

impl Operations {
    pub(super) fn register(&self, registry: &mut Registry) {
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The running program", build);
        registry.register_collector(Box::new(self.requests.clone()));
        for (name, help, gauge) in [
            ("ready", "1 while events can be taken", &self.ready),
            ("disk_free_bytes", "Free space on the data directory's disk", &self.disk_free_bytes),
            ("geo_database_built_timestamp_seconds", "When the database of places was made", &self.geo_built_seconds),
        ] {
            registry.register(name, help, gauge.clone());
        }
        registry.register_with_unit(
            "oldest_waiting_event_age",
            "How long the oldest event that the warehouse lacks has been waiting",
            Unit::Seconds,
            self.oldest_waiting_seconds.clone(),
        );
        let help = "Times the embedded engine was started again";
        registry.register("engine_restarts", help, self.engine_restarts.clone());
        let help = "Time for the journal's records to be synced to disk";
        registry.register_with_unit("journal_sync", help, Unit::Seconds, self.sync_times.clone());
        registry.register(
            "warehouse_unusable",
            "1 while the warehouse cannot be used, by cause",
            self.unusable.clone(),
        );
        registry.register(
            "records",
            "Records of the journal over all starts, by what became of them",
            self.records.clone(),
        );
        registry.register("feed_visits", "Visits of sites' feeds, by outcome", self.feed_visits.clone());
        let help = "Requests refused because their site sent more than it may";
        registry.register("site_rate_limited", help, self.rate_limited.clone());
    }

    /// How long syncs of the journal take, for the one who syncs.
    #[must_use]
    pub fn sync_times(&self) -> Arc<Timings> {
        Arc::clone(&self.sync_times.0)
    }

    /// How often the engine was started again.
    pub fn set_engine_restarts(&self, restarts: u64) {
        self.engine_restarts.inner().store(restarts, Ordering::Relaxed);
    }

    /// Why the warehouse cannot be used; `None`: it can.
    pub fn set_warehouse(&self, cause: Option<&'static str>) {
        self.unusable.clear();
        if let Some(cause) = cause {
            self.unusable.get_or_create(&Cause { cause }).set(1);
        }
    }

    /// How many records the journal ever had, and what became of them.
    pub fn set_records(&self, kept: u64, inserted: u64, quarantined: u64) {
        for (state, records) in [("kept", kept), ("inserted", inserted), ("quarantined", quarantined)] {
            self.records.get_or_create(&RecordState { state }).inner().store(records, Ordering::Relaxed);
        }
    }

    /// Counts one visit of a feed.
    pub fn count_feed_visit(&self, outcome: &'static str) {
        self.feed_visits.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Counts a request refused because its site sent more than it may.
    pub fn count_rate_limited(&self, site: SiteId) {
        let known = {
            let mut sites = self.sites_limited.lock().unwrap_or_else(PoisonError::into_inner);
            sites.contains(&site) || (sites.len() < SITES_MAX && sites.insert(site))
        };
        self.rate_limited.get_or_create(&SiteLabel { site: if known { site.0 } else { 0 } }).inc();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::{Metrics, Outcome, failures::Task};

    /// Metrics in which every family has a member.
    fn filled() -> String {
        let metrics = Metrics::default();
        let operations = &metrics.operations;
        operations.set_warehouse(Some("tls"));
        operations.set_records(3, 2, 1);
        operations.count_feed_visit("failed");
        operations.count_rate_limited(SiteId(1));
        operations.requests.route("/e", "POST").answered(204, Duration::from_millis(1));
        operations.sync_times().observe(Duration::from_millis(1));
        metrics.failures.tasks_failed.get_or_create(&Task { task: "learn" }).inc();
        metrics.failures.tasks_restarted.get_or_create(&Task { task: "learn" }).inc();
        let mut outcome = Outcome::default();
        outcome.count_dropped("robot");
        outcome.count_rejected("no_name");
        metrics.count(SiteId(1), &outcome);
        metrics.refuse_body("unreadable");
        metrics.render()
    }

    #[test]
    fn every_metric_of_the_guide_and_of_the_example_alerts_exists() {
        let text = filled();
        let known: HashSet<&str> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let documents = [include_str!("../../docs/alerts.yml"), include_str!("../../docs/operations.md")];
        let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for document in documents {
            let words = document.split(|c| !is_letter(c));
            for word in words.filter(|word| word.starts_with("ashna_") && !word.ends_with('_')) {
                let bare = ["_total", "_bucket", "_count", "_info"].iter().find_map(|end| word.strip_suffix(end));
                assert!(known.contains(word) || bare.is_some_and(|bare| known.contains(bare)), "{word} in {known:#?}");
            }
        }
    }

    #[test]
    fn a_cause_that_is_over_is_no_longer_shown_and_sites_are_bounded() {
        let metrics = Metrics::default();
        metrics.operations.set_warehouse(Some("tls"));
        metrics.operations.set_warehouse(None);
        for site in 1..=2000 {
            metrics.operations.count_rate_limited(SiteId(site));
        }
        let text = metrics.render();
        assert!(!text.contains("cause=\"tls\""), "{text}");
        assert!(text.contains("ashna_site_rate_limited_total{site=\"0\"} 1000\n"), "{text}");
    }
}
