//! Trains the blend: softmax over the candidates of each prediction, with the next item as the target, by Adam
//! (Kingma and Ba, 2015) in mini-batches.

use super::mlp::{FEATURES, HIDDEN, LEAK, Mlp};

/// Training set.
#[derive(Debug, Default)]
pub(super) struct Examples {
    /// The features of the candidates of each example, in columns.
    pub(super) features: Vec<f32>,
    pub(super) list: Vec<Example>,
}

/// One prediction of a click in the history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Example {
    /// Start of its features.
    pub(super) from: usize,
    /// Length of a column, and the used part of it.
    pub(super) stride: usize,
    pub(super) count: usize,
    /// The candidate that came next.
    pub(super) target: usize,
}

impl Examples {
    pub(super) fn push(&mut self, features: &[f32], count: usize, target: usize) {
        let (from, stride) = (self.features.len(), features.len() / FEATURES);
        self.features.extend_from_slice(features);
        self.list.push(Example { from, stride, count, target });
    }

    pub(super) fn append(&mut self, other: Self) {
        let from = self.features.len();
        self.list.extend(other.list.into_iter().map(|example| Example { from: example.from + from, ..example }));
        self.features.extend(other.features);
    }

    pub(super) fn columns(&self, example: Example) -> &[f32] {
        &self.features[example.from..example.from + example.stride * FEATURES]
    }

    pub(super) fn standardize(&mut self, net: &Mlp) {
        for Example { from, stride, .. } in &self.list {
            net.standardize(&mut self.features[*from..from + stride * FEATURES], *stride);
        }
    }
}

/// Pseudorandom numbers for initial weights and the order of examples, from a fixed seed.
pub(super) struct Rng(pub(super) u64);

impl Rng {
    /// The next number (`SplitMix64`, Steele, Lea and Flood 2014).
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to 1.
    pub(super) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 24) as f32
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// An untrained network: standardization of the examples, and small random weights.
pub(super) fn initial(examples: &Examples, rng: &mut Rng) -> Mlp {
    let (mut mean, mut square) = (vec![0.0_f64; FEATURES], vec![0.0_f64; FEATURES]);
    let rows: usize = examples.list.iter().map(|example| example.count).sum::<usize>().max(1);
    for example in &examples.list {
        for (f, column) in examples.columns(*example).chunks_exact(example.stride).enumerate() {
            for value in &column[..example.count] {
                mean[f] += f64::from(*value);
                square[f] += f64::from(*value) * f64::from(*value);
            }
        }
    }
    let mut scale = Vec::with_capacity(FEATURES);
    for (mean, square) in mean.iter_mut().zip(&square) {
        *mean /= rows as f64;
        let spread = (square / rows as f64 - *mean * *mean).max(0.0).sqrt();
        scale.push(if spread > 1e-6 { (1.0 / spread) as f32 } else { 0.0 });
    }
    let spread = (1.0 / FEATURES as f32).sqrt();
    let inner = (0..FEATURES * HIDDEN).map(|_| (rng.unit() * 2.0 - 1.0) * spread).collect();
    let outer = (0..HIDDEN).map(|_| (rng.unit() * 2.0 - 1.0) * 0.1).collect();
    Mlp {
        mean: mean.into_iter().map(|m| m as f32).collect(),
        scale,
        inner,
        inner_bias: vec![0.0; HIDDEN],
        outer,
        direct: vec![0.0; FEATURES],
    }
}

const PARAMETERS: usize = FEATURES * HIDDEN + HIDDEN + HIDDEN + FEATURES;
const BATCH: usize = 32;

/// State of the Adam optimizer.
pub(super) struct Trainer {
    /// First and second moments of the gradient.
    first: Vec<f32>,
    second: Vec<f32>,
    gradient: Vec<f32>,
    units: Vec<f32>,
    errors: Vec<f32>,
    back: Vec<f32>,
    step: i32,
    pub(super) rate: f32,
    pub(super) decay: f32,
}

impl Trainer {
    pub(super) fn new(rate: f32, decay: f32) -> Self {
        let zeros = || vec![0.0; PARAMETERS];
        Self {
            first: zeros(),
            second: zeros(),
            gradient: zeros(),
            units: Vec::new(),
            errors: Vec::new(),
            back: Vec::new(),
            step: 0,
            rate,
            decay,
        }
    }

    /// One epoch over the examples (already standardized) in the given order.
    pub(super) fn epoch(&mut self, net: &mut Mlp, examples: &Examples, order: &[u32]) {
        for batch in order.chunks(BATCH) {
            self.gradient.fill(0.0);
            for example in batch {
                let example = examples.list[*example as usize];
                self.add_gradient(net, examples.columns(example), example);
            }
            self.update(net, batch.len() as f32);
        }
    }

    fn add_gradient(&mut self, net: &Mlp, columns: &[f32], example: Example) {
        let Self { units, errors, back, gradient, .. } = self;
        net.forward(columns, example.stride, units, errors);
        softmax(&mut errors[..example.count]);
        errors[example.count..].fill(0.0);
        errors[example.target] -= 1.0;
        let (inner, rest) = gradient.split_at_mut(FEATURES * HIDDEN);
        let (bias, rest) = rest.split_at_mut(HIDDEN);
        let (outer, direct) = rest.split_at_mut(HIDDEN);
        for (gradient, column) in direct.iter_mut().zip(columns.chunks_exact(example.stride)) {
            *gradient += dot(errors, column);
        }
        back.resize(example.stride, 0.0);
        for (h, unit) in units.chunks_exact(example.stride).enumerate() {
            outer[h] += dot(errors, unit);
            for ((back, error), unit) in back.iter_mut().zip(errors.iter()).zip(unit) {
                *back = error * net.outer[h] * if *unit > 0.0 { 1.0 } else { LEAK };
            }
            bias[h] += back.iter().sum::<f32>();
            let row = &mut inner[h * FEATURES..(h + 1) * FEATURES];
            for (gradient, column) in row.iter_mut().zip(columns.chunks_exact(example.stride)) {
                *gradient += dot(back, column);
            }
        }
    }

    fn update(&mut self, net: &mut Mlp, count: f32) {
        self.step += 1;
        let (first_bias, second_bias) = (1.0 - 0.9_f32.powi(self.step), 1.0 - 0.999_f32.powi(self.step));
        let Mlp { inner, inner_bias, outer, direct, .. } = net;
        let weights = inner.iter_mut().chain(inner_bias).chain(outer).chain(direct);
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((weight, gradient), (first, second)) in weights.zip(&self.gradient).zip(moments) {
            let gradient = gradient / count;
            *first = 0.9 * *first + 0.1 * gradient;
            *second = 0.999 * *second + 0.001 * gradient * gradient;
            *weight -=
                self.rate * (*first / first_bias / ((*second / second_bias).sqrt() + 1e-6) + self.decay * *weight);
        }
    }
}

/// Turns scores into probabilities that sum to one.
fn softmax(scores: &mut [f32]) {
    let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - top).exp();
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
}

/// Number of partial sums.
const SUMS: usize = 8;

/// The inner product of two columns.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, _), (b, _)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
    let mut sums = [0.0; SUMS];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..SUMS {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}
