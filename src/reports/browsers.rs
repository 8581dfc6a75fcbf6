//! The browsers of one person: which the site vouched for, and which were joined by what they said themselves.

use serde::Deserialize;

use super::{Report, ReportError, Reports, moment, non_empty};
use crate::{
    model::{Site, VisitorId},
    store::{Param, Row},
    wire::people::BrowserBody,
};

const BROWSERS: &str = include_str!("../store/sql/reports.visitor_browsers.sql");

#[derive(Row, Deserialize)]
struct BrowserRow {
    visitor: u128,
    user_id: String,
    verified: bool,
    identified_ms: i64,
    first_ms: i64,
    last_ms: i64,
    events: u64,
    device: String,
    browser: String,
    os: String,
    country: String,
}

impl Reports {
    /// The browsers and devices of a person, given by all its visitor ids, last seen first.
    ///
    /// # Errors
    /// If the warehouse fails.
    pub async fn browsers(&self, site: &Site, visitors: &[VisitorId]) -> Result<Vec<BrowserBody>, ReportError> {
        let params = [
            ("site", Param::U32(site.id.0)),
            ("visitors", Param::ArrayU128(visitors.iter().map(|visitor| visitor.0).collect())),
        ];
        let rows: Vec<BrowserRow> = self.start(Report::Visitor).query(BROWSERS, &params).await?;
        Ok(rows.into_iter().map(browser).collect())
    }

    /// All visitor ids of a visitor's person, itself first.
    ///
    /// # Errors
    /// If the warehouse fails.
    pub async fn visitors_of_person(&self, site: &Site, visitor: VisitorId) -> Result<Vec<VisitorId>, ReportError> {
        self.start(Report::Visitor).visitors_of_same_user(site, visitor).await
    }
}

fn browser(row: BrowserRow) -> BrowserBody {
    let user_id = non_empty(row.user_id);
    BrowserBody {
        visitor: VisitorId(row.visitor).to_string(),
        verified: row.verified,
        identified_at: user_id.is_some().then(|| moment(row.identified_ms)),
        user_id,
        first_seen: moment(row.first_ms),
        last_seen: moment(row.last_ms),
        events: row.events,
        device: row.device,
        browser: row.browser,
        os: row.os,
        country: row.country,
    }
}
