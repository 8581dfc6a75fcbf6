//! Which rules hold: every field of a condition, answered from profile, page and catalogue.

use serde_json::Value;

use super::{
    Context,
    affinity::Taste,
    slot_rules::{ExclusionReason, UsedItems},
};
use crate::{
    catalog::{
        condition::{Condition, NumberField, SetField, TextField, TraitTest},
        snapshot::SiteSnapshot,
    },
    model::{Item, Profile},
};

/// Everything one request knows, gathered once for all its slots.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) profile: &'a Profile,
    pub(super) snapshot: &'a SiteSnapshot,
    pub(super) context: &'a Context<'a>,
    pub(super) taste: Taste<'a>,
    /// Ids of the items in the cart.
    pub(super) cart: Vec<&'a str>,
    cart_items: f64,
    cart_value_minor: f64,
}

impl<'a> Facts<'a> {
    pub(super) fn gather(profile: &'a Profile, snapshot: &'a SiteSnapshot, context: &'a Context<'a>) -> Self {
        let taste = Taste::of(profile, &snapshot.items, context.now, context.settings.half_life_ms);
        let mut facts =
            Self { profile, snapshot, context, taste, cart: Vec::new(), cart_items: 0.0, cart_value_minor: 0.0 };
        match context.cart {
            None => profile.cart.iter().for_each(|(id, price, pieces)| facts.add_line(id, *price, *pieces)),
            // What the page shows is the truth; prices and pieces are filled in from what is known.
            Some(shown) => shown.iter().take(Profile::CART_MAX).for_each(|id| {
                match profile.cart.iter().find(|(known, ..)| **known == **id) {
                    Some((id, price, pieces)) => facts.add_line(id, *price, *pieces),
                    None => facts.add_line(id, 0, 1),
                }
            }),
        }
        facts
    }

    fn add_line(&mut self, id: &'a str, price_minor: i64, pieces: u32) {
        if self.cart.contains(&id) {
            return;
        }
        let price_minor = match price_minor {
            0 => self.snapshot.items.get(id).map_or(0, |item| item.price_minor),
            known => known,
        };
        self.cart.push(id);
        self.cart_items += f64::from(pieces);
        self.cart_value_minor += price_minor as f64 * f64::from(pieces);
    }

    /// Items that are not recommended: the one on the page, those in the cart, those bought.
    pub(super) fn taken(&self) -> UsedItems<'a> {
        let bought = self.profile.bought_items.iter().map(|id| (&**id, ExclusionReason::Bought));
        let in_cart = self.cart.iter().map(|id| (*id, ExclusionReason::InCart));
        let on_page = Some((self.context.item, ExclusionReason::OnPage)).filter(|(id, _)| !id.is_empty());
        let all = bought.chain(in_cart).chain(on_page);
        all.filter_map(|(id, bar)| Some((self.snapshot.items.number(id)?, bar))).collect()
    }

    /// Whether a condition holds for this visitor on this page.
    pub(super) fn hold(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Everyone => true,
            Condition::All(parts) => parts.iter().all(|part| self.hold(part)),
            Condition::Any(parts) => parts.iter().any(|part| self.hold(part)),
            Condition::Not(part) => !self.hold(part),
            Condition::Number { field, test } => test.passes(self.number(*field)),
            Condition::Text { field, test } => test.passes(self.text(*field)),
            Condition::Set { field: SetField::ViewedCategory, test } => {
                test.passes_set(self.taste.categories.iter().map(|(category, _)| *category))
            }
            Condition::Set { field: SetField::BoughtCategory, test } => test.passes_set(self.bought_categories()),
            Condition::NewVisitor(wanted) => *wanted == (self.profile.visits <= 1),
            Condition::Trait { name, test } => self.trait_passes(name, test),
        }
    }

    fn number(&self, field: NumberField) -> f64 {
        match field {
            NumberField::Visits => f64::from(self.profile.visits),
            NumberField::Pageviews => f64::from(self.profile.pageviews),
            NumberField::CartItems => self.cart_items,
            NumberField::CartValueMinor => self.cart_value_minor,
            NumberField::Orders => f64::from(self.profile.orders),
        }
    }

    fn text(&self, field: TextField) -> &str {
        match field {
            TextField::Affinity => self.taste.preferred().unwrap_or(""),
            TextField::Channel => &self.profile.channel,
            TextField::Source => &self.profile.source,
            TextField::Campaign => &self.profile.campaign,
            TextField::Country => &self.profile.country,
            TextField::Device => &self.profile.device,
            TextField::UserId => &self.profile.user_id,
            TextField::UrlPath => self.context.url_path,
        }
    }

    /// What events said, and what the catalogue says of the items bought.
    fn bought_categories(&self) -> impl Iterator<Item = &str> {
        let told = self.profile.bought_categories.iter().map(|category| &**category);
        let items = self.profile.bought_items.iter().filter_map(|id| self.snapshot.items.get(id));
        told.chain(items.map(Item::main_category).filter(|category| !category.is_empty()))
    }

    fn trait_passes(&self, name: &str, test: &TraitTest) -> bool {
        let value = self.profile.traits.get(name).unwrap_or(&Value::Null);
        match test {
            TraitTest::Number(test) => value.as_f64().is_some_and(|number| test.passes(number)),
            TraitTest::Text(test) => match value {
                Value::Null => test.passes(""),
                Value::String(told) => test.passes(told),
                other => test.passes(&other.to_string()),
            },
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
    fn every_field_is_asked_as_the_marketer_means_it() {
        let profile = fixture::regular();
        let context = Context { url_path: "/c/Coffee", ..fixture::context() };
        let check = |field: &str, op: &str, value: Value, expected: bool| {
            let when = json!({"field": field, "op": op, "value": value});
            assert_eq!(shown(&profile, &when, &context), expected, "{when}");
        };
        check("affinity", "eq", json!("coffee"), true);
        check("affinity", "ne", json!("Coffee"), false);
        check("affinity", "in", json!(["Tea", "Coffee"]), true);
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
    }

    #[test]
    fn rules_combine_and_an_empty_rule_is_for_everyone() {
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
    fn the_cart_that_the_page_shows_counts_over_the_remembered_one() {
        let profile = fixture::regular();
        let over = json!({"field": "cart_value_minor", "op": "gte", "value": 1});
        let empty: [String; 0] = [];
        assert!(shown(&profile, &over, &fixture::context()));
        assert!(!shown(&profile, &over, &Context { cart: Some(&empty), ..fixture::context() }));
        // An item that only the page knows of has the catalogue's price.
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
                "offer `ended` passed over: it does not run now",
                "offer `coming` passed over: it does not run now",
                "offer `running` (priority 7) is for: everyone",
            ]
        );
    }
}
