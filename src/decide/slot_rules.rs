//! The rules for a shelf as they bear on this visitor on this page: what may be shown, what counts more.
//!
//! Rules about items were worked out when they were written (`catalog::merchandising`); here it takes a bit each.
//! Those about the visitor (bought, tired of, language, price band) are asked as they are.

use std::collections::{HashMap, HashSet};

use super::{eligible::Facts, rank::Known};
use crate::{
    catalog::{
        items::ItemNumber,
        merchandising::{CompiledRules, SlotPlan},
    },
    model::{
        Currency, Item, Timestamp,
        merchandising::{Alike, Freshness},
    },
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Why an item is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExclusionReason<'a> {
    /// It is not available.
    Unavailable,
    /// The page is about it.
    OnPage,
    /// It lies in the cart.
    InCart,
    /// The visitor has bought it.
    Bought,
    /// A filter or exclusion, in its own words.
    Rule(&'a str),
    /// It is in another language than the page.
    Language,
    /// Its price is outside the band around that of the page's item.
    Price,
    /// It has been in the catalogue for too long.
    Age,
    /// It was shown often enough without being looked at.
    Tired,
    /// Enough of its kind are shown.
    Alike,
}

impl ExclusionReason<'_> {
    pub(super) fn in_words(self) -> String {
        match self {
            Self::Unavailable => "not available".into(),
            Self::OnPage => "the page is about it".into(),
            Self::InCart => "in the cart".into(),
            Self::Bought => "bought already".into(),
            Self::Rule(says) => format!("rule: {says}"),
            Self::Language => "rule: same language".into(),
            Self::Price => "rule: price band".into(),
            Self::Age => "rule: not older than".into(),
            Self::Tired => "rule: shown often and not looked at".into(),
            Self::Alike => "rule: enough of its kind".into(),
        }
    }
}

/// Items that this visitor is not recommended whatever the rules, and those only some rules leave out.
pub(super) type UsedItems<'a> = HashMap<ItemNumber, ExclusionReason<'a>, ahash::RandomState>;

/// The rules of one slot for one request.
#[derive(Debug)]
pub(super) struct SlotRules<'a> {
    plans: &'a CompiledRules,
    pub(super) plan: &'a SlotPlan,
    language: &'a str,
    now: Timestamp,
    /// Lowest and highest price, in this currency.
    band: Option<(i64, i64, Currency)>,
    tired: HashSet<ItemNumber, ahash::RandomState>,
}

impl<'a> SlotRules<'a> {
    pub(super) fn new(facts: &'a Facts<'a>, slot: &str) -> Self {
        let plans = &*facts.snapshot.shelves;
        let plan = plans.of(slot);
        let now = facts.context.now;
        let on_page = facts.snapshot.items.get(facts.context.item);
        let language = match facts.context.language {
            "" => on_page.map_or("", |item| &item.language),
            told => told,
        };
        let band = plan.price_band.zip(on_page.filter(|item| item.price_minor > 0)).map(|(band, item)| {
            // Shares of a price, exact and without overflow.
            let share = |percent: u32| i128::from(item.price_minor) * i128::from(percent);
            let low = i64::try_from((share(band.from_percent) + 99) / 100).unwrap_or(i64::MAX);
            let high = i64::try_from(share(band.to_percent) / 100).unwrap_or(i64::MAX);
            (low, high, item.currency)
        });
        let mut tired: HashSet<ItemNumber, ahash::RandomState> = HashSet::default();
        if let Some(fatigue) = plan.fatigue {
            let rests = now.plus(-i64::from(fatigue.rest_hours) * HOUR_MS);
            let is_tired = facts.profile.ignored.iter().filter(|i| i.times >= fatigue.shown_max && i.last > rests);
            tired.extend(is_tired.filter_map(|ignored| facts.snapshot.items.number(&ignored.item)));
        }
        Self { plans, plan, language, now, band, tired }
    }

    /// What keeps an item from being shown at all.
    pub(super) fn bar(&self, number: ItemNumber, item: &Item, taken: &UsedItems<'a>) -> Option<ExclusionReason<'a>> {
        if !item.available {
            return Some(ExclusionReason::Unavailable);
        }
        match taken.get(&number) {
            Some(ExclusionReason::Bought) if !self.plan.hide_bought => {}
            Some(bar) => return Some(*bar),
            None => {}
        }
        if let Some(gate) = self.plan.gates.iter().find(|gate| !self.plans.passes(gate, number)) {
            return Some(ExclusionReason::Rule(&gate.says));
        }
        if self.plan.same_language && !item.speaks(self.language) {
            return Some(ExclusionReason::Language);
        }
        if let Some((low, high, currency)) = self.band
            && item.currency == currency
            && !(low..=high).contains(&item.price_minor)
        {
            return Some(ExclusionReason::Price);
        }
        let oldest = self.plan.freshness.and_then(|freshness| freshness.max_age_days);
        if oldest.is_some_and(|days| self.now.since(item.added_at) > i64::from(days) * DAY_MS) {
            return Some(ExclusionReason::Age);
        }
        None
    }

    /// Whether the visitor has seen enough of it; pins are shown all the same.
    pub(super) fn is_tired_of(&self, number: ItemNumber) -> bool {
        !self.tired.is_empty() && self.tired.contains(&number)
    }

    /// A model's score after the rules.
    pub(super) fn weigh(&self, number: ItemNumber, item: &Item, score: f32) -> f32 {
        let lifts = self.plan.boosts.iter().filter(|lift| self.plans.lifts(lift, number));
        lifts.map(|lift| lift.factor).product::<f32>() * self.fresh_factor(item) * score
    }

    fn fresh_factor(&self, item: &Item) -> f32 {
        let Some(Freshness { lift_percent: lift_percent @ 1.., half_life_days, .. }) = self.plan.freshness else {
            return 1.0;
        };
        let days = self.now.since(item.added_at).max(0) as f64 / DAY_MS as f64;
        let lift = f64::from(lift_percent) / 100.0 * (-days / f64::from(half_life_days)).exp2();
        #[expect(clippy::cast_possible_truncation, reason = "a factor of 1 to 101")]
        let factor = (1.0 + lift) as f32;
        factor
    }

    /// The rules that moved an item, in words.
    pub(super) fn moved_by(&self, number: ItemNumber, item: &Item) -> Vec<String> {
        let lifts = self.plan.boosts.iter().filter(|lift| self.plans.lifts(lift, number));
        let mut words: Vec<String> = lifts.map(|lift| format!("boost: {}", lift.says)).collect();
        let fresh = self.fresh_factor(item);
        if fresh > 1.005 {
            words.push(format!("freshness: ×{fresh:.2}"));
        }
        words
    }

    /// What of an item counts as alike, and how many of it there may be; `None` where that is unknown or free.
    pub(super) fn kind<'i>(&self, item: &'i Item) -> Option<(&'i str, usize)> {
        let diversity = self.plan.diversity?;
        let kind = match diversity.by {
            Alike::Category => item.main_category(),
            Alike::Brand => &item.brand,
            Alike::Group => &item.group,
        };
        (!kind.is_empty()).then_some((kind, diversity.at_most as usize))
    }

    /// Whether a rule has enough of an item's kind among others.
    pub(super) fn has_enough_like<'i>(&self, item: &Item, others: impl IntoIterator<Item = &'i Known<'i>>) -> bool {
        self.kind(item).is_some_and(|(kind, at_most)| {
            let alike = |known: &&Known<'_>| self.kind(known.item).is_some_and(|(other, _)| other == kind);
            others.into_iter().filter(alike).count() >= at_most
        })
    }
}
