//! Who came back: people by the interval of their first event, and in which intervals they returned.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Report, ReportError, Reports,
    conditions::check_event,
    filters::{FilteredRun, Part, asked},
    invalid, moment, people,
    period::{DAY_MS, Period},
};
use crate::{
    model::{Site, Timestamp},
    store::{Param, Row, filters::QuestionPart, statement},
    wire::reports::{Cohort, Interval, Retention, RetentionQuestion},
};

const RETENTION: &str = include_str!("../store/sql/reports.retention.sql");
const PERIODS_MAX: u32 = 100;
/// Most numbers of an answer.
const CELLS_MAX: usize = 20_000;

#[derive(Row, Deserialize)]
struct RetentionRecord {
    cohort_ms: i64,
    /// Start of the interval; -1 for all people of the cohort.
    interval_ms: i64,
    people: u64,
}

impl Reports {
    /// Who came back, by the interval of the first event. Intervals that are not over at `now` are unknown.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn retention(
        &self,
        site: &Site,
        request: &RetentionQuestion,
        now: Timestamp,
    ) -> Result<Retention, ReportError> {
        check_event(&request.first)?;
        request.returns.as_ref().map_or(Ok(()), check_event)?;
        if request.periods > PERIODS_MAX {
            return invalid(format!("periods must be 0 to {PERIODS_MAX}"));
        }
        if request.interval == Interval::Hour {
            return invalid("interval must be day, week or month");
        }
        let asked = asked!(request);
        let (own, other) = asked.parts(site)?;
        let steps = Steps::of(&own.period, request)?;
        let other = match other {
            Some(other) => Some((Steps::of(&other.period, request)?, other)),
            None => None,
        };
        let mut run = self.start_filtered(Report::Retention, asked)?;
        let join_people = people::are_joined(&run.run, site.id, request.unit).await?;
        let mut retention = cohorts(&mut run, site, &own, (request, &steps, join_people), now).await?;
        if let Some((steps, other)) = other {
            let compared = cohorts(&mut run, site, &other, (request, &steps, join_people), now).await?;
            retention.compare = Some(Box::new(compared));
        }
        Ok(retention)
    }
}

/// The starts of all intervals, and the end of the last.
struct Steps {
    starts: Vec<i64>,
    end: i64,
    /// How many of the intervals have a cohort.
    cohorts: usize,
}

impl Steps {
    fn of(period: &Period, request: &RetentionQuestion) -> Result<Self, ReportError> {
        let days = match request.interval {
            Interval::Hour | Interval::Day => 1,
            Interval::Week => 7,
            Interval::Month => 31,
        };
        let cohorts = period.steps(request.interval, request.calendar)?.len();
        let intervals = cohorts + request.periods as usize;
        if cohorts * (request.periods as usize + 1) > CELLS_MAX {
            return invalid("the table would have more than 20,000 cells: choose a wider interval or fewer periods");
        }
        // Two intervals more than needed: one for the end, one for what the calendar adds or takes.
        let far = period.to + (i64::from(request.periods) + 2) * days * DAY_MS;
        let mut starts = period.with_end(far).steps(request.interval, request.calendar)?;
        let Some(end) = starts.get(intervals).copied() else {
            return invalid("from and to must lie between 1970 and 2100");
        };
        starts.truncate(intervals);
        Ok(Self { starts, end, cohorts })
    }

    /// The end of an interval.
    fn end_of(&self, interval: usize) -> i64 {
        self.starts.get(interval + 1).copied().unwrap_or(self.end)
    }
}

async fn cohorts(
    run: &mut FilteredRun<'_>,
    site: &Site,
    part: &Part<'_>,
    (request, steps, join_people): (&RetentionQuestion, &Steps, bool),
    now: Timestamp,
) -> Result<Retention, ReportError> {
    let returns = request.returns.as_ref().map_or(QuestionPart::Any, QuestionPart::Step);
    let parts = [("$STARTS", QuestionPart::Step(&request.first)), ("$RETURNS", returns)];
    let filter = run.sql_with(site, part.filters, &part.period.with_end(steps.end), join_people, &parts).await?;
    let mut params = part.period.params(site.id);
    params.push(("last_ms", Param::I64(steps.end)));
    params.push(("steps", Param::ArrayI64(steps.starts.clone())));
    let statement = filter.statement(RETENTION, &statement::people(join_people));
    let records: Vec<RetentionRecord> = run.run.query(statement, &filter.with_params(&params)).await?;
    let counted: BTreeMap<(i64, i64), u64> =
        records.into_iter().map(|record| ((record.cohort_ms, record.interval_ms), record.people)).collect();
    let of = |cohort: i64, interval: i64| counted.get(&(cohort, interval)).copied().unwrap_or(0);
    let cohort = |index: usize| {
        let start = steps.starts[index];
        let returned = (index..=index + request.periods as usize).map(|interval| {
            let is_over = steps.end_of(interval) <= now.0;
            is_over.then(|| of(start, steps.starts[interval]))
        });
        Cohort { start: moment(start), people: of(start, -1), returned: returned.collect() }
    };
    Ok(Retention { cohorts: (0..steps.cohorts).map(cohort).collect(), compare: None })
}
