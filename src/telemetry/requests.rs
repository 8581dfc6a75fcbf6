//! Requests by route, method and status class, and their durations.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::RwLock;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, NoLabelSet},
    metrics::MetricType,
    registry::Unit,
};

use super::timings::Timings;

/// Maximum number of routes; further ones are counted together. The route table has fewer.
const ROUTES_MAX: usize = 300;
/// The status classes, and requests without a response.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "aborted"];
const ABORTED: usize = 5;

/// The requests of one route.
#[derive(Debug, Default)]
pub struct Route {
    by_class: [AtomicU64; CLASSES.len()],
    times: Timings,
}

impl Route {
    /// Counts a response.
    pub fn answered(&self, status: u16, duration: Duration) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.by_class[class].fetch_add(1, Ordering::Relaxed);
        self.times.observe(duration);
    }

    /// Counts a request that was cancelled before its response.
    pub fn aborted(&self) {
        self.by_class[ABORTED].fetch_add(1, Ordering::Relaxed);
    }
}

/// All requests. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Requests(Arc<RwLock<Routes>>);

/// By template and method.
type Routes = BTreeMap<(String, &'static str), Arc<Route>>;

impl Requests {
    /// The counters of one route. Frequent callers should keep them.
    #[must_use]
    pub fn route(&self, template: &str, method: &'static str) -> Arc<Route> {
        let key = (template.to_owned(), method);
        if let Some(known) = self.0.read().get(&key) {
            return Arc::clone(known);
        }
        let mut routes = self.0.write();
        let key = if routes.len() < ROUTES_MAX { key } else { ("other".to_owned(), "other") };
        Arc::clone(routes.entry(key).or_default())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    route: String,
    method: &'static str,
    status: &'static str,
}

impl Collector for Requests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let routes = self.0.read();
        let help = "Requests by route and status class";
        let mut counters = encoder.encode_descriptor("http_requests", help, None, MetricType::Counter)?;
        for ((route, method), counts) in &*routes {
            for (status, count) in CLASSES.iter().zip(&counts.by_class) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let labels = StatusLabels { route: route.clone(), method, status };
                    counters.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
                }
            }
        }
        let help = "Time from the request's head to the response's head";
        let mut times = encoder.encode_descriptor("http_request", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for ((route, method), counts) in &*routes {
            if counts.times.count() > 0 {
                let labels = RouteLabels { route: route.clone(), method };
                counts.times.write(&mut times.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::{encoding::text, registry::Registry};

    use super::*;

    #[test]
    fn requests_are_counted_by_route_and_class() {
        let requests = Requests::default();
        let route = requests.route("/e", "POST");
        route.answered(204, Duration::from_millis(2));
        route.answered(413, Duration::from_millis(2));
        requests.route("/e", "POST").answered(200, Duration::from_millis(2));
        route.aborted();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(requests));
        let mut out = String::new();
        text::encode(&mut out, &registry).unwrap();
        for line in [
            "http_requests_total{route=\"/e\",method=\"POST\",status=\"2xx\"} 2",
            "http_requests_total{route=\"/e\",method=\"POST\",status=\"4xx\"} 1",
            "http_requests_total{route=\"/e\",method=\"POST\",status=\"aborted\"} 1",
            "http_request_seconds_count{route=\"/e\",method=\"POST\"} 3",
        ] {
            assert!(out.contains(line), "{line} in {out}");
        }
    }

    #[test]
    fn the_number_of_routes_is_bounded() {
        let requests = Requests::default();
        for number in 0..1000 {
            requests.route(&format!("/{number}"), "GET").answered(200, Duration::ZERO);
        }
        assert_eq!(requests.0.read().len(), ROUTES_MAX + 1);
    }
}
