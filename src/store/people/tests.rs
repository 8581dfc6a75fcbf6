//! Which rules are exact, what is read for them, and that no input becomes SQL.

use serde_json::{Value, json};

use super::{PeopleOf, Plan, bounds::Sql, rows::Rows};
use crate::{
    catalog::{compile::compile_segment_rule, condition::Condition},
    model::{Currency, Op, Rule, Site, SiteId, Timestamp},
    segments::SegmentSet,
};

fn compiled(rule: &Value) -> Condition {
    let rule: Rule = serde_json::from_value(rule.clone()).unwrap();
    compile_segment_rule(&rule, &SegmentSet::default()).unwrap()
}

fn site() -> Site {
    Site {
        id: SiteId(1),
        contact_costs: std::sync::Arc::default(),
        holdout_bp: 0,
        name: String::new(),
        origins: Vec::new(),
        write_key: "k".into(),
        secret: "".into(),
        currency: Currency(*b"EUR"),
        timezone: "UTC".into(),
        robots: crate::model::RobotsPolicy::Drop,
        consent_default: crate::model::ConsentDefault::Granted,
        honour_gpc: true,
        events_per_second_max: 0,
        visitors: crate::model::VisitorRules::default(),
        rate_entries: [].into(),
        rates: std::sync::Arc::default(),
        rules: std::sync::Arc::default(),
        traffic_filters: std::sync::Arc::default(),
        captures: crate::model::Captures::ALL,
        exploration: crate::model::ExplorationSettings::default(),
        offer_html: false,
        demo: false,
        created_at: Timestamp(0),
    }
}

fn plan(rule: &Value) -> Plan {
    Plan::new(&compiled(rule), &site(), Timestamp(1_763_798_400_000))
}

fn is_exact(rule: &Value) -> bool {
    Plan::is_exact(&compiled(rule), &site(), Timestamp(1_763_798_400_000))
}

fn statement(plan: &Plan, joined: bool) -> String {
    let of = PeopleOf { site: SiteId(1), session_ms: 1_800_000, joined };
    Rows::new(of, plan).fill(super::COUNT, "")
}

#[test]
fn rules_are_exact_where_the_engine_can_say_them() {
    let field = |field: &str, op: &str, value: Value| json!({"field": field, "op": op, "value": value});
    for rule in [
        json!({}),
        json!({"event": "Viewed", "within_days": 30, "count": {"op": "gte", "value": 3}}),
        json!({"event": "page", "where": [{"property": "$path", "op": "starts_with", "value": "/a"}]}),
        json!({"all": [{"event": "Viewed"}, {"not": {"any": [{"event": "Bought"}, {"event": "Left"}]}}]}),
        field("last_seen_days", "lte", json!(30)),
        field("first_seen_days", "eq", json!(2)),
        field("visits", "gte", json!(2)),
        field("new_visitor", "eq", json!(true)),
        field("pageviews", "in", json!([1, 2])),
        field("url_path", "exists", Value::Null),
    ] {
        assert!(is_exact(&rule), "{rule}");
        assert!(plan(&rule).selects(), "{rule}");
    }
    for rule in [
        json!({"sequence": [{"event": "Viewed"}, {"event": "Bought"}]}),
        json!({"event": "Added", "not_followed_by": {"event": "Bought"}}),
        json!({"event": "Viewed", "where": [{"property": "price", "op": "gt", "value": 10}]}),
        json!({"event": "Viewed", "where": [{"property": "$channel", "op": "eq", "value": "Email"}]}),
        json!({"event": "Bought", "sum": {"property": "revenue", "op": "gte", "value": 200}}),
        field("cart_items", "gte", json!(1)),
        field("value_decile", "gte", json!(9)),
        field("orders", "gte", json!(2)),
        field("trait.plan", "eq", json!("pro")),
        field("country", "eq", json!("DE")),
    ] {
        assert!(!is_exact(&rule), "{rule}");
        let selecting = plan(&rule);
        assert!(selecting.selects() && !matches!(selecting.bounds.over, Sql::True), "{rule}");
    }
    let nothing = json!({"any": [field("affinity", "exists", Value::Null), field("cart_items", "lt", json!(5))]});
    assert!(!plan(&nothing).selects());
}

#[test]
fn only_the_needed_period_and_events_are_read() {
    let windowed =
        plan(&json!({"all": [{"event": "Viewed", "within_days": 7}, {"event": "Added", "within_days": 30}]}));
    let since = 1_763_798_400_000 - 30 * 86_400_000;
    assert_eq!((windowed.since_ms, windowed.needs_profile(), windowed.may_hold_for_none), (Some(since), false, false));
    let sql = statement(&windowed, false);
    assert!(!sql.contains("visitor_events") && !sql.contains("action = 7") && sql.contains("since_ms"), "{sql}");
    let unbounded = plan(&json!({"all": [{"event": "Viewed", "within_days": 7}, {"not": {"event": "Added"}}]}));
    assert_eq!((unbounded.since_ms, unbounded.may_hold_for_none), (None, false));
    let absent = plan(&json!({"not": {"event": "Order Completed", "within_days": 7}}));
    assert!(absent.may_hold_for_none);
    let sql = statement(&absent, false);
    assert!(sql.contains("visitor_events") && sql.contains("cityHash64(order_id)"), "{sql}");
    assert!(plan(&json!({"event": "a", "where": [{"property": "$source", "op": "exists"}]})).needs_profile());
    assert!(statement(&windowed, true).contains("visitor IN (SELECT visitor FROM merged)"));
}

#[test]
fn user_input_never_becomes_sql() {
    let evil = "x') OR 1=1 --{p0:String}$UNDER";
    for (op, property) in Op::ALL.iter().flat_map(|op| [evil, "$path", "$item", "revenue"].map(|name| (*op, name))) {
        let value = if op.takes_list() { json!([evil]) } else { json!(evil) };
        let test = json!({"property": property, "op": op, "value": value});
        let event = json!({"event": evil, "where": [test], "sum": {"property": property, "op": "gt", "value": 1}});
        let sql =
            statement(&plan(&json!({"all": [event, {"not": {"sequence": [event_of(evil), event_of("b")]}}]})), true);
        assert!(!sql.contains("1=1") && !sql.contains("--{"), "{sql}");
        for name in ["$UNDER", "$OVER", "$ROWS", "$COLUMNS", "$WHO", "$JOIN", "$PEOPLE"] {
            assert!(!sql.contains(name), "{name}: {sql}");
        }
    }
}

fn event_of(name: &str) -> Value {
    json!({ "event": name })
}
