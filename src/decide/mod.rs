//! Decides the content of slots: profile, snapshot, index and context in, decisions and explanations out. No I/O.
//!
//! Every slot shows the first offer, by priority, that may be shown; else, in a recommendation slot, recommended items;
//! else its fallback; else it is left out and the page keeps its default. What is limited (budgets, coupons) is reserved
//! by the caller, who decides again without an offer of which nothing is left. Nothing here waits, fails or reads a
//! clock, and the caller provides the random seed: the same input gives the same result.
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
mod offer_tests;
mod offers;
#[cfg(test)]
mod properties;
mod rank;
mod rank_order;
mod session_cache;
mod share;
mod skip;
mod slot;
mod slot_rules;
mod types;
mod visits;

use std::collections::HashSet;

pub use context::{Context, Settings};
pub use index::Index;
pub use interests::interests;
pub use session_cache::SessionCache;
pub use skip::{OfferState, Rehearsed, Skip};
pub use types::{Exploration, ImpressionCounts};

use self::{candidates::Candidates, context::Facts, offers::PageState, rank::SlotFiller};
use crate::{
    catalog::snapshot::{Recommend, SiteSnapshot},
    model::{Content, Decision, Profile},
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
    let mut page = PageState::default();
    let wanted = wanted.take(context.settings.slots_max);
    wanted.filter_map(|slot| slot::decide(slot, &facts, &mut filler, &mut page)).collect()
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

/// What would become of a live offer for one impression of its slot.
#[must_use]
pub fn rehearse(
    profile: &Profile,
    snapshot: &SiteSnapshot,
    context: &Context<'_>,
    slot: &str,
    offer: &str,
) -> Rehearsed {
    slot::rehearse(slot, offer, &Facts::gather(profile, snapshot, context))
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
