//! Sites, items and offers: edited here, compiled to an immutable [`Snapshot`], swapped atomically.
//!
//! A change is checked, stored in the control database, compiled, and visible to the very next
//! request; a change that does not compile is refused before it is stored. Requests never wait for
//! an edit. Example: `catalog.put_offer(site, offer).await?` and the next decision may show it.

mod edit;

use std::{collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;

use crate::{
    control::{Control, ControlError},
    model::{Item, Offer, SiteId},
    wire::item::ItemBody,
};

pub mod compile;
pub mod snapshot;

pub use edit::{Change, Upserted};
pub use snapshot::{SiteSnapshot, Snapshot};

/// The current snapshot and the way to change it.
#[derive(Debug)]
pub struct Catalog {
    control: Control,
    current: Arc<ArcSwap<Snapshot>>,
    /// One edit at a time: each compiles from what the one before stored.
    editing: tokio::sync::Mutex<()>,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// No site with that number.
    #[error("there is no site {0}")]
    NoSuchSite(SiteId),
    /// It cannot be used; the message says what to mend.
    #[error("{0}")]
    Invalid(String),
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl Catalog {
    /// Reads everything and compiles it. A stored offer or item that no longer compiles is left out
    /// with a warning, so that one bad document cannot keep the service from starting.
    pub async fn load(control: Control) -> Result<Self, CatalogError> {
        let mut snapshot = Snapshot::default();
        for site in control.sites().await? {
            let items = stored_items(&control, site.id).await?;
            let offers = stored_offers(&control, site.id).await?;
            let compiled = compile::compile(site.clone(), items.clone(), offers).or_else(|error| {
                tracing::warn!(site = %site.id, %error, "the site's offers are switched off until this is mended");
                compile::compile(site, items, Vec::new())
            });
            match compiled {
                Ok(compiled) => insert(&mut snapshot, compiled),
                Err(error) => return Err(CatalogError::Invalid(error.to_string())),
            }
        }
        Ok(Self {
            control,
            current: Arc::new(ArcSwap::from_pointee(snapshot)),
            editing: tokio::sync::Mutex::default(),
        })
    }

    /// What holds now. Cheap.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The cell that always holds the current snapshot, for those who read it on every request.
    #[must_use]
    pub fn cell(&self) -> Arc<ArcSwap<Snapshot>> {
        Arc::clone(&self.current)
    }

    /// One site as it is now.
    pub fn site(&self, id: SiteId) -> Result<Arc<SiteSnapshot>, CatalogError> {
        self.current.load().sites.get(&id).cloned().ok_or(CatalogError::NoSuchSite(id))
    }

    /// Swaps in a newly compiled site.
    fn publish(&self, compiled: SiteSnapshot) {
        let old = self.current.load();
        let mut next = Snapshot { sites: old.sites.clone(), by_write_key: old.by_write_key.clone() };
        insert(&mut next, compiled);
        self.current.store(Arc::new(next));
    }
}

fn insert(snapshot: &mut Snapshot, compiled: SiteSnapshot) {
    let id = compiled.site.id;
    snapshot.by_write_key.insert(compiled.site.write_key.as_str().into(), id);
    snapshot.sites.insert(id, Arc::new(compiled));
}

async fn stored_items(control: &Control, site: SiteId) -> Result<Vec<Item>, CatalogError> {
    let bodies = control.items(site).await?;
    let read = |body: &String| {
        let parsed = serde_json::from_str::<ItemBody>(body).map_err(|e| e.to_string()).and_then(ItemBody::check);
        parsed.inspect_err(|error| tracing::warn!(%site, error, "a stored item is left out")).ok()
    };
    Ok(bodies.iter().filter_map(read).collect())
}

async fn stored_offers(control: &Control, site: SiteId) -> Result<Vec<Offer>, CatalogError> {
    let bodies = control.offers(site).await?;
    let read = |body: &String| {
        serde_json::from_str::<Offer>(body)
            .inspect_err(|error| tracing::warn!(%site, %error, "a stored offer is left out"))
            .ok()
    };
    Ok(bodies.iter().filter_map(read).collect())
}

/// Whether a text is an origin as browsers send it: scheme and host, no path.
fn is_origin(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text && text.len() <= 300
    })
}

/// The sites of a snapshot by number.
#[must_use]
pub fn by_number(snapshot: &Snapshot) -> Vec<Arc<SiteSnapshot>> {
    let sorted: std::collections::BTreeMap<_, _> = snapshot.sites.iter().collect::<HashMap<_, _>>().into_iter().collect();
    sorted.into_values().cloned().collect()
}
