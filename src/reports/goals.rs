//! Goals that were reached.

use serde::Deserialize;

use super::{
    Report, ReportError, Reports,
    conditions::check_event,
    filters::{FilteredRun, Part, asked},
    money, people,
};
use crate::{
    model::Site,
    store::{Row, filters::QuestionPart, statement},
    wire::{
        insights::Goal,
        reports::{FunnelStep, GoalRow, Goals, TableQuestion},
    },
};

const GOALS: &str = include_str!("../store/sql/reports.goals.sql");
const PEOPLE_SEEN: &str = include_str!("../store/sql/reports.people_seen.sql");
/// Goals of one statement: bits of a number.
const GOALS_AT_ONCE: usize = 20;

#[derive(Row, Deserialize)]
struct GoalRecord {
    goal: u64,
    people: u64,
    conversions_made: u64,
    revenue: i64,
}

impl Reports {
    /// Refuses a step that no report can ask for.
    ///
    /// # Errors
    /// If the step is invalid; the error says why.
    pub fn check_step(step: &FunnelStep) -> Result<(), ReportError> {
        check_event(step)
    }

    /// How often each goal was reached, in the order given.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn goals(&self, site: &Site, goals: &[Goal], request: &TableQuestion) -> Result<Goals, ReportError> {
        self.row_limit(request.limit)?;
        let asked = asked!(request);
        let (own, other) = asked.parts(site)?;
        let mut run = self.start_filtered(Report::Goals, asked)?;
        let join_people = people::are_joined(&run.run, site.id, request.unit).await?;
        let mut answer = goals_of(&mut run, site, &own, (goals, join_people)).await?;
        if let Some(other) = other {
            answer.compare = Some(Box::new(goals_of(&mut run, site, &other, (goals, join_people)).await?));
        }
        Ok(answer)
    }
}

async fn goals_of(
    run: &mut FilteredRun<'_>,
    site: &Site,
    part: &Part<'_>,
    (goals, join_people): (&[Goal], bool),
) -> Result<Goals, ReportError> {
    let mut params = part.period.params(site.id);
    params.extend(money::params(site));
    let filter = run.sql(site, part.filters, &part.period, join_people).await?;
    let seen = filter.statement(PEOPLE_SEEN, &statement::people(join_people));
    let seen: Vec<u64> = run.run.query(seen, &filter.with_params(&params)).await?;
    let all = seen.first().copied().unwrap_or(0);
    let mut fragments =
        vec![("$MONEY", statement::MONEY), ("$CONVERSIONS", statement::CONVERSIONS), ("$VALUE", "$BITS")];
    fragments.extend(statement::people(join_people));
    let mut rows = Vec::with_capacity(goals.len());
    for chunk in goals.chunks(GOALS_AT_ONCE) {
        let steps: Vec<FunnelStep> = chunk.iter().map(|goal| goal.step.clone()).collect();
        let parts = [("$BITS", QuestionPart::Bits(&steps))];
        let filter = run.sql_with(site, part.filters, &part.period, join_people, &parts).await?;
        let statement = filter.statement(GOALS, &fragments);
        let records: Vec<GoalRecord> = run.run.query(statement, &filter.with_params(&params)).await?;
        for (bit, goal) in (0..).zip(chunk) {
            let found = records.iter().find(|record| record.goal == bit);
            let (people, conversions) = found.map_or((0, 0), |record| (record.people, record.conversions_made));
            let revenue = found.map_or(0, |record| record.revenue);
            let worth = |value: i64| value.saturating_mul(i64::try_from(conversions).unwrap_or(i64::MAX));
            rows.push(GoalRow {
                goal: goal.id.clone(),
                name: goal.name.clone(),
                people,
                conversions,
                rate: (all > 0).then(|| people as f64 / all as f64),
                revenue_minor: goal.value_minor.map_or(revenue, worth),
            });
        }
    }
    Ok(Goals { rows, currency: site.currency.as_str().to_owned(), compare: None })
}
