//! Interest in categories: every action adds its weight, and all weights decay with one half-life.
//!
//! No I/O. Because everything decays at one rate, the order of arrival does not matter, and which of two categories is
//! stronger does not change while nothing happens.

use crate::model::{Action, Kind, Profile, ProfileEvent, Timestamp, profile::Affinity, time::decay};

/// Weight of an action, in units of one item view. Adding to the cart counts more than viewing, buying more still; a
/// list, a search or an article of the category count less.
pub(super) fn weight(event: &ProfileEvent) -> f64 {
    match event.action {
        Action::ItemViewed => 1.0,
        Action::ListViewed | Action::Searched | Action::SlotClicked => 0.5,
        Action::CartAdded => 3.0,
        Action::Ordered => 5.0,
        Action::Other if matches!(event.kind, Kind::Page | Kind::Screen) => 0.5,
        Action::Other
        | Action::CartRemoved
        | Action::CartViewed
        | Action::CheckoutStarted
        | Action::Refunded
        | Action::SlotViewed => 0.0,
    }
}

/// Adds interest at a time; keeps the list bounded and strongest first.
pub(super) fn add(profile: &mut Profile, category: &str, weight: f64, at: Timestamp, half_life_ms: f64) {
    if weight <= 0.0 {
        return;
    }
    let affinities = &mut profile.affinities;
    let mut place = if let Some(known) = affinities.iter().position(|a| *a.category == *category) {
        let affinity = &mut affinities[known];
        let elapsed = at.since(affinity.at);
        let remaining = decay(elapsed.saturating_abs(), half_life_ms);
        if elapsed >= 0 {
            affinity.score = affinity.score * remaining + weight;
            affinity.at = at;
        } else {
            affinity.score += weight * remaining;
        }
        known
    } else {
        // The weakest is removed, so that what is viewed now can grow.
        affinities.truncate(Profile::CATEGORIES_MAX - 1);
        affinities.push(Affinity { category: category.into(), score: weight, at });
        affinities.len() - 1
    };
    while place > 0 && is_weaker(&affinities[place - 1], &affinities[place], half_life_ms) {
        affinities.swap(place - 1, place);
        place -= 1;
    }
}

/// Compares both scores at the later of their times.
fn is_weaker(a: &Affinity, b: &Affinity, half_life_ms: f64) -> bool {
    let elapsed = b.at.since(a.at);
    if elapsed >= 0 {
        a.score * decay(elapsed, half_life_ms) < b.score
    } else {
        a.score < b.score * decay(elapsed.saturating_abs(), half_life_ms)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{SiteId, VisitorId};

    const HALF_LIFE: f64 = 14.0 * 86_400_000.0;

    #[test]
    fn interest_halves_in_a_half_life_and_the_strongest_comes_first() {
        let mut profile = Profile::empty(SiteId(1), VisitorId(1));
        #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds")]
        let later = Timestamp(HALF_LIFE as i64);
        add(&mut profile, "Coffee", 3.0, Timestamp(0), HALF_LIFE);
        add(&mut profile, "Tea", 2.0, later, HALF_LIFE);
        assert_eq!(&*profile.affinities[0].category, "Tea");
        add(&mut profile, "Coffee", 1.0, later, HALF_LIFE);
        assert_eq!((&*profile.affinities[0].category, profile.affinities[0].score), ("Coffee", 2.5));
    }

    #[test]
    fn the_weakest_category_is_removed_and_a_new_one_can_grow() {
        let mut profile = Profile::empty(SiteId(1), VisitorId(1));
        for n in 0..40 {
            add(&mut profile, &format!("old-{n}"), 5.0, Timestamp(0), HALF_LIFE);
        }
        for _ in 0..7 {
            add(&mut profile, "new", 1.0, Timestamp(1), HALF_LIFE);
        }
        assert_eq!(profile.affinities.len(), Profile::CATEGORIES_MAX);
        assert_eq!(&*profile.affinities[0].category, "new");
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_does_not_matter(
            mut acts in proptest::collection::vec((0_u8..4, 0_i64..5_000_000_000), 1..30),
        ) {
            let fold = |acts: &[(u8, i64)]| {
                let mut profile = Profile::empty(SiteId(1), VisitorId(1));
                for (category, at) in acts {
                    add(&mut profile, &category.to_string(), 1.0, Timestamp(*at), HALF_LIFE);
                }
                profile.affinities.sort_by(|a, b| a.category.cmp(&b.category));
                profile.affinities
            };
            let arrived = fold(&acts);
            acts.sort_by_key(|(_, at)| *at);
            for (a, b) in arrived.iter().zip(&fold(&acts)) {
                prop_assert_eq!((&a.category, a.at), (&b.category, b.at));
                prop_assert!((a.score - b.score).abs() < 1e-9 * b.score);
            }
        }
    }
}
