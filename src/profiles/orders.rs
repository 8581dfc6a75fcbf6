//! Orders and refunds of a profile: each order counts once, whoever reports it and however often, and a refund takes no
//! more than its order, as in reports.

use crate::model::{Currency, OrderAmount, OrderRecord, Profile, ProfileEvent};

/// Adds a report of an order.
pub(super) fn add_order(profile: &mut Profile, event: &ProfileEvent) {
    if event.order_id.is_empty() {
        profile.orders = profile.orders.saturating_add(1);
        add_revenue(&mut profile.revenue, event.currency, event.amount_minor);
        return;
    }
    let report = OrderAmount {
        by_server: event.by_server_key,
        at: event.occurred_at,
        position: event.position,
        currency: event.currency,
        amount_minor: event.amount_minor,
    };
    change(profile, &event.order_id, |order| {
        if order.report.is_none_or(|known| report.precedes(&known)) {
            order.report = Some(report);
        }
    });
}

/// Adds a refund.
pub(super) fn add_refund(profile: &mut Profile, event: &ProfileEvent) {
    let amount_minor = event.amount_minor.saturating_abs();
    if event.order_id.is_empty() {
        add_revenue(&mut profile.revenue, event.currency, amount_minor.saturating_neg());
    } else {
        change(profile, &event.order_id, |order| {
            order.refunds_minor = order.refunds_minor.saturating_add(amount_minor);
            order.refunded_whole |= event.refunds_whole_order;
        });
    }
}

/// Adds the orders of another profile of the same person.
pub(super) fn join(joined: &mut Profile, other: &Profile) {
    for order in &other.order_records {
        change(joined, &order.order_id, |known| known.merge(order));
    }
    // Orders without an id, and those no longer kept one by one.
    joined.orders = joined.orders.saturating_add(other.orders.saturating_sub(counted(&other.order_records)));
    for (currency, total) in &other.revenue {
        let kept: i64 = other
            .order_records
            .iter()
            .filter_map(OrderRecord::revenue)
            .filter(|(known, _)| known == currency)
            .fold(0, |sum, (_, minor)| sum.saturating_add(minor));
        add_revenue(&mut joined.revenue, *currency, total.saturating_sub(kept));
    }
}

fn counted<'a>(orders: impl IntoIterator<Item = &'a OrderRecord>) -> u32 {
    u32::try_from(orders.into_iter().filter(|order| order.report.is_some()).count()).unwrap_or(u32::MAX)
}

/// Changes one order, and the profile's totals by the difference.
fn change(profile: &mut Profile, order_id: &str, edit: impl FnOnce(&mut OrderRecord)) {
    let index = profile.order_records.iter().position(|order| *order.order_id == *order_id);
    let mut order = index.map_or_else(|| OrderRecord::new(order_id), |index| profile.order_records[index].clone());
    if let Some((currency, minor)) = order.revenue() {
        add_revenue(&mut profile.revenue, currency, minor.saturating_neg());
    }
    let was_counted = order.report.is_some();
    edit(&mut order);
    if let Some((currency, minor)) = order.revenue() {
        add_revenue(&mut profile.revenue, currency, minor);
    }
    if order.report.is_some() && !was_counted {
        profile.orders = profile.orders.saturating_add(1);
    }
    if let Some(index) = index {
        profile.order_records[index] = order;
    } else {
        if profile.order_records.len() >= OrderRecord::KEPT_MAX {
            profile.order_records.pop_front();
        }
        profile.order_records.push_back(order);
    }
}

