//! The recommendations report and off-policy estimates, against figures calculated by hand.

use ashna::{
    model::{Action, Currency, Event, Timestamp, event::ItemLine},
    reports::{Reports, csv},
    store::Store,
};
use serde_json::{Value, json};

use crate::{
    reports::{START, moment, plain, site, store, track},
    support::engine::database,
};

const DAY: i64 = 86_400_000;

fn lines(ids: &[&'static str]) -> Vec<ItemLine<'static>> {
    ids.iter().map(|id| ItemLine { id: (*id).into(), price_minor: 1000, quantity: 2 }).collect()
}

/// A draw of the slot `home-recs`, as stored by ingest.
#[derive(Clone, Copy)]
struct Draw {
    decision: u64,
    model: &'static str,
    probability: f64,
    explore: f64,
    explored: u8,
}

fn usual(decision: u64) -> Draw {
    Draw { decision, model: "blend", probability: 0.8, explore: 0.1, explored: 0 }
}

/// The items `a`, `b`, `c` of a draw, seen or, with a position, clicked.
fn shown(at: Timestamp, visitor: u128, draw: Draw, clicked: Option<u8>) -> Event<'static> {
    let action = if clicked.is_some() { Action::SlotClicked } else { Action::SlotViewed };
    let exposure = json!({
        "decision": draw.decision.to_string(), "slot": "home-recs", "model": draw.model,
        "model_probability": draw.probability, "explore": draw.explore, "explored": draw.explored, "drawn": 0.5,
        "position": clicked.unwrap_or(0),
    });
    let name = if clicked.is_some() { "Slot Clicked" } else { "Slot Viewed" };
    Event {
        action,
        name: name.into(),
        items: lines(&["a", "b", "c"]),
        exposure: exposure.to_string().into(),
        ..plain(at, visitor)
    }
}

fn order(at: Timestamp, visitor: u128, ids: &[&'static str]) -> Event<'static> {
    let items = lines(ids);
    let amount_minor = 2000 * i64::try_from(items.len()).unwrap();
    let currency = Currency(*b"EUR");
    Event { items, amount_minor, currency, ..track(at, visitor, "Order Completed", "{}") }
}

async fn ask(store: &Store, question: Value) -> Value {
    let reports = Reports::new(store.clone(), 30);
    let question = serde_json::from_value(question).unwrap();
    serde_json::to_value(reports.recommendations(&site(), &question, 0.1).await.unwrap()).unwrap()
}

fn period(more: &Value) -> Value {
    let begin = moment(START);
    let mut question = json!({ "from": begin.to_string(), "to": begin.plus(DAY).to_string() });
    question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    question
}

#[tokio::test]
async fn views_clicks_and_purchases_are_counted_once_and_attributed_to_impressions() {
    let database = database().await;
    let at = |minutes: i64| moment(START).plus(minutes * 60_000);
    let other = Draw { model: "next_click", probability: 0.2, ..usual(4) };
    let tried = Draw { explored: 2, ..usual(5) };
    store(
        &database,
        vec![
            // Visitor 1 sees one decision three times, clicks twice in it, buys one of its items and another item.
            shown(at(0), 1, usual(1), None),
            shown(at(1), 1, usual(1), None),
            shown(at(2), 1, usual(1), Some(2)),
            shown(at(3), 1, usual(1), Some(2)),
            order(at(9), 1, &["b", "z"]),
            // Visitor 2 sees two decisions and buys an item of both: the later one gets the credit.
            shown(at(0), 2, usual(2), None),
            shown(at(5), 2, usual(3), None),
            order(at(60 * 24 * 3), 2, &["a"]),
            // Visitor 3, another model; purchases too late, and too early.
            order(at(0), 3, &["a"]),
            shown(at(1), 3, other, None),
            order(at(60 * 24 * 8), 3, &["a"]),
            // Anonymous, with an explored item at position two, which is clicked; only the click arrived.
            shown(at(4), 0, tried, Some(2)),
            // A view with an invalid decision, and one before the period.
            Event { exposure: "".into(), ..shown(at(4), 4, usual(8), None) },
            shown(at(-60), 5, usual(9), None),
        ],
    )
    .await;
    let answer = ask(&database, period(&json!({}))).await;
    let row = |slot: Value, model: Value| {
        let rows = answer["rows"].as_array().unwrap();
        rows.iter().find(|row| row["slot"] == slot && row["model"] == model).cloned().expect("such a row")
    };
    let all = row(Value::Null, Value::Null);
    let counts = |row: &Value| {
        ["visitors", "impressions", "clicked", "clicks", "purchases", "revenue_minor", "purchases_after_click"]
            .map(|name| row[name].as_i64().unwrap())
    };
    assert_eq!(counts(&all), [3, 5, 2, 2, 2, 4000, 1], "{all:#}");
    assert_eq!(counts(&row(json!("home-recs"), json!("blend"))), [2, 4, 2, 2, 2, 4000, 1]);
    assert_eq!(counts(&row(json!("home-recs"), json!("next_click"))), [1, 1, 0, 0, 0, 0, 0]);
    assert_eq!((&all["click_through"]["value"], &all["conversion"]["value"]), (&json!(0.4), &json!(0.4)));
    assert_eq!(all["revenue_per_thousand"]["value"], json!(800_000.0));
    let places: Vec<[i64; 4]> = answer["positions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|place| ["views", "clicked", "tried", "tried_clicked"].map(|name| place[name].as_i64().unwrap()))
        .collect();
    assert_eq!(places, [[5, 0, 0, 0], [5, 2, 1, 1], [5, 0, 0, 0]]);
    let exploring = &answer["exploring"];
    assert_eq!((&exploring["set"], &exploring["reached"]["value"]), (&json!(0.1), &json!(0.2)));
    assert!((exploring["promised"].as_f64().unwrap() - 0.1).abs() < 1e-9);
    assert_eq!(answer["unproved"], 1);

    let wide = ask(&database, period(&json!({ "window_days": 9 }))).await;
    assert_eq!(wide["rows"][0]["purchases"], 3, "within nine days visitor 3 bought it");
    let nowhere = ask(&database, period(&json!({ "slot": "no-such-slot" }))).await;
    assert_eq!((&nowhere["rows"], &nowhere["positions"]), (&json!([]), &json!([])));
    assert_eq!(nowhere["exploring"]["reached"], Value::Null);
    let table = Reports::new(database.clone(), 30);
    let question = serde_json::from_value(period(&json!({}))).unwrap();
    let table = csv::write(&table.recommendations(&site(), &question, 0.1).await.unwrap()).bytes;
    assert_eq!(String::from_utf8(table).unwrap().lines().count(), 7);
}

#[tokio::test]
async fn another_policy_is_estimated_if_the_log_supports_it() {
    let database = database().await;
    let mut events = Vec::new();
    for n in 0..3000_u64 {
        let at = moment(START).plus(i64::try_from(n).unwrap() * 1000);
        // One in five by the other model, clicked in a third of its views; the default model in a tenth.
        let other = n % 5 == 0;
        let draw = if other { Draw { model: "next_click", probability: 0.2, ..usual(n + 1) } } else { usual(n + 1) };
        let clicked = if other { n % 15 == 0 } else { n % 10 == 1 };
        let draw = Draw { explore: 0.0, ..draw };
        events.push(shown(at, u128::from(n / 3) + 1, draw, None));
        if clicked {
            events.push(shown(at, u128::from(n / 3) + 1, draw, Some(1)));
        }
    }
    store(&database, events).await;
    let reports = Reports::new(database.clone(), 30);
    let what_if = async |more: Value| {
        let question = serde_json::from_value(period(&more)).unwrap();
        serde_json::to_value(reports.what_if(&site(), &question).await.unwrap()).unwrap()
    };
    let answer = what_if(json!({ "models": { "next_click": 1 } })).await;
    for name in ["ips", "snips", "doubly_robust"] {
        let estimate = &answer["estimates"][name];
        let number = |value: &Value| value.as_f64().unwrap();
        assert!((number(&estimate["value"]) - 1.0 / 3.0).abs() < 0.02, "{answer:#}");
        assert!(number(&estimate["lead"]["low"]) > 0.1, "significantly better: {estimate}");
    }
    assert_eq!((&answer["views"], &answer["models"]["next_click"]), (&json!(3000), &json!(600)));
    let check = async |more: Value, refusal: &str| {
        let answer = what_if(more).await;
        assert_eq!((&answer["refusal"], &answer["estimates"]), (&json!(refusal), &Value::Null));
        assert!(answer["because"].as_str().is_some_and(|because| !because.is_empty()));
    };
    check(json!({ "models": { "walks": 1 } }), "never_shown").await;
    check(json!({ "slot": "elsewhere" }), "nothing").await;
    let early = json!({ "models": { "next_click": 1 }, "to": moment(START).plus(300_000).to_string() });
    check(early, "too_little_overlap").await;
    for wrong in [
        json!({ "models": { "blend": -1 } }),
        json!({ "models": { "blend": 0 } }),
        json!({ "explore_items": 0.9 }),
        json!({ "slot": "s".repeat(600) }),
    ] {
        let question = serde_json::from_value(period(&wrong)).unwrap();
        assert!(reports.what_if(&site(), &question).await.is_err(), "{wrong}");
    }
    assert_eq!(database.query::<u64>("SELECT uniqExact(decision) FROM exposures", &[]).await.unwrap(), [3000]);
}
