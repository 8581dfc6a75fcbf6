//! Calls to other systems when a person enters or leaves a segment, and on chosen events: signed, at least once.
//!
//! A call is queued in the control database, and stays there until the receiver answers with a status of success or three
//! days have passed. Calls for events are queued by following the journal (`follow`), so that an event that was
//! acknowledged is called for although the process is killed; the journal keeps what was not followed yet. Each webhook is
//! sent to by itself (`send`): one that hangs delays no other. It must never call a private address, which is checked when
//! a webhook is saved and again by the connection that sends (`fetch`), and never makes an event wait.
//!
//! Example: `webhooks.calls(site, &WebhookEvent { kind: "segment.entered:loyal".into(), person, at, data }, identity)`.

mod backoff;
mod call;
mod edit;
mod error;
pub mod event;
mod follow;
mod names;
mod registry;
mod send;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, Notify, watch};
use url::Url;

pub use edit::Created;
pub use error::WebhookError;
pub use event::{Person, WebhookEvent};

use self::registry::Registry;
use crate::{
    clock, config,
    control::{Control, ControlError, NewDelivery, WebhookCursor, WebhookRow},
    fetch::{FetchError, Fetcher},
    journal::Journal,
    model::{Position, SiteId, Timestamp},
    telemetry::WebhookMetrics,
};

/// Position for which nothing in the journal is needed.
const NOTHING_NEEDED: u64 = u64::MAX;

/// The webhooks of all sites. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks(Arc<Service>);

struct Service {
    control: Control,
    journal: Arc<Journal>,
    fetcher: Fetcher,
    config: config::Webhooks,
    metrics: WebhookMetrics,
    registry: ArcSwap<Registry>,
    /// Counts changes of the registry.
    version: watch::Sender<u64>,
    editing: Mutex<()>,
    /// Wakes the sender.
    due: Notify,
    /// Journal records from here on are still needed.
    needed_from: Arc<AtomicU64>,
    /// Events below are queued.
    followed: watch::Sender<Position>,
}

impl Webhooks {
    /// Loads the webhooks. Stores in `needed_from` from which position on it needs the journal.
    ///
    /// # Errors
    /// If the control database failed.
    pub async fn open(
        control: Control,
        journal: Arc<Journal>,
        config: &config::Webhooks,
        metrics: WebhookMetrics,
        needed_from: Arc<AtomicU64>,
    ) -> Result<Self, ControlError> {
        let registry = Registry::new(control.webhooks().await?);
        let cursor = control.webhook_cursor().await?;
        let start = if registry.follows_events() {
            start_of(cursor, &journal)
        } else {
            if cursor.is_some() {
                control.put_webhook_cursor(None).await?;
            }
            Position(NOTHING_NEEDED)
        };
        needed_from.store(start.0, Ordering::Relaxed);
        let limit = Duration::from_millis(config.timeout_ms);
        let fetcher = Fetcher::with_limits(config.inside_networks.clone(), limit);
        Ok(Self(Arc::new(Service {
            control,
            journal,
            fetcher,
            config: config.clone(),
            metrics,
            registry: ArcSwap::from_pointee(registry),
            version: watch::Sender::new(0),
            editing: Mutex::default(),
            due: Notify::new(),
            needed_from,
            followed: watch::Sender::new(start),
        })))
    }

    /// Whether an enabled webhook of the site is called for this name.
    #[must_use]
    pub fn are_called_for(&self, site: SiteId, name: &str) -> bool {
        self.0.registry.load().called_for(site, name).next().is_some()
    }

    /// The calls of every enabled webhook of the site with this name, to be queued by the caller. Their ids depend only on
    /// the webhook and `identity`.
    #[must_use]
    pub fn calls(&self, site: SiteId, event: &WebhookEvent, identity: &[u8]) -> Vec<NewDelivery> {
        let registry = self.0.registry.load();
        let calls = registry.called_for(site, &event.kind).map(|hook| {
            let mut hasher = blake3::Hasher::new();
            hasher.update(b"ashna segment call\0");
            hasher.update(&site.0.to_le_bytes());
            hasher.update(identity);
            hasher.update(hook.id.as_bytes());
            let id = hasher.finalize().to_hex().as_str()[..32].to_owned();
            self.0.new_delivery(hook, id, event)
        });
        calls.collect()
    }

    /// Calls were queued by the caller, and so many dropped because too many waited.
    pub fn were_queued(&self, dropped: u64) {
        self.0.count_dropped(dropped);
        self.0.due.notify_one();
    }
}

impl Service {
    fn new_delivery(&self, hook: &WebhookRow, id: String, event: &WebhookEvent) -> NewDelivery {
        let now = clock::now();
        let visitor = event.person.visitor;
        NewDelivery {
            body: call::body(hook.site, &id, event),
            id,
            site: hook.site,
            webhook: hook.id.clone(),
            kind: event.kind.clone(),
            visitor: if visitor.is_identified() { visitor.to_string() } else { String::new() },
            created_at: now,
            give_up_at: self.give_up_at(now),
        }
    }

    /// Counts calls that were not queued because too many wait for their webhook.
    fn count_dropped(&self, dropped: u64) {
        if dropped > 0 {
            self.metrics.dropped.inc_by(dropped);
            tracing::warn!(dropped, "webhook calls are dropped: too many wait for their webhook");
        }
    }

    fn give_up_at(&self, now: Timestamp) -> Timestamp {
        now.plus(i64::try_from(self.config.give_up_ms).unwrap_or(i64::MAX))
    }

    /// Publishes changed webhooks.
    fn publish(&self, registry: Registry) {
        self.registry.store(Arc::new(registry));
        self.version.send_modify(|version| *version += 1);
        self.due.notify_one();
    }
}

/// Where following starts: at the cursor, if it belongs to this journal.
fn start_of(cursor: Option<WebhookCursor>, journal: &Journal) -> Position {
    match cursor {
        Some(cursor) if cursor.journal == journal.id() => Position(cursor.position),
        _ => journal.first(),
    }
}

/// Parses the address of a webhook.
fn parse_url(text: &str) -> Result<Url, WebhookError> {
    let refuse = || WebhookError::Invalid("`url` must be an address such as https://crm.example/hooks/ashna".into());
    let mut url = Url::parse(text).ok().filter(|_| text.len() <= 2000).ok_or_else(refuse)?;
    let fits = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    if !fits || !url.username().is_empty() || url.password().is_some() {
        return Err(refuse());
    }
    url.set_fragment(None);
    Ok(url)
}

/// Says why an address may not be called, or did not answer.
fn explain(error: &FetchError) -> String {
    match error {
        FetchError::PrivateAddress(host) => format!(
            "{host} is or resolves to an address inside a private network; webhooks.inside_networks of the configuration \
             may allow it"
        ),
        other => other.to_string(),
    }
}
