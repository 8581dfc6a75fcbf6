//! Lists of people, one person's browsers and events, and the satisfaction report, with the real engine.

use std::collections::BTreeSet;

use ashna::control::{Membership, Role, Scope};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{
    app::{TestApp, these_days},
    client::{ApiClient, TestVisitor},
};

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn track(event: &str, user: &str, channel: &str, properties: &Value) -> Value {
    json!({ "type": "track", "event": event, "userId": user, "context": { "channel": channel },
        "properties": properties })
}

async fn gets(client: &ApiClient, path: &str) -> Value {
    let answer = client.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.json()
}

fn users(list: &Value) -> Vec<&str> {
    list["people"].as_array().unwrap().iter().map(|row| row["user_id"].as_str().unwrap_or("-")).collect()
}

/// Three people of a shop, and a browser that only claims to be one of them.
async fn shop() -> (TestApp, TestVisitor) {
    let app = TestApp::start().await;
    let costs = json!({ "call_centre": 500, "email": 10, "sms": 1 });
    app.changes_site(json!({ "currency": "EUR", "timezone": "UTC", "contact_costs_minor": costs })).await;
    let server = app.with_key(Scope::Server).await;
    let mut browser = app.visitor();
    browser.views("/tea").await;
    browser.sends(json!([{ "type": "identify", "userId": "ada", "traits": {} }])).await;
    let order = |id: &str, revenue: i64| json!({ "order_id": id, "revenue": revenue, "currency": "EUR" });
    let calls = json!([
        { "type": "identify", "userId": "ada", "traits": { "email": " Ada@Shop.Example ", "phone": "0098 912 123 45 67" } },
        track("Called", "ada", "call_centre", &json!({ "minutes": 4, "topic": "Parcel" })),
        track("Called", "ada", "call_centre", &json!({ "minutes": 2 })),
        track("Order Completed", "ada", "call_centre", &order("o-1", 100)),
        track("Survey Answered", "ada", "email", &json!({ "survey": "Autumn", "kind": "nps", "score": 10, "comment": "Great tea" })),
        track("Feedback Given", "ada", "", &json!({ "comment": "More mugs" })),
        track("Survey Answered", "bob", "email", &json!({ "kind": "nps", "score": "3" })),
        track("survey_answered", "bob", "shop", &json!({ "kind": "csat", "score": 4 })),
        track("Complaint Filed", "bob", "call_centre", &json!({ "comment": "=HYPERLINK(1)" })),
        track("Order Completed", "bob", "", &order("o-2", 50)),
        track("NPS Answered", "cy", "", &json!({ "score": 8 })),
        track("Survey Answered", "cy", "", &json!({ "kind": "csat", "rating": 2 })),
        track("Survey Answered", "cy", "", &json!({ "kind": "nps", "score": 99 })),
    ]);
    let answer = server.post("/v1/batch", json!({ "batch": calls })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    app.settled().await;
    app.state().customers.refresh().await.unwrap();
    (app, browser)
}

#[tokio::test]
async fn people_are_found_listed_and_paged() {
    let (app, browser) = shop().await;
    let reader = app.with_key(Scope::Read).await;
    let find = async |text: &str| gets(&reader, &app.path(&format!("people?search={text}"))).await;
    let by_user = find("ada").await;
    assert_eq!((users(&by_user), &by_user["people"][0]["found_by"]), (vec!["ada"], &json!("user_id")), "{by_user}");
    let ada = &by_user["people"][0];
    assert_eq!((&ada["visitors"], &ada["value"]["orders"]), (&json!(2), &json!(1)), "{ada}");
    assert_eq!(ada["value"]["orders_value_minor"], 10_000, "{ada}");
    for (text, by) in [
        (sha256("ada@shop.example"), "email"),
        (sha256("+989121234567").to_uppercase(), "phone"),
        ("o-1".to_owned(), "order"),
        (browser.id.clone(), "visitor"),
    ] {
        let found = find(&text).await;
        assert_eq!((users(&found), &found["people"][0]["found_by"]), (vec!["ada"], &json!(by)), "{text}: {found}");
    }
    assert_eq!(find("nothing%20here").await["people"], json!([]));

    // The list by last seen has everyone once, page by page; the browser belongs to ada.
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page = gets(&reader, &app.path(&format!("people?limit=1&after={after}"))).await;
        seen.extend(users(&page).into_iter().map(str::to_owned));
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (3, 3), "{seen:?}");
    let best = gets(&reader, &app.path("people?sort=value&limit=1")).await;
    let next = gets(&reader, &app.path(&format!("people?sort=value&after={}", best["next"].as_str().unwrap()))).await;
    assert_eq!((users(&best), users(&next), &next["next"]), (vec!["ada"], vec!["bob"], &Value::Null));
    let admin = app.with_key(Scope::Admin).await;
    let rule = json!({ "id": "buyers", "name": "Buyers", "rule": { "event": "Order Completed" } });
    assert_eq!(admin.post(&app.path("segments"), rule).await.status, 201);
    let members = gets(&reader, &app.path("people?segment=buyers")).await;
    assert_eq!(users(&members).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(["ada", "bob"]), "{members}");

    for wrong in
        ["people?limit=0", "people?after=x", "people?search=a&segment=buyers", "people?segment=buyers&sort=value"]
    {
        reader.get(&app.path(wrong)).await.refuses(400, "unreadable");
    }
    reader.get(&app.path("people?segment=unknown")).await.refuses(404, "not_found");
    reader.get(&app.path(&format!("people?search={}", "x".repeat(501)))).await.refuses(422, "invalid");

    // A masked account cannot confirm a guess.
    let masked = Membership { masked: true, ..Membership::with_all_sites(Role::Viewer) };
    let masked = app.with_login_of("masked@shop.example", &masked).await;
    for guess in ["ada", &sha256("ada@shop.example")] {
        assert_eq!(gets(&masked, &app.path(&format!("people?search={guess}"))).await["people"], json!([]), "{guess}");
    }
    let by_order = gets(&masked, &app.path("people?search=o-1")).await;
    assert!(by_order["people"][0]["user_id"].as_str().unwrap().starts_with("person-"), "{by_order}");
    app.finish().await;
}

