//! Counters of failures inside the service, as opposed to invalid input.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// The label of a background task.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Task {
    /// Its name.
    pub task: &'static str,
}

/// Failure counters. Clones share their values.
#[derive(Debug, Default, Clone)]
pub struct Failures {
    /// Background tasks that panicked, or ended before the service stopped.
    pub tasks_failed: Family<Task, Counter>,
    /// Background tasks that were restarted after a failure.
    pub tasks_restarted: Family<Task, Counter>,
    /// Panics in hooks that run after an event is durable; each loses at most one update of a live profile.
    pub hook_panics: Counter,
}

impl Failures {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "tasks_failed",
            "Background tasks that panicked or ended before the service stopped",
            self.tasks_failed.clone(),
        );
        registry.register(
            "tasks_restarted",
            "Background tasks that were restarted after a failure",
            self.tasks_restarted.clone(),
        );
        registry.register(
            "hook_panics",
            "Panics in hooks that run after an event is durable",
            self.hook_panics.clone(),
        );
    }
}
