//! Retention, paths and attribution against a reference that counts the same events one by one.

use std::collections::{BTreeMap, BTreeSet};

use ashna::{
    model::{Event, Kind, Timestamp},
    reports::Reports,
    wire::reports::{FunnelStep, ReportFilter},
};
use serde_json::{Value, json};

use crate::{
    filtering::{MINUTE, Numbers, Reference, parsed, random_events},
    reports::{START, moment, page, site, store, track},
    support::engine::database,
};

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;

/// Events of six days, hours apart.
fn events_of_days(seed: u64) -> Vec<Event<'static>> {
    let mut n = Numbers(seed);
    let mut at = moment(START).plus(-30 * HOUR);
    let mut events = Vec::new();
    for _ in 0..150 {
        at = at.plus(MINUTE + i64::try_from(n.below(8)).unwrap() * 17 * MINUTE);
        let visitor = [0, 1, 2, 3, 4, 5][usize::try_from(n.below(6)).unwrap()];
        let mut event = match n.below(4) {
            0 => track(at, visitor, "Signed Up", r#"{"plan":"pro"}"#),
            1 => track(at, visitor, "Signed Up", r#"{"plan":"free"}"#),
            2 => track(at, visitor, "Order Completed", "{}"),
            _ => page(at, visitor, "/"),
        };
        if [1, 2].contains(&visitor) {
            event.user_id = "u1".into();
        }
        events.push(event);
    }
    events
}

fn person(visitor: u128, unit: &str) -> u128 {
    if unit == "person" && visitor == 2 { 1 } else { visitor }
}

/// The day in Berlin, where the tests' days begin at 23:00 UTC.
fn day(event: &Event<'_>) -> i64 {
    (event.occurred_at.0 + HOUR).div_euclid(DAY)
}

#[tokio::test]
async fn retention_equals_a_count_of_the_same_events() {
    let first: FunnelStep =
        parsed(&json!({"event": "Signed Up", "where": [{"property": "plan", "op": "eq", "value": "pro"}]}));
    let any_page: FunnelStep = parsed(&json!({"event": "page"}));
    let order: FunnelStep = parsed(&json!({"event": "Order Completed"}));
    for seed in [3, 11] {
        let database = database().await;
        let events = events_of_days(seed);
        store(&database, events.clone()).await;
        let reports = Reports::new(database, 30);
        let (from, to) = (moment(START).0, moment(START).0 + 3 * DAY);
        for (unit, returns) in
            [("person", Some(&order)), ("visitor", Some(&any_page)), ("person", Some(&first)), ("person", None)]
        {
            let mut question = json!({
                "from": from, "to": to, "unit": unit, "interval": "day", "periods": 3,
                "first": first.clone(),
            });
            if let Some(returns) = returns {
                question["return"] = serde_json::to_value(returns).unwrap();
            }
            let is = |event: &Event<'_>, step: Option<&FunnelStep>| match step {
                None => true,
                Some(step) if step == &first => event.name == "Signed Up" && event.properties.contains("pro"),
                Some(step) if step == &any_page => event.kind == Kind::Page,
                Some(step) => event.name == step.event,
            };
            let mut people: BTreeMap<u128, Vec<&Event<'_>>> = BTreeMap::new();
            for event in events.iter().filter(|event| event.visitor.0 != 0 && event.occurred_at.0 >= from) {
                people.entry(person(event.visitor.0, unit)).or_default().push(event);
            }
            let mut expected: BTreeMap<i64, (u64, [u64; 4])> = BTreeMap::new();
            for events in people.values() {
                let Some(begin) = events.iter().position(|event| is(event, Some(&first)) && event.occurred_at.0 < to)
                else {
                    continue;
                };
                let (cohort, returned) = expected.entry(day(events[begin])).or_default();
                *cohort += 1;
                for (interval, n) in (0..).zip(returned.iter_mut()) {
                    *n += u64::from(
                        events[begin + 1..]
                            .iter()
                            .any(|event| is(event, returns) && day(event) == day(events[begin]) + interval),
                    );
                }
            }
            let now = Timestamp(moment(START).0 + 100 * DAY);
            let found = reports.retention(&site(), &parsed(&question), now).await.unwrap();
            assert_eq!(found.cohorts.len(), 4, "{question}");
            for cohort in &found.cohorts {
                let (people, returned) = expected.remove(&((cohort.start.0.0 + HOUR) / DAY)).unwrap_or_default();
                assert_eq!((cohort.people, &cohort.returned), (people, &returned.map(Some).to_vec()), "{question}");
            }
            assert!(expected.is_empty(), "{question}");
            // Two days later the later intervals are not over.
            let now = Timestamp(found.cohorts[2].start.0.0);
            let early = reports.retention(&site(), &parsed(&question), now).await.unwrap();
            for (place, (early, later)) in early.cohorts.iter().zip(&found.cohorts).enumerate() {
                for (interval, n) in early.returned.iter().enumerate() {
                    let expected = if place + interval < 2 { later.returned[interval] } else { None };
                    assert_eq!(*n, expected, "cohort {place}, interval {interval}");
                }
            }
        }
    }
}

