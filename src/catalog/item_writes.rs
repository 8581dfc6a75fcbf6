//! Items in and out: stored first, then in the copy that is worked on, then shown to visitors.
//!
//! A single change is shown at once; those of a long import a few times a second, so that a million items
//! are not a thousand catalogues.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Catalog, CatalogError, SiteSnapshot, items::ItemNumber, snapshot::Items};
use crate::{
    clock,
    model::{Item, ItemId, ItemIssue, ItemIssueKind, SiteId},
    tasks::Stopping,
    wire::item::ItemBody,
};

/// Items of one catalogue.
pub const ITEMS_MAX: usize = 1_000_000;
/// How often the changes of an import are shown.
const SHOWN_EVERY: Duration = Duration::from_millis(400);

/// What became of an upsert.
#[derive(Debug, Default)]
pub struct Upserted {
    /// Items stored that were new or said something else before.
    pub stored: usize,
    /// Items that were there just so already.
    pub unchanged: usize,
    /// Items refused: place counted from 1, and why.
    pub rejected: Vec<(usize, ItemIssue)>,
}

/// When visitors are to see a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publish {
    /// When the call returns.
    Now,
    /// Within half a second: more of the same is coming.
    Batched,
}

/// Changes of items by one program or person are noted once in this time: a shop that sends every change of stock would
/// otherwise push everything else out of the audit log.
const NOTED_EVERY: Duration = Duration::from_mins(10);
/// Who changed items is remembered for so many; beyond it, each change is noted.
const NOTED_MAX: usize = 10_000;

/// The items of each site as stored, which visitors may see a moment later.
#[derive(Debug, Default)]
pub(super) struct ItemWrites {
    stocks: HashMap<SiteId, PendingItems>,
    /// When a change of items was last noted, by site, who made it and what it was.
    noted: HashMap<(SiteId, String, &'static str), Instant>,
}

#[derive(Debug)]
struct PendingItems {
    items: Arc<Items>,
    /// Changed since visitors last got a new copy.
    changed: Vec<ItemNumber>,
    shown: Instant,
}

impl ItemWrites {
    pub(super) fn forget(&mut self, site: SiteId) {
        self.stocks.remove(&site);
        self.noted.retain(|(known, ..), _| *known != site);
    }

    fn of(&mut self, site: &SiteSnapshot) -> &mut PendingItems {
        self.stocks.entry(site.site.id).or_insert_with(|| PendingItems {
            items: Arc::clone(&site.items),
            changed: Vec::new(),
            shown: Instant::now(),
        })
    }

    /// Whether a change of items is to be noted, which it is then taken to be.
    fn is_news(&mut self, site: SiteId, by: &str, action: &'static str) -> bool {
        if self.noted.len() >= NOTED_MAX {
            self.noted.retain(|_, at| at.elapsed() < NOTED_EVERY);
        }
        let key = (site, by.to_owned(), action);
        let news = self.noted.get(&key).is_none_or(|at| at.elapsed() >= NOTED_EVERY);
        if news && self.noted.len() < NOTED_MAX {
            self.noted.insert(key, Instant::now());
        }
        news
    }
}

impl Catalog {
    /// Stores items, replacing those with the same id; bad ones are refused one by one. The change is noted as
    /// made by `by`, unless the caller notes the whole of which it is a piece.
    ///
    /// # Errors
    /// When there is no such site, or the control database failed and nothing was stored.
    pub async fn put_items(
        &self,
        by: Option<&str>,
        id: SiteId,
        items: Vec<Result<ItemBody, ItemIssue>>,
        shown: Publish,
    ) -> Result<Upserted, CatalogError> {
        let mut working = self.editing.lock().await;
        let site = self.site(id)?;
        let stock = working.of(&site);
        let mut upserted = Upserted::default();
        let mut taken = Upserts::default();
        for (index, item) in items.into_iter().enumerate() {
            let item = item.and_then(ItemBody::check).and_then(|item| taken.weigh(item, &stock.items));
            match item {
                Ok(true) => upserted.stored += 1,
                Ok(false) => upserted.unchanged += 1,
                Err(flaw) => upserted.rejected.push((index + 1, flaw)),
            }
        }
        let now = clock::now();
        self.control.put_items(id, &taken.rows()?, now).await?;
        if !taken.items.is_empty() {
            let fresh = taken.items.into_iter().map(|item| Item { added_at: now, ..item });
            let changed = Arc::make_mut(&mut stock.items).put(fresh);
            stock.changed.extend(changed);
        }
        if shown == Publish::Now || stock.shown.elapsed() >= SHOWN_EVERY {
            self.show(&site, stock);
        }
        if let Some(by) = by.filter(|_| upserted.stored > 0)
            && working.is_news(id, by, "change items")
        {
            self.note(by, id, "change items", &format!("{} items", upserted.stored)).await?;
        }
        Ok(upserted)
    }

