//! Changes, each checked and compiled before it is stored.

use std::sync::Arc;

use serde_json::Value;

use super::{Catalog, CatalogError, SiteSnapshot, compile, is_origin, snapshot::Items, stored_items, stored_offers};
use crate::{
    access::new_secret,
    control::NewSite,
    model::{
        Captures, ConsentDefault, Currency, KnownBy, Offer, RobotsPolicy, Site, SiteId, VisitorRules, WithoutConsent,
        rates::{RateEntry, Rates},
        schema::Rules,
    },
    wire::item::ItemBody,
};

/// Changes of a site; `None` leaves a setting as it is.
#[derive(Debug, Default, Clone)]
pub struct Change {
    /// Name.
    pub name: Option<String>,
    /// Origins of its pages.
    pub origins: Option<Vec<String>>,
    /// ISO 4217 code.
    pub currency: Option<String>,
    /// IANA name.
    pub timezone: Option<String>,
    /// `drop` or `keep`.
    pub robots: Option<String>,
    /// `granted` or `denied`.
    pub consent_default: Option<String>,
    /// Whether Global Privacy Control and Do Not Track count as a refusal.
    pub honour_gpc: Option<bool>,
    /// Events a second; 0: what the configuration says.
    pub events_per_second_max: Option<u32>,
    /// `cookie` or `daily_hash`.
    pub known_by: Option<String>,
    /// `anonymous` or `nothing`.
    pub without_consent: Option<String>,
    /// Minutes of silence that end a session; `Some(None)` for the setting that holds for all sites.
    pub session_minutes: Option<Option<u32>>,
    /// What the tracker notices by itself.
    pub captures: Option<Vec<String>>,
}

/// What became of an upsert.
#[derive(Debug, Default)]
pub struct Upserted {
    /// Items stored.
    pub stored: usize,
    /// Items refused: place counted from 1, and why.
    pub rejected: Vec<(usize, String)>,
}

const ITEMS_MAX: usize = 1_000_000;

impl Catalog {
    /// Adds a site with new keys.
    pub async fn add_site(&self, name: &str, origins: &[String], demo: bool) -> Result<Site, CatalogError> {
        let name = checked_name(name)?;
        let origins = checked_origins(origins)?;
        let _turn = self.editing.lock().await;
        let keys = NewSite { name, origins, write_key: new_secret("")[..32].to_owned(), secret: new_secret(""), demo };
        let site = self.control.add_site(&keys).await?;
        self.publish(compiled(Arc::new(site.clone()), Arc::default(), &[])?);
        Ok(site)
    }

    /// Changes a site's settings.
    pub async fn change_site(&self, id: SiteId, change: Change) -> Result<Site, CatalogError> {
        let _turn = self.editing.lock().await;
        let mut site = (*self.site(id)?.site).clone();
        if let Some(name) = change.name {
            site.name = checked_name(&name)?;
        }
        if let Some(origins) = change.origins {
            site.origins = checked_origins(&origins)?;
        }
        if let Some(code) = change.currency {
            site.currency = Currency::parse(&code).ok_or_else(|| invalid("`currency` must be an ISO 4217 code"))?;
        }
        if let Some(zone) = change.timezone {
            jiff::tz::TimeZone::get(&zone).map_err(|_| invalid("`timezone` must be an IANA time zone"))?;
            site.timezone = zone;
        }
        if let Some(word) = change.robots {
            site.robots = match word.as_str() {
                "drop" => RobotsPolicy::Drop,
                "keep" => RobotsPolicy::Keep,
                _ => return Err(invalid("`robots` must be drop or keep")),
            };
        }
        if let Some(word) = change.consent_default {
            site.consent_default = match word.as_str() {
                "granted" => ConsentDefault::Granted,
                "denied" => ConsentDefault::Denied,
                _ => return Err(invalid("`consent_default` must be granted or denied")),
            };
        }
        if let Some(words) = change.captures {
            site.captures = Captures::of_words(words.iter().map(String::as_str))
                .map_err(|word| invalid(&format!("`captures` names nothing known: {}", word.escape_debug())))?;
        }
        site.honour_gpc = change.honour_gpc.unwrap_or(site.honour_gpc);
        site.events_per_second_max = change.events_per_second_max.unwrap_or(site.events_per_second_max);
        if let Some(word) = change.known_by {
            site.visitors.known_by =
                KnownBy::from_word(&word).ok_or_else(|| invalid("`known_by` must be cookie or daily_hash"))?;
        }
        if let Some(word) = change.without_consent {
            site.visitors.without_consent = WithoutConsent::from_word(&word)
                .ok_or_else(|| invalid("`without_consent` must be anonymous or nothing"))?;
        }
        if let Some(minutes) = change.session_minutes {
            if minutes.is_some_and(|m| m == 0 || m > VisitorRules::SESSION_MINUTES_MAX) {
                return Err(invalid("`session_minutes` must be 1 to 1440, or null for the setting of all sites"));
            }
            site.visitors.session_minutes = minutes;
        }
        // The base or the beginning of days may have changed.
        site.rates = compiled_rates(&site, &site.rate_entries)?;
        self.store_site(site).await
    }

    /// Replaces the rates to the site's present currency; those to other currencies stay.
    pub async fn put_rates(&self, id: SiteId, rates: Vec<RateEntry>) -> Result<Site, CatalogError> {
        let _turn = self.editing.lock().await;
        let mut site = (*self.site(id)?.site).clone();
        let others = site.rate_entries.iter().filter(|entry| entry.base != site.currency).cloned();
        let mut entries: Vec<RateEntry> = others.chain(rates).collect();
        entries.sort_by_key(|entry| (entry.base, entry.currency, std::cmp::Reverse(entry.from)));
        site.rates = compiled_rates(&site, &entries)?;
        site.rate_entries = entries.into();
        self.store_site(site).await
    }

