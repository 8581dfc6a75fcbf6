//! Caches recent rankings by session models, so that equal requests are computed once.
//!
//! A page requests several slots, is reloaded and revisited; and many visitors have viewed the same single item so far.
//! Only model rankings are cached: stock, rules, cart, purchases, ignored items and exploration are evaluated for every
//! request. The key contains everything that a ranking depends on: the version of the models, the model, the clicks in
//! order, and the minute. So no invalidation is needed: a new click, or the new version of a busy site every second, is
//! another key, and unused entries are overwritten.
//!
//! Memory is bounded for all sites together: a fixed number of sets of a few entries, some three kilobytes each. A key
//! belongs to one set; a full set evicts its least recently used entry (a set-associative cache: Hennessy and Patterson,
//! "Computer Architecture", appendix B). A set locked by another thread is skipped, not waited for.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{index::Number, types::Candidate};
use crate::{recommend::Model, telemetry::Counter};

/// Entries of one set (associativity).
const WAYS: usize = 4;

/// The entries of a set, most recently used first.
type Set = [Option<Arc<Entry>>; WAYS];

/// Cached rankings.
#[derive(Debug)]
pub struct SessionCache {
    sets: Box<[Mutex<Set>]>,
    hasher: ahash::RandomState,
    lookups: Counter,
    hits: Counter,
}

/// Everything that a ranking depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CacheKey<'a> {
    /// Version of the models, unique in the process.
    pub(super) version: u64,
    pub(super) model: Model,
    /// Time of the request, rounded.
    pub(super) now: u32,
    pub(super) clicks: &'a [Number],
}

#[derive(Debug)]
struct Entry {
    version: u64,
    model: Model,
    now: u32,
    clicks: Box<[Number]>,
    candidates: Arc<[Candidate]>,
}

impl Entry {
    fn key(&self) -> CacheKey<'_> {
        CacheKey { version: self.version, model: self.model, now: self.now, clicks: &self.clicks }
    }
}

impl SessionCache {
    /// With this many entries, rounded up to whole sets; 0 disables caching. Counts lookups and hits.
    #[must_use]
    pub fn new(entries_max: usize, lookups: Counter, hits: Counter) -> Self {
        let sets = (0..entries_max.div_ceil(WAYS)).map(|_| Mutex::default()).collect();
        Self { sets, hasher: ahash::RandomState::new(), lookups, hits }
    }

    /// The cached ranking, or the result of `compute`, which is cached.
    pub(super) fn get_or_compute(
        &self,
        key: CacheKey<'_>,
        compute: impl FnOnce() -> Vec<Candidate>,
    ) -> Arc<[Candidate]> {
        let Some(set) = self.set_of(&key) else { return compute().into() };
        self.lookups.inc();
        if let Some(mut set) = set.try_lock()
            && let Some(candidates) = find(&mut set, &key)
        {
            self.hits.inc();
            return candidates;
        }
        let candidates: Arc<[Candidate]> = compute().into();
        let CacheKey { version, model, now, clicks } = key;
        let entry = Entry { version, model, now, clicks: clicks.into(), candidates: Arc::clone(&candidates) };
        if let Some(mut set) = set.try_lock() {
            set.rotate_right(1);
            set[0] = Some(Arc::new(entry));
        }
        candidates
    }

    fn set_of(&self, key: &CacheKey<'_>) -> Option<&Mutex<Set>> {
        let count = u64::try_from(self.sets.len()).ok().filter(|count| *count > 0)?;
        #[expect(clippy::cast_possible_truncation, reason = "the remainder of a division by a length")]
        let at = (self.hasher.hash_one(key) % count) as usize;
        self.sets.get(at)
    }
}

