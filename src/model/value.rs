//! What a customer is worth, as the value model computes it from a site's orders.

use serde::Serialize;
use utoipa::ToSchema;

/// A person's recency, frequency and monetary value among the site's customers: quintiles, 1 to 5, 5 is best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rfm {
    /// How recently the person ordered.
    pub recency: u8,
    /// How often the person ordered.
    pub frequency: u8,
    /// How much the person's orders came to.
    pub monetary: u8,
}

/// The value of a person who ordered at least once. Amounts are in minor units of the site's currency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct PersonValue {
    /// Orders, refunded ones included.
    pub orders: u32,
    /// Revenue less refunds.
    pub orders_value_minor: i64,
    /// Quintiles among the site's customers.
    pub rfm: Rfm,
    /// Decile of `orders_value_minor` among the site's customers, 1 to 10, 10 is best.
    pub value_decile: u8,
    /// Probability that the person is still a customer, 0 to 1; `None` while the model is not fitted.
    pub alive_probability: Option<f64>,
    /// Revenue expected from the person in the next 365 days; `None` while the model is not fitted.
    pub predicted_value_minor: Option<i64>,
}
