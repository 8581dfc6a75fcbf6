//! Sites, items and offers: edited here, compiled to an immutable [`Snapshot`], swapped atomically.
//!
//! A change is validated, compiled, stored in the control database, and visible to the next request; a change that does
//! not compile is refused before it is stored. Requests never wait for an edit. Example: `catalog.put_offer(site,
//! offer).await?` and the next decision may show it.

mod edit;
mod experiments;
mod funnels;
mod item_writes;
mod origins;
pub mod report_documents;
mod search;
mod segments;
mod slots;
mod traffic;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::{
    control::{Control, ControlError},
    model::{Item, MerchandisingRules, Offer, Site, SiteId, Timestamp},
    wire::item::ItemBody,
};

mod comparison;
pub mod compile;
pub mod condition;
pub mod items;
pub mod merchandising;
pub mod schedule;
pub mod snapshot;

pub use item_writes::{Publish, Upserted};
pub use search::{Page, Search};
use snapshot::Items;
pub use snapshot::{SiteSnapshot, Snapshot};

/// The current snapshot and its editing functions.
#[derive(Debug)]
pub struct Catalog {
    control: Control,
    current: Arc<ArcSwap<Snapshot>>,
    /// One edit at a time: each compiles from what the previous one stored.
    editing: tokio::sync::Mutex<item_writes::ItemWrites>,
    searching: search::Searching,
}

/// Why a change was refused.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// No site with that number.
    #[error("there is no site {0}")]
    NoSuchSite(SiteId),
    /// It is invalid; the message says what to fix.
    #[error("{0}")]
    Invalid(String),
    /// It exists already; the message says which.
    #[error("{0}")]
    AlreadyExists(String),
    /// It cannot be removed: the message says what uses it.
    #[error("{0}")]
    InUse(String),
    /// The offer contains HTML, and the site's owner has not allowed it.
    #[error(
        "offers of this site may not carry HTML (`content.html`): use the fields of the slot's template, or let an owner switch on `offer_html` in the site's settings"
    )]
    HtmlNotAllowed,
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl Catalog {
    /// Loads and compiles everything. A stored offer or item that no longer compiles is skipped with a warning, so that
    /// one bad document cannot keep the service from starting.
    pub async fn load(control: Control) -> Result<Self, CatalogError> {
        let mut sites = Vec::new();
        for site in control.sites().await? {
            let items = stored_items(&control, site.id).await?;
            let segments = segments::usable_segments(&control, site.id).await?;
            let mut offers = stored_offers(&control, site.id).await?;
            offers.retain(|offer| {
                let compiled = compile::compile_offer(offer, &segments);
                compiled
                    .inspect_err(|error| tracing::warn!(site = %site.id, %error, "a stored offer is skipped"))
                    .is_ok()
            });
            let compiled = compile::compile_with(site, Arc::clone(&items), &offers, segments);
            let compiled = compiled.map_err(|error| CatalogError::Invalid(error.to_string()))?;
            let mut rules = stored_merchandising_rules(&control, compiled.site.id).await?;
            rules.retain(|rule| {
                compile::compile_merchandising(std::slice::from_ref(rule), &Items::default())
                    .inspect_err(|error| tracing::warn!(site = %compiled.site.id, %error, "stored merchandising rules are skipped"))
                    .is_ok()
            });
            let merchandising = compile::compile_merchandising(&rules, &items).map_err(CatalogError::Invalid)?;
            let experiments = experiments::usable_experiments(&control, compiled.site.id, &compiled.segments).await?;
            let slots = Arc::new(slots::stored_slots(&control, compiled.site.id).await?);
            let compiled = compiled.with_merchandising(merchandising).with_experiments(experiments);
            sites.push(Arc::new(SiteSnapshot { slots, ..compiled }));
        }
        Ok(Self {
            control,
            current: Arc::new(ArcSwap::from_pointee(Snapshot::new(sites))),
            editing: tokio::sync::Mutex::default(),
            searching: search::Searching::default(),
        })
    }

    /// The current snapshot. Cheap.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The cell that always holds the current snapshot, for readers on the request path.
    #[must_use]
    pub fn cell(&self) -> Arc<ArcSwap<Snapshot>> {
        Arc::clone(&self.current)
    }

    /// The current state of one site.
    pub fn site(&self, id: SiteId) -> Result<Arc<SiteSnapshot>, CatalogError> {
        self.current.load().sites.get(&id).cloned().ok_or(CatalogError::NoSuchSite(id))
    }

    /// The seed record of a site's generated history: the stored one, or `note` if there is none yet.
    pub async fn first_seed(&self, site: SiteId, note: String) -> Result<String, CatalogError> {
        Ok(self.control.setting(&format!("seed of site {site}"), || note).await?)
    }

    /// Removes a site with everything that belongs to it. `name` must be its exact name.
    ///
    /// # Errors
    /// If there is no such site, it has another name, or the control database failed.
    pub async fn remove_site(&self, id: SiteId, name: &str) -> Result<Arc<Site>, CatalogError> {
        let mut editing = self.editing.lock().await;
        let site = Arc::clone(&self.site(id)?.site);
        if site.name != name {
            return Err(CatalogError::Invalid(
                "`name` must be the exact name of the site that is to be removed".into(),
            ));
        }
        self.control.remove_site(id, crate::clock::now()).await?;
        editing.forget(id);
        let old = self.current.load();
        let others = old.sites.values().filter(|other| other.site.id != id).cloned();
        self.current.store(Arc::new(Snapshot::new(others)));
        Ok(site)
    }

    /// Swaps in a newly compiled site; one compiled without experiments keeps those before.
    fn publish(&self, compiled: SiteSnapshot) {
        let old = self.current.load();
        let changed = compiled.site.id;
        let compiled = match old.sites.get(&changed).and_then(|known| known.experiments.clone()) {
            Some(experiments) if compiled.experiments.is_none() => compiled.with_experiments(experiments),
            _ => compiled,
        };
        let others = old.sites.values().filter(|s| s.site.id != changed).cloned();
        self.current.store(Arc::new(Snapshot::new(others.chain([Arc::new(compiled)]))));
    }
}

