//! Catalog items in requests and responses.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::model::{Currency, Item, ItemIssue, ItemIssueKind, Timestamp};

/// One catalog item. Unknown keys are kept as attributes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ItemBody {
    /// The shop's own id, 1 to 100 bytes; whole numbers are taken as text.
    #[serde(deserialize_with = "text_or_integer")]
    pub id: String,
    /// Title shown to visitors.
    #[serde(default)]
    pub title: String,
    /// Address of its page: `http`, `https` or relative URL.
    #[serde(default)]
    pub url: String,
    /// Address of its image.
    #[serde(default)]
    pub image: String,
    /// Price in minor units of `currency`.
    #[serde(default)]
    pub price_minor: i64,
    /// ISO 4217 code.
    #[serde(default)]
    pub currency: String,
    /// Categories, main category first.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Brand.
    #[serde(default)]
    pub brand: String,
    /// Free-form tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Whether it may be recommended.
    #[serde(default = "yes")]
    pub available: bool,
    /// Language of its texts, such as `fa` or `en-GB`; empty if not language-specific.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// Titles in other languages, by language tag.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub titles: BTreeMap<String, String>,
    /// Product group; variants of a product (sizes, colors) share one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub item_group: String,
    /// When it was added to the catalog, RFC 3339. Read-only: ignored in requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_at: Option<String>,
    /// Further attributes.
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    pub attributes: Map<String, Value>,
}

const fn yes() -> bool {
    true
}

fn text_or_integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id {
        Text(String),
        Integer(i64),
        Large(u64),
    }
    Ok(
        match Id::deserialize(deserializer)
            .map_err(|_| de::Error::custom("`id` is neither a text nor a whole number"))?
        {
            Id::Text(text) => text,
            Id::Integer(number) => number.to_string(),
            Id::Large(number) => number.to_string(),
        },
    )
}

const TEXT_MAX: usize = 2000;
const LIST_MAX: usize = 50;
const LIST_TEXT_MAX: usize = 200;
const ATTRIBUTES_MAX: usize = 100;
const ATTRIBUTES_BYTES_MAX: usize = 32_768;
const TITLES_MAX: usize = 20;
/// Longest language tag: BCP 47 recommends room for 35 characters.
const LANGUAGE_MAX: usize = 35;

impl ItemBody {
    /// Parses one item from JSON text.
    pub fn from_slice(json: &[u8]) -> Result<Self, ItemIssue> {
        serde_json::from_slice(json).map_err(|error| ItemIssueKind::Unreadable.with_message(error.to_string()))
    }

    /// Parses one item from a JSON value.
    pub fn from_value(value: Value) -> Result<Self, ItemIssue> {
        serde_json::from_value(value).map_err(|error| ItemIssueKind::Unreadable.with_message(error.to_string()))
    }

    /// Validates sizes and formats. The message of an issue is one line, written for the shop's developers.
    pub fn check(self) -> Result<Item, ItemIssue> {
        if self.id.is_empty() || self.id.len() > 100 || self.id.chars().any(char::is_control) {
            return Err(ItemIssueKind::Id.with_message("`id` must have 1 to 100 bytes and no control characters"));
        }
        self.check_texts()?;
        self.check_lists()?;
        if self.price_minor < 0 {
            return Err(ItemIssueKind::Price.with_message(format!("`price_minor` of item {:?} is negative", self.id)));
        }
        for name in ["price", "sale_price"] {
            if self.price_minor == 0 && self.attributes.contains_key(name) {
                let message =
                    format!("item {:?} has `{name}`; send `price_minor` and `currency`, or import a file", self.id);
                return Err(ItemIssueKind::Price.with_message(message));
            }
        }
        let currency = if self.currency.is_empty() {
            Currency::NONE
        } else {
            Currency::parse(&self.currency).ok_or_else(|| {
                ItemIssueKind::Currency
                    .with_message(format!("`currency` of item {:?} is not an ISO 4217 code", self.id))
            })?
        };
        Ok(Item {
            id: self.id.into(),
            title: self.title,
            url: self.url,
            image: self.image,
            price_minor: self.price_minor,
            currency,
            categories: self.categories,
            brand: self.brand,
            tags: self.tags,
            available: self.available,
            language: self.language,
            titles: self.titles,
            group: self.item_group,
            added_at: Timestamp::default(),
            attributes: self.attributes,
        })
    }

    fn check_texts(&self) -> Result<(), ItemIssue> {
        let texts = [
            ("title", &self.title),
            ("url", &self.url),
            ("image", &self.image),
            ("brand", &self.brand),
            ("item_group", &self.item_group),
        ];
        let titles = self.titles.values().map(|title| ("titles", title));
        for (name, text) in texts.into_iter().chain(titles) {
            if text.len() > TEXT_MAX {
                let message = format!("`{name}` of item {:?} is longer than {TEXT_MAX} bytes", self.id);
                return Err(ItemIssueKind::TextTooLong.with_message(message));
            }
        }
        for (name, address) in [("url", &self.url), ("image", &self.image)] {
            if !is_safe_address(address) {
                let message = format!("`{name}` of item {:?} must be an http, https or relative address", self.id);
                return Err(ItemIssueKind::Address.with_message(message));
            }
        }
        let tags = (!self.language.is_empty()).then_some(&self.language).into_iter().chain(self.titles.keys());
        for tag in tags {
            if !is_language_tag(tag) {
                let message =
                    format!("item {:?} has an invalid language tag; use one such as `fa` or `en-GB`", self.id);
                return Err(ItemIssueKind::Language.with_message(message));
            }
        }
        Ok(())
    }

