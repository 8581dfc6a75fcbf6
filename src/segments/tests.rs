//! Rules over a history: every kind of condition, and the moments at which answers change.

use serde_json::{Value, json};

use super::{Evaluator, Facts, Held, SegmentSet};
use crate::{
    catalog::{
        compile::compile_segment_rule,
        condition::{Condition, NumberField, SetField, TextField, TextTest},
    },
    model::{
        Currency, History, Number, OrderReport, PastEvent, Position, Profile, Site, SiteId, Timestamp, VisitorId,
        rates::{RateEntry, Rates},
    },
};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const NOW: i64 = 1_800_000_000_000;

struct Known(Profile);

impl Facts for Known {
    fn profile(&self) -> &Profile {
        &self.0
    }

    fn number(&self, field: NumberField) -> Option<Number> {
        match field {
            NumberField::Orders => Some(self.0.orders.into()),
            NumberField::AliveProbability => Some(0.25.into()),
            _ => None,
        }
    }

    fn text(&self, _: TextField) -> &'static str {
        "Email"
    }

    fn set_passes(&self, _: SetField, test: &TextTest) -> bool {
        test.passes("Tea")
    }
}

fn site() -> Site {
    let euro = Currency(*b"EUR");
    let usd = RateEntry {
        base: euro,
        currency: Currency(*b"USD"),
        from: "2020-01-01".parse().unwrap(),
        rate: "0.5".to_owned(),
    };
    Site {
        id: SiteId(1),
        name: String::new(),
        origins: Vec::new(),
        write_key: "k".into(),
        secret: "".into(),
        currency: euro,
        timezone: "UTC".into(),
        robots: crate::model::RobotsPolicy::Drop,
        consent_default: crate::model::ConsentDefault::Granted,
        honour_gpc: true,
        events_per_second_max: 0,
        visitors: crate::model::VisitorRules::default(),
        rate_entries: [].into(),
        rates: std::sync::Arc::new(Rates::compile(euro, &[usd], &jiff::tz::TimeZone::UTC).unwrap()),
        rules: std::sync::Arc::default(),
        traffic_filters: std::sync::Arc::default(),
        contact_costs: std::sync::Arc::default(),
        holdout_bp: 0,
        captures: crate::model::Captures::ALL,
        exploration: crate::model::ExplorationSettings::default(),
        offer_html: false,
        demo: false,
        created_at: Timestamp(0),
    }
}

/// Events, each `(name, hours ago, values)`.
fn known(events: &[(&str, f64, Value)]) -> Known {
    let mut history = History::default();
    for (n, (name, hours_ago, values)) in events.iter().enumerate() {
        let mut values: Vec<(Box<str>, Value)> =
            values.as_object().unwrap().iter().map(|(name, value)| (name.as_str().into(), value.clone())).collect();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        let currency = if values.iter().any(|(_, value)| value == "USD") { *b"USD" } else { *b"EUR" };
        #[expect(clippy::cast_possible_truncation, reason = "hours of a test")]
        let at = Timestamp(NOW - (hours_ago * HOUR as f64) as i64);
        let order = values.iter().find(|(name, _)| **name == *"order_id").and_then(|(_, value)| value.as_str());
        let order = order.map(|id| OrderReport { order_id: id.into(), by_server: false }.into());
        let position = Position(n as u64);
        let (name, currency) = ((*name).into(), Currency(currency));
        history.add(PastEvent { at, position, name, order, values: Some(values.into()), currency });
    }
    let mut profile = Profile::empty(SiteId(1), VisitorId(1));
    (profile.events, profile.visits, profile.orders) = (9, 2, 3);
    (profile.first_seen, profile.last_seen) = (Timestamp(NOW - 10 * DAY), Timestamp(NOW - 2 * DAY));
    profile.history = history;
    Known(profile)
}

fn compile(rule: &Value) -> Condition {
    let rule = serde_json::from_value(rule.clone()).unwrap();
    compile_segment_rule(&rule, &SegmentSet::default()).unwrap()
}