/// The ranking of a key in its set; the entry moves to the front.
fn find(set: &mut Set, key: &CacheKey<'_>) -> Option<Arc<[Candidate]>> {
    let at = set.iter().position(|entry| entry.as_ref().is_some_and(|known| known.key() == *key))?;
    set[..=at].rotate_right(1);
    set[0].as_ref().map(|entry| Arc::clone(&entry.candidates))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::snapshot::{self, Recommend, SiteSnapshot},
        decide::{
            Context, Index, fixture,
            index::Parts,
            recommend,
            types::{Evidence, Key},
        },
        model::{Item, Profile, SiteId, VisitorId},
        recommend::{Learned, Sessions},
    };

    fn cache(entries: usize) -> SessionCache {
        SessionCache::new(entries, Counter::default(), Counter::default())
    }

    /// The fixture's items, numbered as in its catalogue, and these visits to them.
    fn index(visits: &[&[Number]]) -> Index {
        let items = fixture::items();
        let row = |item: &Item| (item.id.clone(), item.main_category().into(), 1.0);
        let index = Index::new(Parts { items: items.iter().map(row).collect(), ..Parts::default() });
        index.with(Learned::new(sessions(visits), &Arc::default()))
    }

    fn sessions(visits: &[&[Number]]) -> Sessions {
        let mut sessions = Sessions::empty(fixture::NOW.0 / 1000);
        for (visitor, visit) in (0..).zip(visits) {
            sessions.push(visit.iter().copied(), fixture::NOW.0, visitor);
        }
        sessions
    }

    fn viewed(ids: &[&str]) -> Profile {
        let recent = ids.iter().rev().map(|id| ((*id).into(), fixture::NOW)).collect();
        Profile { recent_items: recent, ..Profile::empty(SiteId(1), VisitorId(1)) }
    }

    fn shown(profile: &Profile, snapshot: &SiteSnapshot, index: &Index, cache: &SessionCache) -> Vec<String> {
        let context = Context { session_cache: Some(cache), ..fixture::context() };
        let request = Recommend { model: snapshot::Model::SessionNeighbours, k: 3 };
        let decision = recommend(profile, snapshot, index, &context, request, "");
        decision.map_or_else(Vec::new, |d| fixture::ids(&d).into_iter().map(str::to_owned).collect())
    }

    fn counts(cache: &SessionCache) -> (u64, u64) {
        (cache.lookups.get(), cache.hits.get())
    }

    // By number: 1 is coffee-1, 2 is coffee-2, 3 is coffee-3, 7 is tea-1, 8 is tea-2.
    const VISITS: [&[Number]; 4] = [&[1, 2], &[1, 2], &[7, 8], &[7, 8]];

    #[test]
    fn an_equal_request_hits_and_a_new_click_misses() {
        let (snapshot, index, cache) = (fixture::snapshot(&[]), index(&VISITS), cache(64));
        let coffee = viewed(&["coffee-1"]);
        let first = shown(&coffee, &snapshot, &index, &cache);
        assert_eq!((first[0].as_str(), counts(&cache)), ("coffee-2", (1, 0)));
        assert_eq!((shown(&coffee, &snapshot, &index, &cache), counts(&cache)), (first, (2, 1)));
        let then_tea = shown(&viewed(&["coffee-1", "tea-1"]), &snapshot, &index, &cache);
        assert_eq!((then_tea[0].as_str(), counts(&cache)), ("tea-2", (3, 1)));
    }

    #[test]
    fn availability_is_checked_after_the_cache() {
        let (before, index, cache) = (fixture::snapshot(&[]), index(&VISITS), cache(64));
        let coffee = viewed(&["coffee-1"]);
        assert!(shown(&coffee, &before, &index, &cache).contains(&"coffee-2".to_owned()));
        let mut items = before.items.as_ref().clone();
        let changed = items.put([fixture::item("coffee-2", "Coffee", false)]);
        let sold_out = before.with_items(Arc::new(items.clone()), &changed);
        assert!(!shown(&coffee, &sold_out, &index, &cache).contains(&"coffee-2".to_owned()));
        let removed = items.remove("coffee-2").map(|number| vec![number]).unwrap();
        let gone = before.with_items(Arc::new(items), &removed);
        assert!(!shown(&coffee, &gone, &index, &cache).contains(&"coffee-2".to_owned()));
        assert!(shown(&coffee, &before, &index, &cache).contains(&"coffee-2".to_owned()));
        assert_eq!(counts(&cache), (4, 3), "computed once");
    }

    #[test]
    fn a_new_version_counts_at_once() {
        let (snapshot, old, cache) = (fixture::snapshot(&[]), index(&VISITS), cache(64));
        let coffee = viewed(&["coffee-1"]);
        assert!(!shown(&coffee, &snapshot, &old, &cache).contains(&"coffee-3".to_owned()));
        let learned = old.learned().unwrap().grown(sessions(&[&[1, 3], &[1, 3], &[1, 3]]), &[1, 3]);
        let new = old.clone().grown(&[], learned);
        assert!(shown(&coffee, &snapshot, &new, &cache).contains(&"coffee-3".to_owned()));
        assert!(!shown(&coffee, &snapshot, &old, &cache).contains(&"coffee-3".to_owned()));
    }

    #[test]
    fn a_full_set_evicts_the_least_recently_used_entry() {
        let cache = cache(WAYS);
        let hits = |clicks: &[Number]| {
            let before = cache.hits.get();
            cache.get_or_compute(CacheKey { version: 1, model: Model::Blend, now: 0, clicks }, Vec::new);
            cache.hits.get() > before
        };
        let all: Vec<[Number; 1]> = (0..=4).map(|n| [n]).collect();
        assert!(all[..WAYS].iter().all(|clicks| !hits(clicks)));
        assert!(hits(&all[0]), "used again, so that the second is the oldest now");
        assert!(!hits(&all[4]));
        assert!(hits(&all[0]) && !hits(&all[1]));
    }

    #[test]
    fn memory_is_bounded_and_every_key_has_its_own_entry() {
        let (cache, none) = (cache(64), cache(0));
        for n in 0..10_000_u32 {
            let (clicks, version) = ([n % 50, n % 7], u64::from(n % 3));
            let key = CacheKey { version, model: Model::Blend, now: 0, clicks: &clicks };
            let score = (n % (50 * 7 * 3)) as f32;
            let own = Candidate { key: Key::Learned(n % 50), score, evidence: Evidence::Seen };
            assert_eq!(cache.get_or_compute(key, || vec![own])[0], own);
            assert_eq!(none.get_or_compute(key, || vec![own])[0], own);
        }
        let filled = cache.sets.iter().map(|set| set.lock().iter().flatten().count()).sum();
        assert!((1..=64_usize).contains(&filled), "{filled}");
        assert_eq!(counts(&none), (0, 0));
    }
}
