//! Queries of customers: their orders, and the visitors they are.

use std::time::Duration;

use clickhouse::Row;
use serde::Deserialize;

use super::{Param, QueryLimits, Statement, Store, StoreError, filters::FilterSql, rate_params, statement};
use crate::{
    model::{Site, SiteId, VisitorId},
    value::{Customer, History},
};

const HISTORIES: &str = include_str!("sql/customers.histories.sql");
const VISITORS: &str = include_str!("sql/customers.visitors.sql");
const CHANGES: &str = include_str!("sql/customers.changes.sql");
const HAS_MERGED_VISITORS: &str = include_str!("sql/reports.has_merged_visitors.sql");

/// Which orders are read.
#[derive(Debug, Clone, Copy)]
pub struct CustomerPeriod<'a> {
    /// The beginning of the period that orders and revenue are counted in, milliseconds. The history has no beginning.
    pub since_ms: i64,
    /// The end of both, exclusive.
    pub to_ms: i64,
    /// IANA time zone of the days.
    pub zone: &'a str,
    /// Whether the visitors of a person are one customer.
    pub joins_people: bool,
    /// Whose orders count, by segment.
    pub filter: &'a FilterSql,
}

/// A site's customers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Customers {
    /// Everyone who ordered before the end of the period, by the visitor id that stands for the person. `orders` is 0 for
    /// those who did not order in it.
    pub rows: Vec<(VisitorId, Customer)>,
    /// Orders of the period from unknown visitors.
    pub unattributed_orders: u64,
    /// Orders of the period without an amount above 0, those in other currencies included.
    pub orders_without_amount: u64,
    /// Orders of the period in currencies without a rate.
    pub other_currency_orders: u64,
}

/// An identified visitor of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct CustomerVisitor {
    /// The visitor id that stands for the person.
    pub customer: u128,
    /// The visitor.
    pub visitor: u128,
    /// The user id, renames followed.
    pub user: String,
    /// Whether the site verified that this visitor is this user.
    pub is_verified: u8,
}

/// Changes when a site's orders do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Row, Deserialize)]
pub struct OrderChange {
    /// The site.
    pub site_id: u32,
    /// Number of events of orders and refunds.
    pub events: u64,
    /// Arrival of the newest one, milliseconds.
    pub newest_ms: i64,
}

#[derive(Row, Deserialize)]
struct HistoryRow {
    customer: u128,
    orders: u32,
    revenue_minor: i64,
    last_order_ms: i64,
    no_amount: u32,
    other_currency: u32,
    repeat_days: u32,
    recency_days: u32,
    age_days: u32,
    spend_days: u32,
    spend_minor: i64,
}

/// Reading all orders of a large site takes longer than the query timeout.
const BACKGROUND_TIMEOUT: Duration = Duration::from_mins(10);

impl Store {
    /// The same store for background work on a site's customers: with one thread of the server and a long timeout.
    #[must_use]
    pub fn for_background(&self) -> Self {
        let store = self.with_limits(QueryLimits { threads_max: Some(1), ..QueryLimits::default() });
        Self { query_timeout: BACKGROUND_TIMEOUT, ..store }
    }

    /// A site's customers, ordered by visitor id.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn customers(&self, site: &Site, period: CustomerPeriod<'_>) -> Result<Customers, StoreError> {
        let mut params = vec![
            ("site", Param::U32(site.id.0)),
            ("from_ms", Param::I64(0)),
            ("to_ms", Param::I64(period.to_ms)),
            ("since_ms", Param::I64(period.since_ms)),
            ("zone", period.zone.into()),
        ];
        params.extend(rate_params(site));
        let mut fragments = vec![("$MONEY", statement::MONEY), ("$VALUE", "''")];
        fragments.extend(statement::people(period.joins_people));
        let (statement, params) = (period.filter.statement(HISTORIES, &fragments), period.filter.with_params(&params));
        let mut customers = Customers::default();
        for row in self.query::<HistoryRow>(statement, &params).await? {
            customers.orders_without_amount += u64::from(row.no_amount);
            customers.other_currency_orders += u64::from(row.other_currency);
            if row.customer == 0 {
                customers.unattributed_orders += u64::from(row.orders);
                continue;
            }
            let history = History {
                repeat_days: row.repeat_days,
                recency_days: row.recency_days,
                age_days: row.age_days,
                spend_days: row.spend_days,
                spend_minor: row.spend_minor,
            };
            let HistoryRow { orders, revenue_minor, last_order_ms, .. } = row;
            customers.rows.push((VisitorId(row.customer), Customer { orders, revenue_minor, last_order_ms, history }));
        }
        Ok(customers)
    }

    /// The identified visitors of a site's customers.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn customer_visitors(&self, site: SiteId) -> Result<Vec<CustomerVisitor>, StoreError> {
        let statement = Statement::with(VISITORS, &[("$PEOPLE", statement::PEOPLE)]);
        self.query(statement, &[("site", Param::U32(site.0))]).await
    }

    /// Number and newest arrival of every site's orders and refunds.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn order_changes(&self) -> Result<Vec<OrderChange>, StoreError> {
        self.query(CHANGES, &[]).await
    }

    /// Whether a site has people with several visitors.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn has_merged_visitors(&self, site: SiteId) -> Result<bool, StoreError> {
        Ok(!self.query::<u8>(HAS_MERGED_VISITORS, &[("site", Param::U32(site.0))]).await?.is_empty())
    }
}
