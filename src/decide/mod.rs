//! Decides the content of slots: profile, snapshot, index and context in, decisions and explanations out. No I/O.
//!
//! Every slot shows the first offer, by priority, whose condition holds; else, in a recommendation slot, recommended
//! items; else the slot is left out and the page keeps its default. Nothing here waits, fails or reads a clock, and the
//! caller provides the random seed: the same input gives the same result.
//!
//! Example: a visitor viewed two coffees. The slot `home-hero` has an offer with the condition `affinity eq Coffee` →
//! that offer, reason `offer`. The slot `home-recs` has no offer → items viewed together with those two, reason
//! `recommendation`.

mod affinity;
mod candidates;
mod chosen;
mod complements;
mod context;
mod eligible;
mod explore;
#[cfg(test)]
mod fixture;
pub mod index;
mod interests;
#[cfg(test)]
mod merchandising_tests;
#[cfg(test)]
mod properties;
mod rank;
mod rank_order;
mod session_cache;
mod slot_rules;
mod types;
mod visits;

use std::collections::HashSet;

pub use context::{Context, Settings};
pub use index::Index;
pub use interests::interests;
pub use session_cache::SessionCache;
pub use types::{Exploration, ImpressionCounts};

use self::{candidates::Candidates, context::Facts, rank::SlotFiller};
use crate::{
    catalog::snapshot::{CompiledOffer, RECOMMENDATION_SUFFIX, Recommend, SiteSnapshot},
    model::{Content, Decision, Profile, Reason},
};

/// Decides every slot. A slot without a decision keeps the page's default: it is unknown, no offer matches, or there is
/// nothing to recommend.
pub fn run<S: AsRef<str>>(
    profile: &Profile,
    snapshot: &SiteSnapshot,
    index: &Index,
    context: &Context<'_>,
    slots: &[S],
) -> Vec<Decision> {
    let facts = Facts::gather(profile, snapshot, context);
    let mut filler = SlotFiller::new(&facts, Candidates::new(&facts, index));
    let mut seen = HashSet::new();
    let wanted = slots.iter().map(AsRef::as_ref).filter(|slot| seen.insert(*slot) && snapshot.knows_slot(slot));
    wanted.take(context.settings.slots_max).filter_map(|slot| decide_slot(slot, &facts, &mut filler)).collect()
}

/// The best items by one model and the rules of a slot (the site's rules if the slot is empty or has none); `None` if
/// there is nothing to show.
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
        slot_explanation: picked.slot_explanation,
    })
}

/// What is known of a visitor, for the evaluation of rules.
#[must_use]
pub fn facts<'a>(
    profile: &'a Profile,
    snapshot: &'a SiteSnapshot,
    context: &'a Context<'a>,
) -> impl crate::segments::Facts + 'a {
    Facts::gather(profile, snapshot, context)
}

fn decide_slot(slot: &str, facts: &Facts<'_>, filler: &mut SlotFiller<'_>) -> Option<Decision> {
    let mut skipped = Vec::new();
    for offer in facts.snapshot.offers_for(slot) {
        if let Some(reason) = skip_reason(offer, facts) {
            if facts.context.explain {
                skipped.push(format!("offer `{}` skipped: {reason}", offer.id));
            }
            continue;
        }
        if let Some(decision) = show_offer(slot, offer, facts, filler, &skipped) {
            return Some(decision);
        }
        if facts.context.explain {
            skipped.push(format!("offer `{}` skipped: no items to show", offer.id));
        }
    }
    if !slot.ends_with(RECOMMENDATION_SUFFIX) {
        return None;
    }
    let picked = filler.pick(Recommend::DEFAULT, slot)?;
    let title = if picked.reason == Reason::Fallback { "Popular now" } else { "Picked for you" };
    let content = Content::from_iter([("title".to_owned(), title.into())]);
    skipped.extend(picked.explanation);
    Some(Decision {
        slot: slot.to_owned(),
        offer: None,
        variant: None,
        content,
        items: picked.items,
        exposure: Some(picked.exposure),
        reason: picked.reason,
        explanation: skipped,
        slot_explanation: picked.slot_explanation,
    })
}

/// Why an offer is not shown; `None` if it matches.
fn skip_reason(offer: &CompiledOffer, facts: &Facts<'_>) -> Option<&'static str> {
    if !offer.runs_at(facts.context.now) {
        Some("not running now")
    } else if !facts.hold(&offer.condition) {
        Some("its condition does not hold")
    } else {
        None
    }
}

/// The decision for an offer; `None` if it needs items and there are none.
fn show_offer(
    slot: &str,
    offer: &CompiledOffer,
    facts: &Facts<'_>,
    filler: &mut SlotFiller<'_>,
    skipped: &[String],
) -> Option<Decision> {
    let mut explanation = Vec::new();
    if facts.context.explain {
        explanation.extend_from_slice(skipped);
        explanation.push(format!("offer `{}` (priority {}) matches: {}", offer.id, offer.priority, offer.condition));
    }
    let (items, exposure, reason, slot_explanation) = match offer.recommend {
        None => (Vec::new(), None, Reason::Offer, None),
        Some(recommend) => {
            let picked = filler.pick(recommend, slot)?;
            explanation.extend(picked.explanation);
            (picked.items, Some(picked.exposure), picked.reason, picked.slot_explanation)
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
        slot_explanation,
    })
}
