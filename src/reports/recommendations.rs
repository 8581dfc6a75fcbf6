//! Performance of recommendations by slot, model and position.

use serde::Deserialize;

use super::{
    Report, ReportError, Reports, check_text, invalid, money, non_empty,
    period::{DAY_MS, Period},
};
use crate::{
    estimate::{Interval, Moments},
    model::Site,
    store::{Param, Row},
    wire::reports::{Estimated, Exploration, PositionRow, RecommendationRow, Recommendations, RecommendationsQuestion},
};

const ROWS: &str = include_str!("../store/sql/reports.recommendations.sql");
const POSITIONS: &str = include_str!("../store/sql/reports.recommendation_positions.sql");
const UNSIGNED_VIEWS: &str = include_str!("../store/sql/reports.unsigned_views.sql");

const WINDOW_DAYS: u32 = 7;
const WINDOW_DAYS_MAX: u32 = 90;

#[derive(Row, Deserialize)]
struct SlotModelRecord {
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
struct PositionRecord {
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
    /// Performance of recommended slots in a period. `explore_items` is the exploration share set for the site.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn recommendations(
        &self,
        site: &Site,
        request: &RecommendationsQuestion,
        explore_items: f64,
    ) -> Result<Recommendations, ReportError> {
        let period = Period::check(request.from, request.to, request.timezone.as_deref(), site)?;
        let window_days = request.window_days.unwrap_or(WINDOW_DAYS);
        if !(1..=WINDOW_DAYS_MAX).contains(&window_days) {
            return invalid("window_days must be 1 to 90");
        }
        let mut params = period.params(site.id);
        params.push(("slot", slot_param(request.slot.as_deref())?));
        let run = self.start(Report::Recommendations);
        let positions: Vec<PositionRecord> = run.query(POSITIONS, &params).await?;
        let unsigned: Vec<u64> = run.query(UNSIGNED_VIEWS, &period.params(site.id)).await?;
        params.push(("window_ms", Param::I64(i64::from(window_days) * DAY_MS)));
        params.extend(money::params(site));
        let records: Vec<SlotModelRecord> = run.query(ROWS, &params).await?;
        let all = records.iter().find(|row| row.slot.is_empty() && row.model.is_empty());
        Ok(Recommendations {
            currency: site.currency.as_str().to_owned(),
            window_days,
            exploring: exploring(all, explore_items),
            rows: records.into_iter().map(row).collect(),
            positions: positions.iter().map(position).collect(),
            unproved: unsigned.first().copied().unwrap_or_default(),
        })
    }
}

/// The slot of a request as a query parameter; empty for all.
pub(super) fn slot_param(slot: Option<&str>) -> Result<Param, ReportError> {
    let slot = slot.unwrap_or_default();
    check_text("slot", slot)?;
    Ok(slot.into())
}

pub(super) fn to_estimated(interval: Interval) -> Estimated {
    Estimated { value: interval.value, low: interval.low, high: interval.high }
}

/// Converts a count that is a float only because its squares were summed.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of rows")]
pub(super) fn to_count(count: f64) -> u64 {
    count.max(0.0).round() as u64
}

#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn to_minor(amount: f64) -> i64 {
    amount.round() as i64
}

fn exploring(all: Option<&SlotModelRecord>, set: f64) -> Exploration {
    let Some(all) = all else { return Exploration { set, promised: 0.0, reached: None, share_of_items: 0.0 } };
    let tries = all.tries as f64;
    // Views are practically independent here: few slots explore, regardless of the visitor.
    let moments =
        Moments { clusters: to_count(all.views), n: all.views, y: tries, nn: all.views, yy: tries, ny: tries };
    Exploration {
        set,
        promised: all.tries_expected / all.views.max(1.0),
        reached: moments.share().map(to_estimated),
        share_of_items: tries / (all.item_views as f64).max(1.0),
    }
}

fn row(record: SlotModelRecord) -> RecommendationRow {
    let moments = |y: f64, yy: f64, ny: f64| Moments {
        clusters: record.clusters,
        n: record.views,
        y,
        nn: record.views_squared,
        yy,
        ny,
    };
    let revenue = moments(record.revenue, record.revenue_squared, record.views_revenue).ratio().map(to_estimated);
    RecommendationRow {
        visitors: record.visitors,
        impressions: to_count(record.views),
        clicked: to_count(record.clicked_views),
        clicks: record.clicks,
        click_through: moments(record.clicked_views, record.clicked_squared, record.views_clicked)
            .share()
            .map(to_estimated),
        purchases: record.purchases,
        conversion: moments(record.bought_views, record.bought_squared, record.views_bought).share().map(to_estimated),
        revenue_minor: to_minor(record.revenue),
        revenue_per_thousand: revenue.map(|Estimated { value, low, high }| Estimated {
            value: value * 1000.0,
            low: low * 1000.0,
            high: high * 1000.0,
        }),
        purchases_after_click: record.click_purchases,
        revenue_after_click_minor: to_minor(record.click_revenue),
        slot: non_empty(record.slot),
        model: non_empty(record.model),
    }
}

fn position(record: &PositionRecord) -> PositionRow {
    let seen = Moments {
        clusters: record.clusters,
        n: record.views,
        y: record.clicked_views,
        nn: record.views_squared,
        yy: record.clicked_squared,
        ny: record.views_clicked,
    };
    let tried = Moments {
        clusters: record.tried_clusters,
        n: record.tried_views,
        y: record.tried_clicked,
        nn: record.tried_squared,
        yy: record.tried_clicked_squared,
        ny: record.tried_views_clicked,
    };
    PositionRow {
        position: u64::from(record.at),
        views: to_count(record.views),
        clicked: to_count(record.clicked_views),
        click_through: seen.share().map(to_estimated),
        tried: to_count(record.tried_views),
        tried_clicked: to_count(record.tried_clicked),
        tried_click_through: tried.share().map(to_estimated),
    }
}