    fn check_lists(&self) -> Result<(), ItemIssue> {
        let lists_fit = [&self.categories, &self.tags]
            .iter()
            .all(|list| list.len() <= LIST_MAX && list.iter().all(|text| text.len() <= LIST_TEXT_MAX));
        let attributes_fit = self.attributes.len() <= ATTRIBUTES_MAX
            && serde_json::to_vec(&self.attributes).is_ok_and(|json| json.len() <= ATTRIBUTES_BYTES_MAX);
        if lists_fit && attributes_fit && self.titles.len() <= TITLES_MAX {
            return Ok(());
        }
        let message = format!("item {:?} has too many or too long categories, tags, titles or attributes", self.id);
        Err(ItemIssueKind::TooMuch.with_message(message))
    }
}

fn is_language_tag(tag: &str) -> bool {
    let letters = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    tag.len() <= LANGUAGE_MAX
        && tag.split(['-', '_']).all(letters)
        && tag.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
}

/// Returns whether an address is safe in a link: `http`, `https` or relative, no scheme that runs code.
#[must_use]
pub fn is_safe_address(address: &str) -> bool {
    // Browsers drop leading blanks and inner tabs and newlines before they parse the scheme.
    let normalized: String = address.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_lowercase();
    match normalized.find([':', '/', '?', '#']) {
        Some(at) if normalized.as_bytes()[at] == b':' => matches!(&normalized[..at], "http" | "https"),
        _ => true,
    }
}

impl From<&Item> for ItemBody {
    fn from(item: &Item) -> Self {
        Self {
            id: item.id.to_string(),
            title: item.title.clone(),
            url: item.url.clone(),
            image: item.image.clone(),
            price_minor: item.price_minor,
            currency: if item.currency == Currency::NONE { String::new() } else { item.currency.as_str().to_owned() },
            categories: item.categories.clone(),
            brand: item.brand.clone(),
            tags: item.tags.clone(),
            available: item.available,
            language: item.language.clone(),
            titles: item.titles.clone(),
            item_group: item.group.clone(),
            added_at: (item.added_at.0 > 0).then(|| item.added_at.to_string()),
            attributes: item.attributes.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_run_code_are_refused() {
        for good in ["", "/p/1", "p/1", "?a=b:c", "https://shop.example/a", "HTTP://x", "//cdn.example/x.png"] {
            assert!(is_safe_address(good), "{good}");
        }
        for bad in ["javascript:alert(1)", " JaVaScript:x", "java\tscript:x", "data:text/html,x", "vbscript:x"] {
            assert!(!is_safe_address(bad), "{bad}");
        }
    }

    #[test]
    fn an_item_keeps_unknown_keys_as_attributes() {
        let text =
            r#"{"id":"p1","title":"Mug","price_minor":1250,"currency":"eur","categories":["Kitchen"],"colour":"red"}"#;
        let item = serde_json::from_str::<ItemBody>(text).unwrap().check().unwrap();
        assert_eq!((item.price_minor, item.currency.as_str(), item.available), (1250, "EUR", true));
        assert_eq!(item.attributes["colour"], "red");
        let again = ItemBody::from(&Item { added_at: Timestamp(1), ..item.clone() });
        let again = serde_json::to_vec(&again).unwrap();
        assert_eq!(ItemBody::from_slice(&again).unwrap().check().unwrap(), item, "a returned item can be sent back");
    }

    #[test]
    fn an_invalid_item_is_refused_with_its_reason() {
        let check = |json: &str, kind: ItemIssueKind| {
            let issue = ItemBody::from_slice(json.as_bytes()).and_then(ItemBody::check).unwrap_err();
            assert_eq!(issue.kind, kind, "{json}: {issue}");
            assert!(!issue.message.contains('\n'));
        };
        check("{}", ItemIssueKind::Unreadable);
        check(r#"{"id":"a","price_minor":12.5}"#, ItemIssueKind::Unreadable);
        check(r#"{"id":""}"#, ItemIssueKind::Id);
        check(r#"{"id":"a\u0007"}"#, ItemIssueKind::Id);
        check(r#"{"id":"a","url":"javascript:1"}"#, ItemIssueKind::Address);
        check(r#"{"id":"a","price_minor":-1}"#, ItemIssueKind::Price);
        check(r#"{"id":"a","currency":"euro"}"#, ItemIssueKind::Currency);
        check(r#"{"id":"a","language":"<script>"}"#, ItemIssueKind::Language);
        check(r#"{"id":"a","titles":{"1":"x"}}"#, ItemIssueKind::Language);
        check(&format!(r#"{{"id":"a","title":"{}"}}"#, "x".repeat(2001)), ItemIssueKind::TextTooLong);
        check(&format!(r#"{{"id":"a","tags":["{}"]}}"#, "x".repeat(201)), ItemIssueKind::TooMuch);
        check(&format!(r#"{{"id":"a","notes":"{}"}}"#, "x".repeat(40_000)), ItemIssueKind::TooMuch);
    }
}
