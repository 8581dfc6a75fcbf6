//! What a visitor is interested in, compared with what everybody looks at.
//!
//! No I/O. A share of interest says little where everyone has it. `lift` is the visitor's share divided by the site's:
//! 1 is as everybody, 2 is twice as much. Few views prove little, so that the visitor's share is the mean of a Dirichlet
//! posterior whose prior has the site's shares (an informative prior as in Monroe, Colaresi and Quinn, "Fightin' Words",
//! 2008). The site's shares are those of popularity: of all items by category, else of its most popular items.
//!
//! Rankings and the rule `affinity` use the score itself: what everybody likes is worth recommending to this visitor too,
//! and the popular part of a category cancels out within it.

use std::collections::HashMap;

use super::{affinity::Affinities, context::Settings, index::Index, share::smoothed};
use crate::{
    catalog::snapshot::SiteSnapshot,
    model::{Item, Profile, Timestamp},
    wire::interests::{AffinityBody, Interests, PreferenceBody},
};

/// Strength of the prior, in views: so many of the visitor's count as much as the site.
const PRIOR_VIEWS: f64 = 5.0;
/// Preferences listed of each kind.
const LISTED_MAX: usize = 20;
/// Price bands, each a third of the site's popularity.
const BANDS: [&str; 3] = ["low", "middle", "high"];

/// The interests of a visitor at `now`, strongest first, in units of one item view.
pub fn interests(
    profile: &Profile,
    snapshot: &SiteSnapshot,
    index: &Index,
    now: Timestamp,
    settings: &Settings,
) -> Interests {
    let half_life = settings.half_life_ms;
    let items = &snapshot.items;
    let popular: Vec<(&Item, f64)> = index
        .trending()
        .iter()
        .filter_map(|number| Some((index.listed(*number, items)?.1, f64::from(index.popularity(*number)))))
        .collect();
    let bands = PriceBands::new(&popular, snapshot);
    let categories = Affinities::new(profile, items, now, half_life);
    let affinity = |(category, score): &(&str, f64)| {
        let lift = lift(*score, categories.total(), index.category_share(category));
        AffinityBody { category: (*category).to_owned(), score: *score, lift }
    };
    Interests {
        affinities: categories.categories.iter().map(affinity).collect(),
        brand_affinities: preferences(
            &Affinities::of_items(profile, items, now, half_life, brand),
            &Shares::new(&popular, brand),
        ),
        tag_affinities: preferences(
            &Affinities::of_items(profile, items, now, half_life, tags),
            &Shares::new(&popular, tags),
        ),
        price_affinities: preferences(
            &Affinities::of_items(profile, items, now, half_life, |item| bands.of(item)),
            &Shares::new(&popular, |item| bands.of(item)),
        ),
    }
}

pub(super) fn brand(item: &Item) -> impl Iterator<Item = &str> {
    std::iter::once(item.brand.as_str())
}

pub(super) fn tags(item: &Item) -> impl Iterator<Item = &str> {
    item.tags.iter().map(String::as_str)
}

fn preferences(of: &Affinities<'_>, shares: &Shares<'_>) -> Vec<PreferenceBody> {
    let preference = |(name, score): &(&str, f64)| PreferenceBody {
        name: (*name).to_owned(),
        score: *score,
        lift: lift(*score, of.total(), shares.of(name)),
    };
    of.categories.iter().take(LISTED_MAX).map(preference).collect()
}

/// How many times the site's share a visitor's is. `share` is above 0.
fn lift(score: f64, total: f64, share: f64) -> f64 {
    (score + PRIOR_VIEWS * share) / (total + PRIOR_VIEWS) / share
}

/// The site's shares of something by the popularity of items.
struct Shares<'a> {
    sums: HashMap<&'a str, f64>,
    total: f64,
}

