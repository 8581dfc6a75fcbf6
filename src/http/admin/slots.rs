//! Slots: which pages ask for, and what fills them.

use std::collections::BTreeMap;

use axum::{Json, extract::State};

use crate::{
    catalog::SiteSnapshot,
    clock,
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Path, SitePath},
        state::AppState,
    },
    model::SlotSettings,
    offers::SeenSlot,
    wire::{
        offers::{ListedSlot, SlotOffer},
        reports::Moment,
    },
};

/// Every slot that pages asked for, that has offers, or that was configured.
#[utoipa::path(get, path = "/api/v1/sites/{site}/slots", tag = "offers", params(("site" = u32, Path)),
    responses((status = 200, body = Vec<ListedSlot>)))]
pub async fn list(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<Vec<ListedSlot>>, ApiError> {
    caller.may_read(id)?;
    let site = state.catalog.site(id)?;
    let seen = state.offers.seen_slots(id).into_iter().map(|seen| (seen.slot.clone(), Some(seen)));
    let mut slots: BTreeMap<String, Option<SeenSlot>> = seen.collect();
    for name in site.offers.keys().chain(site.slots.keys()) {
        slots.entry(name.to_string()).or_default();
    }
    Ok(Json(slots.into_iter().map(|(name, seen)| listed(&site, name, seen)).collect()))
}

/// Sets what fills a slot: `mode` and `fallback`.
#[utoipa::path(put, path = "/api/v1/sites/{site}/slots/{slot}", tag = "offers",
    params(("site" = u32, Path), ("slot" = String, Path)), request_body = SlotSettings,
    responses((status = 200, body = SlotSettings), (status = 422, description = "the settings are invalid")))]
pub async fn put(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    JsonBody(settings): JsonBody<SlotSettings>,
) -> Result<Json<SlotSettings>, ApiError> {
    caller.may_edit(id)?;
    let Path((_, slot)) = path;
    state.catalog.put_slot(&caller.name(), id, &slot, settings.clone()).await?;
    Ok(Json(settings))
}

fn listed(site: &SiteSnapshot, slot: String, seen: Option<SeenSlot>) -> ListedSlot {
    let settings = site.slots.get(&*slot);
    let mode = site.slot_mode(&slot);
    let now = clock::now();
    let offers = site.offers_for(&slot).iter().filter(|_| mode.shows_offers());
    ListedSlot {
        first_seen: seen.as_ref().map(|seen| Moment(seen.first_seen)),
        last_seen: seen.as_ref().map(|seen| Moment(seen.last_seen)),
        requests: seen.as_ref().map_or(0, |seen| seen.requests),
        paths: seen.map(|seen| seen.paths).unwrap_or_default(),
        mode,
        configured: settings.is_some_and(|settings| settings.mode.is_some()),
        fallback: settings.and_then(|settings| settings.fallback.clone()),
        offers: offers
            .map(|offer| SlotOffer { id: offer.id.to_string(), priority: offer.priority, running: offer.runs_at(now) })
            .collect(),
        recommendations: mode.shows_recommendations(),
        slot,
    }
}
