//! PURE: what a visitor looks at next, learned from everybody's visits.
//!
//! `Sessions` go in, `Learned` comes out: an inverted list of visits, rules between items, short walks
//! over them, popularity. An answer gathers some hundred candidates with what every model says of each
//! (`candidates`), and the blend (`net`) ranks them. What the blend weighs, and the settings of the
//! models, are found by `tune` on the last part of the site's own past; nothing is set by hand.
//! Nothing here waits, reads a clock or rolls dice; memory for an answer is lent by the caller.
//!
//! Example: visits `a b c`, `a b d`, `b d`; a visitor looks at `a`, then `b` → `d`, `c`, `a`.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "items and visits are numbered by u32, times are seconds of some decades, counts of one answer are small"
)]

mod candidates;
pub mod content;
mod decay;
mod dense_ids;
mod features;
mod fresh;
pub mod measure;
mod memory;
mod mlp;
mod model;
pub mod persistent_vec;
mod popularity;
mod postings;
pub mod purchases;
mod rank_key;
mod rules;
mod sessions;
mod settings;
mod simd;
mod stages;
#[cfg(test)]
mod tests;
mod train;
mod tune;
mod two_hop;

pub use candidates::Scratch;
pub use mlp::Mlp;
pub use model::{Evidence, Model, Returns};
pub use sessions::{Click, Gathered, Sessions};
pub use settings::Settings;
pub use tune::{Bounds, Tuned, tune};

use std::sync::Arc;

use self::{
    decay::Fading,
    fresh::Fresh,
    popularity::Popular,
    postings::Postings,
    rank_key::{RankKey, first},
    rules::{Counted, Followers, Rules},
    two_hop::TwoHop,
};

/// An item's place in what was learned; items are numbered from zero.
pub type Number = u32;

/// Everything learned from a site's visits, ready to answer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Learned {
    base: Arc<Base>,
    fresh: Arc<Fresh>,
    popular: Popular,
    visit_fading: Fading,
    trend_fading: Fading,
    lag_weights: Arc<[f32]>,
    rarities: Arc<[f32]>,
    length_weights: Arc<[f32]>,
    tuned: Arc<Tuned>,
}

/// The large part, which is built from time to time.
#[derive(Debug)]
struct Base {
    sessions: Sessions,
    postings: Postings,
    rules: Rules,
    walks: TwoHop,
    popular: Popular,
    rule_fading: Fading,
    slow_fading: Fading,
    quick_fading: Fading,
}

impl Base {
    fn counted(&self, visit: u32, now: u32) -> Counted<'_> {
        let weight = self.rule_fading.of(now.saturating_sub(self.sessions.ended(visit)));
        Counted { visit, visitor: self.sessions.visitor(visit), items: self.sessions.items(visit), weight }
    }
}

impl Learned {
    /// Learns from visits.
    #[must_use]
    pub fn new(sessions: Sessions, tuned: &Arc<Tuned>) -> Self {
        let settings = &tuned.settings;
        let rule_fading = Fading::new(settings.rule_half_life_s);
        let slow_fading = Fading::new(settings.popularity_half_life_s);
        let quick_fading = Fading::new(settings.trend_half_life_s);
        let postings = Postings::new(&sessions);
        let rules = Rules::new(&sessions, &postings, &rule_fading);
        let walks = TwoHop::new(&rules, sessions.catalogue());
        let popular = Popular::new(&sessions, &slow_fading, &quick_fading);
        let mut learned = Self {
            fresh: Arc::default(),
            popular: popular.clone(),
            visit_fading: slow_fading.clone(),
            trend_fading: quick_fading.clone(),
            lag_weights: Arc::default(),
            rarities: Arc::default(),
            length_weights: Arc::default(),
            tuned: Arc::clone(tuned),
            base: Arc::new(Base { sessions, postings, rules, walks, popular, rule_fading, slow_fading, quick_fading }),
        };
        learned.set(tuned);
        learned
    }

