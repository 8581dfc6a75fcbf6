//! Changes to sites, offers and rules. Each is one function that validates, compiles, stores, publishes and audits
//! under one lock. A caller must let it finish once started (`tasks::Detached`), or the stored and the published state
//! would differ.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Catalog, CatalogError, SiteSnapshot, compile, merchandising::CompiledRules, origins, snapshot::Items,
    stored_merchandising_rules, stored_offers, traffic,
};
use crate::{
    access::new_secret,
    control::NewSite,
    model::{
        Captures, ConsentDefault, ContactChannel, ContactCosts, Currency, ExplorationSettings, KnownBy,
        MerchandisingRules, Offer, RobotsPolicy, Site, SiteId, TrafficFilters, VisitorRules, WithoutConsent,
        rates::{RateEntry, Rates},
        schema::Rules,
    },
    segments::SegmentSet,
    wire::admin::SiteChange,
};

/// Maximum length of a subject in the audit log, bytes.
const SUBJECT_BYTES_MAX: usize = 300;
/// Maximum cost of one contact, minor units.
const CONTACT_COST_MAX: i64 = 1_000_000_000_000;

impl Catalog {
    /// Adds a site with new keys.
    pub async fn add_site(&self, by: &str, name: &str, origins: &[String], demo: bool) -> Result<Site, CatalogError> {
        let name = checked_name(name)?;
        let origins = checked_origins(origins)?;
        let _permit = self.editing.lock().await;
        let keys =
            NewSite { name, origins, write_key: new_secret("")[..32].to_owned(), secret: new_secret("").into(), demo };
        let site = self.control.add_site(&keys).await?;
        let segments = compile::compile_segments(&[]).map_err(|error| CatalogError::Invalid(error.to_string()))?;
        self.publish(compiled(Arc::new(site.clone()), Arc::default(), &[], segments)?);
        self.audit(by, site.id, "add site", &site.name).await?;
        Ok(site)
    }

    /// Changes a site's settings.
    pub async fn change_site(&self, by: &str, id: SiteId, change: SiteChange) -> Result<Site, CatalogError> {
        self.edit_site(by, "change site", id, |site| change.apply(site)).await
    }

    /// Replaces the exchange rates to the site's current currency; those to other currencies stay.
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

    /// Replaces the exploration settings; `choice` is their form in the settings history.
    pub async fn put_exploration(
        &self,
        by: &str,
        id: SiteId,
        exploration: ExplorationSettings,
        choice: &str,
    ) -> Result<Site, CatalogError> {
        let replace = |site: &mut Site| {
            site.exploration = exploration;
            Ok(())
        };
        let site = self.edit_site(by, "change exploring", id, replace).await?;
        self.control.add_choice(id, by, choice).await?;
        Ok(site)
    }

    /// Replaces the event schema.
    pub async fn put_rules(&self, by: &str, id: SiteId, rules: Rules) -> Result<Site, CatalogError> {
        rules.check().map_err(CatalogError::Invalid)?;
        let replace = |site: &mut Site| {
            site.rules = Arc::new(rules);
            Ok(())
        };
        self.edit_site(by, "change rules", id, replace).await
    }

