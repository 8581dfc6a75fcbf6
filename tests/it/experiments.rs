//! Experiments: assignment, exposures, what stays after login, OFREP, and results.

use std::collections::HashMap;

use ashna::{control::Scope, model::Site};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{
    app::{ORIGIN, TestApp},
    client::{Answer, ApiClient, TestVisitor},
    engine::{PATIENCE, eventually},
};

fn signature(site: &Site, user: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(site.secret.as_bytes()).unwrap();
    mac.update(user.as_bytes());
    blake3::Hash::from_bytes(mac.finalize().into_bytes().into()).to_hex().to_string()
}

fn checkout() -> Value {
    json!({
        "key": "checkout", "name": "Shorter checkout", "status": "running", "traffic": 1,
        "variants": [{"key": "long", "weight": 1, "value": {"steps": 3}}, {"key": "short", "weight": 1, "value": {"steps": 1}}],
        "metrics": [{"name": "orders", "event": "Order Completed", "kind": "conversion"},
                    {"name": "revenue", "event": "Order Completed", "kind": "sum", "property": "revenue"}],
        "guardrails": [{"name": "errors", "event": "Error Occurred", "kind": "count", "lower_is_better": true}],
    })
}

async fn asks(visitor: &mut TestVisitor, extra: Value) -> Value {
    let mut body = json!({ "visitor": visitor.id, "experiments": ["checkout", "unknown", "checkout"] });
    for (name, value) in extra.as_object().unwrap() {
        body[name] = value.clone();
    }
    let answer = visitor.asks(body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["experiments"].clone()
}

async fn exposures(app: &TestApp) -> u64 {
    app.settled().await;
    let sql = "SELECT count() FROM events WHERE name = 'Experiment Viewed'";
    app.store.query::<u64>(sql, &[]).await.unwrap()[0]
}

async fn flag(api: &ApiClient, key: &str, body: Value) -> Answer {
    api.post(&format!("/ofrep/v1/evaluate/flags/{key}"), body).await
}

#[tokio::test]
async fn experiments_are_edited_with_care() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let path = app.path("experiments");
    let one = app.path("experiments/checkout");
    let segment = json!({ "id": "fans", "rule": { "field": "pageviews", "op": "gte", "value": 1 } });
    assert_eq!(admin.post(&app.path("segments"), segment).await.status, 201);
    let mut experiment = checkout();
    experiment["status"] = "draft".into();
    experiment["when"] = json!({ "segment": "fans" });
    let created = admin.post(&path, experiment.clone()).await;
    assert_eq!((created.status, &created.json()["status"]), (201, &json!("draft")), "{}", created.text);
    admin.post(&path, experiment.clone()).await.refuses(409, "conflict");
    let in_use = admin.delete(&app.path("segments/fans")).await;
    in_use.refuses(409, "conflict");
    assert!(in_use.text.contains("experiment `checkout`"), "{}", in_use.text);
    experiment["variants"] = json!([{"key": "only"}]);
    experiment["status"] = "running".into();
    let refused = admin.put(&one, experiment).await;
    refused.refuses(422, "invalid");
    assert!(refused.text.contains("at least two variants"), "{}", refused.text);
    let mut running = checkout();
    running["traffic"] = json!(0.5);
    let started = admin.put(&one, running.clone()).await.json();
    assert!(started["started_at"].is_string(), "{started}");
    assert_eq!(admin.get(&one).await.json(), started);
    assert_eq!(admin.put(&one, started).await.status, 200, "what was read can be written");
    running["variants"][1]["weight"] = json!(2);
    let reassigning = admin.put(&one, running.clone()).await;
    reassigning.refuses(409, "conflict");
    running["variants"][1]["weight"] = json!(1);
    running["traffic"] = json!(0.9);
    assert_eq!(admin.put(&one, running.clone()).await.status, 200);
    running["traffic"] = json!(0.4);
    admin.put(&one, running).await.refuses(409, "conflict");
    assert_eq!(admin.get(&path).await.json().as_array().unwrap().len(), 1);
    assert_eq!(admin.delete(&one).await.status, 204);
    admin.get(&one).await.refuses(404, "not_found");
    let audit = app.with_login(ashna::control::Role::Owner).await.get(&app.path("audit")).await.text;
    for action in ["add experiment", "change experiment", "delete experiment"] {
        assert!(audit.contains(action), "{action}: {audit}");
    }
    app.finish().await;
}

