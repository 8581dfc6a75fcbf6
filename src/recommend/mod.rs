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
mod fading;
mod features;
pub mod measure;
mod memory;
mod model;
mod net;
mod popularity;
mod postings;
mod rules;
mod sessions;
mod settings;
mod slots;
#[cfg(test)]
mod tests;
mod train;
mod tune;
mod walks;

pub use candidates::Scratch;
pub use model::{Evidence, Model, Returns};
pub use net::Net;
pub use sessions::{Click, Sessions};
pub use settings::Settings;
pub use tune::{Bounds, Tuned, tune};

use self::{fading::Fading, popularity::Popular, postings::Postings, rules::Rules, walks::Walks};

/// An item's place in what was learned; items are numbered from zero.
pub type Number = u32;

/// Everything learned from a site's visits, ready to answer.
#[derive(Debug)]
pub struct Learned {
    sessions: Sessions,
    postings: Postings,
    rules: Rules,
    walks: Walks,
    popular: Popular,
    visit_fading: Fading,
    trend_fading: Fading,
    lag_weights: Vec<f32>,
    rarities: Vec<f32>,
    length_weights: Vec<f32>,
    tuned: Tuned,
}

impl Learned {
    /// Learns from visits.
    #[must_use]
    pub fn new(sessions: Sessions, tuned: &Tuned) -> Self {
        let settings = &tuned.settings;
        let postings = Postings::new(&sessions);
        let rules = Rules::new(&sessions, &postings, &Fading::new(settings.rule_half_life_s));
        let walks = Walks::new(&rules, sessions.catalogue());
        let slow = Fading::new(settings.popularity_half_life_s);
        let popular = Popular::new(&sessions, &slow, &Fading::new(settings.trend_half_life_s));
        let mut learned = Self {
            sessions,
            postings,
            rules,
            walks,
            popular,
            visit_fading: slow.clone(),
            trend_fading: slow,
            lag_weights: Vec::new(),
            rarities: Vec::new(),
            length_weights: Vec::new(),
            tuned: tuned.clone(),
        };
        learned.set(tuned);
        learned
    }

    /// Takes what was tuned; rules and popularity stay as they were learned.
    fn set(&mut self, tuned: &Tuned) {
        let settings = tuned.settings;
        self.tuned.clone_from(tuned);
        self.visit_fading = Fading::new(settings.visit_half_life_s);
        self.trend_fading = Fading::new(settings.trend_half_life_s);
        self.lag_weights =
            (0_u8..=255).map(|lag| (-(f32::from(lag) - 1.0).max(0.0) / settings.lag_half_life).exp2()).collect();
        self.length_weights =
            (0..=sessions::SESSION_CLICKS_MAX).map(|n| (n.max(1) as f32).powf(-settings.length_power)).collect();
        let visits = self.sessions.len().max(1) as f32;
        let catalogue = u32::try_from(self.sessions.catalogue()).unwrap_or(u32::MAX);
        let rarity =
            |item| (visits / self.postings.count(item).max(1) as f32).ln().max(0.1).powf(settings.rarity_power);
        self.rarities = (0..catalogue).map(rarity).collect();
    }

    /// The best items for a visitor, best first, with scores that compare within this answer only.
    pub fn rank<'s>(&self, ask: &Ask<'_>, scratch: &'s mut Scratch) -> &'s [(f32, Number)] {
        let Ask { clicks, now, k, model } = *ask;
        candidates::gather(self, clicks, now, scratch);
        let Scratch { found, features, scores, hidden, raw, .. } = scratch;
        scores.clear();
        let model = if model == Model::Blend { self.tuned.winner } else { model };
        if let Some(net) = self.tuned.net.as_ref().filter(|_| model == Model::Blend) {
            let stride = features::write(self, clicks, now, found, features);
            net.standardize(features, stride);
            net.forward(features, stride, hidden, raw);
            scores.extend(raw.iter().zip(found.iter()).map(|(score, c)| (*score, c.item)));
        } else {
            let returns = self.tuned.returns[model.place()];
            // Where the model has nothing to say, the first guess of all fills the list.
            let score = |c: &candidates::Candidate| model.score(self, c) + c.rough * 1e-6;
            scores.extend(found.iter().filter(|c| returns.allow(c)).map(|c| (score(c), c.item)));
        }
        best(scores, k);
        scores
    }

    /// Whether there was enough of a past to find out what the blend weighs.
    #[must_use]
    pub fn is_tuned(&self) -> bool {
        self.tuned.net.is_some() || self.tuned.winner != Model::Blend
    }

    /// What speaks for an item of the answer that `scratch` was lent for last; `None` when it was not on it.
    #[must_use]
    pub fn evidence(item: Number, scratch: &Scratch) -> Option<Evidence> {
        scratch.found.iter().find(|c| c.item == item).map(Evidence::of)
    }

    /// What it was tuned to.
    #[must_use]
    pub fn tuned(&self) -> &Tuned {
        &self.tuned
    }

    /// The visits it was learned from.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    #[inline]
    fn lag_weight(&self, lag: u16) -> f32 {
        self.lag_weights[(lag as usize).min(self.lag_weights.len() - 1)]
    }

    #[inline]
    fn rarity(&self, item: Number) -> f32 {
        self.rarities.get(item as usize).copied().unwrap_or(0.0)
    }

    #[inline]
    fn length_weight(&self, length: usize) -> f32 {
        self.length_weights[length.min(self.length_weights.len() - 1)]
    }
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

/// Leaves the best `k`, best first; equal ones by number, so that the same input gives the same answer.
fn best(scores: &mut Vec<(f32, Number)>, k: usize) {
    let better = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1));
    if scores.len() > k {
        scores.select_nth_unstable_by(k, better);
        scores.truncate(k);
    }
    scores.sort_unstable_by(better);
}
