//! Which sessions get the credit of conversions.
//!
//! Conversions and the sessions of those who converted are read; `credit` divides, `markov` is the data-driven model.
//!
//! A conversion is an order, counted once, or any other event that matches. Its sessions are those of the person that
//! began at most the window before it; earlier conversions do not cut the path. What has none is credited to '' like
//! direct sessions.

mod credit;
mod markov;

use std::collections::{BTreeMap, HashMap};

use credit::{Credits, Touch, apportion, shares};
use markov::Chain;
use serde::Deserialize;

use super::{
    Report, ReportError, Reports,
    conditions::check_event,
    filters::{FilteredRun, Part, asked},
    invalid, money, people,
    period::DAY_MS,
};
use crate::{
    model::Site,
    store::{
        Param, Row,
        filters::{FilterSql, QuestionPart},
        statement,
    },
    wire::reports::{Attribution, AttributionModel, AttributionQuestion, AttributionRow, TouchDimension},
};

const CONVERSIONS: &str = include_str!("../../store/sql/reports.conversions.sql");
const TOUCHES: &str = include_str!("../../store/sql/reports.attribution_touches.sql");
const OTHERS: &str = include_str!("../../store/sql/reports.attribution_others.sql");
const WINDOW_DAYS: std::ops::RangeInclusive<u32> = 1..=365;
const CONVERSIONS_MAX: u32 = 1_000_000;
/// Most different journeys of people who did not convert.
const JOURNEYS_MAX: u32 = 200_000;
/// Values of the data-driven model; all but the most frequent are one.
const STATES_MAX: usize = 300;
const OTHER: &str = "$other";
/// Conversions are counted in these parts of one, so that rows add up exactly.
const PARTS: i64 = 1_000_000;

#[derive(Row, Deserialize)]
struct ConversionRecord {
    who: u128,
    at_ms: i64,
    made: u8,
    revenue: i64,
}

#[derive(Row, Deserialize)]
struct TouchesRecord {
    who: u128,
    touches: Vec<(i64, u8, String)>,
}

#[derive(Row, Deserialize)]
struct JourneyRecord {
    journey: Vec<String>,
    people: u64,
}

impl Reports {
    /// Conversions of a period by the sessions that led to them.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn attribution(&self, site: &Site, request: &AttributionQuestion) -> Result<Attribution, ReportError> {
        check_event(&request.conversion)?;
        if !WINDOW_DAYS.contains(&request.window_days) {
            return invalid("window_days must be 1 to 365");
        }
        let asked = asked!(request);
        let (own, other) = asked.parts(site)?;
        let mut run = self.start_filtered(Report::Attribution, asked)?;
        let join_people = people::are_joined(&run.run, site.id, request.unit).await?;
        let mut attribution = self.attribution_of(&mut run, site, &own, (request, join_people)).await?;
        if let Some(other) = other {
            let compared = self.attribution_of(&mut run, site, &other, (request, join_people)).await?;
            attribution.compare = Some(Box::new(compared));
        }
        Ok(attribution)
    }

    async fn attribution_of(
        &self,
        run: &mut FilteredRun<'_>,
        site: &Site,
        part: &Part<'_>,
        (request, join_people): (&AttributionQuestion, bool),
    ) -> Result<Attribution, ReportError> {
        let steps = std::slice::from_ref(&request.conversion);
        let parts = [("$BITS", QuestionPart::Bits(steps))];
        let filter = run.sql_with(site, part.filters, &part.period, join_people, &parts).await?;
        let dimension = match request.dimension {
            TouchDimension::Channel => "toString(channel)",
            TouchDimension::Source => "toString(source)",
            TouchDimension::Campaign => "toString(campaign)",
        };
        let mut fragments = vec![
            ("$MONEY", statement::MONEY),
            ("$CONVERSIONS", statement::CONVERSIONS),
            ("$VALUE", "$BITS"),
            ("$DIMENSION", dimension),
        ];
        fragments.extend(statement::people(join_people));
        let mut params = part.period.params(site.id);
        params.extend(money::params(site));
        params.push(("session_ms", self.session_ms(site)));
        let read = Read { filter, fragments, params };
        let conversions: Vec<ConversionRecord> =
            read.rows(run, CONVERSIONS, &[("limit", Param::U32(CONVERSIONS_MAX + 1))]).await?;
        if conversions.len() > CONVERSIONS_MAX as usize {
            return invalid("the period has more than 1,000,000 conversions: choose a shorter one");
        }
        let window_ms = i64::from(request.window_days) * DAY_MS;
        let mut journeys = Journeys { of: HashMap::new(), window_ms };
        if let (Some(first), Some(last)) =
            (conversions.iter().map(|c| c.at_ms).min(), conversions.iter().map(|c| c.at_ms).max())
        {
            let range = [("since_ms", Param::I64((first - window_ms).max(0))), ("until_ms", Param::I64(last + 1))];
            let touches: Vec<TouchesRecord> = read.rows(run, TOUCHES, &range).await?;
            journeys.of = touches.into_iter().map(|record| (record.who, record.touches)).collect();
        }
        let credits = if request.model == AttributionModel::Markov {
            let more = [("window_ms", Param::I64(window_ms)), ("limit", Param::U32(JOURNEYS_MAX + 1))];
            let others: Vec<JourneyRecord> = read.rows(run, OTHERS, &more).await?;
            if others.len() > JOURNEYS_MAX as usize {
                return invalid("the paths of the period are too many: choose a shorter one, or a coarser dimension");
            }
            data_driven(&conversions, &journeys, &others)
        } else {
            divided(request.model, &conversions, &journeys)
        };
        Ok(to_attribution(credits, &conversions, site))
    }
}

