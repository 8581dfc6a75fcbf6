//! Joins the profiles of one user's browsers.
//!
//! No I/O. Counts are added, and interest decays as in one history; of single values the latest wins, but the current
//! session (source, start) is the requesting browser's own. A cart last changed before the user's last order is empty:
//! the order emptied it, wherever it was placed. Carts of several browsers are united, and an item in two of them
//! counts once: shops show a signed-in user the same cart everywhere.

use std::sync::Arc;

use super::{ignored, interest, orders, reducer};
use crate::model::Profile;

/// Joins the profile of the requesting browser with the user's others.
#[must_use]
pub fn join(own: &Profile, others: &[Arc<Profile>], user: &str, half_life_ms: f64) -> Profile {
    let mut joined = own.clone();
    joined.user_id = user.into();
    joined.user_verified = true;
    let known: Vec<&Profile> = others.iter().map(AsRef::as_ref).filter(|profile| profile.events > 0).collect();
    for profile in &known {
        add(&mut joined, profile, half_life_ms);
    }
    let all: Vec<&Profile> = [own].into_iter().chain(known.iter().copied()).collect();
    put_orders(&mut joined, &all);
    put_cart(&mut joined, &all);
    put_attributes(&mut joined, &all);
    joined
}

fn add(joined: &mut Profile, profile: &Profile, half_life_ms: f64) {
    let first = joined.events == 0;
    joined.first_seen = if first { profile.first_seen } else { joined.first_seen.min(profile.first_seen) };
    joined.last_seen = if first { profile.last_seen } else { joined.last_seen.max(profile.last_seen) };
    joined.events = joined.events.saturating_add(profile.events);
    joined.pageviews = joined.pageviews.saturating_add(profile.pageviews);
    joined.visits = joined.visits.saturating_add(profile.visits);
    orders::join(joined, profile);
    joined.history.add_all(&profile.history);
    joined.ordered_at = joined.ordered_at.max(profile.ordered_at);
    for affinity in &profile.affinities {
        interest::add(joined, &affinity.category, affinity.score, affinity.at, half_life_ms);
    }
    for (item, at) in &profile.recent_items {
        reducer::put_recent(&mut joined.recent_items, item, *at);
    }
    ignored::join(joined, profile);
    for category in &profile.bought_categories {
        if joined.bought_categories.len() < Profile::CATEGORIES_MAX && !joined.bought_categories.contains(category) {
            joined.bought_categories.push(category.clone());
        }
    }
}

/// Items bought, those of the browser with the last order first.
fn put_orders(joined: &mut Profile, all: &[&Profile]) {
    let mut by_order = all.to_vec();
    by_order.sort_by_key(|profile| std::cmp::Reverse(profile.ordered_at));
    joined.bought_items.clear();
    for item in by_order.iter().flat_map(|profile| &profile.bought_items) {
        if joined.bought_items.len() < Profile::RECENT_MAX && !joined.bought_items.contains(item) {
            joined.bought_items.push_back(item.clone());
        }
    }
}

fn put_cart(joined: &mut Profile, all: &[&Profile]) {
    joined.cart.clear();
    for profile in all.iter().filter(|profile| joined.ordered_at.is_none_or(|at| profile.last_seen > at)) {
        for (item, price_minor, quantity) in &profile.cart {
            if let Some((_, _, known)) = joined.cart.iter_mut().find(|(known, ..)| known == item) {
                *known = (*known).max(*quantity);
            } else if joined.cart.len() < Profile::CART_MAX {
                joined.cart.push((item.clone(), *price_minor, *quantity));
            }
        }
    }
}

