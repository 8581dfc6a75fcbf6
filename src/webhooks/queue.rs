//! Writes calls that were reported by [`super::Webhooks::notify`] to the durable queue.

use std::{sync::Arc, time::Duration};

use super::{Service, Webhooks};
use crate::{control::NewDelivery, tasks::Stopping};

/// Calls written in one transaction.
const WRITTEN_MAX: usize = 500;
/// Pause after a failed write.
const PAUSE: Duration = Duration::from_secs(1);

impl Webhooks {
    /// Writes calls until the service stops, and then those that are left.
    pub async fn run_queue(self, mut stopping: Stopping) {
        let service = Arc::clone(&self.0);
        let mut unwritten = service.unwritten_out.lock().await;
        let mut calls = Vec::new();
        loop {
            tokio::select! {
                _ = unwritten.recv_many(&mut calls, WRITTEN_MAX) => {}
                () = stopping.wait() => {
                    while let Ok(call) = unwritten.try_recv() {
                        calls.push(call);
                    }
                    service.write(&calls).await;
                    return;
                }
            }
            while !service.write(&calls).await {
                if stopping.sleep(PAUSE).await {
                    return;
                }
            }
            calls.clear();
        }
    }
}

impl Service {
    /// Writes calls to the durable queue; false if the control database failed.
    async fn write(&self, calls: &[NewDelivery]) -> bool {
        if calls.is_empty() {
            return true;
        }
        match self.control.queue_deliveries(calls, None, self.config.waiting_max).await {
            Ok(dropped) => {
                self.count_dropped(dropped);
                self.due.notify_one();
                true
            }
            Err(error) => {
                tracing::warn!(%error, "webhook calls cannot be queued; trying again");
                false
            }
        }
    }

    /// Counts calls that were not queued because too many wait for their webhook.
    pub(super) fn count_dropped(&self, dropped: u64) {
        if dropped > 0 {
            self.metrics.dropped.inc_by(dropped);
            tracing::warn!(dropped, "webhook calls are dropped: too many wait for their webhook");
        }
    }
}