    /// Removes an item. False when there was none.
    ///
    /// # Errors
    /// When there is no such site, or the control database failed.
    pub async fn delete_item(&self, by: &str, id: SiteId, item: &str) -> Result<bool, CatalogError> {
        let mut working = self.editing.lock().await;
        let site = self.site(id)?;
        let existed = self.control.delete_item(id, item).await?;
        let stock = working.of(&site);
        if let Some(number) = Arc::make_mut(&mut stock.items).remove(item) {
            stock.changed.push(number);
        }
        self.show(&site, stock);
        if existed && working.is_news(id, by, "delete item") {
            self.note(by, id, "delete item", item).await?;
        }
        Ok(existed)
    }

    /// Makes these items unavailable that are still offered; tells how many were.
    ///
    /// # Errors
    /// When there is no such site, or the control database failed.
    pub async fn withdraw_items(&self, id: SiteId, items: &[ItemId]) -> Result<usize, CatalogError> {
        let site = self.site(id)?;
        // As stored: visitors may not see yet what came a moment ago.
        let stored = Arc::clone(&self.editing.lock().await.of(&site).items);
        let mut withdrawn = 0;
        for piece in items.chunks(2000) {
            let known = piece.iter().filter_map(|item| stored.get(item)).filter(|item| item.available);
            let gone = known.map(|item| Ok(ItemBody { available: false, ..ItemBody::from(item) })).collect();
            withdrawn += self.put_items(None, id, gone, Publish::Batched).await?.stored;
        }
        Ok(withdrawn)
    }

    /// Shows what imports stored, until stopping begins.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        while !stopping.sleep(SHOWN_EVERY / 2).await {
            let mut working = self.editing.lock().await;
            for (id, stock) in working.stocks.iter_mut().filter(|(_, stock)| !stock.changed.is_empty()) {
                if let Ok(site) = self.site(*id) {
                    self.show(&site, stock);
                }
            }
        }
    }

    fn show(&self, site: &SiteSnapshot, stock: &mut PendingItems) {
        if !stock.changed.is_empty() {
            self.publish(site.with_items(Arc::clone(&stock.items), &stock.changed));
            stock.changed = Vec::new();
        }
        stock.shown = Instant::now();
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
    /// Takes an item, unless it says what is known already: then false.
    fn weigh(&mut self, item: Item, stored: &Items) -> Result<bool, ItemIssue> {
        let known = self.by_id.get(&item.id).map(|at| &self.items[*at]).or_else(|| stored.get(&item.id));
        match known {
            Some(known) if known.says_the_same(&item) => return Ok(false),
            Some(_) => {}
            None if stored.len() + self.new.len() >= ITEMS_MAX => {
                let message = format!("item {:?}: a catalogue holds at most {ITEMS_MAX} items", item.id);
                return Err(ItemIssueKind::CatalogueFull.because(message));
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
