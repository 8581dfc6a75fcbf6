//! Writes of items: stored first, then applied to the working copy, then published.
//!
//! A single change is published immediately; those of a long import a few times per second, so that a million items do
//! not cause a thousand snapshots.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Map, Value};

use super::{Catalog, CatalogError, SiteSnapshot, items::ItemNumber, snapshot::Items};
use crate::{
    clock,
    model::{Item, ItemId, ItemIssue, ItemIssueKind, SiteId},
    tasks::Stopping,
    wire::item::ItemBody,
};

/// Maximum number of items in a catalogue.
pub const ITEMS_MAX: usize = 1_000_000;
/// How often the changes of an import are published.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(400);

/// Result of an upsert.
#[derive(Debug, Default)]
pub struct Upserted {
    /// Items stored that were new or changed.
    pub stored: usize,
    /// Items that were stored in the same form already.
    pub unchanged: usize,
    /// Rejected items: index from 1, and why.
    pub rejected: Vec<(usize, ItemIssue)>,
}

/// When a change is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publish {
    /// When the call returns.
    Now,
    /// Within half a second: more changes follow.
    Batched,
}

/// Repeated item changes by one program or user are audited once in this time: a shop that sends every stock change
/// would otherwise push everything else out of the audit log.
const AUDIT_INTERVAL: Duration = Duration::from_mins(10);
/// Maximum number of remembered audit entries; beyond it, each change is audited.
const AUDITED_MAX: usize = 10_000;

/// The stored items of each site, which may not be published yet.
#[derive(Debug, Default)]
pub(super) struct ItemWrites {
    pending: HashMap<SiteId, PendingItems>,
    /// When a change of items was last audited, by site, author and action.
    audited: HashMap<(SiteId, String, &'static str), Instant>,
}

#[derive(Debug)]
struct PendingItems {
    items: Arc<Items>,
    /// Changed since the last publication.
    changed: Vec<ItemNumber>,
    published: Instant,
}

impl ItemWrites {
    pub(super) fn forget(&mut self, site: SiteId) {
        self.pending.remove(&site);
        self.audited.retain(|(known, ..), _| *known != site);
    }

    fn pending(&mut self, site: &SiteSnapshot) -> &mut PendingItems {
        self.pending.entry(site.site.id).or_insert_with(|| PendingItems {
            items: Arc::clone(&site.items),
            changed: Vec::new(),
            published: Instant::now(),
        })
    }

    /// Whether to audit a change of items now; if so, it counts as audited.
    fn should_audit(&mut self, site: SiteId, by: &str, action: &'static str) -> bool {
        if self.audited.len() >= AUDITED_MAX {
            self.audited.retain(|_, at| at.elapsed() < AUDIT_INTERVAL);
        }
        let key = (site, by.to_owned(), action);
        let is_due = self.audited.get(&key).is_none_or(|at| at.elapsed() >= AUDIT_INTERVAL);
        if is_due && self.audited.len() < AUDITED_MAX {
            self.audited.insert(key, Instant::now());
        }
        is_due
    }
}

/// A stored item with some of its fields changed.
fn with_change(stored: &Items, change: Map<String, Value>) -> Result<ItemBody, ItemIssue> {
    let id = match change.get("id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => return Err(ItemIssueKind::Id.with_message("there is no `id`")),
    };
    let Some(item) = stored.get(&id) else {
        let id: String = id.chars().filter(|c| !c.is_control()).take(60).collect();
        return Err(ItemIssueKind::Id.with_message(format!("there is no item {id:?}; send it whole to add it")));
    };
    let unreadable = |error: serde_json::Error| ItemIssueKind::Unreadable.with_message(error.to_string());
    let Value::Object(mut fields) = serde_json::to_value(ItemBody::from(item)).map_err(unreadable)? else {
        return Err(ItemIssueKind::Unreadable.with_message("the stored item is no object"));
    };
    fields.extend(change);
    ItemBody::from_value(Value::Object(fields))
}

impl Catalog {
    /// Stores items, replacing those with the same id; invalid ones are rejected individually. Audited as made by `by`;
    /// `None` if the caller audits the whole import.
    ///
    /// # Errors
    /// If there is no such site, or the control database failed and nothing was stored.
    pub async fn put_items(
        &self,
        by: Option<&str>,
        id: SiteId,
        items: Vec<Result<ItemBody, ItemIssue>>,
        publish: Publish,
    ) -> Result<Upserted, CatalogError> {
        self.write_items(by, id, publish, |_| items).await
    }

    /// Changes fields of stored items: of each change, `id` names the item, and fields that are absent keep their
    /// values. Otherwise like [`Catalog::put_items`].
    ///
    /// # Errors
    /// If there is no such site, or the control database failed and nothing was stored.
    pub async fn change_items(
        &self,
        by: &str,
        id: SiteId,
        changes: Vec<Result<Map<String, Value>, ItemIssue>>,
    ) -> Result<Upserted, CatalogError> {
        let apply = |stored: &Items| changes.into_iter().map(|change| with_change(stored, change?)).collect();
        self.write_items(Some(by), id, Publish::Now, apply).await
    }

