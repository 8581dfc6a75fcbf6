//! PURE: profile, snapshot, index and context in, decisions and explanations out.
//!
//! For every slot the marketer's offers come first, in their order; then, where the slot shows
//! recommendations, items; and where neither has anything to say the slot is left out and the page
//! keeps its own default. Nothing here waits, fails or reads a clock, and dice are thrown by the caller:
//! the same input gives the same answer.
//!
//! Example: a visitor who looked at two coffees, the slot `home-hero` and an offer with the rule
//! `affinity eq Coffee` → that offer, reason `offer`; the slot `home-recs`, which no offer names →
//! items viewed together with those two, reason `recommendation`.

mod affinity;
mod candidates;
mod chosen;
mod complements;
mod eligible;
mod explore;
#[cfg(test)]
mod fixture;
pub mod index;
#[cfg(test)]
mod merchandising_tests;
#[cfg(test)]
mod properties;
mod rank;
mod rank_order;
mod session_cache;
mod slot_rules;
mod visits;

use std::collections::HashSet;

pub use explore::{Exploring, Shown};
pub use index::Index;
pub use session_cache::Remembered;

use self::{candidates::Candidates, eligible::Facts, rank::SlotFiller};
use crate::{
    catalog::snapshot::{CompiledOffer, RECOMMENDATION_SUFFIX, Recommend, SiteSnapshot},
    config,
    model::{Content, Decision, Profile, Reason, Timestamp},
};

/// What the page says about itself, and the limits of the answer.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// The moment of the request.
    pub now: Timestamp,
    /// The item the page is about; empty when none.
    pub item: &'a str,
    /// Items the page says are in the cart. `None`: it does not say, and the profile's cart counts.
    pub cart: Option<&'a [String]>,
    /// Path of the page; empty when unknown.
    pub url_path: &'a str,
    /// Language of the page, a tag such as `fa`; empty when unknown: then that of the item on it.
    pub language: &'a str,
    /// Whether explanations are wanted; writing them costs more than deciding.
    pub explain: bool,
    /// What may be left to chance; `None`: nothing.
    pub exploring: Option<Exploring<'a>>,
    /// What was worked out lately; `None`: everything is worked out anew.
    pub remembered: Option<&'a Remembered>,
    /// Limits and constants.
    pub settings: Settings,
}

/// Limits and constants of decisions, from the configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Slots answered in one request; the rest is left out.
    pub slots_max: usize,
    /// Items in one slot.
    pub items_max: usize,
    /// Interest in a category halves in this time, milliseconds.
    pub half_life_ms: f64,
    /// An item shown for another of the same need costs at most this many times as much.
    pub up_sell_factor: f64,
}

impl Settings {
    /// From the settings of the owner.
    #[must_use]
    pub fn new(decide: &config::Decide, profiles: &config::Profiles) -> Self {
        Self {
            slots_max: decide.slots_max,
            items_max: decide.items_max,
            up_sell_factor: decide.up_sell_factor,
            half_life_ms: affinity::half_life_ms(profiles.affinity_half_life_days),
        }
    }
}

/// Decides every slot. A slot that is not in the answer keeps the page's default: it is unknown, or
/// no offer is for this visitor, or there is nothing to recommend.
pub fn run<S: AsRef<str>>(
    profile: &Profile,
    snapshot: &SiteSnapshot,
    index: &Index,
    context: &Context<'_>,
    slots: &[S],
) -> Vec<Decision> {
    let facts = Facts::gather(profile, snapshot, context);
    let mut shelf = SlotFiller::new(&facts, Candidates::new(&facts, index));
    let mut seen = HashSet::new();
    let wanted = slots.iter().map(AsRef::as_ref).filter(|slot| seen.insert(*slot) && snapshot.knows_slot(slot));
    wanted.take(context.settings.slots_max).filter_map(|slot| decide_slot(slot, &facts, &mut shelf)).collect()
}