async fn stored_items(control: &Control, site: SiteId) -> Result<Arc<Items>, CatalogError> {
    let bodies = control.items(site).await?;
    let read = |(body, added_at): (String, Timestamp)| {
        let item = ItemBody::from_slice(body.as_bytes()).and_then(ItemBody::check);
        let item = item.inspect_err(|error| tracing::warn!(%site, %error, "a stored item is skipped")).ok()?;
        Some(Item { added_at, ..item })
    };
    Ok(Arc::new(Items::new(bodies.into_iter().filter_map(read).collect())))
}

/// The merchandising rules; those this version cannot parse are skipped.
async fn stored_merchandising_rules(
    control: &Control,
    site: SiteId,
) -> Result<Vec<(String, MerchandisingRules)>, CatalogError> {
    let read = |(slot, body): (String, String)| {
        let rules = serde_json::from_str(&body);
        let rules =
            rules.inspect_err(|error| tracing::warn!(%site, slot, %error, "stored merchandising rules are skipped"));
        Some((slot, rules.ok()?))
    };
    Ok(control.merchandising_rules(site).await?.into_iter().filter_map(read).collect())
}

async fn stored_offers(control: &Control, site: SiteId) -> Result<Vec<Offer>, CatalogError> {
    let bodies = control.offers(site).await?;
    let read = |body: &String| {
        serde_json::from_str::<Offer>(body)
            .inspect_err(|error| tracing::warn!(%site, %error, "a stored offer is skipped"))
            .ok()
            .map(Offer::with_status)
    };
    Ok(bodies.iter().filter_map(read).collect())
}

/// The sites of a snapshot by number.
#[must_use]
pub fn by_number(snapshot: &Snapshot) -> Vec<Arc<SiteSnapshot>> {
    let mut sites: Vec<_> = snapshot.sites.values().cloned().collect();
    sites.sort_by_key(|s| s.site.id);
    sites
}
