//! Variants of an experiment compared by the mean of a figure of each person.
//!
//! The relative lift of a mean over the control's, with its variance by the delta method (Deng, Knoblich, Lu 2018), a
//! sequential interval ([`super::sequential`]), and the Bayesian view with a flat prior. CUPED (Deng, Xu, Kohavi, Walker
//! 2013, "Improving the sensitivity of online controlled experiments by utilizing pre-experiment data") subtracts what the
//! same figure before the first exposure explains.

use statrs::distribution::{Beta, Continuous, ContinuousCDF, Normal};

use super::{ratio::Interval, sequential};

/// People of each variant below which nothing is estimated.
pub const PEOPLE_MIN: u64 = 100;
/// People of the control with a figure other than 0 below which nothing is estimated.
pub const ACTIVE_MIN: u64 = 25;
/// Standard errors that the control's mean must be away from 0: the delta method needs a stable denominator.
const DENOMINATOR_MIN: f64 = 3.0;

/// Sums over the people of a variant: of the figure `y`, of the same figure before the first exposure `x`, and of their
/// products.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct VariantMoments {
    /// People.
    pub people: u64,
    /// People whose `y` is not 0.
    pub active: u64,
    /// Sum of `y`.
    pub y: f64,
    /// Sum of squares of `y`.
    pub yy: f64,
    /// Sum of `x`.
    pub x: f64,
    /// Sum of squares of `x`.
    pub xx: f64,
    /// Sum of products.
    pub xy: f64,
}

/// An estimated mean.
#[derive(Debug, Clone, Copy)]
struct Mean {
    value: f64,
    /// Variance of the mean itself.
    variance: f64,
}

/// A variant against the control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lift {
    /// Relative difference of the means, and its 95% interval.
    pub interval: Interval,
    /// Its standard error.
    pub standard_error: f64,
    /// A p-value that may be looked at every day.
    pub p: f64,
}

/// The Bayesian view of a variant against the control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bayesian {
    /// Probability that the variant is better.
    pub chance_to_win: f64,
    /// Mean relative loss if the variant is chosen and is worse.
    pub expected_loss: f64,
}

impl VariantMoments {
    /// Adds a person.
    pub fn add(&mut self, y: f64, x: f64) {
        self.people += 1;
        self.active += u64::from(y != 0.0);
        self.y += y;
        self.yy += y * y;
        self.x += x;
        self.xx += x * x;
        self.xy += x * y;
    }

    /// Mean of `y`; `None` without people.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.people > 0).then(|| self.y / self.people as f64)
    }

    /// Variance of a person's `y` over the squared mean; `None` if it cannot be estimated.
    #[must_use]
    pub fn relative_variance(&self) -> Option<f64> {
        let mean = self.mean().filter(|mean| *mean != 0.0 && self.people >= 2)?;
        Some(self.covariance(self.y, self.y, self.yy) / (mean * mean)).filter(|variance| variance.is_finite())
    }

    /// Sample covariance of two figures with these sums.
    fn covariance(&self, a: f64, b: f64, products: f64) -> f64 {
        let people = self.people as f64;
        (products - a * b / people) / (people - 1.0)
    }

    fn plain(&self) -> Mean {
        let people = self.people as f64;
        Mean { value: self.y / people, variance: self.covariance(self.y, self.y, self.yy).max(0.0) / people }
    }

    /// The mean without what `x` explains: `y − θ (x − overall)`.
    fn adjusted(&self, theta: f64, overall: f64) -> Mean {
        let people = self.people as f64;
        let variance = self.covariance(self.y, self.y, self.yy)
            + theta * theta * self.covariance(self.x, self.x, self.xx)
            - 2.0 * theta * self.covariance(self.x, self.y, self.xy);
        Mean { value: self.y / people - theta * (self.x / people - overall), variance: variance.max(0.0) / people }
    }
}

/// The relative lift of a variant over the control; `None` while there is too little to estimate it.
#[must_use]
pub fn lift(control: &VariantMoments, variant: &VariantMoments) -> Option<Lift> {
    if !is_enough(control, variant) {
        return None;
    }
    compare(control.plain(), variant.plain(), people(control, variant))
}

