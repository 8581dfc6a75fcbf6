//! Changes of webhooks, and their deliveries.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    NOTHING_NEEDED, Person, Service, WebhookError, WebhookEvent, Webhooks, explain, names, parse_url,
    registry::Registry,
};
use crate::{
    clock,
    control::{DeliveryRow, WebhookCursor, WebhookRow},
    fetch::FetchError,
    model::{Position, SiteId, VisitorId},
    wire::webhooks::WebhookChange,
};

/// Maximum number of webhooks of a site.
const WEBHOOKS_MAX: usize = 20;
/// Maximum number of listed deliveries.
const LISTED_MAX: u32 = 500;

/// A stored webhook.
#[derive(Debug)]
pub struct Created {
    /// The webhook.
    pub row: Arc<WebhookRow>,
    /// Whether it is new, so that its secret is shown.
    pub is_new: bool,
}

impl Webhooks {
    /// The webhooks of a site with their present counters, the oldest first.
    ///
    /// # Errors
    /// If the control database failed.
    pub async fn list(&self, site: SiteId) -> Result<Vec<WebhookRow>, WebhookError> {
        Ok(self.0.control.webhooks().await?.into_iter().filter(|row| row.site == site).collect())
    }

    /// One webhook with its present counters.
    ///
    /// # Errors
    /// If there is no such webhook.
    pub async fn one(&self, site: SiteId, id: &str) -> Result<WebhookRow, WebhookError> {
        let found = self.list(site).await?.into_iter().find(|row| row.id == id);
        found.ok_or(WebhookError::Missing("webhook"))
    }

    fn get(&self, site: SiteId, id: &str) -> Result<Arc<WebhookRow>, WebhookError> {
        self.0.registry.load().get(site, id).cloned().ok_or(WebhookError::Missing("webhook"))
    }

    /// Adds a webhook.
    ///
    /// # Errors
    /// If a setting is invalid, or there is a webhook with that id.
    pub async fn add(&self, by: &str, site: SiteId, change: WebhookChange) -> Result<Created, WebhookError> {
        let id = change.id.clone().unwrap_or_else(|| format!("{:016x}", rand::random::<u64>()));
        if self.get(site, &id).is_ok() {
            return Err(WebhookError::Conflict(format!("there is a webhook `{id}`")));
        }
        self.put(by, site, &id, change).await
    }

    /// Adds or replaces a webhook. The secret of an existing one stays.
    ///
    /// # Errors
    /// If a setting is invalid.
    pub async fn put(&self, by: &str, site: SiteId, id: &str, change: WebhookChange) -> Result<Created, WebhookError> {
        if !names::is_id(id) || change.id.as_ref().is_some_and(|stated| stated != id) {
            return Err(WebhookError::Invalid("`id` must have 1 to 64 letters, digits, `-` or `_`, and stays".into()));
        }
        let events = names::checked(&change.events).map_err(WebhookError::Invalid)?;
        let url = parse_url(&change.url)?;
        match self.0.fetcher.check_address(&url).await {
            // Checked again by every call; the name may be registered later.
            Ok(()) | Err(FetchError::Unresolved(_)) => {}
            Err(error) => return Err(WebhookError::Invalid(explain(&error))),
        }
        let _editing = self.0.editing.lock().await;
        let registry = self.0.registry.load_full();
        let existing = registry.get(site, id);
        if existing.is_none() && registry.of_site(site).len() >= WEBHOOKS_MAX {
            return Err(WebhookError::Invalid(format!("a site has at most {WEBHOOKS_MAX} webhooks")));
        }
        let now = clock::now();
        let row = WebhookRow {
            site,
            id: id.to_owned(),
            url: url.into(),
            events,
            enabled: change.enabled,
            secret: existing.map_or_else(|| new_secret().into(), |row| row.secret.clone()),
            dropped: existing.map_or(0, |row| row.dropped),
            created_at: existing.map_or(now, |row| row.created_at),
            updated_at: now,
        };
        let changed = Registry::new(registry.rows_with(site, id, Some(row.clone())));
        self.0.begin_following(&registry, &changed).await?;
        self.0.control.put_webhook(&row).await?;
        let is_new = existing.is_none();
        self.0.finish_change(changed).await?;
        let action = if is_new { "add webhook" } else { "change webhook" };
        self.0.control.audit_site(site, by, action, &format!("{id} {}", row.url)).await?;
        Ok(Created { row: Arc::new(row), is_new })
    }

    /// Removes a webhook with its deliveries.
    ///
    /// # Errors
    /// If there is no such webhook.
    pub async fn delete(&self, by: &str, site: SiteId, id: &str) -> Result<(), WebhookError> {
        let _editing = self.0.editing.lock().await;
        if !self.0.control.delete_webhook(site, id).await? {
            return Err(WebhookError::Missing("webhook"));
        }
        let changed = Registry::new(self.0.registry.load().rows_with(site, id, None));
        self.0.finish_change(changed).await?;
        Ok(self.0.control.audit_site(site, by, "delete webhook", id).await?)
    }