fn held_at(known: &Known, rule: &Value, now: i64) -> Held {
    let (site, condition) = (site(), compile(rule));
    let evaluator = Evaluator::new(known, &site, Timestamp(now));
    let held = evaluator.held(&condition);
    assert_eq!(evaluator.holds(&condition), held.holds, "{rule}");
    assert_eq!(evaluator.explain(&condition).holds, held.holds, "{rule}");
    held
}

/// Checks an answer, and until when it holds, in hours from now.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "json!() makes values")]
fn check(known: &Known, rule: Value, holds: bool, until: Option<f64>) {
    let held = held_at(known, &rule, NOW);
    assert_eq!(held.holds, holds, "{rule}");
    #[expect(clippy::cast_possible_truncation, reason = "hours of a test")]
    let until = until.map(|hours| Timestamp(NOW + (hours * HOUR as f64) as i64 + 1));
    assert_eq!(held.until, until, "{rule}");
    if let Some(until) = held.until {
        assert_eq!(held_at(known, &rule, until.0 - 1).holds, holds, "just before: {rule}");
    }
}

#[test]
fn counts_in_a_window_expire() {
    let bought = known(&[("Order", 50.0, json!({})), ("Order", 24.0, json!({})), ("View", 1.0, json!({}))]);
    check(&bought, json!({"event": "Order"}), true, None);
    check(&bought, json!({"event": "Nothing"}), false, None);
    check(&bought, json!({"event": "Order", "within_days": 1}), true, Some(0.0));
    check(&bought, json!({"event": "Order", "within_days": 0.99}), false, None);
    check(&bought, json!({"event": "Order", "within_days": 3}), true, Some(48.0));
    check(&bought, json!({"event": "Order", "within_days": 3, "count": {"op": "gte", "value": 2}}), true, Some(22.0));
    check(&bought, json!({"event": "Order", "within_days": 3, "count": {"op": "eq", "value": 1}}), false, Some(22.0));
    check(&bought, json!({"event": "Order", "count": {"op": "in", "value": [2, 5]}}), true, None);
    check(&bought, json!({"event": "Nothing", "count": {"op": "eq", "value": 0}}), true, None);
    check(&bought, json!({"not": {"event": "Order", "within_days": 3}}), false, Some(48.0));
}

#[test]
fn conditions_on_properties_select_the_events() {
    let viewed = known(&[("View", 3.0, json!({"price": 5})), ("View", 2.0, json!({"price": 15, "$path": "/a"}))]);
    let with = |property: &str, op: &str, value: Value| json!({"event": "View", "where": [{"property": property, "op": op, "value": value}]});
    check(&viewed, with("price", "gt", json!(10)), true, None);
    check(&viewed, with("price", "gt", json!(15)), false, None);
    check(&viewed, with("$path", "eq", json!("/a")), true, None);
    check(&viewed, with("$path", "not_exists", json!(null)), true, None);
    check(&viewed, with("price", "not_in", json!([5, 15])), false, None);
}

#[test]
fn sums_are_exact_and_amounts_are_converted() {
    let paid = known(&[
        ("Order", 30.0, json!({"revenue": 0.1, "order_id": "1"})),
        ("Order", 20.0, json!({"revenue": 0.2, "order_id": "2"})),
        ("Order", 10.0, json!({"revenue": "20.00", "currency": "USD", "order_id": "3"})),
        ("Order", 9.0, json!({"revenue": "20.00", "currency": "USD", "order_id": "3"})),
        ("Order", 8.0, json!({"revenue": "free", "points": 7, "order_id": "4"})),
    ]);
    let sum = |property: &str, op: &str, value: Value| json!({"event": "Order", "sum": {"property": property, "op": op, "value": value}});
    check(&paid, sum("revenue", "eq", json!(10.3)), true, None);
    check(&paid, sum("points", "eq", json!(7)), true, None);
    check(&paid, sum("nothing", "lt", json!(1)), true, None);
    let recent =
        json!({"event": "Order", "within_days": 1, "sum": {"property": "revenue", "op": "gte", "value": 10.2}});
    check(&paid, recent, true, Some(4.0));
}

