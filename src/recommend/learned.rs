//! Everything learned from a site's visits.

use std::sync::Arc;

use super::{
    base::Base,
    decay::Decay,
    fresh::Fresh,
    popularity::PopularityTable,
    rules::Followers,
    sessions::{SESSION_CLICKS_MAX, Sessions},
    settings::Settings,
    tuned::Tuned,
    types::{Model, Number},
};

/// Everything learned from a site's visits, ready to rank. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Learned {
    base: Arc<Base>,
    fresh: Arc<Fresh>,
    pub(super) popularity: PopularityTable,
    pub(super) visit_decay: Decay,
    pub(super) trend_decay: Decay,
    lag_weights: Arc<[f32]>,
    rarities: Arc<[f32]>,
    length_weights: Arc<[f32]>,
    pub(super) tuned: Arc<Tuned>,
}

impl Learned {
    /// Learns from visits.
    #[must_use]
    pub fn new(sessions: Sessions, tuned: &Arc<Tuned>) -> Self {
        let base = Base::new(sessions, &tuned.settings);
        let mut learned = Self {
            fresh: Arc::default(),
            popularity: base.popularity.clone(),
            visit_decay: base.slow_decay.clone(),
            trend_decay: base.quick_decay.clone(),
            lag_weights: Arc::default(),
            rarities: Arc::default(),
            length_weights: Arc::default(),
            tuned: Arc::clone(tuned),
            base: Arc::new(base),
        };
        learned.set(tuned);
        learned
    }

    /// Empty, for a site that starts now: times count from `origin_s`, seconds since 1970.
    #[must_use]
    pub fn new_at(origin_s: i64) -> Self {
        Self::new(Sessions::empty(origin_s), &Arc::default())
    }

    /// A copy with newer visits, ordered by their ends and with the same time origin; they replace those of an earlier
    /// call. `changed`: the items of visits that are new or longer since that call.
    #[must_use]
    pub fn grown(&self, since: Sessions, changed: &[Number]) -> Self {
        let Base { sessions, slow_decay, quick_decay, .. } = &*self.base;
        let popularity = self.base.popularity.grown(&since, sessions.last_ended(), slow_decay, quick_decay);
        let fresh = Arc::new(Fresh::new(&self.base, &self.fresh, since, changed));
        Self { fresh, popularity, ..self.clone() }
    }

    /// A copy with other tuning; `None` if that requires learning again.
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

    /// Applies tuning; rules and popularity stay as they were learned.
    pub(super) fn set(&mut self, tuned: &Arc<Tuned>) {
        let settings = tuned.settings;
        self.tuned = Arc::clone(tuned);
        self.visit_decay = Decay::new(settings.visit_half_life_s);
        self.trend_decay = Decay::new(settings.trend_half_life_s);
        self.lag_weights =
            (0_u8..=255).map(|lag| (-(f32::from(lag) - 1.0).max(0.0) / settings.lag_half_life).exp2()).collect();
        self.length_weights =
            (0..=SESSION_CLICKS_MAX).map(|n| (n.max(1) as f32).powf(-settings.length_power)).collect();
        let Base { sessions, postings, .. } = &*self.base;
        let visits = sessions.len().max(1) as f32;
        let catalogue = u32::try_from(sessions.catalogue()).unwrap_or(u32::MAX);
        let rarity = |item| rarity(visits, postings.count(item), settings.rarity_power);
        self.rarities = (0..catalogue).map(rarity).collect();
    }

    /// Whether the history was long enough to tune on.
    #[must_use]
    pub fn is_tuned(&self) -> bool {
        self.tuned.net.is_some() || self.tuned.winner != Model::Blend
    }

    /// Result of tuning.
    #[must_use]
    pub fn tuned(&self) -> &Tuned {
        &self.tuned
    }

    /// The visits of the large part, without newer ones.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.base.sessions
    }

    /// Highest item number plus one.
    #[must_use]
    pub fn catalogue(&self) -> usize {
        self.base.sessions.catalogue().max(self.fresh.sessions().catalogue())
    }

    /// Items viewed in the same visits as an item: each with the cosine of both and the number of visits with both;
    /// the strongest followers only, in no particular order.
    pub fn together(&self, item: Number) -> impl Iterator<Item = (Number, f32, u32)> {
        let others = self.followers(item).list.iter().filter(move |rule| rule.target != item);
        others.map(|rule| (rule.target, rule.together, rule.support))
    }

    /// The most recent visits of an item: of the large part, then newer ones, whose numbers follow on.
    pub(super) fn visits(&self, item: Number, count: usize) -> impl Iterator<Item = u32> {
        let new = self.fresh.visits(item);
        let new = &new[new.len().saturating_sub(count)..];
        let old = self.base.postings.newest(item, count - new.len());
        let first = u32::try_from(self.base.sessions.len()).unwrap_or(u32::MAX);
        old.iter().copied().chain(new.iter().map(move |visit| first + visit))
    }

    /// The items of a visit and its end.
    #[inline]
    pub(super) fn visit(&self, visit: u32) -> (&[Number], u32) {
        let (sessions, visit) = match (visit as usize).checked_sub(self.base.sessions.len()) {
            Some(new) => (self.fresh.sessions(), new as u32),
            None => (&self.base.sessions, visit),
        };
        (sessions.items(visit), sessions.ended(visit))
    }

    pub(super) fn followers(&self, item: Number) -> Followers<'_> {
        self.fresh.followers(item).unwrap_or_else(|| self.base.rules.followers(item))
    }

    /// Items two steps away from an item.
    pub(super) fn two_hop_ends(&self, item: Number) -> &[(Number, f32)] {
        self.fresh.two_hop_ends(item).unwrap_or_else(|| self.base.two_hop.ends(item))
    }

    #[inline]
    pub(super) fn lag_weight(&self, lag: u16) -> f32 {
        self.lag_weights[(lag as usize).min(self.lag_weights.len() - 1)]
    }

    /// How rare an item is; one in newer visits only is the rarest.
    #[inline]
    pub(super) fn rarity(&self, item: Number) -> f32 {
        self.rarities.get(item as usize).copied().unwrap_or_else(|| {
            let visits = self.base.sessions.len() + self.fresh.sessions().len();
            let count = u32::try_from(self.fresh.visits(item).len()).unwrap_or(u32::MAX);
            rarity(visits as f32, count, self.tuned.settings.rarity_power)
        })
    }

    #[inline]
    pub(super) fn length_weight(&self, length: usize) -> f32 {
        self.length_weights[length.min(self.length_weights.len() - 1)]
    }
}

fn rarity(visits: f32, count: u32, power: f32) -> f32 {
    (visits / count.max(1) as f32).ln().max(0.1).powf(power)
}
