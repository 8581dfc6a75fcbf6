//! Changes, each checked and compiled before it is stored.

use std::sync::Arc;

use super::{
    Catalog, CatalogError, SiteSnapshot, compile, origins, shelf::ShelfPlans, snapshot::Items, stored_offers,
    stored_shelf_rules,
};
use crate::{
    access::new_secret,
    control::NewSite,
    model::{
        Captures, ConsentDefault, Currency, KnownBy, Offer, Recommending, RobotsPolicy, ShelfRules, Site, SiteId,
        VisitorRules, WithoutConsent,
        rates::{RateEntry, Rates},
        schema::Rules,
    },
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
    /// Whether offers may carry HTML.
    pub offer_html: Option<bool>,
}

impl Catalog {
    /// Adds a site with new keys.
    pub async fn add_site(&self, name: &str, origins: &[String], demo: bool) -> Result<Site, CatalogError> {
        let name = checked_name(name)?;
        let origins = checked_origins(origins)?;
        let _turn = self.editing.lock().await;
        let keys =
            NewSite { name, origins, write_key: new_secret("")[..32].to_owned(), secret: new_secret("").into(), demo };
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
        site.offer_html = change.offer_html.unwrap_or(site.offer_html);
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

    /// Replaces what the owner chose for recommendations.
    pub async fn put_recommending(&self, id: SiteId, recommending: Recommending) -> Result<Site, CatalogError> {
        let _turn = self.editing.lock().await;
        let mut site = (*self.site(id)?.site).clone();
        site.recommending = recommending;
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

    /// The site's offers as the marketer wrote them.
    pub async fn offers(&self, id: SiteId) -> Result<Vec<Offer>, CatalogError> {
        self.site(id)?;
        stored_offers(&self.control, id).await
    }

    /// Stores an offer, replacing the one with the same id.
    pub async fn put_offer(&self, id: SiteId, offer: Offer) -> Result<(), CatalogError> {
        let _turn = self.editing.lock().await;
        let site = self.site(id)?;
        if offer.carries_html() && !site.site.offer_html {
            return Err(CatalogError::HtmlNotAllowed);
        }
        let mut offers = stored_offers(&self.control, id).await?;
        offers.retain(|o| o.id != offer.id);
        offers.push(offer.clone());
        let compiled = compiled(site.site.clone(), Arc::clone(&site.items), &offers)?;
        self.control.put_offer(id, &offer.id, &as_json(&offer)?).await?;
        self.publish(SiteSnapshot { shelves: Arc::clone(&site.shelves), ..compiled });
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

    /// What is said about shelves: by slot, empty for the whole site.
    pub async fn shelf_rules(&self, id: SiteId) -> Result<Vec<(String, ShelfRules)>, CatalogError> {
        self.site(id)?;
        stored_shelf_rules(&self.control, id).await
    }

    /// Replaces what is said about one slot, or, without a name, about the whole site.
    pub async fn put_shelf_rules(&self, id: SiteId, slot: &str, rules: ShelfRules) -> Result<(), CatalogError> {
        let _turn = self.editing.lock().await;
        let site = self.site(id)?;
        let body = as_json(&rules)?;
        let mut all = stored_shelf_rules(&self.control, id).await?;
        all.retain(|(known, _)| known != slot);
        all.push((slot.to_owned(), rules));
        let plans = shelves_of(all, &site).await?;
        self.control.put_shelf_rules(id, slot, &body).await?;
        self.publish(site.with_shelves(plans));
        Ok(())
    }

    /// Takes back what was said about a slot. False when nothing was.
    pub async fn delete_shelf_rules(&self, id: SiteId, slot: &str) -> Result<bool, CatalogError> {
        let _turn = self.editing.lock().await;
        let site = self.site(id)?;
        let existed = self.control.delete_shelf_rules(id, slot).await?;
        let all = stored_shelf_rules(&self.control, id).await?;
        self.publish(site.with_shelves(shelves_of(all, &site).await?));
        Ok(existed)
    }

    /// Compiles a site anew, with the items and rules for shelves that it has.
    async fn recompile(&self, site: impl Into<Arc<Site>>) -> Result<(), CatalogError> {
        let site = site.into();
        let now = self.site(site.id)?;
        let offers = stored_offers(&self.control, site.id).await?;
        let compiled = compiled(site, Arc::clone(&now.items), &offers)?;
        self.publish(SiteSnapshot { shelves: Arc::clone(&now.shelves), ..compiled });
        Ok(())
    }
}

/// Rules for shelves, compiled beside the threads that answer visitors: a large catalogue takes a while.
async fn shelves_of(rules: Vec<(String, ShelfRules)>, site: &SiteSnapshot) -> Result<ShelfPlans, CatalogError> {
    let items = Arc::clone(&site.items);
    let compiled = tokio::task::spawn_blocking(move || compile::compile_shelves(&rules, &items));
    compiled.await.unwrap_or_else(|error| Err(error.to_string())).map_err(CatalogError::Invalid)
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
    let mut checked = Vec::with_capacity(origins.len());
    for origin in origins {
        let origin = origins::normalized(origin).map_err(CatalogError::Invalid)?;
        if !checked.contains(&origin) {
            checked.push(origin);
        }
    }
    Ok(checked)
}
