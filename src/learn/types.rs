//! Parameters of learning, and the actions of one session. No I/O.

use crate::{
    config,
    decide::index::Number,
    model::{Action, Timestamp, time::decay},
};

/// Items of one session whose popularity is accumulated together: the last ones.
const VISIT_ITEMS_MAX: usize = 30;
/// Parameters of learning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// Half-life of popularity, milliseconds.
    pub trending_half_life_ms: f64,
    /// Inactivity that ends a session, milliseconds.
    pub session_ms: i64,
    /// Maximum number of events to learn from.
    pub events_max: usize,
}

impl Params {
    /// From the configuration.
    #[must_use]
    pub fn new(config: &config::Learn, session_minutes: u64) -> Self {
        Self {
            trending_half_life_ms: (config.trending_half_life_hours * 3_600_000.0).max(1.0),
            session_ms: i64::try_from(session_minutes).unwrap_or(i64::MAX).saturating_mul(60_000),
            events_max: config.events_max,
        }
    }

    /// Weight at `now` of an action at `at`, by exponential decay.
    #[expect(clippy::cast_possible_truncation, reason = "a factor from 0 to 1")]
    pub(super) fn trend_weight(&self, now: Timestamp, at: Timestamp) -> f32 {
        decay(now.since(at).max(0), self.trending_half_life_ms) as f32
    }
}

/// How much an action adds to an item's popularity.
const fn popularity_of(action: Action) -> f32 {
    match action {
        Action::Ordered => 5.0,
        Action::CartAdded => 3.0,
        _ => 1.0,
    }
}

/// A short hash that identifies a visitor's sessions; collisions are rare.
#[expect(clippy::cast_possible_truncation, reason = "folds 128 bits to 32")]
pub(super) const fn visitor_hash(visitor: u128) -> u32 {
    (visitor ^ (visitor >> 32) ^ (visitor >> 64) ^ (visitor >> 96)) as u32
}

/// The items of one session with the strongest action on each, in order of first appearance.
#[derive(Debug, Default)]
pub(super) struct ItemActions(Vec<(Number, f32)>);

impl ItemActions {
    /// Adds an action; returns the oldest item if it had to be removed to make room.
    pub(super) fn add(&mut self, item: Number, action: Action) -> Option<(Number, f32)> {
        let weight = popularity_of(action);
        if let Some((_, strongest)) = self.0.iter_mut().find(|(known, _)| *known == item) {
            *strongest = strongest.max(weight);
            return None;
        }
        let full = self.0.len() == VISIT_ITEMS_MAX;
        let oldest = full.then(|| self.0.remove(0));
        self.0.push((item, weight));
        oldest
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Number, f32)> {
        self.0.iter().copied()
    }
}
