//! Metrics of the values of customers.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// Metrics of customers. Clones share their values.
#[derive(Debug, Default, Clone)]
pub struct CustomerMetrics {
    /// Customers with a value in memory.
    pub valued: Gauge,
    /// Customers left out because of `value.people_max`.
    pub omitted: Gauge,
    /// Failed attempts to compute values.
    pub failures: Counter,
}

impl CustomerMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("customers_valued", "Customers with a value in memory", self.valued.clone());
        registry.register(
            "customers_omitted",
            "Customers without a value because of value.people_max, those of the lowest value",
            self.omitted.clone(),
        );
        registry.register("customer_value_failures", "Failures to compute values of customers", self.failures.clone());
    }
}
