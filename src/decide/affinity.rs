//! The visitor's affinity to categories, decayed to the current time.

use crate::{
    catalog::snapshot::Items,
    model::{Item, Profile, Timestamp, time::decay},
};

/// Minimum score of a preference, in units of one item view (see `profiles::reducer`). Two views suffice for ten days at
/// the default half-life of fourteen; a single one never does.
pub(super) const PREFERRED_SCORE_MIN: f64 = 1.2;
/// Minimum share of a preference in all interest.
pub(super) const PREFERRED_SHARE_MIN: f64 = 0.3;
/// Categories recommended from.
pub(super) const TOP_CATEGORIES_MAX: usize = 3;

/// Interest in categories at one time, strongest first.
#[derive(Debug, Default)]
pub(super) struct Affinities<'a> {
    pub(super) categories: Vec<(&'a str, f64)>,
    total: f64,
}

impl<'a> Affinities<'a> {
    /// From the profile's affinities; if events carry no categories, from the catalogue's categories of recently viewed
    /// items.
    pub(super) fn new(profile: &'a Profile, items: &'a Items, now: Timestamp, half_life_ms: f64) -> Self {
        let decayed = |score: f64, at: Timestamp| score * decay(now.since(at).max(0), half_life_ms);
        let mut categories: Vec<(&str, f64)> =
            profile.affinities.iter().map(|a| (&*a.category, decayed(a.score, a.at))).collect();
        if categories.is_empty() {
            for (id, at) in &profile.recent_items {
                let Some(category) = items.get(id).map(crate::model::Item::main_category).filter(|c| !c.is_empty())
                else {
                    continue;
                };
                let score = decayed(1.0, *at);
                match categories.iter_mut().find(|(known, _)| *known == category) {
                    Some((_, sum)) => *sum += score,
                    None => categories.push((category, score)),
                }
            }
        }
        categories.retain(|(_, score)| *score > 0.0);
        categories.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        let total = categories.iter().map(|(_, score)| score).sum();
        Self { categories, total }
    }

    /// Interest in something else that the catalogue says of the items viewed, such as their brand. An item with several
    /// values counts fully for each.
    pub(super) fn of_items<I: IntoIterator<Item = &'a str>>(
        profile: &Profile,
        items: &'a Items,
        now: Timestamp,
        half_life_ms: f64,
        values: impl Fn(&'a Item) -> I,
    ) -> Self {
        let mut found = Self::default();
        for (id, at) in &profile.recent_items {
            let Some(item) = items.get(id) else { continue };
            let score = decay(now.since(*at).max(0), half_life_ms);
            let mut counts = false;
            for value in values(item).into_iter().filter(|value| !value.is_empty()) {
                counts = true;
                match found.categories.iter_mut().find(|(known, _)| *known == value) {
                    Some((_, sum)) => *sum += score,
                    None => found.categories.push((value, score)),
                }
            }
            found.total += if counts { score } else { 0.0 };
        }
        found.categories.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        found
    }

    /// All interest.
    pub(super) const fn total(&self) -> f64 {
        self.total
    }

    /// The preferred category, if there is a clear one.
    pub(super) fn preferred(&self) -> Option<&'a str> {
        let (category, score) = self.categories.first()?;
        (*score >= PREFERRED_SCORE_MIN && *score >= PREFERRED_SHARE_MIN * self.total).then_some(*category)
    }

    /// The categories to recommend from, with their share of all interest.
    pub(super) fn top_categories(&self) -> impl Iterator<Item = (&'a str, f64)> + '_ {
        self.categories.iter().take(TOP_CATEGORIES_MAX).map(|(category, score)| (*category, score / self.total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SiteId, VisitorId, profile::Affinity};

    const DAY_MS: f64 = 86_400_000.0;
    const HALF_LIFE: f64 = 14.0 * DAY_MS;

    fn preferred(affinities: &[(&str, f64, f64)]) -> Option<String> {
        let mut profile = Profile::empty(SiteId(1), VisitorId(1));
        let now = Timestamp(1_763_798_400_000);
        #[expect(clippy::cast_possible_truncation, reason = "whole days of a test")]
        profile.affinities.extend(affinities.iter().map(|(category, score, days_ago)| Affinity {
            category: (*category).into(),
            score: *score,
            at: now.plus(-(days_ago * DAY_MS) as i64),
        }));
        Affinities::new(&profile, &Items::default(), now, HALF_LIFE).preferred().map(str::to_owned)
    }

    #[test]
    fn two_views_make_a_preference_one_does_not_and_it_decays() {
        let check = |affinities: &[(&str, f64, f64)], expected: Option<&str>| {
            assert_eq!(preferred(affinities).as_deref(), expected, "{affinities:?}");
        };
        check(&[], None);
        check(&[("Coffee", 1.0, 0.0)], None);
        check(&[("Coffee", 2.0, 0.0)], Some("Coffee"));
        check(&[("Coffee", 2.0, 9.0)], Some("Coffee"));
        check(&[("Coffee", 2.0, 14.0)], None);
        check(&[("Coffee", 3.0, 28.0), ("Tea", 2.0, 0.0)], Some("Tea"));
        check(&[("A", 2.0, 0.0), ("B", 2.0, 0.0), ("C", 2.0, 0.0), ("D", 2.0, 0.0)], None);
        check(&[("B", 2.0, 0.0), ("A", 2.0, 0.0)], Some("A"));
    }
}