/// The statements of a question, filled.
struct Read {
    filter: FilterSql,
    fragments: Vec<(&'static str, &'static str)>,
    params: Vec<(&'static str, Param)>,
}

impl Read {
    async fn rows<T: crate::store::RowOwned + crate::store::RowRead>(
        &self,
        run: &FilteredRun<'_>,
        template: &'static str,
        more: &[(&'static str, Param)],
    ) -> Result<Vec<T>, ReportError> {
        let params: Vec<(&'static str, Param)> = self.params.iter().chain(more).cloned().collect();
        let statement = self.filter.statement(template, &self.fragments);
        run.run.query(statement, &self.filter.with_params(&params)).await
    }
}

/// The sessions of those who converted: when each began, whether it was direct, and its value.
struct Journeys {
    of: HashMap<u128, Vec<(i64, u8, String)>>,
    window_ms: i64,
}

impl Journeys {
    fn before(&self, conversion: &ConversionRecord) -> Vec<Touch<'_>> {
        let range = conversion.at_ms - self.window_ms..=conversion.at_ms;
        let own = self.of.get(&conversion.who).map(Vec::as_slice).unwrap_or_default();
        let in_range = own.iter().filter(|(began_ms, ..)| range.contains(began_ms));
        in_range
            .map(|(began_ms, is_direct, value)| Touch { began_ms: *began_ms, is_direct: *is_direct == 1, value })
            .collect()
    }
}

/// Each conversion divided by itself.
fn divided(model: AttributionModel, conversions: &[ConversionRecord], journeys: &Journeys) -> Credits {
    let mut credits = Credits::new();
    for conversion in conversions {
        let touches = journeys.before(conversion);
        let shares = shares(model, &touches, conversion.at_ms);
        let with_shares = touches.iter().map(|touch| touch.value).zip(shares);
        let none = touches.is_empty().then_some(("", 1.0));
        for (value, share) in with_shares.chain(none) {
            if share > 0.0 {
                let credit = credits.entry(value.to_owned()).or_default();
                credit.0 += share * f64::from(conversion.made);
                credit.1 += share * conversion.revenue as f64;
            }
        }
    }
    credits
}

/// All conversions that have sessions before them, divided by the removal effects of the values.
fn data_driven(conversions: &[ConversionRecord], journeys: &Journeys, others: &[JourneyRecord]) -> Credits {
    let paths = conversions.iter().map(|conversion| (conversion, journeys.before(conversion)));
    let paths: Vec<(&ConversionRecord, Vec<Touch<'_>>)> = paths.collect();
    let mut frequent: BTreeMap<&str, f64> = BTreeMap::new();
    for touch in paths.iter().filter(|(conversion, _)| conversion.made == 1).flat_map(|(_, touches)| touches) {
        *frequent.entry(touch.value).or_default() += 1.0;
    }
    for journey in others {
        for value in &journey.journey {
            *frequent.entry(value).or_default() += journey.people as f64;
        }
    }
    let mut names: Vec<(&str, f64)> = frequent.into_iter().collect();
    names.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    let is_cut = names.len() > STATES_MAX;
    names.truncate(STATES_MAX);
    let mut names: Vec<&str> = names.into_iter().map(|(name, _)| name).collect();
    let states: HashMap<&str, usize> = names.iter().enumerate().map(|(state, name)| (*name, state)).collect();
    if is_cut {
        names.push(OTHER);
    }
    let state = |value: &str| states.get(value).copied().unwrap_or(STATES_MAX);
    let mut chain = Chain::default();
    let (mut made, mut revenue, mut credits) = (0.0, 0.0, Credits::new());
    for (conversion, touches) in &paths {
        if touches.is_empty() {
            let credit = credits.entry(String::new()).or_default();
            credit.0 += f64::from(conversion.made);
            credit.1 += conversion.revenue as f64;
            continue;
        }
        made += f64::from(conversion.made);
        revenue += conversion.revenue as f64;
        if conversion.made == 1 {
            let path: Vec<usize> = touches.iter().map(|touch| state(touch.value)).collect();
            chain.add(&path, true, 1.0);
        }
    }
    for journey in others {
        let path: Vec<usize> = journey.journey.iter().map(|value| state(value)).collect();
        chain.add(&path, false, journey.people as f64);
    }
    match chain.shares() {
        Some(shares) => {
            for (name, share) in names.into_iter().zip(shares).filter(|(_, share)| *share > 0.0) {
                let credit = credits.entry(name.to_owned()).or_default();
                credit.0 += share * made;
                credit.1 += share * revenue;
            }
        }
        // Refunds only: nothing is known of what led to their orders but the sessions.
        None => return divided(AttributionModel::Markov, conversions, journeys),
    }
    credits
}

fn to_attribution(credits: Credits, conversions: &[ConversionRecord], site: &Site) -> Attribution {
    let made: u64 = conversions.iter().map(|conversion| u64::from(conversion.made)).sum();
    let revenue_minor: i64 = conversions.iter().map(|conversion| conversion.revenue).sum();
    let in_parts: Vec<f64> = credits.values().map(|credit| credit.0 * PARTS as f64).collect();
    let in_minor: Vec<f64> = credits.values().map(|credit| credit.1).collect();
    let parts = apportion(&in_parts, i64::try_from(made).unwrap_or(i64::MAX).saturating_mul(PARTS));
    let minor = apportion(&in_minor, revenue_minor);
    let row = |((value, _), (parts, revenue_minor)): ((String, _), (i64, i64))| AttributionRow {
        value,
        conversions: parts as f64 / PARTS as f64,
        revenue_minor,
    };
    let mut rows: Vec<AttributionRow> = credits.into_iter().zip(parts.into_iter().zip(minor)).map(row).collect();
    rows.retain(|row| row.conversions != 0.0 || row.revenue_minor != 0);
    rows.sort_by(|a, b| b.conversions.total_cmp(&a.conversions).then(a.value.cmp(&b.value)));
    let currency = site.currency.as_str().to_owned();
    Attribution { rows, conversions: made, revenue_minor, currency, compare: None }
}
