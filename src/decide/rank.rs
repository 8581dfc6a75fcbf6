//! Fills slots: the best allowed candidates, diversified, without duplicates.

use std::sync::Arc;

use super::{
    candidates::Candidates,
    chosen::Chosen,
    context::Facts,
    explore::{Draw, pinned_positions},
    rank_order::RankOrder,
    slot_rules::SlotRules,
    types::{Candidate, Evidence, ExclusionReason, Key, RankingStrategy, SlotItem, UsedItems},
};
use crate::{
    catalog::snapshot::{ItemNumber, Model, Recommend},
    model::{self, ExcludedItem, Exposure, Item, ItemReason, RankedBy, RankedItem, Reason, SlotExplanation},
};

/// Items scanned to fill up a slot: more than a visitor can have in cart and history.
const FILL_SCAN_MAX: usize = 5000;
/// Excluded items in an explanation.
const LEFT_OUT_MAX: usize = 50;
/// Next-ranked items in an explanation.
const NEXT_MAX: usize = 5;

/// The items of one slot, and the explanation.
#[derive(Debug)]
pub(super) struct Picked {
    pub(super) items: Vec<RankedItem>,
    pub(super) exposure: Exposure,
    pub(super) reason: Reason,
    pub(super) explanation: Vec<String>,
    pub(super) slot_explanation: Option<Box<SlotExplanation>>,
}

/// Fills all slots of one request; the candidates of a model are gathered once.
#[derive(Debug)]
pub(super) struct SlotFiller<'a> {
    facts: &'a Facts<'a>,
    candidates: Candidates<'a>,
    used: UsedItems<'a>,
    gathered: Vec<(RankingStrategy, Arc<[Candidate]>)>,
}

impl<'a> SlotFiller<'a> {
    pub(super) fn new(facts: &'a Facts<'a>, candidates: Candidates<'a>) -> Self {
        Self { facts, candidates, used: facts.used_items(), gathered: Vec::new() }
    }

    /// The items of a slot by its rules; `None` if there is nothing to show. If no model is named, the site's default
    /// ranks, or a randomly drawn one.
    pub(super) fn pick(&mut self, recommend: Recommend, slot: &str) -> Option<Picked> {
        let k = recommend.k.min(self.facts.context.settings.items_max);
        if k == 0 {
            return None;
        }
        let rules = SlotRules::new(self.facts, slot);
        let mut left_out = Vec::new();
        if recommend.model != Model::Auto {
            let mut chosen = self.best(RankingStrategy::Named(recommend.model), k, &rules, &mut left_out);
            if recommend.model == Model::Trending {
                self.fill(&rules, &mut chosen);
            }
            let ranked = chosen.in_order();
            let exposure =
                Exposure { pinned: pinned_positions(&ranked), ..Exposure::certain(recommend.model.as_str()) };
            return self.wrap(&ranked, exposure, &rules, left_out);
        }
        let draw = Draw::new(self.facts.context.exploration, self.candidates.default_strategy(), slot);
        let mut chosen = self.best(draw.strategy, k, &rules, &mut left_out);
        if !chosen.is_full() {
            let more = self.best(RankingStrategy::Named(Model::Auto), k, &rules, &mut left_out);
            more.unpinned().for_each(|slot_item| chosen.add(slot_item));
        }
        self.fill(&rules, &mut chosen);
        let mut ranked = chosen.in_order();
        let newest = || self.newest(&rules);
        let exposure = draw.finish(newest, |item| self.is_preferred(item), &rules, &mut ranked);
        self.wrap(&ranked, exposure, &rules, left_out)
    }

