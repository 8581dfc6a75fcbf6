//! Limits of offers under concurrent callers and through a kill, control groups and their results, slots.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use ashna::control::Scope;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    service::Service,
    support::{
        app::{TestApp, these_days},
        client::{ApiClient, TestVisitor},
    },
};

const CALLERS: usize = 64;

fn offer(slot: &str, more: &Value) -> Value {
    let mut offer = json!({ "id": slot, "name": slot, "slot": slot, "content": { "title": slot } });
    offer.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    offer
}

/// How many of the answers show the offer of a slot.
async fn shown(visitors: &[TestVisitor], slot: &str) -> usize {
    let asked = visitors.iter().cloned().map(|mut visitor| async move {
        let answer = visitor.decides(&[slot]).await;
        usize::from(answer["decisions"][slot]["reason"] == "offer")
    });
    join_all(asked).await.into_iter().sum()
}

/// The coupons that users get with a server key, by user.
async fn coupons(server: &ApiClient, key: &str, users: std::ops::Range<usize>) -> BTreeMap<usize, String> {
    let asked = users.map(|user| async move {
        let body = json!({ "key": key, "user_id": format!("u-{user}"), "slots": ["coupon"] });
        let answer = server.post("/v1/decide", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        Some((user, answer.json()["decisions"]["coupon"]["content"]["coupon"].as_str()?.to_owned()))
    });
    join_all(asked).await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_for_64_callers() {
    let app = TestApp::start().await;
    let (admin, server) = (app.with_key(Scope::Admin).await, app.with_key(Scope::Server).await);
    for offer in [
        offer("cap", &json!({"caps": [{"count": 2, "per": "day"}]})),
        offer("budget", &json!({"budget": {"impressions": 100}})),
        offer("coupon", &json!({"coupons": true})),
    ] {
        let answer = admin.post(&app.path("offers"), offer).await;
        assert_eq!((answer.status, &answer.json()["status"]), (201, &json!("live")), "{}", answer.text);
    }

    // A cap of two: two of one person's 64 requests, and none once both were seen.
    let mut person = app.visitor();
    person.views("/").await;
    let callers = vec![person.clone(); CALLERS];
    assert_eq!(shown(&callers, "cap").await, 2);
    let seen = json!({ "slot": "cap", "offer": "cap", "reason": "offer", "items": [] });
    for _ in 0..2 {
        person.tracks("Slot Viewed", seen.clone()).await;
    }
    assert_eq!(shown(&callers[..4], "cap").await, 0);
    assert_eq!(shown(&[app.visitor()], "cap").await, 1, "another person");

    // A budget of 100: exactly as many impressions for 160 visitors.
    let visitors: Vec<_> = (0..160).map(|_| app.visitor()).collect();
    let halves = [shown(&visitors[..CALLERS], "budget").await, shown(&visitors[CALLERS..], "budget").await];
    assert_eq!(halves, [CALLERS, 100 - CALLERS]);
    let explained =
        server.post("/v1/decide", json!({ "key": app.site.write_key, "user_id": "x", "slots": ["budget"] }));
    assert_eq!(explained.await.json()["decisions"]["budget"], Value::Null);

    // Forty coupons, one line twice and one too long.
    let lines = (0..40).map(|n| format!("CODE-{n}\r\n")).collect::<Vec<_>>().concat();
    let file = format!("{lines}CODE-7\n{}\n", "x".repeat(200));
    let uploaded = admin.sends(Method::POST, &app.path("offers/coupon/coupons"), file).await;
    assert_eq!(uploaded.json(), json!({ "read": 42, "added": 40, "duplicates": 1, "refused": 1 }), "{}", uploaded.text);
    let mut newcomer = app.visitor();
    assert_eq!(newcomer.decides(&["coupon"]).await["decisions"]["coupon"], Value::Null, "an invented visitor");
    newcomer.views("/").await;
    let own = newcomer.decides(&["coupon"]).await["decisions"]["coupon"]["content"]["coupon"].clone();
    assert!(own.is_string(), "with the cookie: {own}");
    let given = coupons(&server, &app.site.write_key, 0..CALLERS).await;
    let codes: BTreeSet<_> = given.values().map(String::as_str).chain(own.as_str()).collect();
    assert_eq!((given.len(), codes.len()), (39, 40), "each once, until none is left");
    assert_eq!(coupons(&server, &app.site.write_key, 0..CALLERS).await, given, "a person keeps the code");
    let mut refused = app.visitor();
    refused.extra = json!({ "consent": { "analytics": false, "personalization": false } });
    assert_eq!(refused.decides(&["coupon", "cap", "budget"]).await["decisions"], json!({}));
    let pool = admin.get(&app.path("offers/coupon/coupons")).await.json();
    assert_eq!(pool, json!({ "total": 40, "left": 0, "given": 40, "seen": 0 }));
    assert_eq!(admin.get(&app.path("offers/other/coupons")).await.status, 404);
    slots_are_listed(&app, &admin).await;
    unusable_offers_are_refused(&app, &admin).await;
    app.finish().await;
}

async fn slots_are_listed(app: &TestApp, admin: &ApiClient) {
    let fallback = json!({ "title": "Welcome" });
    let settings = json!({ "mode": "offers", "fallback": fallback });
    assert_eq!(admin.put(&app.path("slots/landing"), settings.clone()).await.json(), settings);
    let body = json!({ "slots": ["landing"], "context": { "url": "https://shop.example/start?x=1" } });
    let decision = app.visitor().asks(body).await.json()["decisions"]["landing"].clone();
    assert_eq!((&decision["reason"], &decision["content"]), (&json!("fallback"), &fallback));
    let list = admin.get(&app.path("slots")).await.json();
    let slot = |name: &str| list.as_array().unwrap().iter().find(|slot| slot["slot"] == name).unwrap().clone();
    let landing = slot("landing");
    assert_eq!((&landing["paths"], &landing["requests"]), (&json!(["/start"]), &json!(1)));
    assert_eq!((&landing["mode"], &landing["fallback"]), (&json!("offers"), &fallback));
    assert!(landing["last_seen"].is_string());
    assert_eq!(slot("budget")["offers"], json!([{ "id": "budget", "priority": 0, "running": true }]));
    assert!(slot("cap")["requests"].as_u64().unwrap() >= 64);
    admin.put(&app.path("slots/landing"), json!({ "mode": "both" })).await.refuses(400, "unreadable");
}

async fn unusable_offers_are_refused(app: &TestApp, admin: &ApiClient) {
    for (field, value, message) in [
        ("control_percent", json!(101), "`control_percent` must be 0 to 100"),
        ("weight", json!(0), "`weight` must be a number above 0"),
        ("caps", json!([{"count": 0, "per": "day"}]), "`count` of `caps`"),
        ("budget", json!({"impressions": 0}), "`impressions` of `budget`"),
        ("schedule", json!({"timezone": "Nowhere"}), "`schedule.timezone` is `Nowhere`"),
        ("exclusion_group", json!("a b"), "`exclusion_group`"),
        ("goal", json!({"event": ""}), "`goal`: `event`"),
        ("cost_minor", json!(-1), "`cost_minor`"),
    ] {
        let mut body = offer("bad", &json!({}));
        body[field] = value;
        let answer = admin.post(&app.path("offers"), body).await;
        assert!(answer.status == 422 && answer.text.contains(message), "{field}: {}", answer.text);
    }
    admin.put(&app.path("offers/budget"), offer("budget", &json!({"enabled": false}))).await;
    let offers = admin.get(&app.path("offers")).await.json();
    let paused = offers.as_array().unwrap().iter().find(|offer| offer["id"] == "budget").unwrap().clone();
    assert_eq!((&paused["status"], &paused["enabled"]), (&json!("paused"), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_group_measures_what_an_offer_brings() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    app.changes_site(json!({ "currency": "EUR" })).await;
    let goal = json!({ "event": "Signed Up", "where": [{ "property": "plan", "op": "eq", "value": "gold" }] });
    for offer in
        [offer("hero", &json!({"control_percent": 40, "cost_minor": 2})), offer("side", &json!({"goal": goal}))]
    {
        assert_eq!(admin.post(&app.path("offers"), offer).await.status, 201);
    }
    let mut counts: HashMap<&str, [u64; 2]> = HashMap::new();
    let mut gold = 0;
    for n in 0..40_u64 {
        let mut visitor = app.visitor();
        let before = json!({ "order_id": format!("early-{n}"), "revenue": 500, "currency": "EUR" });
        visitor.tracks("Order Completed", before).await;
        let decisions = visitor.decides(&["hero", "side"]).await["decisions"].clone();
        let group = if decisions["hero"]["reason"] == "control" { "control" } else { "treated" };
        assert_eq!(decisions["hero"]["offer"], "hero", "a control decision names its offer");
        assert_eq!(decisions["hero"]["content"].as_object().unwrap().is_empty(), group == "control");
        assert_eq!(visitor.decides(&["hero"]).await["decisions"]["hero"]["reason"], decisions["hero"]["reason"]);
        let facts = |slot: &str| {
            let decision = &decisions[slot];
            json!({ "slot": slot, "offer": decision["offer"], "variant": decision["variant"],
                    "reason": decision["reason"], "items": [] })
        };
        for slot in ["hero", "hero", "side"] {
            visitor.tracks("Slot Viewed", facts(slot)).await;
        }
        visitor.tracks("Slot Clicked", facts("hero")).await;
        let entry = counts.entry(group).or_default();
        entry[0] += 1;
        if n % 3 == 0 || group == "treated" {
            let order = json!({ "order_id": format!("o-{n}"), "revenue": 10, "currency": "EUR" });
            visitor.tracks("Order Completed", order.clone()).await;
            visitor.tracks("Order Completed", order).await;
            entry[1] += 1;
        }
        if n % 4 == 0 {
            let plan = if n % 8 == 0 { "gold" } else { "tin" };
            visitor.tracks("Signed Up", json!({ "plan": plan })).await;
            gold += u64::from(n % 8 == 0);
        }
    }
    let [treated, control] = ["treated", "control"].map(|group| counts[group]);
    app.settled().await;
    let report = admin.post(&app.path("reports/offers"), these_days()).await;
    assert_eq!(report.status, 200, "{}", report.text);
    let rows = report.json()["rows"].clone();
    let (hero, side) = (&rows[0], &rows[1]);
    let figure = |row: &Value, name: &str| row[name].as_i64().unwrap_or_else(|| panic!("{name}: {row}"));
    for (name, expected) in [
        ("people", treated[0]),
        ("impressions", 2 * treated[0]),
        ("clicks", treated[0]),
        ("conversions", treated[1]),
        ("revenue_minor", 1000 * treated[1]),
        ("cost_minor", 4 * treated[0]),
        ("control_people", control[0]),
        ("control_conversions", control[1]),
        ("control_revenue_minor", 1000 * control[1]),
    ] {
        assert_eq!(figure(hero, name).unsigned_abs(), expected, "{name}: {hero}");
    }
    assert_eq!(hero["compared_with"], "control");
    if control[1] > 0 {
        let lift = treated[1] as f64 * control[0] as f64 / (treated[0] as f64 * control[1] as f64) - 1.0;
        assert!((hero["lift"].as_f64().unwrap() - lift).abs() < 1e-9, "{hero}");
        let [low, high] = [0, 1].map(|bound| hero["interval"][bound].as_f64().unwrap());
        assert!(low < lift && lift < high, "{hero}");
    }
    assert_eq!((figure(side, "people"), figure(side, "conversions").unsigned_abs()), (40, gold), "{side}");
    assert_eq!((&side["lift"], &side["compared_with"]), (&Value::Null, &Value::Null));
    // Had the draft been live, everyone whose hero was shown by "hero" would have seen it instead, but once a day only.
    let draft = json!({ "id": "draft", "slot": "hero", "status": "draft", "priority": 5,
        "caps": [{ "count": 1, "per": "day" }], "when": { "field": "orders", "op": "gte", "value": 1 } });
    assert_eq!(admin.post(&app.path("offers"), draft).await.status, 201);
    let rehearsed = admin.post(&app.path("offers/draft/rehearse"), json!({ "days": 2 })).await;
    let expected = json!({ "people": 40, "impressions": 40, "displaces": { "hero": 40 }, "never": {} });
    assert_eq!(rehearsed.json(), expected, "{}", rehearsed.text);
    let side = admin.post(&app.path("offers/side/rehearse"), json!({})).await.json();
    assert_eq!((&side["people"], &side["displaces"]), (&json!(40), &json!({})));
    assert_eq!(admin.post(&app.path("offers/other/rehearse"), json!({})).await.status, 404);
    let csv = admin.post(&format!("{}?format=csv", app.path("reports/offers")), these_days()).await;
    assert_eq!(csv.text.lines().count(), 4, "{}", csv.text);
    app.finish().await;
}

/// Coupons and budgets after `kill -9` in the middle of 64 callers: what was answered is kept, and nothing is given twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_gives_nothing_twice() {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    // Without a warehouse: nothing here needs one.
    let mut service = Service::new(&[]).set("ASHNA__CLICKHOUSE__URL", "http://127.0.0.1:9");
    service.start();
    service.ready(&client).await;
    let site = service.command(&["site", "add", "--name", "Shop", "--origin", "https://shop.example"]);
    let (id, write_key) = (site["site_id"].to_string(), site["write_key"].clone());
    let key = |scope: &str| {
        let key = service.command(&["key", "add", "--site", &id, "--scope", scope])["key"].clone();
        format!("Bearer {}", key.as_str().unwrap())
    };
    let (admin, server) = (key("admin"), key("server"));
    let admin = ApiClient::new(&client, &service.url()).with_header("authorization", admin);
    let decide = {
        let (client, url) = (client.clone(), format!("{}/v1/decide", service.url()));
        move |user: String| {
            let body = json!({ "key": write_key, "user_id": user, "slots": ["coupon", "budget"] }).to_string();
            let request = client.post(&url).header("authorization", &server).body(body);
            async move { request.send().await.ok()?.json::<Value>().await.ok() }
        }
    };
    let path = |rest: &str| format!("/api/v1/sites/{id}/{rest}");
    for offer in [offer("coupon", &json!({"coupons": true})), offer("budget", &json!({"budget": {"impressions": 200}}))]
    {
        assert_eq!(admin.post(&path("offers"), offer).await.status, 201);
    }
    let lines = (0..300).map(|n| format!("C-{n}\n")).collect::<Vec<_>>().concat();
    assert_eq!(admin.sends(Method::POST, &path("offers/coupon/coupons"), lines).await.json()["added"], 300);
    // Each caller asks for one person after another until the service is gone.
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let decide = decide.clone();
        callers.spawn(async move {
            let mut answered = Vec::new();
            for round in 0..1000 {
                let user = format!("u-{caller}-{round}");
                let Some(decisions) = decide(user.clone()).await else { break };
                answered.push((user, decisions));
            }
            answered
        });
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    service.kill();
    let answered: Vec<(String, Value)> = callers.join_all().await.concat();
    let code = |decisions: &Value| decisions["decisions"]["coupon"]["content"]["coupon"].as_str().map(str::to_owned);
    let held: HashMap<String, String> =
        answered.iter().filter_map(|(user, decisions)| Some((user.clone(), code(decisions)?))).collect();
    let budget = |decisions: &Value| decisions["decisions"]["budget"]["reason"] == "offer";
    let mut impressions = answered.iter().filter(|(_, decisions)| budget(decisions)).count();
    service.start();
    service.ready(&client).await;
    let mut codes: BTreeSet<String> = held.values().cloned().collect();
    assert_eq!(codes.len(), held.len(), "no code was given twice before the kill");
    for (user, before) in held.iter().take(10) {
        let decisions = decide(user.clone()).await.unwrap();
        assert_eq!(code(&decisions).as_ref(), Some(before), "a person keeps the code");
        impressions += usize::from(budget(&decisions));
    }
    for round in 0..5 {
        let users = (0..CALLERS).map(|n| decide(format!("new-{round}-{n}")));
        for decisions in join_all(users).await {
            let decisions = decisions.unwrap();
            impressions += usize::from(budget(&decisions));
            if let Some(code) = code(&decisions) {
                assert!(codes.insert(code), "given twice");
            }
        }
    }
    assert!(codes.len() <= 300 && impressions <= 200, "{} {impressions}", codes.len());
    assert!(impressions >= 200 - CALLERS - 8, "a kill loses what was on its way, and a block: {impressions}");
    let pool = admin.get(&path("offers/coupon/coupons")).await.json();
    assert_eq!((&pool["left"], &pool["given"]), (&json!(0), &json!(300)));
    service.stop();
}
