//! The `rfm` report: the value of customers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Compare, CountUnit, Moment, ReportFilter};
use crate::model::{CustomerGroup, NotFitted};

/// Request of the `rfm` report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RfmQuestion {
    /// Start of the period, inclusive.
    pub from: Moment,
    /// End of the period, exclusive.
    pub to: Moment,
    /// IANA time zone of the days on which orders are one transaction; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// What counts as one customer.
    #[serde(default)]
    pub unit: CountUnit,
    /// Whose orders count: at most 20 filters by segment, the others are refused.
    #[serde(default)]
    pub filters: Vec<ReportFilter>,
    /// Another period or other filters to compare with.
    #[serde(default)]
    pub compare: Option<Compare>,
}

/// Response of the `rfm` report. A customer is whoever ordered in the period; quintiles are among these, by the last order,
/// the number of orders and the revenue of the period.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RfmReport {
    /// Customers by group, all eleven groups.
    pub groups: BTreeMap<CustomerGroup, u64>,
    /// Customers by quintiles of recency and frequency, all 25 cells.
    pub cells: Vec<RfmCell>,
    /// How revenue is concentrated on the best customers.
    pub pareto: Pareto,
    /// The model of future orders, fitted to all orders before `to`; null if it cannot be.
    pub model: Option<FittedModel>,
    /// Why there is no model.
    pub model_reason: Option<NotFitted>,
    /// Customers who ordered in the period.
    pub customers: u64,
    /// Their orders.
    pub orders: u64,
    /// Their revenue less refunds in the period, minor units of the site's currency.
    pub revenue_minor: i64,
    /// Currency of the revenue, ISO 4217 code.
    pub currency: String,
    /// Orders of unknown visitors in the period, which no customer has.
    pub unattributed_orders: u64,
    /// Orders in the period without an amount, which count for frequency only; other currencies included.
    pub orders_without_amount: u64,
    /// Orders in the period in currencies without an exchange rate.
    pub other_currency_orders: u64,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<RfmReport>>,
}

/// Customers with the same quintiles of recency and frequency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RfmCell {
    /// Quintile of the last order, 1 to 5, 5 is the latest.
    pub recency: u8,
    /// Quintile of the number of orders, 1 to 5, 5 is the most.
    pub frequency: u8,
    /// The group of this cell.
    pub group: CustomerGroup,
    /// Customers.
    pub people: u64,
    /// Their revenue less refunds in the period, minor units.
    pub revenue_minor: i64,
}

/// Concentration of revenue.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Pareto {
    /// Share of the customers that `revenue_share` is about: 0.2.
    pub top_share: f64,
    /// Share of the revenue that the best `top_share` of customers made; null without revenue.
    pub revenue_share: Option<f64>,
    /// The shares of the best 5, 10, … 100 per cent; empty without revenue.
    pub curve: Vec<ParetoPoint>,
}

/// A point of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct ParetoPoint {
    /// Share of the customers, best first, 0 to 1.
    pub people_share: f64,
    /// Their share of the revenue, 0 to 1.
    pub revenue_share: f64,
}

/// Parameters by maximum likelihood; time in weeks, amounts in the site's currency (not in minor units).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct FittedModel {
    /// BG/NBD: shape of the distribution of order rates.
    pub r: f64,
    /// BG/NBD: its scale, weeks.
    pub alpha: f64,
    /// BG/NBD: first parameter of the distribution of the probability of stopping after an order.
    pub a: f64,
    /// BG/NBD: the second.
    pub b: f64,
    /// Gamma-Gamma: shape of a customer's amounts; null if amounts cannot be modelled.
    pub p: Option<f64>,
    /// Gamma-Gamma: shape of the distribution of scales.
    pub q: Option<f64>,
    /// Gamma-Gamma: its scale.
    pub gamma: Option<f64>,
    /// Why amounts cannot be modelled.
    pub spend_reason: Option<NotFitted>,
}
