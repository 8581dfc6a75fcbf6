//! The identity graph: which visitors (browsers) belong to one user, by verified user ids.
//!
//! The store has every delivered link between user and visitor; this module holds those that came since, and what was
//! read. An entry is complete once the store was read for it, and stays complete because every later link is added on
//! arrival. As with profiles, an entry is evicted only when all its links are delivered and no read of it is running,
//! so that what a read does not find is still in memory. Adding a link twice changes nothing. Everything is bounded;
//! after a link that does not fit, answers are degraded until it is delivered.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use parking_lot::Mutex;

use crate::model::{Position, SiteId, VisitorId};

/// Visitors of one user; beyond it the oldest link is dropped.
pub(super) const VISITORS_MAX: usize = 32;

/// A user: the site, and its user id.
pub(super) type UserKey = (SiteId, Box<str>);

/// Links between users and visitors.
#[derive(Debug)]
pub(super) struct IdentityGraph {
    users: Mutex<Users>,
    /// Clean entries are evicted when there are more entries than this.
    kept_max: usize,
    /// No entry is made beyond this many.
    entries_max: usize,
    delivered: AtomicU64,
}

#[derive(Debug, Default)]
struct Users {
    entries: HashMap<UserKey, UserVisitors, ahash::RandomState>,
    /// Number of entries from which the next sweep is worthwhile.
    sweep_at: usize,
    /// Delivered position at the last sweep.
    swept_below: u64,
    /// The highest position whose link did not fit.
    lost: Option<Position>,
}

#[derive(Debug, Default)]
struct UserVisitors {
    /// Visitors with the position of their last link, oldest link first; `None` when read from the store.
    visitors: Vec<(VisitorId, Option<Position>)>,
    complete: bool,
    readers: u32,
}

impl UserVisitors {
    fn add(&mut self, visitor: VisitorId, position: Option<Position>) {
        let known = self.visitors.iter().position(|(known, _)| *known == visitor);
        let before = known.and_then(|at| self.visitors.remove(at).1);
        self.visitors.push((visitor, position.max(before)));
        if self.visitors.len() > VISITORS_MAX {
            self.visitors.remove(0);
        }
    }

    fn is_clean(&self, delivered: u64) -> bool {
        self.readers == 0 && self.visitors.iter().all(|(_, position)| position.is_none_or(|p| p.0 < delivered))
    }

    fn ids(&self) -> Vec<VisitorId> {
        self.visitors.iter().rev().map(|(visitor, _)| *visitor).collect()
    }
}

impl IdentityGraph {
    /// Creates an empty graph that keeps about `kept_max` users in memory.
    pub(super) fn new(kept_max: usize, undelivered_max: usize) -> Self {
        let entries_max = kept_max.saturating_add(undelivered_max);
        Self { users: Mutex::default(), kept_max, entries_max, delivered: AtomicU64::new(0) }
    }

    /// The event at `position` identified this visitor as this user, verified.
    pub(super) fn link(&self, site: SiteId, user: &str, visitor: VisitorId, position: Position) {
        let mut users = self.users.lock();
        let delivered = self.delivered.load(Relaxed);
        users.sweep(self.kept_max, self.entries_max, delivered);
        let key = (site, user.into());
        if users.entries.len() >= self.entries_max && !users.entries.contains_key(&key) {
            users.lost = users.lost.max(Some(position));
            return;
        }
        users.entries.entry(key).or_default().add(visitor, Some(position));
    }

    /// Every link below this position is in the store.
    pub(super) fn delivered(&self, position: Position) {
        self.delivered.fetch_max(position.0, Relaxed);
    }

    /// The user's visitors, last linked first, if all of them are in memory.
    pub(super) fn hit(&self, key: &UserKey) -> Option<Vec<VisitorId>> {
        let users = self.users.lock();
        users.entries.get(key).filter(|entry| entry.complete).map(UserVisitors::ids)
    }

    /// The user's visitors that memory knows of.
    pub(super) fn without_store(&self, key: &UserKey) -> Vec<VisitorId> {
        self.users.lock().entries.get(key).map(UserVisitors::ids).unwrap_or_default()
    }

    /// Starts a read of the store: until it ends, nothing of the entry is dropped.
    /// If there is no room for an entry, the result is returned but not kept.
    pub(super) fn begin_read(&self, key: UserKey) -> UserRead<'_> {
        let mut users = self.users.lock();
        users.sweep(self.kept_max, self.entries_max, self.delivered.load(Relaxed));
        let has_room = users.entries.len() < self.entries_max || users.entries.contains_key(&key);
        if has_room {
            users.entries.entry(key.clone()).or_default().readers += 1;
        }
        UserRead { graph: self, key, is_kept: has_room }
    }
}

impl Users {
    fn sweep(&mut self, kept_max: usize, entries_max: usize, delivered: u64) {
        // When full, only what was delivered since the last sweep can have freed room.
        let is_full = self.entries.len() >= entries_max && delivered > self.swept_below;
        if is_full || self.entries.len() > kept_max.max(self.sweep_at) {
            self.entries.retain(|_, entry| !entry.is_clean(delivered));
            // A sweep that freed little is not repeated with every event.
            self.sweep_at = self.entries.len() * 2;
            self.swept_below = delivered;
        }
    }
}

