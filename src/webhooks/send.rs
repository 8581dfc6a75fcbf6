//! Sends queued calls. Each webhook has its own few calls at a time, so that one that hangs delays no other.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};

use super::{Service, Webhooks, backoff, call, explain, parse_url, registry::Registry};
use crate::{
    clock,
    control::{Attempt, ControlError, DeliveryRow, DeliveryState, WebhookRow},
    model::{SiteId, Timestamp},
    tasks::Stopping,
};

/// Calls of one webhook at a time; only one after its last call failed.
const CALLS_MAX: usize = 8;
/// How often due calls are looked for.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// How often finished calls are removed and webhooks are read again.
const PRUNE_INTERVAL: Duration = Duration::from_mins(10);
/// How long finished calls are listed, milliseconds.
const KEPT_MS: i64 = 7 * 86_400_000;
/// Finished calls listed of one webhook.
const KEPT_MAX: u32 = 1000;

/// A webhook by site and id.
type Key = (SiteId, String);

/// What is being sent to one webhook.
#[derive(Default)]
struct Lane {
    sending: Vec<String>,
    /// Whether the last call failed.
    is_failing: bool,
}

impl Webhooks {
    /// Sends due calls until the service stops. Interrupted ones are sent again after the next start.
    pub async fn run_sender(self, mut stopping: Stopping) {
        let service = Arc::clone(&self.0);
        let mut sending = FuturesUnordered::new();
        let mut lanes: HashMap<Key, Lane> = HashMap::new();
        loop {
            let registry = service.registry.load_full();
            for hook in registry.enabled() {
                let lane = lanes.entry((hook.site, hook.id.clone())).or_default();
                for delivery in service.due(hook, lane).await {
                    lane.sending.push(delivery.id.clone());
                    sending.push(service.send(Arc::clone(hook), delivery));
                }
            }
            tokio::select! {
                stop = stopping.sleep(CHECK_INTERVAL) => if stop { return },
                () = service.due.notified() => {}
                Some((key, id, succeeded)) = sending.next() => {
                    let lane = lanes.entry(key).or_default();
                    lane.sending.retain(|sent| *sent != id);
                    lane.is_failing = !succeeded;
                }
            }
            lanes.retain(|(site, id), lane| !lane.sending.is_empty() || registry.get(*site, id).is_some());
        }
    }

    /// Removes finished calls that are no longer listed, and webhooks of removed sites, until the service stops.
    pub async fn run_upkeep(self, mut stopping: Stopping) {
        while !stopping.sleep(PRUNE_INTERVAL).await {
            if let Err(error) = self.0.keep_up().await {
                tracing::warn!(%error, "removing finished webhook calls failed");
            }
        }
    }

    /// Updates the gauge of waiting calls.
    pub async fn run_gauge(self, mut stopping: Stopping) {
        while !stopping.sleep(Duration::from_secs(2)).await {
            if let Ok(waiting) = self.0.control.waiting_deliveries().await {
                self.0.metrics.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
            }
        }
    }
}

impl Service {
    /// Due calls of a webhook that may be sent now and are not being sent.
    async fn due(&self, hook: &WebhookRow, lane: &Lane) -> Vec<DeliveryRow> {
        let calls_max = if lane.is_failing { 1 } else { CALLS_MAX };
        let Some(room) = calls_max.checked_sub(lane.sending.len()).filter(|room| *room > 0) else { return Vec::new() };
        let limit = u32::try_from(room + lane.sending.len()).unwrap_or(u32::MAX);
        let due = self.control.due_deliveries(hook.site, &hook.id, clock::now(), limit).await;
        let due = due.unwrap_or_else(|error| {
            tracing::warn!(%error, "loading webhook calls failed");
            Vec::new()
        });
        due.into_iter().filter(|delivery| !lane.sending.contains(&delivery.id)).take(room).collect()
    }

    /// Sends one call and records the result. Returns whether the receiver took it.
    async fn send(self: &Arc<Self>, hook: Arc<WebhookRow>, delivery: DeliveryRow) -> (Key, String, bool) {
        let attempt = self.attempt_once(&hook, &delivery.body).await;
        let now = clock::now();
        let succeeded = attempt.state == DeliveryState::Delivered;
        let attempt = if succeeded { attempt } else { self.after_failure(&hook, &delivery, attempt, now) };
        if let Err(error) = self.control.record_attempt(&delivery.id, &attempt, now).await {
            // It is sent again: at least once.
            tracing::warn!(%error, "the result of a webhook call cannot be stored");
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
        ((hook.site, hook.id.clone()), delivery.id, succeeded)
    }

    /// A failed attempt is repeated later, or was the last one.
    fn after_failure(&self, hook: &WebhookRow, delivery: &DeliveryRow, attempt: Attempt, now: Timestamp) -> Attempt {
        let times = (now, delivery.give_up_at);
        if let Some(next_at) = backoff::next_attempt(delivery.attempts + 1, times, rand::random(), &self.config) {
            return Attempt { state: DeliveryState::Waiting, next_at, ..attempt };
        }
        self.metrics.given_up.inc();
        tracing::warn!(site = %hook.site, webhook = hook.id, error = attempt.error, "a webhook call is given up");
        attempt
    }

    /// One attempt: delivered, or given up if it is not repeated.
    pub(super) async fn attempt_once(&self, hook: &WebhookRow, body: &str) -> Attempt {
        let now = clock::now();
        let signature = call::signature(&hook.secret, now, body);
        let answer = match parse_url(&hook.url) {
            Ok(url) => {
                let headers = [("ashna-signature", signature.as_str())];
                let answer = self.fetcher.post(&url, &headers, body.to_owned().into()).await;
                answer.map_err(|error| explain(&error))
            }
            Err(error) => Err(error.to_string()),
        };
        let (state, status, error) = match answer {
            Ok(status @ 200..=299) => (DeliveryState::Delivered, Some(status), String::new()),
            Ok(status @ 300..=399) => {
                (DeliveryState::GivenUp, Some(status), "it redirects, which is not followed".to_owned())
            }
            Ok(status) => (DeliveryState::GivenUp, Some(status), format!("it answers with status {status}")),
            Err(error) => (DeliveryState::GivenUp, None, error),
        };
        let counter = if state == DeliveryState::Delivered { &self.metrics.sent } else { &self.metrics.failed };
        counter.inc();
        Attempt { state, next_at: now, status, error }
    }

    async fn keep_up(&self) -> Result<(), ControlError> {
        self.control.prune_deliveries(clock::now().plus(-KEPT_MS), KEPT_MAX).await?;
        let _editing = self.editing.lock().await;
        self.publish(Registry::new(self.control.webhooks().await?));
        Ok(())
    }
}
