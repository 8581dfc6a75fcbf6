//! What is left to chance in a recommended slot, deliberately, rarely, and with known probability.
//!
//! Two draws, independent of each other, by dice that the caller throws ([`Exploring::dice`]):
//! - by which model the slot is ranked. The usual one, or, in a share of the slots, one of the alternatives,
//!   each as likely as the others: a standing comparison, from which the effect of a change is known before
//!   the change is made.
//! - whether one place goes to an item that was hardly ever shown. Ranked by what is known it would never be,
//!   and would stay unknown. Every place that is not pinned is as likely as every other; half of the chance goes
//!   to items of categories that the visitor looks at, where there are any, and half to all.
//!
//! Nothing else depends on chance: the same dice, profile, catalogue and index give the same answer.

use super::{
    candidates::RankingStrategy,
    rank::{Known, SlotFiller},
    slot_rules::SlotRules,
};
use crate::{
    catalog::snapshot::Model,
    model::{Exposure, ItemId, exposure::Explored},
    recommend,
};

/// Among which models a share of the slots is divided, the usual one left out.
const LEARNED: [RankingStrategy; 4] = [
    RankingStrategy::Learned(recommend::Model::SessionNeighbours),
    RankingStrategy::Learned(recommend::Model::SequentialRules),
    RankingStrategy::Learned(recommend::Model::NextClick),
    RankingStrategy::Learned(recommend::Model::ViewedTogether),
];
/// The same before anything was tuned.
const UNTUNED: [RankingStrategy; 3] = [
    RankingStrategy::Named(Model::ViewedTogether),
    RankingStrategy::Named(Model::Affinity),
    RankingStrategy::Named(Model::Trending),
];
/// The newest items of the catalogue that are looked at when one is to be tried.
const NEWEST_MAX: usize = 200;

/// How often each item was seen in slots lately. `Shown::default()` has seen none.
#[derive(Debug, Default)]
pub struct Shown(std::collections::HashMap<ItemId, u64, ahash::RandomState>);

impl FromIterator<(ItemId, u64)> for Shown {
    fn from_iter<I: IntoIterator<Item = (ItemId, u64)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl Shown {
    /// Views of an item.
    #[must_use]
    pub fn views(&self, id: &str) -> u64 {
        self.0.get(id).copied().unwrap_or(0)
    }
}

/// What may be left to chance in one request.
#[derive(Debug, Clone, Copy)]
pub struct Exploring<'a> {
    /// Random bits of this visitor on this page.
    pub dice: u64,
    /// Share of slots in which one place goes to an item that is hardly known.
    pub items: f64,
    /// Share of slots that an alternative model ranks.
    pub models: f64,
    /// What was seen.
    pub shown: &'a Shown,
    /// An item seen at least this often is known.
    pub known_from: u64,
}

/// Numbers from 0 to 1 (Steele, Lea, Flood 2014: `SplitMix64`).
#[derive(Debug)]
struct Seed(u64);

impl Seed {
    /// Those of one slot.
    fn of(dice: u64, slot: &str) -> Self {
        // FNV-1a: slots of one request must differ, no more.
        Self(slot.bytes().fold(dice ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    fn throw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of so many, each as likely.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below `of`, not negative")]
    fn one(&mut self, of: usize) -> usize {
        ((self.throw() * of as f64) as usize).min(of.saturating_sub(1))
    }
}

/// The draw of one slot.
#[derive(Debug)]
pub(super) struct Draw<'a> {
    exploring: Option<Exploring<'a>>,
    dice: Seed,
    /// The model that ranks the slot.
    pub(super) arm: RankingStrategy,
    model_probability: f64,
    tries_item: bool,
}

impl<'a> Draw<'a> {
    /// Without `exploring` nothing is left to chance.
    pub(super) fn new(exploring: Option<Exploring<'a>>, usual: RankingStrategy, slot: &str) -> Self {
        let mut draw = Self {
            exploring,
            dice: Seed::of(exploring.map_or(0, |e| e.dice), slot),
            arm: usual,
            model_probability: 1.0,
            tries_item: false,
        };
        let Some(exploring) = exploring else { return draw };
        draw.tries_item = draw.dice.throw() < exploring.items;
        let all: &[RankingStrategy] = if matches!(usual, RankingStrategy::Learned(_)) { &LEARNED } else { &UNTUNED };
        let others: Vec<RankingStrategy> = all.iter().copied().filter(|arm| *arm != usual).collect();
        let models = exploring.models;
        if models > 0.0 {
            draw.model_probability = 1.0 - models;
            if draw.dice.throw() < models {
                draw.arm = others[draw.dice.one(others.len())];
                draw.model_probability = models / others.len() as f64;
            }
        }
        draw
    }

    /// Gives a place of the ranked items away where that was drawn, and tells how all came about. Pinned
    /// items keep theirs, and the rules hold for what is tried too.
    pub(super) fn finish<'s>(
        mut self,
        items: &SlotFiller<'s>,
        ruling: &SlotRules<'s>,
        ranked: &mut [Known<'s>],
    ) -> Exposure {
        let certain = Exposure::certain(self.arm.word());
        let pinned = pinned(ranked);
        let mut exposure = Exposure { model_probability: self.model_probability, pinned, ..certain };
        let open: Vec<usize> = (0..ranked.len()).filter(|place| !ranked[*place].is_pinned()).collect();
        let Some(exploring) = self.exploring.filter(|e| e.items > 0.0 && !open.is_empty()) else { return exposure };
        let hardly_known = |one: &Known<'s>| {
            exploring.shown.views(&one.item.id) < exploring.known_from
                && ranked.iter().all(|other| other.number != one.number)
                && !ruling.has_enough_like(one.item, &*ranked)
        };
        let mut untried = items.newest(ruling).take(NEWEST_MAX).filter(hardly_known).peekable();
        if untried.peek().is_none() {
            return exposure;
        }
        exposure.explore = exploring.items;
        if self.tries_item {
            let untried: Vec<Known<'s>> = untried.collect();
            let place = open[self.dice.one(open.len())];
            let (tried, probability) = self.pick(items, &untried);
            ranked[place] = tried;
            exposure.explored = u8::try_from(place + 1).ok().map(|position| Explored { position, probability });
        }
        exposure
    }

    /// One of the untried, and its probability. There is at least one.
    fn pick<'s>(&mut self, items: &SlotFiller<'s>, untried: &[Known<'s>]) -> (Known<'s>, f64) {
        let liked: Vec<usize> = (0..untried.len()).filter(|n| items.is_liked(untried[*n].item)).collect();
        let all = untried.len() as f64;
        if liked.is_empty() {
            return (untried[self.dice.one(untried.len())], 1.0 / all);
        }
        let among_liked = self.dice.throw() < 0.5;
        let chosen = if among_liked { liked[self.dice.one(liked.len())] } else { self.dice.one(untried.len()) };
        let of_liked = if liked.contains(&chosen) { 0.5 / liked.len() as f64 } else { 0.0 };
        (untried[chosen], of_liked + 0.5 / all)
    }
}

/// The places with a pin; those there can be lie within the bits.
pub(super) fn pinned(ranked: &[Known<'_>]) -> u64 {
    let places = ranked.iter().zip(0..u64::BITS).filter(|(known, _)| known.is_pinned());
    places.fold(0, |bits, (_, place)| bits | 1 << place)
}

#[cfg(test)]
mod pinned_tests;
#[cfg(test)]
mod tests;
