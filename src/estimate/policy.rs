//! What another choice of models would have brought, from the log of what was shown (off-policy evaluation).
//!
//! Every row of the log tells with which probability it came to be. A row that the other choice would show more
//! often counts so many times more (Horvitz, Thompson 1952), which gives three estimates of its click-through:
//! - `ips`: the mean of weighted clicks; right on average whatever people are like, at the price of its spread;
//! - `snips`: divided by the weights instead of the rows (Swaminathan, Joachims 2015): almost right, far steadier;
//! - `doubly_robust` (Dudík, Langford, Li 2011): what was learned from the rest of the log about slots and models,
//!   corrected by the weighted errors of that; right on average too, and steadier than `ips` where that is any good.
//!
//! Where a model ranked a share of the slots by lot, counting just its own rows is the replay of Li, Chu, Langford
//! and Wang (2011), and `snips` is the same figure.

use std::collections::HashMap;

use super::ratio::{Interval, Moments, t};

/// Rows of a log that are alike: one visitor, slot, model and draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The visitor, or the decision where it is nobody.
    pub cluster: u128,
    /// Number of the slot.
    pub slot: u32,
    /// Number of the model.
    pub model: u32,
    /// Probability with which the model had been drawn.
    pub model_probability: f64,
    /// Probability with which a place had been given away.
    pub explore: f64,
    /// Whether one was.
    pub explored: bool,
    /// Views.
    pub views: f64,
    /// Views with a click.
    pub clicked: f64,
}

/// Another choice.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Choice {
    /// Shares of the models by number, adding up to 1; empty: as it was.
    pub models: Vec<f64>,
    /// Share of slots in which one place is given away, where there is something to try; `None`: as it was.
    pub explore: Option<f64>,
}

/// Why there is no estimate.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// Nothing was shown.
    Nothing,
    /// A model that the choice wants, by its number, was never shown.
    NeverShown(u32),
    /// The log's views are worth too few of the choice's.
    TooLittleOverlap,
    /// Too few of those views were clicked.
    TooFewClicks,
    /// The weights do not add up to the log: parts of what the choice would show are not in it.
    Unsupported,
}

/// What the log tells of a choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Views in the log.
    pub views: f64,
    /// How many views of the choice itself they are worth (Kish): `(Σw)² / Σw²`.
    pub effective: f64,
    /// The mean weight, 1 where everything that the choice would show is in the log as often as it should be.
    pub mean_weight: f64,
    /// Click-through in the log.
    pub now: Option<Interval>,
    /// The estimates, or why there are none.
    pub outcome: Result<Estimates, Refusal>,
}

/// The estimates of a choice's click-through, each with its lead over the log's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimates {
    /// Inverse propensity.
    pub ips: (Interval, Interval),
    /// Self-normalized.
    pub snips: (Interval, Interval),
    /// Doubly robust.
    pub doubly_robust: (Interval, Interval),
}

/// Below this many effective views nothing is told.
pub const EFFECTIVE_MIN: f64 = 100.0;
/// Below this many clicked views that count for the choice the interval would be a guess.
pub const CLICKED_MIN: f64 = 10.0;
/// The mean weight may be this far from 1, beyond what chance explains.
const IMBALANCE_MAX: f64 = 0.1;
/// What was learned is never judged by the rows it was learned from: visitors are dealt into so many heaps.
const HEAPS: usize = 5;
/// A rare cell is believed like the mean of its slot seen so many times.
const PRIOR_VIEWS: f64 = 50.0;

/// Judges a choice by the log.
#[must_use]
pub fn judge(rows: &[Row], choice: &Choice) -> Verdict {
    let weighed: Vec<(f64, &Row)> = rows.iter().map(|row| (choice.weight(row), row)).collect();
    let views: f64 = rows.iter().map(|row| row.views).sum();
    let (sum, squares) =
        weighed.iter().fold((0.0, 0.0), |(sum, squares), (w, row)| (sum + w * row.views, squares + w * w * row.views));
    let effective = if squares > 0.0 { sum * sum / squares } else { 0.0 };
    let mean_weight = if views > 0.0 { sum / views } else { 0.0 };
    let plain = Totals::of(rows, |row| (row.views, row.clicked));
    let outcome = choice.refused(&weighed, effective, mean_weight).map_or_else(
        || {
            let by = |total: &dyn Fn(f64, &Row) -> (f64, f64)| {
                Totals::of(rows, |row| total(choice.weight(row), row)).with_lead_over(&plain)
            };
            let learned = Learned::of(rows);
            Ok(Estimates {
                ips: by(&|w, row| (row.views, w * row.clicked)),
                snips: by(&|w, row| (w * row.views, w * row.clicked)),
                doubly_robust: by(&|w, row| {
                    let error = row.clicked - row.views * learned.rate(row, row.model, row.explored);
                    (row.views, row.views * learned.of_choice(row, choice) + w * error)
                }),
            })
        },
        Err,
    );
    Verdict { views, effective, mean_weight, now: plain.moments.share(), outcome }
}

impl Choice {
    /// How many times more often the choice would show this than it was shown.
    fn weight(&self, row: &Row) -> f64 {
        let model = if self.models.is_empty() {
            1.0
        } else {
            self.share(row.model) / row.model_probability.max(f64::MIN_POSITIVE)
        };
        model * self.explored(row, row.explored) / logged(row, row.explored).max(f64::MIN_POSITIVE)
    }

    fn share(&self, model: u32) -> f64 {
        self.models.get(model as usize).copied().unwrap_or(0.0)
    }

