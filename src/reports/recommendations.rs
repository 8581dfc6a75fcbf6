//! What recommendations brought, by slot, model and place.

use serde::Deserialize;

use super::{Report, ReportError, Reports, check_text, money, period::Period, refuse, some};
use crate::{
    estimate::{Interval, Moments},
    model::Site,
    store::{Param, Row},
    wire::reports::{Estimated, Exploring, PositionRow, RecommendationRow, Recommendations, RecommendationsQuestion},
};

const ROWS: &str = include_str!("../store/sql/reports.recommendations.sql");
const PLACES: &str = include_str!("../store/sql/reports.recommendation_places.sql");
const UNPROVED: &str = include_str!("../store/sql/reports.unproved_views.sql");

const WINDOW_DAYS: u32 = 7;
const WINDOW_DAYS_MAX: u32 = 90;
const DAY_MS: i64 = 86_400_000;

#[derive(Row, Deserialize)]
struct Found {
    slot: String,
    model: String,
    clusters: u64,
    visitors: u64,
    views: f64,
    views_squared: f64,
    clicked_views: f64,
    clicked_squared: f64,
    views_clicked: f64,
    bought_views: f64,
    bought_squared: f64,
    views_bought: f64,
    revenue: f64,
    revenue_squared: f64,
    views_revenue: f64,
    clicks: u64,
    purchases: u64,
    click_purchases: u64,
    click_revenue: f64,
    tries: u64,
    tries_expected: f64,
    item_views: u64,
}

#[derive(Row, Deserialize)]
struct Place {
    at: u32,
    clusters: u64,
    views: f64,
    views_squared: f64,
    clicked_views: f64,
    clicked_squared: f64,
    views_clicked: f64,
    tried_clusters: u64,
    tried_views: f64,
    tried_squared: f64,
    tried_clicked: f64,
    tried_clicked_squared: f64,
    tried_views_clicked: f64,
}

impl Reports {
    /// What came of recommended slots in a period. `explore_items` is the share that is set for the site.
    ///
    /// # Errors
    /// When the question must be mended or the warehouse does not answer.
    pub async fn recommendations(
        &self,
        site: &Site,
        question: &RecommendationsQuestion,
        explore_items: f64,
    ) -> Result<Recommendations, ReportError> {
        let period = Period::check(question.from, question.to, question.timezone.as_deref(), site)?;
        let window_days = question.window_days.unwrap_or(WINDOW_DAYS);
        if !(1..=WINDOW_DAYS_MAX).contains(&window_days) {
            return refuse("window_days must be 1 to 90");
        }
        let mut params = period.params(site.id);
        params.push(("slot", slot(question.slot.as_deref())?));
        let asked = self.ask(Report::Recommendations);
        let places: Vec<Place> = asked.query(PLACES, &params).await?;
        let unproved: Vec<u64> = asked.query(UNPROVED, &period.params(site.id)).await?;
        params.push(("window_ms", Param::I64(i64::from(window_days) * DAY_MS)));
        params.extend(money::params(site));
        let found: Vec<Found> = asked.query(ROWS, &params).await?;
        let all = found.iter().find(|row| row.slot.is_empty() && row.model.is_empty());
        Ok(Recommendations {
            currency: site.currency.as_str().to_owned(),
            window_days,
            exploring: exploring(all, explore_items),
            rows: found.into_iter().map(row).collect(),
            positions: places.iter().map(position).collect(),
            unproved: unproved.first().copied().unwrap_or_default(),
        })
    }
}

/// The slot of a question as a parameter, empty for all.
pub(super) fn slot(asked: Option<&str>) -> Result<Param, ReportError> {
    let slot = asked.unwrap_or_default();
    check_text("slot", slot)?;
    Ok(slot.into())
}

/// An interval as it is told.
pub(super) fn told(interval: Interval) -> Estimated {
    Estimated { value: interval.value, low: interval.low, high: interval.high }
}

/// Counts are whole numbers that came as floats, because they were squared.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of rows")]
pub(super) fn whole(count: f64) -> u64 {
    count.max(0.0).round() as u64
}

#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn minor(amount: f64) -> i64 {
    amount.round() as i64
}

fn exploring(all: Option<&Found>, set: f64) -> Exploring {
    let Some(all) = all else { return Exploring { set, promised: 0.0, reached: None, share_of_items: 0.0 } };
    let tries = all.tries as f64;
    // One slot in many is tried, whoever sees it: views are as good as independent here.
    let moments = Moments { clusters: whole(all.views), n: all.views, y: tries, nn: all.views, yy: tries, ny: tries };
    Exploring {
        set,
        promised: all.tries_expected / all.views.max(1.0),
        reached: moments.share().map(told),
        share_of_items: tries / (all.item_views as f64).max(1.0),
    }
}

fn row(found: Found) -> RecommendationRow {
    let of = |y: f64, yy: f64, ny: f64| Moments {
        clusters: found.clusters,
        n: found.views,
        y,
        nn: found.views_squared,
        yy,
        ny,
    };
    let revenue = of(found.revenue, found.revenue_squared, found.views_revenue).ratio().map(told);
    RecommendationRow {
        visitors: found.visitors,
        impressions: whole(found.views),
        clicked: whole(found.clicked_views),
        clicks: found.clicks,
        click_through: of(found.clicked_views, found.clicked_squared, found.views_clicked).share().map(told),
        purchases: found.purchases,
        conversion: of(found.bought_views, found.bought_squared, found.views_bought).share().map(told),
        revenue_minor: minor(found.revenue),
        revenue_per_thousand: revenue.map(|Estimated { value, low, high }| Estimated {
            value: value * 1000.0,
            low: low * 1000.0,
            high: high * 1000.0,
        }),
        purchases_after_click: found.click_purchases,
        revenue_after_click_minor: minor(found.click_revenue),
        slot: some(found.slot),
        model: some(found.model),
    }
}

fn position(found: &Place) -> PositionRow {
    let seen = Moments {
        clusters: found.clusters,
        n: found.views,
        y: found.clicked_views,
        nn: found.views_squared,
        yy: found.clicked_squared,
        ny: found.views_clicked,
    };
    let tried = Moments {
        clusters: found.tried_clusters,
        n: found.tried_views,
        y: found.tried_clicked,
        nn: found.tried_squared,
        yy: found.tried_clicked_squared,
        ny: found.tried_views_clicked,
    };
    PositionRow {
        position: u64::from(found.at),
        views: whole(found.views),
        clicked: whole(found.clicked_views),
        click_through: seen.share().map(told),
        tried: whole(found.tried_views),
        tried_clicked: whole(found.tried_clicked),
        tried_click_through: tried.share().map(told),
    }
}