    /// Replaces the secret of a webhook.
    ///
    /// # Errors
    /// If there is no such webhook.
    pub async fn rotate_secret(&self, by: &str, site: SiteId, id: &str) -> Result<Arc<WebhookRow>, WebhookError> {
        let _editing = self.0.editing.lock().await;
        let row = WebhookRow { secret: new_secret().into(), ..(*self.get(site, id)?).clone() };
        self.0.control.put_webhook_secret(site, id, &row.secret).await?;
        self.0.publish(Registry::new(self.0.registry.load().rows_with(site, id, Some(row.clone()))));
        self.0.control.audit_site(site, by, "rotate webhook secret", id).await?;
        Ok(Arc::new(row))
    }

    /// Sends a call of the type `test` once, now.
    ///
    /// # Errors
    /// If there is no such webhook.
    pub async fn test(&self, by: &str, site: SiteId, id: &str) -> Result<DeliveryRow, WebhookError> {
        let hook = self.get(site, id)?;
        let event = WebhookEvent {
            kind: "test".into(),
            person: Person::default(),
            at: clock::now(),
            data: serde_json::json!({ "webhook": id }),
        };
        let delivery = self.0.new_delivery(&hook, format!("{:032x}", rand::random::<u128>()), &event);
        let attempt = self.0.attempt_once(&hook, &delivery.body).await;
        self.0.control.add_finished_delivery(&delivery, &attempt, clock::now()).await?;
        self.0.control.audit_site(site, by, "test webhook", id).await?;
        self.delivery(site, id, &delivery.id).await
    }

    /// Deliveries of a webhook with a number below `before`, newest first.
    ///
    /// # Errors
    /// If there is no such webhook.
    pub async fn deliveries(
        &self,
        site: SiteId,
        id: &str,
        before: Option<i64>,
        limit: Option<u32>,
    ) -> Result<Vec<DeliveryRow>, WebhookError> {
        self.get(site, id)?;
        let limit = limit.unwrap_or(100).clamp(1, LISTED_MAX);
        Ok(self.0.control.deliveries(site, id, before.unwrap_or(i64::MAX), limit).await?)
    }

    async fn delivery(&self, site: SiteId, webhook: &str, id: &str) -> Result<DeliveryRow, WebhookError> {
        let row = self.0.control.delivery(site, webhook, id).await?;
        row.ok_or(WebhookError::Missing("delivery"))
    }

    /// Sends a delivery again, with the same id and body, whatever became of it.
    ///
    /// # Errors
    /// If there is no such webhook or delivery, or the webhook is disabled.
    pub async fn replay(&self, by: &str, site: SiteId, webhook: &str, id: &str) -> Result<DeliveryRow, WebhookError> {
        if !self.get(site, webhook)?.enabled {
            return Err(WebhookError::Conflict("the webhook is disabled".into()));
        }
        let now = clock::now();
        if !self.0.control.replay_delivery((site, webhook), id, now, self.0.give_up_at(now)).await? {
            return Err(WebhookError::Missing("delivery"));
        }
        self.0.due.notify_one();
        self.0.control.audit_site(site, by, "replay webhook delivery", &format!("{webhook} {id}")).await?;
        self.delivery(site, webhook, id).await
    }

    /// Removes all deliveries about a visitor; events that the journal had before are queued, and removed, first.
    ///
    /// # Errors
    /// If the control database failed.
    pub async fn erase(&self, site: SiteId, visitor: VisitorId, wait_max: Duration) -> Result<(), WebhookError> {
        let end = self.0.journal.next();
        let mut followed = self.0.followed.subscribe();
        let in_time = tokio::time::timeout(wait_max, followed.wait_for(|position| *position >= end)).await.is_ok();
        if !in_time {
            return Err(WebhookError::Conflict("events are still being queued for webhooks".into()));
        }
        self.0.control.erase_deliveries(site, visitor).await?;
        Ok(())
    }
}

impl Service {
    /// Before the first webhook that is called by events is stored: events from now on are followed, also after a crash.
    async fn begin_following(&self, old: &Registry, new: &Registry) -> Result<(), WebhookError> {
        if old.follows_events() || !new.follows_events() {
            return Ok(());
        }
        let position = self.journal.next();
        self.needed_from.store(position.0, Ordering::Relaxed);
        let cursor = WebhookCursor { journal: self.journal.id(), position: position.0 };
        self.control.put_webhook_cursor(Some(cursor)).await?;
        self.followed.send_replace(position);
        Ok(())
    }

    /// Publishes a stored change.
    async fn finish_change(&self, changed: Registry) -> Result<(), WebhookError> {
        let follows = changed.follows_events();
        self.publish(changed);
        if !follows {
            self.control.put_webhook_cursor(None).await?;
            self.needed_from.store(NOTHING_NEEDED, Ordering::Relaxed);
            self.followed.send_replace(Position(NOTHING_NEEDED));
        }
        Ok(())
    }
}

fn new_secret() -> String {
    format!("whsec_{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>())
}