/// The same with CUPED, and the share of the variance that it removes; `None` if the time before explains nothing.
#[must_use]
pub fn adjusted_lift(control: &VariantMoments, variant: &VariantMoments) -> Option<(Lift, f64)> {
    if !is_enough(control, variant) {
        return None;
    }
    let both = [control, variant];
    let weighted = |of: &dyn Fn(&VariantMoments) -> f64| -> f64 {
        both.iter().map(|arm| of(arm) * (arm.people as f64 - 1.0)).sum()
    };
    let explained = weighted(&|arm| arm.covariance(arm.x, arm.y, arm.xy));
    let spread = weighted(&|arm| arm.covariance(arm.x, arm.x, arm.xx));
    if spread <= 0.0 || explained == 0.0 {
        return None;
    }
    let theta = explained / spread;
    let overall = (control.x + variant.x) / people(control, variant);
    let plain = control.plain().variance + variant.plain().variance;
    let (control, variant, people) =
        (control.adjusted(theta, overall), variant.adjusted(theta, overall), people(control, variant));
    let removed = 1.0 - (control.variance + variant.variance) / plain;
    let lift = compare(control, variant, people)?;
    (removed > 0.0).then_some((lift, removed))
}

fn people(control: &VariantMoments, variant: &VariantMoments) -> f64 {
    (control.people + variant.people) as f64
}

fn is_enough(control: &VariantMoments, variant: &VariantMoments) -> bool {
    control.people >= PEOPLE_MIN && variant.people >= PEOPLE_MIN && control.active >= ACTIVE_MIN
}

fn compare(control: Mean, variant: Mean, people: f64) -> Option<Lift> {
    let base = control.value;
    let is_stable = base.abs() > DENOMINATOR_MIN * control.variance.sqrt();
    let is_constant = control.variance + variant.variance <= 0.0;
    if !is_stable || base == 0.0 || is_constant {
        return None;
    }
    let value = (variant.value - base) / base.abs();
    let ratio = variant.value / base;
    let standard_error = (variant.variance + ratio * ratio * control.variance).sqrt() / base.abs();
    let interval = sequential::interval(value, standard_error, people);
    let p = sequential::p_value(value, standard_error, people);
    Some(Lift { interval, standard_error, p })
}

impl Lift {
    /// With a normal posterior of the lift.
    #[must_use]
    pub fn bayesian(&self, lower_is_better: bool) -> Bayesian {
        let gain = if lower_is_better { -self.interval.value } else { self.interval.value };
        let error = self.standard_error.max(f64::MIN_POSITIVE);
        let (z, normal) = (gain / error, Normal::standard());
        let expected_loss = (error * normal.pdf(z) - gain * normal.cdf(-z)).max(0.0);
        Bayesian { chance_to_win: normal.cdf(z), expected_loss }
    }
}

/// Steps of the numeric integration.
const STEPS: u32 = 1000;

/// Of rates of conversion: with uniform priors, beta posteriors. `None` without people.
#[must_use]
pub fn bayesian_rates(control: &VariantMoments, variant: &VariantMoments, lower_is_better: bool) -> Option<Bayesian> {
    let posterior = |arm: &VariantMoments| {
        let (converted, people) = (arm.active as f64, arm.people as f64);
        let (a, b) = (1.0 + converted, 1.0 + people - converted);
        let mean = a / (a + b);
        let deviation = (mean * (1.0 - mean) / (a + b + 1.0)).sqrt();
        Some((Beta::new(a, b).ok()?, mean, deviation))
    };
    if control.people == 0 || variant.people == 0 {
        return None;
    }
    let ((of_control, base, spread), (of_variant, mean, other)) = (posterior(control)?, posterior(variant)?);
    // `better` has the higher rate if the variant wins.
    let (better, worse) = if lower_is_better { (&of_control, &of_variant) } else { (&of_variant, &of_control) };
    let low = (base - 8.0 * spread).min(mean - 8.0 * other).max(0.0);
    let high = (base + 8.0 * spread).max(mean + 8.0 * other).min(1.0);
    let step = (high - low) / f64::from(STEPS);
    // P(better > worse) = ∫ pdf(better) cdf(worse); E max(worse − better, 0) = ∫ cdf(better) (1 − cdf(worse)). Midpoint rule.
    let (mut chance, mut loss) = (0.0, 0.0);
    for index in 0..STEPS {
        let at = low + (f64::from(index) + 0.5) * step;
        let below = worse.cdf(at);
        chance += better.pdf(at) * below * step;
        loss += better.cdf(at) * (1.0 - below) * step;
    }
    Some(Bayesian { chance_to_win: chance.clamp(0.0, 1.0), expected_loss: (loss / base).max(0.0) })
}
