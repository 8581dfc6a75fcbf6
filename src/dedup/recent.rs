//! The ids in memory: those in flight, those of the current bucket, those being sealed.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ahash::RandomState;
use tokio::sync::oneshot;

const SHARDS: usize = 16;

/// Sharded by the key's top bits, so that two cores seldom wait for each other.
#[derive(Debug)]
pub(super) struct Recent {
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    /// Claimed and not settled, with those who wait for it.
    in_flight: HashMap<u128, Vec<oneshot::Sender<bool>>, RandomState>,
    current: HashSet<u128, RandomState>,
    sealing: HashSet<u128, RandomState>,
}

/// What is known of a key without a look at the sealed buckets.
pub(super) enum Found {
    /// Nothing; it is in flight from now on.
    Claimed,
    Kept,
    InFlight(oneshot::Receiver<bool>),
}

impl Recent {
    pub(super) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }

    fn shard(&self, key: u128) -> MutexGuard<'_, Shard> {
        lock(&self.shards[(key >> 124) as usize])
    }

    pub(super) fn claim(&self, key: u128) -> Found {
        let mut shard = self.shard(key);
        if shard.current.contains(&key) || shard.sealing.contains(&key) {
            return Found::Kept;
        }
        match shard.in_flight.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(Vec::new());
                Found::Claimed
            }
            Entry::Occupied(mut entry) => {
                let (sender, receiver) = oneshot::channel();
                entry.get_mut().push(sender);
                Found::InFlight(receiver)
            }
        }
    }

    /// Ends a claim and tells those who wait whether the key is kept.
    pub(super) fn settle(&self, key: u128, kept: bool) {
        let waiters = self.shard(key).in_flight.remove(&key);
        wake(waiters, kept);
    }

    /// Ends a claim by putting the key into the current bucket. False: it was there already.
    pub(super) fn keep(&self, key: u128) -> bool {
        let mut shard = self.shard(key);
        let waiters = shard.in_flight.remove(&key);
        let new = !shard.sealing.contains(&key) && shard.current.insert(key);
        drop(shard);
        wake(waiters, true);
        new
    }

    /// Moves the current bucket's keys to those being sealed and copies these, sorted.
    pub(super) fn freeze(&self) -> Vec<u128> {
        let held: usize = self.shards.iter().map(lock).map(|shard| shard.current.len() + shard.sealing.len()).sum();
        let mut keys = Vec::with_capacity(held);
        for shard in &self.shards {
            let mut shard = lock(shard);
            let current = mem::take(&mut shard.current);
            if shard.sealing.is_empty() {
                shard.sealing = current;
            } else {
                // An earlier sealing failed; its keys go along.
                shard.sealing.extend(current);
            }
            keys.extend(shard.sealing.iter().copied());
        }
        keys.sort_unstable();
        keys
    }

    /// Forgets the keys being sealed: a sealed bucket has them now.
    pub(super) fn thaw(&self) {
        for shard in &self.shards {
            let sealed = mem::take(&mut lock(shard).sealing);
            drop(sealed);
        }
    }

    /// Keys held, and bytes the sets take for them: 17 a slot, of which at most 7 in 8 are used.
    pub(super) fn size(&self) -> (usize, usize) {
        self.shards.iter().map(lock).fold((0, 0), |(keys, bytes), shard| {
            let slots = |capacity: usize| (capacity * 8).div_ceil(7) * 17;
            let held = shard.current.len() + shard.sealing.len();
            (keys + held, bytes + slots(shard.current.capacity()) + slots(shard.sealing.capacity()))
        })
    }
}

fn wake(waiters: Option<Vec<oneshot::Sender<bool>>>, kept: bool) {
    for waiter in waiters.into_iter().flatten() {
        // Whoever waited may have gone.
        let _ = waiter.send(kept);
    }
}

/// A panic elsewhere leaves these values whole, because none is changed in steps that can panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