    /// Applies a change to the stored site, not to the published one, so that of two consecutive edits both changes are
    /// kept. What does not compile is not stored; what is stored is published and audited.
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
        let compiled = compiled(Arc::new(site.clone()), Arc::clone(&shown.items), &offers, shown.segments.clone())?;
        self.control.update_site(&site).await?;
        self.publish(compiled.keeping(&shown));
        self.audit(by, id, action, &site.name).await?;
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
        let compiled = compiled(site.site.clone(), Arc::clone(&site.items), &offers, site.segments.clone())?;
        self.control.put_offer(id, &offer.id, &as_json(&offer)?).await?;
        self.publish(compiled.keeping(&site));
        self.audit(by, id, action, &offer.id).await
    }

    /// Removes an offer. Returns false if there was none.
    pub async fn delete_offer(&self, by: &str, id: SiteId, offer: &str) -> Result<bool, CatalogError> {
        let _permit = self.editing.lock().await;
        let site = self.site(id)?;
        let mut offers = stored_offers(&self.control, id).await?;
        offers.retain(|known| known.id != offer);
        let compiled = compiled(site.site.clone(), Arc::clone(&site.items), &offers, site.segments.clone())?;
        if !self.control.delete_offer(id, offer).await? {
            return Ok(false);
        }
        self.publish(compiled.keeping(&site));
        self.audit(by, id, "delete offer", offer).await?;
        Ok(true)
    }

    /// The merchandising rules by slot; the empty slot is the whole site.
    pub async fn merchandising_rules(&self, id: SiteId) -> Result<Vec<(String, MerchandisingRules)>, CatalogError> {
        self.site(id)?;
        stored_merchandising_rules(&self.control, id).await
    }

    /// Replaces the merchandising rules of a slot, or, with an empty name, of the whole site.
    pub async fn put_merchandising_rules(
        &self,
        by: &str,
        id: SiteId,
        slot: &str,
        rules: MerchandisingRules,
    ) -> Result<(), CatalogError> {
        let _permit = self.editing.lock().await;
        let site = self.site(id)?;
        let body = as_json(&rules)?;
        let mut all = stored_merchandising_rules(&self.control, id).await?;
        all.retain(|(known, _)| known != slot);
        all.push((slot.to_owned(), rules));
        let compiled = compiled_rules(all, &site).await?;
        self.control.put_merchandising_rules(id, slot, &body).await?;
        self.publish(site.with_merchandising(compiled));
        let subject = if slot.is_empty() { "of the site" } else { slot };
        self.audit(by, id, "change recommendation rules", subject).await
    }

    /// Removes the rules of a slot. Returns false if there were none.
    pub async fn delete_merchandising_rules(&self, by: &str, id: SiteId, slot: &str) -> Result<bool, CatalogError> {
        let _permit = self.editing.lock().await;
        let site = self.site(id)?;
        let mut all = stored_merchandising_rules(&self.control, id).await?;
        all.retain(|(known, _)| known != slot);
        let compiled = compiled_rules(all, &site).await?;
        if !self.control.delete_merchandising_rules(id, slot).await? {
            return Ok(false);
        }
        self.publish(site.with_merchandising(compiled));
        self.audit(by, id, "delete recommendation rules", slot).await?;
        Ok(true)
    }

    /// Records in the audit log who changed what of a site.
    pub async fn audit(&self, by: &str, id: SiteId, action: &str, subject: &str) -> Result<(), CatalogError> {
        let mut end = subject.len().min(SUBJECT_BYTES_MAX);
        while !subject.is_char_boundary(end) {
            end -= 1;
        }
        tracing::debug!(site = %id, action, "audited");
        Ok(self.control.audit_site(id, by, action, &subject[..end]).await?)
    }
}

impl SiteChange {
    /// Validates each setting and writes it to the site.
    fn apply(self, site: &mut Site) -> Result<(), CatalogError> {
        self.apply_to_visitors(site)?;
        self.apply_to_traffic(site)?;
        if let Some(costs) = &self.contact_costs_minor {
            site.contact_costs = Arc::new(checked_costs(costs)?);
        }
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
        if let Some(policy) = self.robots {
            site.robots = match policy.as_str() {
                "drop" => RobotsPolicy::Drop,
                "keep" => RobotsPolicy::Keep,
                _ => return Err(invalid("`robots` must be drop or keep")),
            };
        }
        if let Some(consent) = self.consent_default {
            site.consent_default = match consent.as_str() {
                "granted" => ConsentDefault::Granted,
                "denied" => ConsentDefault::Denied,
                _ => return Err(invalid("`consent_default` must be granted or denied")),
            };
        }
        if let Some(names) = self.captures {
            site.captures = Captures::from_names(names.iter().map(String::as_str))
                .map_err(|name| invalid(&format!("`captures` has an unknown name: {}", name.escape_debug())))?;
        }
        if let Some(percent) = self.holdout_percent {
            site.holdout_bp = checked_holdout(percent)?;
        }
        site.offer_html = self.offer_html.unwrap_or(site.offer_html);
        site.honour_gpc = self.honour_gpc.unwrap_or(site.honour_gpc);
        site.events_per_second_max = self.events_per_second_max.unwrap_or(site.events_per_second_max);
        // The base currency or the time zone may have changed.
        site.rates = compiled_rates(site, &site.rate_entries)?;
        Ok(())
    }

