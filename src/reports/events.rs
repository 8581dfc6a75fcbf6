//! Every event: names, a trend by value, samples.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Report, ReportError, Reports, check_text,
    conditions::{check_event, check_field},
    filters::{FilteredRun, Part, asked},
    invalid, moment, people,
};
use crate::{
    model::Site,
    store::{Param, Row, filters::QuestionPart, statement},
    wire::reports::{
        EventNames, EventRow, EventSample, EventSamples, EventTrend, Events, EventsQuestion, FunnelStep, TrendPoint,
    },
};

const NAMES: &str = include_str!("../store/sql/reports.event_names.sql");
const SAMPLES: &str = include_str!("../store/sql/reports.event_samples.sql");
const VALUES: &str = include_str!("../store/sql/reports.event_values.sql");
/// Values of a trend with a line of their own.
const VALUES_MAX: u32 = 10;
const SAMPLES_MAX: u32 = 100;

#[derive(Row, Deserialize)]
struct NameRecord {
    event_name: String,
    events: u64,
    people: u64,
}

#[derive(Row, Deserialize)]
struct ValueRecord {
    bucket_ms: i64,
    shown: String,
    events: u64,
}

#[derive(Row, Deserialize)]
struct SampleRecord {
    at_ms: i64,
    page: String,
    device_class: String,
    country_code: String,
    sent: String,
}

impl Reports {
    /// The names of all events, or of one event a trend or samples.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn events(&self, site: &Site, request: &EventsQuestion) -> Result<Events, ReportError> {
        let limit = self.row_limit(request.limit)?;
        let step = request.event.as_ref().map(|name| FunnelStep { event: name.clone(), conditions: Vec::new() });
        step.as_ref().map_or(Ok(()), check_event)?;
        if let Some(property) = &request.property {
            if step.is_none() || property.is_empty() {
                return invalid("a trend by `property` needs the name of both, `event` and `property`");
            }
            check_text("property", property)?;
            check_field("property", property)?;
        }
        if request.samples.is_some_and(|samples| step.is_none() || !(1..=SAMPLES_MAX).contains(&samples)) {
            return invalid("samples must be 1 to 100, of an `event`");
        }
        let asked = asked!(request);
        let (own, other) = asked.parts(site)?;
        let mut run = self.start_filtered(Report::Events, asked)?;
        let join_people = people::are_joined(&run.run, site.id, request.unit).await?;
        match (&step, request.samples) {
            (None, _) => {
                let mut found = names(&mut run, site, &own, (&limit, join_people)).await?;
                if let Some(other) = other {
                    found.compare = Some(Box::new(names(&mut run, site, &other, (&limit, join_people)).await?));
                }
                Ok(Events::Names(found))
            }
            (Some(step), Some(limit)) => Ok(Events::Samples(samples(&mut run, site, &own, (step, limit)).await?)),
            (Some(step), None) => {
                let mut found = trend(&mut run, site, &own, (request, step, join_people)).await?;
                if let Some(other) = other {
                    found.compare = Some(Box::new(trend(&mut run, site, &other, (request, step, join_people)).await?));
                }
                Ok(Events::Trend(found))
            }
        }
    }
}

async fn names(
    run: &mut FilteredRun<'_>,
    site: &Site,
    part: &Part<'_>,
    (limit, join_people): (&Param, bool),
) -> Result<EventNames, ReportError> {
    let filter = run.sql(site, part.filters, &part.period, join_people).await?;
    let mut params = part.period.params(site.id);
    params.push(("limit", limit.clone()));
    let statement = filter.statement(NAMES, &statement::people(join_people));
    let records: Vec<NameRecord> = run.run.query(statement, &filter.with_params(&params)).await?;
    let row = |record: NameRecord| EventRow { event: record.event_name, count: record.events, people: record.people };
    Ok(EventNames { rows: records.into_iter().map(row).collect(), compare: None })
}

async fn samples(
    run: &mut FilteredRun<'_>,
    site: &Site,
    part: &Part<'_>,
    (step, limit): (&FunnelStep, u32),
) -> Result<EventSamples, ReportError> {
    let parts = [("$EVENT", QuestionPart::Step(step))];
    let filter = run.sql_with(site, part.filters, &part.period, false, &parts).await?;
    let mut params = part.period.params(site.id);
    params.push(("limit", Param::U32(limit)));
    let records: Vec<SampleRecord> =
        run.run.query(filter.statement(SAMPLES, &[]), &filter.with_params(&params)).await?;
    let sample = |record: SampleRecord| EventSample {
        at: moment(record.at_ms),
        path: record.page,
        device: record.device_class,
        country: record.country_code,
        properties: serde_json::from_str(&record.sent).unwrap_or_default(),
    };
    Ok(EventSamples { samples: records.into_iter().map(sample).collect() })
}

async fn trend(
    run: &mut FilteredRun<'_>,
    site: &Site,
    part: &Part<'_>,
    (request, step, join_people): (&EventsQuestion, &FunnelStep, bool),
) -> Result<EventTrend, ReportError> {
    let steps = part.period.steps(request.interval, request.calendar)?;
    let by = request.property.as_deref().map_or(QuestionPart::Name(&step.event), QuestionPart::Value);
    let parts = [("$EVENT", QuestionPart::Step(step)), ("$BY", by)];
    let filter = run.sql_with(site, part.filters, &part.period, join_people, &parts).await?;
    let mut params = part.period.params(site.id);
    params.push(("steps", Param::ArrayI64(steps.clone())));
    params.push(("values_max", Param::U32(VALUES_MAX)));
    let statement = filter.statement(VALUES, &statement::people(join_people));
    let records: Vec<ValueRecord> = run.run.query(statement, &filter.with_params(&params)).await?;
    let mut by_step: BTreeMap<i64, BTreeMap<String, u64>> = steps.iter().map(|at| (*at, BTreeMap::new())).collect();
    for record in records {
        by_step.entry(record.bucket_ms).or_default().insert(record.shown, record.events);
    }
    let point = |(at, values): (i64, BTreeMap<String, u64>)| TrendPoint { at: moment(at), values };
    Ok(EventTrend { series: by_step.into_iter().map(point).collect(), compare: None })
}
