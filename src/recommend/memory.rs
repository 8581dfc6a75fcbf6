//! What was tuned, as a text that outlives a restart.
//!
//! Models are named by their words, so that one that came later is simply not there. A blend that was
//! taught on other features than today's is left out: the next tuning teaches it again, and until then
//! the settings found are still good.

use serde::{Deserialize, Serialize};

use super::{
    Mlp, Settings, Tuned,
    features::{self, FEATURES},
    measure::Quality,
    mlp::HIDDEN,
    model::{Model, Returns},
};

#[derive(Serialize, Deserialize)]
struct Written {
    /// [`features::VERSION`] of the blend.
    features: u32,
    winner: String,
    settings: Settings,
    net: Option<Mlp>,
    models: Vec<Judged>,
}

#[derive(Serialize, Deserialize)]
struct Judged {
    model: String,
    returns: String,
    #[serde(flatten)]
    quality: Quality,
}

impl Tuned {
    /// Everything found, as JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        let models = Model::WORDS.iter().map(|(word, model)| Judged {
            model: (*word).to_owned(),
            returns: self.returns[model.place()].as_str().to_owned(),
            quality: self.trial[model.place()],
        });
        let written = Written {
            features: features::VERSION,
            winner: self.winner.as_str().to_owned(),
            settings: self.settings,
            net: self.net.clone(),
            models: models.collect(),
        };
        // Numbers, texts and lists of them: there is nothing that JSON could not say.
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// What [`Tuned::to_text`] wrote; `None` where it is something else.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let written: Written = serde_json::from_str(text).ok()?;
        let mut tuned = Self { settings: written.settings, ..Self::default() };
        for judged in written.models {
            let Some(model) = Model::parse(&judged.model) else { continue };
            tuned.trial[model.place()] = judged.quality;
            if let Some(returns) = Returns::ALL.into_iter().find(|returns| returns.as_str() == judged.returns) {
                tuned.returns[model.place()] = returns;
            }
        }
        tuned.net = written.net.filter(|net| written.features == features::VERSION && fits(net));
        tuned.winner = Model::parse(&written.winner).unwrap_or(Model::Blend);
        Some(tuned)
    }
}

fn fits(net: &Mlp) -> bool {
    let parts = [&net.mean, &net.scale, &net.inner, &net.inner_bias, &net.outer, &net.direct];
    let lengths = [FEATURES, FEATURES, FEATURES * HIDDEN, HIDDEN, HIDDEN, FEATURES];
    parts.iter().zip(lengths).all(|(part, length)| part.len() == length && part.iter().all(|w| w.is_finite()))
}

/// A length of time that may be endless, which JSON has no number for.
pub(super) mod endless {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
    pub fn serialize<S: Serializer>(seconds: &f32, to: S) -> Result<S::Ok, S::Error> {
        seconds.is_finite().then_some(*seconds).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
        Ok(Option::<f32>::deserialize(from)?.unwrap_or(f32::INFINITY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(weight: f32) -> Mlp {
        let of = |length: usize| vec![weight; length];
        Mlp {
            mean: of(FEATURES),
            scale: of(FEATURES),
            inner: of(FEATURES * HIDDEN),
            inner_bias: of(HIDDEN),
            outer: of(HIDDEN),
            direct: of(FEATURES),
        }
    }

    fn found() -> Tuned {
        let mut tuned = Tuned { net: Some(net(0.1)), winner: Model::TwoHop, ..Tuned::default() };
        tuned.settings.visit_half_life_s = f32::INFINITY;
        tuned.settings.rule_half_life_s = f32::INFINITY;
        tuned.returns[Model::NextClick.place()] = Returns::DropSeen;
        tuned.trial[Model::NextClick.place()] = Quality { predictions: 9, hit_rate: 0.123, ..Quality::default() };
        tuned
    }

    #[test]
    fn what_was_found_comes_back_whole() {
        let (before, after) = (found(), Tuned::from_text(&found().to_text()).unwrap());
        assert_eq!((after.settings, after.net, after.winner), (before.settings, before.net, before.winner));
        assert_eq!((after.returns, after.trial), (before.returns, before.trial));
    }

    #[test]
    fn what_does_not_fit_today_is_left_out_and_nonsense_is_nothing() {
        let check = |text: String, has_net: Option<bool>| {
            assert_eq!(Tuned::from_text(&text).map(|tuned| tuned.net.is_some()), has_net, "{text:.60}");
        };
        let text = found().to_text();
        check(text.clone(), Some(true));
        check(text.replacen("\"features\":", "\"features\":9", 1), Some(false));
        check(text.replacen("\"mean\":[0.1,", "\"mean\":[", 1), Some(false));
        check(text.replacen("walks", "magic", 2), Some(true));
        check("{}".to_owned(), None);
        check(String::new(), None);
    }
}
