//! A bounded cache for pure functions that cost microseconds and are called with the same inputs all day.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use ahash::RandomState;
use parking_lot::Mutex;

const SHARDS: usize = 16;

/// Results by a hash of the input: 128 bits under keys of this process, so that collisions cannot be crafted from
/// outside. A shard keeps two generations and drops the older one when the younger is full.
#[derive(Debug)]
pub(crate) struct Cache<V> {
    shards: [Mutex<Shard<V>>; SHARDS],
    shard_max: usize,
    hashers: [RandomState; 2],
}

#[derive(Debug)]
struct Shard<V> {
    young: HashMap<u128, Arc<V>, RandomState>,
    old: HashMap<u128, Arc<V>, RandomState>,
}

impl<V> Cache<V> {
    /// A cache of at most about `entries_max` entries.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::new(Shard { young: HashMap::default(), old: HashMap::default() })),
            shard_max: (entries_max / (2 * SHARDS)).max(1),
            hashers: [RandomState::new(), RandomState::new()],
        }
    }

    /// Returns the cached value of this input, or computes and caches it.
    pub(crate) fn get_or_insert(&self, input: &impl Hash, compute: impl FnOnce() -> V) -> Arc<V> {
        let [high, low] = [0, 1].map(|i| self.hashers[i].hash_one(input));
        let key = u128::from(high) << 64 | u128::from(low);
        let shard = &self.shards[usize::from(low.to_le_bytes()[7]) % SHARDS];
        {
            let mut shard = shard.lock();
            if let Some(cached) = shard.young.get(&key) {
                return Arc::clone(cached);
            }
            if let Some(cached) = shard.old.remove(&key) {
                shard.insert(key, &cached, self.shard_max);
                return cached;
            }
        }
        // Computed without the lock; two threads may compute the same value at once.
        let value = Arc::new(compute());
        shard.lock().insert(key, &value, self.shard_max);
        value
    }
}

impl<V> Shard<V> {
    fn insert(&mut self, key: u128, value: &Arc<V>, entries_max: usize) {
        if self.young.len() >= entries_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, Arc::clone(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_returns_what_was_computed_and_stays_small() {
        let cache = Cache::new(SHARDS * 4);
        for number in 0..1000 {
            let text = format!("text {number}");
            assert_eq!(*cache.get_or_insert(&text, || number), number);
            assert_eq!(*cache.get_or_insert(&text, || unreachable!("it was computed just now")), number);
        }
        let held = |shard: &Mutex<Shard<i32>>| {
            let shard = shard.lock();
            shard.young.len() + shard.old.len()
        };
        assert!(cache.shards.iter().map(held).sum::<usize>() <= SHARDS * 4);
    }
}
