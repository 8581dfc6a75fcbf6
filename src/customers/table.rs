//! The values of all sites' customers, by visitor and by user.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use ahash::RandomState;
use arc_swap::ArcSwap;

use crate::{
    model::{PersonValue, SiteId, VisitorId},
    store::CustomerVisitor,
    value::{Customer, ValueModel, assess},
};

/// The current values of all sites.
#[derive(Debug, Default)]
pub struct ValueTable {
    sites: ArcSwap<HashMap<SiteId, Arc<SiteValues>>>,
    generation: AtomicU64,
    is_computed: AtomicBool,
}

impl ValueTable {
    /// The value of a person, as reports count people: by user id, or else by visitor. `None` for those who never ordered.
    ///
    /// Anyone can claim a user id. Where a browser without a key asks, as in decisions, use [`Self::of_proven`].
    #[must_use]
    pub fn of(&self, site: SiteId, user_id: Option<&str>, visitor: Option<VisitorId>) -> Option<PersonValue> {
        let sites = self.sites.load();
        let values = sites.get(&site)?;
        let by_user = || values.users.get(user_id?).copied();
        let by_visitor = || values.visitors.get(&visitor?.0).map(|entry| entry.place);
        values.people.get(by_user().or_else(by_visitor)? as usize).map(|(_, value)| *value)
    }

    /// The customers of a site by the visitor ids that stand for them, the highest `orders_value_minor` first: at most
    /// `limit` after this value and visitor.
    #[must_use]
    pub fn top(&self, site: SiteId, after: Option<(i64, VisitorId)>, limit: usize) -> Vec<(VisitorId, PersonValue)> {
        let sites = self.sites.load();
        let Some(values) = sites.get(&site) else { return Vec::new() };
        let begin = after.map_or(0, |(value, visitor)| {
            values.people.partition_point(|entry| rank(entry) <= (Reverse(value), visitor))
        });
        values.people.iter().skip(begin).take(limit).copied().collect()
    }

    /// The value of a visitor without what others did: `None` if the visitor only claims to be the person whose value it
    /// is. A visitor that is the only one of its person has the value of its own orders.
    #[must_use]
    pub fn of_proven(&self, site: SiteId, visitor: VisitorId) -> Option<PersonValue> {
        let sites = self.sites.load();
        let values = sites.get(&site)?;
        let entry = values.visitors.get(&visitor.0).filter(|entry| entry.is_proven)?;
        values.people.get(entry.place as usize).map(|(_, value)| *value)
    }

    /// A number that grows with every table that is published: as long as it is the same, so are all values.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether the values of every site were computed since the start; before, those of some are missing.
    #[must_use]
    pub fn is_computed(&self) -> bool {
        self.is_computed.load(Ordering::Acquire)
    }

    /// The values of every site were computed.
    pub(super) fn set_computed(&self) {
        self.is_computed.store(true, Ordering::Release);
    }

    /// Replaces a site's values; returns how many customers the ones before had left out.
    pub(super) fn publish(&self, site: SiteId, values: SiteValues) -> usize {
        let values = Arc::new(values);
        let before = self.sites.rcu(|sites| {
            let mut next = HashMap::clone(sites);
            next.insert(site, Arc::clone(&values));
            next
        });
        self.generation.fetch_add(1, Ordering::Release);
        before.get(&site).map_or(0, |values| values.omitted)
    }

    /// Removes the values of sites that are gone.
    pub(super) fn retain(&self, is_kept: impl Fn(SiteId) -> bool) {
        if self.sites.load().keys().all(|site| is_kept(*site)) {
            return;
        }
        self.sites.rcu(|sites| {
            let kept = sites.iter().filter(|(site, _)| is_kept(**site));
            kept.map(|(site, values)| (*site, Arc::clone(values))).collect::<HashMap<_, _>>()
        });
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// People with a value, and those left out, of all sites.
    pub(super) fn sizes(&self) -> (usize, usize) {
        let sites = self.sites.load();
        sites.values().fold((0, 0), |(kept, omitted), site| (kept + site.people.len(), omitted + site.omitted))
    }
}

/// Place of a customer in the list by value.
const fn rank((visitor, value): &(VisitorId, PersonValue)) -> (Reverse<i64>, VisitorId) {
    (Reverse(value.orders_value_minor), *visitor)
}

/// The values of one site's customers; some two hundred bytes each.
#[derive(Debug, Default)]
pub(super) struct SiteValues {
    /// In order of [`rank`].
    people: Vec<(VisitorId, PersonValue)>,
    visitors: HashMap<u128, Entry, RandomState>,
    users: HashMap<Box<str>, u32, RandomState>,
    omitted: usize,
}

/// A visitor's person.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Index in `people`.
    place: u32,
    /// Whether the visitor is that person for certain.
    is_proven: bool,
}

impl SiteValues {
    /// Customers without a value because of the limit.
    pub(super) const fn omitted(&self) -> usize {
        self.omitted
    }
}

