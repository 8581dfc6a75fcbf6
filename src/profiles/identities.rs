//! Which visitors are one person, by the site's own word: their browsers signed in with a proved user id.
//!
//! The store has every delivered word; this room holds what came since, and what was read. An entry is
//! whole once the store was read for it, and stays whole because every later word is added as it comes.
//! The law of profiles holds here too: an entry is let go only when all its words are delivered, and none
//! while it is being read, so that what a read does not find is still here. To add a word twice changes
//! nothing. Everything is bounded; a word that finds no room makes answers degraded until it is delivered.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::model::{Position, SiteId, VisitorId};

/// Visitors of one person; beyond it the oldest word is forgotten. Nobody has so many browsers.
pub(super) const VISITORS_MAX: usize = 32;

/// A person: the site, and its id of them.
pub(super) type Person = (SiteId, Box<str>);

/// What is known of people.
#[derive(Debug)]
pub(super) struct People {
    state: Mutex<State>,
    /// Clean entries are let go when there are more entries than this.
    kept_max: usize,
    /// No entry is made beyond this many.
    entries_max: usize,
    delivered: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    people: HashMap<Person, Entry, ahash::RandomState>,
    /// Entries at which the next sweep pays.
    sweep_at: usize,
    /// What was delivered at the last one.
    swept_below: u64,
    /// The highest position whose word found no room.
    lost: Option<Position>,
}

#[derive(Debug, Default)]
struct Entry {
    /// The last word about each, oldest word first; `None` when it was read from the store.
    visitors: Vec<(VisitorId, Option<Position>)>,
    whole: bool,
    readers: u32,
}