#[test]
fn sequences_are_in_order_and_within_their_time() {
    let path = known(&[
        ("A", 10.0, json!({})),
        ("B", 8.0, json!({})),
        ("A", 5.0, json!({})),
        ("X", 4.5, json!({})),
        ("B", 4.0, json!({})),
        ("C", 3.0, json!({})),
    ]);
    let steps = |names: &[&str]| names.iter().map(|name| json!({"event": name})).collect::<Vec<_>>();
    check(&path, json!({"sequence": steps(&["A", "B", "C"])}), true, None);
    check(&path, json!({"sequence": steps(&["A", "B", "C"]), "within_hours": 2}), true, None);
    check(&path, json!({"sequence": steps(&["A", "B", "C"]), "within_hours": 1.99}), false, None);
    check(&path, json!({"sequence": steps(&["C", "A"])}), false, None);
    check(&path, json!({"sequence": steps(&["A", "A"])}), true, None);
    check(&path, json!({"sequence": steps(&["A", "A", "A"])}), false, None);
    check(&path, json!({"sequence": steps(&["A", "B"]), "within_days": 0.25}), true, Some(1.0));
}

#[test]
fn what_was_not_followed_counts_once_its_time_has_passed() {
    let cart = known(&[
        ("Added", 10.0, json!({})),
        ("Ordered", 9.0, json!({})),
        ("Added", 5.0, json!({})),
        ("Ordered", 2.0, json!({})),
    ]);
    let unfollowed =
        |hours: f64| json!({"event": "Added", "not_followed_by": {"event": "Ordered", "within_hours": hours}});
    check(&cart, unfollowed(3.0), false, None);
    check(&cart, unfollowed(2.0), true, None);
    check(&cart, unfollowed(0.5), true, None);
    let waiting = known(&[("Added", 1.0, json!({}))]);
    check(&waiting, unfollowed(3.0), false, Some(2.0));
    check(&waiting, unfollowed(1.0), false, Some(0.0));
    let forgotten = json!({"event": "Added", "within_days": 0.25,
        "not_followed_by": {"event": "Ordered", "within_hours": 2}});
    check(&cart, forgotten, true, Some(1.0));
    check(&cart, json!({"event": "Added", "not_followed_by": {"event": "Ordered"}}), false, None);
    let after_both = json!({"sequence": [{"event": "Added"}, {"event": "Ordered"}],
        "not_followed_by": {"event": "Added", "within_hours": 1}});
    check(&cart, after_both, true, None);
}

#[test]
fn the_order_of_arrival_decides_at_the_same_time_and_a_later_change_is_announced() {
    let tied = known(&[("A", 1.0, json!({})), ("B", 1.0, json!({}))]);
    check(&tied, json!({"sequence": [{"event": "A"}, {"event": "B"}], "within_hours": 1}), true, None);
    check(&tied, json!({"sequence": [{"event": "B"}, {"event": "A"}]}), false, None);
}

#[test]
fn days_since_an_event_change_with_time() {
    let seen = known(&[]);
    let days = |op: &str, value: Value| json!({"field": "last_seen_days", "op": op, "value": value});
    let holds = |rule: Value, now: i64| held_at(&seen, &rule, now).holds;
    assert!(holds(days("gte", json!(2)), NOW) && !holds(days("gt", json!(2)), NOW));
    assert!(holds(days("lte", json!(2)), NOW) && !holds(days("lte", json!(2)), NOW + 1));
    assert!(holds(days("eq", json!(2)), NOW + DAY - 1) && !holds(days("eq", json!(2)), NOW + DAY));
    assert_eq!(held_at(&seen, &days("gte", json!(5)), NOW).until, Some(Timestamp(NOW + 3 * DAY)));
    assert!(!held_at(&seen, &days("gte", json!(5)), NOW + 3 * DAY - 1).holds);
    assert!(held_at(&seen, &days("gte", json!(5)), NOW + 3 * DAY).holds);
    assert!(holds(json!({"field": "first_seen_days", "op": "gt", "value": 9.5}), NOW));
}

