//! Exploration in recommended slots: a small share is randomized, with known probability (propensity).
//!
//! Two independent draws from the caller's seed ([`Exploration::seed`](super::Exploration::seed)):
//! - the model that ranks the slot: the default, or, in a share of the slots, one of the alternatives, uniformly. This
//!   permanent comparison allows estimating the effect of a change before it is made.
//! - whether one position goes to a rarely shown item, which would otherwise never be ranked and stay unknown. All
//!   positions that are not pinned are equally likely; half of the probability goes to items of the visitor's
//!   categories, if there are any, and half to all.
//!
//! Nothing else is random: the same seed, profile, catalogue and index give the same result.

use super::{
    slot_rules::SlotRules,
    types::{Exploration, RankingStrategy, SlotItem},
};
use crate::{
    catalog::snapshot::Model,
    model::{Exposure, Item, exposure::Explored},
    recommend,
};

/// Alternative strategies; the default one is excluded.
const LEARNED: [RankingStrategy; 4] = [
    RankingStrategy::Learned(recommend::Model::SessionNeighbours),
    RankingStrategy::Learned(recommend::Model::SequentialRules),
    RankingStrategy::Learned(recommend::Model::NextClick),
    RankingStrategy::Learned(recommend::Model::ViewedTogether),
];
/// Alternative strategies before tuning.
const UNTUNED: [RankingStrategy; 3] = [
    RankingStrategy::Named(Model::ViewedTogether),
    RankingStrategy::Named(Model::Affinity),
    RankingStrategy::Named(Model::Trending),
];
/// Newest items of the catalogue among which rarely shown ones are searched.
const NEWEST_MAX: usize = 200;

/// Pseudorandom numbers from 0 to 1 (Steele, Lea, Flood 2014: `SplitMix64`).
#[derive(Debug)]
struct Rng(u64);

impl Rng {
    /// For one slot.
    fn new(seed: u64, slot: &str) -> Self {
        // FNV-1a: only the slots of one request must differ.
        Self(slot.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// An index below `count`, uniformly.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below `count`, not negative")]
    fn below(&mut self, count: usize) -> usize {
        ((self.draw() * count as f64) as usize).min(count.saturating_sub(1))
    }
}

/// The draws of one slot.
#[derive(Debug)]
pub(super) struct Draw<'a> {
    exploration: Option<Exploration<'a>>,
    rng: Rng,
    /// The strategy that ranks the slot.
    pub(super) strategy: RankingStrategy,
    model_probability: f64,
    tries_item: bool,
}

impl<'a> Draw<'a> {
    /// Without `exploration` nothing is randomized.
    pub(super) fn new(exploration: Option<Exploration<'a>>, default: RankingStrategy, slot: &str) -> Self {
        let mut draw = Self {
            exploration,
            rng: Rng::new(exploration.map_or(0, |e| e.seed), slot),
            strategy: default,
            model_probability: 1.0,
            tries_item: false,
        };
        let Some(exploration) = exploration else { return draw };
        draw.tries_item = draw.rng.draw() < exploration.items;
        let all: &[RankingStrategy] = if matches!(default, RankingStrategy::Learned(_)) { &LEARNED } else { &UNTUNED };
        let others: Vec<RankingStrategy> = all.iter().copied().filter(|strategy| *strategy != default).collect();
        let models = exploration.models;
        if models > 0.0 {
            draw.model_probability = 1.0 - models;
            if draw.rng.draw() < models {
                draw.strategy = others[draw.rng.below(others.len())];
                draw.model_probability = models / others.len() as f64;
            }
        }
        draw
    }

    /// Replaces a ranked item by a rarely shown one if that was drawn, and returns the propensities. Pinned items stay,
    /// and the rules apply to the explored item too. `newest`: the allowed items, newest first.
    pub(super) fn finish<'s, I: Iterator<Item = SlotItem<'s>>>(
        mut self,
        newest: impl FnOnce() -> I,
        is_preferred: impl Fn(&Item) -> bool,
        rules: &SlotRules<'s>,
        ranked: &mut [SlotItem<'s>],
    ) -> Exposure {
        let certain = Exposure::certain(self.strategy.name());
        let pinned = pinned_positions(ranked);
        let mut exposure = Exposure { model_probability: self.model_probability, pinned, ..certain };
        let open: Vec<usize> = (0..ranked.len()).filter(|index| !ranked[*index].is_pinned()).collect();
        let Some(exploration) = self.exploration.filter(|e| e.items > 0.0 && !open.is_empty()) else { return exposure };
        let rarely_shown = |candidate: &SlotItem<'s>| {
            exploration.impressions.views(&candidate.item.id) < exploration.known_from
                && ranked.iter().all(|other| other.number != candidate.number)
                && !rules.has_enough_like(candidate.item, &*ranked)
        };
        let mut untried = newest().take(NEWEST_MAX).filter(rarely_shown).peekable();
        if untried.peek().is_none() {
            return exposure;
        }
        exposure.explore = exploration.items;
        if self.tries_item {
            let untried: Vec<SlotItem<'s>> = untried.collect();
            let index = open[self.rng.below(open.len())];
            let (explored, probability) = self.pick(is_preferred, &untried);
            ranked[index] = explored;
            exposure.explored = u8::try_from(index + 1).ok().map(|position| Explored { position, probability });
        }
        exposure
    }

    /// One of the untried items, of which there is at least one, and its probability.
    fn pick<'s>(&mut self, is_preferred: impl Fn(&Item) -> bool, untried: &[SlotItem<'s>]) -> (SlotItem<'s>, f64) {
        let preferred: Vec<usize> = (0..untried.len()).filter(|n| is_preferred(untried[*n].item)).collect();
        let all = untried.len() as f64;
        if preferred.is_empty() {
            return (untried[self.rng.below(untried.len())], 1.0 / all);
        }
        let from_preferred = self.rng.draw() < 0.5;
        let chosen =
            if from_preferred { preferred[self.rng.below(preferred.len())] } else { self.rng.below(untried.len()) };
        let probability_preferred = if preferred.contains(&chosen) { 0.5 / preferred.len() as f64 } else { 0.0 };
        (untried[chosen], probability_preferred + 0.5 / all)
    }
}

/// Bit mask of the pinned positions from 0; a slot has fewer positions than bits.
pub(super) fn pinned_positions(ranked: &[SlotItem<'_>]) -> u64 {
    let pinned = ranked.iter().zip(0..u64::BITS).filter(|(slot_item, _)| slot_item.is_pinned());
    pinned.fold(0, |bits, (_, position)| bits | 1 << position)
}

#[cfg(test)]
mod pinned_tests;
#[cfg(test)]
mod tests;
