//! Ranks candidates by one model or by the blend.

use super::{
    candidates::{self, Scratch},
    features,
    learned::Learned,
    rank_key::{RankKey, top_k},
    types::{Candidate, Evidence, Model, Number, RankRequest},
};

impl Learned {
    /// The best items for a visitor, best first, with scores that compare within this list only.
    pub fn rank<'s>(&self, request: &RankRequest<'_>, scratch: &'s mut Scratch) -> &'s [(f32, Number)] {
        let RankRequest { clicks, now, k, model } = *request;
        candidates::gather(self, clicks, now, scratch);
        let Scratch { found, features, scores, hidden, raw, order, .. } = scratch;
        order.clear();
        let model = if model == Model::Blend { self.tuned.winner } else { model };
        let all = (0_u32..).zip(found.iter());
        if let Some(net) = self.tuned.net.as_ref().filter(|_| model == Model::Blend) {
            let stride = features::write(self, clicks, now, found, features);
            net.standardize(features, stride);
            net.forward(features, stride, hidden, raw);
            order.extend(all.zip(raw.iter()).map(|((position, c), score)| RankKey::new(*score, c.item, position)));
        } else {
            let repeats = self.tuned.repeats[model.position()];
            // Candidates without a score of the model follow in the order of the rough estimate.
            let score = |c: &Candidate| model.score(self, c) + c.rough * 1e-6;
            let allowed = all.filter(|(_, c)| repeats.allows(c));
            order.extend(allowed.map(|(position, c)| RankKey::new(score(c), c.item, position)));
        }
        top_k(order, k);
        scores.clear();
        scores.extend(order.iter().map(|key| (key.score(), key.item())));
        scores
    }

    /// The items of the last list ranked with `scratch`, in the same order, and the evidence for each.
    pub fn evidence(scratch: &Scratch) -> impl Iterator<Item = (Number, Evidence)> {
        scratch.order.iter().map(|key| (key.item(), Evidence::new(&scratch.found[key.position()])))
    }
}

impl Model {
    /// The model's own score of a candidate; zero: none.
    pub(super) fn score(self, learned: &Learned, c: &Candidate) -> f32 {
        match self {
            Self::Blend => c.rough,
            Self::SessionNeighbours => c.near,
            Self::SequentialRules => c.after,
            Self::NextClick => c.then,
            Self::ViewedTogether => c.together,
            Self::TwoHop => c.two_hop,
            Self::Trending => learned.popularity.get(c.item).quick,
            Self::Popular => learned.popularity.get(c.item).slow,
            Self::RecentlyViewed if c.lag > 0 => 1.0 / f32::from(c.lag),
            Self::RecentlyViewed => 0.0,
        }
    }
}
