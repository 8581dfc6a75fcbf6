//! Traffic sources, and attributes of visitors.

use crate::store::Row;
use serde::Deserialize;

use super::{Report, ReportError, Reports, limit, money, period::Period};
use crate::{
    model::Site,
    wire::reports::{
        SourceBy, SourceRow, Sources, SourcesQuestion, VisitorRow, Visitors, VisitorsBy, VisitorsQuestion,
    },
};

const SOURCES: &str = include_str!("../store/sql/reports.sources.sql");
const VISITORS: &str = include_str!("../store/sql/reports.visitors.sql");

#[derive(Row, Deserialize)]
struct SourceRecord {
    value: String,
    visitors: u64,
    sessions: u64,
    pageviews: u64,
    orders: u64,
    revenue_minor: i64,
}

#[derive(Row, Deserialize)]
struct VisitorsRecord {
    value: String,
    visitors: u64,
    sessions: u64,
    pageviews: u64,
}

impl Reports {
    /// Sources of the sessions of a period, most visitors first.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn sources(&self, site: &Site, request: &SourcesQuestion) -> Result<Sources, ReportError> {
        let period = Period::check(request.from, request.to, request.timezone.as_deref(), site)?;
        let by = match request.by {
            SourceBy::Channel => "channel",
            SourceBy::Source => "source",
            SourceBy::Referrer => "referrer",
            SourceBy::Campaign => "campaign",
        };
        let mut params = period.params(site.id);
        params.push(("session_ms", self.session_ms(site)));
        params.push(("by", by.into()));
        params.extend(money::params(site));
        params.push(("limit", limit(request.limit)?));
        let records: Vec<SourceRecord> = self.start(Report::Sources).query(SOURCES, &params).await?;
        let row = |record: SourceRecord| SourceRow {
            value: record.value,
            visitors: record.visitors,
            sessions: record.sessions,
            pageviews: record.pageviews,
            orders: record.orders,
            revenue_minor: record.revenue_minor,
        };
        Ok(Sources { rows: records.into_iter().map(row).collect() })
    }

    /// Visitors of a period by country, device, browser, OS or language, most visitors first.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn visitors(&self, site: &Site, request: &VisitorsQuestion) -> Result<Visitors, ReportError> {
        let period = Period::check(request.from, request.to, request.timezone.as_deref(), site)?;
        let by = match request.by {
            VisitorsBy::Country => "country",
            VisitorsBy::Device => "device",
            VisitorsBy::Browser => "browser",
            VisitorsBy::Os => "os",
            VisitorsBy::Language => "language",
        };
        let mut params = period.params(site.id);
        params.push(("session_ms", self.session_ms(site)));
        params.push(("by", by.into()));
        params.push(("limit", limit(request.limit)?));
        let records: Vec<VisitorsRecord> = self.start(Report::Visitors).query(VISITORS, &params).await?;
        let row = |record: VisitorsRecord| VisitorRow {
            value: record.value,
            visitors: record.visitors,
            sessions: record.sessions,
            pageviews: record.pageviews,
        };
        Ok(Visitors { rows: records.into_iter().map(row).collect() })
    }
}
