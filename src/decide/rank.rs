//! Picks the items of a slot: the best candidates that may be shown, varied, never twice.

use std::sync::Arc;

use super::{
    candidates::{Candidate, Candidates, Evidence, Key, RankingStrategy},
    chosen::Chosen,
    eligible::Facts,
    explore::{Draw, pinned},
    rank_order::RankOrder,
    slot_rules::{ExclusionReason, SlotRules, UsedItems},
};
use crate::{
    catalog::snapshot::{ItemNumber, Model, Recommend},
    model::{Evidence as Told, Exposure, Item, LeftOut, Ranked, Reason, SlotExplanation, Why, WhyShown},
};

/// Items looked through for filling a shelf up: more than a visitor can have in cart and history.
const FILL_SCAN_MAX: usize = 5000;
/// Items that an explanation names as left out.
const LEFT_OUT_MAX: usize = 50;

/// Items that an explanation names as the next ones.
const NEXT_TOLD: usize = 5;

/// The items of one slot, and why these.
#[derive(Debug)]
pub(super) struct Picked {
    pub(super) items: Vec<Ranked>,
    pub(super) exposure: Exposure,
    pub(super) reason: Reason,
    pub(super) explanation: Vec<String>,
    pub(super) shelf: Option<Box<SlotExplanation>>,
}

/// An item on its way to a slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) number: ItemNumber,
    pub(super) item: &'a Item,
    pub(super) candidate: Candidate,
}

impl Known<'_> {
    /// Whether the marketer gave it its place.
    pub(super) fn is_pinned(&self) -> bool {
        self.candidate.evidence == Evidence::Pinned
    }
}

/// Serves all slots of one request; candidates of a model are gathered once.
#[derive(Debug)]
pub(super) struct SlotFiller<'a> {
    facts: &'a Facts<'a>,
    candidates: Candidates<'a>,
    taken: UsedItems<'a>,
    gathered: Vec<(RankingStrategy, Arc<[Candidate]>)>,
}

impl<'a> SlotFiller<'a> {
    pub(super) fn new(facts: &'a Facts<'a>, candidates: Candidates<'a>) -> Self {
        Self { facts, candidates, taken: facts.taken(), gathered: Vec::new() }
    }

    /// The items of a slot by its rules; `None` when there is nothing to show. Where no model is named, the
    /// site's usual one ranks, or what chance says.
    pub(super) fn pick(&mut self, recommend: Recommend, slot: &str) -> Option<Picked> {
        let k = recommend.k.min(self.facts.context.settings.items_max);
        if k == 0 {
            return None;
        }
        let ruling = SlotRules::new(self.facts, slot);
        let mut left_out = Vec::new();
        if recommend.model != Model::Auto {
            let mut chosen = self.best(RankingStrategy::Named(recommend.model), k, &ruling, &mut left_out);
            if recommend.model == Model::Trending {
                self.fill(&ruling, &mut chosen);
            }
            let ranked = chosen.in_order();
            let exposure = Exposure { pinned: pinned(&ranked), ..Exposure::certain(recommend.model.word()) };
            return self.wrap(&ranked, exposure, &ruling, left_out);
        }
        let draw = Draw::new(self.facts.context.exploring, self.candidates.usual(), slot);
        let mut chosen = self.best(draw.arm, k, &ruling, &mut left_out);
        if !chosen.is_full() {
            let more = self.best(RankingStrategy::Named(Model::Auto), k, &ruling, &mut left_out);
            more.unpinned().for_each(|known| chosen.take(known));
        }
        self.fill(&ruling, &mut chosen);
        let mut ranked = chosen.in_order();
        let exposure = draw.finish(self, &ruling, &mut ranked);
        self.wrap(&ranked, exposure, &ruling, left_out)
    }

