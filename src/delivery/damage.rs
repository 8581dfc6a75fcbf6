//! What is known about damage in the warehouse.

use std::collections::HashSet;

use tokio::time::Instant;

use crate::{config, store::DetachedPart, telemetry::Counter};

/// Reported parts, restarts of the engine, and the size of verification batches.
#[derive(Debug)]
pub(super) struct DamageState {
    /// Parts that were reported since this service started.
    pub(super) known: HashSet<DetachedPart>,
    /// Whether to query the warehouse for detached parts.
    pub(super) check_due: bool,
    /// When the embedded engine was last restarted for repair.
    pub(super) restarted: Option<Instant>,
    /// Records of one verification batch; fewer after a row was refused.
    pub(super) records_max: usize,
    pub(super) detached_parts: Counter,
}

impl DamageState {
    pub(super) fn new(config: &config::Delivery) -> Self {
        Self {
            known: HashSet::new(),
            check_due: true,
            restarted: None,
            records_max: config.batch_events_max,
            detached_parts: Counter::default(),
        }
    }

    /// Requests a check after a failure: a restarted engine may have detached parts.
    pub(super) fn check_again(&mut self) {
        self.check_due = true;
    }
}
