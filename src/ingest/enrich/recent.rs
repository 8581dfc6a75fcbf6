//! A bounded memory of what was read lately, for readings that cost microseconds and repeat all day.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use ahash::RandomState;

const SHARDS: usize = 16;

/// What texts tell, by a hash of the texts: 128 bits under keys of this process alone, so that nobody
/// outside can make two texts meet. A shard keeps two generations and forgets the older one when the
/// younger is full.
#[derive(Debug)]
pub(crate) struct Recent<V> {
    shards: [Mutex<Shard<V>>; SHARDS],
    shard_max: usize,
    hashers: [RandomState; 2],
}

#[derive(Debug)]
struct Shard<V> {
    young: HashMap<u128, Arc<V>, RandomState>,
    old: HashMap<u128, Arc<V>, RandomState>,
}

impl<V> Recent<V> {
    /// A memory of at most about `readings_max` readings.
    pub(crate) fn new(readings_max: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::new(Shard { young: HashMap::default(), old: HashMap::default() })),
            shard_max: (readings_max / (2 * SHARDS)).max(1),
            hashers: [RandomState::new(), RandomState::new()],
        }
    }

    /// What is remembered of these texts, or is read now.
    pub(crate) fn of(&self, texts: &impl Hash, read: impl FnOnce() -> V) -> Arc<V> {
        let [high, low] = [0, 1].map(|i| self.hashers[i].hash_one(texts));
        let key = u128::from(high) << 64 | u128::from(low);
        let shard = &self.shards[usize::from(low.to_le_bytes()[7]) % SHARDS];
        {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = shard.young.get(&key) {
                return Arc::clone(known);
            }
            if let Some(known) = shard.old.remove(&key) {
                shard.keep(key, &known, self.shard_max);
                return known;
            }
        }
        // Read without the lock; two may read the same at once, with the same result.
        let reading = Arc::new(read());
        shard.lock().unwrap_or_else(PoisonError::into_inner).keep(key, &reading, self.shard_max);
        reading
    }
}

impl<V> Shard<V> {
    fn keep(&mut self, key: u128, reading: &Arc<V>, readings_max: usize) {
        if self.young.len() >= readings_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, Arc::clone(reading));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_as_reading_does_and_stays_small() {
        let recent = Recent::new(SHARDS * 4);
        for number in 0..1000 {
            let text = format!("text {number}");
            assert_eq!(*recent.of(&text, || number), number);
            assert_eq!(*recent.of(&text, || unreachable!("it was read just now")), number);
        }
        let held = |shard: &Mutex<Shard<i32>>| {
            let shard = shard.lock().unwrap();
            shard.young.len() + shard.old.len()
        };
        assert!(recent.shards.iter().map(held).sum::<usize>() <= SHARDS * 4);
    }
}