/// Traits, country and device; the latest value wins.
fn put_attributes(joined: &mut Profile, all: &[&Profile]) {
    let mut by_time = all.to_vec();
    by_time.sort_by_key(|profile| profile.last_seen);
    joined.traits.clear();
    for profile in by_time.iter().rev() {
        for (name, value) in &profile.traits {
            if joined.traits.len() < Profile::TRAITS_MAX && !joined.traits.contains_key(name) {
                joined.traits.insert(name.clone(), value.clone());
            }
        }
        if joined.country.is_empty() {
            joined.country.clone_from(&profile.country);
        }
        if joined.device.is_empty() {
            joined.device.clone_from(&profile.device);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Currency, ItemId, SiteId, Timestamp, VisitorId, profile::Affinity};

    const DAY: i64 = 86_400_000;

    fn profile(visitor: u128, last_day: i64) -> Profile {
        let at = Timestamp(last_day * DAY);
        let mut profile = Profile::empty(SiteId(1), VisitorId(visitor));
        (profile.first_seen, profile.last_seen, profile.events, profile.visits) = (at.plus(-DAY), at, 10, 2);
        profile
    }

    fn line(item: &str, quantity: u32) -> (ItemId, i64, u32) {
        (item.into(), 100, quantity)
    }

    fn joined(own: &Profile, others: Vec<Profile>) -> Profile {
        join(own, &others.into_iter().map(Arc::new).collect::<Vec<_>>(), "u", 14.0 * DAY as f64)
    }

    #[test]
    fn counts_are_added_and_the_current_session_is_the_browsers_own() {
        let mut phone = profile(1, 20);
        (phone.channel, phone.session_start) = ("Email".into(), Timestamp(19 * DAY));
        let mut laptop = profile(2, 10);
        (laptop.channel, laptop.country, laptop.orders) = ("Direct".into(), "DE".into(), 1);
        let euros = Currency(*b"EUR");
        (phone.revenue, laptop.revenue) = (vec![(euros, 200)], vec![(euros, 500)]);
        let both = joined(&phone, vec![laptop]);
        assert_eq!((both.visitor, both.events, both.visits, both.orders), (VisitorId(1), 20, 4, 1));
        assert_eq!((both.first_seen, both.last_seen), (Timestamp(9 * DAY), Timestamp(20 * DAY)));
        assert_eq!((&*both.channel, &*both.country, both.session_start), ("Email", "DE", Timestamp(19 * DAY)));
        assert_eq!((&*both.user_id, both.user_verified, both.revenue), ("u", true, vec![(euros, 700)]));
    }

    #[test]
    fn interest_is_that_of_one_combined_history() {
        let with = |visitor, day: i64, score| {
            let mut profile = profile(visitor, day);
            profile.affinities.push(Affinity { category: "Tea".into(), score, at: Timestamp(day * DAY) });
            profile
        };
        let both = joined(&with(1, 28, 1.0), vec![with(2, 14, 8.0)]);
        assert_eq!((both.affinities[0].score, both.affinities[0].at), (5.0, Timestamp(28 * DAY)));
    }

    #[test]
    fn an_order_on_one_browser_empties_the_cart_on_the_other() {
        let (mut phone, mut laptop) = (profile(1, 10), profile(2, 20));
        phone.cart = vec![line("tea", 1)];
        laptop.ordered_at = Some(Timestamp(15 * DAY));
        laptop.bought_items.push_back("tea".into());
        let both = joined(&phone, vec![laptop.clone()]);
        assert!(both.cart.is_empty() && both.bought_items.len() == 1);
        (phone.last_seen, phone.cart) = (Timestamp(16 * DAY), vec![line("mug", 1)]);
        laptop.cart = vec![line("mug", 2), line("pot", 1)];
        assert_eq!(joined(&phone, vec![laptop]).cart, [line("mug", 2), line("pot", 1)]);
    }

    #[test]
    fn the_latest_trait_wins_and_an_empty_browser_gets_everything() {
        let (mut old, mut new) = (profile(1, 10), profile(2, 20));
        old.traits = [("plan".into(), json!("free")), ("name".into(), json!("Sara"))].into();
        new.traits = [("plan".into(), json!("pro"))].into();
        let fresh = Profile::empty(SiteId(1), VisitorId(3));
        let all = joined(&fresh, vec![old, new, Profile::empty(SiteId(1), VisitorId(4))]);
        assert_eq!((&all.traits["plan"], &all.traits["name"]), (&json!("pro"), &json!("Sara")));
        assert_eq!((all.first_seen, all.events), (Timestamp(9 * DAY), 20));
    }
}