    /// Nothing yet, for a site that begins now: times are told from `origin_s`, seconds since 1970.
    #[must_use]
    pub fn new_at(origin_s: i64) -> Self {
        Self::new(Sessions::empty(origin_s), &Arc::default())
    }

    /// The same with visits that came since, in the order of their ends and told from the same origin; they
    /// replace those of an earlier call. `changed`: the items of visits that are new or longer than then.
    #[must_use]
    pub fn grown(&self, since: Sessions, changed: &[Number]) -> Self {
        let Base { sessions, slow_fading, quick_fading, .. } = &*self.base;
        let popular = self.base.popular.grown(&since, sessions.last_ended(), slow_fading, quick_fading);
        let fresh = Arc::new(Fresh::new(&self.base, &self.fresh, since, changed));
        Self { fresh, popular, ..self.clone() }
    }

    /// The same by what was tuned since, where that can be had without learning anew.
    #[must_use]
    pub fn tuned_to(&self, tuned: &Arc<Tuned>) -> Option<Self> {
        let (now, then) = (&self.tuned.settings, &tuned.settings);
        let as_learned =
            |s: &Settings| [s.rule_half_life_s, s.popularity_half_life_s, s.trend_half_life_s].map(f32::to_bits);
        if as_learned(now) != as_learned(then) {
            return None;
        }
        let mut learned = self.clone();
        learned.set(tuned);
        Some(learned)
    }

    /// Takes what was tuned; rules and popularity stay as they were learned.
    fn set(&mut self, tuned: &Arc<Tuned>) {
        let settings = tuned.settings;
        self.tuned = Arc::clone(tuned);
        self.visit_fading = Fading::new(settings.visit_half_life_s);
        self.trend_fading = Fading::new(settings.trend_half_life_s);
        self.lag_weights =
            (0_u8..=255).map(|lag| (-(f32::from(lag) - 1.0).max(0.0) / settings.lag_half_life).exp2()).collect();
        self.length_weights =
            (0..=sessions::SESSION_CLICKS_MAX).map(|n| (n.max(1) as f32).powf(-settings.length_power)).collect();
        let Base { sessions, postings, .. } = &*self.base;
        let visits = sessions.len().max(1) as f32;
        let catalogue = u32::try_from(sessions.catalogue()).unwrap_or(u32::MAX);
        let rarity = |item| rarity(visits, postings.count(item), settings.rarity_power);
        self.rarities = (0..catalogue).map(rarity).collect();
    }

    /// The best items for a visitor, best first, with scores that compare within this answer only.
    pub fn rank<'s>(&self, ask: &Ask<'_>, scratch: &'s mut Scratch) -> &'s [(f32, Number)] {
        let Ask { clicks, now, k, model } = *ask;
        candidates::gather(self, clicks, now, scratch);
        let Scratch { found, features, scores, hidden, raw, order, .. } = scratch;
        order.clear();
        let model = if model == Model::Blend { self.tuned.winner } else { model };
        let all = (0_u32..).zip(found.iter());
        if let Some(net) = self.tuned.net.as_ref().filter(|_| model == Model::Blend) {
            let stride = features::write(self, clicks, now, found, features);
            net.standardize(features, stride);
            net.forward(features, stride, hidden, raw);
            order.extend(all.zip(raw.iter()).map(|((place, c), score)| RankKey::new(*score, c.item, place)));
        } else {
            let returns = self.tuned.returns[model.place()];
            // Where the model has nothing to say, the first guess of all fills the list.
            let score = |c: &candidates::Candidate| model.score(self, c) + c.rough * 1e-6;
            let allowed = all.filter(|(_, c)| returns.allow(c));
            order.extend(allowed.map(|(place, c)| RankKey::new(score(c), c.item, place)));
        }
        first(order, k);
        scores.clear();
        scores.extend(order.iter().map(|turn| (turn.score(), turn.item())));
        scores
    }