    /// The best items by one model, varied, pinned ones in their places.
    fn best<'r>(
        &mut self,
        arm: RankingStrategy,
        k: usize,
        ruling: &'r SlotRules<'a>,
        left_out: &mut Vec<LeftOut>,
    ) -> Chosen<'a, 'r> {
        let known = self.gathered.iter().position(|(known, _)| *known == arm);
        let gathered = known.unwrap_or_else(|| {
            self.gathered.push((arm, self.candidates.of(arm)));
            self.gathered.len() - 1
        });
        let mut turns = self.turns(ruling, &self.gathered[gathered].1);
        // A page about one item wants more like it; elsewhere a shelf of one category looks broken.
        let varied =
            !matches!(arm, RankingStrategy::Named(model) if model != Model::Auto) && self.facts.context.item.is_empty();
        let mut chosen = Chosen::new(k, if varied { k.div_ceil(2) } else { k }, ruling, self.pins(ruling, k));
        while !chosen.is_full()
            && let Some(candidate) = turns.next()
        {
            let Some((number, item)) = self.candidates.listed(candidate.key) else { continue };
            match self.bar(ruling, &chosen, number, item) {
                None => chosen.offer(Known { number, item, candidate }),
                Some(bar) if self.facts.context.explain => tell(left_out, item, || bar.in_words()),
                Some(_) => {}
            }
        }
        chosen.take_those_set_aside();
        if self.facts.context.explain {
            self.tell_the_next(&chosen, &mut turns, left_out);
        }
        chosen
    }

    /// Notes the items that came next, for who wants to know why they are not there.
    fn tell_the_next(&self, chosen: &Chosen<'a, '_>, turns: &mut RankOrder<'_>, left_out: &mut Vec<LeftOut>) {
        let next = turns.filter_map(|candidate| {
            let (number, item) = self.candidates.listed(candidate.key)?;
            (!chosen.has(number)).then_some((item, candidate.score))
        });
        for (item, score) in next.take(NEXT_TOLD) {
            tell(left_out, item, || format!("others are ranked before it, its score is {score:.3}"));
        }
    }

    /// Candidates in their order, after the rules that move scores.
    fn turns<'c>(&self, ruling: &SlotRules<'a>, candidates: &'c [Candidate]) -> RankOrder<'c> {
        if ruling.plan.leaves_scores() {
            return RankOrder::of(candidates);
        }
        let weighed = candidates.iter().map(|candidate| match self.candidates.listed(candidate.key) {
            Some((number, item)) => Candidate { score: ruling.weigh(number, item, candidate.score), ..*candidate },
            None => *candidate,
        });
        weighed.collect()
    }

    fn bar(
        &self,
        ruling: &SlotRules<'a>,
        chosen: &Chosen<'_, '_>,
        number: ItemNumber,
        item: &Item,
    ) -> Option<ExclusionReason<'a>> {
        ruling
            .bar(number, item, &self.taken)
            .or_else(|| ruling.is_tired_of(number).then_some(ExclusionReason::Tired))
            .or_else(|| chosen.has_enough_like(item).then_some(ExclusionReason::Alike))
    }

    /// The pins of the slot that may be shown, by position from 0.
    fn pins(&self, ruling: &SlotRules<'a>, k: usize) -> Vec<(usize, Known<'a>)> {
        let items = &self.facts.snapshot.items;
        let places = ruling.plan.pins.iter().filter_map(|pin| {
            let position = (pin.position as usize).checked_sub(1).filter(|position| *position < k)?;
            let number = items.number(&pin.item)?;
            let item = items.at(number)?;
            let key = Key::Listed(number);
            let placed = Known { number, item, candidate: Candidate { key, score: 0.0, evidence: Evidence::Pinned } };
            ruling.bar(number, item, &self.taken).is_none().then_some((position, placed))
        });
        places.collect()
    }

    /// What is left is filled with the newest; on a shelf with filters with those of them that many look at.
    fn fill(&self, ruling: &SlotRules<'a>, chosen: &mut Chosen<'a, '_>) {
        if chosen.is_full() {
            return;
        }
        if ruling.plan.gates.is_empty() {
            let mut newest = self.newest(ruling);
            while !chosen.is_full()
                && let Some(known) = newest.next()
            {
                chosen.take(known);
            }
            return;
        }
        let index = self.candidates.index;
        let popularity =
            |known: &Known<'_>| index.number(&known.item.id).map_or(0.0, |number| index.popularity(number));
        let mut passing: Vec<(f32, Known<'a>)> = self.newest(ruling).map(|known| (popularity(&known), known)).collect();
        passing.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (popularity, mut known) in passing {
            if popularity > 0.0 {
                known.candidate.evidence = Evidence::Popular;
            }
            chosen.take(known);
        }
    }

    /// The items of the catalogue that may be shown, the newest first.
    pub(super) fn newest(&self, ruling: &SlotRules<'a>) -> impl Iterator<Item = Known<'a>> {
        let all = if ruling.plan.gates.is_empty() { self.facts.snapshot.items.newest() } else { &*ruling.plan.fill };
        all.iter().take(FILL_SCAN_MAX).filter_map(|number| {
            let key = Key::Listed(*number);
            let (number, item) = self.candidates.listed(key)?;
            let free = ruling.bar(number, item, &self.taken).is_none() && !ruling.is_tired_of(number);
            let candidate = Candidate { key, score: 0.0, evidence: Evidence::New };
            free.then_some(Known { number, item, candidate })
        })
    }

    /// Whether the visitor looks at the item's main category.
    pub(super) fn is_liked(&self, item: &Item) -> bool {
        self.candidates.categories.iter().any(|(category, _)| *category == item.main_category())
    }

    fn wrap(
        &self,
        placed: &[Known<'a>],
        exposure: Exposure,
        ruling: &SlotRules<'a>,
        left_out: Vec<LeftOut>,
    ) -> Option<Picked> {
        if placed.is_empty() {
            return None;
        }
        // Everything that looks at this visitor or this page.
        let personal = |why: Why| !matches!(why, Why::Trending | Why::New | Why::Pinned);
        let ranked = |Known { number, candidate, .. }: &Known<'_>| Ranked {
            number: *number,
            score: candidate.score,
            why: candidate.evidence.why(),
        };
        let items: Vec<Ranked> = placed.iter().map(ranked).collect();
        let reason =
            if items.iter().any(|item| personal(item.why)) { Reason::Recommendation } else { Reason::Fallback };
        if !self.facts.context.explain {
            return Some(Picked { items, exposure, reason, explanation: Vec::new(), shelf: None });
        }
        let whys: Vec<WhyShown> = placed.iter().map(|one| self.why(one, ruling)).collect();
        let explanation =
            placed.iter().zip(&whys).map(|(one, why)| format!("`{}`: {}", one.item.id, why.evidence)).collect();
        let why_shelf = Some(Box::new(SlotExplanation { items: whys, left_out }));
        Some(Picked { items, exposure, reason, explanation, shelf: why_shelf })
    }

    fn why(&self, placed: &Known<'_>, ruling: &SlotRules<'_>) -> WhyShown {
        let Known { number, item, candidate } = *placed;
        let mut said = self.gathered.iter().flat_map(|(_, candidates)| &**candidates);
        let said = said.find(|other| other.key == candidate.key).map_or(0.0, |other| other.score);
        let rules = match candidate.evidence {
            Evidence::Pinned => vec!["pin: the marketer gave it this place".to_owned()],
            _ => ruling.moved_by(number, item),
        };
        WhyShown { evidence: self.told(&candidate), model_score: said, rules }
    }

    /// What speaks most for an item, by the names of what it refers to.
    fn told(&self, candidate: &Candidate) -> Told {
        let seed = |number| self.candidates.index.id(number).cloned().unwrap_or_default();
        match candidate.evidence {
            Evidence::Together { seed: one, support } => Told::ViewedTogether { item: seed(one), visitors: support },
            Evidence::Visits { visits } => Told::SimilarVisits { visits },
            Evidence::Walk => Told::TwoSteps,
            Evidence::Category { rank } => {
                let category = self.candidates.categories.get(rank).map_or("", |(category, _)| category);
                Told::LikedCategory { category: category.to_owned() }
            }
            Evidence::Popular => Told::Popular,
            Evidence::Seen => Told::Seen,
            Evidence::New => Told::New,
            Evidence::Pinned => Told::Pinned,
            Evidence::BoughtTogether { seed: one, support } => {
                Told::BoughtTogether { item: seed(one), orders: support }
            }
            Evidence::BoughtAfter { seed: one, support } => Told::BoughtAfter { item: seed(one), orders: support },
            Evidence::Dearer => Told::Dearer,
            Evidence::Alike => Told::Alike,
        }
    }
}

/// Notes what an item was left out for, once.
fn tell(left_out: &mut Vec<LeftOut>, item: &Item, because: impl Fn() -> String) {
    if left_out.len() < LEFT_OUT_MAX && left_out.iter().all(|known| known.id != item.id) {
        left_out.push(LeftOut { id: item.id.clone(), because: because() });
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
    use crate::model::{Decision, Profile, Reason, SiteId, VisitorId, Why};

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
    fn a_new_visitor_of_a_new_shop_sees_its_newest_items() {
        let nobody = Profile::empty(SiteId(1), VisitorId(1));
        let decision = decide(&nobody, &Index::default(), &fixture::context(), &[], "home-recs").unwrap();
        assert_eq!(decision.reason, Reason::Fallback);
        assert_eq!(decision.items.len(), 8);
        assert!(decision.items.iter().all(|item| item.why == Why::New));
        assert_eq!(decision.content["title"], "Popular now");
        assert!(decide(&nobody, &Index::default(), &fixture::context(), &[], "home-hero").is_none());
    }

    #[test]
    fn a_page_about_an_item_shows_what_was_viewed_together_with_it() {
        let nobody = Profile::empty(SiteId(1), VisitorId(1));
        let context = Context { item: "coffee-1", explain: true, ..fixture::context() };
        let decision = decide(&nobody, &fixture::index(), &context, &[], "product-recs").unwrap();
        assert_eq!(ids(&decision)[..2], ["coffee-2", "tea-1"]);
        assert_eq!((decision.reason, decision.items[0].why), (Reason::Recommendation, Why::ViewedTogether));
        assert_eq!(decision.explanation[0], "`coffee-2`: viewed together with `coffee-1` by 14 visitors");
        assert!(!ids(&decision).contains(&"coffee-1"));
    }

    #[test]
    fn what_is_in_the_cart_bought_gone_or_unknown_is_not_recommended() {
        let decision = decide(&fixture::regular(), &fixture::index(), &fixture::context(), &[], "home-recs").unwrap();
        let shown = ids(&decision);
        for id in ["coffee-3", "kitchen-1", "gone-1", "not-in-the-catalogue"] {
            assert!(!shown.contains(&id), "{id} in {shown:?}");
        }
        assert_eq!(decision.reason, Reason::Recommendation);
    }

    #[test]
    fn a_general_shelf_gives_no_category_more_than_half() {
        let decision = decide(&fixture::regular(), &fixture::index(), &fixture::context(), &[], "home-recs").unwrap();
        let coffees = ids(&decision).iter().filter(|id| id.starts_with("coffee")).count();
        assert!((1..=4).contains(&coffees), "{:?}", ids(&decision));
        assert_eq!(decision.items.len(), 8);
    }

    #[test]
    fn an_offer_turns_its_slot_into_items_and_steps_back_when_it_has_none() {
        let offers = [
            json!({"id": "seen", "slot": "hero", "priority": 2,
                   "content": {"recommend": "recently_viewed", "k": 2, "title": "Again?"}}),
            json!({"id": "hot", "slot": "hero", "priority": 1, "content": {"recommend": "trending", "k": 3}}),
        ];
        let decision = decide(&fixture::regular(), &fixture::index(), &fixture::context(), &offers, "hero").unwrap();
        assert_eq!((decision.offer.as_deref(), ids(&decision)), (Some("seen"), vec!["coffee-1", "tea-1"]));
        assert_eq!(Value::Object(decision.content), json!({"title": "Again?"}));
        assert_eq!(decision.reason, Reason::Recommendation);

        let nobody = Profile::empty(SiteId(1), VisitorId(1));
        let decision = decide(&nobody, &fixture::index(), &fixture::context(), &offers, "hero").unwrap();
        assert_eq!((decision.offer.as_deref(), decision.reason), (Some("hot"), Reason::Fallback));
        assert_eq!(decision.items.len(), 3);
    }

    #[test]
    fn the_owner_bounds_slots_and_items() {
        let mut context = fixture::context();
        context.settings.items_max = 3;
        context.settings.slots_max = 2;
        let slots = ["a-recs", "b-recs", "c-recs"];
        let decisions = run(&fixture::regular(), &fixture::snapshot(&[]), &fixture::index(), &context, &slots);
        assert_eq!(decisions.iter().map(|d| d.items.len()).collect::<Vec<_>>(), [3, 3]);
        assert_eq!(decisions[0].items, decisions[1].items);
    }
}
