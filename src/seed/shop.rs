//! What the invented past is made from: the demo shop's goods, its visitors' tastes, its campaigns, and
//! which goods belong together.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, de::DeserializeOwned};

/// The shop as the story needs it; items are named by their place in `items`.
#[derive(Debug)]
pub struct Shop {
    pub(super) items: Vec<Good>,
    pub(super) categories: Vec<Category>,
    pub(super) tastes: Vec<Taste>,
    pub(super) campaigns: Vec<Campaign>,
    companions: Vec<Vec<usize>>,
}

/// A file of the demo that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{what} cannot be used: {message}")]
pub struct ShopError {
    what: &'static str,
    message: String,
}

/// Something for sale.
#[derive(Debug, Deserialize)]
pub(super) struct Good {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) url: String,
    pub(super) image: String,
    pub(super) price_minor: i64,
    pub(super) currency: String,
    pub(super) categories: Vec<String>,
    pub(super) brand: String,
    pub(super) tags: Vec<String>,
    pub(super) available: bool,
    description: String,
}

/// A category and its items.
#[derive(Debug)]
pub(super) struct Category {
    pub(super) name: String,
    pub(super) slug: String,
    pub(super) items: Vec<usize>,
}

/// A kind of visitor.
#[derive(Debug, Deserialize)]
pub(super) struct Taste {
    pub(super) weight: f64,
    pub(super) categories: BTreeMap<String, f64>,
    pub(super) buys: f64,
}

/// A marked way into the shop.
#[derive(Debug, Deserialize)]
pub(super) struct Campaign {
    pub(super) utm_source: String,
    pub(super) utm_medium: String,
    #[serde(rename = "campaign")]
    pub(super) name: String,
    pub(super) landing: String,
    pub(super) weight: f64,
    /// When it went out, as shares of the whole period; empty for one that runs all the time.
    #[serde(default)]
    pub(super) sent: Vec<f64>,
}

impl Shop {
    /// Hojreh, the demo shop.
    ///
    /// # Errors
    /// When a file of the demo is broken.
    pub fn demo() -> Result<Self, ShopError> {
        Self::read(
            include_str!("../../demo/items.ndjson"),
            include_str!("../../demo/tastes.json"),
            include_str!("../../demo/campaigns.json"),
            include_str!("../../demo/companions.json"),
        )
    }

    /// Reads the four files.
    ///
    /// # Errors
    /// When one of them is broken, empty, or names something that the others do not have.
    pub fn read(items: &str, tastes: &str, campaigns: &str, companions: &str) -> Result<Self, ShopError> {
        let lines = items.lines().filter(|line| !line.trim().is_empty());
        let items: Vec<Good> = lines.map(|line| parsed("the catalogue", line)).collect::<Result<_, _>>()?;
        let tastes: Vec<Taste> = parsed("the list of tastes", tastes)?;
        let campaigns: Vec<Campaign> = parsed("the list of campaigns", campaigns)?;
        let pairs: Vec<(String, String)> = parsed("the list of companions", companions)?;
        let categories = by_category(&items)?;
        let known = |name: &String| categories.iter().any(|category| category.name == *name);
        if tastes.is_empty() || tastes.iter().any(|t| t.categories.is_empty() || !t.categories.keys().all(known)) {
            return Err(broken("the list of tastes", "every taste needs categories of the catalogue"));
        }
        if campaigns.is_empty() {
            return Err(broken("the list of campaigns", "it is empty"));
        }
        let places: HashMap<&str, usize> = items.iter().enumerate().map(|(at, item)| (&*item.id, at)).collect();
        let mut companions = vec![Vec::new(); items.len()];
        for (one, other) in &pairs {
            let (Some(one), Some(other)) = (places.get(&**one), places.get(&**other)) else {
                return Err(broken("the list of companions", &format!("{one} or {other} is not in the catalogue")));
            };
            companions[*one].push(*other);
            companions[*other].push(*one);
        }
        Ok(Self { items, categories, tastes, campaigns, companions })
    }

    /// What people look at together with an item.
    pub(super) fn companions(&self, item: usize) -> &[usize] {
        &self.companions[item]
    }

    /// The item whose page this is.
    pub(super) fn item_at(&self, path: &str) -> Option<usize> {
        self.items.iter().position(|item| item.url == path)
    }

    pub(super) fn category_named(&self, name: &str) -> Option<usize> {
        self.categories.iter().position(|category| category.name == name)
    }

    pub(super) fn category_at(&self, path: &str) -> Option<usize> {
        let slug = path.strip_prefix("/demo/c/")?;
        self.categories.iter().position(|category| category.slug == slug)
    }

    /// The category a campaign speaks of; `None` for one that speaks of the whole shop.
    pub(super) fn category_of_landing(&self, campaign: &Campaign) -> Option<usize> {
        let item = self.item_at(&campaign.landing).map(|item| self.main_category(item));
        item.or_else(|| self.category_at(&campaign.landing))
    }

    pub(super) fn main_category(&self, item: usize) -> usize {
        self.category_named(&self.items[item].categories[0]).unwrap_or(0)
    }

    /// What the shop's search finds: items in which every word occurs.
    pub(super) fn found(&self, query: &str) -> Vec<usize> {
        let query = query.to_lowercase();
        let says = |item: &Good| {
            let text = [&item.title, &item.brand, &item.description].map(|text| text.to_lowercase()).join(" ");
            let marks = [&item.categories, &item.tags].map(|marks| marks.join(" ").to_lowercase()).join(" ");
            query.split_whitespace().all(|word| text.contains(word) || marks.contains(word))
        };
        self.items.iter().enumerate().filter(|(_, item)| says(item)).map(|(at, _)| at).collect()
    }
}

impl Good {
    /// How much it draws the eye among its like: what sells best, and what is not dear.
    pub(super) fn appeal(&self) -> f64 {
        let best = if self.tags.iter().any(|tag| tag == "best-seller") { 2.6 } else { 1.0 };
        let there = if self.available { 1.0 } else { 0.5 };
        best * there / (1.0 + self.price_minor as f64 / 20_000.0)
    }
}

fn by_category(items: &[Good]) -> Result<Vec<Category>, ShopError> {
    let mut categories: Vec<Category> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        if item.categories.is_empty() {
            return Err(broken("the catalogue", &format!("{} has no category", item.id)));
        }
        for name in &item.categories {
            match categories.iter_mut().find(|category| category.name == *name) {
                Some(category) => category.items.push(at),
                None => {
                    categories.push(Category { name: name.clone(), slug: name.to_lowercase(), items: vec![at] });
                }
            }
        }
    }
    if categories.is_empty() { Err(broken("the catalogue", "it is empty")) } else { Ok(categories) }
}

fn parsed<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, ShopError> {
    serde_json::from_str(text).map_err(|error| broken(what, &error.to_string()))
}

fn broken(what: &'static str, message: &str) -> ShopError {
    ShopError { what, message: message.to_owned() }
}
