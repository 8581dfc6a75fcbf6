//! Content-based similarity of items by words, categories, brand, tags and attributes, for items without views.
//!
//! Cosine of TF-IDF weights (Salton and Buckley, "Term-weighting approaches in automatic text retrieval",
//! 1988) over an inverted index whose lists hold the strongest items of each term only (champion lists,
//! Manning, Raghavan and Schütze, "Introduction to Information Retrieval", 2008, 7.1.3), so that a category of
//! fifty thousand items costs no more than a rare word. Tokenization works in any script: look-alike Persian and Arabic
//! letters are unified, a zero-width non-joiner separates words, diacritics are dropped, digits are normalized, and
//! scripts without spaces are split into pairs of characters.

use std::collections::HashMap;

use crate::model::{Item, ItemId};

/// Champion list of a term: its strongest items.
const CHAMPIONS_MAX: usize = 300;
/// Terms kept of an item, the strongest.
const TERMS_MAX: usize = 24;
/// Longer words and values are ignored.
const TERM_CHARS_MAX: usize = 60;

/// Content index of a catalogue.
#[derive(Debug, Default)]
pub struct Content {
    ids: Vec<ItemId>,
    positions: HashMap<ItemId, u32, ahash::RandomState>,
    /// Terms and weights of every item, the strongest first; the squared weights of one item sum to one.
    terms: Lists<(u32, f32)>,
    /// Items and weights of every term.
    champions: Lists<(u32, f32)>,
}

#[derive(Debug)]
struct Lists<T> {
    offsets: Vec<u32>,
    all: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { offsets: vec![0], all: Vec::new() }
    }
}

impl<T> Lists<T> {
    fn push(&mut self, list: impl Iterator<Item = T>) {
        self.all.extend(list);
        self.offsets.push(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
    }

    fn get(&self, position: u32) -> &[T] {
        let at = position as usize;
        self.offsets.get(at + 1).map_or(&[], |to| &self.all[self.offsets[at] as usize..*to as usize])
    }
}

impl Content {
    /// Indexes a catalogue.
    #[must_use]
    pub fn new<'i>(items: impl Iterator<Item = &'i Item>) -> Self {
        let mut content = Self::default();
        let mut numbers: HashMap<String, u32, ahash::RandomState> = HashMap::default();
        let mut frequency: Vec<u32> = Vec::new();
        let mut weighted: Vec<Vec<(u32, f32)>> = Vec::new();
        for item in items {
            let mut weights: HashMap<u32, f32, ahash::RandomState> = HashMap::default();
            for (term, weight) in terms(item) {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                let number = *numbers.entry(term).or_insert(next);
                if number as usize == frequency.len() {
                    frequency.push(0);
                }
                *weights.entry(number).or_insert(0.0) += weight;
            }
            for term in weights.keys() {
                frequency[*term as usize] += 1;
            }
            content.positions.insert(item.id.clone(), u32::try_from(content.ids.len()).unwrap_or(u32::MAX));
            content.ids.push(item.id.clone());
            weighted.push(weights.into_iter().collect());
        }
        drop(numbers);
        let count = weighted.len() as f32;
        let mut champions: Vec<Vec<(u32, f32)>> = vec![Vec::new(); frequency.len()];
        for (position, mut terms) in (0..).zip(weighted) {
            for (term, weight) in &mut terms {
                *weight *= (1.0 + count / frequency[*term as usize] as f32).ln();
            }
            keep_strongest(&mut terms, TERMS_MAX);
            let length = terms.iter().map(|(_, weight)| weight * weight).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            for (term, weight) in &mut terms {
                *weight /= length;
                champions[*term as usize].push((position, *weight));
            }
            content.terms.push(terms.into_iter());
        }
        for mut items in champions {
            keep_strongest(&mut items, CHAMPIONS_MAX);
            content.champions.push(items.into_iter());
        }
        content
    }

    /// The items most similar to an item, without itself, most similar first, with the cosine.
    #[must_use]
    pub fn similar(&self, id: &str, count: usize) -> Vec<(&ItemId, f32)> {
        let Some(position) = self.positions.get(id) else { return Vec::new() };
        let mut sums: HashMap<u32, f32, ahash::RandomState> = HashMap::default();
        for (term, weight) in self.terms.get(*position) {
            for (other, other_weight) in self.champions.get(*term) {
                *sums.entry(*other).or_insert(0.0) += weight * other_weight;
            }
        }
        sums.remove(position);
        let mut similar: Vec<(u32, f32)> = sums.into_iter().collect();
        keep_strongest(&mut similar, count);
        similar.into_iter().map(|(other, cosine)| (&self.ids[other as usize], cosine.min(1.0))).collect()
    }
}

fn keep_strongest(list: &mut Vec<(u32, f32)>, count: usize) {
    list.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    list.truncate(count);
}

