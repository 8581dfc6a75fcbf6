//! The invented demo shop: its site, its catalogue, its offers. Brought up to date at every start.

use anyhow::Context;

use crate::{
    catalog::{Catalog, Change, Publish},
    model::Offer,
    wire::item::ItemBody,
};

/// Who makes it, in the audit log.
const BY: &str = "demo";
const NAME: &str = "Demo shop (invented)";
const ITEMS: &str = include_str!("../../demo/items.ndjson");
const OFFERS: &str = include_str!("../../demo/offers.json");

/// Makes the demo site if there is none, and gives it its items and offers. Offers that a marketer
/// has changed since stay as they are.
pub async fn install(catalog: &Catalog, origins: &[String]) -> anyhow::Result<()> {
    let existing = catalog.snapshot().sites.values().find(|s| s.site.demo).map(|s| s.site.id);
    let (id, fresh) = match existing {
        Some(id) => (id, false),
        None => (catalog.add_site(BY, NAME, origins, true).await?.id, true),
    };
    let mut change = Change { origins: Some(origins.to_vec()), ..Change::default() };
    if fresh {
        change.currency = Some("EUR".into());
    }
    catalog.change_site(BY, id, change).await?;
    if fresh {
        let items = ITEMS.lines().filter(|line| !line.trim().is_empty());
        catalog
            .put_items(Some(BY), id, items.map(|line| ItemBody::read(line.as_bytes())).collect(), Publish::Now)
            .await?;
        let offers: Vec<Offer> = serde_json::from_str(OFFERS).context("demo/offers.json")?;
        for offer in offers {
            catalog.put_offer(BY, id, offer).await?;
        }
    }
    Ok(())
}
