//! Exposures to experiments: stored as `Experiment Viewed` events, in the usual way, after the answer that they belong to.
//!
//! Example: a page asks for the variant of `checkout`; the answer does not wait, and the event is on disk some
//! milliseconds later. The queue is bounded; an exposure that does not fit, or cannot be stored after several tries, is
//! counted (`ashna_experiment_exposures_lost_total`).

use std::{net::IpAddr, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use serde_json::json;
use tokio::sync::{Mutex, mpsc};

use super::{Collector, IncomingBatch};
use crate::{
    ingest::{ClientHints, Consent, Identity, Origin, Sender},
    model::{EXPERIMENT_VIEWED, Site},
    tasks::Stopping,
    telemetry::Metrics,
    wire::collect,
};

/// Requests whose exposures wait.
const QUEUED_MAX: usize = 10_000;
/// Requests whose exposures are being stored at once.
const RUNNING_MAX: usize = 256;
/// Times that storing is tried, and the pause between them.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// The exposures of one request.
#[derive(Debug)]
pub struct ExposureBatch {
    /// The site.
    pub site: Arc<Site>,
    /// The request's visitor.
    pub identity: Identity,
    /// The user id that the site verified; empty if it did not.
    pub user_id: String,
    /// The signature that proves it; empty with a server key.
    pub signature: String,
    /// Address of the page; empty if unknown.
    pub url: String,
    /// Who sent the request.
    pub sender: Sender,
    /// The browser's user agent; empty for a server.
    pub user_agent: String,
    /// The visitor's address, if known.
    pub address: Option<IpAddr>,
    /// Whether it came with a server key.
    pub server_key: bool,
    /// What the visitor agreed to.
    pub consent: Consent,
    /// What was shown.
    pub shown: Vec<ShownVariant>,
}

/// A variant that was shown.
#[derive(Debug)]
pub struct ShownVariant {
    /// Key of the experiment.
    pub experiment: String,
    /// Key of the variant.
    pub variant: String,
    /// Message id of the event.
    pub message_id: String,
}

/// Stores exposures in the background.
#[derive(Debug)]
pub struct Exposures {
    queue: mpsc::Sender<ExposureBatch>,
    queued: Mutex<mpsc::Receiver<ExposureBatch>>,
    metrics: Arc<Metrics>,
}

impl Exposures {
    /// An empty queue.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let (queue, queued) = mpsc::channel(QUEUED_MAX);
        Self { queue, queued: Mutex::new(queued), metrics }
    }

    /// Queues the exposures of a request; does not wait.
    pub fn push(&self, batch: ExposureBatch) {
        let lost = match batch.shown.len() {
            0 => 0,
            shown => self.queue.try_send(batch).map_or(shown, |()| 0),
        };
        self.metrics.operations.exposures_lost.inc_by(lost as u64);
    }

    /// Stores what is queued until the service stops, and then the rest.
    pub async fn run(self: Arc<Self>, collector: Collector, mut stopping: Stopping) {
        let mut queued = self.queued.lock().await;
        let mut running = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(()) = running.next(), if !running.is_empty() => {}
                Some(batch) = queued.recv(), if running.len() < RUNNING_MAX => running.push(self.store(&collector, batch)),
                () = stopping.wait() => break,
            }
        }
        while let Ok(batch) = queued.try_recv() {
            running.push(self.store(&collector, batch));
        }
        while running.next().await.is_some() {}
    }

    async fn store(&self, collector: &Collector, batch: ExposureBatch) {
        let body = body_of(&batch);
        let Ok(parsed) = collect::parse(&body) else { return };
        for attempt in 1..=TRIES {
            let arrival = IncomingBatch {
                site: &batch.site,
                batch: &parsed,
                sender: batch.sender,
                user_agent: &batch.user_agent,
                hints: ClientHints::default(),
                address: batch.address,
                identity: batch.identity,
                server_key: batch.server_key,
                from_file: false,
                consent: batch.consent,
                refusal_signal: false,
            };
            match collector.collect(arrival).await {
                Ok(_) => return,
                Err(error) => tracing::debug!(%error, attempt, "an exposure cannot be stored yet"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        tracing::warn!(site = %batch.site.id, exposures = batch.shown.len(), "exposures to experiments were lost");
        self.metrics.operations.exposures_lost.inc_by(batch.shown.len() as u64);
    }
}

fn body_of(batch: &ExposureBatch) -> Vec<u8> {
    let visitor = batch.identity.visitor.to_string();
    // A server that names a user only, and no visitor, means the user.
    let is_visitor = match batch.identity.from {
        Origin::Cookie | Origin::Proposal => true,
        Origin::Fresh => batch.user_id.is_empty(),
        Origin::Derived | Origin::Daily | Origin::Anonymous => false,
    };
    let anonymous_id = is_visitor.then_some(visitor);
    let event = |shown: &ShownVariant| {
        json!({
            "type": "track", "event": EXPERIMENT_VIEWED, "messageId": shown.message_id,
            "anonymousId": anonymous_id, "userId": batch.user_id, "signature": batch.signature,
            "properties": {"experiment": shown.experiment, "variant": shown.variant},
            "context": {"page": {"url": batch.url}},
        })
    };
    let events: Vec<_> = batch.shown.iter().map(event).collect();
    json!({ "events": events }).to_string().into_bytes()
}
