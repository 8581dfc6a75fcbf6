//! Page views by page.

use crate::store::Row;
use serde::Deserialize;

use super::{
    Report, ReportError, Reports, check_text,
    filters::{FilteredRun, Part, asked},
    people,
};
use crate::{
    model::Site,
    store::{Param, statement},
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
        let search = request.search.as_deref().unwrap_or_default().trim();
        check_text("search", search)?;
        let limit = self.row_limit(request.limit)?;
        let asked = asked!(request);
        let (own, other) = asked.parts(site)?;
        let mut run = self.start_filtered(Report::Pages, asked)?;
        let join_people = people::are_joined(&run.run, site.id, request.unit).await?;
        let mut pages = self.pages_of(&mut run, site, &own, (search, &limit, join_people)).await?;
        if let Some(other) = other {
            let compared = self.pages_of(&mut run, site, &other, (search, &limit, join_people)).await?;
            pages.compare = Some(Box::new(compared));
        }
        Ok(pages)
    }

    async fn pages_of(
        &self,
        run: &mut FilteredRun<'_>,
        site: &Site,
        part: &Part<'_>,
        (search, limit, join_people): (&str, &Param, bool),
    ) -> Result<Pages, ReportError> {
        let filter = run.sql_of_stored(site, (part.filters, &part.period), &[], join_people).await?;
        let mut params = part.period.params(site.id);
        params.push(("session_ms", self.session_ms(site)));
        params.push(("search", search.into()));
        params.push(("limit", limit.clone()));
        let params = filter.with_params(&params);
        let pages = filter.statement(PAGES, &statement::people(join_people));
        let records: Vec<PageRecord> = run.run.query(pages, &params).await?;
        let total = records.first().map_or(0, |row| row.total);
        let row = |record: PageRecord| PageRow {
            path: record.path,
            title: record.title,
            pageviews: record.pageviews,
            visitors: record.visitors,
            entries: record.entries,
            exits: record.exits,
        };
        Ok(Pages { rows: records.into_iter().map(row).collect(), total, compare: None })
    }
}
