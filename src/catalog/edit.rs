//! Changes. Each is one function: it checks, compiles, stores, shows the result to visitors and notes who made it, under
//! one lock. A caller must let it finish once begun (`tasks::Detached`), or storage and what is shown would differ.

use std::sync::Arc;

use super::{
    Catalog, CatalogError, SiteSnapshot, compile, merchandising::CompiledRules, origins, snapshot::Items,
    stored_offers, stored_shelf_rules,
};
use crate::{
    access::new_secret,
    control::NewSite,
    model::{
        Captures, ConsentDefault, Currency, KnownBy, MerchandisingRules, Offer, Recommending, RobotsPolicy, Site,
        SiteId, VisitorRules, WithoutConsent,
        rates::{RateEntry, Rates},
        schema::Rules,
    },
};

/// Of what a change is about, so many bytes are noted.
const SUBJECT_BYTES_MAX: usize = 300;

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
    pub async fn add_site(&self, by: &str, name: &str, origins: &[String], demo: bool) -> Result<Site, CatalogError> {
        let name = checked_name(name)?;
        let origins = checked_origins(origins)?;
        let _permit = self.editing.lock().await;
        let keys =
            NewSite { name, origins, write_key: new_secret("")[..32].to_owned(), secret: new_secret("").into(), demo };
        let site = self.control.add_site(&keys).await?;
        self.publish(compiled(Arc::new(site.clone()), Arc::default(), &[])?);
        self.note(by, site.id, "add site", &site.name).await?;
        Ok(site)
    }

    /// Changes a site's settings.
    pub async fn change_site(&self, by: &str, id: SiteId, change: Change) -> Result<Site, CatalogError> {
        self.edit_site(by, "change site", id, |site| change.apply(site)).await
    }

    /// Replaces the rates to the site's present currency; those to other currencies stay.
    pub async fn put_rates(
        &self,
        by: &str,
        id: SiteId,
        rates: impl FnOnce(Currency) -> Vec<RateEntry> + Send,
    ) -> Result<Site, CatalogError> {
        let replace = |site: &mut Site| {
            let others = site.rate_entries.iter().filter(|entry| entry.base != site.currency).cloned();
            let mut entries: Vec<RateEntry> = others.chain(rates(site.currency)).collect();
            entries.sort_by_key(|entry| (entry.base, entry.currency, std::cmp::Reverse(entry.from)));
            site.rates = compiled_rates(site, &entries)?;
            site.rate_entries = entries.into();
            Ok(())
        };
        self.edit_site(by, "change rates", id, replace).await
    }

    /// Replaces what the owner chose for recommendations; `choice` is how the history of choices shows it.
    pub async fn put_recommending(
        &self,
        by: &str,
        id: SiteId,
        recommending: Recommending,
        choice: &str,
    ) -> Result<Site, CatalogError> {
        let replace = |site: &mut Site| {
            site.recommending = recommending;
            Ok(())
        };
        let site = self.edit_site(by, "change exploring", id, replace).await?;
        self.control.add_choice(id, by, choice).await?;
        Ok(site)
    }

    /// Replaces the rules for the site's events.
    pub async fn put_rules(&self, by: &str, id: SiteId, rules: Rules) -> Result<Site, CatalogError> {
        rules.check().map_err(CatalogError::Invalid)?;
        let replace = |site: &mut Site| {
            site.rules = Arc::new(rules);
            Ok(())
        };
        self.edit_site(by, "change rules", id, replace).await
    }

    /// Changes a site as it is stored, not as visitors see it: two edits one after the other keep both changes.
    /// Nothing is stored that does not compile, and what is stored is shown and noted.
    async fn edit_site(
        &self,
        by: &str,
        action: &'static str,
        id: SiteId,
        change: impl FnOnce(&mut Site) -> Result<(), CatalogError> + Send,
    ) -> Result<Site, CatalogError> {
        let _permit = self.editing.lock().await;
        let shown = self.site(id)?;
        let mut site = self.control.site(id).await?.ok_or(CatalogError::NoSuchSite(id))?;
        change(&mut site)?;
        let offers = stored_offers(&self.control, id).await?;
        let compiled = compiled(Arc::new(site.clone()), Arc::clone(&shown.items), &offers)?;
        self.control.update_site(&site).await?;
        self.publish(SiteSnapshot { shelves: Arc::clone(&shown.shelves), ..compiled });
        self.note(by, id, action, &site.name).await?;
        Ok(site)
    }

    /// The site's offers as the marketer wrote them.
    pub async fn offers(&self, id: SiteId) -> Result<Vec<Offer>, CatalogError> {
        self.site(id)?;
        stored_offers(&self.control, id).await
    }

    /// Adds an offer under a new id.
    pub async fn add_offer(&self, by: &str, id: SiteId, offer: Offer) -> Result<(), CatalogError> {
        self.store_offer(by, "add offer", id, offer).await
    }

    /// Stores an offer, replacing the one with the same id.
    pub async fn put_offer(&self, by: &str, id: SiteId, offer: Offer) -> Result<(), CatalogError> {
        self.store_offer(by, "change offer", id, offer).await
    }

    async fn store_offer(&self, by: &str, action: &'static str, id: SiteId, offer: Offer) -> Result<(), CatalogError> {
        let _permit = self.editing.lock().await;
        let site = self.site(id)?;
        if offer.carries_html() && !site.site.offer_html {
            return Err(CatalogError::HtmlNotAllowed);
        }
        let mut offers = stored_offers(&self.control, id).await?;
        if action == "add offer" && offers.iter().any(|known| known.id == offer.id) {
            return Err(CatalogError::AlreadyExists(format!("an offer `{}` exists already", offer.id)));
        }
        offers.retain(|o| o.id != offer.id);
        offers.push(offer.clone());
        let compiled = compiled(site.site.clone(), Arc::clone(&site.items), &offers)?;
        self.control.put_offer(id, &offer.id, &as_json(&offer)?).await?;
        self.publish(SiteSnapshot { shelves: Arc::clone(&site.shelves), ..compiled });
        self.note(by, id, action, &offer.id).await
    }

    /// Removes an offer. False when there was none.
    pub async fn delete_offer(&self, by: &str, id: SiteId, offer: &str) -> Result<bool, CatalogError> {
        let _permit = self.editing.lock().await;
        let site = self.site(id)?;
        let mut offers = stored_offers(&self.control, id).await?;
        offers.retain(|known| known.id != offer);
        let compiled = compiled(site.site.clone(), Arc::clone(&site.items), &offers)?;
        if !self.control.delete_offer(id, offer).await? {
            return Ok(false);
        }
        self.publish(SiteSnapshot { shelves: Arc::clone(&site.shelves), ..compiled });
        self.note(by, id, "delete offer", offer).await?;
        Ok(true)
    }

    /// What is said about shelves: by slot, empty for the whole site.
    pub async fn shelf_rules(&self, id: SiteId) -> Result<Vec<(String, MerchandisingRules)>, CatalogError> {
        self.site(id)?;
        stored_shelf_rules(&self.control, id).await
    }

    /// Replaces what is said about one slot, or, without a name, about the whole site.
    pub async fn put_shelf_rules(
        &self,
        by: &str,
        id: SiteId,
        slot: &str,
        rules: MerchandisingRules,
    ) -> Result<(), CatalogError> {
        let _permit = self.editing.lock().await;
        let site = self.site(id)?;
        let body = as_json(&rules)?;
        let mut all = stored_shelf_rules(&self.control, id).await?;
        all.retain(|(known, _)| known != slot);
        all.push((slot.to_owned(), rules));
        let plans = shelves_of(all, &site).await?;
        self.control.put_shelf_rules(id, slot, &body).await?;
        self.publish(site.with_shelves(plans));
        let subject = if slot.is_empty() { "of the site" } else { slot };
        self.note(by, id, "change recommendation rules", subject).await
    }

    /// Takes back what was said about a slot. False when nothing was.
    pub async fn delete_shelf_rules(&self, by: &str, id: SiteId, slot: &str) -> Result<bool, CatalogError> {
        let _permit = self.editing.lock().await;
        let site = self.site(id)?;
        let mut all = stored_shelf_rules(&self.control, id).await?;
        all.retain(|(known, _)| known != slot);
        let plans = shelves_of(all, &site).await?;
        if !self.control.delete_shelf_rules(id, slot).await? {
            return Ok(false);
        }
        self.publish(site.with_shelves(plans));
        self.note(by, id, "delete recommendation rules", slot).await?;
        Ok(true)
    }

    /// Notes who changed what of a site.
    pub async fn note(&self, by: &str, id: SiteId, action: &str, subject: &str) -> Result<(), CatalogError> {
        let mut end = subject.len().min(SUBJECT_BYTES_MAX);
        while !subject.is_char_boundary(end) {
            end -= 1;
        }
        tracing::debug!(site = %id, action, "noted");
        Ok(self.control.audit_site(id, by, action, &subject[..end]).await?)
    }
}

