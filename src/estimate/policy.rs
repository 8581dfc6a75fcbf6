//! Off-policy evaluation: the click-through rate that another policy would have had, from the log of impressions.
//!
//! Every row of the log has its propensity. Rows are weighted by how much more often the target policy would show them
//! (Horvitz, Thompson 1952), which gives three estimates of its click-through rate:
//! - `ips`: the mean of weighted clicks; unbiased, with a high variance;
//! - `snips`: divided by the weights instead of the rows (Swaminathan, Joachims 2015): almost unbiased, with a much lower
//!   variance;
//! - `doubly_robust` (Dudík, Langford, Li 2011): an outcome model of slots and models from the rest of the log, corrected
//!   by its weighted errors; unbiased too, with a lower variance than `ips` if the outcome model is good.
//!
//! If a model ranked a random share of the slots, counting only its own rows is the replay method of Li, Chu, Langford
//! and Wang (2011), and `snips` has the same value.

use std::collections::HashMap;

use super::ratio::{Interval, Moments, t_quantile};

/// Aggregated log rows of one visitor, slot, model and draw.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRow {
    /// The visitor, or the decision if the visitor is anonymous.
    pub cluster: u128,
    /// Number of the slot.
    pub slot: u32,
    /// Number of the model.
    pub model: u32,
    /// Probability with which the model was drawn.
    pub model_probability: f64,
    /// Probability of exploring a position.
    pub explore: f64,
    /// Whether one was explored.
    pub explored: bool,
    /// Views.
    pub views: f64,
    /// Views with a click.
    pub clicked: f64,
}

/// The policy to evaluate.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TargetPolicy {
    /// Shares of the models by number, which sum to 1; empty: as logged.
    pub models: Vec<f64>,
    /// Share of slots in which one position is explored, if there is an item to explore; `None`: as logged.
    pub explore: Option<f64>,
}

/// Why there is no estimate.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// The log is empty.
    Nothing,
    /// A model of the policy, by its number, was never shown.
    NeverShown(u32),
    /// The effective sample size is too small.
    TooLittleOverlap,
    /// Too few weighted views were clicked.
    TooFewClicks,
    /// The mean weight is not 1: the log lacks parts of what the policy would show.
    Unsupported,
}

/// Evaluation of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Views in the log.
    pub views: f64,
    /// Effective sample size (Kish): `(Σw)² / Σw²`.
    pub effective: f64,
    /// The mean weight; 1 if the log fully covers the policy.
    pub mean_weight: f64,
    /// Click-through rate of the log.
    pub now: Option<Interval>,
    /// The estimates, or why there are none.
    pub outcome: Result<Estimates, Refusal>,
}

/// Estimates of the policy's click-through rate, each with its difference to that of the log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimates {
    /// Inverse propensity.
    pub ips: (Interval, Interval),
    /// Self-normalized.
    pub snips: (Interval, Interval),
    /// Doubly robust.
    pub doubly_robust: (Interval, Interval),
}

/// Minimum effective sample size, views.
pub const EFFECTIVE_MIN: f64 = 100.0;
/// Minimum clicked views with a positive weight; with fewer the interval is unreliable.
pub const CLICKED_MIN: f64 = 10.0;
/// Maximum deviation of the mean weight from 1, in addition to its interval.
const IMBALANCE_MAX: f64 = 0.1;
/// Folds of visitors for cross-fitting: the outcome model is never applied to rows it was fitted on.
const FOLDS: usize = 5;
/// Shrinkage of a cell towards the mean of its slot, in views.
const PRIOR_VIEWS: f64 = 50.0;

