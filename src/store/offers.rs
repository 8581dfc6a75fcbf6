//! Results of offers.

use serde::Deserialize;

use super::{
    Param, Row, Store, StoreError,
    funnel::{Fragments, FunnelQuery},
    statement::{MONEY, unfiltered},
};
use crate::wire::reports::FunnelStep;

const RESULTS: &str = include_str!("sql/reports.offers.sql");

/// An offer's people in one group: 0 saw it, 1 its control group, 2 held out from all offers.
#[derive(Debug, Clone, Row, Deserialize)]
pub struct OfferGroupRow {
    /// Its id.
    pub offer: String,
    /// The group.
    pub of_group: u8,
    /// People.
    pub people: u64,
    /// Impressions.
    pub impressions: u64,
    /// Clicks.
    pub clicks: u64,
    /// People who clicked.
    pub clickers: u64,
    /// People who reached the goal.
    pub conversions: u64,
    /// Revenue less refunds.
    pub revenue_minor: i64,
    /// Sum of its squares over people.
    pub revenue_squared: f64,
}

impl Store {
    /// Results of offers by group. The steps of the query are goals; `goals` says which offer has which of them.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn offer_results(
        &self,
        query: FunnelQuery<'_>,
        goals: &[(String, usize)],
        rates: [(&'static str, Param); 4],
    ) -> Result<Vec<OfferGroupRow>, StoreError> {
        let mut fragments = Fragments::new(query);
        let marks = fragments.step_bits(query.steps, &[]);
        let bit = |(_, goal): &(String, usize)| 1_u64 << goal;
        let fixed = [
            ("offers", Param::ArrayStr(goals.iter().map(|(offer, _)| offer.clone()).collect())),
            ("goal_bits", Param::ArrayU64(goals.iter().map(bit).collect())),
            ("names", Param::ArrayStr(query.steps.iter().map(|step| step.event.clone()).collect())),
            ("page_views", Param::U8(u8::from(query.steps.iter().any(|step| step.event == FunnelStep::PAGE)))),
        ];
        let text = fragments.fill(query, RESULTS).replace("$MONEY", &unfiltered(MONEY)).replace("$VALUE", "''");
        let text = text.replace("$MARKS", &marks);
        let limit = self.limits.time_left(self.query_timeout);
        let mut statement = self.read_only_query(&text, limit);
        let params = fragments.params.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in params.chain(fixed.iter().chain(&rates).map(|(name, value)| (*name, value))) {
            statement = statement.param(name, value);
        }
        self.within(limit, statement.fetch_all()).await
    }
}
