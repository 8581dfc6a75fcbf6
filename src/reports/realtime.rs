//! What goes on right now.

use std::collections::HashMap;

use crate::store::Row;
use serde::Deserialize;

use super::{Report, ReportError, Reports, event_name, moment, some};
use crate::{
    model::{Site, Timestamp, VisitorId},
    store::Param,
    wire::reports::{CountryNow, Minute, PageNow, Realtime, RecentEvent, SourceNow},
};

const MINUTES: &str = include_str!("../store/sql/reports.realtime_minutes.sql");
const NOW: &str = include_str!("../store/sql/reports.realtime_now.sql");
const RECENT: &str = include_str!("../store/sql/reports.realtime_recent.sql");

const MINUTE_MS: i64 = 60_000;
/// Minutes shown.
const MINUTES_SHOWN: i64 = 30;
/// Who did something within so many minutes is here.
const HERE_MINUTES: i64 = 5;
const RECENT_MAX: u32 = 50;

#[derive(Row, Deserialize)]
struct MinuteRow {
    minute_ms: i64,
    visitors: u64,
    pageviews: u64,
}

#[derive(Row, Deserialize)]
struct FactRow {
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
    /// What goes on at `now`.
    ///
    /// # Errors
    /// When the warehouse does not answer.
    pub async fn realtime(&self, site: &Site, now: Timestamp) -> Result<Realtime, ReportError> {
        // The current minute is the last; a clock that runs a little ahead of ours is still in it.
        let to = now.0.div_euclid(MINUTE_MS) * MINUTE_MS + MINUTE_MS;
        let from = to - MINUTES_SHOWN * MINUTE_MS;
        let params = [
            ("site", Param::U32(site.id.0)),
            ("from_ms", Param::I64(from)),
            ("to_ms", Param::I64(to)),
            ("active_ms", Param::I64(now.0 - HERE_MINUTES * MINUTE_MS)),
            ("limit", Param::U32(RECENT_MAX)),
        ];
        let asked = self.ask(Report::Realtime);
        let minutes: Vec<MinuteRow> = asked.query(MINUTES, &params).await?;
        let facts: Vec<FactRow> = asked.query(NOW, &params).await?;
        let recent: Vec<RecentRow> = asked.query(RECENT, &params).await?;
        let known: HashMap<i64, &MinuteRow> = minutes.iter().map(|row| (row.minute_ms, row)).collect();
        let minute = |n: i64| {
            let at = from + n * MINUTE_MS;
            let (visitors, pageviews) = known.get(&at).map_or((0, 0), |row| (row.visitors, row.pageviews));
            Minute { at: moment(at), visitors, pageviews }
        };
        let mut answer = Realtime {
            visitors: 0,
            minutes: (0..MINUTES_SHOWN).map(minute).collect(),
            pages: Vec::new(),
            sources: Vec::new(),
            countries: Vec::new(),
            recent: recent.into_iter().map(recent_event).collect(),
        };
        for FactRow { fact, value, detail, visitors } in facts {
            match fact.as_str() {
                "page" => answer.pages.push(PageNow { path: value, title: detail, visitors }),
                "source" => answer.sources.push(SourceNow { channel: value, source: detail, visitors }),
                "country" => answer.countries.push(CountryNow { country: value, visitors }),
                _ => answer.visitors = visitors,
            }
        }
        Ok(answer)
    }
}

fn recent_event(row: RecentRow) -> RecentEvent {
    let visitor = VisitorId(row.visitor);
    RecentEvent {
        at: moment(row.at_ms),
        visitor: if visitor.is_somebody() { visitor.to_string() } else { String::new() },
        event: event_name(row.kind, row.name),
        path: row.path,
        country: row.country,
        device: row.device,
        item: some(row.item),
    }
}
