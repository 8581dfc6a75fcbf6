//! Which offer fills a slot, and why each of the others does not.
//!
//! Offers are tried by priority; those of equal priority by id or, if they have weights, in an order that is drawn once
//! for each person. The first that may be shown is chosen; a person of its control group is shown nothing instead.

use std::{cell::OnceCell, cmp::Ordering, collections::HashMap};

use super::{
    context::Facts,
    skip::{OfferState, Skip},
};
use crate::{
    catalog::snapshot::{CompiledCap, CompiledOffer},
    model::{CapPeriod, Profile, Site, Timestamp, bucket},
};

/// What was decided for other slots of the page, and the person's impressions.
#[derive(Debug, Default)]
pub(super) struct PageState<'a> {
    groups: Vec<&'a str>,
    impressions: OnceCell<Impressions<'a>>,
}

/// Times at which a person saw each offer, or is about to.
type Impressions<'a> = HashMap<&'a str, Vec<Timestamp>, ahash::RandomState>;

impl<'a> PageState<'a> {
    /// Records that the page shows an offer.
    pub(super) fn used(&mut self, offer: &'a CompiledOffer) {
        self.groups.extend(offer.exclusion_group.as_deref());
    }

    /// Why an offer is not shown, before the control group is considered; `None` if it may be.
    pub(super) fn skip(&self, offer: &CompiledOffer, facts: &Facts<'a>) -> Option<Skip> {
        let state = &facts.context.offers;
        if !offer.runs_at(facts.context.now) {
            return Some(Skip::NotNow);
        }
        if !facts.hold(&offer.condition) {
            return Some(Skip::Condition);
        }
        if offer.exclusion_group.as_deref().is_some_and(|group| self.groups.contains(&group)) {
            return Some(Skip::ExclusionGroup);
        }
        if offer.needs_person() && state.unit.is_none() {
            return Some(Skip::NotRecognized);
        }
        self.cap_reached(offer, facts)
            .or_else(|| state.refused.iter().find(|(id, _)| *id == offer.id).map(|(_, skip)| *skip))
            .or_else(|| (offer.coupons && !state.may_get_coupons).then_some(Skip::NotProven))
    }

    fn cap_reached(&self, offer: &CompiledOffer, facts: &Facts<'a>) -> Option<Skip> {
        if offer.caps.is_empty() {
            return None;
        }
        if !facts.context.offers.history_is_complete {
            return Some(Skip::HistoryUnknown);
        }
        let all = self.impressions.get_or_init(|| impressions(facts.profile, &facts.context.offers));
        let seen = all.get(&*offer.id).map_or(&[][..], Vec::as_slice);
        offer.caps.iter().find(|cap| is_reached(**cap, seen, facts.context.now)).map(|cap| Skip::Cap(cap.per))
    }
}

fn is_reached(cap: CompiledCap, seen: &[Timestamp], now: Timestamp) -> bool {
    let counts = |at: &&Timestamp| cap.per.ms().is_none_or(|ms| now.since(**at) < ms);
    seen.iter().filter(counts).count() >= cap.count as usize
}

fn impressions<'a>(profile: &'a Profile, state: &OfferState<'a>) -> Impressions<'a> {
    let mut found = Impressions::default();
    for event in profile.history.events().filter(|event| &*event.name == CompiledOffer::VIEWED) {
        if let Some(offer) = event.value(CompiledOffer::VIEWED_OFFER).and_then(serde_json::Value::as_str) {
            found.entry(offer).or_default().push(event.at);
        }
    }
    for (offer, at) in state.reserved {
        found.entry(offer).or_default().push(*at);
    }
    found
}

/// Offers of equal priority in the order in which they are tried for a person, if they have weights; else `None`.
pub(super) fn drawn_order<'o>(equal: &'o [CompiledOffer], unit: Option<&str>) -> Option<Vec<&'o CompiledOffer>> {
    let unit = unit.filter(|_| equal.len() > 1 && equal.iter().any(|offer| offer.weight.is_some()))?;
    // The smallest of exponential variables with the weights as rates: each is first with the share of its weight
    // (Efraimidis, Spirakis 2006), and offers that come or go do not move others.
    let mut drawn: Vec<(f64, &CompiledOffer)> = equal.iter().map(|offer| (draw(offer, unit), offer)).collect();
    drawn.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal));
    Some(drawn.into_iter().map(|(_, offer)| offer).collect())
}

fn draw(offer: &CompiledOffer, unit: &str) -> f64 {
    let uniform = bucket(&["weight:", &offer.id].concat(), unit);
    -(1.0 - uniform).ln() / offer.weight.unwrap_or(1.0)
}

/// Why a person is not shown an offer that they would be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeldOut {
    /// From all offers of the site.
    Site,
    /// From this one.
    Offer,
}

impl HeldOut {
    /// Variant of the decision for those who are held out from all offers.
    const HOLDOUT: &'static str = "holdout";

    pub(super) fn variant(self) -> Option<String> {
        (self == Self::Site).then(|| Self::HOLDOUT.to_owned())
    }
}

/// Whether a person is held out; always the same people.
pub(super) fn held_out(offer: &CompiledOffer, site: &Site, unit: Option<&str>) -> Option<HeldOut> {
    let unit = unit?;
    let holdout = f64::from(site.holdout_bp) / 10_000.0;
    if holdout > 0.0 && bucket("holdout", unit) < holdout {
        return Some(HeldOut::Site);
    }
    let is_control = offer.control_share > 0.0 && bucket(&["offer:", &offer.id].concat(), unit) < offer.control_share;
    is_control.then_some(HeldOut::Offer)
}

impl Skip {
    pub(super) const fn period(per: CapPeriod) -> &'static str {
        match per {
            CapPeriod::Hour => "hour",
            CapPeriod::Day => "day",
            CapPeriod::Week => "week",
            CapPeriod::Month => "month",
            CapPeriod::Ever => "all time",
        }
    }
}
