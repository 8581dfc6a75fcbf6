//! Input of the generator: the demo shop's products, personas, campaigns, and related items.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, de::DeserializeOwned};

/// The shop's data; items are referred to by their index in `items`.
#[derive(Debug)]
pub struct Shop {
    pub(super) items: Vec<Product>,
    pub(super) categories: Vec<Category>,
    pub(super) personas: Vec<Persona>,
    pub(super) campaigns: Vec<Campaign>,
    related: Vec<Vec<usize>>,
}

/// A demo file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{what} cannot be used: {message}")]
pub struct ShopError {
    what: &'static str,
    message: String,
}

/// A product.
#[derive(Debug, Deserialize)]
pub(super) struct Product {
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

/// A visitor persona.
#[derive(Debug, Deserialize)]
pub(super) struct Persona {
    pub(super) weight: f64,
    pub(super) categories: BTreeMap<String, f64>,
    pub(super) buys: f64,
}

/// A campaign.
#[derive(Debug, Deserialize)]
pub(super) struct Campaign {
    pub(super) utm_source: String,
    pub(super) utm_medium: String,
    #[serde(rename = "campaign")]
    pub(super) name: String,
    pub(super) landing: String,
    pub(super) weight: f64,
    /// Send times as shares of the period; empty for a continuous campaign.
    #[serde(default)]
    pub(super) sent: Vec<f64>,
}

impl Shop {
    /// Hojreh, the demo shop.
    ///
    /// # Errors
    /// If a demo file is invalid.
    pub fn demo() -> Result<Self, ShopError> {
        Self::read(
            include_str!("../../demo/items.ndjson"),
            include_str!("../../demo/tastes.json"),
            include_str!("../../demo/campaigns.json"),
            include_str!("../../demo/companions.json"),
        )
    }

    /// Parses the four files.
    ///
    /// # Errors
    /// If one of them is invalid, empty, or refers to something the others do not have.
    pub fn read(items: &str, personas: &str, campaigns: &str, related: &str) -> Result<Self, ShopError> {
        let lines = items.lines().filter(|line| !line.trim().is_empty());
        let items: Vec<Product> = lines.map(|line| parsed("the catalogue", line)).collect::<Result<_, _>>()?;
        let personas: Vec<Persona> = parsed("the list of personas", personas)?;
        let campaigns: Vec<Campaign> = parsed("the list of campaigns", campaigns)?;
        let pairs: Vec<(String, String)> = parsed("the list of related items", related)?;
        let categories = by_category(&items)?;
        let known = |name: &String| categories.iter().any(|category| category.name == *name);
        if personas.is_empty() || personas.iter().any(|t| t.categories.is_empty() || !t.categories.keys().all(known)) {
            return Err(broken("the list of personas", "every persona needs categories of the catalogue"));
        }
        if campaigns.is_empty() {
            return Err(broken("the list of campaigns", "it is empty"));
        }
        let places: HashMap<&str, usize> = items.iter().enumerate().map(|(at, item)| (&*item.id, at)).collect();
        let mut related = vec![Vec::new(); items.len()];
        for (one, other) in &pairs {
            let (Some(one), Some(other)) = (places.get(&**one), places.get(&**other)) else {
                return Err(broken("the list of related items", &format!("{one} or {other} is not in the catalogue")));
            };
            related[*one].push(*other);
            related[*other].push(*one);
        }
        Ok(Self { items, categories, personas, campaigns, related })
    }

    /// Items viewed together with an item.
    pub(super) fn related(&self, item: usize) -> &[usize] {
        &self.related[item]
    }

    /// The item with this page.
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

    /// The category a campaign advertises; `None` for the whole shop.
    pub(super) fn category_of_landing(&self, campaign: &Campaign) -> Option<usize> {
        let item = self.item_at(&campaign.landing).map(|item| self.main_category(item));
        item.or_else(|| self.category_at(&campaign.landing))
    }

    pub(super) fn main_category(&self, item: usize) -> usize {
        self.category_named(&self.items[item].categories[0]).unwrap_or(0)
    }

    /// Results of the shop's search: items that contain every keyword.
    pub(super) fn found(&self, query: &str) -> Vec<usize> {
        let query = query.to_lowercase();
        let says = |item: &Product| {
            let text = [&item.title, &item.brand, &item.description].map(|text| text.to_lowercase()).join(" ");
            let labels = [&item.categories, &item.tags].map(|labels| labels.join(" ").to_lowercase()).join(" ");
            query.split_whitespace().all(|keyword| text.contains(keyword) || labels.contains(keyword))
        };
        self.items.iter().enumerate().filter(|(_, item)| says(item)).map(|(at, _)| at).collect()
    }
}

impl Product {
    /// Relative attractiveness within its category: best-sellers and inexpensive items.
    pub(super) fn appeal(&self) -> f64 {
        let best = if self.tags.iter().any(|tag| tag == "best-seller") { 2.6 } else { 1.0 };
        let there = if self.available { 1.0 } else { 0.5 };
        best * there / (1.0 + self.price_minor as f64 / 20_000.0)
    }
}

fn by_category(items: &[Product]) -> Result<Vec<Category>, ShopError> {
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
