//! Which pages were looked at.

use crate::store::Row;
use serde::Deserialize;

use super::{Report, ReportError, Reports, check_text, limit, period::Period};
use crate::{
    model::Site,
    wire::reports::{PageRow, Pages, PagesQuestion},
};

const PAGES: &str = include_str!("../store/sql/reports.pages.sql");

#[derive(Row, Deserialize)]
struct Found {
    path: String,
    title: String,
    pageviews: u64,
    visitors: u64,
    entries: u64,
    exits: u64,
    total: u64,
}

impl Reports {
    /// The pages looked at in a period, most viewed first.
    ///
    /// # Errors
    /// When the question must be mended or the warehouse does not answer.
    pub async fn pages(&self, site: &Site, question: &PagesQuestion) -> Result<Pages, ReportError> {
        let period = Period::check(question.from, question.to, question.timezone.as_deref(), site)?;
        let search = question.search.as_deref().unwrap_or_default().trim();
        check_text("search", search)?;
        let mut params = period.params(site.id);
        params.push(("session_ms", self.session_ms(site)));
        params.push(("search", search.into()));
        params.push(("limit", limit(question.limit)?));
        let found: Vec<Found> = self.ask(Report::Pages).query(PAGES, &params).await?;
        let total = found.first().map_or(0, |row| row.total);
        let row = |f: Found| PageRow {
            path: f.path,
            title: f.title,
            pageviews: f.pageviews,
            visitors: f.visitors,
            entries: f.entries,
            exits: f.exits,
        };
        Ok(Pages { rows: found.into_iter().map(row).collect(), total })
    }
}
