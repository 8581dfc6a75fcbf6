//! Decides one slot: an offer, its control group, recommended items, or the slot's fallback.

use super::{
    context::Facts,
    offers::{PageState, drawn_order, held_out},
    rank::SlotFiller,
    skip::{Rehearsed, Skip},
};
use crate::{
    catalog::snapshot::{CompiledOffer, Recommend},
    model::{Content, Decision, OfferStatus, Reason},
};

/// The decision for a slot; `None` if the page keeps its own content.
pub(super) fn decide<'a>(
    slot: &str,
    facts: &Facts<'a>,
    filler: &mut SlotFiller<'_>,
    page: &mut PageState<'a>,
) -> Option<Decision> {
    let mode = facts.snapshot.slot_mode(slot);
    let mut notes = Notes { wanted: facts.context.explain, lines: Vec::new() };
    note_inactive(slot, facts, &mut notes);
    if mode.shows_offers() {
        if let Some(decision) = from_offers(slot, facts, filler, page, &mut notes) {
            return Some(decision);
        }
    } else {
        facts.snapshot.offers_for(slot).iter().for_each(|offer| notes.skip(&offer.id, Skip::SlotMode));
    }
    let recommended = mode.shows_recommendations().then(|| filler.pick(Recommend::DEFAULT, slot)).flatten();
    if let Some(picked) = recommended {
        let title = if picked.reason == Reason::Fallback { "Popular now" } else { "Picked for you" };
        notes.lines.extend(picked.explanation);
        return Some(Decision {
            items: picked.items,
            exposure: Some(picked.exposure),
            slot_explanation: picked.slot_explanation,
            content: Content::from_iter([("title".to_owned(), title.into())]),
            ..empty(slot, picked.reason, notes)
        });
    }
    let content = facts.snapshot.fallback(slot)?;
    Some(Decision { content, ..empty(slot, Reason::Fallback, notes) })
}

/// What would become of a live offer of a slot, without any items.
pub(super) fn rehearse(slot: &str, offer: &str, facts: &Facts<'_>) -> Rehearsed {
    if !facts.snapshot.slot_mode(slot).shows_offers() {
        return Rehearsed::Skipped(Skip::SlotMode);
    }
    let page = PageState::default();
    for equal in facts.snapshot.offers_for(slot).chunk_by(|a, b| a.priority == b.priority) {
        let drawn = drawn_order(equal, facts.context.offers.unit);
        for (index, other) in equal.iter().enumerate() {
            let other = drawn.as_ref().map_or(other, |drawn| drawn[index]);
            match (page.skip(other, facts), &*other.id == offer) {
                (Some(skip), true) => return Rehearsed::Skipped(skip),
                (Some(_), false) => {}
                (None, false) => return Rehearsed::Skipped(Skip::Outranked),
                (None, true) => {
                    let held_out = held_out(other, &facts.snapshot.site, facts.context.offers.unit);
                    return if held_out.is_some() { Rehearsed::HeldOut } else { Rehearsed::Shown };
                }
            }
        }
    }
    Rehearsed::Skipped(Skip::Status(OfferStatus::Draft))
}

fn from_offers<'a>(
    slot: &str,
    facts: &Facts<'a>,
    filler: &mut SlotFiller<'_>,
    page: &mut PageState<'a>,
    notes: &mut Notes,
) -> Option<Decision> {
    let mut chosen = None;
    for equal in facts.snapshot.offers_for(slot).chunk_by(|a, b| a.priority == b.priority) {
        let drawn = drawn_order(equal, facts.context.offers.unit);
        for (index, offer) in equal.iter().enumerate() {
            let offer = drawn.as_ref().map_or(offer, |drawn| drawn[index]);
            if let Some(skip) = page.skip(offer, facts) {
                notes.skip(&offer.id, skip);
            } else if chosen.is_some() {
                notes.skip(&offer.id, Skip::Outranked);
            } else {
                chosen = offer_decision(slot, offer, facts, filler, notes);
                if chosen.is_some() {
                    page.used(offer);
                }
            }
            if chosen.is_some() && !notes.wanted {
                return chosen;
            }
        }
    }
    let mut decision = chosen?;
    decision.explanation.append(&mut notes.lines);
    Some(decision)
}

/// The decision for an offer that may be shown; `None` if it needs items and there are none.
fn offer_decision(
    slot: &str,
    offer: &CompiledOffer,
    facts: &Facts<'_>,
    filler: &mut SlotFiller<'_>,
    notes: &mut Notes,
) -> Option<Decision> {
    let mut explanation = Vec::new();
    if notes.wanted {
        explanation.push(format!("offer `{}` (priority {}) matches: {}", offer.id, offer.priority, offer.condition));
    }
    let shown = Decision {
        offer: Some(offer.id.to_string()),
        ..empty(slot, Reason::Offer, Notes { wanted: false, lines: Vec::new() })
    };
    if let Some(held_out) = held_out(offer, &facts.snapshot.site, facts.context.offers.unit) {
        if notes.wanted {
            explanation.push(format!("the person is in the control group of offer `{}`: nothing is shown", offer.id));
        }
        let variant = held_out.variant();
        return Some(Decision { reason: Reason::Control, variant, explanation, ..shown });
    }
    let content = offer.content.clone();
    let Some(recommend) = offer.recommend else { return Some(Decision { content, explanation, ..shown }) };
    let Some(picked) = filler.pick(recommend, slot) else {
        notes.skip(&offer.id, Skip::NoItems);
        return None;
    };
    explanation.extend(picked.explanation);
    Some(Decision {
        content,
        items: picked.items,
        exposure: Some(picked.exposure),
        reason: picked.reason,
        explanation,
        slot_explanation: picked.slot_explanation,
        ..shown
    })
}

fn note_inactive(slot: &str, facts: &Facts<'_>, notes: &mut Notes) {
    if notes.wanted {
        let inactive = facts.snapshot.inactive_offers.get(slot).into_iter().flatten();
        inactive.for_each(|(id, status)| notes.skip(id, Skip::Status(*status)));
    }
}

fn empty(slot: &str, reason: Reason, notes: Notes) -> Decision {
    Decision {
        slot: slot.to_owned(),
        offer: None,
        variant: None,
        content: Content::new(),
        items: Vec::new(),
        exposure: None,
        reason,
        explanation: notes.lines,
        slot_explanation: None,
    }
}

/// Sentences of an explanation, if one is wanted.
struct Notes {
    wanted: bool,
    lines: Vec<String>,
}

impl Notes {
    fn skip(&mut self, offer: &str, skip: Skip) {
        if self.wanted {
            self.lines.push(format!("offer `{offer}` skipped: {skip}"));
        }
    }
}
