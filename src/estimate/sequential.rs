//! Intervals that may be looked at after every observation: asymptotic confidence sequences.
//!
//! The two-sided Gaussian mixture boundary of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024, Annals of Statistics
//! 52, "Time-uniform central limit theory and asymptotic confidence sequences", theorem 2.2), written for an estimate with
//! a standard error: with n people and the mixture's variance ρ², the 1 − α interval is
//! `estimate ± se · sqrt(2 (nρ² + 1) / (nρ²) · ln(sqrt(nρ² + 1) / α))`. ρ² makes it narrowest at [`TUNED_FOR`] people
//! (their equation 10). Whenever an experiment is looked at, the chance that any interval so far missed the truth is at
//! most α.

use statrs::distribution::{ContinuousCDF, Normal};

use super::ratio::Interval;

/// The level of all intervals.
pub(super) const ALPHA: f64 = 0.05;
/// People at which the intervals are narrowest, relative to what is possible.
const TUNED_FOR: f64 = 5000.0;

/// ρ², the variance of the mixture.
fn mixture_variance() -> f64 {
    let a = -2.0 * ALPHA.ln();
    (a + a.ln() + 1.0) / TUNED_FOR
}

/// How many standard errors the interval reaches to each side.
#[must_use]
pub fn critical(people: f64) -> f64 {
    let scale = people * mixture_variance();
    (2.0 * (scale + 1.0) / scale * ((scale + 1.0).sqrt() / ALPHA).ln()).sqrt()
}

/// The interval of an estimate from so many people.
pub(super) fn interval(value: f64, standard_error: f64, people: f64) -> Interval {
    let margin = critical(people) * standard_error;
    Interval { value, low: value - margin, high: value + margin }
}

/// The smallest level at which the interval excludes 0: a p-value that may be looked at every day.
pub(super) fn p_value(value: f64, standard_error: f64, people: f64) -> f64 {
    if standard_error <= 0.0 {
        return if value == 0.0 { 1.0 } else { 0.0 };
    }
    let scale = people * mixture_variance();
    let z = value / standard_error;
    ((scale + 1.0).sqrt() * (-z * z * scale / (2.0 * (scale + 1.0))).exp()).min(1.0)
}

/// Holm's correction (1979) of several p-values, in their order: the chance that any true null hypothesis is rejected is
/// bounded by the level.
#[must_use]
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut highest = 0.0_f64;
    for (rank, index) in order.into_iter().enumerate() {
        let others = (p_values.len() - rank) as f64;
        highest = highest.max((others * p_values[index]).min(1.0));
        adjusted[index] = highest;
    }
    adjusted
}

/// People for each of two variants until a relative effect shows with a probability of 80%, given the relative variance of
/// a person's figure (variance over squared mean). `None`: it takes more than anyone has.
#[must_use]
pub fn people_needed(relative_variance: f64, effect: f64) -> Option<f64> {
    const MOST: f64 = 1e10;
    if !(relative_variance > 0.0 && effect > 0.0) {
        return None;
    }
    let shows = |people: f64| detectable(relative_variance, people) <= effect;
    if !shows(MOST) {
        return None;
    }
    let (mut low, mut high) = (1.0_f64.ln(), MOST.ln());
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if shows(middle.exp()) { high = middle } else { low = middle }
    }
    Some(high.exp().ceil())
}

/// The relative effect that shows with a probability of 80% with so many people for each of two variants.
#[must_use]
pub fn detectable(relative_variance: f64, people: f64) -> f64 {
    let power = Normal::standard().inverse_cdf(0.8);
    (critical(2.0 * people) + power) * (2.0 * relative_variance / people).sqrt()
}
