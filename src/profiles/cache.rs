//! Live profiles in memory, and the events that only memory and journal have.
//!
//! A profile in the cache is complete: everything stored and everything since. Its events stay in
//! `Pending` until they are delivered, so that a profile evicted meanwhile comes back whole: what a read
//! of the store returns and what is pending are merged by position. This room knows no store and never
//! waits; every lock is held for a few map operations.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use moka::policy::EvictionPolicy;

use super::{
    pending::{Freed, Key, Pending},
    reducer::{self, Rules},
};
use crate::model::{Position, Profile, ProfileEvent, SiteId};

const SHARDS: usize = 64;
/// Strangers remembered: a share of the profiles, some 100 bytes each, and never fewer than a page's rush.
const STRANGERS_SHARE: usize = 4;
const STRANGERS_MIN: usize = 1000;

/// The live profiles.
#[derive(Debug)]
pub(super) struct Cache {
    profiles: moka::sync::Cache<Key, Arc<Profile>, ahash::RandomState>,
    /// Visitors of whom it is known that nothing is: they have no event yet. Apart from the profiles, so that
    /// however many ids are invented, no real visitor's profile is evicted for them.
    strangers: moka::sync::Cache<Key, (), ahash::RandomState>,
    shards: Box<[Mutex<Pending>]>,
    hasher: ahash::RandomState,
    own_journal: u64,
    rules: Rules,
    pending_max: usize,
    bases_max: usize,
    pending: AtomicUsize,
    bases: AtomicUsize,
    let_go: AtomicU64,
    delivered: AtomicU64,
}

impl Cache {
    pub(super) fn new(cached_max: usize, pending_max: usize, own_journal: u64, rules: Rules) -> Self {
        let profiles = moka::sync::Cache::builder()
            .max_capacity(cached_max as u64)
            // Who was here last is who decides next; how often somebody came before says little.
            .eviction_policy(EvictionPolicy::lru())
            .build_with_hasher(ahash::RandomState::default());
        let strangers = moka::sync::Cache::builder()
            .max_capacity((cached_max / STRANGERS_SHARE).max(STRANGERS_MIN) as u64)
            .eviction_policy(EvictionPolicy::lru())
            .build_with_hasher(ahash::RandomState::default());
        Self {
            profiles,
            strangers,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: ahash::RandomState::new(),
            own_journal,
            rules,
            pending_max,
            bases_max: cached_max,
            pending: AtomicUsize::new(0),
            bases: AtomicUsize::new(0),
            let_go: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
        }
    }

    pub(super) fn hit(&self, key: &Key) -> Option<Arc<Profile>> {
        let nothing = || self.strangers.get(key).map(|()| Arc::new(Profile::empty(key.0, key.1)));
        self.profiles.get(key).or_else(nothing)
    }

    pub(super) fn cached(&self) -> u64 {
        self.profiles.entry_count()
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.load(Relaxed)
    }

    pub(super) fn let_go(&self) -> u64 {
        self.let_go.load(Relaxed)
    }

    /// A visitor without a past: what is pending is all there is, and where nothing is, there is no profile.
    pub(super) fn expect(&self, key: Key) {
        let shard = self.shard(&key);
        if self.profiles.get(&key).is_some() {
            return;
        }
        let events = shard.events(&key).to_vec();
        if events.is_empty() {
            self.strangers.insert(key, ());
        } else {
            let profile = reducer::rebuild(key.0, key.1, events, self.own_journal, &self.rules.of(key.0));
            self.profiles.insert(key, Arc::new(profile));
        }
    }

    /// The profile that an event is folded into; a stranger's begins with it.
    fn live(&self, key: &Key) -> Option<Arc<Profile>> {
        self.profiles.get(key).or_else(|| {
            self.strangers.remove(key)?;
            let begun = Arc::new(Profile::empty(key.0, key.1));
            self.profiles.insert(*key, Arc::clone(&begun));
            Some(begun)
        })
    }

