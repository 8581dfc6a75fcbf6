//! Picks the items of a slot: the best candidates that may be shown, varied, never twice.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashSet},
};

use super::{
    candidates::{Arm, Candidate, Candidates, Evidence, Key},
    eligible::Facts,
    explore::Draw,
};
use crate::{
    catalog::snapshot::{ItemNumber, Model, Recommend},
    model::{Exposure, Item, Ranked, Reason, Why},
};

/// The items of one slot, and why these.
#[derive(Debug)]
pub(super) struct Picked {
    pub(super) items: Vec<Ranked>,
    pub(super) exposure: Exposure,
    pub(super) reason: Reason,
    pub(super) explanation: Vec<String>,
}

/// An item on its way to a slot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) number: ItemNumber,
    pub(super) item: &'a Item,
    pub(super) candidate: Candidate,
}

/// Serves all slots of one request; candidates of a model are gathered once.
#[derive(Debug)]
pub(super) struct Shelf<'a> {
    facts: &'a Facts<'a>,
    candidates: Candidates<'a>,
    excluded: HashSet<&'a str, ahash::RandomState>,
    gathered: Vec<(Arm, Vec<Candidate>)>,
}

/// A candidate in the order in which candidates have their turn.
struct Turn(Candidate);

impl Ord for Turn {
    /// Higher score first; equal ones by key, so that the same input gives the same answer.
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.score.total_cmp(&other.0.score).then_with(|| other.0.key.cmp(&self.0.key))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Turn {}

impl<'a> Shelf<'a> {
    pub(super) fn new(facts: &'a Facts<'a>, candidates: Candidates<'a>) -> Self {
        Self { facts, candidates, excluded: facts.not_to_recommend(), gathered: Vec::new() }
    }

    /// The items of a slot; `None` when there is nothing to show. Where no model is named, the site's usual one
    /// ranks, or what chance says.
    pub(super) fn pick(&mut self, recommend: Recommend, slot: &str) -> Option<Picked> {
        let k = recommend.k.min(self.facts.context.settings.items_max);
        if k == 0 {
            return None;
        }
        if recommend.model != Model::Auto {
            let mut chosen = self.best(Arm::Named(recommend.model), k);
            if recommend.model == Model::Trending {
                self.fill_with_newest(&mut chosen);
            }
            return self.wrap(&chosen.items, Exposure::certain(recommend.model.word()));
        }
        let draw = Draw::new(self.facts.context.exploring, self.candidates.usual(), slot);
        let mut chosen = self.best(draw.arm, k);
        if !chosen.is_full() {
            self.best(Arm::Named(Model::Auto), k).items.into_iter().for_each(|known| chosen.take(known));
        }
        self.fill_with_newest(&mut chosen);
        let exposure = draw.finish(self, &mut chosen.items);
        self.wrap(&chosen.items, exposure)
    }

    /// The best items by one model, varied.
    fn best(&mut self, arm: Arm, k: usize) -> Chosen<'a> {
        let known = self.gathered.iter().position(|(known, _)| *known == arm);
        let gathered = known.unwrap_or_else(|| {
            self.gathered.push((arm, self.candidates.of(arm)));
            self.gathered.len() - 1
        });
        let mut turns: BinaryHeap<Turn> = self.gathered[gathered].1.iter().copied().map(Turn).collect();
        // A page about one item wants more like it; elsewhere a shelf of one category looks broken.
        let varied = !matches!(arm, Arm::Named(model) if model != Model::Auto) && self.facts.context.item.is_empty();
        let mut chosen = Chosen::new(k, if varied { k.div_ceil(2) } else { k });
        while !chosen.is_full()
            && let Some(Turn(candidate)) = turns.pop()
        {
            if let Some((number, item)) = self.showable(candidate.key) {
                chosen.offer(Known { number, item, candidate });
            }
        }
        chosen.take_those_set_aside();
        chosen
    }

    /// The item behind a key, if it is in the catalogue, available and not excluded.
    fn showable(&self, key: Key) -> Option<(ItemNumber, &'a Item)> {
        let items = &self.facts.snapshot.items;
        let number = match key {
            Key::Learned(number) => items.number(self.candidates.index.id(number)?)?,
            Key::Listed(number) => number,
        };
        let item = items.at(number).filter(|item| item.available && !self.excluded.contains(&*item.id))?;
        Some((number, item))
    }