    /// Probability with which the choice gives a place away in this row's situation, or does not.
    fn explored(&self, row: &Row, explored: bool) -> f64 {
        match self.explore {
            // Where there was nothing to try there is nothing for anybody.
            Some(explore) if row.explore > 0.0 => {
                if explored {
                    explore
                } else {
                    1.0 - explore
                }
            }
            _ => logged(row, explored),
        }
    }

    fn refused(&self, weighed: &[(f64, &Row)], effective: f64, mean_weight: f64) -> Option<Refusal> {
        if weighed.is_empty() {
            return Some(Refusal::Nothing);
        }
        let wanted = (0_u32..).zip(&self.models).filter(|(_, share)| **share > 0.0);
        for (model, _) in wanted {
            if weighed.iter().all(|(_, row)| row.model != model) {
                return Some(Refusal::NeverShown(model));
            }
        }
        if effective < EFFECTIVE_MIN {
            return Some(Refusal::TooLittleOverlap);
        }
        let balance = Totals::of(weighed.iter().map(|(_, row)| *row), |row| (row.views, self.weight(row) * row.views));
        let chance = balance.moments.ratio().map_or(0.0, |interval| interval.high - interval.value);
        if (mean_weight - 1.0).abs() > IMBALANCE_MAX + chance {
            return Some(Refusal::Unsupported);
        }
        let clicked: f64 = weighed.iter().filter(|(w, _)| *w > 0.0).map(|(_, row)| row.clicked).sum();
        (clicked < CLICKED_MIN).then_some(Refusal::TooFewClicks)
    }
}

/// Probability with which a place was given away, or was not.
fn logged(row: &Row, explored: bool) -> f64 {
    if explored { row.explore } else { 1.0 - row.explore }
}

/// Totals of every cluster.
struct Totals {
    clusters: HashMap<u128, (f64, f64), ahash::RandomState>,
    moments: Moments,
}

impl Totals {
    fn of<'r>(rows: impl IntoIterator<Item = &'r Row>, total: impl Fn(&Row) -> (f64, f64)) -> Self {
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

    /// The ratio, and how far it lies over another one of the same clusters. Both were read from the same
    /// visitors, so their difference is surer than either.
    fn with_lead_over(&self, other: &Self) -> (Interval, Interval) {
        let value = |totals: &Self| totals.moments.y / totals.moments.n;
        let (own, theirs) = (value(self), value(other));
        let pull = |totals: &Self, value: f64, cluster: &u128| {
            let (n, y) = totals.clusters.get(cluster).copied().unwrap_or_default();
            (y - value * n) / totals.moments.n
        };
        let squares: f64 =
            self.clusters.keys().map(|cluster| (pull(self, own, cluster) - pull(other, theirs, cluster)).powi(2)).sum();
        let clusters = self.clusters.len() as f64;
        let margin = t(self.clusters.len() as u64) * (squares * clusters / (clusters - 1.0).max(1.0)).sqrt();
        let lead = own - theirs;
        let interval = self.moments.ratio().unwrap_or(Interval { value: own, low: own, high: own });
        (interval, Interval { value: lead, low: lead - margin, high: lead + margin })
    }
}

/// Views and clicks of a cell.
type Cell = (f64, f64);

/// Click-through by slot, model and draw, learned for each heap of visitors from the others.
struct Learned {
    cells: HashMap<(usize, u32, u32, bool), Cell, ahash::RandomState>,
    slots: HashMap<(usize, u32), Cell, ahash::RandomState>,
    all: [Cell; HEAPS],
}

impl Learned {
    fn of(rows: &[Row]) -> Self {
        let mut learned = Self { cells: HashMap::default(), slots: HashMap::default(), all: [(0.0, 0.0); HEAPS] };
        let put = |cell: &mut Cell, row: &Row| (cell.0, cell.1) = (cell.0 + row.views, cell.1 + row.clicked);
        for row in rows {
            for heap in (0..HEAPS).filter(|heap| *heap != heap_of(row.cluster)) {
                put(learned.cells.entry((heap, row.slot, row.model, row.explored)).or_default(), row);
                put(learned.slots.entry((heap, row.slot)).or_default(), row);
                put(&mut learned.all[heap], row);
            }
        }
        learned
    }

    /// What others clicked in this situation, had the model and the draw been these.
    fn rate(&self, row: &Row, model: u32, explored: bool) -> f64 {
        let heap = heap_of(row.cluster);
        let believed = |cell: Option<&Cell>, prior: f64| {
            let (views, clicked) = cell.copied().unwrap_or_default();
            (clicked + PRIOR_VIEWS * prior) / (views + PRIOR_VIEWS)
        };
        let all = believed(Some(&self.all[heap]), 0.0);
        let of_slot = believed(self.slots.get(&(heap, row.slot)), all);
        believed(self.cells.get(&(heap, row.slot, model, explored)), of_slot)
    }

    /// The mean over what the choice would do in this situation.
    fn of_choice(&self, row: &Row, choice: &Choice) -> f64 {
        let of_model = |model: u32| {
            let given = choice.explored(row, true);
            let tried = if given > 0.0 { given * self.rate(row, model, true) } else { 0.0 };
            tried + choice.explored(row, false) * self.rate(row, model, false)
        };
        if choice.models.is_empty() {
            return of_model(row.model);
        }
        let wanted = (0_u32..).zip(&choice.models).filter(|(_, share)| **share > 0.0);
        wanted.map(|(model, share)| share * of_model(model)).sum()
    }
}

fn heap_of(cluster: u128) -> usize {
    // Ids are random; decisions of nobody are parts of a hash.
    ((cluster ^ (cluster >> 64)) % HEAPS as u128) as usize
}
