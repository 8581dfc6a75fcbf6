//! The items of a site, indexed for decisions.
//!
//! No I/O. Made for catalogues of a million items: a changed copy shares all chunks with the original but those it
//! touches, so that one new price copies a few lists and not a catalogue. An item keeps its number as long as the
//! service runs. Example: `let mut next = items.clone(); next.put([item]);` leaves `items` unchanged for its readers.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock, OnceLock},
};

use crate::model::{Item, ItemId};

/// Index of an item in [`Items`] and in copies made of it.
pub type ItemNumber = u32;

/// Hash of an item's id with a random key of this process, so that collisions cannot be constructed; equal fingerprints
/// count as equal ids. Used where comparing ids would touch memory for each.
pub type Fingerprint = u64;

type Numbers = HashMap<ItemId, ItemNumber, ahash::RandomState>;

/// Items per chunk; a changed item copies its chunk's pointers.
const CHUNK: usize = 128;
/// `later` is merged into the large table at this size or share of it, whichever is larger.
const LATER_MIN: usize = 4096;
const LATER_SHARE: usize = 8;

/// The items of a site.
#[derive(Debug, Clone, Default)]
pub struct Items {
    chunks: Vec<Arc<[Option<Arc<Row>>]>>,
    rows: usize,
    live: usize,
    /// Numbers by id: of most items, and of those added since.
    settled: Arc<Numbers>,
    later: Numbers,
    by_category: HashMap<Arc<str>, Arc<Vec<ItemNumber>>, ahash::RandomState>,
    newest: Arc<Vec<ItemNumber>>,
}

/// An item, and its rendered text once it was requested.
#[derive(Debug)]
struct Row {
    fingerprint: Fingerprint,
    item: Item,
    text: OnceLock<Box<str>>,
}

/// Numbers to remove from (false) and to add to (true) a list; per number the last call counts.
#[derive(Default)]
struct Moves(BTreeMap<ItemNumber, bool>);

impl Items {
    /// Creates the list from items in the order they were added; of duplicate ids the last counts.
    #[must_use]
    pub fn new(items: Vec<Item>) -> Self {
        let mut new = Self::default();
        new.put(items);
        new
    }

    /// Adds items and replaces those with the same id, which keep their `added_at`. Returns the numbers of all of them.
    pub fn put(&mut self, items: impl IntoIterator<Item = Item>) -> Vec<ItemNumber> {
        let mut moves = BTreeMap::new();
        let mut newest = Moves::default();
        let touched = items.into_iter().map(|item| self.put_one(item, &mut moves, &mut newest)).collect();
        self.update_lists(moves, newest);
        touched
    }

    /// Removes an item. Returns its number if it existed.
    pub fn remove(&mut self, id: &str) -> Option<ItemNumber> {
        let number = self.number(id)?;
        let old = self.row_mut(number).take()?;
        self.live -= 1;
        let mut moves = BTreeMap::new();
        let mut newest = Moves::default();
        remove_from_lists(&old.item, number, &mut moves, &mut newest);
        self.update_lists(moves, newest);
        Some(number)
    }

    fn put_one(&mut self, mut item: Item, moves: &mut BTreeMap<Arc<str>, Moves>, newest: &mut Moves) -> ItemNumber {
        let number = self.number(&item.id).unwrap_or_else(|| self.add_row(&item.id));
        if let Some(old) = self.row_mut(number).take() {
            self.live -= 1;
            item.added_at = old.item.added_at;
            remove_from_lists(&old.item, number, moves, newest);
        }
        if item.available {
            newest.0.insert(number, true);
            for category in &item.categories {
                moves.entry(category.as_str().into()).or_default().0.insert(number, true);
            }
        }
        let row = Row { fingerprint: fingerprint(&item.id), item, text: OnceLock::new() };
        *self.row_mut(number) = Some(Arc::new(row));
        self.live += 1;
        number
    }

    fn add_row(&mut self, id: &ItemId) -> ItemNumber {
        if self.rows == self.chunks.len() * CHUNK {
            self.chunks.push(vec![None; CHUNK].into());
        }
        // The catalogue limit is far below the largest number.
        let number = ItemNumber::try_from(self.rows).unwrap_or(ItemNumber::MAX);
        self.rows += 1;
        self.later.insert(Arc::clone(id), number);
        number
    }

