//! Merchandising rules of a slot, applied to this visitor on this page: which items are allowed, which are boosted.
//!
//! Rules about items were evaluated when they were saved (`catalog::merchandising`); here each takes a bit test. Rules
//! about the visitor (bought, fatigue, language, price band) are evaluated per request.

use std::collections::HashSet;

use super::{
    context::Facts,
    types::{ExclusionReason, SlotItem, UsedItems},
};
use crate::{
    catalog::{
        items::ItemNumber,
        merchandising::{CompiledRules, SlotPlan},
    },
    model::{
        Currency, Item, Timestamp,
        merchandising::{DiversityKey, Freshness},
    },
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// The rules of one slot for one request.
#[derive(Debug)]
pub(super) struct SlotRules<'a> {
    plans: &'a CompiledRules,
    pub(super) plan: &'a SlotPlan,
    language: &'a str,
    now: Timestamp,
    /// Lowest and highest price, in this currency.
    band: Option<(i64, i64, Currency)>,
    fatigued: HashSet<ItemNumber, ahash::RandomState>,
}

impl<'a> SlotRules<'a> {
    pub(super) fn new(facts: &'a Facts<'a>, slot: &str) -> Self {
        let plans = &*facts.snapshot.merchandising;
        let plan = plans.for_slot(slot);
        let now = facts.context.now;
        let on_page = facts.snapshot.items.get(facts.context.item);
        let language = match facts.context.language {
            "" => on_page.map_or("", |item| &item.language),
            given => given,
        };
        let band = plan.price_band.zip(on_page.filter(|item| item.price_minor > 0)).map(|(band, item)| {
            // Percentages of a price, exact and without overflow.
            let share = |percent: u32| i128::from(item.price_minor) * i128::from(percent);
            let low = i64::try_from((share(band.from_percent) + 99) / 100).unwrap_or(i64::MAX);
            let high = i64::try_from(share(band.to_percent) / 100).unwrap_or(i64::MAX);
            (low, high, item.currency)
        });
        let mut fatigued: HashSet<ItemNumber, ahash::RandomState> = HashSet::default();
        if let Some(fatigue) = plan.fatigue {
            let since = now.plus(-i64::from(fatigue.rest_hours) * HOUR_MS);
            let ignored = facts.profile.ignored.iter().filter(|i| i.impressions >= fatigue.shown_max && i.last > since);
            fatigued.extend(ignored.filter_map(|ignored| facts.snapshot.items.number(&ignored.item)));
        }
        Self { plans, plan, language, now, band, fatigued }
    }

    /// Why an item may not be shown at all; `None` if it may.
    pub(super) fn exclusion(
        &self,
        number: ItemNumber,
        item: &Item,
        used: &UsedItems<'a>,
    ) -> Option<ExclusionReason<'a>> {
        if !item.available {
            return Some(ExclusionReason::Unavailable);
        }
        match used.get(&number) {
            Some(ExclusionReason::Bought) if !self.plan.hide_bought => {}
            Some(reason) => return Some(*reason),
            None => {}
        }
        if let Some(gate) = self.plan.gates.iter().find(|gate| !self.plans.passes(gate, number)) {
            return Some(ExclusionReason::Rule(&gate.label));
        }
        if self.plan.same_language && !item.is_in_language(self.language) {
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

    /// Whether the visitor has ignored it too often; does not apply to pins.
    pub(super) fn is_fatigued(&self, number: ItemNumber) -> bool {
        !self.fatigued.is_empty() && self.fatigued.contains(&number)
    }

    /// A model's score after boosts and freshness.
    pub(super) fn adjusted_score(&self, number: ItemNumber, item: &Item, score: f32) -> f32 {
        let lifts = self.plan.boosts.iter().filter(|lift| self.plans.lifts(lift, number));
        lifts.map(|lift| lift.factor).product::<f32>() * self.freshness_factor(item) * score
    }

    fn freshness_factor(&self, item: &Item) -> f32 {
        let Some(Freshness { lift_percent: lift_percent @ 1.., half_life_days, .. }) = self.plan.freshness else {
            return 1.0;
        };
        let days = self.now.since(item.added_at).max(0) as f64 / DAY_MS as f64;
        let lift = f64::from(lift_percent) / 100.0 * (-days / f64::from(half_life_days)).exp2();
        #[expect(clippy::cast_possible_truncation, reason = "a factor of 1 to 101")]
        let factor = (1.0 + lift) as f32;
        factor
    }

    /// Descriptions of the rules that changed an item's score.
    pub(super) fn score_changes(&self, number: ItemNumber, item: &Item) -> Vec<String> {
        let lifts = self.plan.boosts.iter().filter(|lift| self.plans.lifts(lift, number));
        let mut changes: Vec<String> = lifts.map(|lift| format!("boost: {}", lift.label)).collect();
        let factor = self.freshness_factor(item);
        if factor > 1.005 {
            changes.push(format!("freshness: ×{factor:.2}"));
        }
        changes
    }

    /// The value of an item that the diversity rule limits, and the limit; `None` if it has none or there is no rule.
    pub(super) fn kind<'i>(&self, item: &'i Item) -> Option<(&'i str, usize)> {
        let diversity = self.plan.diversity?;
        let kind = match diversity.by {
            DiversityKey::Category => item.main_category(),
            DiversityKey::Brand => &item.brand,
            DiversityKey::Group => &item.group,
        };
        (!kind.is_empty()).then_some((kind, diversity.at_most as usize))
    }

    /// Whether others already reach the diversity limit of an item's kind.
    pub(super) fn has_enough_like<'i>(&self, item: &Item, others: impl IntoIterator<Item = &'i SlotItem<'i>>) -> bool {
        self.kind(item).is_some_and(|(kind, at_most)| {
            let is_same_kind = |other: &&SlotItem<'_>| self.kind(other.item).is_some_and(|(other, _)| other == kind);
            others.into_iter().filter(is_same_kind).count() >= at_most
        })
    }
}
