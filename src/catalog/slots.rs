//! The settings of slots, and a site with one more live offer.

use std::{collections::HashMap, sync::Arc};

use super::{Catalog, CatalogError, SiteSnapshot, compile, edit::as_json, stored_offers};
use crate::{
    control::Control,
    model::{Offer, OfferStatus, SiteId, SlotSettings},
};

/// Most configured slots of a site.
const SLOTS_MAX: usize = 1000;

impl Catalog {
    /// The site as if an offer were live and had no dates, and the offer; `None` if there is no such offer.
    pub async fn with_offer_live(
        &self,
        id: SiteId,
        offer: &str,
    ) -> Result<Option<(SiteSnapshot, Offer)>, CatalogError> {
        let site = self.site(id)?;
        let mut offers = stored_offers(&self.control, id).await?;
        let Some(found) = offers.iter_mut().find(|known| known.id == offer) else { return Ok(None) };
        (found.status, found.starts_at, found.ends_at) = (Some(OfferStatus::Live), None, None);
        let found = found.clone();
        let compiled =
            compile::compile_with(site.site.clone(), Arc::clone(&site.items), &offers, site.segments.clone());
        let compiled = compiled.map_err(|error| CatalogError::Invalid(error.to_string()))?;
        Ok(Some((compiled.keeping(&site), found)))
    }

    /// Sets what fills a slot.
    pub async fn put_slot(&self, by: &str, id: SiteId, slot: &str, settings: SlotSettings) -> Result<(), CatalogError> {
        let _permit = self.editing.lock().await;
        let site = self.site(id)?;
        compile::check_slot(&site.site, slot, &settings).map_err(CatalogError::Invalid)?;
        let mut slots = HashMap::clone(&site.slots);
        if slots.len() >= SLOTS_MAX && !slots.contains_key(slot) {
            return Err(CatalogError::Invalid(format!("at most {SLOTS_MAX} slots of a site can be configured")));
        }
        self.control.put_slot_settings(id, slot, &as_json(&settings)?).await?;
        slots.insert(slot.into(), settings);
        self.publish(SiteSnapshot { slots: Arc::new(slots), ..SiteSnapshot::clone(&site) });
        self.audit(by, id, "change slot", slot).await
    }
}

/// The settings of a site's slots; those this version cannot parse are skipped.
pub(super) async fn stored_slots(
    control: &Control,
    site: SiteId,
) -> Result<HashMap<Box<str>, SlotSettings>, CatalogError> {
    let read = |(slot, body): (String, String)| {
        let settings = serde_json::from_str(&body)
            .inspect_err(|error| tracing::warn!(%site, slot, %error, "stored settings of a slot are skipped"));
        Some((slot.into(), settings.ok()?))
    };
    Ok(control.slot_settings(site).await?.into_iter().filter_map(read).collect())
}
