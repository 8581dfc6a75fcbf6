//! Meaning of a table's columns and a feed's elements: Google's names and Ashna's own.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{ReadOptions, clipped, markup, money};
use crate::{
    model::{Currency, ItemIssue, ItemIssueKind, Timestamp, amount::AmountError},
    wire::item::ItemBody,
};

/// Longest description that is kept, bytes.
const DESCRIPTION_MAX: usize = 5000;

/// A field name in lowercase, without namespace, with underscores.
pub(super) fn plain_name(name: &str) -> String {
    let name = name.trim().trim_matches('"').to_lowercase();
    let name = name.strip_prefix("g:").or_else(|| name.strip_prefix("c:")).unwrap_or(&name);
    name.replace([' ', '-'], "_")
}

/// An item while its fields are read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    id: String,
    title: String,
    /// The title by its other name.
    name: String,
    url: String,
    image: String,
    price: String,
    sale_price: String,
    sale_dates: String,
    price_minor: String,
    currency: String,
    availability: String,
    brand: String,
    categories: Vec<String>,
    google_category: String,
    tags: Vec<String>,
    group: String,
    language: String,
    titles: BTreeMap<String, String>,
    attributes: Map<String, Value>,
}

impl Draft {
    /// Sets the product's own id, whatever ids came before: an Atom entry has one of its own.
    pub(super) fn put_own_id(&mut self, id: &str) {
        id.trim().clone_into(&mut self.id);
    }

    /// Sets the URL of the product page: links of a feed also lead to its own entries.
    pub(super) fn put_page(&mut self, url: &str) {
        url.trim().clone_into(&mut self.url);
    }