    fn row_mut(&mut self, number: ItemNumber) -> &mut Option<Arc<Row>> {
        let n = number as usize;
        &mut Arc::make_mut(&mut self.chunks[n / CHUNK])[n % CHUNK]
    }

    /// Updates the lists, each once however many items moved.
    fn update_lists(&mut self, moves: BTreeMap<Arc<str>, Moves>, newest: Moves) {
        newest.apply_to(Arc::make_mut(&mut self.newest));
        for (category, moves) in moves {
            let members = self.by_category.entry(Arc::clone(&category)).or_default();
            moves.apply_to(Arc::make_mut(members));
            if members.is_empty() {
                self.by_category.remove(&category);
            }
        }
        if self.later.len() > LATER_MIN.max(self.settled.len() / LATER_SHARE) {
            Arc::make_mut(&mut self.settled).extend(std::mem::take(&mut self.later));
        }
    }

    /// Number of items, including unavailable ones.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether there are no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Upper bound, exclusive, of all numbers ever assigned.
    #[must_use]
    pub fn numbers_end(&self) -> usize {
        self.rows
    }

    /// The item with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Item> {
        self.at(self.number(id)?)
    }

    /// The number of the item with this id; the item may have been removed since ([`Items::at`] returns `None`).
    #[must_use]
    pub fn number(&self, id: &str) -> Option<ItemNumber> {
        let settled = self.settled.get(id);
        settled.or_else(|| if self.later.is_empty() { None } else { self.later.get(id) }).copied()
    }

    /// The item with a number.
    #[must_use]
    pub fn at(&self, number: ItemNumber) -> Option<&Item> {
        self.row(number).map(|row| &row.item)
    }

    /// The item with a number, if its fingerprint matches.
    #[must_use]
    pub fn at_if(&self, number: ItemNumber, fingerprint: Fingerprint) -> Option<&Item> {
        self.row(number).filter(|row| row.fingerprint == fingerprint).map(|row| &row.item)
    }

    /// An item and its text, rendered by `write` on first use and cached until the item changes; `write` must always
    /// render the same way.
    #[must_use]
    pub fn cached_text(&self, number: ItemNumber, write: impl FnOnce(&Item) -> String) -> Option<(&Item, &str)> {
        let row = self.row(number)?;
        Some((&row.item, row.text.get_or_init(|| write(&row.item).into())))
    }

    fn row(&self, number: ItemNumber) -> Option<&Row> {
        let n = number as usize;
        self.chunks.get(n / CHUNK)?[n % CHUNK].as_deref()
    }

    /// Available items of a category, newest first.
    #[must_use]
    pub fn in_category(&self, category: &str) -> &[ItemNumber] {
        self.by_category.get(category).map_or(&[], |members| members)
    }

    /// The categories with available items and their counts, unordered.
    pub fn categories(&self) -> impl Iterator<Item = (&str, usize)> {
        self.by_category.iter().map(|(category, members)| (&**category, members.len()))
    }

    /// Available items, newest first.
    #[must_use]
    pub fn newest(&self) -> &[ItemNumber] {
        &self.newest
    }

    /// All items, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).filter_map(|row| Some(&row.as_ref()?.item))
    }
}

/// The fingerprint of an item's id.
#[must_use]
pub fn fingerprint(id: &str) -> Fingerprint {
    static KEY: LazyLock<ahash::RandomState> = LazyLock::new(ahash::RandomState::new);
    KEY.hash_one(id)
}

/// Records that an item leaves its lists.
fn remove_from_lists(item: &Item, number: ItemNumber, moves: &mut BTreeMap<Arc<str>, Moves>, newest: &mut Moves) {
    if item.available {
        newest.0.insert(number, false);
        for category in &item.categories {
            moves.entry(category.as_str().into()).or_default().0.insert(number, false);
        }
    }
}

