//! Funnels over real rows: order, boundaries, conditions, breakdowns, visitor lists.

use ashna::{
    model::{DeviceClass, Event, Timestamp},
    reports::{ReportError, Reports, csv},
    wire::reports::{Funnel, FunnelQuestion},
};
use serde_json::{Value, json};

use crate::{
    reports::{START, moment, page, site, store, track},
    support::engine::database,
};

const VIEWED: &str = "Product Viewed";
const ADDED: &str = "Product Added";
const ORDERED: &str = "Order Completed";

/// Milliseconds after [`START`].
fn ms(n: i64) -> Timestamp {
    moment(START).plus(n)
}

fn did(at: i64, visitor: u128, name: &'static str) -> Event<'static> {
    track(ms(at), visitor, name, "{}")
}

fn question(steps: &Value, more: &Value) -> FunnelQuestion {
    let mut question = json!({
        "from": START, "to": "2026-01-02T11:00:00Z", "steps": steps, "window_ms": 1000,
    });
    question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(question).unwrap()
}

fn steps(names: &[&str]) -> Value {
    names.iter().map(|name| json!({"event": name})).collect()
}

async fn ask(reports: &Reports, steps: &Value, more: &Value) -> Funnel {
    reports.funnel(&site(), &question(steps, more), ms(0)).await.unwrap()
}

fn reached(funnel: &Funnel) -> Vec<u64> {
    funnel.steps.iter().map(|step| step.reached).collect()
}

async fn with(events: Vec<Event<'static>>) -> Reports {
    let database = database().await;
    store(&database, events).await;
    Reports::new(database, 30)
}

#[tokio::test]
async fn period_and_window_boundaries_are_exact() {
    let hour = 3_600_000;
    let reports = with(vec![
        // The window includes its end; one millisecond more is outside.
        did(0, 1, VIEWED),
        did(1000, 1, ADDED),
        did(0, 2, VIEWED),
        did(1001, 2, ADDED),
        // Entries lie in [`from`, `to`); later steps may be after `to`.
        did(-1, 3, VIEWED),
        did(1, 3, ADDED),
        did(hour - 1, 4, VIEWED),
        did(hour + 999, 4, ADDED),
        did(hour, 5, VIEWED),
        did(hour + 1, 5, ADDED),
    ])
    .await;
    let funnel = ask(&reports, &steps(&[VIEWED, ADDED]), &json!({})).await;
    assert_eq!(reached(&funnel), [3, 2]);
    assert_eq!((funnel.steps[0].median_ms, funnel.steps[1].median_ms), (None, Some(1000)));
    assert!(String::from_utf8(csv::write(&funnel).bytes).unwrap().contains("\r\n\"\",2,2,"));
}

#[tokio::test]
async fn simultaneous_events_are_ordered_by_arrival() {
    let reports = with(vec![
        did(5, 1, VIEWED),
        did(5, 1, ADDED),
        did(5, 2, ADDED),
        did(5, 2, VIEWED),
        {
            // Arrived later, although its position is lower than that of the next view.
            let mut added = did(7, 3, ADDED);
            added.received_at = ms(100);
            added
        },
        did(7, 3, VIEWED),
    ])
    .await;
    assert_eq!(reached(&ask(&reports, &steps(&[VIEWED, ADDED]), &json!({})).await), [3, 2]);
}

#[tokio::test]
async fn a_repeated_step_needs_two_events_and_every_entry_is_tried() {
    let reports = with(vec![
        did(0, 1, VIEWED),
        did(0, 2, VIEWED),
        did(10, 2, VIEWED),
        // Only the second entry reaches the order within the window.
        did(0, 3, VIEWED),
        did(900, 3, VIEWED),
        did(1500, 3, ORDERED),
    ])
    .await;
    assert_eq!(reached(&ask(&reports, &steps(&[VIEWED, VIEWED]), &json!({})).await), [3, 2]);
    let funnel = ask(&reports, &steps(&[VIEWED, ORDERED]), &json!({})).await;
    assert_eq!((reached(&funnel), funnel.steps[1].median_ms), (vec![3, 1], Some(600)));
}

#[tokio::test]
async fn strict_order_any_order_and_exclusions() {
    let reports = with(vec![
        did(0, 1, VIEWED),
        did(1, 1, ADDED),
        did(0, 2, VIEWED),
        did(1, 2, "Something Else"),
        did(2, 2, ADDED),
        did(0, 3, ADDED),
        did(1, 3, VIEWED),
    ])
    .await;
    let way = steps(&[VIEWED, ADDED]);
    assert_eq!(reached(&ask(&reports, &way, &json!({})).await), [3, 2]);
    assert_eq!(reached(&ask(&reports, &way, &json!({"order": "strict"})).await), [3, 1]);
    assert_eq!(reached(&ask(&reports, &way, &json!({"order": "any"})).await), [3, 3]);
    let without = json!({"exclude": [{"event": "Something Else"}]});
    assert_eq!(reached(&ask(&reports, &way, &without).await), [3, 1]);
}

#[tokio::test]
async fn automatic_events_between_strict_steps_can_be_ignored() {
    const ENGAGED: &str = "Page Engaged";
    let reports = with(vec![
        did(0, 1, VIEWED),
        did(1, 1, ENGAGED),
        did(2, 1, ADDED),
        did(0, 2, VIEWED),
        did(1, 2, ENGAGED),
        did(2, 2, "Something Else"),
        did(3, 2, ADDED),
    ])
    .await;
    let way = steps(&[VIEWED, ADDED]);
    assert_eq!(reached(&ask(&reports, &way, &json!({"order": "strict"})).await), [2, 0], "any event, by default");
    let ignoring = json!({"order": "strict", "ignore": [ENGAGED]});
    assert_eq!(reached(&ask(&reports, &way, &ignoring).await), [2, 1]);
    // A step's own event is never ignored.
    let with_it = steps(&[VIEWED, ENGAGED, ADDED]);
    assert_eq!(reached(&ask(&reports, &with_it, &ignoring).await), [2, 2, 1]);
}

#[tokio::test]
async fn conditions_compare_numbers_and_texts_by_type() {
    let view = |visitor, properties| track(ms(0), visitor, VIEWED, properties);
    let mut item = view(6, "{}");
    item.items = vec![ashna::model::event::ItemLine { id: "p-9".into(), price_minor: 0, quantity: 1 }];
    let reports = with(vec![
        view(1, r#"{"price":9}"#),
        view(2, r#"{"price":"10.50"}"#),
        view(3, r#"{"price":100,"name":"It's \"a\\b\" 100%"}"#),
        view(4, r#"{"price":"dear","sale":true}"#),
        page(ms(0), 5, "/checkout"),
        item,
    ])
    .await;
    let check = async |step: Value, expected: u64| {
        let funnel = ask(&reports, &json!([step]), &json!({})).await;
        assert_eq!(funnel.steps[0].reached, expected, "{step}");
    };
    let viewed = |property: &str, op: &str, value: Value| json!({"event": VIEWED, "where": [{"property": property, "op": op, "value": value}]});
    check(json!({"event": VIEWED}), 5).await;
    check(json!({"event": "product viewed"}), 0).await;
    check(json!({"event": "page"}), 1).await;
    check(json!({"event": "page", "where": [{"property": "$path", "op": "eq", "value": "/checkout"}]}), 1).await;
    check(viewed("price", "gt", json!(9)), 2).await;
    check(viewed("price", "gte", json!(9)), 3).await;
    check(viewed("price", "lt", json!(10.5)), 1).await;
    check(viewed("price", "eq", json!(10.5)), 1).await;
    check(viewed("price", "eq", json!("dear")), 1).await;
    check(viewed("price", "ne", json!(9)), 4).await;
    check(viewed("price", "in", json!([9, "dear", 10.5])), 3).await;
    check(viewed("price", "exists", json!(true)), 4).await;
    check(viewed("sale", "eq", json!(true)), 1).await;
    check(viewed("name", "eq", json!("It's \"a\\b\" 100%")), 1).await;
    check(viewed("name", "contains", json!("\\b\" 1")), 1).await;
    check(viewed("name", "starts_with", json!("It's")), 1).await;
    check(viewed("name'] --", "eq", json!("') OR 1=1 --")), 0).await;
    check(viewed("$country", "in", json!(["DE", "FR"])), 5).await;
    check(viewed("$item", "eq", json!("p-9")), 1).await;
    check(viewed("$item", "ne", json!("p-9")), 4).await;
    check(viewed("$item", "in", json!(["p-8", "p-9"])), 1).await;
    check(viewed("$item", "exists", Value::Null), 1).await;
}

#[tokio::test]
async fn a_breakdown_groups_by_the_value_at_entry() {
    let at = |n: i64, visitor, name, class| {
        let mut event = did(n, visitor, name);
        event.device.class = class;
        event
    };
    let reports = with(vec![
        at(0, 1, VIEWED, DeviceClass::Mobile),
        at(1, 1, ADDED, DeviceClass::Desktop),
        at(0, 2, VIEWED, DeviceClass::Desktop),
        at(0, 3, VIEWED, DeviceClass::Unknown),
    ])
    .await;
    for name in ["device", "$device"] {
        let funnel = ask(&reports, &steps(&[VIEWED, ADDED]), &json!({"breakdown": name})).await;
        assert_eq!(reached(&funnel), [3, 1]);
        let groups = funnel.breakdown.unwrap();
        let shown: Vec<_> =
            groups.iter().map(|(value, g)| (value.as_str(), g.steps[0].reached, g.steps[1].reached)).collect();
        assert_eq!(shown, [("", 1, 0), ("desktop", 1, 0), ("mobile", 1, 1)]);
    }
}

#[tokio::test]
async fn values_beyond_the_ten_most_frequent_form_one_group() {
    let mut events = Vec::new();
    for visitor in 1..=24 {
        let properties = if visitor % 2 == 0 { r#"{"plan":"other"}"# } else { NUMBERED[visitor as usize / 2] };
        events.push(track(ms(0), visitor, VIEWED, properties));
    }
    let reports = with(events).await;
    let funnel = ask(&reports, &steps(&[VIEWED]), &json!({"breakdown": "plan"})).await;
    let groups = funnel.breakdown.unwrap();
    assert_eq!((groups.len(), groups["other"].steps[0].reached), (11, 14));
    assert!(groups.iter().filter(|(name, _)| *name != "other").all(|(_, g)| g.steps[0].reached == 1));
}

const NUMBERED: [&str; 12] = [
    r#"{"plan":"a"}"#,
    r#"{"plan":"b"}"#,
    r#"{"plan":"c"}"#,
    r#"{"plan":"d"}"#,
    r#"{"plan":"e"}"#,
    r#"{"plan":"f"}"#,
    r#"{"plan":"g"}"#,
    r#"{"plan":"h"}"#,
    r#"{"plan":"i"}"#,
    r#"{"plan":"j"}"#,
    r#"{"plan":"k"}"#,
    r#"{"plan":"l"}"#,
];

#[tokio::test]
async fn the_dropout_list_contains_visitors_who_stopped_at_a_step() {
    let mut known = did(20, 2, VIEWED);
    known.user_id = "u-2".into();
    let reports = with(vec![did(0, 1, VIEWED), did(10, 1, ADDED), known, did(30, 3, VIEWED)]).await;
    let funnel = ask(&reports, &steps(&[VIEWED, ADDED]), &json!({})).await;
    let list = |step: usize| funnel.steps[step].dropped_list.clone().unwrap();
    let dropped = reports.funnel_dropped(&site(), &list(0), None, ms(0)).await.unwrap();
    assert_eq!((dropped.step, dropped.total), (1, 2));
    let shown: Vec<_> =
        dropped.visitors.iter().map(|v| (v.visitor.as_str(), v.last_at.0, v.user_id.as_deref())).collect();
    let id = |n: u128| format!("{n:032x}");
    assert_eq!(shown, [(id(3).as_str(), ms(30), None), (id(2).as_str(), ms(20), Some("u-2"))]);
    let dropped = reports.funnel_dropped(&site(), &list(1), Some(1), ms(0)).await.unwrap();
    assert_eq!((dropped.step, dropped.total, dropped.visitors.len()), (2, 1, 1));
    let gone = reports.funnel_dropped(&site(), &list(0), None, ms(3_600_000)).await;
    assert!(matches!(gone, Err(ReportError::NotFound(_))));
}

#[tokio::test]
async fn a_list_is_complete_before_user_details_are_stored() {
    let database = database().await;
    store(&database, vec![did(0, 1, VIEWED), did(10, 1, ADDED), did(20, 2, VIEWED), did(30, 3, VIEWED)]).await;
    let reports = Reports::new(database.clone(), 30);
    let funnel = ask(&reports, &steps(&[VIEWED, ADDED]), &json!({})).await;
    // The table with user details is filled shortly after the one that funnels read.
    database.execute("TRUNCATE TABLE visitor_events", &[]).await.unwrap();
    let list = funnel.steps[0].dropped_list.clone().unwrap();
    let dropped = reports.funnel_dropped(&site(), &list, None, ms(0)).await.unwrap();
    let shown: Vec<_> = dropped.visitors.iter().map(|v| (v.visitor.clone(), v.last_at.0)).collect();
    assert_eq!(shown, [(format!("{:032x}", 3), ms(30)), (format!("{:032x}", 2), ms(20))]);
    assert_eq!(dropped.total, 2);
}
