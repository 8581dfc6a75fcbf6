//! An item of a shop's catalogue.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Currency, ItemId, Timestamp};

/// An item of a shop. `catalog` bounds its texts on import.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Item {
    /// The shop's own id.
    pub id: ItemId,
    /// Name shown to visitors.
    pub title: String,
    /// URL of its page; `http`, `https` or relative.
    pub url: String,
    /// URL of its image; empty when none.
    pub image: String,
    /// Price in minor units.
    pub price_minor: i64,
    /// Currency of the price.
    pub currency: Currency,
    /// Categories, the main one first.
    pub categories: Vec<String>,
    /// Brand; empty when unknown.
    pub brand: String,
    /// Free-form tags.
    pub tags: Vec<String>,
    /// Whether it may be shown at all.
    pub available: bool,
    /// Language of its texts, a tag such as `fa` or `en-GB`; empty when it is for all languages.
    pub language: String,
    /// Titles in further languages, by tag.
    pub titles: BTreeMap<String, String>,
    /// Item group: variants (size, colour) of one product share it; empty when it has no variants.
    pub group: String,
    /// When it was added to the catalogue; 0 when unknown.
    pub added_at: Timestamp,
    /// All other attributes the shop sent.
    pub attributes: Map<String, Value>,
}

impl Item {
    /// The main category; empty when the item has none.
    #[must_use]
    pub fn main_category(&self) -> &str {
        self.categories.first().map_or("", String::as_str)
    }

    /// The title in a language, or the default title.
    #[must_use]
    pub fn title_in(&self, language: &str) -> &str {
        self.other_title_in(language).unwrap_or(&self.title)
    }

    /// The title in a language other than the item's own, if there is one.
    #[must_use]
    pub fn other_title_in(&self, language: &str) -> Option<&str> {
        let matches = |(tag, _): &(&String, &String)| same_language(tag, language);
        if language.is_empty() || self.titles.is_empty() || same_language(&self.language, language) {
            return None;
        }
        self.titles.iter().find(matches).map(|(_, title)| title.as_str())
    }

    /// Whether it suits readers of `language`; an empty language on either side matches everything.
    #[must_use]
    pub fn is_in_language(&self, language: &str) -> bool {
        language.is_empty()
            || self.language.is_empty()
            || same_language(&self.language, language)
            || self.titles.keys().any(|tag| same_language(tag, language))
    }

    /// Whether it equals `other` in everything but `added_at`.
    #[must_use]
    pub fn has_same_content(&self, other: &Self) -> bool {
        let Self { id, title, url, image, price_minor, currency, categories, brand, tags, available, .. } = self;
        *id == other.id
            && *title == other.title
            && *url == other.url
            && *image == other.image
            && *price_minor == other.price_minor
            && *currency == other.currency
            && *categories == other.categories
            && *brand == other.brand
            && *tags == other.tags
            && *available == other.available
            && self.language == other.language
            && self.titles == other.titles
            && self.group == other.group
            && self.attributes == other.attributes
    }
}

/// One line of an order, cart or list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemLine<'a> {
    /// The item's id.
    pub id: Cow<'a, str>,
    /// Unit price in minor units of the event's currency; 0 when unknown.
    pub price_minor: i64,
    /// Quantity; at least 1.
    pub quantity: u32,
}

/// Whether two language tags have the same primary language, case-insensitive: `en-GB` and `en` do.
#[must_use]
pub fn same_language(one: &str, other: &str) -> bool {
    let primary = |tag: &'_ str| tag.split(['-', '_']).next().map(str::len).unwrap_or_default();
    one[..primary(one)].eq_ignore_ascii_case(&other[..primary(other)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_and_languages_go_by_the_primary_tag() {
        let item = Item {
            title: "Mug".into(),
            language: "en-GB".into(),
            titles: [("fa".to_owned(), "ماگ".to_owned())].into(),
            ..Item::default()
        };
        assert_eq!((item.title_in("EN"), item.title_in("fa-IR"), item.title_in("de")), ("Mug", "ماگ", "Mug"));
        assert!(item.is_in_language("fa") && item.is_in_language("") && !item.is_in_language("de"));
        assert!(Item::default().is_in_language("de"));
    }
}
