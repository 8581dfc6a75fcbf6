//! The delta on top of the large part: some thousand new visits next to millions.
//!
//! The large part (`Base`) is built from time to time and is immutable. New visits are kept separately in the same form,
//! and their numbers follow on. Followers and walks are recounted over old and new visits together, for the items of
//! new visits only. So results are the same as if everything had been learned at once, and adding a thousand clicks
//! costs milliseconds. A new item gets the next number.

use std::{collections::HashMap, sync::Arc};

use super::{
    base::Base,
    rules::{Counter, Followers, Rule, VISITS_MAX, WeightedVisit},
    sessions::Sessions,
    two_hop::Walker,
    types::Number,
};

/// New visits, and the recounted data of their items.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    sessions: Sessions,
    /// The new visits of an item, oldest first.
    visits: HashMap<Number, Vec<u32>, ahash::RandomState>,
    items: HashMap<Number, Arc<Recounted>, ahash::RandomState>,
}

/// Recounted data of one item.
#[derive(Debug, Default)]
struct Recounted {
    rules: Vec<Rule>,
    totals: [f32; 2],
    ends: Vec<(Number, f32)>,
}

impl Fresh {
    /// Data of items of `before` that are not in `changed` is reused.
    pub(super) fn new(base: &Base, before: &Self, sessions: Sessions, changed: &[Number]) -> Self {
        let mut visits: HashMap<Number, Vec<u32>, ahash::RandomState> = HashMap::default();
        for visit in 0..u32::try_from(sessions.len()).unwrap_or(u32::MAX) {
            for item in sessions.items(visit) {
                let of_item = visits.entry(*item).or_default();
                if of_item.last() != Some(&visit) {
                    of_item.push(visit);
                }
            }
        }
        let mut fresh = Self { sessions, visits, items: before.items.clone() };
        fresh.recount(base, changed);
        fresh
    }

    fn recount(&mut self, base: &Base, changed: &[Number]) {
        let now = base.sessions.last_ended();
        let catalogue = base.sessions.catalogue().max(self.sessions.catalogue());
        let old = u32::try_from(base.sessions.len()).unwrap_or(u32::MAX);
        let weights: HashMap<Number, f32, ahash::RandomState> = self
            .visits
            .iter()
            .map(|(item, visits)| {
                let weights = visits.iter().map(|v| base.rule_decay.weight(now, self.sessions.ended(*v)));
                (*item, base.rules.visits(*item) + weights.sum::<f32>())
            })
            .collect();
        let visit_weight = |item: Number| weights.get(&item).copied().unwrap_or_else(|| base.rules.visits(item));
        let mut counter = Counter::new(catalogue);
        for item in changed {
            let new = self.visits(*item);
            let known = base.postings.newest(*item, VISITS_MAX.saturating_sub(new.len())).iter();
            let known = known.map(|v| base.weighted_visit(*v, now));
            let new = new.iter().map(|v| WeightedVisit {
                visit: old + v,
                visitor: self.sessions.visitor(*v),
                items: self.sessions.items(*v),
                weight: base.rule_decay.weight(now, self.sessions.ended(*v)),
            });
            let mut recounted = Recounted::default();
            recounted.totals = counter.count(*item, known.chain(new), visit_weight, &mut recounted.rules);
            self.items.insert(*item, Arc::new(recounted));
        }
        let mut walker = Walker::new(catalogue);
        for item in changed {
            let mut ends = Vec::new();
            walker.walk(*item, |from| self.followers(from).unwrap_or_else(|| base.rules.followers(from)), &mut ends);
            // Not shared yet: it was created above.
            if let Some(recounted) = self.items.get_mut(item).and_then(Arc::get_mut) {
                recounted.ends = ends;
            }
        }
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The new visits of an item, oldest first.
    pub(super) fn visits(&self, item: Number) -> &[u32] {
        self.visits.get(&item).map_or(&[], Vec::as_slice)
    }

    /// The followers of an item, if they were recounted.
    pub(super) fn followers(&self, item: Number) -> Option<Followers<'_>> {
        self.items.get(&item).map(|recounted| Followers { list: &recounted.rules, totals: recounted.totals })
    }

