//! When customers order and when they stop: the BG/NBD model.
//!
//! A customer orders at random with a rate of their own (rates are gamma distributed: `r`, `alpha`), and after each
//! transaction stops for good with a probability of their own (beta distributed: `a`, `b`). Source: Fader, Hardie and Lee,
//! "Counting Your Customers the Easy Way: An Alternative to the Pareto/NBD Model", Marketing Science 24 (2005).

use std::collections::HashMap;

use super::{History, REPEAT_CUSTOMERS_MIN, optimise::minimise};
use crate::model::NotFitted;

/// Terms of the hypergeometric series.
const TERMS_MAX: u32 = 20_000;
/// Formulas with a removable singularity are evaluated this far from it.
const SINGULARITY_GAP: f64 = 1e-6;

/// The fitted parameters; time in weeks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PurchaseModel {
    /// Shape of the distribution of rates.
    pub r: f64,
    /// Its scale, weeks.
    pub alpha: f64,
    /// First parameter of the distribution of the probability of stopping.
    pub a: f64,
    /// The second.
    pub b: f64,
}

impl PurchaseModel {
    /// The parameters with the maximum likelihood.
    ///
    /// # Errors
    /// If there are too few customers with repeat transactions, or the search does not settle.
    pub fn fit(histories: &[History]) -> Result<Self, NotFitted> {
        if histories.iter().filter(|history| history.repeat_days > 0).count() < REPEAT_CUSTOMERS_MIN {
            return Err(NotFitted::TooFewRepeatCustomers);
        }
        let grouped = Grouped::new(histories);
        let negative = |parameters: &[f64; 4]| -grouped.log_likelihood(&Self::from(*parameters)) / grouped.customers;
        minimise(negative, [0.5, 5.0, 1.0, 2.0]).map(Self::from).ok_or(NotFitted::NotConverged)
    }

    /// The log-likelihood of these histories.
    #[must_use]
    pub fn log_likelihood(&self, histories: &[History]) -> f64 {
        Grouped::new(histories).log_likelihood(self)
    }

    /// The probability that the customer has not stopped. One without a repeat transaction cannot have.
    #[must_use]
    pub fn alive(&self, history: &History) -> f64 {
        if history.repeat_days == 0 {
            return 1.0;
        }
        let x = f64::from(history.repeat_days);
        let log_odds = (self.a / (self.b + x - 1.0)).ln()
            + (self.r + x) * ((self.alpha + history.age_weeks()) / (self.alpha + history.recency_weeks())).ln();
        1.0 / (1.0 + log_odds.exp())
    }

    /// Transactions expected in the following weeks; `None` if the series does not converge.
    ///
    /// Equation 10 of the paper, with Euler's transformation of the hypergeometric function, which cancels the powers of
    /// r + x that would overflow.
    #[must_use]
    pub fn expected(&self, history: &History, weeks: f64) -> Option<f64> {
        let x = f64::from(history.repeat_days);
        let a = beside(self.a, 1.0);
        let c = beside(a + self.b + x - 1.0, 0.0);
        let z = weeks / (self.alpha + history.age_weeks() + weeks);
        let series = hypergeometric(a + self.b - 1.0 - self.r, a - 1.0, c, z)?;
        let if_alive = c / (a - 1.0) * (1.0 - (1.0 - z).powf(a - 1.0) * series);
        let expected = (if_alive * self.alive(history)).max(0.0);
        expected.is_finite().then_some(expected)
    }
}

impl From<[f64; 4]> for PurchaseModel {
    fn from([r, alpha, a, b]: [f64; 4]) -> Self {
        Self { r, alpha, a, b }
    }
}

/// `value`, or if it is at `singularity` the closest value above that is far enough from it.
fn beside(value: f64, singularity: f64) -> f64 {
    if (value - singularity).abs() < SINGULARITY_GAP { singularity + SINGULARITY_GAP } else { value }
}

/// Gauss's hypergeometric function ₂F₁(a, b; c; z) for 0 ≤ z < 1 by its series.
fn hypergeometric(a: f64, b: f64, c: f64, z: f64) -> Option<f64> {
    let (mut term, mut sum) = (1.0_f64, 1.0_f64);
    for index in 0..TERMS_MAX {
        let index = f64::from(index);
        let ratio = (a + index) * (b + index) / ((c + index) * (index + 1.0)) * z;
        term *= ratio;
        sum += term;
        // Later ratios approach z, so what follows is at most about term / (1 − z).
        if term.abs() <= 1e-13 * (1.0 - z) * sum.abs() && ratio.abs() < 1.0 {
            return sum.is_finite().then_some(sum);
        }
    }
    None
}

/// Histories that are equal as far as the model sees, with their number: many customers share one.
struct Grouped {
    /// `x`; `t_x` and `T` in weeks; number of customers.
    rows: Vec<(usize, f64, f64, f64)>,
    customers: f64,
    repeats_max: usize,
}

impl Grouped {
    fn new(histories: &[History]) -> Self {
        let mut counts: HashMap<History, u32> = HashMap::new();
        for history in histories {
            *counts.entry(History { spend_days: 0, spend_minor: 0, ..*history }).or_default() += 1;
        }
        let mut sorted: Vec<_> = counts.into_iter().collect();
        // Sums of floating-point numbers depend on their order.
        sorted.sort_unstable();
        let row = |(history, count): &(History, u32)| {
            (history.repeat_days as usize, history.recency_weeks(), history.age_weeks(), f64::from(*count))
        };
        let rows: Vec<_> = sorted.iter().map(row).collect();
        let repeats_max = rows.iter().map(|row| row.0).max().unwrap_or(0);
        Self { rows, customers: histories.len() as f64, repeats_max }
    }

    /// Ratios of gamma functions of arguments that differ by whole numbers are products, so their
    /// logarithms are tables of sums by the number of repeat transactions.
    fn log_likelihood(&self, model: &PurchaseModel) -> f64 {
        let PurchaseModel { r, alpha, a, b } = *model;
        let mut log_counts = Vec::with_capacity(self.repeats_max + 1);
        let mut sum = r * alpha.ln();
        log_counts.push(sum);
        for repeat in 0..self.repeats_max {
            let n = repeat as f64;
            // Γ(r + x) / Γ(r), and B(a, b + x) / B(a, b).
            sum += (r + n).ln() + ((b + n) / (a + b + n)).ln();
            log_counts.push(sum);
        }
        let row = |(repeats, recency, age, customers): &(usize, f64, f64, f64)| {
            let x = *repeats as f64;
            let still_active = -(r + x) * (alpha + age).ln();
            let log = if *repeats == 0 {
                still_active
            } else {
                let stopped = (a / (b + x - 1.0)).ln() - (r + x) * (alpha + recency).ln();
                log_add(still_active, stopped)
            };
            customers * (log_counts[*repeats] + log)
        };
        self.rows.iter().map(row).sum()
    }
}

/// ln(exp(one) + exp(other)) without overflow.
fn log_add(one: f64, other: f64) -> f64 {
    let (high, low) = if one > other { (one, other) } else { (other, one) };
    high + (low - high).exp().ln_1p()
}
