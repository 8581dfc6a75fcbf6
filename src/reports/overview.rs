//! What happened in a period, in all, before, and step by step.

use std::collections::BTreeMap;

use crate::store::Row;
use serde::Deserialize;

use super::{
    Asked, Report, ReportError, Reports, moment, money,
    period::{Period, unit},
};
use crate::{
    model::Site,
    wire::reports::{Interval, Overview, OverviewQuestion, SeriesPoint, Totals},
};

const EVENTS: &str = include_str!("../store/sql/reports.overview_events.sql");
const JOINED_EXIST: &str = include_str!("../store/sql/reports.joined_exist.sql");
const JOINED: &str = include_str!("../store/sql/reports.overview_joined.sql");
const SESSIONS: &str = include_str!("../store/sql/reports.overview_sessions.sql");

#[derive(Row, Deserialize)]
struct EventsRow {
    bucket_ms: i64,
    is_total: u8,
    events: u64,
    pageviews: u64,
    visitors: u64,
    orders: u64,
    revenue_minor: i64,
    other_currency_orders: u64,
}

#[derive(Row, Deserialize)]
struct FurtherRow {
    bucket_ms: i64,
    is_total: u8,
    further: u64,
}

#[derive(Row, Deserialize)]
struct SessionsRow {
    bucket_ms: i64,
    sessions: u64,
    bounces: u64,
}

impl Reports {
    /// What happened in a period.
    ///
    /// # Errors
    /// When the question must be mended or the warehouse does not answer.
    pub async fn overview(&self, site: &Site, question: &OverviewQuestion) -> Result<Overview, ReportError> {
        let period = Period::check(question.from, question.to, question.timezone.as_deref(), site)?;
        let steps = period.steps(question.interval)?;
        let asked = self.ask(Report::Overview);
        let (events, sessions) = self.figures(&asked, site, &period, question.interval).await?;
        // One step is enough of what came before.
        let (events_before, sessions_before) = self.figures(&asked, site, &period.previous(), Interval::Month).await?;
        Ok(Overview {
            totals: totals(&events, &sessions),
            previous: totals(&events_before, &sessions_before),
            currency: site.currency.as_str().to_owned(),
            series: series(&steps, &events, &sessions),
        })
    }

    async fn figures(
        &self,
        asked: &Asked<'_>,
        site: &Site,
        period: &Period,
        interval: Interval,
    ) -> Result<(Vec<EventsRow>, Vec<SessionsRow>), ReportError> {
        let mut params = period.params(site.id);
        params.push(("interval", unit(interval).into()));
        params.push(("timezone", period.timezone()));
        params.extend(money::params(site));
        params.push(("session_ms", self.session_ms(site)));
        let mut events: Vec<EventsRow> = asked.query(EVENTS, &params).await?;
        // A person is one visitor with however many browsers. Few sites know such people, and then few of
        // them: they are looked for apart, so that counting everybody else stays cheap.
        if !asked.query::<u8>(JOINED_EXIST, &params[..1]).await?.is_empty() {
            for row in asked.query::<FurtherRow>(JOINED, &params).await? {
                let counted = events.iter_mut().find(|e| (e.is_total, e.bucket_ms) == (row.is_total, row.bucket_ms));
                if let Some(counted) = counted {
                    counted.visitors = counted.visitors.saturating_sub(row.further);
                }
            }
        }
        Ok((events, asked.query(SESSIONS, &params).await?))
    }
}

fn totals(events: &[EventsRow], sessions: &[SessionsRow]) -> Totals {
    let began: u64 = sessions.iter().map(|row| row.sessions).sum();
    let bounced: u64 = sessions.iter().map(|row| row.bounces).sum();
    let bounce_rate = if began == 0 { 0.0 } else { bounced as f64 / began as f64 };
    let Some(all) = events.iter().find(|row| row.is_total == 1) else { return Totals::default() };
    Totals {
        events: all.events,
        pageviews: all.pageviews,
        visitors: all.visitors,
        sessions: began,
        bounce_rate,
        revenue_minor: all.revenue_minor,
        orders: all.orders,
        other_currency_orders: all.other_currency_orders,
    }
}

/// Every step, empty ones too.
fn series(steps: &[i64], events: &[EventsRow], sessions: &[SessionsRow]) -> Vec<SeriesPoint> {
    let empty = |at: i64| SeriesPoint {
        at: moment(at),
        events: 0,
        pageviews: 0,
        visitors: 0,
        sessions: 0,
        revenue_minor: 0,
        orders: 0,
    };
    // Should the warehouse know a zone's clocks otherwise than we do, its step is shown rather than lost.
    let mut points: BTreeMap<i64, SeriesPoint> = steps.iter().map(|at| (*at, empty(*at))).collect();
    for row in events.iter().filter(|row| row.is_total == 0) {
        let point = points.entry(row.bucket_ms).or_insert_with(|| empty(row.bucket_ms));
        point.events = row.events;
        point.pageviews = row.pageviews;
        point.visitors = row.visitors;
        point.revenue_minor = row.revenue_minor;
        point.orders = row.orders;
    }
    for row in sessions {
        points.entry(row.bucket_ms).or_insert_with(|| empty(row.bucket_ms)).sessions = row.sessions;
    }
    points.into_values().collect()
}
