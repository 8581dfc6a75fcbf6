//! Data quality: schema violations of events, and amounts in currencies without a rate.

use serde::Deserialize;

use super::{Report, ReportError, Reports, moment, money, period::Period};
use crate::{
    model::Site,
    store::Row,
    wire::reports::{DataQuality, DataQualityQuestion, LateDecisions, Unconverted, Violation},
};

const VIOLATIONS: &str = include_str!("../store/sql/reports.violations.sql");
const LATE_DECISIONS: &str = include_str!("../store/sql/reports.late_decisions.sql");
const UNCONVERTED: &str = include_str!("../store/sql/reports.unconverted.sql");

#[derive(Row, Deserialize)]
struct ViolationRecord {
    event: String,
    violation: String,
    events: u64,
    last_ms: i64,
    example: String,
}

#[derive(Row, Deserialize)]
struct UnconvertedRecord {
    currency: String,
    orders: u64,
    amount_minor: i64,
    first_ms: i64,
    last_ms: i64,
}

#[derive(Row, Deserialize)]
struct LateRecord {
    sessions: u64,
    late: u64,
}

impl Reports {
    /// Schema violations in a period, the most frequent first, each with an example; the currencies of its orders
    /// without a conversion rate; and the share of sessions whose slots were decided too late.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn data_quality(&self, site: &Site, request: &DataQualityQuestion) -> Result<DataQuality, ReportError> {
        let period = Period::check(request.from, request.to, request.timezone.as_deref(), site)?;
        let mut params = period.params(site.id);
        params.extend(money::params(site));
        params.push(("limit", self.row_limit(request.limit)?));
        let run = self.start(Report::DataQuality);
        let violations: Vec<ViolationRecord> = run.query(VIOLATIONS, &params).await?;
        let unconverted: Vec<UnconvertedRecord> = run.query(UNCONVERTED, &params).await?;
        let late: Vec<LateRecord> = run.query(LATE_DECISIONS, &period.params(site.id)).await?;
        let (sessions, late) = late.first().map_or((0, 0), |record| (record.sessions, record.late));
        let violation = |record: ViolationRecord| Violation {
            event: record.event,
            violation: record.violation,
            events: record.events,
            last: moment(record.last_ms),
            example: serde_json::value::RawValue::from_string(record.example)
                .unwrap_or_else(|_| serde_json::value::RawValue::NULL.to_owned()),
        };
        let currency = |record: UnconvertedRecord| Unconverted {
            currency: record.currency,
            orders: record.orders,
            amount_minor: record.amount_minor,
            first: moment(record.first_ms),
            last: moment(record.last_ms),
        };
        Ok(DataQuality {
            currency: site.currency.as_str().to_owned(),
            violations: violations.into_iter().map(violation).collect(),
            unconverted: unconverted.into_iter().map(currency).collect(),
            late_decisions: LateDecisions {
                sessions,
                late,
                share: (sessions > 0).then(|| late as f64 / sessions as f64),
            },
        })
    }
}
