//! The keys in memory: in flight, in the current bucket, and being sealed.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    mem,
};

use ahash::RandomState;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

const SHARDS: usize = 16;

/// Sharded by the key's top bits, to reduce lock contention.
#[derive(Debug)]
pub(super) struct Recent {
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    /// Claimed keys, each with the copies that wait for the result.
    in_flight: HashMap<u128, Vec<oneshot::Sender<bool>>, RandomState>,
    current: HashSet<u128, RandomState>,
    sealing: HashSet<u128, RandomState>,
}

/// Size of the sets in memory.
#[derive(Default)]
pub(super) struct Size {
    pub(super) keys: usize,
    pub(super) bytes: usize,
}

/// The result of a lookup in memory only.
pub(super) enum Lookup {
    /// Unknown here; it is in flight from now on.
    Claimed,
    Kept,
    InFlight(oneshot::Receiver<bool>),
}

impl Recent {
    pub(super) fn new() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }

    fn shard(&self, key: u128) -> MutexGuard<'_, Shard> {
        self.shards[(key >> 124) as usize].lock()
    }

    pub(super) fn claim(&self, key: u128) -> Lookup {
        let mut shard = self.shard(key);
        if shard.current.contains(&key) || shard.sealing.contains(&key) {
            return Lookup::Kept;
        }
        match shard.in_flight.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert(Vec::new());
                Lookup::Claimed
            }
            Entry::Occupied(mut entry) => {
                let (sender, receiver) = oneshot::channel();
                entry.get_mut().push(sender);
                Lookup::InFlight(receiver)
            }
        }
    }

    /// Ends a claim without adding the key, and notifies waiting copies whether it is kept.
    pub(super) fn release(&self, key: u128, kept: bool) {
        let waiters = self.shard(key).in_flight.remove(&key);
        notify(waiters, kept);
    }

    /// Ends a claim by adding the key to the current bucket. False: it was in memory already.
    pub(super) fn keep(&self, key: u128) -> bool {
        let mut shard = self.shard(key);
        let waiters = shard.in_flight.remove(&key);
        let new = !shard.sealing.contains(&key) && shard.current.insert(key);
        drop(shard);
        notify(waiters, true);
        new
    }

    /// Moves the current bucket's keys to those being sealed, and returns a sorted copy of these.
    pub(super) fn start_sealing(&self) -> Vec<u128> {
        let held: usize =
            self.shards.iter().map(Mutex::lock).map(|shard| shard.current.len() + shard.sealing.len()).sum();
        let mut keys = Vec::with_capacity(held);
        for shard in &self.shards {
            let mut shard = shard.lock();
            let current = mem::take(&mut shard.current);
            if shard.sealing.is_empty() {
                shard.sealing = current;
            } else {
                // An earlier sealing failed; its keys are included.
                shard.sealing.extend(current);
            }
            keys.extend(shard.sealing.iter().copied());
        }
        keys.sort_unstable();
        keys
    }

    /// Drops the keys being sealed: a sealed bucket has them now.
    pub(super) fn finish_sealing(&self) {
        for shard in &self.shards {
            let sealed = mem::take(&mut shard.lock().sealing);
            drop(sealed);
        }
    }

    /// Keys and bytes of the sets: 17 bytes per slot, of which at most 7 in 8 are used.
    pub(super) fn size(&self) -> Size {
        self.shards.iter().map(Mutex::lock).fold(Size::default(), |size, shard| {
            let slots = |capacity: usize| (capacity * 8).div_ceil(7) * 17;
            let held = shard.current.len() + shard.sealing.len();
            Size {
                keys: size.keys + held,
                bytes: size.bytes + slots(shard.current.capacity()) + slots(shard.sealing.capacity()),
            }
        })
    }
}

fn notify(waiters: Option<Vec<oneshot::Sender<bool>>>, kept: bool) {
    for waiter in waiters.into_iter().flatten() {
        // The waiting request may have been cancelled.
        let _ = waiter.send(kept);
    }
}
