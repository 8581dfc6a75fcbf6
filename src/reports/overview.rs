//! Overview of a period: totals, totals of the previous period, and a time series.

use std::collections::BTreeMap;

use crate::store::Row;
use serde::Deserialize;

use super::{
    Report, ReportError, Reports,
    filters::{FilteredRun, Part, asked},
    moment, money, people,
};
use crate::{
    clock,
    model::Site,
    store::{Param, statement, visits::PASSIVE_EVENTS},
    wire::reports::{Overview, OverviewCompared, OverviewQuestion, SeriesPoint, Totals},
};

const EVENTS: &str = include_str!("../store/sql/reports.overview_events.sql");
const MERGED_VISITORS: &str = include_str!("../store/sql/reports.overview_merged_visitors.sql");
const MONEY: &str = include_str!("../store/sql/reports.overview_money.sql");
const SESSIONS: &str = include_str!("../store/sql/reports.overview_sessions.sql");

#[derive(Row, Deserialize)]
struct EventsRow {
    bucket_ms: i64,
    is_total: u8,
    events: u64,
    pageviews: u64,
    visitors: u64,
}

#[derive(Row, Deserialize)]
struct MoneyRow {
    bucket_ms: i64,
    is_total: u8,
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
        let asked = asked!(request);
        let (own, other) = asked.parts(site)?;
        let steps_of = |part: &Part<'_>| part.period.steps(request.interval, request.calendar);
        let steps = steps_of(&own)?;
        let other_steps = other.as_ref().map(steps_of).transpose()?.unwrap_or_default();
        let mut run = self.start_filtered(Report::Overview, asked)?;
        let join_people = people::are_joined(&run.run, site.id, request.unit).await?;
        let current = self.metrics(&mut run, site, &own, &steps, join_people).await?;
        let before = Part { period: own.period.previous(request.calendar, clock::now()), filters: own.filters };
        // Only totals are needed of the previous period: one step.
        let previous = self.metrics(&mut run, site, &before, &[before.period.from], join_people).await?;
        let mut compare = None;
        if let Some(other) = other {
            let metrics = self.metrics(&mut run, site, &other, &other_steps, join_people).await?;
            let currency = site.currency.as_str().to_owned();
            compare =
                Some(OverviewCompared { totals: metrics.totals(), currency, series: metrics.series(&other_steps) });
        }
        Ok(Overview {
            totals: current.totals(),
            previous: previous.totals(),
            currency: site.currency.as_str().to_owned(),
            series: current.series(&steps),
            compare,
        })
    }

    async fn metrics(
        &self,
        run: &mut FilteredRun<'_>,
        site: &Site,
        part: &Part<'_>,
        steps: &[i64],
        join_people: bool,
    ) -> Result<Metrics, ReportError> {
        let filter = run.sql_of_stored(site, (part.filters, &part.period), steps, join_people).await?;
        let run = &run.run;
        let mut params = part.period.params(site.id);
        params.push(("steps", Param::ArrayI64(steps.to_vec())));
        params.push(("session_ms", self.session_ms(site)));
        params.push(("passive", Param::ArrayStr(PASSIVE_EVENTS.map(str::to_owned).to_vec())));
        params.extend(money::params(site));
        let params = filter.with_params(&params);
        let mut events: Vec<EventsRow> = run.query(filter.statement(EVENTS, &[]), &params).await?;
        if join_people {
            // Few visitors are joined, so those counted too many are subtracted, which keeps the main count cheap.
            let further = filter.statement(MERGED_VISITORS, &statement::people(true));
            for row in run.query::<MergedRow>(further, &params).await? {
                let counted = events.iter_mut().find(|e| (e.is_total, e.bucket_ms) == (row.is_total, row.bucket_ms));
                if let Some(counted) = counted {
                    counted.visitors = counted.visitors.saturating_sub(row.further);
                }
            }
        }
        let money = filter.statement(MONEY, &[("$MONEY", statement::MONEY), ("$VALUE", "''")]);
        let money = run.query(money, &params).await?;
        Ok(Metrics { events, money, sessions: run.query(filter.statement(SESSIONS, &[]), &params).await? })
    }
}

/// What was counted, by step and in total.
struct Metrics {
    events: Vec<EventsRow>,
    money: Vec<MoneyRow>,
    sessions: Vec<SessionsRow>,
}

impl Metrics {
    fn totals(&self) -> Totals {
        let started: u64 = self.sessions.iter().map(|row| row.sessions).sum();
        let bounced: u64 = self.sessions.iter().map(|row| row.bounces).sum();
        let mut totals = Totals {
            sessions: started,
            bounce_rate: (started > 0).then(|| bounced as f64 / started as f64),
            ..Totals::default()
        };
        if let Some(all) = self.events.iter().find(|row| row.is_total == 1) {
            (totals.events, totals.pageviews, totals.visitors) = (all.events, all.pageviews, all.visitors);
        }
        if let Some(all) = self.money.iter().find(|row| row.is_total == 1) {
            totals.orders = all.orders;
            totals.revenue_minor = all.revenue_minor;
            totals.other_currency_orders = all.other_currency_orders;
        }
        totals
    }

    /// Every step, empty ones too.
    fn series(&self, steps: &[i64]) -> Vec<SeriesPoint> {
        let empty = |at: i64| SeriesPoint {
            at: moment(at),
            events: 0,
            pageviews: 0,
            visitors: 0,
            sessions: 0,
            revenue_minor: 0,
            orders: 0,
        };
        let mut points: BTreeMap<i64, SeriesPoint> = steps.iter().map(|at| (*at, empty(*at))).collect();
        for row in self.events.iter().filter(|row| row.is_total == 0) {
            let point = points.entry(row.bucket_ms).or_insert_with(|| empty(row.bucket_ms));
            (point.events, point.pageviews, point.visitors) = (row.events, row.pageviews, row.visitors);
        }
        for row in self.money.iter().filter(|row| row.is_total == 0) {
            let point = points.entry(row.bucket_ms).or_insert_with(|| empty(row.bucket_ms));
            (point.revenue_minor, point.orders) = (row.revenue_minor, row.orders);
        }
        for row in &self.sessions {
            points.entry(row.bucket_ms).or_insert_with(|| empty(row.bucket_ms)).sessions = row.sessions;
        }
        points.into_values().collect()
    }
}