    /// Replaces the rules for the site's events.
    pub async fn put_rules(&self, id: SiteId, rules: Rules) -> Result<Site, CatalogError> {
        rules.check().map_err(CatalogError::Invalid)?;
        let _turn = self.editing.lock().await;
        let mut site = (*self.site(id)?.site).clone();
        site.rules = Arc::new(rules);
        self.store_site(site).await
    }

    async fn store_site(&self, site: Site) -> Result<Site, CatalogError> {
        self.control.update_site(&site).await?;
        self.recompile(site.clone()).await?;
        Ok(site)
    }

    /// Stores items, replacing those with the same id; bad ones are refused one by one.
    pub async fn put_items(&self, id: SiteId, items: Vec<Result<Value, String>>) -> Result<Upserted, CatalogError> {
        let _turn = self.editing.lock().await;
        let site = self.site(id)?;
        let mut upserted = Upserted::default();
        let mut rows = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let checked = item
                .and_then(|value| serde_json::from_value::<ItemBody>(value).map_err(|e| e.to_string()))
                .and_then(ItemBody::check);
            match checked {
                Ok(item) => rows.push((item.id.to_string(), as_json(&ItemBody::from(&item))?)),
                Err(message) => upserted.rejected.push((index + 1, message)),
            }
        }
        if site.items.len() + rows.len() > ITEMS_MAX {
            return Err(invalid("a catalogue holds at most 1,000,000 items"));
        }
        upserted.stored = rows.len();
        self.control.put_items(id, &rows).await?;
        self.recompile(Arc::clone(&site.site)).await?;
        Ok(upserted)
    }

    /// Removes an item. False when there was none.
    pub async fn delete_item(&self, id: SiteId, item: &str) -> Result<bool, CatalogError> {
        let _turn = self.editing.lock().await;
        let site = Arc::clone(&self.site(id)?.site);
        let existed = self.control.delete_item(id, item).await?;
        self.recompile(site).await?;
        Ok(existed)
    }

    /// The site's offers as the marketer wrote them.
    pub async fn offers(&self, id: SiteId) -> Result<Vec<Offer>, CatalogError> {
        self.site(id)?;
        stored_offers(&self.control, id).await
    }

    /// Stores an offer, replacing the one with the same id.
    pub async fn put_offer(&self, id: SiteId, offer: Offer) -> Result<(), CatalogError> {
        let _turn = self.editing.lock().await;
        let site = self.site(id)?;
        let mut offers = stored_offers(&self.control, id).await?;
        offers.retain(|o| o.id != offer.id);
        offers.push(offer.clone());
        let compiled = compiled(site.site.clone(), Arc::clone(&site.items), &offers)?;
        self.control.put_offer(id, &offer.id, &as_json(&offer)?).await?;
        self.publish(compiled);
        Ok(())
    }

    /// Removes an offer. False when there was none.
    pub async fn delete_offer(&self, id: SiteId, offer: &str) -> Result<bool, CatalogError> {
        let _turn = self.editing.lock().await;
        let site = Arc::clone(&self.site(id)?.site);
        let existed = self.control.delete_offer(id, offer).await?;
        self.recompile(site).await?;
        Ok(existed)
    }

    /// Compiles a site anew from what is stored.
    async fn recompile(&self, site: impl Into<Arc<Site>>) -> Result<(), CatalogError> {
        let site = site.into();
        let items = stored_items(&self.control, site.id).await?;
        let offers = stored_offers(&self.control, site.id).await?;
        self.publish(compiled(site, items, &offers)?);
        Ok(())
    }
}

fn compiled(site: Arc<Site>, items: Arc<Items>, offers: &[Offer]) -> Result<SiteSnapshot, CatalogError> {
    compile::compile(site, items, offers).map_err(|e| CatalogError::Invalid(e.to_string()))
}

fn compiled_rates(site: &Site, entries: &[RateEntry]) -> Result<Arc<Rates>, CatalogError> {
    let rates = Rates::compile(site.currency, entries, &Site::zone(&site.timezone));
    rates.map(Arc::new).map_err(|e| CatalogError::Invalid(e.to_string()))
}

fn as_json<T: serde::Serialize>(value: &T) -> Result<String, CatalogError> {
    serde_json::to_string(value).map_err(|e| CatalogError::Invalid(e.to_string()))
}

fn invalid(message: &str) -> CatalogError {
    CatalogError::Invalid(message.to_owned())
}

fn checked_name(name: &str) -> Result<String, CatalogError> {
    let name = name.trim();
    let fits = !name.is_empty() && name.len() <= 200 && !name.chars().any(char::is_control);
    if fits { Ok(name.to_owned()) } else { Err(invalid("`name` must have 1 to 200 bytes")) }
}

fn checked_origins(origins: &[String]) -> Result<Vec<String>, CatalogError> {
    if origins.len() > 100 {
        return Err(invalid("a site has at most 100 origins"));
    }
    origins
        .iter()
        .map(|origin| {
            let origin = origin.trim().trim_end_matches('/').to_lowercase();
            if is_origin(&origin) {
                Ok(origin)
            } else {
                Err(invalid("an origin is a scheme and a host without a path, such as https://shop.example"))
            }
        })
        .collect()
}