    async fn write_items(
        &self,
        by: Option<&str>,
        id: SiteId,
        publish: Publish,
        items: impl FnOnce(&Items) -> Vec<Result<ItemBody, ItemIssue>>,
    ) -> Result<Upserted, CatalogError> {
        let mut writes = self.editing.lock().await;
        let site = self.site(id)?;
        let pending = writes.pending(&site);
        let items = items(&pending.items);
        let mut upserted = Upserted::default();
        let mut upserts = Upserts::default();
        for (index, item) in items.into_iter().enumerate() {
            let item = item.and_then(ItemBody::check).and_then(|item| upserts.add(item, &pending.items));
            match item {
                Ok(true) => upserted.stored += 1,
                Ok(false) => upserted.unchanged += 1,
                Err(issue) => upserted.rejected.push((index + 1, issue)),
            }
        }
        let now = clock::now();
        self.control.put_items(id, &upserts.rows()?, now).await?;
        if !upserts.items.is_empty() {
            let added = upserts.items.into_iter().map(|item| Item { added_at: now, ..item });
            let changed = Arc::make_mut(&mut pending.items).put(added);
            pending.changed.extend(changed);
        }
        if publish == Publish::Now || pending.published.elapsed() >= PUBLISH_INTERVAL {
            self.publish_items(&site, pending);
        }
        if let Some(by) = by.filter(|_| upserted.stored > 0)
            && writes.should_audit(id, by, "change items")
        {
            self.audit(by, id, "change items", &format!("{} items", upserted.stored)).await?;
        }
        Ok(upserted)
    }

    /// Removes an item. Returns false if there was none.
    ///
    /// # Errors
    /// If there is no such site, or the control database failed.
    pub async fn delete_item(&self, by: &str, id: SiteId, item: &str) -> Result<bool, CatalogError> {
        let mut writes = self.editing.lock().await;
        let site = self.site(id)?;
        let existed = self.control.delete_item(id, item).await?;
        let pending = writes.pending(&site);
        if let Some(number) = Arc::make_mut(&mut pending.items).remove(item) {
            pending.changed.push(number);
        }
        self.publish_items(&site, pending);
        if existed && writes.should_audit(id, by, "delete item") {
            self.audit(by, id, "delete item", item).await?;
        }
        Ok(existed)
    }

    /// Makes available items unavailable; returns how many there were.
    ///
    /// # Errors
    /// If there is no such site, or the control database failed.
    pub async fn withdraw_items(&self, id: SiteId, items: &[ItemId]) -> Result<usize, CatalogError> {
        let site = self.site(id)?;
        // The stored items: recent changes may not be published yet.
        let stored = Arc::clone(&self.editing.lock().await.pending(&site).items);
        let mut withdrawn = 0;
        for chunk in items.chunks(2000) {
            let known = chunk.iter().filter_map(|item| stored.get(item)).filter(|item| item.available);
            let changed = known.map(|item| Ok(ItemBody { available: false, ..ItemBody::from(item) })).collect();
            withdrawn += self.put_items(None, id, changed, Publish::Batched).await?.stored;
        }
        Ok(withdrawn)
    }

    /// Publishes what imports stored, until the service stops.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        while !stopping.sleep(PUBLISH_INTERVAL / 2).await {
            let mut writes = self.editing.lock().await;
            for (id, pending) in writes.pending.iter_mut().filter(|(_, pending)| !pending.changed.is_empty()) {
                if let Ok(site) = self.site(*id) {
                    self.publish_items(&site, pending);
                }
            }
        }
    }

    fn publish_items(&self, site: &SiteSnapshot, pending: &mut PendingItems) {
        if !pending.changed.is_empty() {
            self.publish(site.with_items(Arc::clone(&pending.items), &pending.changed));
            pending.changed = Vec::new();
        }
        pending.published = Instant::now();
    }
}

/// The items of one upsert that are to be stored.
#[derive(Default)]
struct Upserts {
    items: Vec<Item>,
    new: HashSet<ItemId>,
    by_id: HashMap<ItemId, usize>,
}

impl Upserts {
    /// Adds an item. Returns false, without adding it, if it is stored in the same form.
    fn add(&mut self, item: Item, stored: &Items) -> Result<bool, ItemIssue> {
        let known = self.by_id.get(&item.id).map(|at| &self.items[*at]).or_else(|| stored.get(&item.id));
        match known {
            Some(known) if known.has_same_content(&item) => return Ok(false),
            Some(_) => {}
            None if stored.len() + self.new.len() >= ITEMS_MAX => {
                let message = format!("item {:?}: a catalogue holds at most {ITEMS_MAX} items", item.id);
                return Err(ItemIssueKind::CatalogueFull.with_message(message));
            }
            None => {
                self.new.insert(Arc::clone(&item.id));
            }
        }
        self.by_id.insert(Arc::clone(&item.id), self.items.len());
        self.items.push(item);
        Ok(true)
    }

    fn rows(&self) -> Result<Vec<(String, String)>, CatalogError> {
        let row = |item: &Item| {
            let body = ItemBody { added_at: None, ..ItemBody::from(item) };
            let body = serde_json::to_string(&body).map_err(|e| CatalogError::Invalid(e.to_string()))?;
            Ok((item.id.to_string(), body))
        };
        self.items.iter().map(row).collect()
    }
}