fn filters() -> Vec<Value> {
    vec![
        json!([]),
        json!([{"property": "$device", "op": "eq", "value": "mobile"}]),
        json!([{"property": "$channel", "op": "ne", "value": "Email"}, {"event": "Order Completed"}]),
    ]
}

type Counted = BTreeMap<(u32, String, String), BTreeSet<u128>>;

/// Links by place, source and target; the target of an end is empty.
fn paths_of(
    reference: &Reference,
    filters: &[ReportFilter],
    anchor: Option<(&FunnelStep, bool)>,
    steps: usize,
) -> (Counted, u64) {
    let (mut links, mut sessions) = (Counted::new(), 0);
    for session in reference.sessions.iter().filter(|session| reference.is_here(session.events[0])) {
        let matches = |index: &usize| anchor.is_some_and(|(step, _)| reference.is(*index, step));
        let kept = session.events.iter().copied().filter(|index| reference.keeps(*index, filters));
        let mut nodes: Vec<usize> = kept.collect();
        if let Some((_, is_backwards)) = anchor {
            let Some(place) = nodes.iter().position(matches) else { continue };
            if is_backwards {
                nodes.truncate(place + 1);
                nodes.reverse();
            } else {
                nodes.drain(..place);
            }
        }
        let name = |index: &usize| {
            let event = &reference.events[*index];
            if event.kind == Kind::Page { event.page.path.to_string() } else { event.name.to_string() }
        };
        let mut names: Vec<String> = nodes.iter().map(name).collect();
        names.dedup();
        sessions += u64::from(!names.is_empty());
        let who = reference.who(session.visitor);
        for (place, node) in names.iter().enumerate().take(steps) {
            let next = names.get(place + 1).cloned().unwrap_or_default();
            let place = u32::try_from(place + 1).unwrap();
            links.entry((place, node.clone(), next)).or_default().insert(who);
        }
    }
    (links, sessions)
}

