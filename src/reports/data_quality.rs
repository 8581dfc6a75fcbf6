//! What is wrong with a site's data: rules that events break, and money that nothing converts.

use serde::Deserialize;

use super::{Report, ReportError, Reports, limit, moment, money, period::Period};
use crate::{
    model::Site,
    store::Row,
    wire::reports::{DataQuality, DataQualityQuestion, Unconverted, Violation},
};

const VIOLATIONS: &str = include_str!("../store/sql/reports.violations.sql");
const UNCONVERTED: &str = include_str!("../store/sql/reports.unconverted.sql");

#[derive(Row, Deserialize)]
struct FoundViolation {
    event: String,
    violation: String,
    events: u64,
    last_ms: i64,
    example: String,
}

#[derive(Row, Deserialize)]
struct FoundCurrency {
    currency: String,
    orders: u64,
    amount_minor: i64,
    first_ms: i64,
    last_ms: i64,
}

impl Reports {
    /// The rules that events of a period break, the most frequent first, each with an example; and the
    /// currencies of its orders that no rate converts.
    ///
    /// # Errors
    /// When the question must be mended or the warehouse does not answer.
    pub async fn flaws(&self, site: &Site, question: &DataQualityQuestion) -> Result<DataQuality, ReportError> {
        let period = Period::check(question.from, question.to, question.timezone.as_deref(), site)?;
        let mut params = period.params(site.id);
        params.extend(money::params(site));
        params.push(("limit", limit(question.limit)?));
        let asked = self.ask(Report::DataQuality);
        let violations: Vec<FoundViolation> = asked.query(VIOLATIONS, &params).await?;
        let unconverted: Vec<FoundCurrency> = asked.query(UNCONVERTED, &params).await?;
        let violation = |found: FoundViolation| Violation {
            event: found.event,
            violation: found.violation,
            events: found.events,
            last: moment(found.last_ms),
            example: serde_json::value::RawValue::from_string(found.example)
                .unwrap_or_else(|_| serde_json::value::RawValue::NULL.to_owned()),
        };
        let currency = |found: FoundCurrency| Unconverted {
            currency: found.currency,
            orders: found.orders,
            amount_minor: found.amount_minor,
            first: moment(found.first_ms),
            last: moment(found.last_ms),
        };
        Ok(DataQuality {
            currency: site.currency.as_str().to_owned(),
            violations: violations.into_iter().map(violation).collect(),
            unconverted: unconverted.into_iter().map(currency).collect(),
        })
    }
}
