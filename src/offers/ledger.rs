//! Open reservations: impressions that were decided and not seen yet, with the budget that they hold. No I/O; the time is
//! an argument.

use std::collections::{HashMap, VecDeque};

use crate::{
    decide::Skip,
    model::{SiteId, Timestamp, VisitorId},
};

/// A reservation that was not seen by then is given back.
pub(super) const UNSEEN_MS: i64 = 30 * 60_000;

/// Open reservations of one person.
const PERSON_OPEN_MAX: usize = 200;
/// Number of a reservation without a budget for which there is no room: caps then count what was seen.
const NOT_KEPT: u64 = 0;

/// The database is asked again whether something is left of a budget after this time.
const USED_UP_MS: i64 = 10_000;

/// A person, by the hash of what names them.
pub(super) type Person = u128;
type Map<K, V> = HashMap<K, V, ahash::RandomState>;
type OfferKey = (SiteId, Box<str>);

/// An impression to reserve.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim<'a> {
    pub(super) site: SiteId,
    pub(super) offer: &'a str,
    pub(super) person: Person,
    pub(super) visitor: VisitorId,
    /// Impressions in all, if limited.
    pub(super) budget: Option<u64>,
    /// Open reservations of this person and offer that the decision knew.
    pub(super) known: usize,
    pub(super) now: Timestamp,
}

/// Why an impression is not reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Another request of the person reserved one meanwhile: decide again.
    Outdated,
    /// More of the budget must be taken from the database first.
    NeedsBudget,
    /// It cannot be shown now.
    Skip(Skip),
}

#[derive(Debug)]
struct Open {
    number: u64,
    offer: Box<str>,
    at: Timestamp,
    visitor: VisitorId,
    has_budget: bool,
}

#[derive(Debug, Default)]
struct Budget {
    /// Impressions taken from the database and not reserved.
    available: u64,
    /// The total at which the database had nothing left, and when.
    used_up: Option<(u64, Timestamp)>,
    /// Counts what was asked of the database.
    version: u64,
}

impl Budget {
    fn is_used_up(&self, total: u64, now: Timestamp) -> bool {
        let known = |(at_total, at): (u64, Timestamp)| at_total == total && now.since(at) < USED_UP_MS;
        self.available == 0 && self.used_up.is_some_and(known)
    }
}

/// Open reservations of all sites.
#[derive(Debug)]
pub(super) struct Ledger {
    people: Map<(SiteId, Person), Vec<Open>>,
    visitors: Map<(SiteId, VisitorId), Person>,
    /// In order of time.
    queue: VecDeque<(Timestamp, SiteId, Person, u64)>,
    budgets: Map<OfferKey, Budget>,
    open: usize,
    open_max: usize,
    next: u64,
    is_closed: bool,
}

impl Ledger {
    pub(super) fn new(open_max: usize) -> Self {
        Self {
            people: Map::default(),
            visitors: Map::default(),
            queue: VecDeque::new(),
            budgets: Map::default(),
            open: 0,
            open_max,
            next: 0,
            is_closed: false,
        }
    }

    /// Open reservations of a person: offer and time.
    pub(super) fn of(&mut self, site: SiteId, person: Person, now: Timestamp) -> Vec<(Box<str>, Timestamp)> {
        self.expire(now);
        let open = self.people.get(&(site, person)).map_or(&[][..], Vec::as_slice);
        open.iter().map(|open| (open.offer.clone(), open.at)).collect()
    }

    /// Reserves an impression; returns its number.
    pub(super) fn reserve(&mut self, claim: Claim<'_>) -> Result<u64, Refused> {
        let Claim { site, offer, person, visitor, budget, known, now } = claim;
        self.expire(now);
        let others = self.people.get(&(site, person)).map_or(&[][..], Vec::as_slice);
        if others.iter().filter(|open| *open.offer == *offer).count() > known {
            return Err(Refused::Outdated);
        }
        let is_full = self.open >= self.open_max || others.len() >= PERSON_OPEN_MAX;
        match (is_full, budget) {
            _ if self.is_closed => return Err(Refused::Skip(Skip::Busy)),
            (true, Some(_)) => return Err(Refused::Skip(Skip::Busy)),
            (true, None) => return Ok(NOT_KEPT),
            (false, _) => {}
        }
        if let Some(total) = budget {
            let budget = self.budgets.entry((site, offer.into())).or_default();
            if budget.available == 0 {
                let used_up = budget.is_used_up(total, now);
                return Err(if used_up { Refused::Skip(Skip::Budget) } else { Refused::NeedsBudget });
            }
            budget.available -= 1;
        }
        self.next += 1;
        let number = self.next;
        let open = Open { number, offer: offer.into(), at: now, visitor, has_budget: budget.is_some() };
        self.people.entry((site, person)).or_default().push(open);
        if visitor.is_identified() {
            self.visitors.insert((site, visitor), person);
        }
        self.queue.push_back((now, site, person, number));
        self.open += 1;
        Ok(number)
    }