impl<'a> Shares<'a> {
    fn new<I: IntoIterator<Item = &'a str>>(popular: &[(&'a Item, f64)], values: impl Fn(&'a Item) -> I) -> Self {
        let mut sums = HashMap::new();
        let mut total = 0.0;
        for (item, popularity) in popular {
            let mut counts = false;
            for value in values(item).into_iter().filter(|value| !value.is_empty()) {
                counts = true;
                *sums.entry(value).or_insert(0.0) += popularity;
            }
            total += if counts { *popularity } else { 0.0 };
        }
        Self { sums, total }
    }

    fn of(&self, value: &str) -> f64 {
        smoothed(self.sums.get(value).copied().unwrap_or_default(), self.total)
    }
}

/// Prices of which each third of the popularity is below, between and above.
struct PriceBands {
    limits: Option<(i64, i64)>,
    currency: crate::model::Currency,
}

impl PriceBands {
    fn new(popular: &[(&Item, f64)], snapshot: &SiteSnapshot) -> Self {
        let currency = snapshot.site.currency.stored();
        let mut prices: Vec<(i64, f64)> = popular
            .iter()
            .filter(|(item, _)| item.price_minor > 0 && item.currency.stored() == currency)
            .map(|(item, popularity)| (item.price_minor, popularity.max(0.0)))
            .collect();
        prices.sort_by_key(|(price, _)| *price);
        let total: f64 = prices.iter().map(|(_, popularity)| popularity).sum();
        let quantile = |share: f64| {
            let mut sum = 0.0;
            prices.iter().find(|(_, popularity)| {
                sum += popularity;
                sum >= share * total
            })
        };
        let limits = quantile(1.0 / 3.0).zip(quantile(2.0 / 3.0)).map(|(low, high)| (low.0, high.0));
        Self { limits, currency }
    }

    fn of(&self, item: &Item) -> Option<&'static str> {
        let (low, high) = self.limits?;
        if item.price_minor <= 0 || item.currency.stored() != self.currency {
            return None;
        }
        Some(BANDS[usize::from(item.price_minor > low) + usize::from(item.price_minor > high)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decide::{fixture, index::Parts},
        model::{SiteId, VisitorId},
    };

    #[test]
    fn what_everybody_looks_at_says_nothing_and_few_views_say_little() {
        // Nine of ten look at phones.
        assert!((lift(9.0, 10.0, 0.9) - 1.0).abs() < 1e-9);
        assert!((lift(0.0, 0.0, 0.3) - 1.0).abs() < 1e-9);
        let (one, ten) = (lift(1.0, 1.0, 0.1), lift(10.0, 10.0, 0.1));
        assert!(1.0 < one && one < ten && ten < 10.0, "{one} {ten}");
        assert!(lift(0.0, 10.0, 0.5) < 0.5);
        assert!(smoothed(0.0, 0.0) <= 1.0 && smoothed(0.0, 1e6) > 0.0);
    }

    #[test]
    fn interests_come_from_the_catalogue_and_are_compared_with_popular_items() {
        let snapshot = fixture::snapshot(&[]);
        let now = Timestamp(1_763_798_400_000);
        let items = fixture::items();
        let category = |item: &Item| std::sync::Arc::from(item.main_category());
        let parts = items.iter().map(|item| (item.id.clone(), category(item), 10.0)).collect();
        let index = Index::new(Parts { items: parts, ..Parts::default() });
        let mut profile = Profile::empty(SiteId(1), VisitorId(1));
        profile.recent_items.push_back((items[0].id.clone(), now));
        profile.recent_items.push_back(("unknown".into(), now));
        let settings = Settings { slots_max: 1, items_max: 1, half_life_ms: 1e9, up_sell_factor: 1.0 };
        let found = interests(&profile, &snapshot, &index, now, &settings);
        assert_eq!(found.affinities.len(), 1);
        assert_eq!(found.affinities[0].category, items[0].main_category());
        assert!(found.affinities[0].score > 0.99 && found.affinities[0].lift > 1.0);
        let brands = usize::from(!items[0].brand.is_empty());
        assert_eq!((found.brand_affinities.len(), found.tag_affinities.len()), (brands, items[0].tags.len()));
        let names: Vec<&str> = found.price_affinities.iter().map(|price| &*price.name).collect();
        assert!(names.len() <= 1 && names.iter().all(|name| BANDS.contains(name)), "{names:?}");
    }
}
