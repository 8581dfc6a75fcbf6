//! The items of a site, with the ways in that decisions need.
//!
//! PURE. Made for catalogues of a million: a changed copy shares everything with the one before but the
//! pieces it touches, so that one item's new price costs a few copied lists and not a catalogue. An item
//! keeps its number for as long as the service runs. Example: `let mut next = items.clone();
//! next.put([item]);` leaves `items` as it was for those who are reading it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, LazyLock, OnceLock},
};

use crate::model::{Item, ItemId};

/// Place of an item in [`Items`] and in the copies made of it.
pub type ItemNumber = u32;

/// Of an item's id, with a key that nobody outside this process knows: two ids that look alike by it are the
/// same. Asked where comparing two ids would touch memory for each.
pub type Fingerprint = u64;

type Numbers = HashMap<ItemId, ItemNumber, ahash::RandomState>;

/// Items in one piece; a changed item copies its piece's pointers.
const PIECE: usize = 128;
/// So many items may be known outside the large table before it is made anew, and one in so many of its own.
const LATER_MIN: usize = 4096;
const LATER_SHARE: usize = 8;

/// The items of a site.
#[derive(Debug, Clone, Default)]
pub struct Items {
    pieces: Vec<Arc<[Option<Arc<Row>>]>>,
    rows: usize,
    live: usize,
    /// Numbers by id: of most items, and of those that came since.
    settled: Arc<Numbers>,
    later: Numbers,
    by_category: HashMap<Arc<str>, Arc<Vec<ItemNumber>>, ahash::RandomState>,
    newest: Arc<Vec<ItemNumber>>,
}

/// One item, and how it is told, once it was.
#[derive(Debug)]
struct Row {
    fingerprint: Fingerprint,
    item: Item,
    told: OnceLock<Box<str>>,
}

/// Numbers that leave (false) and join (true) one list; of one number the last word counts.
#[derive(Default)]
struct Moves(BTreeMap<ItemNumber, bool>);

impl Items {
    /// Takes the items in the order in which they were first added; of two with one id the later counts.
    #[must_use]
    pub fn new(items: Vec<Item>) -> Self {
        let mut new = Self::default();
        new.put(items);
        new
    }

    /// Adds items and replaces those with the same id, which keep the moment they were first seen at.
    /// Tells the numbers of all of them.
    pub fn put(&mut self, items: impl IntoIterator<Item = Item>) -> Vec<ItemNumber> {
        let mut moves = BTreeMap::new();
        let mut newest = Moves::default();
        let touched = items.into_iter().map(|item| self.put_one(item, &mut moves, &mut newest)).collect();
        self.settle(moves, newest);
        touched
    }

    /// Takes an item out. Its number, if it was there.
    pub fn remove(&mut self, id: &str) -> Option<ItemNumber> {
        let number = self.number(id)?;
        let old = self.row_mut(number).take()?;
        self.live -= 1;
        let mut moves = BTreeMap::new();
        let mut newest = Moves::default();
        leave(&old.item, number, &mut moves, &mut newest);
        self.settle(moves, newest);
        Some(number)
    }

    fn put_one(&mut self, mut item: Item, moves: &mut BTreeMap<Arc<str>, Moves>, newest: &mut Moves) -> ItemNumber {
        let number = self.number(&item.id).unwrap_or_else(|| self.add_row(&item.id));
        if let Some(old) = self.row_mut(number).take() {
            self.live -= 1;
            item.added_at = old.item.added_at;
            leave(&old.item, number, moves, newest);
        }
        if item.available {
            newest.0.insert(number, true);
            for category in &item.categories {
                moves.entry(category.as_str().into()).or_default().0.insert(number, true);
            }
        }
        let row = Row { fingerprint: fingerprint(&item.id), item, told: OnceLock::new() };
        *self.row_mut(number) = Some(Arc::new(row));
        self.live += 1;
        number
    }

    fn add_row(&mut self, id: &ItemId) -> ItemNumber {
        if self.rows == self.pieces.len() * PIECE {
            self.pieces.push(vec![None; PIECE].into());
        }
        // A catalogue is bounded far below what a number can hold.
        let number = ItemNumber::try_from(self.rows).unwrap_or(ItemNumber::MAX);
        self.rows += 1;
        self.later.insert(Arc::clone(id), number);
        number
    }

    fn row_mut(&mut self, number: ItemNumber) -> &mut Option<Arc<Row>> {
        let n = number as usize;
        &mut Arc::make_mut(&mut self.pieces[n / PIECE])[n % PIECE]
    }

