//! Queries of experiments: people by variant, and a metric's sums over them.

use clickhouse::Row;
use serde::Deserialize;

use super::{FunnelQuery, fragments::Fragments};
use crate::{
    estimate::VariantMoments,
    model::{EventStep, Metric, MetricKind, Site},
    segments::is_amount,
    store::{Param, Statement, Store, StoreError, rate_params, statement},
};

const PEOPLE: &str = include_str!("../sql/reports.experiment_people.sql");
const METRIC: &str = include_str!("../sql/reports.experiment_metric.sql");
const EXPOSED: &str = include_str!("../sql/fragment.exposed.sql");
/// Properties of an order that stand for its amount.
const ORDER_AMOUNTS: [&str; 3] = ["revenue", "total", "value"];

/// Whose exposures and events are read.
#[derive(Debug, Clone, Copy)]
pub struct ExperimentQuery<'a> {
    /// The site.
    pub site: &'a Site,
    /// Key of the experiment.
    pub experiment: &'a str,
    /// Keys of its variants.
    pub variants: &'a [String],
    /// Exposures happen at or after this, milliseconds.
    pub exposed_ms: i64,
    /// Exposures and events happen before this, milliseconds.
    pub to_ms: i64,
    /// How long before the first exposure events are compared with those after it, milliseconds.
    pub before_ms: i64,
    /// Whether the visitors of one person count as one.
    pub join_people: bool,
    /// Inactivity that ends a session, milliseconds.
    pub session_ms: i64,
}

/// People who were shown a variant first.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct VariantPeople {
    /// Key of the variant.
    pub variant: String,
    /// People.
    pub people: u64,
    /// Those who were shown another one later.
    pub several: u64,
    /// The first exposure, milliseconds.
    pub began_ms: i64,
    /// The last person's first exposure, milliseconds.
    pub newest_ms: i64,
}

#[derive(Row, Deserialize)]
struct MomentsRow {
    variant: String,
    people: u64,
    active: u64,
    y: f64,
    yy: f64,
    x: f64,
    xx: f64,
    xy: f64,
}

impl Store {
    /// People by variant; variants without people are absent.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn experiment_people(&self, query: ExperimentQuery<'_>) -> Result<Vec<VariantPeople>, StoreError> {
        let mut fragments = vec![("$EXPOSED", EXPOSED)];
        fragments.extend(statement::people(query.join_people));
        let params = [
            ("site", Param::U32(query.site.id.0)),
            ("experiment", query.experiment.into()),
            ("variants", Param::ArrayStr(query.variants.to_vec())),
            ("exposed_ms", Param::I64(query.exposed_ms)),
            ("to_ms", Param::I64(query.to_ms)),
        ];
        self.query(Statement::with(PEOPLE, &fragments), &params).await
    }

    /// A metric's sums over the people of each variant.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn experiment_metric(
        &self,
        query: ExperimentQuery<'_>,
        metric: &Metric,
    ) -> Result<Vec<(String, VariantMoments)>, StoreError> {
        let step = [EventStep { event: metric.event.clone(), conditions: metric.conditions.clone() }];
        let events = FunnelQuery {
            site: query.site.id,
            from_ms: query.exposed_ms.saturating_sub(query.before_ms).max(0),
            to_ms: query.to_ms,
            last_ms: query.to_ms,
            steps: &step,
            exclude: &[],
            strict: false,
            ignore: &[],
            entry_bits: 1,
            breakdown: None,
            join_people: query.join_people,
            session_ms: query.session_ms,
        };
        let mut fragments = Fragments::new(events);
        let condition = fragments.step(&step[0]);
        let property = metric.property.as_deref().filter(|_| metric.kind == MetricKind::Sum).unwrap_or_default();
        let is_order_amount = ORDER_AMOUNTS.contains(&property);
        let number = number(&mut fragments, property, is_order_amount);
        // Fixed texts first: what is made of the request comes last and is not replaced in.
        let text = fragments
            .fill(events, METRIC)
            .replace("$MONEY", &statement::unfiltered(statement::MONEY))
            .replace("$VALUE", "''")
            .replace("$EXPOSED", EXPOSED);
        let text =
            statement::people(query.join_people).iter().fold(text, |text, (name, with)| text.replace(name, with));
        let text = text.replace("$NUMBER", &number).replace("$STEP", &condition);
        let own = query.site.currency;
        let exponents = query.site.rates.all().iter().map(|rate| {
            let currency = if rate.currency == crate::model::Currency::NONE { own } else { rate.currency };
            u64::from(currency.exponent())
        });
        let fixed_params = [
            ("experiment", query.experiment.into()),
            ("variants", Param::ArrayStr(query.variants.to_vec())),
            ("exposed_ms", Param::I64(query.exposed_ms)),
            ("before_ms", Param::I64(query.before_ms)),
            ("names", Param::ArrayStr(vec![metric.event.clone()])),
            ("page_views", Param::U8(u8::from(metric.event == EventStep::PAGE))),
            ("kind", Param::U8(metric.kind as u8)),
            ("whole_order", Param::U8(u8::from(is_order_amount))),
            ("rate_exponents", Param::ArrayU64(exponents.collect())),
        ];
        let limit = self.limits.time_left(self.query_timeout);
        let mut statement = self.read_only_query(&text, limit);
        let params = fragments.params.iter().map(|(name, value)| (name.as_str(), value));
        let fixed = fixed_params.iter().map(|(name, value)| (*name, value));
        let rates = rate_params(query.site);
        for (name, value) in params.chain(fixed).chain(rates.iter().map(|(name, value)| (*name, value))) {
            statement = statement.param(name, value);
        }
        let rows: Vec<MomentsRow> = self.within(limit, statement.fetch_all()).await?;
        Ok(rows.into_iter().map(moments).collect())
    }
}

/// The number that a sum adds up, money in minor units of the site's currency.
fn number(fragments: &mut Fragments, property: &str, is_order_amount: bool) -> String {
    if property.is_empty() {
        return "0".into();
    }
    if is_order_amount {
        return "amount_minor * rate_factor".into();
    }
    let text = fragments.property(property);
    let factor = if is_amount(property) { " * rate_factor * minor_units" } else { "" };
    ["ifNull(toFloat64OrNull(", &text, "), 0)", factor].concat()
}

fn moments(row: MomentsRow) -> (String, VariantMoments) {
    let MomentsRow { variant, people, active, y, yy, x, xx, xy } = row;
    (variant, VariantMoments { people, active, y, yy, x, xx, xy })
}