    /// A draft of the fields that an item of JSON has under Google's names.
    pub(super) fn from_attributes(item: &ItemBody) -> Self {
        let mut draft = Self { id: item.id.clone(), currency: item.currency.clone(), ..Self::default() };
        for (name, value) in &item.attributes {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => continue,
            };
            if matches!(&*plain_name(name), "price" | "sale_price" | "sale_price_effective_date" | "availability") {
                draft.put(&plain_name(name), &text);
            }
        }
        draft
    }

    /// Adds one field; of a repeated single-value field the first counts.
    pub(super) fn put(&mut self, name: &str, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        let single = match name {
            "id" => &mut self.id,
            "title" => {
                if self.title.is_empty() {
                    self.title = markup::plain_text(value);
                }
                return;
            }
            // WooCommerce calls it that in its tables.
            "name" if self.title.is_empty() => &mut self.name,
            "link" | "url" => &mut self.url,
            "image_link" | "image" => &mut self.image,
            // WooCommerce lists all images, the main one first.
            "images" => return self.put_first_image(value),
            "price" | "regular_price" => &mut self.price,
            "sale_price" => &mut self.sale_price,
            "sale_price_effective_date" => &mut self.sale_dates,
            "price_minor" => &mut self.price_minor,
            "currency" => &mut self.currency,
            "availability" | "available" | "in_stock?" => &mut self.availability,
            "brand" => &mut self.brand,
            "google_product_category" => &mut self.google_category,
            "item_group_id" | "item_group" => &mut self.group,
            "language" | "content_language" => &mut self.language,
            "product_type" | "category" | "categories" => return self.put_categories(value),
            "tags" => return self.tags.extend(listed(value)),
            // Shipping, tax and further images do not describe the item.
            "additional_image_link" | "tax" | "guid" | "pubdate" => return,
            name if name.starts_with("shipping") => return,
            name => return self.put_attribute(name, value),
        };
        if single.is_empty() {
            value.clone_into(single);
        }
    }

    /// `Home > Kitchen > Mugs` is three categories, the most specific first; `|` separates several paths.
    fn put_categories(&mut self, value: &str) {
        for path in value.split('|') {
            for category in path.split('>').rev().map(str::trim).filter(|category| !category.is_empty()) {
                if !self.categories.iter().any(|known| known == category) {
                    self.categories.push(category.to_owned());
                }
            }
        }
    }

    fn put_first_image(&mut self, value: &str) {
        if let Some(first) = value.split(',').map(str::trim).find(|url| !url.is_empty())
            && self.image.is_empty()
        {
            first.clone_into(&mut self.image);
        }
    }

    fn put_attribute(&mut self, name: &str, value: &str) {
        if let Some(language) = name.strip_prefix("title:") {
            self.titles.insert(language.to_owned(), value.to_owned());
            return;
        }
        let value = if name == "description" { truncate(value, DESCRIPTION_MAX) } else { value };
        match self.attributes.get_mut(name) {
            None => {
                self.attributes.insert(name.to_owned(), value.into());
            }
            Some(Value::Array(list)) => list.push(value.into()),
            Some(known) => *known = vec![known.take(), value.into()].into(),
        }
    }

    /// The item, or why it is invalid.
    pub(super) fn finish(mut self, options: ReadOptions) -> Result<ItemBody, ItemIssue> {
        if self.id.is_empty() {
            return Err(ItemIssueKind::Id.with_message("there is no `id`"));
        }
        if self.title.is_empty() {
            self.title = markup::plain_text(&std::mem::take(&mut self.name));
        } else if !self.name.is_empty() {
            self.attributes.insert("name".into(), std::mem::take(&mut self.name).into());
        }
        let available = self.availability()?;
        let (price_minor, currency) = self.price(options)?;
        if self.categories.is_empty() && self.google_category.bytes().any(|b| !b.is_ascii_digit()) {
            let category = std::mem::take(&mut self.google_category);
            self.put_categories(&category);
        } else if !self.google_category.is_empty() {
            self.attributes.insert("google_product_category".into(), std::mem::take(&mut self.google_category).into());
        }
        Ok(ItemBody {
            id: self.id,
            title: self.title,
            url: self.url,
            image: self.image,
            price_minor,
            currency,
            categories: self.categories,
            brand: self.brand,
            tags: self.tags,
            available,
            language: self.language,
            titles: self.titles,
            item_group: self.group,
            added_at: None,
            attributes: self.attributes,
        })
    }

    fn availability(&self) -> Result<bool, ItemIssue> {
        let value = self.availability.rsplit('/').next().unwrap_or_default().to_lowercase();
        match &*value.replace([' ', '_', '-'], "") {
            ""
            | "instock"
            | "available"
            | "availablefororder"
            | "limitedavailability"
            | "preorder"
            | "presale"
            | "backorder"
            | "true"
            | "yes"
            | "1" => Ok(true),
            "outofstock" | "soldout" | "discontinued" | "unavailable" | "false" | "no" | "0" => Ok(false),
            _ => Err(ItemIssueKind::Availability.with_message(format!(
                "item {:?}: `availability` is {:?}; known are in_stock, out_of_stock, preorder, backorder",
                clipped(&self.id),
                clipped(&self.availability)
            ))),
        }
    }

    /// The current price and its currency code; with a lower sale price the regular one becomes an attribute.
    fn price(&mut self, options: ReadOptions) -> Result<(i64, String), ItemIssue> {
        let fallback = if self.currency.is_empty() {
            options.currency
        } else {
            let unknown =
                || ItemIssueKind::Currency.with_message(format!("item {:?}: no such currency", clipped(&self.id)));
            Currency::parse(&self.currency).ok_or_else(unknown)?
        };
        let id = clipped(&self.id);
        let bad = |name: &str, text: &str, why: AmountError| bad_price(&id, name, text, why);
        if !self.price_minor.is_empty() {
            let minor = self.price_minor.parse().ok().filter(|minor| *minor >= 0);
            let minor = minor.ok_or_else(|| bad("price_minor", &self.price_minor, AmountError::NoAmount))?;
            return Ok((minor, code(fallback)));
        }
        if self.price.is_empty() && self.sale_price.is_empty() {
            return Ok((0, code(fallback)));
        }
        if self.price.is_empty() {
            // A shop that sends only the sale price sells at that price.
            let sale = money::price(&self.sale_price, fallback);
            let sale = sale.map_err(|why| bad("sale_price", &self.sale_price, why))?;
            return Ok((sale.minor, code(sale.currency)));
        }
        let regular = money::price(&self.price, fallback).map_err(|why| bad("price", &self.price, why))?;
        if self.sale_price.is_empty() {
            return Ok((regular.minor, code(regular.currency)));
        }
        let sale = money::price(&self.sale_price, regular.currency);
        let sale = sale.map_err(|why| bad("sale_price", &self.sale_price, why))?;
        let is_on = is_on_sale(&self.sale_dates, options.now).ok_or_else(|| {
            let dates = clipped(&self.sale_dates);
            ItemIssueKind::Price.with_message(format!(
                "item {id:?}: `sale_price_effective_date` is {dates:?}; write it as `2026-11-27/2026-11-30`"
            ))
        })?;
        // A sale price of zero stands for none.
        if is_on && sale.currency == regular.currency && sale.minor > 0 && sale.minor < regular.minor {
            self.attributes.insert("regular_price_minor".into(), regular.minor.into());
            return Ok((sale.minor, code(sale.currency)));
        }
        Ok((regular.minor, code(regular.currency)))
    }
}

