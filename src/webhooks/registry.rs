//! All webhooks in memory, by what they are called for.

use std::{collections::HashMap, sync::Arc};

use super::names::EVENT_PREFIX;
use crate::{control::WebhookRow, model::SiteId};

/// The webhooks of all sites. Immutable: a change makes a new one.
#[derive(Debug, Default)]
pub struct Registry {
    sites: HashMap<SiteId, Vec<Arc<WebhookRow>>>,
    follows_events: bool,
}

impl Registry {
    /// The registry of these webhooks.
    pub fn new(rows: Vec<WebhookRow>) -> Self {
        let follows_events = rows.iter().any(follows_events);
        let mut sites: HashMap<SiteId, Vec<Arc<WebhookRow>>> = HashMap::new();
        for row in rows {
            sites.entry(row.site).or_default().push(Arc::new(row));
        }
        Self { sites, follows_events }
    }

    /// The webhooks of a site, the oldest first.
    pub fn of_site(&self, site: SiteId) -> &[Arc<WebhookRow>] {
        self.sites.get(&site).map_or(&[], Vec::as_slice)
    }

    /// One webhook.
    pub fn get(&self, site: SiteId, id: &str) -> Option<&Arc<WebhookRow>> {
        self.of_site(site).iter().find(|row| row.id == id)
    }

    /// The enabled webhooks of all sites.
    pub fn enabled(&self) -> impl Iterator<Item = &Arc<WebhookRow>> {
        self.sites.values().flatten().filter(|row| row.enabled)
    }

    /// The enabled webhooks of a site that are called for this name.
    pub fn called_for(&self, site: SiteId, name: &str) -> impl Iterator<Item = &Arc<WebhookRow>> {
        self.of_site(site).iter().filter(move |row| row.enabled && row.events.iter().any(|event| event == name))
    }

    /// The same for an event of the journal, by its name without prefix.
    pub fn called_for_event(&self, site: SiteId, name: &str) -> impl Iterator<Item = &Arc<WebhookRow>> {
        let is_named = move |event: &String| event.strip_prefix(EVENT_PREFIX) == Some(name);
        self.of_site(site).iter().filter(move |row| row.enabled && row.events.iter().any(is_named))
    }

    /// Whether any enabled webhook is called for events of the journal.
    pub fn follows_events(&self) -> bool {
        self.follows_events
    }

    /// All rows with one replaced or added; `None` removes it.
    pub fn rows_with(&self, site: SiteId, id: &str, row: Option<WebhookRow>) -> Vec<WebhookRow> {
        let others = self.sites.values().flatten().filter(|other| (other.site, other.id.as_str()) != (site, id));
        let mut rows: Vec<WebhookRow> = others.map(|other| WebhookRow::clone(other)).chain(row).collect();
        rows.sort_by(|a, b| (a.site, a.created_at, &a.id).cmp(&(b.site, b.created_at, &b.id)));
        rows
    }
}

fn follows_events(row: &WebhookRow) -> bool {
    row.enabled && row.events.iter().any(|event| event.starts_with(EVENT_PREFIX))
}
