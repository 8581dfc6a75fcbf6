//! Counters of what failed inside the service itself, as opposed to what was sent to it.

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

/// The counters; a clone counts the same.
#[derive(Debug, Default, Clone)]
pub struct Failures {
    /// Background tasks that panicked, or ended before the service stopped.
    pub tasks_failed: Family<Task, Counter>,
    /// Background tasks that were started again afterwards.
    pub tasks_restarted: Family<Task, Counter>,
    /// Panics in what follows an event's durability, each of which cost one update of a live profile at most.
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
            "Background tasks that were started again after a failure",
            self.tasks_restarted.clone(),
        );
        registry.register("hook_panics", "Panics in work that follows an event's durability", self.hook_panics.clone());
    }
}