    /// Brings the lists up to date, each once however many items moved.
    fn settle(&mut self, moves: BTreeMap<Arc<str>, Moves>, newest: Moves) {
        newest.carry_out(Arc::make_mut(&mut self.newest));
        for (category, moves) in moves {
            let members = self.by_category.entry(Arc::clone(&category)).or_default();
            moves.carry_out(Arc::make_mut(members));
            if members.is_empty() {
                self.by_category.remove(&category);
            }
        }
        if self.later.len() > LATER_MIN.max(self.settled.len() / LATER_SHARE) {
            Arc::make_mut(&mut self.settled).extend(std::mem::take(&mut self.later));
        }
    }

    /// How many there are, unavailable ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// All numbers ever given out are below this.
    #[must_use]
    pub fn numbers_end(&self) -> usize {
        self.rows
    }

    /// The item with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Item> {
        self.at(self.number(id)?)
    }

    /// The place of the item with this id; it may have been taken out since, as [`Items::at`] tells.
    #[must_use]
    pub fn number(&self, id: &str) -> Option<ItemNumber> {
        let settled = self.settled.get(id);
        settled.or_else(|| if self.later.is_empty() { None } else { self.later.get(id) }).copied()
    }

    /// The item at a place.
    #[must_use]
    pub fn at(&self, number: ItemNumber) -> Option<&Item> {
        self.row(number).map(|row| &row.item)
    }

    /// The item at a place, if it is the one with this fingerprint.
    #[must_use]
    pub fn at_if(&self, number: ItemNumber, fingerprint: Fingerprint) -> Option<&Item> {
        self.row(number).filter(|row| row.fingerprint == fingerprint).map(|row| &row.item)
    }

    /// The item at a place and its text, which is written when it is first asked for and kept until the item
    /// changes; always write it the same way.
    #[must_use]
    pub fn told(&self, number: ItemNumber, write: impl FnOnce(&Item) -> String) -> Option<(&Item, &str)> {
        let row = self.row(number)?;
        Some((&row.item, row.told.get_or_init(|| write(&row.item).into())))
    }

    fn row(&self, number: ItemNumber) -> Option<&Row> {
        let n = number as usize;
        self.pieces.get(n / PIECE)?[n % PIECE].as_deref()
    }

    /// Available items of a category, newest first.
    #[must_use]
    pub fn in_category(&self, category: &str) -> &[ItemNumber] {
        self.by_category.get(category).map_or(&[], |members| members)
    }

    /// The categories that have available items, in no particular order.
    pub fn categories(&self) -> impl Iterator<Item = (&str, usize)> {
        self.by_category.iter().map(|(category, members)| (&**category, members.len()))
    }

    /// Available items, newest first.
    #[must_use]
    pub fn newest(&self) -> &[ItemNumber] {
        &self.newest
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.pieces.iter().flat_map(|piece| piece.iter()).filter_map(|row| Some(&row.as_ref()?.item))
    }
}

/// The fingerprint of an item's id.
#[must_use]
pub fn fingerprint(id: &str) -> Fingerprint {
    static KEY: LazyLock<ahash::RandomState> = LazyLock::new(ahash::RandomState::new);
    KEY.hash_one(id)
}

/// Notes that an item leaves its lists.
fn leave(item: &Item, number: ItemNumber, moves: &mut BTreeMap<Arc<str>, Moves>, newest: &mut Moves) {
    if item.available {
        newest.0.insert(number, false);
        for category in &item.categories {
            moves.entry(category.as_str().into()).or_default().0.insert(number, false);
        }
    }
}

impl Moves {
    /// The list stays in descending order and without repeats: both are merged from the end.
    fn carry_out(self, list: &mut Vec<ItemNumber>) {
        let mut merged = Vec::with_capacity(list.len() + self.0.len());
        let mut moves = self.0.into_iter().rev().peekable();
        for number in list.drain(..) {
            while let Some((moved, comes)) = moves.next_if(|(moved, _)| *moved > number) {
                merged.extend(comes.then_some(moved));
            }
            match moves.next_if(|(moved, _)| *moved == number) {
                Some((_, false)) => {}
                Some((_, true)) | None => merged.push(number),
            }
        }
        merged.extend(moves.filter(|(_, comes)| *comes).map(|(number, _)| number));
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
    fn of_two_items_with_one_id_the_later_counts() {
        let items = Items::new(vec![item("a", "x", true), item("a", "y", true)]);
        assert_eq!((items.len(), items.get("a").unwrap().main_category()), (1, "y"));
        assert!(items.in_category("x").is_empty());
    }

    #[test]
    fn a_changed_copy_leaves_its_origin_alone_and_numbers_stay() {
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
        /// However it came about, a catalogue is what one made at once of the same items would be.
        #[test]
        fn changes_one_by_one_and_a_fresh_start_agree(
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
