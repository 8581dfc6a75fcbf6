//! The result of tuning, and its JSON form, which is stored.
//!
//! Models are stored by name, so that one added later is simply missing. A blend trained on another version of the
//! features is dropped: the next tuning trains it again, and until then the tuned settings still apply.

use serde::{Deserialize, Serialize};

use super::{
    measure::Quality,
    mlp::{FEATURES, FEATURES_VERSION, HIDDEN, Mlp},
    settings::Settings,
    types::{Model, RepeatPolicy},
};

/// Result of tuning.
#[derive(Debug, Clone)]
pub struct Tuned {
    /// How neighbours are found and how old data decays.
    pub settings: Settings,
    /// The blend; `None` if the history is too short to train one.
    pub net: Option<Mlp>,
    /// For each model, in the order of [`Model::ALL`], whether items of the visit are recommended again.
    pub repeats: Vec<RepeatPolicy>,
    /// Quality of each model on the newest visits, in the order of [`Model::ALL`].
    pub trial: Vec<Quality>,
    /// The model that [`Model::Blend`] stands for: itself, or a single one that did better.
    pub winner: Model,
}

impl Default for Tuned {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            net: None,
            repeats: vec![RepeatPolicy::Keep; Model::ALL.len()],
            trial: vec![Quality::default(); Model::ALL.len()],
            winner: Model::Blend,
        }
    }
}

impl Tuned {
    /// Quality of the winner on the newest visits, and of the best of the others.
    #[must_use]
    pub fn margin(&self) -> (Quality, Quality) {
        let quality = |model: Model| self.trial[model.position()];
        let others = Model::ALL.iter().copied().filter(|model| *model != self.winner);
        let second = others.map(quality).max_by(|a, b| a.objective().total_cmp(&b.objective()));
        (quality(self.winner), second.unwrap_or_default())
    }

    /// As JSON, for storage.
    #[must_use]
    pub fn to_json(&self) -> String {
        let models = Model::ALL.iter().map(|model| StoredModel {
            model: model.as_str().to_owned(),
            repeats: self.repeats[model.position()].as_str().to_owned(),
            quality: self.trial[model.position()],
        });
        let stored = Stored {
            features: FEATURES_VERSION,
            winner: self.winner.as_str().to_owned(),
            settings: self.settings,
            net: self.net.clone(),
            models: models.collect(),
        };
        // Only numbers, strings and lists of them: this cannot fail.
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// Reads the output of [`Tuned::to_json`]; `None` if it is something else.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        let stored: Stored = serde_json::from_str(text).ok()?;
        let mut tuned = Self { settings: stored.settings, ..Self::default() };
        for entry in stored.models {
            let Some(model) = Model::parse(&entry.model) else { continue };
            tuned.trial[model.position()] = entry.quality;
            if let Ok(repeats) = entry.repeats.parse() {
                tuned.repeats[model.position()] = repeats;
            }
        }
        tuned.net = stored.net.filter(|net| stored.features == FEATURES_VERSION && fits(net));
        tuned.winner = Model::parse(&stored.winner).unwrap_or(Model::Blend);
        Some(tuned)
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    /// [`FEATURES_VERSION`] of the blend.
    features: u32,
    winner: String,
    settings: Settings,
    net: Option<Mlp>,
    models: Vec<StoredModel>,
}

#[derive(Serialize, Deserialize)]
struct StoredModel {
    model: String,
    #[serde(rename = "returns")]
    repeats: String,
    #[serde(flatten)]
    quality: Quality,
}

fn fits(net: &Mlp) -> bool {
    let parts = [&net.mean, &net.scale, &net.inner, &net.inner_bias, &net.outer, &net.direct];
    let lengths = [FEATURES, FEATURES, FEATURES * HIDDEN, HIDDEN, HIDDEN, FEATURES];
    parts.iter().zip(lengths).all(|(part, length)| part.len() == length && part.iter().all(|w| w.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(weight: f32) -> Mlp {
        let weights = |length: usize| vec![weight; length];
        Mlp {
            mean: weights(FEATURES),
            scale: weights(FEATURES),
            inner: weights(FEATURES * HIDDEN),
            inner_bias: weights(HIDDEN),
            outer: weights(HIDDEN),
            direct: weights(FEATURES),
        }
    }

    fn example() -> Tuned {
        let mut tuned = Tuned { net: Some(net(0.1)), winner: Model::TwoHop, ..Tuned::default() };
        tuned.settings.visit_half_life_s = f32::INFINITY;
        tuned.settings.rule_half_life_s = f32::INFINITY;
        tuned.repeats[Model::NextClick.position()] = RepeatPolicy::DropSeen;
        tuned.trial[Model::NextClick.position()] = Quality { predictions: 9, hit_rate: 0.123, ..Quality::default() };
        tuned
    }

    #[test]
    fn json_round_trips() {
        let (before, after) = (example(), Tuned::from_json(&example().to_json()).unwrap());
        assert_eq!((after.settings, after.net, after.winner), (before.settings, before.net, before.winner));
        assert_eq!((after.repeats, after.trial), (before.repeats, before.trial));
    }

    #[test]
    fn unknown_parts_are_dropped_and_invalid_json_is_none() {
        let check = |text: String, has_net: Option<bool>| {
            assert_eq!(Tuned::from_json(&text).map(|tuned| tuned.net.is_some()), has_net, "{text:.60}");
        };
        let text = example().to_json();
        check(text.clone(), Some(true));
        check(text.replacen("\"features\":", "\"features\":9", 1), Some(false));
        check(text.replacen("\"mean\":[0.1,", "\"mean\":[", 1), Some(false));
        check(text.replacen("walks", "magic", 2), Some(true));
        check("{}".to_owned(), None);
        check(String::new(), None);
    }
}