/// A running read.
pub(super) struct UserRead<'g> {
    graph: &'g IdentityGraph,
    key: UserKey,
    is_kept: bool,
}

impl UserRead<'_> {
    /// Ends the read: adds what it found, oldest link first. Returns all visitors, and whether none is missing.
    pub(super) fn finish(self, stored: &[VisitorId]) -> (Vec<VisitorId>, bool) {
        let mut users = self.graph.users.lock();
        let delivered = self.graph.delivered.load(Relaxed);
        let complete = users.lost.is_none_or(|lost| lost.0 < delivered);
        let mut temporary = UserVisitors::default();
        // If the entry is kept, it exists: no entry is evicted during a read.
        let entry = match users.entries.get_mut(&self.key) {
            Some(entry) => entry,
            None => &mut temporary,
        };
        let since = std::mem::take(&mut entry.visitors);
        for visitor in stored {
            entry.add(*visitor, None);
        }
        for (visitor, position) in since {
            entry.add(visitor, position);
        }
        entry.complete = complete;
        (entry.ids(), complete)
    }
}

impl Drop for UserRead<'_> {
    fn drop(&mut self) {
        if self.is_kept
            && let Some(entry) = self.graph.users.lock().entries.get_mut(&self.key)
        {
            entry.readers -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(user: &str) -> UserKey {
        (SiteId(1), user.into())
    }

    fn ids(ids: &[u128]) -> Vec<VisitorId> {
        ids.iter().copied().map(VisitorId).collect()
    }

    fn link(graph: &IdentityGraph, user: &str, visitor: u128, position: u64) {
        graph.link(SiteId(1), user, VisitorId(visitor), Position(position));
    }

    #[test]
    fn links_made_during_a_read_are_merged_with_its_result() {
        let graph = IdentityGraph::new(10, 10);
        link(&graph, "u", 1, 5);
        assert_eq!(graph.hit(&user("u")), None, "the store may have more");
        assert_eq!(graph.without_store(&user("u")), ids(&[1]));
        let read = graph.begin_read(user("u"));
        link(&graph, "u", 2, 6);
        link(&graph, "u", 3, 7);
        link(&graph, "u", 2, 8);
        assert_eq!(read.finish(&ids(&[9, 1])), (ids(&[2, 3, 1, 9]), true));
        assert_eq!(graph.hit(&user("u")), Some(ids(&[2, 3, 1, 9])));
        link(&graph, "u", 4, 9);
        assert_eq!(graph.hit(&user("u")), Some(ids(&[4, 2, 3, 1, 9])), "and stays complete");
    }

    #[test]
    fn nothing_undelivered_and_nothing_being_read_is_evicted() {
        let graph = IdentityGraph::new(2, 100);
        link(&graph, "old", 1, 0);
        link(&graph, "read", 2, 1);
        graph.delivered(Position(2));
        let read = graph.begin_read(user("read"));
        for n in 2..10 {
            link(&graph, &n.to_string(), 7, n);
        }
        assert_eq!(graph.without_store(&user("old")), ids(&[]), "delivered: the store has it");
        assert_eq!(graph.without_store(&user("read")), ids(&[2]));
        assert_eq!(graph.without_store(&user("2")), ids(&[7]));
        assert_eq!(read.finish(&[]), (ids(&[2]), true));
    }

    #[test]
    fn after_a_link_that_does_not_fit_answers_are_degraded_until_it_is_delivered() {
        let graph = IdentityGraph::new(1, 2);
        for n in 0..5 {
            link(&graph, &n.to_string(), 1, n);
        }
        assert_eq!(graph.begin_read(user("4")).finish(&[]), (Vec::new(), false));
        assert_eq!(graph.hit(&user("4")), None);
        graph.delivered(Position(5));
        assert_eq!(graph.begin_read(user("4")).finish(&ids(&[1])), (ids(&[1]), true));
    }

    #[test]
    fn reads_of_unknown_users_are_bounded_too() {
        let graph = IdentityGraph::new(2, 2);
        for n in 0..4 {
            link(&graph, &n.to_string(), 1, n);
        }
        // A caller may name any number of users.
        for n in 10..100 {
            assert_eq!(graph.begin_read(user(&n.to_string())).finish(&ids(&[7])), (ids(&[7]), true));
        }
        assert_eq!(graph.users.lock().entries.len(), 4);
        graph.delivered(Position(4));
        assert_eq!(graph.begin_read(user("new")).finish(&ids(&[7])), (ids(&[7]), true));
        assert_eq!(graph.hit(&user("new")), Some(ids(&[7])), "delivered links make room");
    }

    #[test]
    fn a_user_has_a_bounded_number_of_browsers() {
        let graph = IdentityGraph::new(1, 1);
        for n in 1..=40 {
            link(&graph, "u", n, u64::try_from(n).unwrap());
        }
        let known = graph.without_store(&user("u"));
        assert_eq!((known.len(), known[0], known[31]), (32, VisitorId(40), VisitorId(9)));
    }
}