/// Values of customers, of at most `people_max` of them: the customers with the lowest value are left out, after the
/// quintiles and models were computed from all.
pub(super) fn build(
    customers: Vec<(VisitorId, Customer)>,
    visitors: &[CustomerVisitor],
    people_max: usize,
) -> SiteValues {
    let (ids, customers): (Vec<VisitorId>, Vec<Customer>) = customers.into_iter().unzip();
    let values = assess(&customers, &ValueModel::fit(&customers));
    let people_max = people_max.min(u32::MAX as usize);
    let omitted = values.len().saturating_sub(people_max);
    let mut people: Vec<(VisitorId, PersonValue)> = ids.into_iter().zip(values).collect();
    people.sort_unstable_by_key(rank);
    people.truncate(people_max);
    let places = (0_u32..).zip(&people);
    // Anonymous visitors, until the rows of identified ones say more.
    let visitors_by_id = places.map(|(place, (id, _))| (id.0, Entry { place, is_proven: true })).collect();
    let mut found = SiteValues { visitors: visitors_by_id, users: HashMap::default(), people, omitted };
    for group in visitors.chunk_by(|one, other| one.customer == other.customer) {
        let Some(place) = found.visitors.get(&group[0].customer).map(|entry| entry.place) else { continue };
        for row in group {
            // The only visitor of a person has the person's orders to itself, whoever it claims to be.
            let is_proven = group.len() == 1 || row.is_verified == 1;
            found.visitors.insert(row.visitor, Entry { place, is_proven });
        }
        found.users.insert(group[0].user.as_str().into(), place);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: SiteId = SiteId(1);

    fn customer(id: u128, revenue_minor: i64) -> (VisitorId, Customer) {
        (VisitorId(id), Customer { orders: 1, revenue_minor, ..Customer::default() })
    }

    fn visitor(customer: u128, visitor: u128, user: &str, is_verified: u8) -> CustomerVisitor {
        CustomerVisitor { customer, visitor, user: user.into(), is_verified }
    }

    fn table(people_max: usize) -> ValueTable {
        let customers = (1..=5).map(|n: u8| customer(n.into(), i64::from(n) * 100)).collect();
        let visitors =
            [visitor(1, 1, "u-1", 1), visitor(1, 11, "u-1", 0), visitor(2, 2, "u-2", 0), visitor(9, 9, "no order", 1)];
        let table = ValueTable::default();
        table.publish(SITE, build(customers, &visitors, people_max));
        table
    }

    #[test]
    fn people_are_found_by_user_and_by_visitor() {
        let table = table(10);
        let of = |user, visitor: u128| table.of(SITE, user, Some(VisitorId(visitor))).map(|v| v.orders_value_minor);
        assert_eq!(
            (of(None, 1), of(None, 11), of(Some("u-1"), 0), of(Some("u-1"), 5)),
            (Some(100), Some(100), Some(100), Some(100))
        );
        assert_eq!(
            (of(Some("unknown"), 5), of(None, 5), of(None, 9), of(Some("no order"), 0)),
            (Some(500), Some(500), None, None)
        );
        assert_eq!(table.of(SiteId(2), Some("u-1"), None), None);
    }

    #[test]
    fn a_claimed_user_id_opens_no_value() {
        let table = table(10);
        let proven = |visitor| table.of_proven(SITE, VisitorId(visitor)).map(|value| value.orders_value_minor);
        assert_eq!((proven(1), proven(11)), (Some(100), None));
        assert_eq!((proven(2), proven(5)), (Some(200), Some(500)), "its own orders");
    }

    #[test]
    fn the_limit_leaves_out_the_lowest_values_and_changes_no_other() {
        let (all, limited) = (table(10), table(2));
        let of = |table: &ValueTable, visitor| table.of(SITE, None, Some(VisitorId(visitor)));
        assert_eq!((of(&limited, 3), of(&limited, 11)), (None, None));
        assert_eq!((of(&limited, 4), of(&limited, 5)), (of(&all, 4), of(&all, 5)));
        assert!(of(&all, 5).is_some());
        assert_eq!((limited.sizes(), all.sizes()), ((2, 3), (5, 0)));
    }

    #[test]
    fn the_best_customers_are_listed_page_by_page() {
        let table = table(4);
        let mut after = None;
        let mut listed = Vec::new();
        loop {
            let page = table.top(SITE, after, 2);
            let Some((visitor, value)) = page.last() else { break };
            after = Some((value.orders_value_minor, *visitor));
            listed.extend(page.iter().map(|(visitor, value)| (visitor.0, value.orders_value_minor)));
        }
        assert_eq!(listed, [(5, 500), (4, 400), (3, 300), (2, 200)]);
        assert!(table.top(SiteId(2), None, 2).is_empty());
    }

    #[test]
    fn every_change_is_a_new_generation() {
        let table = table(10);
        let first = table.generation();
        table.retain(|_| true);
        assert_eq!(table.generation(), first);
        table.retain(|_| false);
        assert!(table.generation() > first && table.of(SITE, None, Some(VisitorId(5))).is_none());
    }
}
