//! Random numbers. The generator is named explicitly, not the crate's standard one, so that a seed gives the same
//! history after every upgrade.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// One random stream. Every visitor has its own, so that no history depends on the number of visitors.
#[derive(Debug, Clone)]
pub(super) struct Rng(Xoshiro256PlusPlus);

impl Rng {
    pub(super) fn new(stream: &str, seed: u64, number: u64) -> Self {
        Self(Xoshiro256PlusPlus::from_seed(*digest(stream, seed, number).as_bytes()))
    }

    /// Whether an event of this probability happens.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability.clamp(0.0, 1.0))
    }

    pub(super) fn share(&mut self) -> f64 {
        self.0.random()
    }

    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        self.0.random_range(least..=most.max(least))
    }

    /// An exponentially distributed duration.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.share()).ln()
    }

    /// A weighted random choice.
    pub(super) fn pick<'t, T>(&mut self, from: &'t [T], weight: impl Fn(&T) -> f64) -> &'t T {
        let mut rest = self.share() * from.iter().map(&weight).sum::<f64>();
        for one in from {
            rest -= weight(one);
            if rest < 0.0 {
                return one;
            }
        }
        &from[from.len() - 1]
    }

    pub(super) fn any<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.0.random_range(0..from.len())]
    }

    /// A random code.
    pub(super) fn code(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(*self.any(alphabet))).collect()
    }
}

/// The digest of a stream name, seed and number.
pub(super) fn digest(stream: &str, seed: u64, number: u64) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(stream.as_bytes()).update(&seed.to_le_bytes()).update(&number.to_le_bytes());
    hasher.finalize()
}
