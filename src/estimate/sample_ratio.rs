//! Whether people are divided among variants as the weights say.
//!
//! The sequential test of multinomial counts by Lindon and Malek (2022, `NeurIPS`, "Anytime-valid inference for multinomial
//! count data"): the Bayes factor of a Dirichlet prior around the expected shares against these shares. It is a
//! martingale if the shares are right, so that (Ville's inequality) the chance that it ever exceeds 1/α is at most α,
//! however often one looks.

use statrs::function::gamma::ln_gamma;

/// Alarm level: at most one experiment in 1,000 without a cause.
pub const SAMPLE_RATIO_ALPHA: f64 = 0.001;
/// Concentration of the prior, people: most sensitive to small deviations at ten to twenty times as many.
const CONCENTRATION: f64 = 1000.0;

/// Result of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleRatio {
    /// A p-value that may be looked at every day.
    pub p: f64,
    /// Whether the division is wrong: results cannot be trusted.
    pub alarm: bool,
}

/// Tests counts of people against weights.
#[must_use]
pub fn sample_ratio(counts: &[u64], weights: &[f64]) -> SampleRatio {
    let total: f64 = weights.iter().sum();
    let people: f64 = counts.iter().map(|count| *count as f64).sum();
    if total <= 0.0 || people <= 0.0 {
        return SampleRatio { p: 1.0, alarm: false };
    }
    let mut log_factor = ln_gamma(CONCENTRATION) - ln_gamma(CONCENTRATION + people);
    for (count, weight) in counts.iter().zip(weights) {
        let (count, share) = (*count as f64, weight / total);
        if share <= 0.0 {
            if count > 0.0 {
                return SampleRatio { p: 0.0, alarm: true };
            }
            continue;
        }
        let prior = CONCENTRATION * share;
        log_factor += ln_gamma(prior + count) - ln_gamma(prior) - count * share.ln();
    }
    let p = (-log_factor).exp().min(1.0);
    SampleRatio { p, alarm: p <= SAMPLE_RATIO_ALPHA }
}
