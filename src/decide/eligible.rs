//! What conditions ask of a visitor: profile, value, page and catalogue.

use super::{
    affinity::Affinities,
    context::{Context, Facts},
    interests,
};
use crate::{
    catalog::condition::{Condition, NumberField, SetField, TextField, TextTest},
    model::{Currency, Item, Number, Profile},
    segments::{self, Evaluator},
};

impl<'a> Facts<'a> {
    /// Whether a condition holds for this visitor on this page.
    pub(super) fn hold(&self, condition: &Condition) -> bool {
        Evaluator::new(self, &self.snapshot.site, self.context.now).holds(condition)
    }

    /// Interest in what the catalogue says of the items viewed.
    fn of_items<I: IntoIterator<Item = &'a str>>(&self, values: impl Fn(&'a Item) -> I) -> Affinities<'a> {
        let Context { now, settings, .. } = self.context;
        Affinities::of_items(self.profile, &self.snapshot.items, *now, settings.half_life_ms, values)
    }

    /// Categories from events, and those of bought items in the catalogue.
    fn bought_categories(&self) -> impl Iterator<Item = &str> {
        let from_events = self.profile.bought_categories.iter().map(|category| &**category);
        let items = self.profile.bought_items.iter().filter_map(|id| self.snapshot.items.get(id));
        from_events.chain(items.map(Item::main_category).filter(|category| !category.is_empty()))
    }

    /// The value model's figure, unless the profile has later orders; then the profile's, converted at today's rates.
    fn orders_value_minor(&self) -> i64 {
        if let Some(value) = self.context.value.filter(|value| value.orders >= self.profile.orders) {
            return value.orders_value_minor;
        }
        let site = &self.snapshot.site;
        let converted = self.profile.revenue.iter().filter_map(|(currency, amount_minor)| {
            let currency = if *currency == Currency::NONE { site.currency.stored() } else { *currency };
            site.rates.convert(*amount_minor, currency, self.context.now)
        });
        converted.fold(0, i64::saturating_add)
    }
}

