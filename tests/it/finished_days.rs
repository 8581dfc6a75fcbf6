//! Reports that use counted days, against the same reports made of the events.

use std::sync::Arc;

use ashna::{
    finished_days::FinishedDays,
    model::{Channel, DeviceClass, Event, Kind, Timestamp, VisitorId},
    reports::Reports,
    store::{Store, filters::FilterRange},
    telemetry::finished_days::FinishedDayMetrics,
};
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRng};
use serde_json::{Value, json};

use crate::{
    reports::{moment, page, site, store, track},
    support::engine::database,
};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
const START: &str = "2026-01-05T00:00:00Z";
/// Keeps every event, and makes a report read the events.
const ALL: &str = "/no-such-path";

/// One event: minutes since the start, visitor, what happened, where it came from.
type Made = (i64, u128, u8, u8);

fn to_event(&(minute, visitor, what, from): &Made) -> Event<'static> {
    // Not on whole minutes, except often enough to meet the edges.
    let at = moment(START).plus(minute * MINUTE + if minute % 3 == 0 { 0 } else { minute % 7 * 1001 });
    let mut event = match what {
        0 | 1 => page(at, visitor, "/a"),
        2 => page(at, visitor, "/b"),
        3 => track(at, visitor, "Product Viewed", "{}"),
        4 => track(at, visitor, "Web Vitals", "{}"),
        5 => Event { kind: Kind::Identify, ..track(at, visitor, "", "{}") },
        _ => track(at, visitor, "Order Completed", "{}"),
    };
    if what > 5 {
        event.amount_minor = 100 + minute % 9;
    }
    event.user_id_only = visitor == 9;
    if [1, 2, 9].contains(&visitor) {
        event.user_id = "u1".into();
    }
    event.device.class = [DeviceClass::Unknown, DeviceClass::Mobile, DeviceClass::Desktop][usize::from(from) % 3];
    match from {
        0 => (event.traffic.channel, event.traffic.source) = (Channel::OrganicSearch, "google".into()),
        1 => {
            event.traffic.channel = Channel::Email;
            event.traffic.source = "news".into();
            event.traffic.campaign = "spring".into();
        }
        2 => event.traffic.channel = Channel::Internal,
        _ => event.traffic.channel = Channel::Direct,
    }
    event
}

/// Few visitors with runs of events that cross midnight, on five days.
fn made() -> impl Strategy<Value = Vec<Made>> {
    let burst = (0..5 * 1440_i64, 0..5_u128, 1..12_usize).prop_flat_map(|(start, visitor, events)| {
        let visitor = if visitor == 4 { 9 } else { visitor };
        prop::collection::vec((1..40_i64, 0..8_u8, 0..6_u8), events).prop_map(move |steps| {
            let mut minute = start;
            let event = |(pause, what, from): (i64, u8, u8)| {
                minute += pause;
                (minute, visitor, what, from)
            };
            steps.into_iter().map(event).collect::<Vec<_>>()
        })
    });
    prop::collection::vec(burst, 8..20).prop_map(|bursts| bursts.concat())
}

fn sample(seed: u8) -> Vec<Event<'static>> {
    let rng = TestRng::from_seed(prop::test_runner::RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = prop::test_runner::TestRunner::new_with_rng(ProptestConfig::default(), rng);
    made().new_tree(&mut runner).unwrap().current().iter().map(to_event).collect()
}

fn days(store: &Store) -> FinishedDays {
    let sites = Arc::new(|| vec![Arc::new(site())]);
    FinishedDays::new(store, sites, 30, std::time::Duration::from_mins(1), FinishedDayMetrics::default())
}

/// Every report that uses counted days, for periods that cut days, sessions and the five days in all ways.
async fn answers(reports: &Reports, more: &Value, periods_max: usize) -> Vec<(String, Value)> {
    let start = moment(START).0;
    let periods = [
        (start, start + 5 * DAY, "UTC"),
        (start + DAY, start + 3 * DAY, "UTC"),
        (start + DAY - 210 * MINUTE, start + 4 * DAY - 210 * MINUTE, "Asia/Tehran"),
        (start + DAY + 1, start + 2 * DAY + 1, "UTC"),
    ];
    let mut all = Vec::new();
    for (index, (from, to, timezone)) in periods.into_iter().enumerate().take(periods_max) {
        for unit in ["person", "visitor"].into_iter().take(if index == 0 { 2 } else { 1 }) {
            let mut question = json!({"from": from, "to": to, "timezone": timezone, "unit": unit});
            question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let with = |name: &str, value: &str| {
                let mut question = question.clone();
                question[name] = value.into();
                question
            };
            let (site, case) = (site(), format!("{question}"));
            let mut push = |name: &str, answer: Value| all.push((format!("{name} of {case}"), answer));
            for interval in ["hour", "day"].into_iter().skip(usize::from(index > 0)) {
                let overview = reports.overview(&site, &parsed(&with("interval", interval))).await.unwrap();
                push(interval, json!([overview.totals, overview.previous, overview.series]));
            }
            for by in ["channel", "source"] {
                push(by, json!(reports.sources(&site, &parsed(&with("by", by))).await.unwrap().rows));
            }
            for by in ["device"] {
                push(by, json!(reports.visitors(&site, &parsed(&with("by", by))).await.unwrap().rows));
            }
            push("campaigns", json!(reports.campaigns(&site, &parsed(&question)).await.unwrap().rows));
            push("pages", json!(reports.pages(&site, &parsed(&question)).await.unwrap().rows));
        }
    }
    all
}

