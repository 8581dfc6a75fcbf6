//! Live profiles in memory, and the events that are not in the store yet.
//!
//! A cached profile is complete: everything stored and everything since. Its events stay in `Pending` until they are
//! delivered, so that an evicted profile can be rebuilt completely: events read from the store and pending ones are
//! merged by position. This module does not know the store and never waits; each lock is held for a few map operations.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use moka::policy::EvictionPolicy;
use parking_lot::{Mutex, MutexGuard};

use super::{
    pending::{Freed, Key, Pending},
    reducer,
    rules::Rules,
    stored::StoredHistory,
};
use crate::model::{Position, Profile, ProfileEvent, SiteId, WantedSnapshot};

const SHARDS: usize = 64;
/// Remembered visitors without events: one per so many profiles, some 100 bytes each; the minimum covers a rush of new
/// visitors.
const UNSEEN_SHARE: usize = 4;
const UNSEEN_MIN: usize = 1000;

/// The live profiles.
#[derive(Debug)]
pub(super) struct Cache {
    profiles: moka::sync::Cache<Key, Arc<Profile>, ahash::RandomState>,
    /// Visitors known to have no events yet. Separate from the profiles, so that no number of invented ids evicts the
    /// profile of a real visitor.
    unseen: moka::sync::Cache<Key, (), ahash::RandomState>,
    shards: Box<[Mutex<Pending>]>,
    hasher: ahash::RandomState,
    own_journal: u64,
    rules: Rules,
    pending_max: usize,
    bases_max: usize,
    pending: AtomicUsize,
    bases: AtomicUsize,
    dropped: AtomicU64,
    delivered: AtomicU64,
}

impl Cache {
    pub(super) fn new(cached_max: usize, pending_max: usize, own_journal: u64, rules: Rules) -> Self {
        let profiles = moka::sync::Cache::builder()
            .max_capacity(cached_max as u64)
            // LRU: recent visitors are the ones about to be decided for; the frequency of past visits says little.
            .eviction_policy(EvictionPolicy::lru())
            .build_with_hasher(ahash::RandomState::default());
        let unseen = moka::sync::Cache::builder()
            .max_capacity((cached_max / UNSEEN_SHARE).max(UNSEEN_MIN) as u64)
            .eviction_policy(EvictionPolicy::lru())
            .build_with_hasher(ahash::RandomState::default());
        Self {
            profiles,
            unseen,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: ahash::RandomState::new(),
            own_journal,
            rules,
            pending_max,
            bases_max: cached_max,
            pending: AtomicUsize::new(0),
            bases: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
        }
    }

    /// The live profile, unless its past events were kept for other rules than the site has now.
    pub(super) fn hit(&self, key: &Key) -> Option<Arc<Profile>> {
        let empty = || self.unseen.get(key).map(|()| Arc::new(Profile::empty(key.0, key.1)));
        self.profiles.get(key).or_else(empty).filter(|profile| self.serves_rules(profile))
    }

    /// The live profile, whichever rules its past events were kept for.
    pub(super) fn of_any_rules(&self, key: &Key) -> Option<Arc<Profile>> {
        self.profiles.get(key)
    }

    fn serves_rules(&self, profile: &Profile) -> bool {
        let version = self.rules.wanted_version(profile.site);
        version == 0 || profile.events == 0 || profile.rules == version
    }

    /// The past events that a site's rules need.
    pub(super) fn wanted(&self, site: SiteId) -> Arc<WantedSnapshot> {
        self.rules.wanted(site)
    }

