//! Preview of a visitor's recommendations.

use std::collections::BTreeSet;

use axum::{Json, extract::State};

use crate::{
    catalog::SiteSnapshot,
    http::{
        caller::Caller,
        decide,
        error::ApiError,
        extract::{JsonBody, SitePath},
        state::AppState,
    },
    model::{ContactChannel, SlotMode, VisitorId},
    personalize::{OfferAccess, PersonalizationRequest},
    wire::{
        decided_items::decisions_to_json,
        exploration::{PreviewAnswer, PreviewQuestion, SeenItem},
    },
};

const SLOTS_MAX: usize = 50;
const ITEMS_MAX: usize = 50;
const TEXT_MAX: usize = 2000;

/// Previews the slots for a visitor, or for a hypothetical one, with explanations and without exploration.
#[utoipa::path(post, path = "/api/v1/sites/{site}/recommendations/preview", tag = "catalogue",
    params(("site" = u32, Path)), request_body = PreviewQuestion, responses((status = 200, body = PreviewAnswer),
        (status = 422, description = "the question is invalid")))]
pub async fn preview(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(question): JsonBody<PreviewQuestion>,
) -> Result<Json<PreviewAnswer>, ApiError> {
    caller.may_read(id)?;
    let snapshot = state.catalog.site(id)?;
    check_lengths(&question)?;
    let visitor = match question.visitor.as_deref() {
        Some(text) => text
            .trim()
            .parse()
            .map_err(|_| ApiError::Invalid("`visitor` must be a visitor's id of 32 hexadecimal digits".into()))?,
        None => VisitorId::ANONYMOUS,
    };
    let slots = if question.slots.is_empty() { slots_of(&snapshot) } else { question.slots };
    let language = question.language.unwrap_or_default();
    let request = PersonalizationRequest {
        site: &snapshot,
        visitor,
        user: "",
        is_new: false,
        slots: &slots,
        experiments: &[],
        item: question.item.as_deref().unwrap_or(""),
        cart: question.cart.as_deref(),
        url_path: question.url_path.as_deref().unwrap_or(""),
        channel: ContactChannel::Web,
        language: &language,
        explain: true,
        access: OfferAccess::default(),
    };
    let viewed = question.visitor.is_none().then_some(&question.viewed[..]);
    let (profile, answer) = state.personalizer.preview(&request, viewed).await;
    let seen = |item: &crate::model::ItemId| SeenItem {
        id: item.to_string(),
        title: snapshot.items.get(item).map(|known| known.title_in(&language).to_owned()),
    };
    let interests = state.personalizer.interests(&profile, &snapshot);
    Ok(Json(PreviewAnswer {
        recent: profile.recent_items.iter().take(ITEMS_MAX).map(|(item, _)| seen(item)).collect(),
        cart: profile.cart.iter().map(|(item, ..)| seen(item)).collect(),
        bought: profile.bought_items.iter().map(seen).collect(),
        interests: interests.affinities.into_iter().map(|affinity| affinity.category).collect(),
        known: profile.events > 0,
        decisions: decisions_to_json(&decide::bodies(&snapshot, &answer, &language, true))
            .map_err(|error| ApiError::Internal(error.to_string()))?,
        degraded: answer.degraded,
        slots,
    }))
}

/// The slots of the site's offers, and one that shows recommendations by its name's suffix.
fn slots_of(site: &SiteSnapshot) -> Vec<String> {
    let named: BTreeSet<String> = site.offers.keys().map(ToString::to_string).collect();
    let plain = ["home", SlotMode::RECOMMENDATION_SUFFIX].concat();
    let others = named.iter().filter(|slot| **slot != plain).take(SLOTS_MAX - 1).cloned();
    std::iter::once(plain.clone()).chain(others).collect()
}

fn check_lengths(question: &PreviewQuestion) -> Result<(), ApiError> {
    let cart = question.cart.as_deref().unwrap_or_default();
    let lists = [&question.viewed[..], cart, &question.slots[..]];
    let texts = [&question.item, &question.url_path, &question.language, &question.visitor];
    let fits = lists.iter().all(|list| list.len() <= SLOTS_MAX && list.iter().all(|text| text.len() <= 200))
        && texts.iter().all(|text| text.as_deref().unwrap_or("").len() <= TEXT_MAX);
    if fits { Ok(()) } else { Err(ApiError::Invalid("at most 50 items and slots of at most 200 bytes each".into())) }
}
