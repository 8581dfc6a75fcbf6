//! The blend: a small net with one hidden layer beside a straight line from features to score.
//!
//! All candidates of one answer are scored at once, feature by feature, in loops over neighbouring
//! numbers, which the compiler turns into vector instructions of any processor.

use serde::{Deserialize, Serialize};

use super::features::FEATURES;

/// Hidden units.
pub(super) const HIDDEN: usize = 32;
/// Columns are padded to a multiple of this.
pub(super) const LANES: usize = 8;

/// Weights learned by `train`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Net {
    pub(super) mean: Vec<f32>,
    pub(super) scale: Vec<f32>,
    /// From feature `f` to unit `h` at `h * FEATURES + f`.
    pub(super) inner: Vec<f32>,
    pub(super) inner_bias: Vec<f32>,
    pub(super) outer: Vec<f32>,
    pub(super) direct: Vec<f32>,
}

/// What a unit that is off lets through.
pub(super) const LEAK: f32 = 0.1;

impl Net {
    /// Standardizes features that lie column after column, `stride` numbers each.
    pub(super) fn standardize(&self, columns: &mut [f32], stride: usize) {
        for ((column, mean), scale) in columns.chunks_exact_mut(stride).zip(&self.mean).zip(&self.scale) {
            for value in column {
                *value = ((*value - mean) * scale).clamp(-6.0, 6.0);
            }
        }
    }

    /// Scores all candidates; `units` receives the hidden units, column after column.
    pub(super) fn forward(&self, columns: &[f32], stride: usize, units: &mut Vec<f32>, scores: &mut Vec<f32>) {
        units.clear();
        units.resize(HIDDEN * stride, 0.0);
        scores.clear();
        scores.resize(stride, 0.0);
        weigh(scores, &self.direct, columns, stride);
        for (h, unit) in units.chunks_exact_mut(stride).enumerate() {
            unit.fill(self.inner_bias[h]);
            weigh(unit, &self.inner[h * FEATURES..(h + 1) * FEATURES], columns, stride);
            let outer = self.outer[h];
            for (value, score) in unit.iter_mut().zip(scores.iter_mut()) {
                *value = value.max(LEAK * *value);
                *score += outer * *value;
            }
        }
    }
}

/// Adds the columns times their weights.
fn weigh(sums: &mut [f32], weights: &[f32], columns: &[f32], stride: usize) {
    let (weights, _) = weights.as_chunks::<4>();
    for (weights, four) in weights.iter().zip(columns.chunks_exact(4 * stride)) {
        let (a, rest) = four.split_at(stride);
        let (b, rest) = rest.split_at(stride);
        let (c, d) = rest.split_at(stride);
        for ((((sum, a), b), c), d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *sum += (a * weights[0] + b * weights[1]) + (c * weights[2] + d * weights[3]);
        }
    }
}
