//! Follows the journal and queues a call for each event that a webhook is called for.
//!
//! The calls of a part of the journal and the position after it are stored in one transaction, and an event's call has an
//! id that depends only on webhook and position: read again after a crash, it is not queued twice.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::{Value, json};

use super::{Person, Service, WebhookEvent, Webhooks, names::EVENT_PREFIX, registry::Registry};
use crate::{
    control::{NewDelivery, WebhookCursor},
    journal::{Follower, Next, ReadError, Record},
    model::{Currency, Event, Position},
    store::rows,
    tasks::Stopping,
};

/// Records and bytes of one read.
const RECORDS_MAX: usize = 1000;
const BYTES_MAX: usize = 4 << 20;
/// Pause after an error.
const PAUSE: Duration = Duration::from_secs(1);

impl Webhooks {
    /// Follows the journal until the service stops.
    pub async fn run_follow(self, mut stopping: Stopping) {
        let service = Arc::clone(&self.0);
        let mut version = service.version.subscribe();
        while !stopping.begun() {
            version.borrow_and_update();
            if service.registry.load().follows_events() {
                let start = *service.followed.borrow();
                service.follow(start, &mut stopping).await;
                continue;
            }
            tokio::select! {
                _ = version.changed() => {}
                () = stopping.wait() => return,
            }
        }
    }
}

impl Service {
    /// Follows while any webhook is called for events.
    async fn follow(&self, start: Position, stopping: &mut Stopping) {
        let mut at = Follower::new(&self.journal, start);
        // Asked every second, so that it ends when the last such webhook is removed.
        while self.registry.load().follows_events() {
            match at.next(stopping).await {
                Next::Idle => {}
                Next::Ended => return,
                Next::Save => {
                    self.save(&mut at, &[]).await;
                }
                Next::Stop => {
                    self.save(&mut at, &[]).await;
                    return;
                }
                Next::Read => {
                    if !self.read(&mut at).await && stopping.sleep(PAUSE).await {
                        return;
                    }
                }
            }
        }
    }

    /// Queues the calls of the next part of the journal. False after an error.
    async fn read(&self, at: &mut Follower) -> bool {
        let before = at.position();
        let records = match at.read(RECORDS_MAX, BYTES_MAX).await {
            Ok(records) => records,
            Err(ReadError::Lost(lost)) => {
                let events = lost.end.0 - lost.start.0;
                self.metrics.dropped.inc_by(events);
                tracing::error!(from = %lost.start, to = %lost.end, "webhooks are not called for events that the journal no longer has");
                self.followed.send_replace(at.position());
                return self.save(at, &[]).await;
            }
            Err(error) => {
                tracing::warn!(%error, "webhooks cannot read the journal; trying again");
                return false;
            }
        };
        let calls = self.calls(&self.registry.load(), &records);
        if (!calls.is_empty() || at.is_save_due()) && !self.save(at, &calls).await {
            at.go_back(before);
            return false;
        }
        self.followed.send_replace(at.position());
        true
    }

    /// Stores calls and position; false if the control database failed.
    async fn save(&self, at: &mut Follower, calls: &[NewDelivery]) -> bool {
        let cursor = WebhookCursor { journal: self.journal.id(), position: at.position().0 };
        match self.control.queue_deliveries(calls, Some(cursor), self.config.waiting_max).await {
            Ok(dropped) => {
                self.count_dropped(dropped);
                at.was_saved();
                // Not if the last such webhook was just removed.
                if self.registry.load().follows_events() {
                    self.needed_from.store(at.position().0, Ordering::Relaxed);
                }
                if !calls.is_empty() {
                    self.due.notify_one();
                }
                true
            }
            Err(error) => {
                tracing::warn!(%error, "webhook calls cannot be queued; trying again");
                // On a full disk the journal must not be kept for this: to delete it is what frees space.
                if !self.journal.has_space() {
                    self.needed_from.store(super::NOTHING_NEEDED, Ordering::Relaxed);
                }
                false
            }
        }
    }

    fn calls(&self, registry: &Registry, records: &[Record]) -> Vec<NewDelivery> {
        let mut calls = Vec::new();
        for record in records {
            // Undecodable records go to quarantine and are reported there.
            let Ok(event) = rows::decode(&record.payload) else { continue };
            if !event.robot.is_empty() {
                continue;
            }
            let name = event.name_or_type();
            for hook in registry.called_for_event(event.site, name) {
                let id = delivery_id(self.journal.id(), record.position, &hook.id);
                calls.push(self.new_delivery(hook, id, &described(&event, name)));
            }
        }
        calls
    }
}

/// Identity of a call for an event of the journal.
fn delivery_id(journal: u64, position: Position, webhook: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"ashna webhook call\0");
    hasher.update(&journal.to_le_bytes());
    hasher.update(&position.0.to_le_bytes());
    hasher.update(webhook.as_bytes());
    hasher.finalize().to_hex().as_str()[..32].to_owned()
}

fn described(event: &Event<'_>, name: &str) -> WebhookEvent {
    let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    let properties: Value = serde_json::from_str(&event.properties).unwrap_or_default();
    let has_amount = event.currency != Currency::NONE;
    WebhookEvent {
        kind: [EVENT_PREFIX, name].concat(),
        person: Person {
            visitor: event.visitor,
            user_id: event.user_id.to_string(),
            user_verified: event.user_verified,
        },
        at: event.occurred_at,
        data: json!({
            "event": name,
            "page": { "host": event.page.host, "path": event.page.path, "title": event.page.title },
            "amount_minor": if has_amount { event.amount_minor.into() } else { Value::Null },
            "currency": if has_amount { event.currency.as_str().into() } else { Value::Null },
            "order_id": text(&event.order_id),
            "items": event.items.iter().map(|item| item.id.as_ref()).collect::<Vec<_>>(),
            "properties": properties,
        }),
    }
}