#[tokio::test]
async fn people_keep_their_variant_and_results_count_them_once() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    assert_eq!(admin.post(&app.path("experiments"), checkout()).await.status, 201);
    let mut shown: HashMap<String, Vec<TestVisitor>> = HashMap::new();
    for _ in 0..40 {
        let mut visitor = app.visitor();
        let first = asks(&mut visitor, json!({})).await;
        let variant = first["checkout"]["variant"].as_str().unwrap().to_owned();
        let steps = if variant == "short" { 1 } else { 3 };
        assert_eq!(first, json!({ "checkout": { "variant": variant, "value": { "steps": steps } } }));
        assert_eq!(asks(&mut visitor, json!({})).await, first, "again");
        shown.entry(variant).or_default().push(visitor);
    }
    assert!(shown["short"].len() >= 8 && shown["long"].len() >= 8, "evenly");
    eventually("an exposure each", PATIENCE, async || exposures(&app).await == 40).await;

    // Not shown, without consent, and robots: no exposure.
    asks(&mut app.visitor(), json!({ "expose": false })).await;
    let refused = json!({ "consent": { "analytics": false, "personalization": false } });
    assert_eq!(asks(&mut app.visitor(), refused).await, json!({}), "no consent, no variant");
    assert_eq!(app.visitor().decides(&[]).await.get("experiments"), None, "only if asked for");

    // Other edits keep experiments.
    assert_eq!(admin.post(&app.path("offers"), json!({ "id": "o", "slot": "hero" })).await.status, 201);
    assert_eq!(admin.put(&app.path("segments/s"), json!({ "rule": {} })).await.status, 200);
    app.changes_site(json!({ "name": "Renamed" })).await;

    // The variant from before the login stays, in another browser too.
    for (number, visitor) in shown["short"].clone().iter_mut().take(5).enumerate() {
        let user = format!("u-{number}");
        let proof = json!({ "user_id": user, "signature": signature(&app.site, &user) });
        let call = json!([{ "type": "identify", "userId": user, "signature": signature(&app.site, &user) }]);
        assert!(visitor.sends(call).await.outcome().starts_with("kept=1"));
        assert_eq!(asks(visitor, proof.clone()).await["checkout"]["variant"], "short");
        let mut other_browser = app.visitor();
        assert_eq!(asks(&mut other_browser, proof).await["checkout"]["variant"], "short");
    }

    // Two orders in the short checkout, one of them reported three times; one in the long one; one before its exposure.
    let order = |id: &str, revenue: f64| json!({ "order_id": id, "revenue": revenue, "currency": "EUR" });
    let mut buyers = shown["short"].clone();
    buyers[5].tracks("Order Completed", order("o-1", 10.0)).await;
    buyers[5].tracks("Order Completed", order("o-1", 10.0)).await;
    buyers[6].tracks("Order Completed", order("o-2", 20.0)).await;
    let server = app.with_key(Scope::Server).await;
    let reported = json!({ "event": "Order Completed", "anonymousId": buyers[5].id, "properties": order("o-1", 12.5) });
    assert_eq!(server.post("/v1/track", reported).await.status, 200);
    shown.get_mut("long").unwrap()[0].tracks("Order Completed", order("o-3", 7.0)).await;
    let mut never_shown = app.visitor();
    never_shown.tracks("Order Completed", order("o-4", 99.0)).await;
    app.settled().await;
    let answer = admin.post(&app.path("reports/experiments"), json!({ "experiment": "checkout" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let report = answer.json();
    let people = |at: usize| report["variants"][at]["people"].as_u64().unwrap();
    assert_eq!(report["variants"][0]["key"], "long", "the control first: {report}");
    assert_eq!(
        (people(0), people(1)),
        (shown["long"].len() as u64, shown["short"].len() as u64),
        "people, not browsers"
    );
    let total = |at: usize, name: &str| report["variants"][at]["metrics"][name]["total"].as_f64().unwrap();
    assert_eq!((total(0, "orders"), total(1, "orders")), (1.0, 2.0), "{report}");
    assert_eq!(
        (total(0, "revenue"), total(1, "revenue")),
        (700.0, 3250.0),
        "each order once, as the server reports it"
    );
    assert_eq!((&report["sample_ratio"]["alarm"], &report["several_variants"]["people"]), (&json!(false), &json!(0)));
    assert_eq!(report["variants"][1]["metrics"]["orders"]["interval"], Value::Null, "too few to estimate");
    assert_eq!(report["advice"]["action"], "wait");
    let csv = admin.post(&app.path("reports/experiments?format=csv"), json!({ "experiment": "checkout" })).await;
    assert!(csv.text.contains("revenue") && csv.text.lines().count() == 7, "{}", csv.text);
    admin.post(&app.path("reports/experiments"), json!({ "experiment": "no" })).await.refuses(422, "invalid");
    app.finish().await;
}

#[tokio::test]
async fn flags_are_evaluated_by_the_protocol() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    assert_eq!(admin.post(&app.path("experiments"), checkout()).await.status, 201);
    let rule = json!({ "field": "orders", "op": "gte", "value": 1 });
    let customers = json!({ "key": "vip", "status": "running", "when": rule,
        "variants": [{"key": "off", "weight": 0, "value": false}, {"key": "on", "weight": 1, "value": true}] });
    assert_eq!(admin.post(&app.path("experiments"), customers).await.status, 201);
    let page = app.api().with_header("authorization", format!("Bearer {}", app.site.write_key));
    let server = app.with_key(Scope::Server).await;

    // Errors by the standard.
    let code = async |key: &str, body: Value| {
        let answer = flag(&page, key, body).await;
        (answer.status, answer.json()["errorCode"].as_str().unwrap_or_default().to_owned())
    };
    let of = |key: &str| json!({ "context": { "targetingKey": key } });
    assert_eq!(code("no", of("u-1")).await, (404, "FLAG_NOT_FOUND".into()));
    assert_eq!(code("checkout", json!({ "context": {} })).await, (400, "TARGETING_KEY_MISSING".into()));
    assert_eq!(code("checkout", json!({ "context": [] })).await, (400, "INVALID_CONTEXT".into()));
    assert_eq!(code("checkout", json!([])).await, (400, "PARSE_ERROR".into()));
    assert_eq!(flag(&app.api(), "checkout", of("u-1")).await.status, 401);
    let mut stranger = app.visitor();
    stranger.origin = "https://elsewhere.example".into();
    let foreign = stranger.request(Method::POST, "/ofrep/v1/evaluate/flags").header("x-api-key", &app.site.write_key);
    assert_eq!(Answer::to(foreign.body(of("u-1").to_string())).await.status, 403);

    // The same variant by OFREP as by a decision, with either key.
    let mut visitor = app.visitor();
    let decided = asks(&mut visitor, json!({})).await;
    let by_id = flag(&page, "checkout", of(&visitor.id)).await;
    assert_eq!(by_id.status, 200, "{}", by_id.text);
    let by_id = by_id.json();
    assert_eq!((&by_id["key"], &by_id["reason"]), (&json!("checkout"), &json!("SPLIT")), "{by_id}");
    assert_eq!((&by_id["variant"], &by_id["value"]), (&decided["checkout"]["variant"], &decided["checkout"]["value"]));
    let proof = json!({ "visitor": "", "user_id": "u-1", "signature": signature(&app.site, "u-1") });
    let of_user = asks(&mut app.visitor(), proof).await;
    for client in [&page, &server] {
        assert_eq!(flag(client, "checkout", of("u-1")).await.json()["variant"], of_user["checkout"]["variant"]);
    }

    // A rule about the person needs proof of who that is.
    let bought =
        json!({ "event": "Order Completed", "userId": "u-1", "properties": { "order_id": "o", "revenue": 1 } });
    assert_eq!(server.post("/v1/track", bought).await.status, 200);
    let signed = json!({ "context": { "targetingKey": "u-1", "signature": signature(&app.site, "u-1") } });
    let unsigned = flag(&page, "vip", of("u-1")).await.json();
    assert_eq!((&unsigned["value"], &unsigned["reason"]), (&json!(false), &json!("DEFAULT")), "{unsigned}");
    assert_eq!(unsigned.get("variant"), None);
    for (client, body) in [(&page, &signed), (&server, &of("u-1"))] {
        eventually("the order is known", PATIENCE, async || {
            let answer = flag(client, "vip", body.clone()).await.json();
            answer["value"] == true && answer["reason"] == "TARGETING_MATCH"
        })
        .await;
    }

    // Several at once: no exposure, an ETag over the configuration and the context.
    eventually("three exposures: one of the visitor, two of the user", PATIENCE, async || exposures(&app).await == 3)
        .await;
    let bulk = async |context: &str, tag: &str| {
        let request = app.visitor().request(Method::POST, "/ofrep/v1/evaluate/flags");
        let request = request.header("x-api-key", &app.site.write_key).header("if-none-match", tag);
        Answer::to(request.body(of(context).to_string())).await
    };
    let first = bulk("u-9", "").await;
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(first.json()["flags"].as_array().unwrap().len(), 2);
    assert_eq!(first.header("access-control-allow-origin"), ORIGIN);
    assert!(first.header("access-control-expose-headers").contains("ETag"));
    let tag = first.header("etag").to_owned();
    let unchanged = bulk("u-9", &format!("\"x\", W/{tag}")).await;
    assert_eq!((unchanged.status, unchanged.header("etag"), &*unchanged.text), (304, &*tag, ""));
    assert_eq!(bulk("u-10", &tag).await.status, 200, "another context");
    assert_eq!(bulk("", "").await.json()["errorCode"], "TARGETING_KEY_MISSING");
    assert_eq!(exposures(&app).await, 3, "no exposure");

    // Stopped: the control for everyone.
    let mut stopped = checkout();
    stopped["status"] = "stopped".into();
    assert_eq!(admin.put(&app.path("experiments/checkout"), stopped).await.status, 200);
    assert_eq!(bulk("u-9", &tag).await.status, 200, "another configuration");
    let answer = flag(&page, "checkout", of(&visitor.id)).await.json();
    assert_eq!(
        (&answer["reason"], &answer["variant"], &answer["value"]),
        (&json!("DISABLED"), &json!("long"), &json!({ "steps": 3 }))
    );
    assert_eq!(asks(&mut visitor, json!({})).await, json!({}));
    app.finish().await;
}