    pub(super) fn cached(&self) -> u64 {
        self.profiles.entry_count()
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.load(Relaxed)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Registers a visitor without history: a profile is built from pending events, if there are any.
    pub(super) fn start_profile(&self, key: Key) {
        let shard = self.shard(&key);
        if self.profiles.get(&key).is_some() {
            return;
        }
        let events = shard.events(&key).to_vec();
        if events.is_empty() {
            self.unseen.insert(key, ());
        } else {
            let profile = reducer::rebuild(key.0, key.1, events, self.own_journal, &self.rules.for_site(key.0));
            self.profiles.insert(key, Arc::new(profile));
        }
    }

    /// The profile that an event is folded into; an unseen visitor's starts with it.
    fn live(&self, key: &Key) -> Option<Arc<Profile>> {
        self.profiles.get(key).or_else(|| {
            self.unseen.remove(key)?;
            let empty = Arc::new(Profile::empty(key.0, key.1));
            self.profiles.insert(*key, Arc::clone(&empty));
            Some(empty)
        })
    }

    /// Applies a durable event: to the live profile, if there is one, and to the pending events until it is in the
    /// store.
    pub(super) fn apply(&self, key: Key, event: &ProfileEvent) {
        let mut shard = self.shard(&key);
        let Some(waiting) = shard.insert(key, event) else { return };
        self.pending.fetch_add(1, Relaxed);
        if let Some(live) = self.live(&key) {
            if live.folded.is_none_or(|folded| folded < event.position) {
                let mut next = Profile::clone(&live);
                reducer::fold(&mut next, event, &self.rules.for_site(key.0));
                if waiting.events().len() == 1 && self.bases.load(Relaxed) < self.bases_max {
                    waiting.set_base(live);
                    self.bases.fetch_add(1, Relaxed);
                }
                self.profiles.insert(key, Arc::new(next));
            } else if let Some(base) = waiting.base_before(event.position) {
                // Two requests of one visitor were reordered between journal and memory.
                let (mut next, params) = (Profile::clone(base), self.rules.for_site(key.0));
                for event in waiting.events() {
                    reducer::fold(&mut next, event, &params);
                }
                self.profiles.insert(key, Arc::new(next));
            } else {
                // Unknown whether the profile read from the store already includes it: read it again.
                self.profiles.invalidate(&key);
                self.bases.fetch_sub(usize::from(waiting.drop_base()), Relaxed);
            }
        }
        while self.pending.load(Relaxed) > self.pending_max {
            let Some(freed) = shard.drop_oldest(&self.rules) else { break };
            self.dropped.fetch_add(freed.events as u64, Relaxed);
            self.freed(freed);
        }
    }

    /// Evicts the live profile; the next one is read again.
    pub(super) fn forget(&self, key: Key) {
        let mut shard = self.shard(&key);
        self.bases.fetch_sub(usize::from(shard.drop_base(&key)), Relaxed);
        self.profiles.invalidate(&key);
        self.unseen.invalidate(&key);
    }

    /// Evicts the profiles of all visitors of a site.
    pub(super) fn forget_site(&self, site: SiteId) {
        let of_site: Vec<Key> = self.profiles.iter().map(|(key, _)| *key).filter(|key| key.0 == site).collect();
        for key in of_site {
            self.forget(key);
        }
    }

    /// Everything below `position` is in the store.
    pub(super) fn delivered(&self, position: Position) {
        let before = self.delivered.fetch_max(position.0, Relaxed);
        if position.0 <= before {
            return;
        }
        for shard in &self.shards {
            let freed = shard.lock().delivered(position, &self.rules);
            self.freed(freed);
        }
    }

    /// Rebuilds an evicted profile whose undelivered events, and the profile before them, are still in memory; needs no
    /// read of the store.
    pub(super) fn rebuild_from_memory(&self, key: Key) -> Option<Arc<Profile>> {
        let shard = self.shard(&key);
        let mut profile = Profile::clone(shard.base(&key).filter(|base| self.serves_rules(base))?);
        for event in shard.events(&key) {
            reducer::fold(&mut profile, event, &self.rules.for_site(key.0));
        }
        let profile = Arc::new(profile);
        self.profiles.insert(key, Arc::clone(&profile));
        Some(profile).filter(|profile| self.serves_rules(profile))
    }

    /// Starts a read of this visitor: its events are kept until `finish_read` or `fail_read`.
    pub(super) fn begin_read(&self, key: Key) {
        self.shard(&key).begin_read(key);
    }

    /// Ends a read: merges what it returned with the pending events. Returns whether the profile is complete; only a
    /// complete one is cached.
    pub(super) fn finish_read(&self, key: Key, read: StoredHistory) -> (Arc<Profile>, bool) {
        let mut shard = self.shard(&key);
        let StoredHistory { mut events, earlier } = read;
        events.extend_from_slice(shard.events(&key));
        let mut profile = reducer::rebuild(key.0, key.1, events, self.own_journal, &self.rules.for_site(key.0));
        for past in earlier {
            profile.history.add(past);
        }
        let profile = Arc::new(profile);
        let delivered = self.delivered_through();
        let complete = !shard.lacks_events_since(delivered);
        let freed = shard.end_read(key, delivered, &self.rules);
        self.freed(freed);
        if complete && *profile == Profile::empty(key.0, key.1) {
            self.unseen.insert(key, ());
        } else if complete {
            self.profiles.insert(key, Arc::clone(&profile));
        }
        (profile, complete)
    }

    /// Ends a failed read.
    pub(super) fn fail_read(&self, key: Key) {
        let mut shard = self.shard(&key);
        let freed = shard.end_read(key, self.delivered_through(), &self.rules);
        self.freed(freed);
    }

    /// The profile of a visitor from its pending events alone.
    pub(super) fn without_store(&self, key: Key) -> Profile {
        let events = self.shard(&key).events(&key).to_vec();
        reducer::rebuild(key.0, key.1, events, self.own_journal, &self.rules.for_site(key.0))
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
        self.shards[self.hasher.hash_one(key) as usize % SHARDS].lock()
    }
}