impl Change {
    /// Checks each setting and writes it into the site.
    fn apply(self, site: &mut Site) -> Result<(), CatalogError> {
        self.apply_to_visitors(site)?;
        if let Some(name) = self.name {
            site.name = checked_name(&name)?;
        }
        if let Some(origins) = self.origins {
            site.origins = checked_origins(&origins)?;
        }
        if let Some(code) = self.currency {
            site.currency = Currency::parse(&code).ok_or_else(|| invalid("`currency` must be an ISO 4217 code"))?;
        }
        if let Some(zone) = self.timezone {
            jiff::tz::TimeZone::get(&zone).map_err(|_| invalid("`timezone` must be an IANA time zone"))?;
            site.timezone = zone;
        }
        if let Some(word) = self.robots {
            site.robots = match word.as_str() {
                "drop" => RobotsPolicy::Drop,
                "keep" => RobotsPolicy::Keep,
                _ => return Err(invalid("`robots` must be drop or keep")),
            };
        }
        if let Some(word) = self.consent_default {
            site.consent_default = match word.as_str() {
                "granted" => ConsentDefault::Granted,
                "denied" => ConsentDefault::Denied,
                _ => return Err(invalid("`consent_default` must be granted or denied")),
            };
        }
        if let Some(words) = self.captures {
            site.captures = Captures::of_words(words.iter().map(String::as_str))
                .map_err(|word| invalid(&format!("`captures` names nothing known: {}", word.escape_debug())))?;
        }
        site.offer_html = self.offer_html.unwrap_or(site.offer_html);
        site.honour_gpc = self.honour_gpc.unwrap_or(site.honour_gpc);
        site.events_per_second_max = self.events_per_second_max.unwrap_or(site.events_per_second_max);
        // The base or the beginning of days may have changed.
        site.rates = compiled_rates(site, &site.rate_entries)?;
        Ok(())
    }

    fn apply_to_visitors(&self, site: &mut Site) -> Result<(), CatalogError> {
        if let Some(word) = &self.known_by {
            site.visitors.known_by =
                KnownBy::from_word(word).ok_or_else(|| invalid("`known_by` must be cookie or daily_hash"))?;
        }
        if let Some(word) = &self.without_consent {
            site.visitors.without_consent = WithoutConsent::from_word(word)
                .ok_or_else(|| invalid("`without_consent` must be anonymous or nothing"))?;
        }
        if let Some(minutes) = self.session_minutes {
            if minutes.is_some_and(|m| m == 0 || m > VisitorRules::SESSION_MINUTES_MAX) {
                return Err(invalid("`session_minutes` must be 1 to 1440, or null for the setting of all sites"));
            }
            site.visitors.session_minutes = minutes;
        }
        Ok(())
    }
}

/// Rules for shelves, compiled beside the threads that answer visitors: a large catalogue takes a while.
async fn shelves_of(
    rules: Vec<(String, MerchandisingRules)>,
    site: &SiteSnapshot,
) -> Result<CompiledRules, CatalogError> {
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
