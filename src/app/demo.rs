//! The demo shop: site, catalog and offers. Its origins are updated at every start.

use anyhow::Context;

use crate::{
    catalog::{Catalog, Publish},
    model::Offer,
    wire::{admin::SiteChange, item::ItemBody},
};

/// Actor in the audit log.
const ACTOR: &str = "demo";
const NAME: &str = "Demo shop (invented)";
const ITEMS: &str = include_str!("../../demo/items.ndjson");
const OFFERS: &str = include_str!("../../demo/offers.json");

/// Creates the demo site with its items and offers if it does not exist. Later changes by users are kept.
pub async fn install(catalog: &Catalog, origins: &[String]) -> anyhow::Result<()> {
    let existing = catalog.snapshot().sites.values().find(|s| s.site.demo).map(|s| s.site.id);
    let (id, is_new) = match existing {
        Some(id) => (id, false),
        None => (catalog.add_site(ACTOR, NAME, origins, true).await?.id, true),
    };
    let mut change = SiteChange { origins: Some(origins.to_vec()), ..SiteChange::default() };
    if is_new {
        change.currency = Some("EUR".into());
    }
    catalog.change_site(ACTOR, id, change).await?;
    if is_new {
        let items = ITEMS.lines().filter(|line| !line.trim().is_empty());
        catalog
            .put_items(Some(ACTOR), id, items.map(|line| ItemBody::from_slice(line.as_bytes())).collect(), Publish::Now)
            .await?;
        let offers: Vec<Offer> = serde_json::from_str(OFFERS).context("demo/offers.json")?;
        for offer in offers {
            catalog.put_offer(ACTOR, id, offer).await?;
        }
    }
    Ok(())
}
