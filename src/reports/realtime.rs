//! Realtime report: current visitors and recent events.

use std::collections::HashMap;

use crate::store::Row;
use serde::Deserialize;

use super::{
    Report, ReportError, Reports, event_name, moment, non_empty,
    period::{DAY_MS, MINUTE_MS},
};
use crate::{
    model::{Site, Timestamp, VisitorId},
    store::Param,
    wire::reports::{CountryNow, Minute, PageNow, Realtime, RecentEvent, SourceNow},
};

const MINUTES: &str = include_str!("../store/sql/reports.realtime_minutes.sql");
const NOW: &str = include_str!("../store/sql/reports.realtime_now.sql");
const RECENT: &str = include_str!("../store/sql/reports.realtime_recent.sql");

/// Minutes shown.
const MINUTES_SHOWN: i64 = 30;
/// A visitor is active for this long after an event.
const ACTIVE_MINUTES: i64 = 5;
const RECENT_MAX: u32 = 50;

#[derive(Row, Deserialize)]
struct MinuteRow {
    minute_ms: i64,
    visitors: u64,
    pageviews: u64,
}

#[derive(Row, Deserialize)]
struct BreakdownRow {
    fact: String,
    value: String,
    detail: String,
    visitors: u64,
}

#[derive(Row, Deserialize)]
struct RecentRow {
    at_ms: i64,
    visitor: u128,
    kind: u8,
    name: String,
    path: String,
    country: String,
    device: String,
    item: String,
}

impl Reports {
    /// Activity at `now`.
    ///
    /// # Errors
    /// If the warehouse fails.
    pub async fn realtime(&self, site: &Site, now: Timestamp) -> Result<Realtime, ReportError> {
        // The current minute is the last one; it includes events of clocks slightly ahead of ours.
        let to = now.0.div_euclid(MINUTE_MS) * MINUTE_MS + MINUTE_MS;
        let from = to - MINUTES_SHOWN * MINUTE_MS;
        let params = [
            ("site", Param::U32(site.id.0)),
            ("from_ms", Param::I64(from)),
            ("to_ms", Param::I64(to)),
            ("active_ms", Param::I64(now.0 - ACTIVE_MINUTES * MINUTE_MS)),
            ("limit", Param::U32(RECENT_MAX)),
        ];
        // Sessions may have begun long before.
        let mut since = params.to_vec();
        since[1] = ("from_ms", Param::I64(to - DAY_MS));
        since.push(("session_ms", self.session_ms(site)));
        let run = self.start(Report::Realtime);
        let minutes: Vec<MinuteRow> = run.query(MINUTES, &params).await?;
        let breakdowns: Vec<BreakdownRow> = run.query(NOW, &since).await?;
        let recent: Vec<RecentRow> = run.query(RECENT, &params).await?;
        let by_minute: HashMap<i64, &MinuteRow> = minutes.iter().map(|row| (row.minute_ms, row)).collect();
        let minute = |n: i64| {
            let at = from + n * MINUTE_MS;
            let (visitors, pageviews) = by_minute.get(&at).map_or((0, 0), |row| (row.visitors, row.pageviews));
            Minute { at: moment(at), visitors, pageviews }
        };
        let mut response = Realtime {
            visitors: 0,
            minutes: (0..MINUTES_SHOWN).map(minute).collect(),
            pages: Vec::new(),
            sources: Vec::new(),
            countries: Vec::new(),
            recent: recent.into_iter().map(recent_event).collect(),
        };
        for BreakdownRow { fact, value, detail, visitors } in breakdowns {
            match fact.as_str() {
                "page" => response.pages.push(PageNow { path: value, title: detail, visitors }),
                "source" => response.sources.push(SourceNow { channel: value, source: detail, visitors }),
                "country" => response.countries.push(CountryNow { country: value, visitors }),
                _ => response.visitors = visitors,
            }
        }
        Ok(response)
    }
}

fn recent_event(row: RecentRow) -> RecentEvent {
    let visitor = VisitorId(row.visitor);
    RecentEvent {
        at: moment(row.at_ms),
        visitor: if visitor.is_identified() { visitor.to_string() } else { String::new() },
        event: event_name(row.kind, row.name),
        path: row.path,
        country: row.country,
        device: row.device,
        item: non_empty(row.item),
    }
}