/// Evaluates a policy on the log.
#[must_use]
pub fn evaluate(rows: &[LogRow], policy: &TargetPolicy) -> Evaluation {
    let weighted: Vec<(f64, &LogRow)> = rows.iter().map(|row| (policy.weight(row), row)).collect();
    let views: f64 = rows.iter().map(|row| row.views).sum();
    let (sum, squares) =
        weighted.iter().fold((0.0, 0.0), |(sum, squares), (w, row)| (sum + w * row.views, squares + w * w * row.views));
    let effective = if squares > 0.0 { sum * sum / squares } else { 0.0 };
    let mean_weight = if views > 0.0 { sum / views } else { 0.0 };
    let logged = Totals::new(rows, |row| (row.views, row.clicked));
    let outcome = policy.refusal(&weighted, effective, mean_weight).map_or_else(
        || {
            let estimate = |total: &dyn Fn(f64, &LogRow) -> (f64, f64)| {
                Totals::new(rows, |row| total(policy.weight(row), row)).with_lead_over(&logged)
            };
            let outcomes = OutcomeModel::fit(rows);
            Ok(Estimates {
                ips: estimate(&|w, row| (row.views, w * row.clicked)),
                snips: estimate(&|w, row| (w * row.views, w * row.clicked)),
                doubly_robust: estimate(&|w, row| {
                    let error = row.clicked - row.views * outcomes.rate(row, row.model, row.explored);
                    (row.views, row.views * outcomes.policy_rate(row, policy) + w * error)
                }),
            })
        },
        Err,
    );
    Evaluation { views, effective, mean_weight, now: logged.moments.share(), outcome }
}

impl TargetPolicy {
    /// Importance weight: how many times more often the policy would show this row than it was shown.
    fn weight(&self, row: &LogRow) -> f64 {
        let model = if self.models.is_empty() {
            1.0
        } else {
            self.share(row.model) / row.model_probability.max(f64::MIN_POSITIVE)
        };
        model * self.explore_probability(row, row.explored)
            / logged_probability(row, row.explored).max(f64::MIN_POSITIVE)
    }

    fn share(&self, model: u32) -> f64 {
        self.models.get(model as usize).copied().unwrap_or(0.0)
    }

    /// Probability that the policy explores in the context of a row, or does not.
    fn explore_probability(&self, row: &LogRow, explored: bool) -> f64 {
        match self.explore {
            // Without an item to explore no policy can explore.
            Some(explore) if row.explore > 0.0 => {
                if explored {
                    explore
                } else {
                    1.0 - explore
                }
            }
            _ => logged_probability(row, explored),
        }
    }

    fn refusal(&self, weighted: &[(f64, &LogRow)], effective: f64, mean_weight: f64) -> Option<Refusal> {
        if weighted.is_empty() {
            return Some(Refusal::Nothing);
        }
        let wanted = (0_u32..).zip(&self.models).filter(|(_, share)| **share > 0.0);
        for (model, _) in wanted {
            if weighted.iter().all(|(_, row)| row.model != model) {
                return Some(Refusal::NeverShown(model));
            }
        }
        if effective < EFFECTIVE_MIN {
            return Some(Refusal::TooLittleOverlap);
        }
        let balance =
            Totals::new(weighted.iter().map(|(_, row)| *row), |row| (row.views, self.weight(row) * row.views));
        let margin = balance.moments.ratio().map_or(0.0, |interval| interval.high - interval.value);
        if (mean_weight - 1.0).abs() > IMBALANCE_MAX + margin {
            return Some(Refusal::Unsupported);
        }
        let clicked: f64 = weighted.iter().filter(|(w, _)| *w > 0.0).map(|(_, row)| row.clicked).sum();
        (clicked < CLICKED_MIN).then_some(Refusal::TooFewClicks)
    }
}

/// Logged probability of exploring, or of not exploring.
fn logged_probability(row: &LogRow, explored: bool) -> f64 {
    if explored { row.explore } else { 1.0 - row.explore }
}

/// Totals of every cluster.
struct Totals {
    clusters: HashMap<u128, (f64, f64), ahash::RandomState>,
    moments: Moments,
}