#[tokio::test]
async fn a_person_has_browsers_a_timeline_and_opinions() {
    let (app, browser) = shop().await;
    let admin = app.with_key(Scope::Admin).await;
    let masked = Membership { masked: true, ..Membership::with_all_sites(Role::Marketer) };
    let masked = app.with_login_of("masked@shop.example", &masked).await;
    let page = app.path(&format!("visitors/{}", browser.id));

    let browsers = gets(&admin, &format!("{page}/browsers")).await;
    let proven = |row: &Value| (row["visitor"] == json!(browser.id), row["verified"].as_bool().unwrap());
    let proofs: BTreeSet<_> = browsers.as_array().unwrap().iter().map(proven).collect();
    assert_eq!(proofs, BTreeSet::from([(true, false), (false, true)]), "{browsers}");
    assert!(browsers.as_array().unwrap().iter().all(|row| row["user_id"] == "ada"), "{browsers}");
    assert_eq!(gets(&admin, &format!("{page}/export")).await["browsers"], browsers);

    let timeline = async |client: &ApiClient, query: &str| {
        let list = gets(client, &format!("{page}/timeline?{query}")).await;
        let names = list["entries"].as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>(), list["next"].clone())
    };
    let names = async |query: &str| timeline(&admin, query).await.0;
    assert_eq!(names("").await.len(), 8);
    assert_eq!(names("kind=pages").await, ["page"]);
    assert_eq!(names("kind=orders").await, ["Order Completed"]);
    assert_eq!(names("channel=call-center&search=PARCEL").await, ["Called"]);
    assert_eq!(names("kind=contacts").await.len(), 4);
    assert_eq!(names("kind=feedback").await, ["Feedback Given", "Survey Answered"]);
    assert_eq!(names("kind=identity").await.len(), 2);
    assert_eq!(names("search=nothing").await.len(), 0);
    assert_eq!(timeline(&masked, "search=parcel").await.0.len(), 0, "properties are masked");
    let mut walked = Vec::new();
    let mut before = String::new();
    loop {
        let (page, next) = timeline(&admin, &format!("limit=3&before={before}")).await;
        walked.extend(page);
        match next.as_str() {
            Some(next) => next.clone_into(&mut before),
            None => break,
        }
    }
    assert_eq!(walked, names("").await, "every event once, in the same order");
    admin.get(&format!("{page}/timeline?before=1")).await.refuses(422, "invalid");
    admin.get(&format!("{page}/timeline?channel=pigeon")).await.refuses(422, "invalid");

    let mut question = these_days();
    question["interval"] = json!("day");
    let ask = async |client: &ApiClient| {
        let answer = client.post(&app.path("reports/satisfaction"), question.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    };
    let report = ask(&admin).await;
    let nps = &report["nps"];
    assert_eq!(
        [&nps["answers"], &nps["promoters"], &nps["passives"], &nps["detractors"], &nps["score"]],
        [&json!(3), &json!(1), &json!(1), &json!(1), &json!(0.0)],
        "{report}"
    );
    assert_eq!((&report["csat"]["answers"], &report["csat"]["share"]), (&json!(2), &json!(0.5)), "{report}");
    assert_eq!(
        [&report["complaints"], &report["feedback"], &report["unreadable"], &report["is_cut"]],
        [&json!(1), &json!(1), &json!(1), &json!(false)],
        "{report}"
    );
    let channel = |name: &str| {
        report["channels"].as_array().unwrap().iter().find(|row| row["channel"] == name).unwrap_or(&Value::Null)
    };
    assert_eq!(channel("email")["nps"]["answers"], 2, "{report}");
    assert_eq!(channel("shop")["csat"]["satisfied"], 1, "{report}");
    let points = report["series"].as_array().unwrap().iter();
    assert_eq!(points.filter_map(|point| point["nps_answers"].as_u64()).sum::<u64>(), 3, "{report}");
    let said: Vec<&str> =
        report["comments"].as_array().unwrap().iter().filter_map(|comment| comment["comment"].as_str()).collect();
    assert_eq!(said.iter().collect::<BTreeSet<_>>().len(), 3, "{report}");
    assert!(said.contains(&"Great tea"), "{report}");
    assert!(ask(&masked).await["comments"].as_array().unwrap().iter().all(|comment| comment["comment"] == ""));

    // ada ordered over the telephone; bob's order follows the complaint that he made there last.
    let contact = |name: &str| {
        report["contacts"].as_array().unwrap().iter().find(|row| row["channel"] == name).unwrap_or(&Value::Null)
    };
    let called = contact("call_centre");
    assert_eq!(
        [&called["contacts"], &called["people"], &called["cost_minor"]],
        [&json!(3), &json!(2), &json!(1500)],
        "{report}"
    );
    let placed: u64 =
        ["call_centre", "email", "shop"].iter().filter_map(|name| contact(name)["conversions"].as_u64()).sum();
    assert_eq!(placed, 2, "every order belongs to one channel: {report}");
    assert_eq!(contact("shop")["cost_minor"], Value::Null, "no cost was entered");
    let csv = admin.post(&app.path("reports/satisfaction?format=csv"), question.clone()).await.text;
    assert!(csv.contains("\"email\",0,2"), "{csv}");
    parting_mends_the_past(&app, &admin, browser).await;
    let unknown = json!({ "contact_costs_minor": { "pigeon": 1 } });
    admin.patch(app.path("").trim_end_matches('/'), unknown).await.refuses(422, "invalid");
    app.finish().await;
}

