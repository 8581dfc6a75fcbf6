//! Traffic sources, campaigns, and attributes of visitors.

use serde::Deserialize;

use super::{
    Report, ReportError, Reports,
    filters::{FilteredRun, Part, asked},
    money, people,
};
use crate::{
    model::Site,
    store::{Param, Row, RowOwned, RowRead, statement, visits::PASSIVE_EVENTS},
    wire::reports::{
        CampaignRow, Campaigns, CampaignsQuestion, SourceBy, SourceRow, Sources, SourcesQuestion, VisitorRow, Visitors,
        VisitorsBy, VisitorsQuestion,
    },
};

const CAMPAIGNS: &str = include_str!("../store/sql/reports.campaigns.sql");
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
struct CampaignRecord {
    campaign: String,
    source: String,
    medium: String,
    visitors: u64,
    sessions: u64,
    bounces: u64,
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
        let (value, otherwise) = match request.by {
            SourceBy::Channel => ("toString(channel)", "Direct"),
            SourceBy::Source => ("toString(source)", ""),
            SourceBy::Referrer => ("toString(referrer_host)", ""),
            SourceBy::Campaign => ("toString(campaign)", ""),
        };
        let limit = ("limit", self.row_limit(request.limit)?);
        let asked = asked!(request);
        let (own, other) = asked.parts(site)?;
        let mut run = self.start_filtered(Report::Sources, asked)?;
        let join_people = people::are_joined(&run.run, site.id, request.unit).await?;
        let sales = if join_people { statement::USER_SALES } else { statement::USER_SALES_UNMATCHED };
        let mut fragments = vec![("$USER_SALES", sales), ("$MONEY", statement::MONEY)];
        fragments.extend(statement::people(join_people));
        fragments.push(("$VALUE", value));
        let read =
            Read { template: SOURCES, fragments, join_people, more: vec![("otherwise", otherwise.into()), limit] };
        let mut sources = to_sources(self.rows(&mut run, site, &own, &read).await?);
        if let Some(other) = other {
            sources.compare = Some(Box::new(to_sources(self.rows(&mut run, site, &other, &read).await?)));
        }
        Ok(sources)
    }

    /// Campaigns of the sessions of a period, most visitors first.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn campaigns(&self, site: &Site, request: &CampaignsQuestion) -> Result<Campaigns, ReportError> {
        let limit = ("limit", self.row_limit(request.limit)?);
        let asked = asked!(request);
        let (own, other) = asked.parts(site)?;
        let mut run = self.start_filtered(Report::Campaigns, asked)?;
        let join_people = people::are_joined(&run.run, site.id, request.unit).await?;
        let sales = if join_people { statement::CAMPAIGN_USER_SALES } else { "" };
        let mut fragments = vec![("$USER_SALES", sales), ("$MONEY", statement::MONEY)];
        fragments.extend(statement::people(join_people));
        fragments.push(("$VALUE", "(toString(campaign), toString(source), toString(medium))"));
        let passive = Param::ArrayStr(PASSIVE_EVENTS.map(str::to_owned).to_vec());
        let read = Read { template: CAMPAIGNS, fragments, join_people, more: vec![("passive", passive), limit] };
        let mut campaigns = to_campaigns(self.rows(&mut run, site, &own, &read).await?, site);
        if let Some(other) = other {
            campaigns.compare = Some(Box::new(to_campaigns(self.rows(&mut run, site, &other, &read).await?, site)));
        }
        Ok(campaigns)
    }

    /// Visitors of a period by country, device, browser, OS or language, most visitors first.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn visitors(&self, site: &Site, request: &VisitorsQuestion) -> Result<Visitors, ReportError> {
        let value = match request.by {
            VisitorsBy::Country => "toString(country)",
            VisitorsBy::Device => "toString(device)",
            VisitorsBy::Browser => "toString(browser)",
            // One system under one name; rows from before 2026-12 have the devices' names.
            VisitorsBy::Os => "if(os IN ('iPhone', 'iPad', 'iPod'), 'iOS', toString(os))",
            VisitorsBy::Language => "toString(language)",
        };
        let limit = ("limit", self.row_limit(request.limit)?);
        let asked = asked!(request);
        let (own, other) = asked.parts(site)?;
        let mut run = self.start_filtered(Report::Visitors, asked)?;
        let join_people = people::are_joined(&run.run, site.id, request.unit).await?;
        let mut fragments = statement::people(join_people).to_vec();
        fragments.push(("$VALUE", value));
        let read = Read { template: VISITORS, fragments, join_people, more: vec![limit] };
        let mut visitors = to_visitors(self.rows(&mut run, site, &own, &read).await?);
        if let Some(other) = other {
            visitors.compare = Some(Box::new(to_visitors(self.rows(&mut run, site, &other, &read).await?)));
        }
        Ok(visitors)
    }

    async fn rows<T: RowOwned + RowRead>(
        &self,
        run: &mut FilteredRun<'_>,
        site: &Site,
        part: &Part<'_>,
        read: &Read,
    ) -> Result<Vec<T>, ReportError> {
        let filter = run.sql_of_stored(site, (part.filters, &part.period), &[], read.join_people).await?;
        let mut params = part.period.params(site.id);
        params.push(("session_ms", self.session_ms(site)));
        params.extend(money::params(site));
        params.extend(read.more.iter().cloned());
        let statement = filter.statement(read.template, &read.fragments);
        run.run.query(statement, &filter.with_params(&params)).await
    }
}

/// A statement of this report, apart from period and filters.
struct Read {
    template: &'static str,
    fragments: Vec<(&'static str, &'static str)>,
    join_people: bool,
    /// Parameters beside those of all statements here.
    more: Vec<(&'static str, Param)>,
}

fn to_sources(records: Vec<SourceRecord>) -> Sources {
    let row = |record: SourceRecord| SourceRow {
        value: record.value,
        visitors: record.visitors,
        sessions: record.sessions,
        pageviews: record.pageviews,
        orders: record.orders,
        revenue_minor: record.revenue_minor,
    };
    Sources { rows: records.into_iter().map(row).collect(), compare: None }
}

fn to_campaigns(records: Vec<CampaignRecord>, site: &Site) -> Campaigns {
    let row = |record: CampaignRecord| CampaignRow {
        campaign: record.campaign,
        source: record.source,
        medium: record.medium,
        visitors: record.visitors,
        sessions: record.sessions,
        pageviews: record.pageviews,
        bounce_rate: (record.sessions > 0).then(|| record.bounces as f64 / record.sessions as f64),
        orders: record.orders,
        revenue_minor: record.revenue_minor,
    };
    let currency = site.currency.as_str().to_owned();
    Campaigns { rows: records.into_iter().map(row).collect(), currency, compare: None }
}

fn to_visitors(records: Vec<VisitorsRecord>) -> Visitors {
    let row = |record: VisitorsRecord| VisitorRow {
        value: record.value,
        visitors: record.visitors,
        sessions: record.sessions,
        pageviews: record.pageviews,
    };
    Visitors { rows: records.into_iter().map(row).collect(), compare: None }
}