    /// Whether something may be left of a budget.
    pub(super) fn has_budget(&self, site: SiteId, offer: &str, total: u64, now: Timestamp) -> bool {
        let budget = self.budgets.get(&(site, Box::from(offer)));
        budget.is_none_or(|budget| !budget.is_used_up(total, now))
    }

    /// Forgets the budget of an offer that was removed.
    pub(super) fn forget(&mut self, site: SiteId, offer: &str) {
        self.budgets.remove(&(site, Box::from(offer)));
    }

    /// Changes whenever the database was asked for more of a budget.
    pub(super) fn version(&self, site: SiteId, offer: &str) -> u64 {
        self.budgets.get(&(site, Box::from(offer))).map_or(0, |budget| budget.version)
    }

    /// Adds what the database gave of a budget of `total`; nothing means that it is used up.
    pub(super) fn add_budget(&mut self, site: SiteId, offer: &str, total: u64, block: u64, now: Timestamp) {
        let budget = self.budgets.entry((site, offer.into())).or_default();
        budget.available += block;
        budget.version += 1;
        budget.used_up = (block == 0).then_some((total, now));
    }

    /// Gives a reservation back.
    pub(super) fn cancel(&mut self, site: SiteId, person: Person, number: u64) {
        if let Some(open) = self.remove(site, person, |open| open.number == number) {
            self.give_back(site, &open);
        }
    }

    /// The person who reserved an offer in a browser, if they did.
    pub(super) fn person_of(&self, site: SiteId, visitor: VisitorId) -> Option<Person> {
        self.visitors.get(&(site, visitor)).copied()
    }

    /// Ends the oldest reservation of an offer, which was seen. Returns whether there was one.
    pub(super) fn confirm(&mut self, site: SiteId, person: Person, offer: &str, now: Timestamp) -> bool {
        self.expire(now);
        self.remove(site, person, |open| *open.offer == *offer).is_some()
    }