impl Entry {
    fn add(&mut self, visitor: VisitorId, position: Option<Position>) {
        let known = self.visitors.iter().position(|(known, _)| *known == visitor);
        let before = known.and_then(|place| self.visitors.remove(place).1);
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

impl People {
    /// Nobody is known yet. About `kept_max` people stay in memory.
    pub(super) fn new(kept_max: usize, undelivered_max: usize) -> Self {
        let entries_max = kept_max.saturating_add(undelivered_max);
        Self { state: Mutex::default(), kept_max, entries_max, delivered: AtomicU64::new(0) }
    }

    /// The site said with the event at `position` that this visitor is this person.
    pub(super) fn note(&self, site: SiteId, user: &str, visitor: VisitorId, position: Position) {
        let mut state = self.state();
        let delivered = self.delivered.load(Relaxed);
        state.sweep(self.kept_max, self.entries_max, delivered);
        let person = (site, user.into());
        if state.people.len() >= self.entries_max && !state.people.contains_key(&person) {
            state.lost = state.lost.max(Some(position));
            return;
        }
        state.people.entry(person).or_default().add(visitor, Some(position));
    }

    /// The store has every word below this position.
    pub(super) fn delivered(&self, position: Position) {
        self.delivered.fetch_max(position.0, Relaxed);
    }

    /// The person's visitors, the last word first, if all of them are in memory.
    pub(super) fn hit(&self, person: &Person) -> Option<Vec<VisitorId>> {
        let state = self.state();
        state.people.get(person).filter(|entry| entry.whole).map(Entry::ids)
    }

    /// What memory alone knows.
    pub(super) fn without_store(&self, person: &Person) -> Vec<VisitorId> {
        self.state().people.get(person).map(Entry::ids).unwrap_or_default()
    }

    /// A read of the store begins: until the end of it nothing of the entry is let go.
    /// Where there is no room for one, what is read is handed on and not kept.
    pub(super) fn begin_reading(&self, person: Person) -> Reading<'_> {
        let mut state = self.state();
        state.sweep(self.kept_max, self.entries_max, self.delivered.load(Relaxed));
        let has_room = state.people.len() < self.entries_max || state.people.contains_key(&person);
        if has_room {
            state.people.entry(person.clone()).or_default().readers += 1;
        }
        Reading { people: self, person, is_kept: has_room }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Consistent between any two statements, so a poisoned one is usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn sweep(&mut self, kept_max: usize, entries_max: usize, delivered: u64) {
        // Where all room is taken, only what was delivered since can have made some.
        let is_full = self.people.len() >= entries_max && delivered > self.swept_below;
        if is_full || self.people.len() > kept_max.max(self.sweep_at) {
            self.people.retain(|_, entry| !entry.is_clean(delivered));
            // A sweep that found little is not tried again with every event.
            self.sweep_at = self.people.len() * 2;
            self.swept_below = delivered;
        }
    }
}

/// A read under way.
pub(super) struct Reading<'p> {
    people: &'p People,
    person: Person,
    is_kept: bool,
}

impl Reading<'_> {
    /// The read is over: adds what it found, oldest word first. The answer says whether nobody is missing.
    pub(super) fn finish(self, stored: &[VisitorId]) -> (Vec<VisitorId>, bool) {
        let mut state = self.people.state();
        let delivered = self.people.delivered.load(Relaxed);
        let whole = state.lost.is_none_or(|lost| lost.0 < delivered);
        let mut passing = Entry::default();
        // It is there when it is kept: no entry is dropped while it is being read.
        let entry = match state.people.get_mut(&self.person) {
            Some(entry) => entry,
            None => &mut passing,
        };
        let since = std::mem::take(&mut entry.visitors);
        for visitor in stored {
            entry.add(*visitor, None);
        }
        for (visitor, position) in since {
            entry.add(visitor, position);
        }
        entry.whole = whole;
        (entry.ids(), whole)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if self.is_kept
            && let Some(entry) = self.people.state().people.get_mut(&self.person)
        {
            entry.readers -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(user: &str) -> Person {
        (SiteId(1), user.into())
    }

    fn ids(ids: &[u128]) -> Vec<VisitorId> {
        ids.iter().copied().map(VisitorId).collect()
    }

    fn note(people: &People, user: &str, visitor: u128, position: u64) {
        people.note(SiteId(1), user, VisitorId(visitor), Position(position));
    }

    #[test]
    fn what_was_said_since_the_read_began_is_kept_with_what_it_found() {
        let people = People::new(10, 10);
        note(&people, "u", 1, 5);
        assert_eq!(people.hit(&person("u")), None, "the store may know of more");
        assert_eq!(people.without_store(&person("u")), ids(&[1]));
        let reading = people.begin_reading(person("u"));
        note(&people, "u", 2, 6);
        note(&people, "u", 3, 7);
        note(&people, "u", 2, 8);
        assert_eq!(reading.finish(&ids(&[9, 1])), (ids(&[2, 3, 1, 9]), true));
        assert_eq!(people.hit(&person("u")), Some(ids(&[2, 3, 1, 9])));
        note(&people, "u", 4, 9);
        assert_eq!(people.hit(&person("u")), Some(ids(&[4, 2, 3, 1, 9])), "and stays whole");
    }

    #[test]
    fn nothing_undelivered_and_nothing_being_read_is_let_go() {
        let people = People::new(2, 100);
        note(&people, "old", 1, 0);
        note(&people, "read", 2, 1);
        people.delivered(Position(2));
        let reading = people.begin_reading(person("read"));
        for n in 2..10 {
            note(&people, &n.to_string(), 7, n);
        }
        assert_eq!(people.without_store(&person("old")), ids(&[]), "delivered: the store has it");
        assert_eq!(people.without_store(&person("read")), ids(&[2]));
        assert_eq!(people.without_store(&person("2")), ids(&[7]));
        assert_eq!(reading.finish(&[]), (ids(&[2]), true));
    }

    #[test]
    fn a_word_without_room_makes_answers_degraded_until_it_is_delivered() {
        let people = People::new(1, 2);
        for n in 0..5 {
            note(&people, &n.to_string(), 1, n);
        }
        assert_eq!(people.begin_reading(person("4")).finish(&[]), (Vec::new(), false));
        assert_eq!(people.hit(&person("4")), None);
        people.delivered(Position(5));
        assert_eq!(people.begin_reading(person("4")).finish(&ids(&[1])), (ids(&[1]), true));
    }

    #[test]
    fn reads_of_people_nobody_spoke_of_are_bounded_too() {
        let people = People::new(2, 2);
        for n in 0..4 {
            note(&people, &n.to_string(), 1, n);
        }
        // Whoever may ask may name as many people as they like.
        for n in 10..100 {
            assert_eq!(people.begin_reading(person(&n.to_string())).finish(&ids(&[7])), (ids(&[7]), true));
        }
        assert_eq!(people.state().people.len(), 4);
        people.delivered(Position(4));
        assert_eq!(people.begin_reading(person("new")).finish(&ids(&[7])), (ids(&[7]), true));
        assert_eq!(people.hit(&person("new")), Some(ids(&[7])), "delivered words make room");
    }

    #[test]
    fn a_person_has_a_bounded_number_of_browsers() {
        let people = People::new(1, 1);
        for n in 1..=40 {
            note(&people, "u", n, u64::try_from(n).unwrap());
        }
        let known = people.without_store(&person("u"));
        assert_eq!((known.len(), known[0], known[31]), (32, VisitorId(40), VisitorId(9)));
    }
}
