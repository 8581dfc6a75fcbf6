//! Operational metrics: is the service ready, has the disk space, does the warehouse keep up?

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};

use super::{
    OutcomeLabel,
    membership::MembershipMetrics,
    requests::Requests,
    timings::{SharedTimings, Timings},
    webhooks::WebhookMetrics,
};
use crate::model::SiteId;

/// Maximum number of sites with their own label.
const SITES_MAX: usize = 1000;

/// Why the warehouse cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabel {
    cause: &'static str,
}

/// The state of journal records.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RecordLabel {
    state: &'static str,
}

/// A site's number; 0 for sites beyond the limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SiteLabel {
    site: u32,
}

/// Operational metrics. Clones share their values.
#[derive(Debug, Clone, Default)]
pub struct Operations {
    /// Requests by route.
    pub requests: Requests,
    /// Webhooks.
    pub webhooks: WebhookMetrics,
    /// Members of segments.
    pub membership: MembershipMetrics,
    /// 1 while events are accepted.
    pub ready: Gauge,
    /// Free space on the data directory's disk.
    pub disk_free_bytes: Gauge,
    /// Age of the oldest event that is not yet in the warehouse, seconds.
    pub oldest_waiting_seconds: Gauge<f64, AtomicU64>,
    /// When the location database was built, Unix time; 0 without one.
    pub geo_built_seconds: Gauge,
    /// Exposures to experiments that could not be stored.
    pub exposures_lost: Counter,
    engine_restarts: Counter,
    sync_times: SharedTimings,
    unusable: Family<CauseLabel, Gauge>,
    records: Family<RecordLabel, Counter>,
    feed_visits: Family<OutcomeLabel, Counter>,
    rate_limited: Family<SiteLabel, Counter>,
    sites_limited: Arc<Mutex<HashSet<SiteId>>>,
}

impl Operations {
    pub(super) fn register(&self, registry: &mut Registry) {
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The running program", build);
        registry.register_collector(Box::new(self.requests.clone()));
        self.webhooks.register(registry);
        self.membership.register(registry);
        for (name, help, gauge) in [
            ("ready", "1 while events are accepted", &self.ready),
            ("disk_free_bytes", "Free space on the data directory's disk", &self.disk_free_bytes),
            ("geo_database_built_timestamp_seconds", "When the location database was built", &self.geo_built_seconds),
        ] {
            registry.register(name, help, gauge.clone());
        }
        registry.register_with_unit(
            "oldest_waiting_event_age",
            "Age of the oldest event that is not yet in the warehouse",
            Unit::Seconds,
            self.oldest_waiting_seconds.clone(),
        );
        let help = "Restarts of the embedded engine";
        registry.register("engine_restarts", help, self.engine_restarts.clone());
        let help = "Duration of the journal's syncs to disk";
        registry.register_with_unit("journal_sync", help, Unit::Seconds, self.sync_times.clone());
        registry.register(
            "warehouse_unusable",
            "1 while the warehouse cannot be used, by cause",
            self.unusable.clone(),
        );
        registry.register("records", "Records of the journal across restarts, by state", self.records.clone());
        registry.register("feed_visits", "Fetches of sites' product feeds, by outcome", self.feed_visits.clone());
        let help = "Exposures to experiments that could not be stored";
        registry.register("experiment_exposures_lost", help, self.exposures_lost.clone());
        let help = "Requests refused because of their site's rate limit";
        registry.register("site_rate_limited", help, self.rate_limited.clone());
    }

    /// The histogram for the duration of the journal's syncs.
    #[must_use]
    pub fn sync_times(&self) -> Arc<Timings> {
        Arc::clone(&self.sync_times.0)
    }

    /// Sets how often the engine was restarted.
    pub fn set_engine_restarts(&self, restarts: u64) {
        self.engine_restarts.inner().store(restarts, Ordering::Relaxed);
    }

    /// Sets why the warehouse cannot be used; `None` if it can.
    pub fn set_warehouse(&self, cause: Option<&'static str>) {
        self.unusable.clear();
        if let Some(cause) = cause {
            self.unusable.get_or_create(&CauseLabel { cause }).set(1);
        }
    }

    /// Sets the number of records the journal ever had, and of those inserted and quarantined.
    pub fn set_records(&self, kept: u64, inserted: u64, quarantined: u64) {
        for (state, records) in [("kept", kept), ("inserted", inserted), ("quarantined", quarantined)] {
            self.records.get_or_create(&RecordLabel { state }).inner().store(records, Ordering::Relaxed);
        }
    }

    /// Counts one fetch of a product feed.
    pub fn count_feed_visit(&self, outcome: &'static str) {
        self.feed_visits.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Counts a request refused because of its site's rate limit.
    pub fn count_rate_limited(&self, site: SiteId) {
        let has_label = {
            let mut sites = self.sites_limited.lock();
            sites.contains(&site) || (sites.len() < SITES_MAX && sites.insert(site))
        };
        self.rate_limited.get_or_create(&SiteLabel { site: if has_label { site.0 } else { 0 } }).inc();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::{Metrics, Outcome, failures::Task};

    /// Renders metrics in which every family has a member.
    fn render_all() -> String {
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
    fn every_metric_in_the_guide_the_alerts_and_the_dashboard_exists() {
        let text = render_all();
        let known: HashSet<&str> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let documents = [
            include_str!("../../deploy/prometheus/alerts.yml"),
            include_str!("../../deploy/grafana/ashna.json"),
            include_str!("../../docs/operations.md"),
        ];
        let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for document in documents {
            let every_name = document.split(|c| !is_letter(c));
            // A parameter of page addresses.
            let is_metric = |name: &str| name.starts_with("ashna_") && !name.ends_with('_') && name != "ashna_ignore";
            let named: Vec<&str> = every_name.filter(|name| is_metric(name)).collect();
            assert!(named.len() >= 8, "a document without metrics: {named:?}");
            for name in named {
                let family = ["_total", "_bucket", "_count", "_info"].iter().find_map(|end| name.strip_suffix(end));
                let exists = known.contains(name) || family.is_some_and(|family| known.contains(family));
                assert!(exists, "{name} in {known:#?}");
            }
        }
    }

    #[test]
    fn a_cause_that_is_over_is_removed_and_site_labels_are_bounded() {
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
