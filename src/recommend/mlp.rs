//! The blend: a multilayer perceptron with one hidden layer and a direct linear path from features to score.
//!
//! All candidates of one request are scored together, block by block and feature by feature, in loops over adjacent
//! numbers, which the compiler turns into vector instructions (`vectorized`).

#![expect(clippy::inline_always, reason = "the closure given to `vectorized` must be inlined there")]

use serde::{Deserialize, Serialize};

use super::simd::vectorized;

/// Features of a candidate; [`FEATURES_VERSION`] changes with their meaning.
pub(super) const FEATURES: usize = 40;
/// A blend trained on one version of the features cannot use another.
pub(super) const FEATURES_VERSION: u32 = 1;

/// Hidden units.
pub(super) const HIDDEN: usize = 32;
/// Columns are padded to a multiple of this.
pub(super) const LANES: usize = 16;

/// Weights, trained by `train`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mlp {
    pub(super) mean: Vec<f32>,
    pub(super) scale: Vec<f32>,
    /// From feature `f` to unit `h` at `h * FEATURES + f`.
    pub(super) inner: Vec<f32>,
    pub(super) inner_bias: Vec<f32>,
    pub(super) outer: Vec<f32>,
    pub(super) direct: Vec<f32>,
}

/// Slope of the leaky ReLU below zero.
pub(super) const LEAK: f32 = 0.1;

impl Mlp {
    /// Standardizes features stored in columns of `stride` numbers.
    pub(super) fn standardize(&self, columns: &mut [f32], stride: usize) {
        vectorized(
            #[inline(always)]
            || {
                for ((column, mean), scale) in columns.chunks_exact_mut(stride).zip(&self.mean).zip(&self.scale) {
                    for value in column {
                        *value = ((*value - mean) * scale).clamp(-6.0, 6.0);
                    }
                }
            },
        );
    }

    /// Scores all candidates; `units` receives the hidden units, one column each.
    pub(super) fn forward(&self, columns: &[f32], stride: usize, units: &mut Vec<f32>, scores: &mut Vec<f32>) {
        units.resize(HIDDEN * stride, 0.0);
        scores.resize(stride, 0.0);
        vectorized(
            #[inline(always)]
            || self.score(columns, stride, units, scores),
        );
    }

    /// Works block by block, so that the sums of a block stay in registers.
    #[inline(always)]
    fn score(&self, columns: &[f32], stride: usize, units: &mut [f32], scores: &mut [f32]) {
        let (inner, _) = self.inner.as_chunks::<FEATURES>();
        let mut block = [[0.0; LANES]; FEATURES];
        for from in (0..stride).step_by(LANES) {
            for (lanes, column) in block.iter_mut().zip(columns.chunks_exact(stride)) {
                lanes.copy_from_slice(&column[from..from + LANES]);
            }
            let mut score = [0.0; LANES];
            add_weighted(&mut score, &self.direct, &block);
            for (h, (weights, units)) in inner.iter().zip(units.chunks_exact_mut(stride)).enumerate() {
                let mut unit = [self.inner_bias[h]; LANES];
                add_weighted(&mut unit, weights, &block);
                let outer = self.outer[h];
                for (value, score) in unit.iter_mut().zip(&mut score) {
                    *value = value.max(LEAK * *value);
                    *score += outer * *value;
                }
                units[from..from + LANES].copy_from_slice(&unit);
            }
            scores[from..from + LANES].copy_from_slice(&score);
        }
    }
}

/// Adds the columns of a block, multiplied by their weights.
#[inline(always)]
fn add_weighted(sums: &mut [f32; LANES], weights: &[f32], block: &[[f32; LANES]; FEATURES]) {
    let ((weights, _), (columns, _)) = (weights.as_chunks::<4>(), block.as_chunks::<4>());
    for (w, [a, b, c, d]) in weights.iter().zip(columns) {
        for lane in 0..LANES {
            sums[lane] += (a[lane] * w[0] + b[lane] * w[1]) + (c[lane] * w[2] + d[lane] * w[3]);
        }
    }
}
