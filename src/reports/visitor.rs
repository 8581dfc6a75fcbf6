//! What the warehouse knows of one visitor.

use crate::store::Row;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Report, ReportError, Reports, event_name, limit, moment, money, some};
use crate::{
    model::{Site, VisitorId},
    store::Param,
    wire::reports::{TimelineEntry, VisitorHistory},
};

const VISITOR: &str = include_str!("../store/sql/reports.visitor.sql");
const TIMELINE: &str = include_str!("../store/sql/reports.visitor_timeline.sql");
/// How far before the last event a timeline reaches, so that not every day of the site is looked at.
const TIMELINE_MS: i64 = 366 * 86_400_000;

#[derive(Row, Deserialize)]
struct Header {
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
struct Entry {
    at_ms: i64,
    kind: u8,
    name: String,
    path: String,
    item: String,
    properties: String,
}

impl Reports {
    /// A visitor's figures and latest events, those of the same person's other browsers included.
    ///
    /// # Errors
    /// When there is no such visitor, the limit is out of bounds, or the warehouse does not answer.
    pub async fn visitor(
        &self,
        site: &Site,
        visitor: VisitorId,
        entries: Option<u32>,
    ) -> Result<VisitorHistory, ReportError> {
        let entries = limit(entries)?;
        let asked = self.ask(Report::Visitor);
        let visitors = asked.visitors_joined(site, visitor).await?;
        let ids: Vec<String> = visitors.iter().map(ToString::to_string).collect();
        let numbers = Param::ArrayU128(visitors.iter().map(|visitor| visitor.0).collect());
        let mut who = vec![("site", Param::U32(site.id.0)), ("visitors", numbers.clone())];
        who.extend(money::params(site));
        let Some(header) = asked.query::<Header>(VISITOR, &who).await?.pop() else {
            return Err(ReportError::NotFound("no such visitor"));
        };
        let when = [
            ("site", Param::U32(site.id.0)),
            ("visitors", numbers),
            ("from_ms", Param::I64(header.first_ms.max(header.last_ms - TIMELINE_MS))),
            ("to_ms", Param::I64(header.last_ms + 1)),
            ("limit", entries),
        ];
        let timeline: Vec<Entry> = asked.query(TIMELINE, &when).await?;
        Ok(VisitorHistory {
            visitor: visitor.to_string(),
            visitors: ids,
            first_seen: moment(header.first_ms),
            last_seen: moment(header.last_ms),
            user_id: some(header.user_id),
            country: header.country,
            device: header.device,
            events: header.events,
            pageviews: header.pageviews,
            orders: header.orders,
            revenue_minor: header.revenue_minor,
            timeline: timeline.into_iter().map(entry).collect(),
        })
    }
}

fn entry(row: Entry) -> TimelineEntry {
    TimelineEntry {
        at: moment(row.at_ms),
        event: event_name(row.kind, row.name),
        path: row.path,
        item: some(row.item),
        properties: RawValue::from_string(row.properties).unwrap_or_else(|_| RawValue::NULL.to_owned()),
    }
}