impl Totals {
    fn new<'r>(rows: impl IntoIterator<Item = &'r LogRow>, total: impl Fn(&LogRow) -> (f64, f64)) -> Self {
        let mut clusters: HashMap<u128, (f64, f64), ahash::RandomState> = HashMap::default();
        for row in rows {
            let (n, y) = total(row);
            let cluster = clusters.entry(row.cluster).or_default();
            (cluster.0, cluster.1) = (cluster.0 + n, cluster.1 + y);
        }
        let mut moments = Moments::default();
        for (n, y) in clusters.values() {
            moments.add(*n, *y);
        }
        Self { clusters, moments }
    }

    /// The ratio, and its difference to another one of the same clusters, which has a narrower interval because the
    /// samples are paired.
    fn with_lead_over(&self, other: &Self) -> (Interval, Interval) {
        let value = |totals: &Self| totals.moments.y / totals.moments.n;
        let (own, theirs) = (value(self), value(other));
        let influence = |totals: &Self, value: f64, cluster: &u128| {
            let (n, y) = totals.clusters.get(cluster).copied().unwrap_or_default();
            (y - value * n) / totals.moments.n
        };
        let squares: f64 = self
            .clusters
            .keys()
            .map(|cluster| (influence(self, own, cluster) - influence(other, theirs, cluster)).powi(2))
            .sum();
        let clusters = self.clusters.len() as f64;
        let margin = t_quantile(self.clusters.len() as u64) * (squares * clusters / (clusters - 1.0).max(1.0)).sqrt();
        let lead = own - theirs;
        let interval = self.moments.ratio().unwrap_or(Interval { value: own, low: own, high: own });
        (interval, Interval { value: lead, low: lead - margin, high: lead + margin })
    }
}

/// Views and clicks of a cell.
type Cell = (f64, f64);

/// Click-through rates by slot, model and draw, for each fold of visitors from the other folds.
struct OutcomeModel {
    cells: HashMap<(usize, u32, u32, bool), Cell, ahash::RandomState>,
    slots: HashMap<(usize, u32), Cell, ahash::RandomState>,
    all: [Cell; FOLDS],
}

impl OutcomeModel {
    fn fit(rows: &[LogRow]) -> Self {
        let mut outcomes = Self { cells: HashMap::default(), slots: HashMap::default(), all: [(0.0, 0.0); FOLDS] };
        let add = |cell: &mut Cell, row: &LogRow| (cell.0, cell.1) = (cell.0 + row.views, cell.1 + row.clicked);
        for row in rows {
            for fold in (0..FOLDS).filter(|fold| *fold != fold_of(row.cluster)) {
                add(outcomes.cells.entry((fold, row.slot, row.model, row.explored)).or_default(), row);
                add(outcomes.slots.entry((fold, row.slot)).or_default(), row);
                add(&mut outcomes.all[fold], row);
            }
        }
        outcomes
    }

    /// Click-through rate of other visitors in this slot with the given model and draw.
    fn rate(&self, row: &LogRow, model: u32, explored: bool) -> f64 {
        let fold = fold_of(row.cluster);
        let shrunk = |cell: Option<&Cell>, prior: f64| {
            let (views, clicked) = cell.copied().unwrap_or_default();
            (clicked + PRIOR_VIEWS * prior) / (views + PRIOR_VIEWS)
        };
        let all = shrunk(Some(&self.all[fold]), 0.0);
        let slot = shrunk(self.slots.get(&(fold, row.slot)), all);
        shrunk(self.cells.get(&(fold, row.slot, model, explored)), slot)
    }

    /// The mean rate over the policy's choices in this slot.
    fn policy_rate(&self, row: &LogRow, policy: &TargetPolicy) -> f64 {
        let model_rate = |model: u32| {
            let explore = policy.explore_probability(row, true);
            let explored = if explore > 0.0 { explore * self.rate(row, model, true) } else { 0.0 };
            explored + policy.explore_probability(row, false) * self.rate(row, model, false)
        };
        if policy.models.is_empty() {
            return model_rate(row.model);
        }
        let wanted = (0_u32..).zip(&policy.models).filter(|(_, share)| **share > 0.0);
        wanted.map(|(model, share)| share * model_rate(model)).sum()
    }
}

fn fold_of(cluster: u128) -> usize {
    // Visitor ids are random; decision ids of anonymous visitors are parts of a hash.
    ((cluster ^ (cluster >> 64)) % FOLDS as u128) as usize
}
