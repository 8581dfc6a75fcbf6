//! Random rules over random histories: counted over the stored past, held live, and by a reference that was written for
//! this test from the description of rules alone, all must name the same people.

use ashna::{clock, control::Scope};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::support::app::TestApp;

const PEOPLE: usize = 40;
const RULES: usize = 48;
const HOUR_MS: i64 = 3_600_000;
const NAMES: [&str; 3] = ["Viewed", "Added", "Bought"];
const OPS: [&str; 6] = ["eq", "ne", "gt", "gte", "lt", "lte"];

/// An event: its age in hours and a half, so that no window of whole hours ends while the test runs.
struct Past {
    hours_ago: i64,
    name: &'static str,
    points: Option<i64>,
}

/// Newest last.
type History = Vec<Past>;

fn history(random: &mut StdRng) -> History {
    let mut hours: Vec<i64> = (0..random.random_range(0..9)).map(|_| random.random_range(0..200)).collect();
    hours.sort_unstable();
    hours.dedup();
    let event = |hours_ago, random: &mut StdRng| Past {
        hours_ago,
        name: NAMES[random.random_range(0..NAMES.len())],
        points: random.random_bool(0.8).then(|| random.random_range(0..6)),
    };
    hours.into_iter().rev().map(|hours_ago| event(hours_ago, random)).collect()
}

fn name(random: &mut StdRng) -> &'static str {
    NAMES[random.random_range(0..NAMES.len())]
}

fn op(random: &mut StdRng) -> &'static str {
    OPS[random.random_range(0..OPS.len())]
}

fn rule(random: &mut StdRng, depth: u32) -> Value {
    match random.random_range(0..if depth == 0 { 7 } else { 10 }) {
        0..=4 => event_rule(random),
        5 | 6 => {
            let steps: Vec<Value> = (0..random.random_range(2..4)).map(|_| json!({ "event": name(random) })).collect();
            let mut rule = json!({ "sequence": steps });
            if random.random_bool(0.5) {
                rule["within_hours"] = json!(random.random_range(1..150));
            }
            rule
        }
        7 => json!({ "not": rule(random, depth - 1) }),
        kind => {
            let parts: Vec<Value> = (0..random.random_range(1..4)).map(|_| rule(random, depth - 1)).collect();
            if kind == 8 { json!({ "all": parts }) } else { json!({ "any": parts }) }
        }
    }
}

fn event_rule(random: &mut StdRng) -> Value {
    let mut rule = json!({ "event": name(random) });
    if random.random_bool(0.4) {
        rule["where"] = json!([{ "property": "points", "op": op(random), "value": random.random_range(0..6) }]);
    }
    if random.random_bool(0.5) {
        rule["within_days"] = json!(random.random_range(1..8));
    }
    match random.random_range(0..4) {
        0 => rule["count"] = json!({ "op": op(random), "value": random.random_range(0..4) }),
        1 => rule["sum"] = json!({ "property": "points", "op": op(random), "value": random.random_range(0..12) }),
        2 => {
            rule["not_followed_by"] = json!({ "event": name(random) });
            if random.random_bool(0.7) {
                rule["not_followed_by"]["within_hours"] = json!(random.random_range(1..120));
            }
        }
        _ => {}
    }
    rule
}

fn compares(op: &Value, number: i64, with: &Value) -> bool {
    let with = with.as_i64().unwrap();
    match op.as_str().unwrap() {
        "eq" => number == with,
        "ne" => number != with,
        "gt" => number > with,
        "gte" => number >= with,
        "lt" => number < with,
        "lte" => number <= with,
        other => unreachable!("{other}"),
    }
}

/// The reference.
fn holds(rule: &Value, history: &History) -> bool {
    let parts = |name: &str| rule[name].as_array().map(|parts| parts.iter().map(|part| holds(part, history)));
    if let Some(mut parts) = parts("all") {
        return parts.all(|part| part);
    }
    if let Some(mut parts) = parts("any") {
        return parts.any(|part| part);
    }
    if let Some(part) = rule.get("not") {
        return !holds(part, history);
    }
    if let Some(steps) = rule["sequence"].as_array() {
        let within = rule["within_hours"].as_i64().unwrap_or(i64::MAX);
        return (0..history.len()).any(|first| completes(steps, history, first, history[first].hours_ago, within));
    }
    let counted: Vec<&Past> =
        (0..history.len()).filter(|index| occurs(rule, history, *index)).map(|index| &history[index]).collect();
    if let Some(count) = rule.get("count") {
        return compares(&count["op"], counted.len().try_into().unwrap(), &count["value"]);
    }
    if let Some(sum) = rule.get("sum") {
        return compares(&sum["op"], counted.iter().filter_map(|event| event.points).sum(), &sum["value"]);
    }
    !counted.is_empty()
}

