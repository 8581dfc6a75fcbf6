//! Page views by page.

use crate::store::Row;
use serde::Deserialize;

use super::{Report, ReportError, Reports, check_text, people, period::Period};
use crate::{
    model::Site,
    store::{Statement, statement},
    wire::reports::{PageRow, Pages, PagesQuestion},
};

const PAGES: &str = include_str!("../store/sql/reports.pages.sql");

#[derive(Row, Deserialize)]
struct PageRecord {
    path: String,
    title: String,
    pageviews: u64,
    visitors: u64,
    entries: u64,
    exits: u64,
    total: u64,
}

impl Reports {
    /// The pages viewed in a period, most viewed first.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn pages(&self, site: &Site, request: &PagesQuestion) -> Result<Pages, ReportError> {
        let period = Period::check(request.from, request.to, request.timezone.as_deref(), site)?;
        let search = request.search.as_deref().unwrap_or_default().trim();
        check_text("search", search)?;
        let mut params = period.params(site.id);
        params.push(("session_ms", self.session_ms(site)));
        params.push(("search", search.into()));
        params.push(("limit", self.row_limit(request.limit)?));
        let run = self.start(Report::Pages);
        let join_people = people::are_joined(&run, site.id, request.unit).await?;
        let pages = Statement::with(PAGES, &statement::people(join_people));
        let records: Vec<PageRecord> = run.query(pages, &params).await?;
        let total = records.first().map_or(0, |row| row.total);
        let row = |record: PageRecord| PageRow {
            path: record.path,
            title: record.title,
            pageviews: record.pageviews,
            visitors: record.visitors,
            entries: record.entries,
            exits: record.exits,
        };
        Ok(Pages { rows: records.into_iter().map(row).collect(), total })
    }
}