    fn apply_to_traffic(&self, site: &mut Site) -> Result<(), CatalogError> {
        let mut filters = TrafficFilters::clone(&site.traffic_filters);
        if let Some(networks) = &self.ignored_networks {
            filters.ignored_networks = traffic::checked_networks(networks)?;
        }
        if let Some(hosts) = &self.ignored_referrers {
            filters.ignored_referrers = traffic::checked_hosts(hosts)?;
        }
        filters.join_trailing_slashes = self.join_trailing_slashes.unwrap_or(filters.join_trailing_slashes);
        site.traffic_filters = Arc::new(filters);
        Ok(())
    }

    fn apply_to_visitors(&self, site: &mut Site) -> Result<(), CatalogError> {
        if let Some(name) = &self.known_by {
            site.visitors.known_by =
                KnownBy::from_name(name).ok_or_else(|| invalid("`known_by` must be cookie or daily_hash"))?;
        }
        if let Some(name) = &self.without_consent {
            site.visitors.without_consent = WithoutConsent::from_name(name)
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

/// Compiles merchandising rules off the threads that serve requests: a large catalogue takes a while.
async fn compiled_rules(
    rules: Vec<(String, MerchandisingRules)>,
    site: &SiteSnapshot,
) -> Result<CompiledRules, CatalogError> {
    let items = Arc::clone(&site.items);
    let compiled = tokio::task::spawn_blocking(move || compile::compile_merchandising(&rules, &items));
    compiled.await.unwrap_or_else(|error| Err(error.to_string())).map_err(CatalogError::Invalid)
}

fn compiled(
    site: Arc<Site>,
    items: Arc<Items>,
    offers: &[Offer],
    segments: SegmentSet,
) -> Result<SiteSnapshot, CatalogError> {
    compile::compile_with(site, items, offers, segments).map_err(|e| CatalogError::Invalid(e.to_string()))
}

fn compiled_rates(site: &Site, entries: &[RateEntry]) -> Result<Arc<Rates>, CatalogError> {
    let rates = Rates::compile(site.currency, entries, &Site::zone(&site.timezone));
    rates.map(Arc::new).map_err(|e| CatalogError::Invalid(e.to_string()))
}

pub(super) fn as_json<T: serde::Serialize>(value: &T) -> Result<String, CatalogError> {
    serde_json::to_string(value).map_err(|e| CatalogError::Invalid(e.to_string()))
}

/// Costs of contacts by channel; at most one for each.
fn checked_costs(costs: &BTreeMap<String, i64>) -> Result<ContactCosts, CatalogError> {
    let mut checked = ContactCosts::new();
    for (name, cost) in costs {
        let channel = ContactChannel::parse(name).ok_or_else(|| {
            invalid(&format!(
                "`contact_costs_minor` has an unknown channel: {}",
                name.chars().take(40).collect::<String>().escape_debug()
            ))
        })?;
        if !(0..=CONTACT_COST_MAX).contains(cost) {
            return Err(invalid("`contact_costs_minor` must be 0 to 1,000,000,000,000"));
        }
        checked.insert(channel, *cost);
    }
    Ok(checked)
}

fn invalid(message: &str) -> CatalogError {
    CatalogError::Invalid(message.to_owned())
}

/// A share in per cent as hundredths of a per cent.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10,000")]
fn checked_holdout(percent: f64) -> Result<u16, CatalogError> {
    if !(0.0..=100.0).contains(&percent) {
        return Err(invalid("`holdout_percent` must be 0 to 100"));
    }
    Ok((percent * 100.0).round() as u16)
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