impl segments::Facts for Facts<'_> {
    fn profile(&self) -> &Profile {
        self.profile
    }

    fn number(&self, field: NumberField) -> Option<Number> {
        let value = self.context.value;
        Some(match field {
            NumberField::Visits => self.profile.visits.into(),
            NumberField::Pageviews => self.profile.pageviews.into(),
            NumberField::CartItems => self.cart_items.into(),
            NumberField::CartValueMinor => self.cart_value_minor.into(),
            NumberField::Orders => self.profile.orders.into(),
            NumberField::OrdersValueMinor => self.orders_value_minor().into(),
            NumberField::RfmRecency => u32::from(value?.rfm.recency).into(),
            NumberField::RfmFrequency => u32::from(value?.rfm.frequency).into(),
            NumberField::RfmMonetary => u32::from(value?.rfm.monetary).into(),
            NumberField::ValueDecile => u32::from(value?.value_decile).into(),
            NumberField::AliveProbability => value?.alive_probability?.into(),
            NumberField::PredictedValueMinor => value?.predicted_value_minor?.into(),
            NumberField::LastSeenDays | NumberField::FirstSeenDays => return None,
        })
    }

    fn text(&self, field: TextField) -> &str {
        match field {
            TextField::Affinity => self.affinity.preferred().unwrap_or(""),
            TextField::BrandAffinity => self.of_items(interests::brand).preferred().unwrap_or(""),
            TextField::TagAffinity => self.of_items(interests::tags).preferred().unwrap_or(""),
            TextField::Channel => &self.profile.channel,
            TextField::Source => &self.profile.source,
            TextField::Campaign => &self.profile.campaign,
            TextField::Country => &self.profile.country,
            TextField::Device => &self.profile.device,
            TextField::UserId => &self.profile.user_id,
            TextField::UrlPath => self.context.url_path,
            TextField::ContactChannel => self.context.contact_channel,
        }
    }

    fn set_passes(&self, field: SetField, test: &TextTest) -> bool {
        match field {
            SetField::ViewedCategory => test.passes_set(self.affinity.categories.iter().map(|(category, _)| *category)),
            SetField::BoughtCategory => test.passes_set(self.bought_categories()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{fixture, run};
    use crate::{
        decide::{Context, Index},
        model::{Profile, Timestamp},
    };

    /// Whether an offer with this rule is shown.
    fn shown(profile: &Profile, when: &Value, context: &Context<'_>) -> bool {
        let snapshot = fixture::snapshot(&[json!({"id": "o", "slot": "s", "when": when, "content": {"title": "T"}})]);
        !run(profile, &snapshot, &Index::default(), context, &["s"]).is_empty()
    }

    #[test]
    fn every_field_is_evaluated() {
        let profile = fixture::regular();
        let context = Context { url_path: "/c/Coffee", ..fixture::context() };
        let check = |field: &str, op: &str, value: Value, expected: bool| {
            let when = json!({"field": field, "op": op, "value": value});
            assert_eq!(shown(&profile, &when, &context), expected, "{when}");
        };
        check("affinity", "eq", json!("coffee"), true);
        check("affinity", "ne", json!("Coffee"), false);
        check("affinity", "in", json!(["Tea", "Coffee"]), true);
        check("brand_affinity", "eq", json!("none such"), false);
        check("tag_affinity", "ne", json!("none such"), true);
        check("visits", "gte", json!(3), true);
        check("visits", "gt", json!(3), false);
        check("visits", "in", json!([1, 3]), true);
        check("pageviews", "lt", json!(21), true);
        check("cart_items", "eq", json!(2), true);
        check("cart_value_minor", "gte", json!(2000), true);
        check("cart_value_minor", "lte", json!(1999), false);
        check("orders", "exists", json!(null), true);
        check("channel", "eq", json!("email"), true);
        check("source", "contains", json!("LET"), true);
        check("campaign", "starts_with", json!("Autumn"), true);
        check("country", "in", json!(["de", "at"]), true);
        check("device", "ne", json!("mobile"), true);
        check("viewed_category", "eq", json!("Tea"), true);
        check("viewed_category", "ne", json!("Tea"), false);
        check("viewed_category", "eq", json!("Plants"), false);
        check("bought_category", "eq", json!("Kitchen"), true);
        check("new_visitor", "eq", json!(true), false);
        check("new_visitor", "eq", json!(false), true);
        check("user_id", "exists", json!(null), true);
        check("trait.plan", "eq", json!("Gold"), true);
        check("trait.age", "gte", json!(30), true);
        check("trait.age", "gte", json!(50), false);
        check("trait.newsletter", "eq", json!(true), true);
        check("trait.unknown", "exists", json!(null), false);
        check("trait.unknown", "gt", json!(0), false);
        check("url_path", "starts_with", json!("/c/"), true);
        check("contact_channel", "eq", json!("web"), true);
        check("contact_channel", "eq", json!("call_centre"), false);
        check("country", "not_in", json!(["at", "ch"]), true);
        check("source", "not_contains", json!("let"), false);
        check("user_id", "not_exists", json!(null), false);
        check("visits", "not_in", json!([3]), false);
        check("trait.unknown", "not_exists", json!(null), true);
        check("trait.age", "not_in", json!([40, 42]), true);
        check("orders_value_minor", "gte", json!(1000), true);
        check("value_decile", "gte", json!(1), false);
        check("value_decile", "not_exists", json!(null), true);
    }

    #[test]
    fn conditions_combine_and_an_empty_one_matches_everyone() {
        let profile = fixture::regular();
        let yes = json!({"field": "visits", "op": "gte", "value": 1});
        let no = json!({"field": "visits", "op": "gte", "value": 99});
        let check = |when: Value, expected: bool| {
            assert_eq!(shown(&profile, &when, &fixture::context()), expected, "{when}");
        };
        check(json!({}), true);
        check(json!({"all": [yes, no]}), false);
        check(json!({"any": [yes, no]}), true);
        check(json!({"not": no}), true);
        check(json!({"all": []}), true);
        check(json!({"any": []}), false);
        check(json!({"all": [yes, {"not": {"any": [no, no]}}]}), true);
    }

    #[test]
    fn the_cart_reported_by_the_page_overrides_that_of_the_profile() {
        let profile = fixture::regular();
        let over = json!({"field": "cart_value_minor", "op": "gte", "value": 1});
        let empty: [String; 0] = [];
        assert!(shown(&profile, &over, &fixture::context()));
        assert!(!shown(&profile, &over, &Context { cart: Some(&empty), ..fixture::context() }));
        // An item known from the page only has the catalogue's price.
        let other = ["tea-1".to_owned()];
        assert!(shown(&profile, &over, &Context { cart: Some(&other), ..fixture::context() }));
    }

    #[test]
    fn offers_run_between_their_times_and_the_highest_priority_wins() {
        let now = fixture::NOW;
        let offer = |id: &str, priority: i32, extra: Value| {
            let mut offer = json!({"id": id, "slot": "s", "priority": priority, "content": {"title": id}});
            offer.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            offer
        };
        let at = |ms: i64| Timestamp(now.0 + ms).to_string();
        let snapshot = fixture::snapshot(&[
            offer("low", 1, json!({})),
            offer("ended", 9, json!({"ends_at": at(0)})),
            offer("coming", 8, json!({"starts_at": at(1)})),
            offer("running", 7, json!({"starts_at": at(0), "ends_at": at(1)})),
            offer("off", 99, json!({"enabled": false})),
        ]);
        let context = Context { explain: true, ..fixture::context() };
        let decisions = run(&fixture::regular(), &snapshot, &Index::default(), &context, &["s", "s", "nowhere"]);
        assert_eq!(decisions.len(), 1);
        assert_eq!(decisions[0].offer.as_deref(), Some("running"));
        assert_eq!(
            decisions[0].explanation,
            [
                "offer `running` (priority 7) matches: everyone",
                "offer `off` skipped: it is paused",
                "offer `ended` skipped: not running now",
                "offer `coming` skipped: not running now",
                "offer `low` skipped: another offer comes first",
            ]
        );
    }
}
