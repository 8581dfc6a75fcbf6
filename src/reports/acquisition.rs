//! Where visits came from, and who came.

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
struct FoundSource {
    value: String,
    visitors: u64,
    sessions: u64,
    pageviews: u64,
    orders: u64,
    revenue_minor: i64,
}

#[derive(Row, Deserialize)]
struct FoundVisitors {
    value: String,
    visitors: u64,
    sessions: u64,
    pageviews: u64,
}

impl Reports {
    /// Where the sessions of a period came from, most visitors first.
    ///
    /// # Errors
    /// When the question must be mended or the warehouse does not answer.
    pub async fn sources(&self, site: &Site, question: &SourcesQuestion) -> Result<Sources, ReportError> {
        let period = Period::check(question.from, question.to, question.timezone.as_deref(), site)?;
        let by = match question.by {
            SourceBy::Channel => "channel",
            SourceBy::Source => "source",
            SourceBy::Referrer => "referrer",
            SourceBy::Campaign => "campaign",
        };
        let mut params = period.params(site.id);
        params.push(("session_ms", self.session_ms(site)));
        params.push(("by", by.into()));
        params.extend(money::params(site));
        params.push(("limit", limit(question.limit)?));
        let asked = self.ask(Report::Sources);
        let found: Vec<FoundSource> = asked.query(SOURCES, &params).await?;
        let row = |f: FoundSource| SourceRow {
            value: f.value,
            visitors: f.visitors,
            sessions: f.sessions,
            pageviews: f.pageviews,
            orders: f.orders,
            revenue_minor: f.revenue_minor,
        };
        Ok(Sources { rows: found.into_iter().map(row).collect() })
    }

    /// Who came in a period, most visitors first.
    ///
    /// # Errors
    /// When the question must be mended or the warehouse does not answer.
    pub async fn visitors(&self, site: &Site, question: &VisitorsQuestion) -> Result<Visitors, ReportError> {
        let period = Period::check(question.from, question.to, question.timezone.as_deref(), site)?;
        let by = match question.by {
            VisitorsBy::Country => "country",
            VisitorsBy::Device => "device",
            VisitorsBy::Browser => "browser",
            VisitorsBy::Os => "os",
            VisitorsBy::Language => "language",
        };
        let mut params = period.params(site.id);
        params.push(("session_ms", self.session_ms(site)));
        params.push(("by", by.into()));
        params.push(("limit", limit(question.limit)?));
        let asked = self.ask(Report::Visitors);
        let found: Vec<FoundVisitors> = asked.query(VISITORS, &params).await?;
        let row = |f: FoundVisitors| VisitorRow {
            value: f.value,
            visitors: f.visitors,
            sessions: f.sessions,
            pageviews: f.pageviews,
        };
        Ok(Visitors { rows: found.into_iter().map(row).collect() })
    }
}
