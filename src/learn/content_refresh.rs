//! When what items say of themselves is read anew: after the catalogue changed, and not before the last
//! reading is paid for twenty times over.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::Catalogues;
use crate::{catalog::snapshot::Items, model::SiteId, recommend::content::Content};

/// After a reading the next one waits so many times as long as it took.
const REST_FACTOR: u32 = 20;

/// What was read of every site's catalogue.
pub(super) struct ContentRefresh {
    catalogues: Catalogues,
    read: Mutex<HashMap<SiteId, Read>>,
}

struct Read {
    items: Arc<Items>,
    at: Instant,
    took: Duration,
}

impl std::fmt::Debug for ContentRefresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContentRefresh")
    }
}

impl ContentRefresh {
    pub(super) fn new(catalogues: Catalogues) -> Self {
        Self { catalogues, read: Mutex::default() }
    }

    /// The catalogues to read now.
    pub(super) fn changed(&self) -> Vec<(SiteId, Arc<Items>)> {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |(site, items): &(SiteId, Arc<Items>)| match read.get(site) {
            None => !items.is_empty(),
            Some(read) => !Arc::ptr_eq(&read.items, items) && read.at.elapsed() >= read.took * REST_FACTOR,
        };
        (self.catalogues)().into_iter().filter(is_due).collect()
    }

    /// Reads a catalogue.
    pub(super) fn read(&self, site: SiteId, items: &Arc<Items>) -> Arc<Content> {
        let begun = Instant::now();
        let content = Arc::new(Content::new(items.iter()));
        let read = Read { items: Arc::clone(items), at: Instant::now(), took: begun.elapsed() };
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(site, read);
        content
    }
}
