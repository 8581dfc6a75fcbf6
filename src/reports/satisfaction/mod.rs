//! Satisfaction: surveys, complaints and feedback of a period, and what contacts cost.
//!
//! Answers are few beside other events: the latest [`ANSWERS_MAX`] are read and classified here ([`answers`]), so that
//! the usual names and scales of other tools are understood.

mod answers;
mod tally;

use std::collections::BTreeMap;

use serde::Deserialize;

use self::{answers::Answer, tally::Tally};
use super::{Report, ReportError, ReportRun, Reports, filters::Asked, moment, money, people, period::Period};
use crate::{
    model::{ContactChannel, Site, VisitorId},
    store::{Param, Row, filters::FilterSql, statement},
    wire::reports::{
        ChannelSatisfaction, Comment, ContactCost, CountUnit, Satisfaction, SatisfactionPoint, SatisfactionQuestion,
    },
};

pub(super) use self::answers::EVENT_NAMES;

const ANSWERS: &str = include_str!("../../store/sql/reports.satisfaction_answers.sql");
const CONTACTS: &str = include_str!("../../store/sql/reports.contact_conversions.sql");
/// The latest answers that are read.
const ANSWERS_MAX: u32 = 100_000;
const COMMENTS_DEFAULT: usize = 50;
/// An order belongs to the last contact within this time before it, milliseconds.
const CONVERSION_MS: i64 = 30 * super::period::DAY_MS;
/// The channel over which an order was placed, as `$VALUE` of fragment.money.
const OWN_CHANNEL: &str = "JSONExtractString(properties, 'contact_channel')";

#[derive(Row, Deserialize)]
struct AnswerRow {
    who: u128,
    at_ms: i64,
    answer_name: String,
    contact_channel: String,
    content: String,
}

#[derive(Row, Deserialize)]
struct ContactRow {
    channel: String,
    contacts: u64,
    people: u64,
    conversions: u64,
}

impl Reports {
    /// Satisfaction in a period, by channel and over time, with the latest comments; and the cost of contacts.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn satisfaction(&self, site: &Site, request: &SatisfactionQuestion) -> Result<Satisfaction, ReportError> {
        let period = Period::check(request.from, request.to, request.timezone.as_deref(), site)?;
        let steps = period.steps(request.interval, request.calendar)?;
        // Checks the limit.
        self.row_limit(request.limit)?;
        let comments_max = request.limit.map_or(COMMENTS_DEFAULT, |limit| limit as usize);
        let asked = Asked {
            from: request.from,
            to: request.to,
            timezone: request.timezone.as_deref(),
            filters: &request.filters,
            compare: None,
        };
        let mut run = self.start_filtered(Report::Satisfaction, asked)?;
        let joined = people::are_joined(&run.run, site.id, CountUnit::Person).await?;
        // Contacts before the period count for the orders in it.
        let since = period.beginning_earlier(CONVERSION_MS);
        let filter = run.sql(site, &request.filters, &since, joined).await?;
        let run = run.run;
        let mut params = period.params(site.id);
        let names = EVENT_NAMES.iter().map(|(name, _)| (*name).to_owned()).collect();
        params.extend([("names", Param::ArrayStr(names)), ("limit", Param::U32(ANSWERS_MAX + 1))]);
        let mut rows: Vec<AnswerRow> =
            run.query(filter.statement(ANSWERS, &statement::people(joined)), &filter.with_params(&params)).await?;
        let is_cut = rows.len() > ANSWERS_MAX as usize;
        rows.truncate(ANSWERS_MAX as usize);
        let mut found = Found::new(&steps, comments_max);
        for row in rows {
            found.add(row);
        }
        let contacts = contacts(&run, site, &period, (joined, &filter)).await?;
        Ok(found.report(is_cut, contacts, site))
    }
}

/// Contacts by channel, most of them first.
async fn contacts(
    run: &ReportRun<'_>,
    site: &Site,
    period: &Period,
    (joined, filter): (bool, &FilterSql),
) -> Result<Vec<ContactCost>, ReportError> {
    let mut params = period.params(site.id);
    params.push(("window_ms", Param::I64(CONVERSION_MS)));
    params.extend(money::params(site));
    let mut fragments = vec![("$MONEY", statement::MONEY), ("$VALUE", OWN_CHANNEL)];
    fragments.extend(statement::people(joined));
    let rows: Vec<ContactRow> = run.query(filter.statement(CONTACTS, &fragments), &filter.with_params(&params)).await?;
    Ok(rows.into_iter().map(|row| contact_cost(row, site)).collect())
}