    /// Takes an event that was made durable: into the live profile, if there is one, and into memory
    /// until the store has it.
    pub(super) fn apply(&self, key: Key, event: &ProfileEvent) {
        let mut shard = self.shard(&key);
        let Some(waiting) = shard.insert(key, event) else { return };
        self.pending.fetch_add(1, Relaxed);
        if let Some(live) = self.live(&key) {
            if live.folded.is_none_or(|folded| folded < event.position) {
                let mut next = Profile::clone(&live);
                reducer::fold(&mut next, event, &self.rules.of(key.0));
                if waiting.events().len() == 1 && self.bases.load(Relaxed) < self.bases_max {
                    waiting.set_base(live);
                    self.bases.fetch_add(1, Relaxed);
                }
                self.profiles.insert(key, Arc::new(next));
            } else if let Some(base) = waiting.base_before(event.position) {
                // Two requests of one visitor overtook each other between journal and memory.
                let (mut next, params) = (Profile::clone(base), self.rules.of(key.0));
                for event in waiting.events() {
                    reducer::fold(&mut next, event, &params);
                }
                self.profiles.insert(key, Arc::new(next));
            } else {
                // Whether the store's copy had it cannot be told any more: read it again.
                self.profiles.invalidate(&key);
                self.bases.fetch_sub(usize::from(waiting.drop_base()), Relaxed);
            }
        }
        while self.pending.load(Relaxed) > self.pending_max {
            let Some(freed) = shard.let_go_of_oldest(&self.rules) else { break };
            self.let_go.fetch_add(freed.events as u64, Relaxed);
            self.freed(freed);
        }
    }

    /// Forgets the live profile; the next one is read anew.
    pub(super) fn forget(&self, key: Key) {
        let mut shard = self.shard(&key);
        self.bases.fetch_sub(usize::from(shard.drop_base(&key)), Relaxed);
        self.profiles.invalidate(&key);
        self.strangers.invalidate(&key);
    }

    /// The same for every visitor of a site.
    pub(super) fn forget_site(&self, site: SiteId) {
        let of_site: Vec<Key> = self.profiles.iter().map(|(key, _)| *key).filter(|key| key.0 == site).collect();
        for key in of_site {
            self.forget(key);
        }
    }

    /// The store has everything below `position`.
    pub(super) fn delivered(&self, position: Position) {
        let before = self.delivered.fetch_max(position.0, Relaxed);
        if position.0 <= before {
            return;
        }
        for shard in &self.shards {
            let freed = lock(shard).delivered(position, &self.rules);
            self.freed(freed);
        }
    }

    /// The live profile of a visitor that was evicted while its undelivered events, and the profile before
    /// them, are still here: no store is needed for it.
    pub(super) fn recall(&self, key: Key) -> Option<Arc<Profile>> {
        let shard = self.shard(&key);
        let mut profile = Profile::clone(shard.base(&key)?);
        for event in shard.events(&key) {
            reducer::fold(&mut profile, event, &self.rules.of(key.0));
        }
        let profile = Arc::new(profile);
        self.profiles.insert(key, Arc::clone(&profile));
        Some(profile)
    }

    /// A read of this visitor begins: its events stay until `finish` or `give_up`.
    pub(super) fn begin_reading(&self, key: Key) {
        self.shard(&key).begin_reading(key);
    }

    /// The read is over: merges what it returned with what is pending. The answer says whether the
    /// profile is whole; only a whole one is kept.
    pub(super) fn finish(&self, key: Key, mut stored: Vec<ProfileEvent>) -> (Arc<Profile>, bool) {
        let mut shard = self.shard(&key);
        stored.extend_from_slice(shard.events(&key));
        let profile = Arc::new(reducer::rebuild(key.0, key.1, stored, self.own_journal, &self.rules.of(key.0)));
        let delivered = self.delivered_through();
        let whole = !shard.lacks_something(delivered);
        let freed = shard.end_reading(key, delivered, &self.rules);
        self.freed(freed);
        if whole && *profile == Profile::empty(key.0, key.1) {
            self.strangers.insert(key, ());
        } else if whole {
            self.profiles.insert(key, Arc::clone(&profile));
        }
        (profile, whole)
    }

    /// The read failed.
    pub(super) fn give_up(&self, key: Key) {
        let mut shard = self.shard(&key);
        let freed = shard.end_reading(key, self.delivered_through(), &self.rules);
        self.freed(freed);
    }

    /// What memory alone knows of a visitor.
    pub(super) fn without_store(&self, key: Key) -> Profile {
        let events = self.shard(&key).events(&key).to_vec();
        reducer::rebuild(key.0, key.1, events, self.own_journal, &self.rules.of(key.0))
    }

    fn delivered_through(&self) -> Position {
        Position(self.delivered.load(Relaxed))
    }

    fn freed(&self, freed: Freed) {
        self.pending.fetch_sub(freed.events, Relaxed);
        self.bases.fetch_sub(freed.bases, Relaxed);
    }

    #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
    fn shard(&self, key: &Key) -> MutexGuard<'_, Pending> {
        lock(&self.shards[self.hasher.hash_one(key) as usize % SHARDS])
    }
}

/// A shard is consistent between any two statements that may panic, so a poisoned one is usable.
fn lock(shard: &Mutex<Pending>) -> MutexGuard<'_, Pending> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
