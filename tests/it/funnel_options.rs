//! Options of funnels over real rows: optional steps, ranges of exclusions, sessions, filters, groups, series, lists.

use ashna::{
    control::Scope,
    model::{DeviceClass, Event},
    reports::Reports,
    wire::reports::{Funnel, FunnelGroup, FunnelQuestion},
};
use serde_json::{Value, json};

use crate::{
    reports::{START, moment, site, store, track},
    support::{
        app::{TestApp, these_days},
        engine::database,
    },
};

const MINUTE: i64 = 60_000;
const DAY: i64 = 86_400_000;
const NAMES: [&str; 4] = ["A", "B", "C", "D"];

fn did(at: i64, visitor: u128, name: &'static str) -> Event<'static> {
    track(moment(START).plus(at), visitor, name, "{}")
}

/// Every event one second after the one before, by visitor: "A B" is two.
fn each(histories: &[(u128, &'static str)]) -> Vec<Event<'static>> {
    let event = |(visitor, history): &(u128, &'static str)| {
        let visitor = *visitor;
        history.split(' ').zip(0..).map(move |(name, second)| did(second * 1000, visitor, name)).collect::<Vec<_>>()
    };
    histories.iter().flat_map(event).collect()
}

fn question(steps: &Value, more: &Value) -> FunnelQuestion {
    let mut question =
        json!({ "from": START, "to": moment(START).plus(2 * DAY).to_string(), "steps": steps, "window_ms": DAY });
    question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(question).unwrap()
}

async fn with(events: Vec<Event<'static>>) -> Reports {
    let database = database().await;
    store(&database, events).await;
    Reports::new(database, 30)
}

async fn ask(reports: &Reports, steps: &Value, more: &Value) -> Funnel {
    reports.funnel(&site(), &question(steps, more), moment(START)).await.unwrap()
}

fn reached(funnel: &Funnel) -> Vec<u64> {
    funnel.steps.iter().map(|step| step.reached).collect()
}

fn groups(funnel: &Funnel) -> Vec<(&str, Vec<u64>)> {
    let of = |group: &FunnelGroup| group.steps.iter().map(|step| step.reached).collect();
    funnel.breakdown.iter().flatten().map(|(name, group)| (&**name, of(group))).collect()
}

fn steps() -> Value {
    json!([{ "event": "A" }, { "event": "B" }, { "event": "C" }])
}

#[tokio::test]
async fn a_step_takes_any_of_its_events_and_optional_ones_may_be_left_out() {
    let reports = with(each(&[(1, "A B C"), (2, "A D C"), (3, "A C"), (4, "A"), (5, "A X C"), (6, "A B")])).await;
    let any = json!([{ "event": "A" }, { "any": [{ "event": "B" }, { "event": "D" }] }, { "event": "C" }]);
    assert_eq!(reached(&ask(&reports, &any, &json!({})).await), [6, 3, 2]);
    let optional = json!([{ "event": "A" }, { "event": "B", "optional": true }, { "event": "C" }]);
    let funnel = ask(&reports, &optional, &json!({})).await;
    assert_eq!(reached(&funnel), [6, 2, 4]);
    assert!((funnel.steps[2].rate_of_previous - 4.0 / 6.0).abs() < 1e-9);
    let strict = ask(&reports, &optional, &json!({ "order": "strict" })).await;
    assert_eq!(reached(&strict), [6, 2, 2], "what is between ends it: D and X");
    let list = strict.steps[2].converted_list.clone().unwrap();
    let converted = reports.funnel_dropped(&site(), &list, None, moment(START)).await.unwrap();
    assert_eq!((converted.step, converted.total, converted.visitors.len()), (3, 2, 2));
    assert_eq!(strict.steps[1].converted_list, None, "not everyone further on was at an optional step");
}

#[tokio::test]
async fn exclusions_end_an_attempt_or_take_the_visitor_out_between_their_steps() {
    let reports = with(each(&[(1, "A B C"), (2, "A X B C"), (3, "A B X C"), (4, "A B C X"), (5, "A X")])).await;
    let between = |from: Option<u32>, to: Option<u32>, effect: &str| {
        let mut exclusion = json!({ "event": "X", "effect": effect });
        for (key, step) in [("from_step", from), ("to_step", to)] {
            if let Some(step) = step {
                exclusion[key] = json!(step);
            }
        }
        json!({ "exclude": [exclusion] })
    };
    let check = async |exclusion: Value, expected: [u64; 3], removed: u64| {
        let funnel = ask(&reports, &steps(), &exclusion).await;
        assert_eq!((reached(&funnel), funnel.removed), (expected.to_vec(), removed), "{exclusion}");
    };
    check(json!({}), [5, 4, 4], 0).await;
    check(between(None, None, "stop"), [5, 3, 2], 0).await;
    check(between(Some(1), Some(2), "stop"), [5, 3, 3], 0).await;
    check(between(Some(2), None, "stop"), [5, 4, 3], 0).await;
    check(between(None, None, "remove"), [2, 2, 2], 3).await;
    check(between(Some(1), Some(2), "remove"), [3, 3, 3], 2).await;
    check(between(Some(2), Some(3), "remove"), [4, 3, 3], 1).await;
}

#[tokio::test]
async fn a_session_has_all_steps_and_the_best_session_counts() {
    let reports = with(vec![
        did(0, 1, "A"),
        did(31 * MINUTE, 1, "B"),
        did(0, 2, "A"),
        did(40 * MINUTE, 2, "A"),
        did(50 * MINUTE, 2, "B"),
        // Another event keeps the session going.
        did(0, 3, "A"),
        did(20 * MINUTE, 3, "Other"),
        did(40 * MINUTE, 3, "B"),
    ])
    .await;
    let steps = json!([{ "event": "A" }, { "event": "B" }]);
    assert_eq!(reached(&ask(&reports, &steps, &json!({})).await), [3, 3]);
    let funnel = ask(&reports, &steps, &json!({ "per_session": true })).await;
    assert_eq!(reached(&funnel), [3, 2]);
    assert_eq!(funnel.steps[1].median_ms, Some(25 * MINUTE), "of ten and forty minutes");
}

#[tokio::test]
async fn groups_are_by_the_first_the_last_or_a_given_step() {
    let on = |at, visitor, name, class| {
        let mut event = did(at, visitor, name);
        event.device.class = class;
        event
    };
    let reports = with(vec![
        on(0, 1, "A", DeviceClass::Mobile),
        on(1, 1, "B", DeviceClass::Desktop),
        on(2, 1, "C", DeviceClass::Tablet),
        on(0, 2, "A", DeviceClass::Mobile),
        on(1, 2, "B", DeviceClass::Mobile),
        on(0, 3, "A", DeviceClass::Desktop),
    ])
    .await;
    let by = async |at: Value| ask(&reports, &steps(), &json!({ "breakdown": "$device", "breakdown_at": at })).await;
    let first = [("desktop", vec![1, 0, 0]), ("mobile", vec![2, 2, 1])];
    assert_eq!(groups(&by(json!("first")).await), first);
    let last = [("desktop", vec![1, 0, 0]), ("mobile", vec![1, 1, 0]), ("tablet", vec![1, 1, 1])];
    assert_eq!(groups(&by(json!("last")).await), last);
    let second = [("desktop", vec![1, 1, 1]), ("mobile", vec![1, 1, 0])];
    assert_eq!(groups(&by(json!(2)).await), second, "without those who did not get there");
}

#[tokio::test]
async fn the_series_is_by_the_time_of_the_first_step_and_compared() {
    let reports = with(vec![
        did(0, 1, "A"),
        did(13 * 3_600_000, 1, "B"),
        did(0, 2, "A"),
        did(15 * 3_600_000, 3, "A"),
        did(15 * 3_600_000 + 1, 3, "B"),
        did(-DAY, 4, "A"),
    ])
    .await;
    let steps = json!([{ "event": "A" }, { "event": "B" }]);
    let more =
        json!({ "trend": "day", "timezone": "UTC", "compare": { "from": moment(START).plus(-2 * DAY).to_string() } });
    let funnel = ask(&reports, &steps, &more).await;
    let reached_of = |funnel: &Funnel| -> Vec<Vec<u64>> {
        funnel.trend.iter().flatten().map(|point| point.reached.clone()).collect()
    };
    // START is at ten o'clock.
    assert_eq!(reached_of(&funnel), [[2, 1], [1, 1], [0, 0]]);
    let times = funnel.to_convert.as_ref().unwrap();
    assert_eq!((times.median_ms, times.histogram.iter().map(|bar| bar.people).sum::<u64>()), (Some(13 * 1_800_000), 2));
    assert_eq!(funnel.steps[1].histogram.as_ref().unwrap(), &times.histogram);
    let before = funnel.compare.unwrap();
    assert_eq!((reached(&before), reached_of(&before).len()), (vec![4, 2], 5));
    assert_eq!(before.steps[0].dropped_list, None);
}

/// Numbers that look random, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % end).unwrap()
    }
}

/// A filtered funnel is that of a warehouse which has only the events that are kept.
#[tokio::test]
async fn filters_leave_what_is_kept_as_if_there_were_no_other_events() {
    let mut n = Numbers(7);
    let (mut all, mut kept) = (Vec::new(), Vec::new());
    for at in 0..600 {
        let is_mobile = n.below(2) == 0;
        let visitor = 1 + n.below(12) as u128;
        let mut event = did(at * 1000, visitor, NAMES[n.below(4)]);
        event.device.class = if is_mobile { DeviceClass::Mobile } else { DeviceClass::Desktop };
        if is_mobile {
            kept.push(event.clone());
        }
        all.push(event);
    }
    let (all, kept) = (with(all).await, with(kept).await);
    let exclude = json!([{ "event": "D", "from_step": 2, "effect": "remove" }]);
    let optional = json!([{ "event": "A" }, { "event": "B", "optional": true }, { "event": "C" }]);
    for order in ["sequential", "strict", "any"] {
        for (steps, exclude) in [(steps(), json!([])), (steps(), exclude.clone()), (optional.clone(), exclude.clone())]
        {
            if order == "any" && exclude != json!([]) {
                continue;
            }
            let plain = json!({ "order": order, "exclude": exclude, "window_ms": 9000 });
            let mut filtered = plain.clone();
            filtered["filters"] = json!([{ "property": "$device", "op": "eq", "value": "mobile" }]);
            let (filtered, expected) = (ask(&all, &steps, &filtered).await, ask(&kept, &steps, &plain).await);
            assert_eq!((reached(&filtered), filtered.removed), (reached(&expected), expected.removed), "{plain}");
            let unfiltered = ask(&all, &steps, &plain).await;
            assert_ne!(unfiltered.to_convert, expected.to_convert, "the filter matters: {plain}");
        }
    }
    let by_event = json!({ "filters": [{ "event": "Never" }] });
    assert_eq!(reached(&ask(&all, &steps(), &by_event).await), [0, 0, 0]);
}

#[tokio::test]
async fn differences_find_the_broken_step_and_not_chance() {
    let mut events = Vec::new();
    for visitor in 1..=400_u128 {
        let is_mobile = visitor % 2 == 0;
        for (at, name) in [(0, "A"), (1, "B")] {
            let mut event = did(at, visitor, name);
            event.device.class = if is_mobile { DeviceClass::Mobile } else { DeviceClass::Desktop };
            event.language = if visitor % 4 < 2 { "de".into() } else { "en".into() };
            let converts = if is_mobile { visitor % 20 < 4 } else { visitor % 20 < 12 };
            if at == 0 || converts {
                events.push(event);
            }
        }
    }
    let reports = with(events).await;
    let steps = json!([{ "event": "A" }, { "event": "B" }]);
    let found = ask(&reports, &steps, &json!({ "differences": true })).await.differences.unwrap();
    assert_eq!(found.comparisons, found.rows.len());
    let mobile = found.rows.iter().find(|row| row.value == "mobile").unwrap();
    assert_eq!((mobile.property.as_str(), mobile.people, mobile.converted), ("$device", 200, 40));
    assert!((mobile.difference + 0.4).abs() < 1e-9 && mobile.low < -0.4 && mobile.high < 0.0, "{mobile:?}");
    assert!(found.rows[..2].iter().all(|row| row.property == "$device"), "{found:?}");
    let chance = found.rows.iter().find(|row| row.value == "de").unwrap();
    assert!(chance.low < 0.0 && chance.high > 0.0, "{chance:?}");
}

#[tokio::test]
async fn a_segment_that_does_not_exist_is_refused_by_name() {
    let app = TestApp::start().await;
    let reader = app.with_key(Scope::Read).await;
    let mut question = these_days();
    question["steps"] = json!([{ "event": "A" }, { "event": "B" }]);
    question["filters"] = json!([{ "segment": "none-such" }]);
    let refused = reader.post(&app.path("reports/funnel"), question).await;
    assert!((400..500).contains(&refused.status), "{}", refused.text);
    assert!(refused.text.contains("none-such"), "{}", refused.text);
    app.finish().await;
}