    /// The ends of walks from an item, if they were recounted.
    pub(super) fn two_hop_ends(&self, item: Number) -> Option<&[(Number, f32)]> {
        self.items.get(&item).map(|recounted| recounted.ends.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Learned, Model, RankRequest, Scratch, Settings, Tuned};
    use super::*;

    fn sessions(from: usize, visits: &[Vec<Number>]) -> Sessions {
        let mut sessions = Sessions::empty(0);
        for (n, visit) in (from..).zip(visits) {
            let n = u32::try_from(n).unwrap();
            sessions.push(visit.iter().copied(), i64::from(n) * 60_000, n);
        }
        sessions
    }

    /// So that the origin of times does not matter.
    fn without_decay() -> Arc<Tuned> {
        let never = f32::INFINITY;
        let settings = Settings { visit_half_life_s: never, rule_half_life_s: never, ..Settings::default() };
        let settings =
            Settings { popularity_half_life_s: never, trend_half_life_s: never, rarity_power: 0.0, ..settings };
        Arc::new(Tuned { settings, ..Tuned::default() })
    }

    fn list(learned: &Learned, clicks: &[Number], model: Model) -> Vec<(f32, Number)> {
        let request = RankRequest { clicks, now: 1_000_000, k: 30, model };
        learned.rank(&request, &mut Scratch::default()).to_vec()
    }

    fn items(visits: &[Vec<Number>]) -> Vec<Number> {
        visits.iter().flatten().copied().collect()
    }

    #[test]
    fn a_new_item_is_recommended_with_the_items_of_its_visits() {
        let old: Vec<Vec<Number>> = (0..50).map(|n| vec![n % 7, (n + 1) % 7]).collect();
        let learned = Learned::new(sessions(0, &old), &without_decay());
        assert!(list(&learned, &[3], Model::SessionNeighbours).iter().all(|(_, item)| *item != 99));
        let new = vec![vec![3, 99], vec![3, 99], vec![3, 99, 5]];
        let grown = learned.grown(sessions(50, &new), &items(&new));
        for model in [Model::SessionNeighbours, Model::NextClick, Model::SequentialRules, Model::ViewedTogether] {
            assert!(list(&grown, &[3], model)[..5].iter().any(|(_, item)| *item == 99), "{model:?}");
        }
        assert_eq!(list(&grown, &[99], Model::ViewedTogether)[1].1, 3, "itself, then the other");
        assert_eq!((grown.catalogue(), learned.catalogue()), (100, 7));
        assert!(
            list(&learned, &[3], Model::SessionNeighbours).iter().all(|(_, item)| *item != 99),
            "the old one stays"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Learning in two or three steps is the same as learning at once.
        #[test]
        fn growing_equals_learning_at_once(
            old in prop::collection::vec(prop::collection::vec(0_u32..20, 1..6), 0..40),
            new in prop::collection::vec(prop::collection::vec(0_u32..25, 1..6), 1..20),
            first in 0_usize..20,
            asked in prop::collection::vec(0_usize..1000, 1..4),
        ) {
            let first = first.min(new.len());
            let all: Vec<Vec<Number>> = old.iter().chain(&new).cloned().collect();
            let whole = Learned::new(sessions(0, &all), &without_decay());
            let learned = Learned::new(sessions(0, &old), &without_decay());
            let begun = learned.grown(sessions(old.len(), &new[..first]), &items(&new[..first]));
            let grown = begun.grown(sessions(old.len(), &new), &items(&new[first..]));
            // Only items recounted in the last step are compared.
            let touched = items(&new[first..]);
            prop_assume!(!touched.is_empty());
            let clicks: Vec<Number> = asked.iter().map(|n| touched[n % touched.len()]).collect();
            for model in [Model::SessionNeighbours, Model::NextClick, Model::SequentialRules, Model::Popular, Model::Trending] {
                let (expected, found) = (list(&whole, &clicks, model), list(&grown, &clicks, model));
                prop_assert_eq!(expected.len(), found.len());
                for (score, item) in &expected {
                    let grown = found.iter().find(|(_, other)| other == item).map(|(score, _)| *score);
                    // The sums are added in another order.
                    prop_assert!(grown.is_some_and(|grown| (grown - score).abs() < 1e-4), "{:?} {:?}", model, item);
                }
            }
        }
    }
}
