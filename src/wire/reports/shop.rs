//! The reports `goals`, `products` and `locations`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Compare, CountUnit, Moment, ReportFilter};

/// A goal of the site, and how often it was reached.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct GoalRow {
    /// Id of the goal.
    pub goal: String,
    /// Its name.
    pub name: String,
    /// People who reached it.
    pub people: u64,
    /// How often it was reached; an order counts once.
    pub conversions: u64,
    /// Share of all people of the period, 0 to 1; null without people.
    pub rate: Option<f64>,
    /// Value of the conversions: the goal's `value_minor` for each, else revenue minus refunds of their orders; minor units of the site's currency.
    pub revenue_minor: i64,
}

/// Response of the `goals` report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Goals {
    /// All goals of the site, in the order of their names.
    pub rows: Vec<GoalRow>,
    /// Currency of the revenue, ISO 4217 code.
    pub currency: String,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<Goals>>,
}

/// Request of the `products` report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductsQuestion {
    /// Start of the period, inclusive.
    pub from: Moment,
    /// End of the period, exclusive.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Maximum number of rows, 1 to 1,000; absent: 50.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Substring of id or title, case-insensitive.
    #[serde(default)]
    pub search: Option<String>,
    /// What counts as one person.
    #[serde(default)]
    pub unit: CountUnit,
    /// What is kept of the events, at most 20 filters that must all hold.
    #[serde(default)]
    pub filters: Vec<ReportFilter>,
    /// Another period or other filters to compare with.
    #[serde(default)]
    pub compare: Option<Compare>,
}

/// An item.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ProductRow {
    /// Its id.
    pub item: String,
    /// Its title in the catalogue; empty if it is not there.
    pub title: String,
    /// People who viewed it.
    pub viewers: u64,
    /// People who put it into a cart.
    pub carts: u64,
    /// People who bought it.
    pub buyers: u64,
    /// How many were bought.
    pub units: u64,
    /// Prices times units in minor units of the site's currency; refunds take nothing.
    pub revenue_minor: i64,
    /// Buyers for each viewer; null without viewers.
    pub bought_per_view: Option<f64>,
}

/// Response of the `products` report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Products {
    /// Items, most revenue first.
    pub rows: Vec<ProductRow>,
    /// Currency of the revenue, ISO 4217 code.
    pub currency: String,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<Products>>,
}

/// Dimension of the `locations` report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LocationBy {
    /// Country.
    #[default]
    Country,
    /// Region.
    Region,
    /// City.
    City,
}

/// Request of the `locations` report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LocationsQuestion {
    /// Start of the period, inclusive.
    pub from: Moment,
    /// End of the period, exclusive.
    pub to: Moment,
    /// IANA time zone; absent: the site's.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Maximum number of rows, 1 to 1,000; absent: 50.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Dimension of the report.
    #[serde(default)]
    pub by: LocationBy,
    /// What counts as one person.
    #[serde(default)]
    pub unit: CountUnit,
    /// What is kept of the events, at most 20 filters that must all hold.
    #[serde(default)]
    pub filters: Vec<ReportFilter>,
    /// Another period or other filters to compare with.
    #[serde(default)]
    pub compare: Option<Compare>,
}

/// A country, region or city.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LocationRow {
    /// Country code, or name of the region or city; empty if unknown.
    pub value: String,
    /// Country code; empty if unknown.
    pub country: String,
    /// People.
    pub visitors: u64,
    /// Sessions.
    pub sessions: u64,
    /// Page and screen views.
    pub pageviews: u64,
    /// Orders.
    pub orders: u64,
    /// Revenue minus refunds in minor units of the site's currency.
    pub revenue_minor: i64,
}

/// Response of the `locations` report.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Locations {
    /// Places, most people first.
    pub rows: Vec<LocationRow>,
    /// Currency of the revenue, ISO 4217 code.
    pub currency: String,
    /// The answer to `compare`; absent when not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub compare: Option<Box<Locations>>,
}
