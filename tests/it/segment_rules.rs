//! Random rules over random histories: counted by the engine, evaluated over the stored past, held live, and by a reference
//! that was written for this test from the description of rules alone, all must name the same people.

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

/// The same rule for people without a campaign, as all are here, with parts that only the evaluator knows: the engine can
/// neither leave anyone out nor count anyone.
fn evaluated(rule: &Value) -> Value {
    json!({ "any": [
        { "all": [rule, { "field": "campaign", "op": "not_exists" }] },
        { "field": "campaign", "op": "exists" },
    ] })
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
        let evaluated = admin.post(&app.path("segments/preview"), json!({ "rule": evaluated(rule) })).await;
        assert_eq!(evaluated.json(), answer.json(), "seed {seed}, {rule}");
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

/// Values that are read as numbers, as texts, or as neither.
fn untidy(random: &mut StdRng) -> Value {
    match random.random_range(0..16) {
        0 => json!("5"),
        1 => json!("5.0"),
        2 => json!("+5"),
        3 => json!("1e1"),
        4 => json!(" 5"),
        5 => json!(""),
        6 => json!(null),
        7 => json!(true),
        8 => json!([5]),
        9 => json!(9_007_199_254_740_993_u64),
        10 => json!("Blue Mug"),
        11 => json!(-2.5),
        12 => json!(0.1 + 0.2),
        _ => json!(f64::from(random.random_range(0..40)) / 4.0),
    }
}

fn any_test(random: &mut StdRng) -> Value {
    const ALL: [&str; 13] = [
        "eq",
        "ne",
        "gt",
        "gte",
        "lt",
        "lte",
        "contains",
        "not_contains",
        "starts_with",
        "in",
        "not_in",
        "exists",
        "not_exists",
    ];
    let properties = ["x", "revenue", "absent", "$path", "$item", "$category", "$channel", "$country"];
    let op = ALL[random.random_range(0..ALL.len())];
    let one = |random: &mut StdRng| match untidy(random) {
        Value::Null | Value::Array(_) => json!("5"),
        value => value,
    };
    let property = properties[random.random_range(0..properties.len())];
    let value = match op {
        "in" | "not_in" => json!([one(random), one(random)]),
        _ if property.starts_with('$') => json!(["/a", "/b", "i1", "Tea", "Direct", "5"][random.random_range(0..6)]),
        _ => one(random),
    };
    json!({ "property": property, "op": op, "value": value })
}

fn any_rule(random: &mut StdRng, depth: u32) -> Value {
    let number = |random: &mut StdRng| json!({ "op": op(random), "value": random.random_range(0..5) });
    match random.random_range(0..if depth == 0 { 5 } else { 8 }) {
        0..=2 => {
            let names = ["page", "Viewed", "Order Completed", "Added"];
            let mut rule = json!({ "event": names[random.random_range(0..names.len())] });
            if random.random_bool(0.7) {
                rule["where"] = json!([any_test(random)]);
            }
            if random.random_bool(0.4) {
                rule["within_days"] = json!(random.random_range(1..8));
            }
            match random.random_range(0..3) {
                0 => rule["count"] = number(random),
                1 => {
                    rule["sum"] = number(random);
                    rule["sum"]["property"] = json!(["x", "revenue"][random.random_range(0..2)]);
                }
                _ => {}
            }
            rule
        }
        3 | 4 => {
            let fields = ["visits", "pageviews", "orders", "last_seen_days", "first_seen_days", "cart_items"];
            let mut rule = number(random);
            rule["field"] = json!(fields[random.random_range(0..fields.len())]);
            match random.random_range(0..6) {
                0 => json!({ "field": "new_visitor", "op": "eq", "value": random.random_bool(0.5) }),
                1 => json!({ "field": "country", "op": "eq", "value": "de" }),
                2 => json!({ "field": "user_id", "op": "exists" }),
                _ => rule,
            }
        }
        5 => json!({ "not": any_rule(random, depth - 1) }),
        kind => {
            let parts: Vec<Value> = (0..2).map(|_| any_rule(random, depth - 1)).collect();
            if kind == 6 { json!({ "all": parts }) } else { json!({ "any": parts }) }
        }
    }
}

#[tokio::test]
async fn the_engine_counts_as_the_evaluator_does_whatever_was_sent() {
    let seed: u64 = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    let app = TestApp::start().await;
    let server = app.with_key(Scope::Server).await;
    let admin = app.with_key(Scope::Admin).await;
    let now = clock::now();
    let mut batch = Vec::new();
    for number in 0..400 {
        let visitor = random.random_range(0..60);
        let at = now.plus(-random.random_range(0..200) * HOUR_MS - HOUR_MS / 2).to_string();
        let mut properties = json!({ "x": untidy(&mut random), "revenue": untidy(&mut random) });
        let kind = random.random_range(0..10);
        if kind == 0 {
            properties["order_id"] = json!(format!("o-{}", random.random_range(0..12)));
        }
        if random.random_bool(0.2) {
            properties["currency"] = json!(["EUR", "USD", "usd"][random.random_range(0..3)]);
        }
        if random.random_bool(0.3) {
            properties["product_id"] = json!(format!("i{}", random.random_range(0..3)));
            properties["category"] = json!("Tea");
        }
        let mut call = json!({ "anonymousId": format!("v-{visitor}"), "timestamp": at, "messageId": format!("m-{number}"),
            "context": { "page": { "url": "https://shop.example/a", "path": "/a" } } });
        match kind {
            0 | 1 => (call["type"], call["event"]) = (json!("track"), json!("Order Completed")),
            2..=4 => (call["type"], call["event"]) = (json!("track"), json!("Viewed")),
            5 => (call["type"], call["event"]) = (json!("track"), json!("Added")),
            6 | 7 => call["type"] = json!("page"),
            8 => (call["type"], call["name"]) = (json!("page"), json!("Viewed")),
            // Some visitors are one person.
            _ => (call["type"], call["userId"]) = (json!("identify"), json!(format!("u-{}", visitor % 7))),
        }
        let field = if kind == 9 { "traits" } else { "properties" };
        call[field] = properties;
        batch.push(call);
    }
    let answer = server.post("/v1/batch", json!({ "batch": batch })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    app.settled().await;

    let mut split = 0;
    for _ in 0..RULES / 2 {
        let rule = any_rule(&mut random, 2);
        let counted = admin.post(&app.path("segments/preview"), json!({ "rule": rule })).await;
        assert_eq!(counted.status, 200, "{rule}: {}", counted.text);
        let evaluated = admin.post(&app.path("segments/preview"), json!({ "rule": evaluated(&rule) })).await;
        assert_eq!(counted.json(), evaluated.json(), "seed {seed}, {rule}");
        let people = counted.json()["people"].as_u64().unwrap();
        split += usize::from(people > 0 && people < 20);
        let saved = admin.put(&app.path("segments/s"), json!({ "name": "S", "rule": rule })).await;
        assert_eq!(saved.status, 200, "{rule}: {}", saved.text);
        let members = admin.get(&app.path("segments/s/members?limit=1000")).await.json();
        assert_eq!(members["members"].as_array().map(Vec::len), usize::try_from(people).ok(), "seed {seed}, {rule}");
    }
    assert!(split > 0, "seed {seed}: no rule holds for some only");
    app.finish().await;
}
