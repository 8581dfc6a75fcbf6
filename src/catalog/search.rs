//! Paged search of a catalogue. Runs off the threads that serve requests, with limited concurrency, since each search
//! scans every item.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{Catalog, CatalogError, snapshot::Items};
use crate::model::{Item, SiteId};

/// Maximum number of concurrent searches; a million items take some tenths of a second.
const AT_ONCE: usize = 2;

/// A page of a catalogue, sorted by id.
#[derive(Debug)]
pub struct Page<T> {
    /// The items on the page.
    pub items: Vec<T>,
    /// Number of matching items.
    pub total: usize,
}

/// Search and page parameters.
#[derive(Debug, Clone)]
pub struct Search {
    /// Substring of an id, title or category, case-insensitive; empty for all items.
    pub text: String,
    /// Number of items to skip.
    pub offset: usize,
    /// Maximum number of items on the page.
    pub limit: usize,
}

/// Limits concurrent searches.
#[derive(Debug, Clone)]
pub(super) struct Searching(Arc<Semaphore>);

impl Default for Searching {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Catalog {
    /// A page of a site's items, each converted by `show`.
    ///
    /// # Errors
    /// If there is no such site.
    pub async fn items_page<T: Send + 'static>(
        &self,
        id: SiteId,
        search: Search,
        show: fn(&Item) -> T,
    ) -> Result<Page<T>, CatalogError> {
        let items = Arc::clone(&self.site(id)?.items);
        // Closed only when the process ends.
        let permit = Arc::clone(&self.searching.0).acquire_owned().await;
        let found = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            page(&items, &search, show)
        });
        found.await.map_err(|error| CatalogError::Invalid(format!("searching the items failed: {error}")))
    }
}

fn page<T>(items: &Items, search: &Search, show: fn(&Item) -> T) -> Page<T> {
    let wanted = search.text.to_lowercase();
    let is_found = |item: &&Item| {
        wanted.is_empty()
            || contains(&item.id, &wanted)
            || contains(&item.title, &wanted)
            || item.categories.iter().any(|category| contains(category, &wanted))
    };
    let mut found: Vec<&Item> = items.iter().filter(is_found).collect();
    let total = found.len();
    let end = search.offset.saturating_add(search.limit).min(total);
    let start = search.offset.min(end);
    // Only the page is sorted; items before and after it are just partitioned.
    if end < total {
        found.select_nth_unstable_by(end, |a, b| a.id.cmp(&b.id));
        found.truncate(end);
    }
    if start > 0 && start < found.len() {
        found.select_nth_unstable_by(start, |a, b| a.id.cmp(&b.id));
    }
    let shown = found.get_mut(start..).unwrap_or_default();
    shown.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    Page { items: shown.iter().map(|item| show(item)).collect(), total }
}

/// Whether `text` contains `wanted`, which is lowercase. Plain ASCII is not copied.
fn contains(text: &str, wanted: &str) -> bool {
    if text.is_ascii() {
        let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
        return text.len() >= wanted.len() && text.windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted));
    }
    text.to_lowercase().contains(wanted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items(ids: &[String]) -> Items {
        let item = |id: &String| Item { id: id.as_str().into(), title: format!("Title {id}"), ..Item::default() };
        Items::new(ids.iter().map(item).collect())
    }

    fn ids(items: &Items, text: &str, offset: usize, limit: usize) -> (Vec<String>, usize) {
        let page = page(items, &Search { text: text.into(), offset, limit }, |item| item.id.to_string());
        (page.items, page.total)
    }

    #[test]
    fn any_case_is_found_in_any_script() {
        let items = items(&["Ärmel-1".into(), "b-2".into(), "سیب".into()]);
        assert_eq!(ids(&items, "ÄRMEL", 0, 10), (vec!["Ärmel-1".into()], 1));
        assert_eq!(ids(&items, "TITLE B", 0, 10), (vec!["b-2".into()], 1));
        assert_eq!(ids(&items, "سیب", 0, 10), (vec!["سیب".into()], 1));
        assert_eq!(ids(&items, "zz", 0, 10), (vec![], 0));
    }

    proptest! {
        #[test]
        fn a_page_is_what_sorting_everything_would_show(
            ids_of in proptest::collection::hash_set("[a-c]{1,4}", 0..40), offset in 0_usize..50, limit in 0_usize..20,
        ) {
            let mut all: Vec<String> = ids_of.into_iter().collect();
            let items = items(&all);
            all.sort();
            let expected: Vec<String> = all.iter().skip(offset).take(limit).cloned().collect();
            prop_assert_eq!(ids(&items, "", offset, limit), (expected, all.len()));
        }
    }
}