#[tokio::test]
async fn paths_equal_a_count_of_the_same_events() {
    let viewed: FunnelStep = parsed(&json!({"event": "Product Viewed"}));
    let b: FunnelStep = parsed(&json!({"event": "page", "where": [{"property": "$path", "op": "eq", "value": "/b"}]}));
    for seed in [5, 17] {
        let database = database().await;
        let events = random_events(seed);
        store(&database, events.clone()).await;
        let reports = Reports::new(database, 30);
        let (from, to) = (moment(START).0, moment(START).0 + 200 * MINUTE);
        for (unit, filters) in
            ["person", "visitor"].iter().flat_map(|unit| filters().into_iter().map(move |f| (*unit, f)))
        {
            let reference = Reference::new(events.clone(), unit == "person", from..to);
            for (anchor, steps) in [(None, 3), (Some((&viewed, false)), 2), (Some((&b, true)), 4)] {
                let mut question =
                    json!({"from": from, "to": to, "unit": unit, "filters": filters, "steps": steps, "nodes": 50});
                if let Some((step, is_backwards)) = anchor {
                    question[if is_backwards { "to_step" } else { "from_step" }] = serde_json::to_value(step).unwrap();
                }
                let (counted, sessions) = paths_of(&reference, &parsed::<Vec<ReportFilter>>(&filters), anchor, steps);
                let is_backwards = anchor.is_some_and(|(_, is_backwards)| is_backwards);
                let paths = reports.paths(&site(), &parsed(&question)).await.unwrap();
                let link = |link: &ashna::wire::reports::PathLink| {
                    let mut ends = [link.source.clone(), link.target.clone()];
                    if is_backwards {
                        ends.reverse();
                    }
                    let [source, target] = ends;
                    ((link.step, source, target), link.people)
                };
                let ends = paths.ends.iter().map(|end| ((end.step, end.node.clone(), String::new()), end.people));
                let found: BTreeMap<_, u64> = paths.links.iter().map(link).chain(ends).collect();
                let expected: BTreeMap<_, u64> =
                    counted.into_iter().map(|(link, people)| (link, people.len() as u64)).collect();
                assert!(!expected.is_empty(), "{question}");
                assert_eq!(found, expected, "{question}");
                assert_eq!(paths.sessions, sessions, "{question}");
            }
        }
    }
}

#[tokio::test]
async fn rare_nodes_are_one_and_people_are_not_counted_twice() {
    let database = database().await;
    let at = |minutes: i64| moment(START).plus(minutes * MINUTE);
    let mut events = Vec::new();
    // Two people go from / to /a, a third in two sessions from / to /b and to /c.
    for (visitor, begin, then) in [(1, 0, "/a"), (2, 1, "/a"), (3, 2, "/b"), (3, 102, "/c")] {
        events.push(page(at(begin), visitor, "/"));
        events.push(page(at(begin + 10), visitor, then));
    }
    store(&database, events).await;
    let question = json!({"from": START, "to": "2026-01-03T00:00:00Z", "steps": 2, "nodes": 1});
    let paths = Reports::new(database, 30).paths(&site(), &parsed(&question)).await.unwrap();
    let found: Vec<_> = paths.links.iter().map(|link| (link.step, &*link.source, &*link.target, link.people)).collect();
    assert_eq!(found, [(1, "/", "/a", 2), (1, "/", "$other", 1)]);
    let ends: Vec<_> = paths.ends.iter().map(|end| (end.step, &*end.node, end.people)).collect();
    assert_eq!(ends, [(2, "/a", 2), (2, "$other", 1)]);
    assert_eq!(paths.sessions, 4);
}