/// The browser that only claimed to be ada is parted from her: everywhere, at once, and whatever it says later.
async fn parting_mends_the_past(app: &TestApp, admin: &ApiClient, mut browser: TestVisitor) {
    let page = app.path(&format!("visitors/{}", browser.id));
    assert_eq!(gets(admin, &page).await["user_id"], "ada");
    assert_eq!(admin.post(&format!("{page}/part"), Value::Null).await.status, 204);
    admin.post(&format!("{page}/part"), Value::Null).await.refuses(404, "not_found");
    browser.sends(json!([{ "type": "identify", "userId": "ada", "traits": {} }])).await;
    app.settled().await;
    let own = gets(admin, &page).await;
    assert_eq!((&own["user_id"], &own["visitors"]), (&Value::Null, &json!([browser.id])), "{own}");
    let ada = gets(admin, &app.path("people?search=ada")).await;
    assert_eq!((users(&ada), &ada["people"][0]["visitors"]), (vec!["ada"], &json!(1)), "{ada}");
    let everyone = gets(admin, &app.path("people")).await;
    assert_eq!(users(&everyone).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(["-", "ada", "bob", "cy"]));
    let audit = gets(&app.with_login(Role::Owner).await, &app.path("audit")).await;
    assert!(audit.to_string().contains("part visitor"), "{audit}");

    // The site's own statement joins it again.
    let server = app.with_key(Scope::Server).await;
    let call = json!({ "type": "identify", "userId": "ada", "anonymousId": browser.id, "traits": {} });
    assert_eq!(server.post("/v1/batch", json!({ "batch": [call] })).await.status, 200);
    app.settled().await;
    assert_eq!(gets(admin, &page).await["user_id"], "ada");
}