    /// Gives back what was not seen in time.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some((at, site, person, number)) = self.queue.front().copied()
            && now.since(at) >= UNSEEN_MS
        {
            self.queue.pop_front();
            self.cancel(site, person, number);
        }
    }

    /// Takes all budget that is not reserved, to return it to the database; nothing is reserved afterwards.
    pub(super) fn close(&mut self) -> Vec<(OfferKey, u64)> {
        self.is_closed = true;
        let taken =
            self.budgets.iter_mut().map(|(offer, budget)| (offer.clone(), std::mem::take(&mut budget.available)));
        taken.filter(|(_, impressions)| *impressions > 0).collect()
    }

    fn give_back(&mut self, site: SiteId, open: &Open) {
        if open.has_budget
            && let Some(budget) = self.budgets.get_mut(&(site, open.offer.clone()))
        {
            budget.available += 1;
        }
    }

    fn remove(&mut self, site: SiteId, person: Person, is_it: impl Fn(&Open) -> bool) -> Option<Open> {
        let entries = self.people.get_mut(&(site, person))?;
        let removed = entries.remove(entries.iter().position(is_it)?);
        self.open -= 1;
        if !entries.iter().any(|open| open.visitor == removed.visitor)
            && self.visitors.get(&(site, removed.visitor)) == Some(&person)
        {
            self.visitors.remove(&(site, removed.visitor));
        }
        if entries.is_empty() {
            self.people.remove(&(site, person));
        }
        // Expired entries of the queue are found missing; those in between are few.
        while self.queue.len() > 2 * self.open + 1024 {
            let people = &self.people;
            self.queue.retain(|(_, site, person, number)| {
                people.get(&(*site, *person)).is_some_and(|open| open.iter().any(|open| open.number == *number))
            });
        }
        Some(removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: SiteId = SiteId(1);

    fn claim(person: Person, budget: Option<u64>, known: usize, now: i64) -> Claim<'static> {
        Claim { site: SITE, offer: "o", person, visitor: VisitorId(person), budget, known, now: Timestamp(now) }
    }

    #[test]
    fn of_two_requests_that_knew_the_same_one_is_outdated() {
        let mut ledger = Ledger::new(10);
        assert!(ledger.reserve(claim(1, None, 0, 0)).is_ok());
        assert_eq!(ledger.reserve(claim(1, None, 0, 0)), Err(Refused::Outdated));
        assert!(ledger.reserve(claim(1, None, 1, 0)).is_ok());
        assert!(ledger.reserve(claim(2, None, 0, 0)).is_ok(), "another person");
        assert_eq!(ledger.of(SITE, 1, Timestamp(0)).len(), 2);
        // Seen: the profile knows it now, and the reservation is gone.
        assert!(ledger.confirm(SITE, 1, "o", Timestamp(1)) && !ledger.confirm(SITE, 1, "other", Timestamp(1)));
        assert_eq!(ledger.of(SITE, 1, Timestamp(1)).len(), 1);
        // Not seen: forgotten after half an hour.
        assert!(ledger.of(SITE, 1, Timestamp(UNSEEN_MS)).is_empty());
        assert!(ledger.people.is_empty() && ledger.visitors.is_empty() && ledger.open == 0);
    }

    #[test]
    fn a_budget_is_reserved_seen_and_given_back() {
        let mut ledger = Ledger::new(10);
        assert_eq!(ledger.reserve(claim(1, Some(2), 0, 0)), Err(Refused::NeedsBudget));
        ledger.add_budget(SITE, "o", 2, 2, Timestamp(0));
        let first = ledger.reserve(claim(1, Some(2), 0, 0)).unwrap();
        assert!(ledger.reserve(claim(2, Some(2), 0, 0)).is_ok());
        assert_eq!(ledger.reserve(claim(3, Some(2), 0, 0)), Err(Refused::NeedsBudget));
        ledger.add_budget(SITE, "o", 2, 0, Timestamp(0));
        assert_eq!(ledger.reserve(claim(3, Some(2), 0, 0)), Err(Refused::Skip(Skip::Budget)));
        let left = |total, now| ledger.has_budget(SITE, "o", total, Timestamp(now));
        assert!(!left(2, 0) && left(3, 0), "a raised budget is asked for");
        assert!(left(2, USED_UP_MS), "and after a while any");
        ledger.cancel(SITE, 1, first);
        ledger.cancel(SITE, 1, first);
        assert!(ledger.reserve(claim(3, Some(2), 0, 1)).is_ok());
        assert!(ledger.confirm(SITE, 3, "o", Timestamp(2)));
        // The one of the second person was never seen.
        assert!(ledger.reserve(claim(4, Some(2), 0, UNSEEN_MS)).is_ok());
        assert_eq!(ledger.reserve(claim(5, Some(2), 0, UNSEEN_MS)), Err(Refused::NeedsBudget));
        ledger.cancel(SITE, 4, ledger.next);
        assert_eq!(ledger.close(), [((SITE, "o".into()), 1)]);
        assert_eq!(ledger.reserve(claim(6, Some(2), 0, UNSEEN_MS)), Err(Refused::Skip(Skip::Busy)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut ledger = Ledger::new(10);
        for person in 0..5000 {
            assert!(ledger.reserve(claim(person, None, 0, 0)).is_ok());
            assert!(ledger.confirm(SITE, person, "o", Timestamp(0)));
        }
        assert!(ledger.queue.len() <= 1045, "{}", ledger.queue.len());
        for person in 0..10 {
            assert!(ledger.reserve(claim(person, None, 0, 0)).is_ok());
        }
        assert_eq!(ledger.reserve(claim(11, Some(5), 0, 0)), Err(Refused::Skip(Skip::Busy)));
        assert_eq!(ledger.reserve(claim(11, None, 0, 0)), Ok(NOT_KEPT));
        ledger.cancel(SITE, 11, NOT_KEPT);
        assert_eq!(ledger.open, 10);
    }
}