#[test]
fn parts_combine_and_so_do_the_times_of_their_answers() {
    let events = known(&[("A", 1.0, json!({})), ("B", 2.0, json!({}))]);
    let (a, b) = (json!({"event": "A", "within_days": 1}), json!({"event": "B", "within_days": 1}));
    let never = json!({"event": "Never"});
    check(&events, json!({"all": [a, b]}), true, Some(22.0));
    check(&events, json!({"any": [a, b]}), true, Some(23.0));
    check(&events, json!({"all": [a, never]}), false, None);
    check(&events, json!({"any": [a, never]}), true, Some(23.0));
    check(&events, json!({"all": [a, {"not": b}]}), false, Some(22.0));
    check(&events, json!({}), true, None);
    check(&events, json!({"any": []}), false, None);
    check(&events, json!({"field": "orders", "op": "gte", "value": 3}), true, None);
    check(&events, json!({"field": "alive_probability", "op": "lt", "value": 0.5}), true, None);
    check(&events, json!({"field": "value_decile", "op": "ne", "value": 5}), true, None);
    check(&events, json!({"field": "rfm.recency", "op": "gte", "value": 1}), false, None);
    check(&events, json!({"field": "viewed_category", "op": "eq", "value": "tea"}), true, None);
    check(&events, json!({"field": "new_visitor", "op": "eq", "value": true}), false, None);
    let since = held_at(&events, &json!({"all": [a, b]}), NOW).since;
    assert_eq!(since, Some(Timestamp(NOW - HOUR)));
}

#[test]
fn an_explanation_names_what_is_known() {
    let events = known(&[("A", 1.0, json!({})), ("A", 2.0, json!({}))]);
    let rule = json!({"all": [{"event": "A", "within_days": 1}, {"field": "orders", "op": "lt", "value": 3}]});
    let (site, condition) = (site(), compile(&rule));
    let explained = Evaluator::new(&events, &site, Timestamp(NOW)).explain(&condition);
    assert!(!explained.holds && explained.parts[0].holds && !explained.parts[1].holds);
    assert_eq!(explained.parts[0].rule, "“A” in the last day");
    assert!(explained.parts[0].why.starts_with("2 such, the last at "), "{}", explained.parts[0].why);
    assert_eq!(explained.parts[1].why, "orders is 3");
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn rule() -> impl Strategy<Value = Value> {
        let name = prop_oneof![Just("A"), Just("B"), Just("C")];
        let event = (name.clone(), 1_u32..60, 0_u32..3).prop_map(|(name, hours, count)| {
            json!({"event": name, "within_days": f64::from(hours) / 24.0, "count": {"op": "gte", "value": count}})
        });
        let unfollowed = (name.clone(), name.clone(), 1_u32..20).prop_map(
            |(name, other, hours)| json!({"event": name, "not_followed_by": {"event": other, "within_hours": hours}}),
        );
        let sequence = (name.clone(), name, 1_u32..30, 1_u32..4).prop_map(|(first, second, hours, days)| {
            json!({"sequence": [{"event": first}, {"event": second}], "within_hours": hours, "within_days": days})
        });
        let leaf = prop_oneof![event, unfollowed, sequence];
        leaf.prop_recursive(2, 6, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| json!({"all": parts})),
                prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| json!({"any": parts})),
                inner.prop_map(|part| json!({"not": part})),
            ]
        })
    }

    proptest! {
        /// An answer stays what it is until the announced time, whenever it is asked for before.
        #[test]
        fn answers_hold_until_their_time(
            rule in rule(), events in prop::collection::vec((0_usize..3, 0_u32..72), 0..10), later in 0_u32..100_000,
        ) {
            let named = events.iter().map(|(name, hours)| (["A", "B", "C"][*name], f64::from(*hours), json!({})));
            let known = known(&named.collect::<Vec<_>>());
            let held = held_at(&known, &rule, NOW);
            let later = NOW + i64::from(later) * 3_000;
            let asked = held.until.map_or(later, |until| later.min(until.0 - 1));
            prop_assert_eq!(held_at(&known, &rule, asked).holds, held.holds);
            if let Some(since) = held.since {
                prop_assert!(since.0 <= NOW);
            }
        }
    }
}
