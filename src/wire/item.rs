//! Items of a catalogue as shops send them and as answers show them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::model::{Currency, Item};

/// One item. Further keys are kept as attributes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ItemBody {
    /// The shop's own id, 1 to 100 bytes.
    pub id: String,
    /// Name shown to visitors.
    #[serde(default)]
    pub title: String,
    /// Address of its page: `http`, `https` or relative.
    #[serde(default)]
    pub url: String,
    /// Address of its picture.
    #[serde(default)]
    pub image: String,
    /// Price in minor units of `currency`.
    #[serde(default)]
    pub price_minor: i64,
    /// ISO 4217 code.
    #[serde(default)]
    pub currency: String,
    /// Categories, the main one first.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Maker.
    #[serde(default)]
    pub brand: String,
    /// Free marks.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Whether it may be shown.
    #[serde(default = "yes")]
    pub available: bool,
    /// Whatever else the shop knows.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub attributes: Map<String, Value>,
}

const fn yes() -> bool {
    true
}

const TEXT_MAX: usize = 2000;
const LIST_MAX: usize = 50;
const ATTRIBUTES_MAX: usize = 100;

impl ItemBody {
    /// Checks and bounds it. The error is one line for the shop's engineer.
    pub fn check(self) -> Result<Item, String> {
        if self.id.is_empty() || self.id.len() > 100 || self.id.chars().any(char::is_control) {
            return Err("`id` must have 1 to 100 bytes and no control characters".into());
        }
        for (name, text) in [("title", &self.title), ("url", &self.url), ("image", &self.image), ("brand", &self.brand)]
        {
            if text.len() > TEXT_MAX {
                return Err(format!("`{name}` of item {:?} is longer than {TEXT_MAX} bytes", self.id));
            }
        }
        for (name, address) in [("url", &self.url), ("image", &self.image)] {
            if !is_safe_address(address) {
                return Err(format!("`{name}` of item {:?} must be an http, https or relative address", self.id));
            }
        }
        let lists_fit = [&self.categories, &self.tags]
            .iter()
            .all(|list| list.len() <= LIST_MAX && list.iter().all(|text| text.len() <= 200));
        if !lists_fit || self.attributes.len() > ATTRIBUTES_MAX {
            return Err(format!("item {:?} has too many or too long categories, tags or attributes", self.id));
        }
        let currency = if self.currency.is_empty() {
            Currency::NONE
        } else {
            Currency::parse(&self.currency)
                .ok_or_else(|| format!("`currency` of item {:?} is no ISO 4217 code", self.id))?
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
            attributes: self.attributes,
        })
    }
}

/// Whether an address may be put into a page: `http`, `https` or relative, nothing that runs.
#[must_use]
pub fn is_safe_address(address: &str) -> bool {
    // Browsers drop leading blanks and inner tabs and newlines before they look at the scheme.
    let seen: String = address.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_lowercase();
    match seen.find([':', '/', '?', '#']) {
        Some(at) if seen.as_bytes()[at] == b':' => matches!(&seen[..at], "http" | "https"),
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
    fn an_item_keeps_what_the_shop_knows_of_it() {
        let text =
            r#"{"id":"p1","title":"Mug","price_minor":1250,"currency":"eur","categories":["Kitchen"],"colour":"red"}"#;
        let item = serde_json::from_str::<ItemBody>(text).unwrap().check().unwrap();
        assert_eq!((item.price_minor, item.currency.as_str(), item.available), (1250, "EUR", true));
        assert_eq!(item.attributes["colour"], "red");
        assert!(serde_json::from_str::<ItemBody>(r#"{"id":""}"#).unwrap().check().is_err());
        assert!(serde_json::from_str::<ItemBody>(r#"{"id":"a","url":"javascript:1"}"#).unwrap().check().is_err());
    }
}
