//! The value of customers: RFM quintiles and groups, revenue concentration, and a model of future orders. No I/O.
//!
//! Future orders follow the BG/NBD model (`purchases`), their amounts the Gamma-Gamma model (`spend`); both are fitted
//! by maximum likelihood (`optimise`). Time is in weeks, orders of one customer on one day are one transaction, and the
//! first of them is where a customer's observation begins, not a repeat. If data does not suffice, there is a reason
//! ([`NotFitted`]), never a number.
//!
//! ```
//! use ashna::value::{Customer, ValueModel, assess};
//!
//! let customers = [Customer { orders: 1, revenue_minor: 4_200, ..Customer::default() }];
//! let model = ValueModel::fit(&customers);
//! let values = assess(&customers, &model);
//! assert_eq!((values[0].orders_value_minor, values[0].alive_probability), (4_200, None));
//! ```

mod groups;
mod optimise;
mod pareto;
mod purchases;
mod spend;
#[cfg(test)]
mod tests;

pub use groups::{bands, group_of, rfm};
pub use pareto::{CurvePoint, concentration};
pub use purchases::PurchaseModel;
pub use spend::SpendModel;

use crate::model::{NotFitted, PersonValue};

/// Fewer customers are too few for a model.
const CUSTOMERS_MIN: usize = 30;
/// So are fewer customers with a repeat transaction.
const REPEAT_CUSTOMERS_MIN: usize = 10;
/// A model is fitted to at most this many customers, evenly taken from all of them.
const FITTED_MAX: usize = 50_000;
/// The period of `predicted_value_minor`: 365 days.
pub const YEAR_WEEKS: f64 = 365.0 / 7.0;

/// What is known of a customer: someone with at least one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Customer {
    /// Orders, refunded ones included.
    pub orders: u32,
    /// Revenue less refunds, minor units.
    pub revenue_minor: i64,
    /// Time of the last order, milliseconds.
    pub last_order_ms: i64,
    /// What the model is fitted to.
    pub history: History,
}

/// A customer's transactions; a transaction is a day with orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct History {
    /// Transactions after the first: `x`.
    pub repeat_days: u32,
    /// Days from the first transaction to the last one: `t_x`.
    pub recency_days: u32,
    /// Days from the first transaction to the end of the observation: `T`.
    pub age_days: u32,
    /// Repeat transactions whose amount is known.
    pub spend_days: u32,
    /// Their amounts less refunds, minor units.
    pub spend_minor: i64,
}

impl History {
    fn recency_weeks(&self) -> f64 {
        f64::from(self.recency_days) / 7.0
    }

    fn age_weeks(&self) -> f64 {
        f64::from(self.age_days) / 7.0
    }
}

/// Both models, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueModel {
    /// When customers order, and when they stop.
    pub purchases: Result<PurchaseModel, NotFitted>,
    /// What they spend per transaction.
    pub spend: Result<SpendModel, NotFitted>,
}

impl ValueModel {
    /// The models of these customers; the same for the same customers in the same order. Takes some 50 ms for thousands
    /// of customers, some seconds at most.
    #[must_use]
    pub fn fit(customers: &[Customer]) -> Self {
        if customers.len() < CUSTOMERS_MIN {
            return Self { purchases: Err(NotFitted::TooFewCustomers), spend: Err(NotFitted::TooFewCustomers) };
        }
        let step = customers.len().div_ceil(FITTED_MAX);
        let histories: Vec<History> = customers.iter().step_by(step).map(|customer| customer.history).collect();
        Self { purchases: PurchaseModel::fit(&histories), spend: SpendModel::fit(&histories) }
    }

    /// The revenue expected from a customer in a number of weeks, minor units.
    #[must_use]
    pub fn expected_revenue(&self, history: &History, weeks: f64) -> Option<f64> {
        let (purchases, spend) = (self.purchases.ok()?, self.spend.ok()?);
        let expected = purchases.expected(history, weeks)? * spend.expected_average(history);
        expected.is_finite().then_some(expected)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "more than an i64 is no amount of money, and saturates")]
fn whole_minor_units(amount: f64) -> i64 {
    amount.round() as i64
}

/// The values of customers among each other, in their order.
#[must_use]
pub fn assess(customers: &[Customer], model: &ValueModel) -> Vec<PersonValue> {
    let quintiles = rfm(customers);
    let revenues: Vec<i64> = customers.iter().map(|customer| customer.revenue_minor).collect();
    let deciles = bands(&revenues, 10);
    customers
        .iter()
        .zip(quintiles.into_iter().zip(deciles))
        .map(|(customer, (rfm, value_decile))| PersonValue {
            orders: customer.orders,
            orders_value_minor: customer.revenue_minor,
            rfm,
            value_decile,
            alive_probability: model.purchases.ok().map(|purchases| purchases.alive(&customer.history)),
            predicted_value_minor: model.expected_revenue(&customer.history, YEAR_WEEKS).map(whole_minor_units),
        })
        .collect()
}
