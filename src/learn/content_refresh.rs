//! When item content is read again: after the catalogue changed, but not before 20 times the duration of the last read.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::Catalogues;
use crate::{catalog::snapshot::Items, model::SiteId, recommend::content::Content};

/// The pause after a read, as a multiple of its duration.
const REST_FACTOR: u32 = 20;

/// The content read from every site's catalogue.
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

    /// The catalogues that are due.
    pub(super) fn changed(&self) -> Vec<(SiteId, Arc<Items>)> {
        let read = self.read.lock();
        let is_due = |(site, items): &(SiteId, Arc<Items>)| match read.get(site) {
            None => !items.is_empty(),
            Some(read) => !Arc::ptr_eq(&read.items, items) && read.at.elapsed() >= read.took * REST_FACTOR,
        };
        (self.catalogues)().into_iter().filter(is_due).collect()
    }

    /// Reads a catalogue's content.
    pub(super) fn read(&self, site: SiteId, items: &Arc<Items>) -> Arc<Content> {
        let begun = Instant::now();
        let content = Arc::new(Content::new(items.iter()));
        let read = Read { items: Arc::clone(items), at: Instant::now(), took: begun.elapsed() };
        self.read.lock().insert(site, read);
        content
    }
}