/// Shares of each session before a conversion, written down from their description.
fn shares(model: &str, sessions: &[(i64, bool)], at: i64) -> Vec<f64> {
    let count = sessions.len();
    let weights: Vec<f64> = (0..count)
        .map(|place| match model {
            "first" => f64::from(u8::from(place == 0)),
            "last" => f64::from(u8::from(place + 1 == count)),
            "last_non_direct" => {
                let chosen = (0..count).rev().find(|place| !sessions[*place].1).unwrap_or(count - 1);
                f64::from(u8::from(place == chosen))
            }
            "position" if count > 2 && (place == 0 || place + 1 == count) => 0.4,
            "position" if count > 2 => 0.2 / (count - 2) as f64,
            "time_decay" => 0.5_f64.powf((at - sessions[place].0) as f64 / (7 * DAY) as f64),
            _ => 1.0,
        })
        .collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

#[tokio::test]
async fn attribution_equals_a_count_of_the_same_events() {
    const MODELS: [&str; 7] = ["first", "last", "last_non_direct", "linear", "position", "time_decay", "markov"];
    let order: FunnelStep = parsed(&json!({"event": "Order Completed"}));
    let viewed: FunnelStep =
        parsed(&json!({"event": "Product Viewed", "where": [{"property": "price", "op": "gt", "value": 6}]}));
    for (seed, unit) in [(9, "person"), (23, "visitor")] {
        let database = database().await;
        let events = random_events(seed);
        store(&database, events.clone()).await;
        let reports = Reports::new(database, 30);
        let (from, to) = (moment(START).0, moment(START).0 + 200 * MINUTE);
        // All filters for one unit, and none for the other: each question takes several queries.
        for filters in filters().into_iter().take(if unit == "person" { usize::MAX } else { 1 }) {
            let reference = Reference::new(events.clone(), unit == "person", from..to);
            let kept: Vec<ReportFilter> = parsed(&filters);
            for (conversion, place, dimension) in [(&order, 0, "channel"), (&viewed, 1, "source")] {
                let converts = |index: &usize| {
                    reference.is_here(*index) && reference.is(*index, conversion) && reference.keeps(*index, &kept)
                };
                let conversions: Vec<usize> = (0..events.len()).filter(converts).collect();
                // Filters choose conversions, whatever the model.
                let models = if kept.is_empty() { &MODELS[..] } else { &MODELS[5..] };
                for model in models.iter().copied() {
                    let question = json!({
                        "from": from, "to": to, "unit": unit, "filters": filters, "conversion": conversion.clone(),
                        "model": model, "dimension": dimension, "window_days": 1,
                    });
                    let mut expected: BTreeMap<String, (f64, f64)> = BTreeMap::new();
                    for index in &conversions {
                        let event = &events[*index];
                        let who = reference.who(event.visitor.0);
                        let began = |session: usize| events[reference.sessions[session].events[0]].occurred_at.0;
                        let mut own: Vec<usize> = (0..reference.sessions.len())
                            .filter(|s| event.visitor.0 != 0 && reference.who(reference.sessions[*s].visitor) == who)
                            .filter(|session| began(*session) <= event.occurred_at.0)
                            .collect();
                        own.sort_by_key(|session| began(*session));
                        let of = |session: usize| {
                            let from = &reference.sessions[session].from;
                            if from[0] == "Direct" { String::new() } else { from[place].clone() }
                        };
                        let touches: Vec<(i64, bool)> =
                            own.iter().map(|s| (began(*s), reference.sessions[*s].from[0] == "Direct")).collect();
                        let none = own.is_empty().then_some((String::new(), 1.0));
                        let credited = own.iter().map(|s| of(*s)).zip(shares(model, &touches, event.occurred_at.0));
                        for (value, share) in credited.chain(none) {
                            let credit = expected.entry(value).or_default();
                            credit.0 += share;
                            credit.1 += share * event.amount_minor as f64;
                        }
                    }
                    let found = reports.attribution(&site(), &parsed(&question)).await.unwrap();
                    #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
                    let parts: i64 = found.rows.iter().map(|row| (row.conversions * 1e6).round() as i64).sum();
                    assert_eq!(parts, 1_000_000 * i64::try_from(conversions.len()).unwrap(), "{question}");
                    let revenue: i64 = conversions.iter().map(|index| events[*index].amount_minor).sum();
                    assert_eq!(
                        (found.conversions, found.revenue_minor),
                        (conversions.len() as u64, revenue),
                        "{question}"
                    );
                    assert_eq!(found.rows.iter().map(|row| row.revenue_minor).sum::<i64>(), revenue, "{question}");
                    if model == "markov" {
                        assert!(found.rows.iter().all(|row| row.conversions >= 0.0), "{question}");
                        continue;
                    }
                    expected.retain(|_, credit| credit.0 > 0.0);
                    assert_eq!(found.rows.len(), expected.len(), "{question}: {found:?}, {expected:?}");
                    for row in &found.rows {
                        let (conversions, revenue) = expected[&row.value];
                        assert!((row.conversions - conversions).abs() < 2e-6, "{question}: {row:?}, {expected:?}");
                        assert!((row.revenue_minor as f64 - revenue).abs() < 1.0, "{question}: {row:?}, {expected:?}");
                    }
                }
            }
        }
    }
}