/// The terms of an item and their weights.
fn terms(item: &Item) -> Vec<(String, f32)> {
    let mut terms: Vec<(String, f32)> = words(&item.title).into_iter().map(|word| (word, 1.0)).collect();
    terms.extend(item.titles.values().flat_map(|title| words(title)).map(|word| (word, 0.5)));
    let whole = |kind: char, text: &str| format!("{kind}\u{1}{}", words(text).join(" "));
    let is_given = |text: &&String| !text.trim().is_empty();
    for (category, weight) in
        item.categories.iter().filter(is_given).zip([2.0, 1.5].into_iter().chain(std::iter::repeat(1.0)))
    {
        terms.push((whole('c', category), weight));
    }
    if !item.brand.is_empty() {
        terms.push((whole('b', &item.brand), 1.0));
    }
    terms.extend(item.tags.iter().filter(is_given).map(|tag| (whole('t', tag), 1.0)));
    for (name, value) in &item.attributes {
        if let Some(value) = value.as_str().filter(|value| value.chars().count() <= TERM_CHARS_MAX) {
            terms.push((format!("a\u{1}{name}\u{1}{}", words(value).join(" ")), 0.7));
        }
    }
    terms
}

/// The words of a text, in lower case, with look-alike letters unified.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before: Option<char> = None;
    for c in text.chars().flat_map(char::to_lowercase) {
        let last = before.take();
        match letter(c) {
            Some(c) if has_no_spaces(c) => {
                finish_word(&mut word, &mut words);
                words.push(last.map_or_else(|| c.to_string(), |last| [last, c].iter().collect()));
                before = Some(c);
            }
            Some(c) => word.push(c),
            None if is_mark(c) => before = last,
            None => finish_word(&mut word, &mut words),
        }
    }
    finish_word(&mut word, &mut words);
    words
}

fn finish_word(word: &mut String, words: &mut Vec<String>) {
    let word = std::mem::take(word);
    if !word.is_empty() && word.chars().count() <= TERM_CHARS_MAX {
        words.push(word);
    }
}

/// The normalized letter or digit; `None` for anything else.
fn letter(c: char) -> Option<char> {
    Some(match c {
        'ي' | 'ى' | 'ئ' => 'ی',
        'ك' => 'ک',
        'ة' | 'ۀ' => 'ه',
        'أ' | 'إ' | 'آ' => 'ا',
        'ؤ' => 'و',
        '۰'..='۹' => char::from_digit(c as u32 - '۰' as u32, 10)?,
        '٠'..='٩' => char::from_digit(c as u32 - '٠' as u32, 10)?,
        c if !is_mark(c) && c.is_alphanumeric() => c,
        _ => return None,
    })
}

/// Diacritics, joiners and apostrophes, which do not separate words.
const fn is_mark(c: char) -> bool {
    matches!(c, 'ـ' | '\u{300}'..='\u{36f}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{200d}' | '\'' | '\u{2019}')
}

/// Han and kana, which are written without spaces.
const fn has_no_spaces(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(id: &str, title: &str, category: &str) -> Item {
        Item { id: id.into(), title: title.into(), categories: vec![category.into()], ..Item::default() }
    }

    fn similar(items: &[Item], id: &str) -> Vec<String> {
        Content::new(items.iter()).similar(id, 10).into_iter().map(|(id, _)| id.to_string()).collect()
    }

    #[test]
    fn text_is_tokenized_in_any_script() {
        let check = |text: &str, expected: &[&str]| assert_eq!(words(text), expected, "{text}");
        check("Crème-Brûlée, 2×250 g", &["crème", "brûlée", "2", "250", "g"]);
        check("cafe\u{301} don't", &["cafe", "dont"]);
        check("كتاب‌هاي ۱۲ و ٣٤", &["کتاب", "های", "12", "و", "34"]);
        check("مُعَلِّم آب", &["معلم", "اب"]);
        check("緑茶セット tea", &["緑", "緑茶", "茶セ", "セッ", "ット", "tea"]);
        check(" –  ", &[]);
        check(&"x".repeat(61), &[]);
    }

    #[test]
    fn shared_terms_make_items_similar_and_rare_ones_weigh_more() {
        let mut items = vec![
            item("new", "Green tea sencha", "Tea"),
            item("sencha", "Sencha", "Tea"),
            item("black", "Black tea", "Tea"),
            item("mug", "Mug", "Kitchen"),
        ];
        items.extend((0..20).map(|n| item(&format!("other-{n}"), "Green thing", "Things")));
        let order = similar(&items, "new");
        assert_eq!(order[..2], ["sencha", "black"]);
        assert!(!order.contains(&"mug".to_owned()), "nothing in common");
        assert!(similar(&items, "unknown").is_empty());
        let persian = [item("a", "كتاب شعر", ""), item("b", "کتاب‌های شعر", ""), item("c", "لیوان", "")];
        assert_eq!(similar(&persian, "a"), ["b"]);
    }

    proptest! {
        #[test]
        fn any_catalogue_can_be_indexed_and_similarity_is_0_to_1(
            texts in prop::collection::vec((".{0,30}", "[a-c]{0,2}"), 0..30), of in 0_usize..30,
        ) {
            let items: Vec<Item> =
                texts.iter().enumerate().map(|(n, (title, category))| item(&n.to_string(), title, category)).collect();
            let content = Content::new(items.iter());
            let found = content.similar(&of.to_string(), 10);
            prop_assert!(found.len() <= 10 && found.iter().all(|(id, _)| ***id != *of.to_string()));
            prop_assert!(found.iter().all(|(_, cosine)| (0.0..=1.0).contains(cosine)));
            prop_assert!(found.windows(2).all(|pair| pair[0].1 >= pair[1].1));
        }
    }
}
