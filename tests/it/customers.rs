//! The value of customers: from orders as they are sent to groups, models and values, with the real engine.

use ashna::{
    control::Scope,
    import::Format,
    model::VisitorId,
    value::{Customer, History, ValueModel},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::{app::TestApp, client::ApiClient};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The beginning of today.
fn midnight() -> Timestamp {
    let seconds = Timestamp::now().as_second();
    Timestamp::from_second(seconds - seconds.rem_euclid(86_400)).unwrap()
}

/// Noon, this many days before today.
fn days_ago(days: u32) -> Timestamp {
    midnight() - DAY * i32::try_from(days).unwrap() + SignedDuration::from_hours(12)
}

fn event(name: &str, user: &str, at: Timestamp, order: &str, revenue: &Value) -> Value {
    json!({
        "type": "track", "event": name, "userId": user, "timestamp": at.to_string(),
        "properties": { "order_id": order, "revenue": revenue, "currency": "EUR" },
    })
}

fn order(user: &str, at: Timestamp, order: &str, revenue: impl Into<Value>) -> Value {
    event("Order Completed", user, at, order, &revenue.into())
}

fn refund(user: &str, at: Timestamp, order: &str, revenue: impl Into<Value>) -> Value {
    event("Order Refunded", user, at, order, &revenue.into())
}

async fn start() -> (TestApp, ApiClient) {
    let app = TestApp::start().await;
    app.changes_site(json!({ "currency": "EUR", "timezone": "UTC" })).await;
    let reader = app.with_key(Scope::Read).await;
    (app, reader)
}

async fn store(app: &TestApp, client: ApiClient, events: Vec<Value>) {
    let expected = format!("kept={}, dropped=0, rejected=0", events.len());
    let answer = client.post("/v1/batch", json!({ "batch": events })).await;
    assert_eq!(answer.outcome(), expected, "{}", answer.text);
    app.settled().await;
}

async fn rfm(app: &TestApp, reader: &ApiClient, change: Value) -> Value {
    let mut question = json!({ "from": (midnight() - DAY * 400).to_string(), "to": midnight().to_string() });
    question.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let answer = reader.post(&app.path("reports/rfm"), question).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Five customers: the n-th ordered n times, n × 10 EUR each, the last one latest. Customer 3 has a phone.
async fn shop() -> (TestApp, ApiClient) {
    let (app, reader) = start().await;
    let mut events = Vec::new();
    for n in 1..=5_u32 {
        for k in 0..n {
            let id = format!("o-{n}-{k}");
            if id != "o-3-0" {
                events.push(order(&format!("c-{n}"), days_ago(100 - 10 * n - 3 * k), &id, n * 10));
            }
        }
    }
    // Sent again; a refund of more than the order; and one that names its order alone, by the back office.
    events.push(order("c-5", days_ago(40), "o-5-0", 50));
    events.push(refund("c-4", days_ago(5), "o-4-1", 4000));
    events.push(json!({
        "type": "track", "event": "Order Refunded", "userId": "back-office", "timestamp": days_ago(4).to_string(),
        "properties": { "order_id": "o-5-4" },
    }));
    let server = app.with_key(Scope::Server).await;
    store(&app, server, events).await;
    let mut from_phone = order("c-3", days_ago(70), "o-3-0", 30);
    from_phone["anonymousId"] = "a-phone".into();
    let mut again = order("", days_ago(41), "o-5-1", 999);
    again["anonymousId"] = "a-unknown".into();
    let browser = app.api().with_header("x-api-key", app.site.write_key.clone());
    store(&app, browser, vec![from_phone, again]).await;
    (app, reader)
}

#[tokio::test]
async fn customers_have_groups_and_the_best_have_their_share() {
    let (app, reader) = shop().await;
    let found = rfm(&app, &reader, json!({})).await;
    assert_eq!((&found["customers"], &found["orders"], &found["currency"]), (&json!(5), &json!(15), &json!("EUR")));
    for (group, people) in found["groups"].as_object().unwrap() {
        let has_one = ["lost", "hibernating", "need_attention", "loyal", "champions"].contains(&group.as_str());
        assert_eq!(people, u64::from(has_one), "{group}: {found}");
    }
    assert_eq!(found["groups"].as_object().unwrap().len(), 11);
    let cells = found["cells"].as_array().unwrap();
    let revenue = |recency: u64, frequency: u64| {
        let cell = cells.iter().find(|cell| cell["recency"] == recency && cell["frequency"] == frequency).unwrap();
        (cell["people"].as_u64().unwrap(), cell["revenue_minor"].as_i64().unwrap())
    };
    assert_eq!(cells.len(), 25);
    // 10; 40; 90; 160 less 40; 250 less 50 EUR.
    assert_eq!([1, 2, 3, 4, 5].map(|n| revenue(n, n)), [(1, 1000), (1, 4000), (1, 9000), (1, 12_000), (1, 20_000)]);
    assert_eq!(found["revenue_minor"], 46_000);
    assert_eq!(found["pareto"]["top_share"], 0.2);
    assert!((found["pareto"]["revenue_share"].as_f64().unwrap() - 200.0 / 460.0).abs() < 1e-9, "{found}");
    assert_eq!(found["pareto"]["curve"].as_array().unwrap().len(), 20);
    assert_eq!((&found["model"], &found["model_reason"]), (&Value::Null, &json!("too_few_customers")));

    let overview = json!({ "from": (midnight() - DAY * 400).to_string(), "to": midnight().to_string() });
    let overview = reader.post(&app.path("reports/overview"), overview).await.json();
    assert_eq!((&overview["totals"]["revenue_minor"], &overview["totals"]["orders"]), (&json!(46_000), &json!(15)));

    let by_visitor = rfm(&app, &reader, json!({ "unit": "visitor" })).await;
    assert_eq!(by_visitor["customers"], 6, "customer 3 ordered in two browsers");
    let later = rfm(&app, &reader, json!({ "from": days_ago(45).to_string() })).await;
    assert_eq!((&later["customers"], &later["orders"]), (&json!(1), &json!(3)), "the period's customers: {later}");
    let csv = json!({ "from": days_ago(400).to_string(), "to": midnight().to_string() });
    let csv = reader.post(&app.path("reports/rfm?format=csv"), csv).await;
    assert!(
        csv.text.contains("recency,frequency,group,people,revenue_minor\r\n5,1,\"new_customers\",0,0"),
        "{}",
        csv.text
    );
    app.finish().await;
}

#[tokio::test]
async fn the_table_knows_people_by_user_and_by_visitor() {
    let (app, reader) = shop().await;
    let customers = &app.state().customers;
    let before = customers.values().generation();
    customers.refresh().await.unwrap();
    assert!(customers.values().generation() > before);
    let of = |user: Option<&str>, visitor| customers.values().of(app.site.id, user, visitor);
    let best = of(Some("c-5"), None).unwrap();
    assert_eq!((best.orders, best.orders_value_minor, best.value_decile), (5, 20_000, 10));
    assert_eq!((best.rfm.recency, best.rfm.frequency, best.rfm.monetary), (5, 5, 5));
    assert_eq!((best.alive_probability, best.predicted_value_minor), (None, None));
    assert_eq!(of(Some("back-office"), None), None, "who only reported a refund is no customer");
    let phone = app.stored("SELECT toString(any(visitor)) FROM events WHERE order_id = 'o-3-0'").await;
    let phone = VisitorId(phone[0].parse().unwrap());
    let third = of(None, Some(phone)).unwrap();
    assert_eq!((third.orders, third.orders_value_minor), (3, 9000));
    assert_eq!(of(Some("c-3"), None), Some(third));
    assert_eq!(customers.values().of_proven(app.site.id, phone), None, "it only claims to be customer 3");
    let profile = reader.get(&app.path(&format!("visitors/{phone}"))).await.json();
    assert_eq!(
        (&profile["value"]["orders"], &profile["value"]["rfm"]["frequency"]),
        (&json!(3), &json!(3)),
        "{profile}"
    );

    // A new order is found without a request.
    let server = app.with_key(Scope::Server).await;
    store(&app, server, vec![order("c-9", days_ago(1), "o-9", 7)]).await;
    customers.refresh().await.unwrap();
    assert_eq!(of(Some("c-9"), None).map(|value| value.orders_value_minor), Some(700));
    assert_eq!(app.metric("customers_valued"), 6);
    app.finish().await;
}

/// Customers of the published sample, with the days of their orders, and what the model sees of each.
fn sample(count: usize) -> (Vec<Value>, Vec<Customer>) {
    let text = include_str!("../fixtures/value/cdnow_sample.csv");
    let rows = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let (mut events, mut customers) = (Vec::new(), Vec::new());
    for (n, row) in rows.step_by(9).take(count).enumerate() {
        let fields: Vec<u32> = row.split(',').map(|field| field.parse().unwrap()).collect();
        let [repeat_days, recency_days, age_days, _, spend, _] = fields[..] else { panic!("{row}") };
        let (user, mut spend_minor) = (format!("s-{n}"), i64::from(spend));
        let euros = |minor: i64| json!(minor as f64 / 100.0);
        events.push(order(&user, days_ago(age_days + 1), &format!("{n}-first"), 10));
        for k in 1..=repeat_days {
            let at = days_ago(age_days - recency_days * k / repeat_days + 1);
            let each = i64::from(spend / repeat_days);
            let paid = if k == repeat_days { i64::from(spend) - each * i64::from(repeat_days - 1) } else { each };
            // Two orders on one day are one transaction.
            let half = paid / 2;
            events.push(order(&user, at, &format!("{n}-{k}"), euros(paid - half)));
            events.push(order(&user, at + SignedDuration::from_hours(2), &format!("{n}-{k}-second"), euros(half)));
        }
        if repeat_days > 0 && n % 10 == 0 {
            events.push(refund(&user, days_ago(1), &format!("{n}-1"), 1));
            spend_minor -= 100;
        }
        let history = History { repeat_days, recency_days, age_days, spend_days: repeat_days, spend_minor };
        customers.push(Customer { orders: 1 + 2 * repeat_days, history, ..Customer::default() });
    }
    (events, customers)
}

#[tokio::test]
async fn the_reports_model_is_fitted_to_the_stored_orders() {
    let (app, reader) = start().await;
    let (mut events, customers) = sample(250);
    // Of no amount: an order, and the model's frequency, but no spend.
    events.push(order("no-amount", days_ago(31), "n-1", 20));
    events.push(order("no-amount", days_ago(11), "n-2", "free"));
    let history = History { repeat_days: 1, recency_days: 20, age_days: 30, ..History::default() };
    let mut customers = customers;
    customers.push(Customer { orders: 2, history, ..Customer::default() });
    let lines: Vec<String> = events.iter().map(ToString::to_string).collect();
    let counts = app.imports(Format::Events, "orders", &lines.join("\n")).await;
    assert_eq!((&counts["kept"], &counts["rejected"]), (&json!(events.len()), &json!(0)), "{counts}");
    app.settled().await;
    let found = rfm(&app, &reader, json!({})).await;
    let expected = ValueModel::fit(&customers);
    let (purchases, spend) = (expected.purchases.unwrap(), expected.spend.unwrap());
    let pairs = [
        ("r", purchases.r),
        ("alpha", purchases.alpha),
        ("a", purchases.a),
        ("b", purchases.b),
        ("p", spend.p),
        ("q", spend.q),
        ("gamma", spend.gamma / 100.0),
    ];
    for (name, expected) in pairs {
        let fitted = found["model"][name].as_f64().unwrap();
        assert!((fitted / expected - 1.0).abs() < 1e-3, "{name}: {fitted}, expected {expected}");
    }
    assert_eq!((&found["customers"], &found["orders_without_amount"]), (&json!(251), &json!(1)));

    app.state().customers.refresh().await.unwrap();
    for (n, customer) in customers.iter().enumerate().take(250).step_by(7) {
        let value = app.state().customers.values().of(app.site.id, Some(&format!("s-{n}")), None).unwrap();
        assert_eq!(value.orders, customer.orders);
        // The table's observation ends today, a day later.
        let history = History { age_days: customer.history.age_days + 1, ..customer.history };
        let alive = purchases.alive(&history);
        assert!((value.alive_probability.unwrap() - alive).abs() < 0.02, "{value:?}, expected {alive}");
        assert!(value.predicted_value_minor.unwrap() > 0, "{value:?}");
    }
    app.finish().await;
}