    /// The best items by one strategy, diversified, pinned ones in their positions.
    fn best<'r>(
        &mut self,
        strategy: RankingStrategy,
        k: usize,
        rules: &'r SlotRules<'a>,
        left_out: &mut Vec<ExcludedItem>,
    ) -> Chosen<'a, 'r> {
        let known = self.gathered.iter().position(|(known, _)| *known == strategy);
        let gathered = known.unwrap_or_else(|| {
            self.gathered.push((strategy, self.candidates.gather(strategy)));
            self.gathered.len() - 1
        });
        let mut order = self.rank_order(rules, &self.gathered[gathered].1);
        // An item's page shows similar items; elsewhere a slot of one category looks broken.
        let diversified = !matches!(strategy, RankingStrategy::Named(model) if model != Model::Auto)
            && self.facts.context.item.is_empty();
        let mut chosen = Chosen::new(k, if diversified { k.div_ceil(2) } else { k }, rules, self.pins(rules, k));
        while !chosen.is_full()
            && let Some(candidate) = order.next()
        {
            let Some((number, item)) = self.candidates.listed(candidate.key) else { continue };
            match self.exclusion(rules, &chosen, number, item) {
                None => chosen.offer(SlotItem { number, item, candidate }),
                Some(reason) if self.facts.context.explain => note_left_out(left_out, item, || reason.description()),
                Some(_) => {}
            }
        }
        chosen.add_set_aside();
        if self.facts.context.explain {
            self.note_next(&chosen, &mut order, left_out);
        }
        chosen
    }

    /// Adds the next-ranked items to the explanation.
    fn note_next(&self, chosen: &Chosen<'a, '_>, order: &mut RankOrder<'_>, left_out: &mut Vec<ExcludedItem>) {
        let next = order.filter_map(|candidate| {
            let (number, item) = self.candidates.listed(candidate.key)?;
            (!chosen.contains(number)).then_some((item, candidate.score))
        });
        for (item, score) in next.take(NEXT_MAX) {
            note_left_out(left_out, item, || format!("ranked lower, with a score of {score:.3}"));
        }
    }

    /// Candidates in rank order, after the rules that change scores.
    fn rank_order<'c>(&self, rules: &SlotRules<'a>, candidates: &'c [Candidate]) -> RankOrder<'c> {
        if rules.plan.keeps_model_scores() {
            return RankOrder::new(candidates);
        }
        let adjusted = candidates.iter().map(|candidate| match self.candidates.listed(candidate.key) {
            Some((number, item)) => {
                Candidate { score: rules.adjusted_score(number, item, candidate.score), ..*candidate }
            }
            None => *candidate,
        });
        adjusted.collect()
    }

    fn exclusion(
        &self,
        rules: &SlotRules<'a>,
        chosen: &Chosen<'_, '_>,
        number: ItemNumber,
        item: &Item,
    ) -> Option<ExclusionReason<'a>> {
        rules
            .exclusion(number, item, &self.used)
            .or_else(|| rules.is_fatigued(number).then_some(ExclusionReason::Fatigue))
            .or_else(|| chosen.has_enough_like(item).then_some(ExclusionReason::Diversity))
    }

    /// The pins of the slot that may be shown, by position from 0.
    fn pins(&self, rules: &SlotRules<'a>, k: usize) -> Vec<(usize, SlotItem<'a>)> {
        let items = &self.facts.snapshot.items;
        let pins = rules.plan.pins.iter().filter_map(|pin| {
            let position = (pin.position as usize).checked_sub(1).filter(|position| *position < k)?;
            let number = items.number(&pin.item)?;
            let item = items.at(number)?;
            let key = Key::Listed(number);
            let pinned =
                SlotItem { number, item, candidate: Candidate { key, score: 0.0, evidence: Evidence::Pinned } };
            rules.exclusion(number, item, &self.used).is_none().then_some((position, pinned))
        });
        pins.collect()
    }

    /// Fills the rest with the newest items; if the slot has filters, with the most popular of them.
    fn fill(&self, rules: &SlotRules<'a>, chosen: &mut Chosen<'a, '_>) {
        if chosen.is_full() {
            return;
        }
        if rules.plan.gates.is_empty() {
            let mut newest = self.newest(rules);
            while !chosen.is_full()
                && let Some(slot_item) = newest.next()
            {
                chosen.add(slot_item);
            }
            return;
        }
        let index = self.candidates.index;
        let popularity =
            |slot_item: &SlotItem<'_>| index.number(&slot_item.item.id).map_or(0.0, |number| index.popularity(number));
        let mut passing: Vec<(f32, SlotItem<'a>)> =
            self.newest(rules).map(|slot_item| (popularity(&slot_item), slot_item)).collect();
        passing.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (popularity, mut slot_item) in passing {
            if popularity > 0.0 {
                slot_item.candidate.evidence = Evidence::Popular;
            }
            chosen.add(slot_item);
        }
    }

    /// The allowed items of the catalogue, newest first.
    fn newest(&self, rules: &SlotRules<'a>) -> impl Iterator<Item = SlotItem<'a>> {
        let all = if rules.plan.gates.is_empty() { self.facts.snapshot.items.newest() } else { &*rules.plan.fill };
        all.iter().take(FILL_SCAN_MAX).filter_map(|number| {
            let key = Key::Listed(*number);
            let (number, item) = self.candidates.listed(key)?;
            let is_allowed = rules.exclusion(number, item, &self.used).is_none() && !rules.is_fatigued(number);
            let candidate = Candidate { key, score: 0.0, evidence: Evidence::New };
            is_allowed.then_some(SlotItem { number, item, candidate })
        })
    }

    /// Whether the item's main category is one of those recommended from.
    fn is_preferred(&self, item: &Item) -> bool {
        self.candidates.categories.iter().any(|(category, _)| *category == item.main_category())
    }

    fn wrap(
        &self,
        placed: &[SlotItem<'a>],
        exposure: Exposure,
        rules: &SlotRules<'a>,
        left_out: Vec<ExcludedItem>,
    ) -> Option<Picked> {
        if placed.is_empty() {
            return None;
        }
        // Everything that depends on this visitor or this page.
        let personal = |why: RankedBy| !matches!(why, RankedBy::Trending | RankedBy::New | RankedBy::Pinned);
        let ranked = |SlotItem { number, candidate, .. }: &SlotItem<'_>| RankedItem {
            number: *number,
            score: candidate.score,
            why: candidate.evidence.why(),
        };
        let items: Vec<RankedItem> = placed.iter().map(ranked).collect();
        let reason =
            if items.iter().any(|item| personal(item.why)) { Reason::Recommendation } else { Reason::Fallback };
        if !self.facts.context.explain {
            return Some(Picked { items, exposure, reason, explanation: Vec::new(), slot_explanation: None });
        }
        let whys: Vec<ItemReason> = placed.iter().map(|slot_item| self.why(slot_item, rules)).collect();
        let explanation = placed
            .iter()
            .zip(&whys)
            .map(|(slot_item, why)| format!("`{}`: {}", slot_item.item.id, why.evidence))
            .collect();
        let slot_explanation = Some(Box::new(SlotExplanation { items: whys, left_out }));
        Some(Picked { items, exposure, reason, explanation, slot_explanation })
    }

    fn why(&self, placed: &SlotItem<'_>, rules: &SlotRules<'_>) -> ItemReason {
        let SlotItem { number, item, candidate } = *placed;
        let mut gathered = self.gathered.iter().flat_map(|(_, candidates)| &**candidates);
        let model_score = gathered.find(|other| other.key == candidate.key).map_or(0.0, |other| other.score);
        let rules = match candidate.evidence {
            Evidence::Pinned => vec!["pin: placed here by the marketer".to_owned()],
            _ => rules.score_changes(number, item),
        };
        ItemReason { evidence: self.evidence(&candidate), model_score, rules }
    }

    /// The evidence for an item, with names instead of numbers.
    fn evidence(&self, candidate: &Candidate) -> model::Evidence {
        let seed = |number| self.candidates.index.id(number).cloned().unwrap_or_default();
        match candidate.evidence {
            Evidence::Together { seed: number, support } => {
                model::Evidence::ViewedTogether { item: seed(number), visitors: support }
            }
            Evidence::Visits { visits } => model::Evidence::SimilarVisits { visits },
            Evidence::TwoHop => model::Evidence::TwoSteps,
            Evidence::Category { rank } => {
                let category = self.candidates.categories.get(rank).map_or("", |(category, _)| category);
                model::Evidence::LikedCategory { category: category.to_owned() }
            }
            Evidence::Popular => model::Evidence::Popular,
            Evidence::Seen => model::Evidence::Seen,
            Evidence::New => model::Evidence::New,
            Evidence::Pinned => model::Evidence::Pinned,
            Evidence::BoughtTogether { seed: number, support } => {
                model::Evidence::BoughtTogether { item: seed(number), orders: support }
            }
            Evidence::BoughtAfter { seed: number, support } => {
                model::Evidence::BoughtAfter { item: seed(number), orders: support }
            }
            Evidence::UpSell => model::Evidence::HigherPriced,
            Evidence::Similar => model::Evidence::SimilarContent,
        }
    }
}

/// Adds an excluded item to the explanation, once.
fn note_left_out(left_out: &mut Vec<ExcludedItem>, item: &Item, reason: impl Fn() -> String) {
    if left_out.len() < LEFT_OUT_MAX && left_out.iter().all(|known| known.id != item.id) {
        left_out.push(ExcludedItem { id: item.id.clone(), because: reason() });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{
        Context, Index,
        fixture::{self, ids},
        run,
    };
    use crate::model::{Decision, Profile, RankedBy, Reason, SiteId, VisitorId};

    fn decide(
        profile: &Profile,
        index: &Index,
        context: &Context<'_>,
        offers: &[Value],
        slot: &str,
    ) -> Option<Decision> {
        run(profile, &fixture::snapshot(offers), index, context, &[slot]).pop()
    }

    #[test]
    fn a_new_visitor_of_a_new_shop_sees_the_newest_items() {
        let anonymous = Profile::empty(SiteId(1), VisitorId(1));
        let decision = decide(&anonymous, &Index::default(), &fixture::context(), &[], "home-recs").unwrap();
        assert_eq!(decision.reason, Reason::Fallback);
        assert_eq!(decision.items.len(), 8);
        assert!(decision.items.iter().all(|item| item.why == RankedBy::New));
        assert_eq!(decision.content["title"], "Popular now");
        assert!(decide(&anonymous, &Index::default(), &fixture::context(), &[], "home-hero").is_none());
    }

    #[test]
    fn a_page_about_an_item_shows_what_was_viewed_together_with_it() {
        let anonymous = Profile::empty(SiteId(1), VisitorId(1));
        let context = Context { item: "coffee-1", explain: true, ..fixture::context() };
        let decision = decide(&anonymous, &fixture::index(), &context, &[], "product-recs").unwrap();
        assert_eq!(ids(&decision)[..2], ["coffee-2", "tea-1"]);
        assert_eq!((decision.reason, decision.items[0].why), (Reason::Recommendation, RankedBy::ViewedTogether));
        assert_eq!(decision.explanation[0], "`coffee-2`: viewed together with `coffee-1` by 14 visitors");
        assert!(!ids(&decision).contains(&"coffee-1"));
    }

    #[test]
    fn items_in_the_cart_bought_unavailable_or_unknown_are_not_recommended() {
        let decision = decide(&fixture::regular(), &fixture::index(), &fixture::context(), &[], "home-recs").unwrap();
        let shown = ids(&decision);
        for id in ["coffee-3", "kitchen-1", "gone-1", "not-in-the-catalogue"] {
            assert!(!shown.contains(&id), "{id} in {shown:?}");
        }
        assert_eq!(decision.reason, Reason::Recommendation);
    }

    #[test]
    fn a_general_slot_gives_no_category_more_than_half() {
        let decision = decide(&fixture::regular(), &fixture::index(), &fixture::context(), &[], "home-recs").unwrap();
        let coffees = ids(&decision).iter().filter(|id| id.starts_with("coffee")).count();
        assert!((1..=4).contains(&coffees), "{:?}", ids(&decision));
        assert_eq!(decision.items.len(), 8);
    }

    #[test]
    fn an_offer_shows_items_and_is_skipped_if_it_has_none() {
        let offers = [
            json!({"id": "seen", "slot": "hero", "priority": 2,
                   "content": {"recommend": "recently_viewed", "k": 2, "title": "Again?"}}),
            json!({"id": "hot", "slot": "hero", "priority": 1, "content": {"recommend": "trending", "k": 3}}),
        ];
        let decision = decide(&fixture::regular(), &fixture::index(), &fixture::context(), &offers, "hero").unwrap();
        assert_eq!((decision.offer.as_deref(), ids(&decision)), (Some("seen"), vec!["coffee-1", "tea-1"]));
        assert_eq!(Value::Object(decision.content), json!({"title": "Again?"}));
        assert_eq!(decision.reason, Reason::Recommendation);

        let anonymous = Profile::empty(SiteId(1), VisitorId(1));
        let decision = decide(&anonymous, &fixture::index(), &fixture::context(), &offers, "hero").unwrap();
        assert_eq!((decision.offer.as_deref(), decision.reason), (Some("hot"), Reason::Fallback));
        assert_eq!(decision.items.len(), 3);
    }

    #[test]
    fn settings_limit_slots_and_items() {
        let mut context = fixture::context();
        context.settings.items_max = 3;
        context.settings.slots_max = 2;
        let slots = ["a-recs", "b-recs", "c-recs"];
        let decisions = run(&fixture::regular(), &fixture::snapshot(&[]), &fixture::index(), &context, &slots);
        assert_eq!(decisions.iter().map(|d| d.items.len()).collect::<Vec<_>>(), [3, 3]);
        assert_eq!(decisions[0].items, decisions[1].items);
    }
}