impl Moves {
    /// Merges from the end; the list stays in descending order without repeats.
    fn apply_to(self, list: &mut Vec<ItemNumber>) {
        let mut merged = Vec::with_capacity(list.len() + self.0.len());
        let mut moves = self.0.into_iter().rev().peekable();
        for number in list.drain(..) {
            while let Some((moved, added)) = moves.next_if(|(moved, _)| *moved > number) {
                merged.extend(added.then_some(moved));
            }
            match moves.next_if(|(moved, _)| *moved == number) {
                Some((_, false)) => {}
                Some((_, true)) | None => merged.push(number),
            }
        }
        merged.extend(moves.filter(|(_, added)| *added).map(|(number, _)| number));
        *list = merged;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(id: &str, category: &str, available: bool) -> Item {
        Item { id: id.into(), categories: vec![category.to_owned(); 2], available, ..Item::default() }
    }

    fn ids<'a>(items: &'a Items, numbers: &[ItemNumber]) -> Vec<&'a str> {
        numbers.iter().map(|n| &*items.at(*n).unwrap().id).collect()
    }

    #[test]
    fn categories_and_newest_list_available_items_only_and_the_last_one_first() {
        let items = Items::new(vec![item("a", "x", true), item("b", "x", false), item("c", "x", true)]);
        assert_eq!(ids(&items, items.in_category("x")), ["c", "a"]);
        assert_eq!(ids(&items, items.newest()), ["c", "a"]);
        assert!(items.in_category("y").is_empty());
        assert_eq!(items.get("b").map(|i| i.available), Some(false));
    }

    #[test]
    fn of_duplicate_ids_the_last_counts() {
        let items = Items::new(vec![item("a", "x", true), item("a", "y", true)]);
        assert_eq!((items.len(), items.get("a").unwrap().main_category()), (1, "y"));
        assert!(items.in_category("x").is_empty());
    }

    #[test]
    fn a_changed_copy_leaves_its_original_unchanged_and_numbers_stay() {
        let before = Items::new((0..300).map(|n| item(&format!("i-{n}"), "x", true)).collect());
        let mut after = before.clone();
        let touched = after.put([item("i-7", "x", false), item("new", "y", true)]);
        assert_eq!(touched, [7, 300]);
        assert_eq!((before.newest().len(), after.newest().len()), (300, 300));
        assert_eq!((before.get("new").is_none(), after.get("i-7").unwrap().available), (true, false));
        assert_eq!(after.remove("i-9"), Some(9));
        assert_eq!((after.get("i-9"), after.len(), before.len()), (None, 300, 300));
        assert_eq!(after.put([item("i-9", "x", true)]), [9]);
    }

    proptest! {
        /// A catalogue changed step by step equals one created from the same items.
        #[test]
        fn changes_one_by_one_and_a_new_start_agree(
            steps in proptest::collection::vec((0_u8..20, 0_u8..3, any::<bool>(), any::<bool>()), 0..60),
        ) {
            let mut grown = Items::default();
            let mut kept: Vec<Item> = Vec::new();
            for (n, category, available, remove) in steps {
                let new = item(&format!("i-{n}"), ["x", "y", "z"][category as usize], available);
                let known = kept.iter().position(|old| old.id == new.id);
                if remove {
                    prop_assert_eq!(grown.remove(&new.id).is_some(), known.is_some());
                    known.map(|at| kept.remove(at));
                } else {
                    grown.put([new.clone()]);
                    match known {
                        Some(at) => kept[at] = new,
                        None => kept.push(new),
                    }
                }
            }
            let fresh = Items::new(kept);
            let sorted = |items: &Items, numbers: &[ItemNumber]| {
                let mut found: Vec<String> = ids(items, numbers).into_iter().map(str::to_owned).collect();
                found.sort();
                found
            };
            prop_assert_eq!(grown.len(), fresh.len());
            prop_assert_eq!(sorted(&grown, grown.newest()), sorted(&fresh, fresh.newest()));
            for category in ["x", "y", "z"] {
                prop_assert_eq!(
                    sorted(&grown, grown.in_category(category)),
                    sorted(&fresh, fresh.in_category(category))
                );
            }
            prop_assert!(grown.newest().is_sorted_by(|a, b| a > b));
        }
    }
}