/// Whether the steps can be completed with the first one at this event.
fn completes(steps: &[Value], history: &History, at: usize, started: i64, within: i64) -> bool {
    if history[at].name != steps[0]["event"] || started - history[at].hours_ago > within {
        return false;
    }
    steps.len() == 1 || (at + 1..history.len()).any(|next| completes(&steps[1..], history, next, started, within))
}

fn occurs(rule: &Value, history: &History, index: usize) -> bool {
    let event = &history[index];
    let passes = |test: &Value| match event.points {
        Some(points) => compares(&test["op"], points, &test["value"]),
        None => test["op"] == "ne",
    };
    let in_window = rule["within_days"].as_i64().is_none_or(|days| event.hours_ago < days * 24);
    let tests = rule["where"].as_array().is_none_or(|tests| tests.iter().all(passes));
    if event.name != rule["event"] || !in_window || !tests {
        return false;
    }
    let Some(following) = rule.get("not_followed_by") else { return true };
    let within = following["within_hours"].as_i64();
    let follows = |later: &Past| {
        later.name == following["event"] && within.is_none_or(|hours| event.hours_ago - later.hours_ago <= hours)
    };
    within.is_none_or(|hours| event.hours_ago >= hours) && !history[index + 1..].iter().any(follows)
}

#[tokio::test]
async fn the_stored_past_and_live_profiles_agree_with_a_reference_on_random_rules() {
    let seed: u64 = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    let app = TestApp::start().await;
    let server = app.with_key(Scope::Server).await;
    let admin = app.with_key(Scope::Admin).await;
    let histories: Vec<History> = (0..PEOPLE).map(|_| history(&mut random)).collect();
    let now = clock::now();
    let mut batch = Vec::new();
    for (person, history) in histories.iter().enumerate() {
        for Past { hours_ago, name, points } in history {
            let at = now.plus(-hours_ago * HOUR_MS - HOUR_MS / 2).to_string();
            let properties = points.map_or(json!({}), |points| json!({ "points": points }));
            batch.push(json!({ "type": "track", "anonymousId": format!("person-{person}"), "event": name,
                "timestamp": at, "properties": properties }));
        }
    }
    let answer = server.post("/v1/batch", json!({ "batch": batch })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    app.settled().await;

    let rules: Vec<Value> = (0..RULES).map(|_| rule(&mut random, 2)).collect();
    let mut split = 0;
    for (number, rule) in rules.iter().enumerate() {
        // People of whom nothing is stored are no people.
        let of_rule = histories.iter().filter(|history| !history.is_empty() && holds(rule, history)).count();
        split += usize::from(of_rule > 0 && of_rule < PEOPLE / 2);
        let answer = admin.post(&app.path("segments/preview"), json!({ "rule": rule })).await;
        assert_eq!(answer.json()["people"], json!(of_rule), "seed {seed}, {rule}: {}", answer.text);
        let segment = json!({ "name": "S", "rule": rule });
        let saved = admin.put(&app.path(&format!("segments/s-{number:02}")), segment).await;
        assert_eq!(saved.status, 200, "{rule}: {}", saved.text);
    }
    assert!(split > 5, "seed {seed}: the rules tell hardly anyone apart");
    for (person, history) in histories.iter().enumerate().filter(|(_, history)| !history.is_empty()) {
        let of_person: Vec<String> = (0..RULES)
            .filter(|number| holds(&rules[*number], history))
            .map(|number| format!("s-{number:02}"))
            .collect();
        let live = admin.get(&app.path(&format!("visitors/person-{person}"))).await.json();
        assert_eq!(live["segments"], json!(of_person), "seed {seed}, person {person}: {rules:?}");
    }
    app.finish().await;
}
