//! Segments: rules on people, evaluated live and over the stored past.

use ashna::{
    clock,
    control::{Role, Scope},
};
use serde_json::{Value, json};

use crate::support::{app::TestApp, client::ApiClient};

const DAY: i64 = 86_400_000;

/// Sends events of servers, each `(user or browser, name, days ago, properties)`.
async fn sends(app: &TestApp, events: &[(&str, &str, f64, Value)]) {
    let server = app.with_key(Scope::Server).await;
    let now = clock::now();
    let batch: Vec<Value> = events
        .iter()
        .map(|(who, name, days_ago, properties)| {
            #[expect(clippy::cast_possible_truncation, reason = "days of a test")]
            let at = now.plus(-(days_ago * DAY as f64) as i64).to_string();
            json!({"type": "track", "anonymousId": who, "event": name, "timestamp": at, "properties": properties})
        })
        .collect();
    assert_eq!(server.post("/v1/batch", json!({"batch": batch})).await.status, 200);
    app.settled().await;
}

async fn counts(api: &ApiClient, app: &TestApp, rule: &Value) -> (u64, u64) {
    let answer = api.post(&app.path("segments/preview"), json!({"rule": rule})).await;
    assert_eq!(answer.status, 200, "{rule}: {}", answer.text);
    let answer = answer.json();
    (answer["people"].as_u64().unwrap(), answer["visitors"].as_u64().unwrap())
}

#[tokio::test]
async fn rules_are_counted_over_the_stored_past() {
    let app = TestApp::start().await;
    let read = app.with_key(Scope::Read).await;
    let order = |id: &str, revenue: f64| json!({"order_id": id, "revenue": revenue, "currency": "EUR"});
    sends(
        &app,
        &[
            ("one", "Product Added", 10.0, json!({"price": 5})),
            ("one", "Order Completed", 9.99, order("o-1", 100.0)),
            ("one", "Order Completed", 9.98, order("o-1", 100.0)),
            ("one", "Order Completed", 2.0, order("o-2", 50.5)),
            ("two", "Product Added", 3.0, json!({"price": 50, "id": 9_007_199_254_740_993_u64})),
            ("two", "Order Completed", 1.0, order("o-3", 20.0)),
            ("three", "Product Added", 0.01, json!({"price": 7})),
        ],
    )
    .await;
    let check = async |rule: Value, people: u64| assert_eq!(counts(&read, &app, &rule).await.0, people, "{rule}");
    check(json!({}), 3).await;
    check(json!({"event": "Order Completed"}), 2).await;
    check(json!({"event": "Order Completed", "within_days": 1.5}), 1).await;
    check(json!({"event": "Order Completed", "count": {"op": "eq", "value": 2}}), 1).await;
    check(json!({"event": "Order Completed", "count": {"op": "eq", "value": 0}}), 1).await;
    check(json!({"event": "Order Completed", "sum": {"property": "revenue", "op": "eq", "value": 150.5}}), 1).await;
    check(json!({"event": "Product Added", "where": [{"property": "price", "op": "gte", "value": 7}]}), 2).await;
    let exact = |id: u64| json!({"event": "Product Added", "where": [{"property": "id", "op": "eq", "value": id}]});
    check(exact(9_007_199_254_740_993), 1).await;
    check(exact(9_007_199_254_740_992), 0).await;
    let bought = json!([{"event": "Product Added"}, {"event": "Order Completed"}]);
    check(json!({"sequence": bought}), 2).await;
    check(json!({"sequence": bought, "within_hours": 1}), 1).await;
    let abandoned = |hours: u32| json!({"event": "Product Added", "not_followed_by": {"event": "Order Completed", "within_hours": hours}});
    check(abandoned(24), 1).await;
    check(abandoned(72), 0).await;
    check(json!({"all": [{"field": "orders", "op": "gte", "value": 1}, {"not": {"event": "Order Completed", "within_days": 1.5}}]}), 1).await;
    check(json!({"field": "last_seen_days", "op": "lt", "value": 1}), 1).await;
    check(json!({"field": "first_seen_days", "op": "gte", "value": 3}), 2).await;
    check(json!({"segment": "builtin-new"}), 1).await;
    app.finish().await;
}