fn add_revenue(revenue: &mut Vec<(Currency, i64)>, currency: Currency, amount_minor: i64) {
    if let Some((_, sum)) = revenue.iter_mut().find(|(known, _)| *known == currency) {
        *sum = sum.saturating_add(amount_minor);
    } else if amount_minor != 0 && revenue.len() < Profile::CURRENCIES_MAX {
        revenue.push((currency, amount_minor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, Currency, Kind, Position, SiteId, Timestamp, VisitorId};

    fn event(position: u64, action: Action, order_id: &str, amount_minor: i64, by_server_key: bool) -> ProfileEvent {
        ProfileEvent {
            journal: 1,
            position: Position(position),
            occurred_at: Timestamp(i64::try_from(position).unwrap() * 1000),
            kind: Kind::Track,
            action,
            name: Box::default(),
            session_start: Timestamp::default(),
            items: Vec::new(),
            category: Box::default(),
            amount_minor,
            currency: Currency(*b"EUR"),
            order_id: order_id.into(),
            refunds_whole_order: action == Action::Refunded && amount_minor == 0,
            by_server_key,
            user_id: Box::default(),
            user_verified: false,
            path: Box::default(),
            channel: "Internal",
            source: Box::default(),
            campaign: Box::default(),
            country: Box::default(),
            device: "",
            slot: Box::default(),
            offer: Box::default(),
            traits: Box::default(),
            past: Vec::new(),
            rules: 0,
        }
    }

    fn profile(events: &[ProfileEvent]) -> Profile {
        let mut profile = Profile::empty(SiteId(1), VisitorId(1));
        for event in events {
            match event.action {
                Action::Refunded => add_refund(&mut profile, event),
                _ => add_order(&mut profile, event),
            }
        }
        profile
    }

    fn totals(profile: &Profile) -> (u32, i64) {
        (profile.orders, profile.revenue.iter().map(|(_, minor)| minor).sum())
    }

    #[test]
    fn an_order_counts_once_and_the_servers_amount_wins() {
        let order = |position, amount, by_server| event(position, Action::Ordered, "o", amount, by_server);
        assert_eq!(totals(&profile(&[order(1, 500, false), order(2, 700, false)])), (1, 500));
        assert_eq!(totals(&profile(&[order(1, 500, false), order(2, 600, true), order(3, 900, false)])), (1, 600));
        assert_eq!(totals(&profile(&[order(2, 600, true), order(1, 500, false)])), (1, 600));
        let without_id = event(1, Action::Ordered, "", 500, false);
        assert_eq!(totals(&profile(&[without_id.clone(), without_id])), (2, 1000));
    }

    #[test]
    fn refunds_take_no_more_than_their_order_whenever_they_arrive() {
        let order = event(1, Action::Ordered, "o", 500, false);
        let refund = |position, amount| event(position, Action::Refunded, "o", amount, true);
        assert_eq!(totals(&profile(&[order.clone(), refund(2, 200)])), (1, 300));
        assert_eq!(totals(&profile(&[order.clone(), refund(2, 400), refund(3, 400)])), (1, 0));
        assert_eq!(totals(&profile(&[refund(2, 0), order.clone()])), (1, 0), "all of it");
        assert_eq!(totals(&profile(&[refund(2, 400)])), (0, 0), "never paid");
    }

    #[test]
    fn an_order_in_two_browsers_of_a_person_counts_once() {
        let phone = profile(&[event(1, Action::Ordered, "o", 500, false), event(2, Action::Ordered, "", 50, false)]);
        let shop = profile(&[event(3, Action::Ordered, "o", 450, true), event(4, Action::Ordered, "p", 100, true)]);
        let mut joined = phone.clone();
        join(&mut joined, &shop);
        assert_eq!(totals(&joined), (3, 600));
        let mut other_way = shop;
        join(&mut other_way, &phone);
        assert_eq!(totals(&other_way), (3, 600));
    }

    #[test]
    fn only_the_newest_orders_are_kept_and_none_is_lost_from_the_totals() {
        let many: Vec<_> = (1..=100).map(|n| event(n, Action::Ordered, &n.to_string(), 10, false)).collect();
        let known = profile(&many);
        assert_eq!((totals(&known), known.order_records.len()), ((100, 1000), OrderRecord::KEPT_MAX));
        let mut joined = Profile::empty(SiteId(1), VisitorId(2));
        join(&mut joined, &known);
        assert_eq!(totals(&joined), (100, 1000));
    }
}
