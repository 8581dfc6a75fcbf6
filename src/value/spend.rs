//! What customers spend per transaction: the Gamma-Gamma model.
//!
//! A customer's transactions have a mean of their own, around which amounts are gamma distributed with shape `p`; the
//! means follow from gamma distributed scales (`q`, `gamma`). It is fitted to the averages of repeat transactions. Source:
//! Fader and Hardie, "The Gamma-Gamma Model of Monetary Value" (2013).

use statrs::function::gamma::ln_gamma;

use super::{History, REPEAT_CUSTOMERS_MIN, optimise::minimise};
use crate::model::NotFitted;

/// Averages whose coefficient of variation is smaller are equal.
const VARIATION_MIN: f64 = 1e-6;

/// The fitted parameters; amounts in minor units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpendModel {
    /// Shape of a customer's amounts.
    pub p: f64,
    /// Shape of the distribution of scales.
    pub q: f64,
    /// Its scale, minor units.
    pub gamma: f64,
}

/// A customer's transactions with an amount, and their average in units of the average over all customers.
#[derive(Clone, Copy)]
struct Spend {
    days: f64,
    average: f64,
}

impl SpendModel {
    /// The parameters with the maximum likelihood.
    ///
    /// # Errors
    /// If there are too few customers with repeat transactions of a known amount, or these are all equal; if the fitted
    /// distribution has no finite mean, or the search does not settle.
    pub fn fit(histories: &[History]) -> Result<Self, NotFitted> {
        let mut spends: Vec<Spend> = histories.iter().filter_map(average_spend).collect();
        if spends.len() < REPEAT_CUSTOMERS_MIN {
            return Err(NotFitted::TooFewRepeatCustomers);
        }
        let customers = spends.len() as f64;
        let mean = spends.iter().map(|spend| spend.average).sum::<f64>() / customers;
        for spend in &mut spends {
            spend.average /= mean;
        }
        let variance = spends.iter().map(|spend| (spend.average - 1.0).powi(2)).sum::<f64>() / customers;
        if variance.sqrt() < VARIATION_MIN {
            return Err(NotFitted::EqualAmounts);
        }
        let negative = |[p, q, gamma]: &[f64; 3]| {
            -spends.iter().map(|spend| spend.log_likelihood(*p, *q, *gamma)).sum::<f64>() / customers
        };
        let [p, q, gamma] = minimise(negative, [4.0, 4.0, 1.0]).ok_or(NotFitted::NotConverged)?;
        if q <= 1.0 {
            return Err(NotFitted::NoFiniteMean);
        }
        Ok(Self { p, q, gamma: gamma * mean })
    }

    /// The average amount to expect of the customer's transactions, minor units. Without a known amount it is the
    /// average over all customers.
    #[must_use]
    pub fn expected_average(&self, history: &History) -> f64 {
        let Self { p, q, gamma } = *self;
        let days = f64::from(history.spend_days);
        p * (gamma + history.spend_minor.max(0) as f64) / (p * days + q - 1.0)
    }
}

fn average_spend(history: &History) -> Option<Spend> {
    let days = f64::from(history.spend_days);
    let average = history.spend_minor as f64 / days;
    (history.spend_days > 0 && average > 0.0).then_some(Spend { days, average })
}

impl Spend {
    /// The density of the average of so many amounts.
    fn log_likelihood(&self, p: f64, q: f64, gamma: f64) -> f64 {
        let Self { days, average } = *self;
        let shape = p * days;
        ln_gamma(shape + q) - ln_gamma(shape) - ln_gamma(q)
            + q * gamma.ln()
            + (shape - 1.0) * average.ln()
            + shape * days.ln()
            - (shape + q) * (gamma + days * average).ln()
    }
}