#[tokio::test]
async fn membership_is_live_also_for_rules_on_values_that_none_mentioned_before() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let viewed = json!({"event": "Product Viewed", "where": [{"property": "price", "op": "gte", "value": 10}],
        "within_days": 7, "count": {"op": "gte", "value": 2}});
    assert_eq!(admin.put(&app.path("segments/viewers"), json!({"name": "V", "rule": viewed})).await.status, 200);
    let server = app.with_key(Scope::Server).await;
    let views = async |price: u64| {
        let view =
            json!({"type": "track", "anonymousId": "a", "event": "Product Viewed", "properties": {"price": price}});
        assert_eq!(server.post("/v1/batch", json!({"batch": [view]})).await.status, 200);
    };
    let segments = async || admin.get(&app.path("visitors/a")).await.json()["segments"].clone();
    for (price, expected) in [(20, json!([])), (5, json!([])), (30, json!(["viewers"]))] {
        views(price).await;
        assert_eq!(segments().await, expected, "the first request after the event");
    }
    // A rule on values that no rule has mentioned before.
    app.settled().await;
    let spent = json!({"event": "Product Viewed", "sum": {"property": "price", "op": "eq", "value": 55}});
    assert_eq!(admin.put(&app.path("segments/sum"), json!({"name": "S", "rule": spent})).await.status, 200);
    assert_eq!(segments().await, json!(["sum", "viewers"]));
    views(1).await;
    assert_eq!(segments().await, json!(["viewers"]));
    app.finish().await;
}

#[tokio::test]
async fn a_person_with_two_browsers_counts_once() {
    let app = TestApp::start().await;
    let server = app.with_key(Scope::Server).await;
    let now = clock::now().to_string();
    let call = |kind: &str, browser: &str, more: Value| {
        let mut call = json!({"type": kind, "anonymousId": browser, "timestamp": now});
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        call
    };
    let batch = json!({"batch": [
        call("track", "phone", json!({"event": "Seen"})),
        call("track", "laptop", json!({"event": "Liked"})),
        call("track", "other", json!({"event": "Seen"})),
        call("identify", "phone", json!({"userId": "u-1"})),
        call("identify", "laptop", json!({"userId": "u-1"})),
    ]});
    assert_eq!(server.post("/v1/batch", batch).await.status, 200);
    app.settled().await;
    let read = app.with_key(Scope::Read).await;
    assert_eq!(counts(&read, &app, &json!({"event": "Seen"})).await, (2, 3));
    assert_eq!(counts(&read, &app, &json!({"all": [{"event": "Seen"}, {"event": "Liked"}]})).await, (1, 2));
    app.finish().await;
}

