//! Traffic sources, and attributes of visitors.

use crate::store::Row;
use serde::Deserialize;

use super::{Report, ReportError, Reports, money, people, period::Period};
use crate::{
    model::Site,
    store::{Statement, statement},
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
        let (value, otherwise) = match request.by {
            SourceBy::Channel => ("toString(channel)", "Direct"),
            SourceBy::Source => ("toString(source)", ""),
            SourceBy::Referrer => ("toString(referrer_host)", ""),
            SourceBy::Campaign => ("toString(campaign)", ""),
        };
        let mut params = period.params(site.id);
        params.push(("session_ms", self.session_ms(site)));
        params.push(("otherwise", otherwise.into()));
        params.extend(money::params(site));
        params.push(("limit", self.row_limit(request.limit)?));
        let run = self.start(Report::Sources);
        let join_people = people::are_joined(&run, site.id, request.unit).await?;
        let sales = if join_people { statement::USER_SALES } else { statement::USER_SALES_UNMATCHED };
        let mut fragments = vec![("$USER_SALES", sales), ("$MONEY", statement::MONEY)];
        fragments.extend(statement::people(join_people));
        fragments.push(("$VALUE", value));
        let records: Vec<SourceRecord> = run.query(Statement::with(SOURCES, &fragments), &params).await?;
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
        let value = match request.by {
            VisitorsBy::Country => "toString(country)",
            VisitorsBy::Device => "toString(device)",
            VisitorsBy::Browser => "toString(browser)",
            VisitorsBy::Os => "toString(os)",
            VisitorsBy::Language => "toString(language)",
        };
        let mut params = period.params(site.id);
        params.push(("session_ms", self.session_ms(site)));
        params.push(("limit", self.row_limit(request.limit)?));
        let run = self.start(Report::Visitors);
        let join_people = people::are_joined(&run, site.id, request.unit).await?;
        let mut fragments = statement::people(join_people).to_vec();
        fragments.push(("$VALUE", value));
        let records: Vec<VisitorsRecord> = run.query(Statement::with(VISITORS, &fragments), &params).await?;
        let row = |record: VisitorsRecord| VisitorRow {
            value: record.value,
            visitors: record.visitors,
            sessions: record.sessions,
            pageviews: record.pageviews,
        };
        Ok(Visitors { rows: records.into_iter().map(row).collect() })
    }
}
