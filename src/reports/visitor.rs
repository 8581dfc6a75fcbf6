//! Profile and timeline of one visitor.

use crate::store::Row;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Report, ReportError, Reports, event_name, moment, money, non_empty, period::DAY_MS};
use crate::{
    model::{Site, VisitorId},
    store::Param,
    wire::reports::{TimelineEntry, VisitorHistory},
};

const VISITOR: &str = include_str!("../store/sql/reports.visitor.sql");
const TIMELINE: &str = include_str!("../store/sql/reports.visitor_timeline.sql");
/// How far a timeline reaches back from the last event, which limits the days that are read.
const TIMELINE_MS: i64 = 366 * DAY_MS;

#[derive(Row, Deserialize)]
struct SummaryRow {
    first_ms: i64,
    last_ms: i64,
    events: u64,
    pageviews: u64,
    user_id: String,
    country: String,
    device: String,
    orders: u64,
    revenue_minor: i64,
}

#[derive(Row, Deserialize)]
pub(super) struct TimelineRow {
    pub(super) at_ms: i64,
    pub(super) kind: u8,
    pub(super) name: String,
    pub(super) contact_channel: String,
    pub(super) path: String,
    pub(super) item: String,
    pub(super) properties: String,
}

impl Reports {
    /// A visitor's summary and latest events, including those of the same user's other browsers.
    ///
    /// # Errors
    /// If there is no such visitor, the limit is out of range, or the warehouse fails.
    pub async fn visitor(
        &self,
        site: &Site,
        visitor: VisitorId,
        entries: Option<u32>,
    ) -> Result<VisitorHistory, ReportError> {
        let entries = self.row_limit(entries)?;
        let run = self.start(Report::Visitor);
        let visitors = run.visitors_of_same_user(site, visitor).await?;
        let ids: Vec<String> = visitors.iter().map(ToString::to_string).collect();
        let numbers = Param::ArrayU128(visitors.iter().map(|visitor| visitor.0).collect());
        let mut summary_params = vec![("site", Param::U32(site.id.0)), ("visitors", numbers.clone())];
        summary_params.extend(money::params(site));
        let Some(summary) = run.query::<SummaryRow>(VISITOR, &summary_params).await?.pop() else {
            return Err(ReportError::NotFound("no such visitor"));
        };
        let timeline_params = [
            ("site", Param::U32(site.id.0)),
            ("visitors", numbers),
            ("from_ms", Param::I64(summary.first_ms.max(summary.last_ms - TIMELINE_MS))),
            ("to_ms", Param::I64(summary.last_ms + 1)),
            ("limit", entries),
        ];
        let timeline: Vec<TimelineRow> = run.query(TIMELINE, &timeline_params).await?;
        Ok(VisitorHistory {
            visitor: visitor.to_string(),
            visitors: ids,
            first_seen: moment(summary.first_ms),
            last_seen: moment(summary.last_ms),
            user_id: non_empty(summary.user_id),
            country: summary.country,
            device: summary.device,
            events: summary.events,
            pageviews: summary.pageviews,
            orders: summary.orders,
            revenue_minor: summary.revenue_minor,
            timeline: timeline.into_iter().map(timeline_entry).collect(),
        })
    }
}

pub(super) fn timeline_entry(row: TimelineRow) -> TimelineEntry {
    TimelineEntry {
        at: moment(row.at_ms),
        event: event_name(row.kind, row.name),
        channel: non_empty(row.contact_channel),
        path: row.path,
        item: non_empty(row.item),
        properties: RawValue::from_string(row.properties).unwrap_or_else(|_| RawValue::NULL.to_owned()),
    }
}
