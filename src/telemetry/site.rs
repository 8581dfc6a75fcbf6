//! Metrics of one site, for users who may not see those of other sites.

use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::{Metrics, Reason};
use crate::model::SiteId;

impl Metrics {
    /// The outcomes of one site's events, with the same metric names as for the whole service.
    #[must_use]
    pub fn render_site(&self, site: SiteId) -> String {
        let outcome = self.site_outcome(site);
        let mut registry = Registry::with_prefix("ashna");
        for (name, help, count) in [
            ("events_received", "Parsed events of this site since start", outcome.received),
            ("events_kept", "Events of this site made durable since start", outcome.kept),
        ] {
            let counter: Counter = Counter::default();
            counter.inc_by(count);
            registry.register(name, help, counter);
        }
        for (name, help, counts) in [
            ("events_dropped", "Events of this site dropped on purpose since start", &outcome.dropped),
            ("events_rejected", "Invalid events of this site since start", &outcome.rejected),
            (
                "events_noticed",
                "Notes about this site's events that do not change their outcome, since start",
                &outcome.noticed,
            ),
        ] {
            let family = Family::<Reason, Counter>::default();
            for (reason, count) in counts {
                family.get_or_create(&Reason { reason }).inc_by(*count);
            }
            registry.register(name, help, family);
        }
        registry.register("store_up", "1 while the warehouse answers", self.store_up.clone());
        let mut out = String::with_capacity(1024);
        if text::encode(&mut out, &registry).is_err() {
            out.clear();
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Outcome;

    #[test]
    fn the_metrics_of_a_site_contain_nothing_of_another() {
        let metrics = Metrics::default();
        for (site, n) in [(1, 5), (2, 70)] {
            let mut outcome = Outcome { received: n, kept: n - 1, ..Outcome::default() };
            outcome.count_dropped(if site == 1 { "robot" } else { "duplicate" });
            metrics.count(SiteId(site), &outcome);
        }
        let text = metrics.render_site(SiteId(1));
        for line in ["ashna_events_received_total 5", "ashna_events_kept_total 4", "{reason=\"robot\"} 1"] {
            assert!(text.contains(line), "{text}");
        }
        assert!(!text.contains('7') && !text.contains("duplicate") && !text.contains("journal"), "{text}");
        assert!(metrics.render_site(SiteId(3)).contains("ashna_events_received_total 0"));
    }
}