    fn fill_with_newest(&self, chosen: &mut Chosen<'a>) {
        if !chosen.is_full() {
            let mut newest = self.newest();
            while !chosen.is_full()
                && let Some(known) = newest.next()
            {
                chosen.take(known);
            }
        }
    }

    /// The items of the catalogue that may be shown, the newest first.
    pub(super) fn newest(&self) -> impl Iterator<Item = Known<'a>> {
        self.facts.snapshot.items.newest().iter().filter_map(|number| {
            let key = Key::Listed(*number);
            let (number, item) = self.showable(key)?;
            Some(Known { number, item, candidate: Candidate { key, score: 0.0, evidence: Evidence::New } })
        })
    }

    /// Whether the visitor looks at the item's main category.
    pub(super) fn is_liked(&self, item: &Item) -> bool {
        self.candidates.categories.iter().any(|(category, _)| *category == item.main_category())
    }

    fn wrap(&self, chosen: &[Known<'a>], exposure: Exposure) -> Option<Picked> {
        if chosen.is_empty() {
            return None;
        }
        let personal =
            |why: Why| matches!(why, Why::ViewedTogether | Why::SimilarVisits | Why::Affinity | Why::RecentlyViewed);
        let items: Vec<Ranked> = chosen
            .iter()
            .map(|Known { item, candidate, .. }| Ranked {
                id: item.id.clone(),
                score: candidate.score,
                why: candidate.evidence.why(),
            })
            .collect();
        let reason =
            if items.iter().any(|item| personal(item.why)) { Reason::Recommendation } else { Reason::Fallback };
        let explanation = if self.facts.context.explain {
            chosen.iter().map(|Known { item, candidate, .. }| self.explain(item, candidate)).collect()
        } else {
            Vec::new()
        };
        Some(Picked { items, exposure, reason, explanation })
    }

    fn explain(&self, item: &Item, candidate: &Candidate) -> String {
        let id = &item.id;
        match candidate.evidence {
            Evidence::Together { seed, support } => {
                let seed = self.candidates.index.id(seed).map_or("", |id| id);
                format!("`{id}`: viewed together with `{seed}` by {support} visitors")
            }
            Evidence::Visits { visits } => format!("`{id}`: in {visits} visits like this one"),
            Evidence::Walk => format!("`{id}`: goes together with what goes together with this visit's items"),
            Evidence::Category { rank } => {
                let category = self.candidates.categories.get(rank).map_or("", |(category, _)| category);
                format!("`{id}`: from {category}, which the visitor looks at")
            }
            Evidence::Popular => format!("`{id}`: popular now"),
            Evidence::Seen => format!("`{id}`: the visitor looked at it lately"),
            Evidence::New => format!("`{id}`: new in the catalogue"),
        }
    }
}

/// Items chosen so far, and those set aside for the sake of variety.
struct Chosen<'a> {
    k: usize,
    per_category: usize,
    items: Vec<Known<'a>>,
    aside: Vec<Known<'a>>,
}

impl<'a> Chosen<'a> {
    fn new(k: usize, per_category: usize) -> Self {
        Self { k, per_category, items: Vec::with_capacity(k), aside: Vec::new() }
    }

    fn is_full(&self) -> bool {
        self.items.len() >= self.k
    }

    /// Takes an item unless its category has its share already.
    fn offer(&mut self, known: Known<'a>) {
        let category = known.item.main_category();
        let alike = self.items.iter().filter(|other| other.item.main_category() == category).count();
        if category.is_empty() || alike < self.per_category {
            self.take(known);
        } else if self.aside.len() < self.k {
            self.aside.push(known);
        }
    }

    fn take(&mut self, known: Known<'a>) {
        if !self.is_full() && self.items.iter().all(|other| other.number != known.number) {
            self.items.push(known);
        }
    }

    fn take_those_set_aside(&mut self) {
        for known in std::mem::take(&mut self.aside) {
            self.take(known);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{Context, Index, fixture, run};
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

    fn ids(decision: &Decision) -> Vec<&str> {
        decision.items.iter().map(|item| &*item.id).collect()
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