    /// Whether there was enough of a past to find out what the blend weighs.
    #[must_use]
    pub fn is_tuned(&self) -> bool {
        self.tuned.net.is_some() || self.tuned.winner != Model::Blend
    }

    /// The items of the answer that `scratch` was lent for last, in their order, and what speaks for each.
    pub fn evidence(scratch: &Scratch) -> impl Iterator<Item = (Number, Evidence)> {
        scratch.order.iter().map(|turn| (turn.item(), Evidence::of(&scratch.found[turn.place()])))
    }

    /// What it was tuned to.
    #[must_use]
    pub fn tuned(&self) -> &Tuned {
        &self.tuned
    }

    /// The visits it was learned from, those that came since left out.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.base.sessions
    }

    /// One more than the highest number of an item.
    #[must_use]
    pub fn catalogue(&self) -> usize {
        self.base.sessions.catalogue().max(self.fresh.sessions().catalogue())
    }

    /// What is in the same visits as an item: each with the cosine of both and the visits that had them,
    /// the strongest followers only, in no particular order.
    pub fn together(&self, item: Number) -> impl Iterator<Item = (Number, f32, u32)> {
        let others = self.followers(item).list.iter().filter(move |rule| rule.target != item);
        others.map(|rule| (rule.target, rule.together, rule.support))
    }

    /// The newest visits of an item: of the large part, and those that came since, which are numbered on.
    fn visits(&self, item: Number, count: usize) -> impl Iterator<Item = u32> {
        let new = self.fresh.of(item);
        let new = &new[new.len().saturating_sub(count)..];
        let old = self.base.postings.newest(item, count - new.len());
        let first = u32::try_from(self.base.sessions.len()).unwrap_or(u32::MAX);
        old.iter().copied().chain(new.iter().map(move |visit| first + visit))
    }

    /// The items of a visit and when it ended.
    #[inline]
    fn visit(&self, visit: u32) -> (&[Number], u32) {
        let (sessions, visit) = match (visit as usize).checked_sub(self.base.sessions.len()) {
            Some(new) => (self.fresh.sessions(), new as u32),
            None => (&self.base.sessions, visit),
        };
        (sessions.items(visit), sessions.ended(visit))
    }

    fn followers(&self, item: Number) -> Followers<'_> {
        self.fresh.followers(item).unwrap_or_else(|| self.base.rules.of(item))
    }

    fn ends(&self, item: Number) -> &[(Number, f32)] {
        self.fresh.ends(item).unwrap_or_else(|| self.base.walks.of(item))
    }

    #[inline]
    fn lag_weight(&self, lag: u16) -> f32 {
        self.lag_weights[(lag as usize).min(self.lag_weights.len() - 1)]
    }

    /// How rare an item is; one that only came since is the rarest there is.
    #[inline]
    fn rarity(&self, item: Number) -> f32 {
        self.rarities.get(item as usize).copied().unwrap_or_else(|| {
            let visits = self.base.sessions.len() + self.fresh.sessions().len();
            let count = u32::try_from(self.fresh.of(item).len()).unwrap_or(u32::MAX);
            rarity(visits as f32, count, self.tuned.settings.rarity_power)
        })
    }

    #[inline]
    fn length_weight(&self, length: usize) -> f32 {
        self.length_weights[length.min(self.length_weights.len() - 1)]
    }
}

fn rarity(visits: f32, count: u32, power: f32) -> f32 {
    (visits / count.max(1) as f32).ln().max(0.1).powf(power)
}

/// What is asked of [`Learned::rank`].
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// What the visitor looked at in this visit, oldest first; unknown items may have any number from
    /// the catalogue's size on.
    pub clicks: &'a [Number],
    /// The moment, as [`Sessions::since_origin`] tells it.
    pub now: u32,
    /// Length of the list.
    pub k: usize,
    /// By which model.
    pub model: Model,
}