fn code(currency: Currency) -> String {
    if currency == Currency::NONE { String::new() } else { currency.as_str().to_owned() }
}

fn listed(value: &str) -> impl Iterator<Item = String> {
    value.split('|').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned)
}

/// The beginning of a text, cut at a character boundary.
fn truncate(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

fn bad_price(id: &str, name: &str, text: &str, why: AmountError) -> ItemIssue {
    let text = clipped(text);
    let message = match why {
        AmountError::Ambiguous => {
            format!(
                "item {id:?}: `{name}` is {text:?}, which may be a thousand times as much; write thousands without separators"
            )
        }
        AmountError::OtherCurrency | AmountError::NoAmount => {
            format!("item {id:?}: `{name}` is {text:?}; write it as `12.00 EUR`")
        }
    };
    ItemIssueKind::Price.with_message(message)
}

/// Whether a sale is active: `FROM/TO`, times such as `2026-02-24T11:07+0100` (in UTC without an offset) or whole days.
/// `None` if the dates cannot be read.
fn is_on_sale(dates: &str, now: Timestamp) -> Option<bool> {
    if dates.is_empty() {
        return Some(true);
    }
    let (from, to) = dates.split_once('/')?;
    let (from, to) = (moment(from, DayEdge::Start)?, moment(to, DayEdge::End)?);
    Some((from..=to).contains(&now))
}

/// Which end of a day a date without a clock time means.
#[derive(Clone, Copy)]
enum DayEdge {
    Start,
    End,
}

fn moment(text: &str, edge: DayEdge) -> Option<Timestamp> {
    let text = text.trim();
    let Some((date, time)) = text.split_once(['T', ' ']) else {
        let start = Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"))?;
        return Some(match edge {
            DayEdge::Start => start,
            DayEdge::End => start.plus(86_400_000 - 1),
        });
    };
    let (clock, offset) = time.split_at(time.find(['+', '-', 'Z']).unwrap_or(time.len()));
    let offset = match offset.trim() {
        "" => "Z".to_owned(),
        offset if offset.len() == 5 => format!("{}:{}", offset.get(..3)?, offset.get(3..)?),
        offset => offset.to_owned(),
    };
    let seconds = if clock.trim().len() == 5 { ":00" } else { "" };
    Timestamp::parse_rfc3339(&format!("{date}T{}{seconds}{offset}", clock.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sale_holds_within_its_dates() {
        let now = Timestamp::parse_rfc3339("2026-02-24T10:30:00Z").unwrap();
        let check = |dates: &str, expected: Option<bool>| assert_eq!(is_on_sale(dates, now), expected, "{dates}");
        check("", Some(true));
        check("2026-02-24T11:07+0100/2026-02-25T00:00+0100", Some(true));
        check("2026-02-24T11:07:00+01:00/2026-02-25T00:00:00Z", Some(true));
        check("2026-02-24T11:07+0000/2026-02-25T00:00+0000", Some(false));
        check("2026-02-24 10:00/2026-02-24 11:00", Some(true));
        check("2026-02-20/2026-02-24", Some(true));
        check("2026-02-20/2026-02-23", Some(false));
        check("tomorrow", None);
        check("a/b", None);
        check("é+010/…", None);
    }
}
