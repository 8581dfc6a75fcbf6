//! Ratios of totals with confidence intervals.
//!
//! Means of clusters use the delta method (Deng, Knoblich, Lu 2018, "Applying the delta method in metric analytics"),
//! proportions the Wilson interval (1927) on the effective sample size (Kish 1965; Korn, Graubard 1998), which follows
//! from the variance between clusters. Both use Student's t for the number of clusters.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// A value and its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The estimate.
    pub value: f64,
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
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

    /// Outcome per unit of the base; with a single cluster the bounds are the value itself.
    #[must_use]
    pub fn ratio(&self) -> Option<Interval> {
        let value = self.value()?;
        let margin = t_quantile(self.clusters) * self.variance(value).sqrt();
        Some(Interval { value, low: value - margin, high: value + margin })
    }

    /// The same for a proportion: the bounds are within 0 to 1 and never degenerate.
    #[must_use]
    pub fn share(&self) -> Option<Interval> {
        let value = self.value()?.clamp(0.0, 1.0);
        let n = self.effective(value);
        let z2 = t_quantile(self.clusters).powi(2);
        let middle = (value + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let margin = (z2 * value * (1.0 - value) / n + z2 * z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
        // Rounding must not push the value outside its interval.
        Some(Interval { value, low: (middle - margin).clamp(0.0, value), high: (middle + margin).clamp(value, 1.0) })
    }

    fn value(&self) -> Option<f64> {
        (self.n > 0.0).then(|| self.y / self.n).filter(|value| value.is_finite())
    }

    /// Variance of the ratio, from the clusters.
    fn variance(&self, value: f64) -> f64 {
        let clusters = self.clusters as f64;
        if self.clusters < 2 {
            return 0.0;
        }
        let residuals = self.yy - 2.0 * value * self.ny + value * value * self.nn;
        clusters / (clusters - 1.0) * residuals.max(0.0) / (self.n * self.n)
    }

    /// Effective sample size; at most the number of views.
    fn effective(&self, value: f64) -> f64 {
        let (variance, binomial) = (self.variance(value), value * (1.0 - value));
        // Without outcomes the views of one visitor count as one.
        let at_least = (self.n * self.n / self.nn.max(f64::MIN_POSITIVE)).min(self.n);
        if variance > 0.0 && binomial > 0.0 { (binomial / variance).min(self.n).max(1.0) } else { at_least.max(1.0) }
    }
}

/// The 97.5% quantile of Student's t for this many clusters.
pub(super) fn t_quantile(clusters: u64) -> f64 {
    let freedom = clusters.saturating_sub(1).max(1) as f64;
    StudentsT::new(0.0, 1.0, freedom).map_or(1.96, |t| t.inverse_cdf(0.975))
}
