//! Ratios of totals with their intervals.
//!
//! Means of clusters by the delta method (Deng, Knoblich, Lu 2018, "Applying the delta method in metric analytics"),
//! shares by the interval of Wilson (1927) on the effective number of views (Kish 1965; Korn, Graubard 1998): the
//! variance of clusters says how many independent views the clustered ones are worth. Both with Student's t for the
//! number of clusters.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// A value and its interval at 95%.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Sums over clusters of a base `n` (views), an outcome `y` (clicks, money), and their products.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    /// Clusters.
    pub clusters: u64,
    /// Sum of the bases.
    pub n: f64,
    /// Sum of the outcomes.
    pub y: f64,
    /// Sum of squared bases.
    pub nn: f64,
    /// Sum of squared outcomes.
    pub yy: f64,
    /// Sum of products.
    pub ny: f64,
}

impl Moments {
    /// Adds a cluster's totals.
    pub fn add(&mut self, n: f64, y: f64) {
        self.clusters += 1;
        self.n += n;
        self.y += y;
        self.nn += n * n;
        self.yy += y * y;
        self.ny += n * y;
    }

    /// The outcome for one of the base; the ends are the value itself where a single cluster cannot tell.
    #[must_use]
    pub fn ratio(&self) -> Option<Interval> {
        let value = self.value()?;
        let margin = t(self.clusters) * self.variance(value).sqrt();
        Some(Interval { value, low: value - margin, high: value + margin })
    }

    /// The same where the outcome is a share of the base: every end is from 0 to 1, and none at the value itself.
    #[must_use]
    pub fn share(&self) -> Option<Interval> {
        let value = self.value()?.clamp(0.0, 1.0);
        let n = self.effective(value);
        let z2 = t(self.clusters).powi(2);
        let middle = (value + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let margin = (z2 * value * (1.0 - value) / n + z2 * z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
        // Rounding must not push the value out of its own interval.
        Some(Interval { value, low: (middle - margin).clamp(0.0, value), high: (middle + margin).clamp(value, 1.0) })
    }

    fn value(&self) -> Option<f64> {
        (self.n > 0.0).then(|| self.y / self.n).filter(|value| value.is_finite())
    }

    /// Variance of the ratio over clusters.
    fn variance(&self, value: f64) -> f64 {
        let clusters = self.clusters as f64;
        if self.clusters < 2 {
            return 0.0;
        }
        let residuals = self.yy - 2.0 * value * self.ny + value * value * self.nn;
        clusters / (clusters - 1.0) * residuals.max(0.0) / (self.n * self.n)
    }

    /// How many independent views these are worth; never more than there are.
    fn effective(&self, value: f64) -> f64 {
        let (variance, binomial) = (self.variance(value), value * (1.0 - value));
        // Without an outcome in sight views of one visitor are taken as one.
        let at_least = (self.n * self.n / self.nn.max(f64::MIN_POSITIVE)).min(self.n);
        if variance > 0.0 && binomial > 0.0 { (binomial / variance).min(self.n).max(1.0) } else { at_least.max(1.0) }
    }
}

/// The 97.5% point of Student's t for so many clusters.
pub(super) fn t(clusters: u64) -> f64 {
    let freedom = clusters.saturating_sub(1).max(1) as f64;
    StudentsT::new(0.0, 1.0, freedom).map_or(1.96, |t| t.inverse_cdf(0.975))
}