/// The best items by one model and the rules of a slot (the site's where it has none or is empty); `None`
/// when there is nothing to show.
#[must_use]
pub fn recommend(
    profile: &Profile,
    snapshot: &SiteSnapshot,
    index: &Index,
    context: &Context<'_>,
    recommend: Recommend,
    slot: &str,
) -> Option<Decision> {
    let facts = Facts::gather(profile, snapshot, context);
    let picked = SlotFiller::new(&facts, Candidates::new(&facts, index)).pick(recommend, slot)?;
    Some(Decision {
        slot: slot.to_owned(),
        offer: None,
        variant: None,
        content: Content::new(),
        items: picked.items,
        exposure: Some(picked.exposure),
        reason: picked.reason,
        explanation: picked.explanation,
        shelf: picked.shelf,
    })
}

/// A visitor's interest in categories at `now`, strongest first, in units of one item view.
pub fn interest(profile: &Profile, snapshot: &SiteSnapshot, now: Timestamp, settings: &Settings) -> Vec<(String, f64)> {
    let taste = affinity::Taste::of(profile, &snapshot.items, now, settings.half_life_ms);
    taste.categories.into_iter().map(|(category, score)| (category.to_owned(), score)).collect()
}

fn decide_slot(slot: &str, facts: &Facts<'_>, shelf: &mut SlotFiller<'_>) -> Option<Decision> {
    let mut passed_over = Vec::new();
    for offer in facts.snapshot.offers_for(slot) {
        if let Some(why_not) = why_not(offer, facts) {
            if facts.context.explain {
                passed_over.push(format!("offer `{}` passed over: {why_not}", offer.id));
            }
            continue;
        }
        if let Some(decision) = show_offer(slot, offer, facts, shelf, &passed_over) {
            return Some(decision);
        }
        if facts.context.explain {
            passed_over.push(format!("offer `{}` passed over: it has no items to show", offer.id));
        }
    }
    if !slot.ends_with(RECOMMENDATION_SUFFIX) {
        return None;
    }
    let picked = shelf.pick(Recommend::DEFAULT, slot)?;
    let title = if picked.reason == Reason::Fallback { "Popular now" } else { "Picked for you" };
    let content = Content::from_iter([("title".to_owned(), title.into())]);
    passed_over.extend(picked.explanation);
    Some(Decision {
        slot: slot.to_owned(),
        offer: None,
        variant: None,
        content,
        items: picked.items,
        exposure: Some(picked.exposure),
        reason: picked.reason,
        explanation: passed_over,
        shelf: picked.shelf,
    })
}

/// Why an offer is not for this visitor now; `None` when it is.
fn why_not(offer: &CompiledOffer, facts: &Facts<'_>) -> Option<&'static str> {
    if !offer.runs_at(facts.context.now) {
        Some("it does not run now")
    } else if !facts.hold(&offer.condition) {
        Some("its rule does not hold")
    } else {
        None
    }
}

/// The offer as a decision; `None` when it promises items and there are none.
fn show_offer(
    slot: &str,
    offer: &CompiledOffer,
    facts: &Facts<'_>,
    shelf: &mut SlotFiller<'_>,
    passed_over: &[String],
) -> Option<Decision> {
    let mut explanation = Vec::new();
    if facts.context.explain {
        explanation.extend_from_slice(passed_over);
        explanation.push(format!("offer `{}` (priority {}) is for: {}", offer.id, offer.priority, offer.condition));
    }
    let (items, exposure, reason, why_items) = match offer.recommend {
        None => (Vec::new(), None, Reason::Offer, None),
        Some(recommend) => {
            let picked = shelf.pick(recommend, slot)?;
            explanation.extend(picked.explanation);
            (picked.items, Some(picked.exposure), picked.reason, picked.shelf)
        }
    };
    Some(Decision {
        slot: slot.to_owned(),
        offer: Some(offer.id.to_string()),
        variant: None,
        content: offer.content.clone(),
        items,
        exposure,
        reason,
        explanation,
        shelf: why_items,
    })
}
