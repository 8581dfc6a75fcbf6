//! What came after everything else was learned: some thousand visits beside millions.
//!
//! The large part (`Base`) is built from time to time and never touched. New visits lie beside it in the
//! same form, numbered on; what an item is followed by, and where walks from it lead, is counted anew,
//! over old and new visits together, for the items that the new visits touch and for no others. So an
//! answer is made of the same numbers as if everything had been learned at once, and to take up a
//! thousand clicks costs milliseconds. An item first seen is one more number.

use std::{collections::HashMap, sync::Arc};

use super::{
    Base, Number, Sessions,
    rules::{Counted, Counter, Followers, Rule, VISITS_MAX},
    two_hop::Walker,
};

/// New visits, and everything about the items in them.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    sessions: Sessions,
    /// The new visits of an item, oldest first.
    visits: HashMap<Number, Vec<u32>, ahash::RandomState>,
    items: HashMap<Number, Arc<Renewed>, ahash::RandomState>,
}

/// An item counted anew.
#[derive(Debug, Default)]
struct Renewed {
    rules: Vec<Rule>,
    totals: [f32; 2],
    ends: Vec<(Number, f32)>,
}

impl Fresh {
    /// New visits beside a base. Items of `before` that are not in `changed` are taken over as they are.
    pub(super) fn new(base: &Base, before: &Self, sessions: Sessions, changed: &[Number]) -> Self {
        let mut visits: HashMap<Number, Vec<u32>, ahash::RandomState> = HashMap::default();
        for visit in 0..u32::try_from(sessions.len()).unwrap_or(u32::MAX) {
            for item in sessions.items(visit) {
                let of = visits.entry(*item).or_default();
                if of.last() != Some(&visit) {
                    of.push(visit);
                }
            }
        }
        let mut fresh = Self { sessions, visits, items: before.items.clone() };
        fresh.renew(base, changed);
        fresh
    }

    fn renew(&mut self, base: &Base, changed: &[Number]) {
        let now = base.sessions.last_ended();
        let catalogue = base.sessions.catalogue().max(self.sessions.catalogue());
        let old = u32::try_from(base.sessions.len()).unwrap_or(u32::MAX);
        let own: HashMap<Number, f32, ahash::RandomState> = self
            .visits
            .iter()
            .map(|(item, visits)| {
                let weights = visits.iter().map(|v| base.rule_fading.weight(now, self.sessions.ended(*v)));
                (*item, base.rules.own(*item) + weights.sum::<f32>())
            })
            .collect();
        let own = |item: Number| own.get(&item).copied().unwrap_or_else(|| base.rules.own(item));
        let mut counter = Counter::new(catalogue);
        for item in changed {
            let new = self.of(*item);
            let known = base.postings.newest(*item, VISITS_MAX.saturating_sub(new.len())).iter();
            let known = known.map(|v| base.counted(*v, now));
            let new = new.iter().map(|v| Counted {
                visit: old + v,
                visitor: self.sessions.visitor(*v),
                items: self.sessions.items(*v),
                weight: base.rule_fading.weight(now, self.sessions.ended(*v)),
            });
            let mut renewed = Renewed::default();
            renewed.totals = counter.count(*item, known.chain(new), own, &mut renewed.rules);
            self.items.insert(*item, Arc::new(renewed));
        }
        let mut walker = Walker::new(catalogue);
        for item in changed {
            let mut ends = Vec::new();
            walker.walk(*item, |from| self.followers(from).unwrap_or_else(|| base.rules.of(from)), &mut ends);
            // Nobody else has it yet: it was made a moment ago.
            if let Some(renewed) = self.items.get_mut(item).and_then(Arc::get_mut) {
                renewed.ends = ends;
            }
        }
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The new visits of an item, oldest first.
    pub(super) fn of(&self, item: Number) -> &[u32] {
        self.visits.get(&item).map_or(&[], Vec::as_slice)
    }

    /// What follows an item, if that was counted anew.
    pub(super) fn followers(&self, item: Number) -> Option<Followers<'_>> {
        self.items.get(&item).map(|renewed| Followers { list: &renewed.rules, totals: renewed.totals })
    }

    /// Where walks from an item end, if that was counted anew.
    pub(super) fn ends(&self, item: Number) -> Option<&[(Number, f32)]> {
        self.items.get(&item).map(|renewed| renewed.ends.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Ask, Learned, Model, Scratch, Settings, Tuned};
    use super::*;

    fn sessions(from: usize, visits: &[Vec<Number>]) -> Sessions {
        let mut sessions = Sessions::empty(0);
        for (n, visit) in (from..).zip(visits) {
            let n = u32::try_from(n).unwrap();
            sessions.push(visit.iter().copied(), i64::from(n) * 60_000, n);
        }
        sessions
    }

    /// Nothing fades, so that it does not matter from when on ages are told.
    fn lasting() -> Arc<Tuned> {
        let never = f32::INFINITY;
        let settings = Settings { visit_half_life_s: never, rule_half_life_s: never, ..Settings::default() };
        let settings =
            Settings { popularity_half_life_s: never, trend_half_life_s: never, rarity_power: 0.0, ..settings };
        Arc::new(Tuned { settings, ..Tuned::default() })
    }

    fn list(learned: &Learned, clicks: &[Number], model: Model) -> Vec<(f32, Number)> {
        let ask = Ask { clicks, now: 1_000_000, k: 30, model };
        learned.rank(&ask, &mut Scratch::default()).to_vec()
    }

    fn items(visits: &[Vec<Number>]) -> Vec<Number> {
        visits.iter().flatten().copied().collect()
    }

    #[test]
    fn an_item_first_seen_is_recommended_with_what_it_was_seen_with() {
        let old: Vec<Vec<Number>> = (0..50).map(|n| vec![n % 7, (n + 1) % 7]).collect();
        let learned = Learned::new(sessions(0, &old), &lasting());
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

        /// Learning in two steps, or three, is the same as learning at once.
        #[test]
        fn to_grow_is_to_learn_at_once(
            old in prop::collection::vec(prop::collection::vec(0_u32..20, 1..6), 0..40),
            new in prop::collection::vec(prop::collection::vec(0_u32..25, 1..6), 1..20),
            first in 0_usize..20,
            asked in prop::collection::vec(0_usize..1000, 1..4),
        ) {
            let first = first.min(new.len());
            let all: Vec<Vec<Number>> = old.iter().chain(&new).cloned().collect();
            let whole = Learned::new(sessions(0, &all), &lasting());
            let learned = Learned::new(sessions(0, &old), &lasting());
            let begun = learned.grown(sessions(old.len(), &new[..first]), &items(&new[..first]));
            let grown = begun.grown(sessions(old.len(), &new), &items(&new[first..]));
            // What was taken over from the first step is as new as the others it was seen with.
            let touched = items(&new[first..]);
            prop_assume!(!touched.is_empty());
            let clicks: Vec<Number> = asked.iter().map(|n| touched[n % touched.len()]).collect();
            for model in [Model::SessionNeighbours, Model::NextClick, Model::SequentialRules, Model::Popular, Model::Trending] {
                let (one, other) = (list(&whole, &clicks, model), list(&grown, &clicks, model));
                prop_assert_eq!(one.len(), other.len());
                for (score, item) in &one {
                    let grown = other.iter().find(|(_, other)| other == item).map(|(score, _)| *score);
                    // The sums are the same, their order is not.
                    prop_assert!(grown.is_some_and(|grown| (grown - score).abs() < 1e-4), "{:?} {:?}", model, item);
                }
            }
        }
    }
}
