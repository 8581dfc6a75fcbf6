//! Settings of the models that differ from site to site, tuned on the site's own history.

use serde::{Deserialize, Serialize};

/// How neighbours are found and how old data decays. The blend's weights are trained separately.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Newest visits of each recent item that are searched for neighbours.
    pub visits_max: usize,
    /// Neighbours that vote.
    pub neighbours_max: usize,
    /// The weight of a click halves after this many further clicks.
    pub lag_half_life: f32,
    /// Exponent of an item's rarity in the similarity of two visits.
    pub rarity_power: f32,
    /// Exponent of a neighbour's length by which its similarity is divided.
    pub length_power: f32,
    /// The weight of a visit halves in this time, seconds; infinite: never.
    #[serde(with = "infinite_as_null")]
    pub visit_half_life_s: f32,
    /// The same for rules between items.
    #[serde(with = "infinite_as_null")]
    pub rule_half_life_s: f32,
    /// Half-life of popularity, seconds.
    #[serde(with = "infinite_as_null")]
    pub popularity_half_life_s: f32,
    /// Half-life of trends, seconds.
    #[serde(with = "infinite_as_null")]
    pub trend_half_life_s: f32,
}

/// Seconds of a day.
pub(super) const DAY_S: f32 = 86_400.0;

impl Default for Settings {
    fn default() -> Self {
        Self {
            visits_max: 250,
            neighbours_max: 200,
            lag_half_life: 1.5,
            rarity_power: 0.5,
            length_power: 0.0,
            visit_half_life_s: 14.0 * DAY_S,
            rule_half_life_s: 30.0 * DAY_S,
            popularity_half_life_s: 14.0 * DAY_S,
            trend_half_life_s: DAY_S,
        }
    }
}

/// Seconds that may be infinite, which JSON cannot express: stored as `null`.
mod infinite_as_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde requires")]
    pub fn serialize<S: Serializer>(seconds: &f32, to: S) -> Result<S::Ok, S::Error> {
        seconds.is_finite().then_some(*seconds).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
        Ok(Option::<f32>::deserialize(from)?.unwrap_or(f32::INFINITY))
    }
}