#[tokio::test]
async fn segments_are_edited_listed_and_shown_with_a_visitor() {
    let app = TestApp::start().await;
    let (admin, read) = (app.with_key(Scope::Admin).await, app.with_key(Scope::Read).await);
    let path = app.path("segments");
    let viewed = json!({"id": "viewed", "name": "Viewed", "rule": {"field": "pageviews", "op": "gte", "value": 2}});
    assert_eq!(admin.post(&path, viewed.clone()).await.status, 201);
    admin.post(&path, viewed.clone()).await.refuses(409, "conflict");
    read.post(&path, viewed).await.refuses(403, "forbidden");
    app.with_login(Role::Viewer).await.delete(&format!("{path}/viewed")).await.refuses(403, "forbidden");
    let both = json!({"rule": {"all": [{"segment": "viewed"}, {"field": "device", "op": "not_exists"}]}});
    assert_eq!(admin.put(&format!("{path}/none"), both).await.status, 200);
    let listed = read.get(&path).await.json();
    let ids: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids[..2], ["none", "viewed"]);
    assert!(ids.contains(&"builtin-loyal") && listed[9]["builtin"] == true, "{listed}");

    let mut visitor = app.visitor();
    let membership = async |id: &str| read.get(&app.path(&format!("visitors/{id}"))).await.json();
    assert_eq!(visitor.views("/").await.status, 204);
    let first = membership(&visitor.id).await;
    assert_eq!((&first["segments"], &first["builtin_segments"]), (&json!([]), &json!(["builtin-new"])));
    assert_eq!(visitor.views("/b").await.status, 204);
    assert_eq!(membership(&visitor.id).await["segments"], json!(["viewed"]), "live, in the answer to the next request");

    let question = json!({"visitor": visitor.id, "rule": {"any": [{"segment": "viewed"}, {"event": "Never"}]}});
    let explained = admin.post(&app.path("segments/explain"), question).await.json();
    assert_eq!((&explained["holds"], &explained["parts"][1]["holds"]), (&json!(true), &json!(false)), "{explained}");
    assert_eq!(explained["parts"][0]["parts"][0]["why"], "pageviews is 2");

    app.settled().await;
    let members = read.get(&format!("{path}/viewed/members?limit=1")).await.json();
    assert_eq!(members["members"][0]["visitor"], visitor.id.as_str(), "{members}");
    assert_eq!(members["next"], Value::Null);
    let csv = read.get(&format!("{path}/viewed/members?format=csv")).await;
    assert!(csv.text.contains("visitor,user_id,since") && csv.text.contains(&visitor.id), "{}", csv.text);
    read.get(&format!("{path}/unknown/members")).await.refuses(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn a_segment_in_use_is_not_removed_and_offers_follow_its_rule() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let path = app.path("segments");
    let rule = |value: u32| json!({"rule": {"field": "pageviews", "op": "gte", "value": value}});
    assert_eq!(admin.put(&format!("{path}/keen"), rule(100)).await.status, 200);
    let offer = json!({"id": "o", "slot": "hero", "when": {"segment": "keen"}});
    assert_eq!(admin.post(&app.path("offers"), offer).await.status, 201);
    assert_eq!(admin.put(&format!("{path}/b"), json!({"rule": {"not": {"segment": "keen"}}})).await.status, 200);
    let refused = admin.delete(&format!("{path}/keen")).await;
    refused.refuses(409, "conflict");
    assert!(refused.text.contains("segment `b`, offer `o`"), "{}", refused.text);

    let mut visitor = app.visitor();
    assert_eq!(visitor.views("/").await.status, 204);
    assert_eq!(visitor.decides(&["hero"]).await["decisions"], json!({}));
    assert_eq!(admin.put(&format!("{path}/keen"), rule(1)).await.status, 200);
    assert_eq!(visitor.decides(&["hero"]).await["decisions"]["hero"]["offer"], "o");

    let circle = admin.put(&format!("{path}/keen"), json!({"rule": {"segment": "b"}})).await;
    circle.refuses(422, "invalid");
    assert!(circle.text.contains("in a circle: keen → b → keen"), "{}", circle.text);
    assert_eq!(admin.delete(&app.path("offers/o")).await.status, 204);
    assert_eq!(admin.delete(&format!("{path}/b")).await.status, 204);
    assert_eq!(admin.delete(&format!("{path}/keen")).await.status, 204);
    admin.delete(&format!("{path}/keen")).await.refuses(404, "not_found");
    admin.delete(&format!("{path}/builtin-new")).await.refuses(422, "invalid");
    app.finish().await;
}

#[tokio::test]
async fn unusable_rules_are_refused_by_name() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let check = async |rule: Value, status: u16, expected: &str| {
        for (path, body) in
            [("segments", json!({"id": "s", "rule": rule})), ("segments/preview", json!({"rule": rule}))]
        {
            let answer = admin.post(&app.path(path), body).await;
            assert!(
                answer.status == status && answer.text.contains(expected),
                "{path}: {} {}",
                answer.status,
                answer.text
            );
        }
    };
    check((0..30).fold(json!({}), |inner, _| json!({"not": inner})), 422, "nested deeper").await;
    check((0..90).fold(json!({}), |inner, _| json!({"not": inner})), 400, "nested too deeply").await;
    check(json!({"any": vec![json!({}); 10_000]}), 422, "more than 200 parts").await;
    check(json!({"segment": "gone"}), 422, "there is no segment `gone`").await;
    check(json!({"field": "visits", "op": "like", "value": 1}), 400, "unknown variant `like`").await;
    check(json!({"field": "visit", "op": "eq", "value": 1}), 422, "unknown field `visit`").await;
    check(json!({"evnt": "x"}), 400, "this one has evnt").await;
    let bad_id = admin.post(&app.path("segments"), json!({"id": "a b", "rule": {}})).await;
    bad_id.refuses(422, "invalid");
    app.finish().await;
}