fn contact_cost(row: ContactRow, site: &Site) -> ContactCost {
    let cost_of_one = ContactChannel::parse(&row.channel).and_then(|channel| site.contact_costs.get(&channel).copied());
    let contacts = i64::try_from(row.contacts).unwrap_or(i64::MAX);
    let cost_minor = cost_of_one.map(|cost| cost.saturating_mul(contacts));
    let conversions = i64::try_from(row.conversions).unwrap_or(i64::MAX);
    ContactCost {
        channel: row.channel,
        contacts: row.contacts,
        people: row.people,
        conversions: row.conversions,
        cost_minor,
        cost_per_conversion_minor: cost_minor.filter(|_| conversions > 0).map(|cost| rounded(cost, conversions)),
    }
}

/// The quotient of two numbers that are not negative, half rounded up.
const fn rounded(cost: i64, parts: i64) -> i64 {
    cost / parts + if cost % parts >= parts - parts / 2 { 1 } else { 0 }
}

/// What was counted so far.
struct Found<'a> {
    steps: &'a [i64],
    all: Tally,
    channels: BTreeMap<String, Tally>,
    by_step: BTreeMap<i64, Tally>,
    comments: Vec<Comment>,
    comments_max: usize,
    /// Answers without a visitor; each is taken for another person.
    anonymous: u128,
}

impl<'a> Found<'a> {
    fn new(steps: &'a [i64], comments_max: usize) -> Self {
        Self {
            steps,
            all: Tally::default(),
            channels: BTreeMap::new(),
            by_step: BTreeMap::new(),
            comments: Vec::new(),
            comments_max,
            anonymous: 0,
        }
    }

    /// Counts a row; rows come newest first.
    fn add(&mut self, row: AnswerRow) {
        let properties = serde_json::from_str(&row.content).unwrap_or_default();
        let Some(answer) = Answer::read(&row.answer_name, &properties) else { return };
        let person = if row.who == 0 {
            self.anonymous += 1;
            u128::MAX - self.anonymous
        } else {
            row.who
        };
        self.all.add(person, &answer);
        let step = self.steps.partition_point(|start| *start <= row.at_ms).checked_sub(1);
        if let Some(step) = step.and_then(|step| self.steps.get(step)) {
            self.by_step.entry(*step).or_default().add(person, &answer);
        }
        self.channels.entry(row.contact_channel.clone()).or_default().add(person, &answer);
        if !answer.comment.is_empty() && self.comments.len() < self.comments_max {
            self.comments.push(Comment {
                at: moment(row.at_ms),
                visitor: (row.who != 0).then(|| VisitorId(row.who).to_string()),
                kind: answer.kind,
                survey: answer.survey,
                score: answer.score.map(|(score, _)| score),
                scale: answer.score.map(|(_, scale)| scale),
                channel: row.contact_channel,
                comment: answer.comment,
            });
        }
    }

    fn report(self, is_cut: bool, contacts: Vec<ContactCost>, site: &Site) -> Satisfaction {
        let mut by_size: Vec<(String, Tally)> = self.channels.into_iter().collect();
        by_size.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.size()));
        let channel = |(channel, tally): (String, Tally)| ChannelSatisfaction {
            channel,
            nps: tally.nps(),
            csat: tally.csat(),
            complaints: tally.complaints,
            feedback: tally.feedback,
        };
        let nothing = Tally::default();
        let point = |start: &i64| {
            let tally = self.by_step.get(start).unwrap_or(&nothing);
            let (nps, csat) = (tally.nps(), tally.csat());
            SatisfactionPoint {
                at: moment(*start),
                nps_answers: nps.answers,
                nps_score: nps.score,
                csat_answers: csat.answers,
                csat_share: csat.share,
                complaints: tally.complaints,
                feedback: tally.feedback,
            }
        };
        Satisfaction {
            nps: self.all.nps(),
            csat: self.all.csat(),
            complaints: self.all.complaints,
            feedback: self.all.feedback,
            other_answers: self.all.other_answers,
            unreadable: self.all.unreadable,
            is_cut,
            channels: by_size.into_iter().map(channel).collect(),
            series: self.steps.iter().map(point).collect(),
            comments: self.comments,
            contacts,
            currency: site.currency.as_str().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_divided_among_conversions() {
        assert_eq!(
            [(10, 4), (9, 4), (11, 4), (0, 3), (5, 1), (1, 2)].map(|(cost, n)| rounded(cost, n)),
            [3, 2, 3, 0, 5, 1]
        );
    }
}
