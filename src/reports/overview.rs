//! Overview of a period: totals, totals of the previous period, and a time series.

use std::collections::BTreeMap;

use crate::store::Row;
use serde::Deserialize;

use super::{
    Report, ReportError, ReportRun, Reports, moment, money,
    period::{Period, unit},
};
use crate::{
    model::Site,
    wire::reports::{Interval, Overview, OverviewQuestion, SeriesPoint, Totals},
};

const EVENTS: &str = include_str!("../store/sql/reports.overview_events.sql");
const HAS_MERGED_VISITORS: &str = include_str!("../store/sql/reports.has_merged_visitors.sql");
const MERGED_VISITORS: &str = include_str!("../store/sql/reports.overview_merged_visitors.sql");
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
struct MergedRow {
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
    /// The overview of a period.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn overview(&self, site: &Site, request: &OverviewQuestion) -> Result<Overview, ReportError> {
        let period = Period::check(request.from, request.to, request.timezone.as_deref(), site)?;
        let steps = period.steps(request.interval)?;
        let run = self.start(Report::Overview);
        let (events, sessions) = self.metrics(&run, site, &period, request.interval).await?;
        // Only totals are needed of the previous period, so the widest interval is used.
        let (events_before, sessions_before) = self.metrics(&run, site, &period.previous(), Interval::Month).await?;
        Ok(Overview {
            totals: totals(&events, &sessions),
            previous: totals(&events_before, &sessions_before),
            currency: site.currency.as_str().to_owned(),
            series: series(&steps, &events, &sessions),
        })
    }

    async fn metrics(
        &self,
        run: &ReportRun<'_>,
        site: &Site,
        period: &Period,
        interval: Interval,
    ) -> Result<(Vec<EventsRow>, Vec<SessionsRow>), ReportError> {
        let mut params = period.params(site.id);
        params.push(("interval", unit(interval).into()));
        params.push(("timezone", period.timezone()));
        params.extend(money::params(site));
        params.push(("session_ms", self.session_ms(site)));
        let mut events: Vec<EventsRow> = run.query(EVENTS, &params).await?;
        // A user with several browsers counts as one visitor. Such users are rare, so they are subtracted by a separate
        // query, which keeps the main count cheap.
        if !run.query::<u8>(HAS_MERGED_VISITORS, &params[..1]).await?.is_empty() {
            for row in run.query::<MergedRow>(MERGED_VISITORS, &params).await? {
                let counted = events.iter_mut().find(|e| (e.is_total, e.bucket_ms) == (row.is_total, row.bucket_ms));
                if let Some(counted) = counted {
                    counted.visitors = counted.visitors.saturating_sub(row.further);
                }
            }
        }
        Ok((events, run.query(SESSIONS, &params).await?))
    }
}

fn totals(events: &[EventsRow], sessions: &[SessionsRow]) -> Totals {
    let started: u64 = sessions.iter().map(|row| row.sessions).sum();
    let bounced: u64 = sessions.iter().map(|row| row.bounces).sum();
    let bounce_rate = if started == 0 { 0.0 } else { bounced as f64 / started as f64 };
    let Some(all) = events.iter().find(|row| row.is_total == 1) else { return Totals::default() };
    Totals {
        events: all.events,
        pageviews: all.pageviews,
        visitors: all.visitors,
        sessions: started,
        bounce_rate,
        revenue_minor: all.revenue_minor,
        orders: all.orders,
        other_currency_orders: all.other_currency_orders,
    }
}

/// Points of all steps, including empty ones.
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
    // If the warehouse's time zone data differs from ours, its steps are added rather than lost.
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
