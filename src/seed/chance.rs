//! Draws of chance. The generator is named, not "the standard one", so that a seed means the same past
//! after every upgrade of the crate.

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// One stream of chance: everybody has their own, so that nobody's past depends on how many others there are.
#[derive(Debug, Clone)]
pub(super) struct Chance(Xoshiro256PlusPlus);

impl Chance {
    pub(super) fn of(stream: &str, seed: u64, number: u64) -> Self {
        Self(Xoshiro256PlusPlus::from_seed(*digest(stream, seed, number).as_bytes()))
    }

    /// Whether something of this probability happens.
    pub(super) fn says(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability.clamp(0.0, 1.0))
    }

    pub(super) fn share(&mut self) -> f64 {
        self.0.random()
    }

    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        self.0.random_range(least..=most.max(least))
    }

    /// How long something takes that has no memory.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.share()).ln()
    }

    /// One of several, each as likely as its weight says.
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

    /// Letters and digits that mean nothing.
    pub(super) fn code(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(*self.any(alphabet))).collect()
    }
}

/// Same words, same digest.
pub(super) fn digest(stream: &str, seed: u64, number: u64) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(stream.as_bytes()).update(&seed.to_le_bytes()).update(&number.to_le_bytes());
    hasher.finalize()
}