fn parsed<T: serde::de::DeserializeOwned>(question: &Value) -> T {
    serde_json::from_value(question.clone()).unwrap_or_else(|error| panic!("{question}: {error}"))
}

/// The reports as they are made of the events.
async fn of_events(reports: &Reports, periods_max: usize) -> Vec<(String, Value)> {
    answers(reports, &json!({"filters": [{"property": "$path", "op": "ne", "value": ALL}]}), periods_max).await
}

/// How many periods were asked for: the first has both units.
const fn periods_max(answers: &[(String, Value)]) -> usize {
    if answers.len() < 20 { 1 } else { usize::MAX }
}

/// Whether reports are the same as those made of the events.
async fn agree(reports: &Reports, expected: &[(String, Value)], when: &str) {
    for ((question, found), (_, expected)) in
        answers(reports, &json!({}), periods_max(expected)).await.iter().zip(expected)
    {
        // Rows of nothing are left out where there are filters.
        let rows = |rows: &Value| match rows.as_array() {
            Some(rows) => Value::Array(rows.iter().filter(|row| !is_zero(row)).cloned().collect()),
            None => rows.clone(),
        };
        assert_eq!(rows(found), rows(expected), "{when}: {question}");
    }
}

fn is_zero(row: &Value) -> bool {
    row.as_object().is_some_and(|fields| fields.values().all(|value| value.is_string() || *value == json!(0)))
}

async fn stored(store: &Store) -> String {
    let (from_ms, to_ms) = (moment(START).0, moment(START).0 + 7 * DAY);
    let range = FilterRange { from_ms, to_ms, session_ms: 30 * MINUTE };
    format!("{:?}", store.stored_days(site().id, range).await.unwrap())
}

#[tokio::test]
async fn reports_of_counted_days_equal_those_of_the_events() {
    let database = database().await;
    store(&database, sample(1)).await;
    let reports = Reports::new(database.clone(), 30);
    let expected = of_events(&reports, usize::MAX).await;
    agree(&reports, &expected, "before").await;
    let counted = days(&database).count_all().await.unwrap();
    assert!(counted > 1, "{counted} days were counted");
    assert!(stored(&database).await.contains("generation: 1"), "days are in use");
    agree(&reports, &expected, "after").await;
    assert_eq!(days(&database).count_all().await.unwrap(), 0, "all is counted");
}

#[tokio::test]
async fn late_events_and_erased_visitors_are_not_missed() {
    let database = database().await;
    store(&database, sample(9)).await;
    let reports = Reports::new(database.clone(), 30);
    days(&database).count_all().await.unwrap();
    let counted = stored(&database).await;

    // Days around a late event are read from the events until they are counted again.
    let at = moment(START).0 + 2 * DAY + 23 * 60 * MINUTE + 50 * MINUTE;
    store(&database, vec![page(Timestamp(at), 3, "/late"), page(Timestamp(at + 20 * MINUTE), 3, "/a")]).await;
    assert_ne!(stored(&database).await, counted);
    let expected = of_events(&reports, 1).await;
    agree(&reports, &expected, "after late events").await;
    for day in database.stale_days(site().id, 30 * MINUTE, (30_000, u64::MAX), 100).await.unwrap() {
        let generation = 5_000_000_000_000 + u64::from(day.day_number);
        assert!(database.make_day(site().id, 30 * MINUTE, &day, generation).await.unwrap());
    }
    agree(&reports, &expected, "after they were counted").await;

    while !database.erase_visitor(site().id, VisitorId(3)).await.unwrap() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    agree(&reports, &of_events(&reports, 1).await, "after an erasure").await;
    assert!(database.remove_old_days(u64::MAX).await.unwrap() >= 4, "days of two tables were replaced");
    while database.remove_old_days(4_999_999_999_999).await.unwrap() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    agree(&reports, &of_events(&reports, 1).await, "after the old rows were removed").await;

    // In the middle of a day.
    let noon = Timestamp(moment(START).0 + DAY + DAY / 2);
    database.prune_copies(site().id, noon, None).await.unwrap();
    removed(&database).await;
    database.prune_events(site().id, noon, None).await.unwrap();
    removed(&database).await;
    let expected = of_events(&reports, 1).await;
    agree(&reports, &expected, "after a part was removed").await;
    for day in database.stale_days(site().id, 30 * MINUTE, (30_000, u64::MAX), 100).await.unwrap() {
        let generation = 6_000_000_000_000 + u64::from(day.day_number);
        assert!(database.make_day(site().id, 30 * MINUTE, &day, generation).await.unwrap());
    }
    agree(&reports, &expected, "after the rest was counted").await;
}

async fn removed(store: &Store) {
    while store.is_removing_rows().await.unwrap() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
