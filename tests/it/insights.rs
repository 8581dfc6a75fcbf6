//! The tables of reports against figures calculated by hand; goals, saved reports, annotations and shared links.

use ashna::{
    control::{Role, Scope},
    model::{Event, Timestamp},
    reports::Reports,
    wire::insights::Goal,
};
use serde_json::{Value, json};

use crate::{
    filtering::{MINUTE, parsed},
    reports::{START, moment, page, site, store, track},
    support::{
        app::{TestApp, these_days},
        engine::{PATIENCE, database, eventually},
    },
};

fn minute(n: i64) -> Timestamp {
    moment(START).plus(n * MINUTE)
}

fn day(more: &Value) -> Value {
    let mut question = json!({"from": START, "to": "2026-01-03T00:00:00Z"});
    question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    question
}

fn rows(answer: impl serde::Serialize) -> Value {
    serde_json::to_value(answer).unwrap()["rows"].take()
}

/// An order of one item, at three euros each.
fn order(at: Timestamp, visitor: u128, id: &'static str, units: u32) -> Event<'static> {
    let mut event = track(at, visitor, "Order Completed", "{}");
    event.order_id = id.into();
    event.amount_minor = 300 * i64::from(units);
    event.items = vec![ashna::model::event::ItemLine { id: "p1".into(), price_minor: 300, quantity: units }];
    event
}

async fn reports_of(events: Vec<Event<'static>>) -> Reports {
    let database = database().await;
    store(&database, events).await;
    Reports::new(database, 30)
}

#[tokio::test]
async fn goals_count_orders_once_and_take_refunds() {
    let mut reported_again = order(minute(30), 1, "o-1", 2);
    reported_again.by_server_key = true;
    let mut refund = track(minute(50), 1, "Order Refunded", "{}");
    (refund.order_id, refund.amount_minor) = ("o-1".into(), 100);
    let mut tablet = page(minute(3), 3, "/");
    tablet.device.class = ashna::model::DeviceClass::Tablet;
    let events = vec![
        page(minute(0), 1, "/"),
        order(minute(20), 1, "o-1", 2),
        reported_again,
        refund,
        order(minute(60), 2, "o-2", 1),
        track(minute(61), 2, "Signed Up", r#"{"plan":"pro"}"#),
        track(minute(62), 2, "Signed Up", r#"{"plan":"free"}"#),
        tablet,
        page(minute(4), 0, "/"),
    ];
    let goal = |id: &str, step: Value, value: Option<i64>| -> Goal {
        parsed(&json!({"id": id, "name": id, "step": step, "value_minor": value}))
    };
    let pro = json!({"event": "Signed Up", "where": [{"property": "plan", "op": "eq", "value": "pro"}]});
    let mut goals = vec![
        goal("bought", json!({"event": "Order Completed"}), None),
        goal("pro", pro, Some(70)),
        goal("viewed", json!({"event": "page"}), None),
    ];
    let reports = reports_of(events).await;
    let all = rows(reports.goals(&site(), &goals, &parsed(&day(&json!({})))).await.unwrap());
    let row = |goal: &str, people: u64, conversions: u64, revenue: i64| {
        json!({"goal": goal, "name": goal, "people": people, "conversions": conversions,
               "rate": people as f64 / 3.0, "revenue_minor": revenue})
    };
    assert_eq!(all, json!([row("bought", 2, 2, 800), row("pro", 1, 1, 70), row("viewed", 2, 3, 0)]));
    // With filters, what is compared, and more goals than one statement takes.
    let question = day(&json!({
        "filters": [{"property": "$device", "op": "eq", "value": "tablet"}], "compare": {"filters": []},
    }));
    while goals.len() < 25 {
        goals.push(goal("pages", json!({"event": "page"}), None));
    }
    let answer = reports.goals(&site(), &goals, &parsed(&question)).await.unwrap();
    assert_eq!(answer.rows.len(), 25);
    let counts = |row: &ashna::wire::reports::GoalRow| (row.people, row.conversions, row.rate);
    assert_eq!(counts(&answer.rows[2]), (1, 1, Some(1.0)));
    assert_eq!(counts(&answer.rows[24]), (1, 1, Some(1.0)));
    assert_eq!(answer.compare.unwrap().rows[0].revenue_minor, 800);
}

#[tokio::test]
async fn items_are_counted_by_what_people_did_with_them() {
    let act = |at, visitor, name, item: &'static str| {
        let mut event = track(at, visitor, name, "{}");
        event.items = vec![ashna::model::event::ItemLine { id: item.into(), price_minor: 0, quantity: 1 }];
        event
    };
    let events = vec![
        act(minute(0), 1, "Product Viewed", "p1"),
        act(minute(1), 1, "Product Viewed", "p1"),
        act(minute(2), 2, "Product Viewed", "p1"),
        act(minute(3), 2, "Product Viewed", "p2"),
        act(minute(4), 2, "Product Added", "p1"),
        order(minute(5), 2, "o-1", 3),
        order(minute(6), 2, "o-1", 3),
    ];
    let reports = reports_of(events).await;
    let title = |item: &str| if item == "p2" { "Tea".to_owned() } else { String::new() };
    let found = reports.products(&site(), &parsed(&day(&json!({}))), title).await.unwrap();
    let row = |item: &str, title: &str, counts: [u64; 4], revenue: i64| {
        let per_view = counts[2] as f64 / counts[0] as f64;
        json!({"item": item, "title": title, "viewers": counts[0], "carts": counts[1], "buyers": counts[2],
               "units": counts[3], "revenue_minor": revenue, "bought_per_view": per_view})
    };
    let tea = row("p2", "Tea", [1, 0, 0, 0], 0);
    assert_eq!(rows(&found), json!([row("p1", "", [2, 1, 1, 3], 900), tea]));
    let searched =
        reports.products(&site(), &parsed(&day(&json!({"search": "tEA", "limit": 1, "filters": [{"property": "$device", "op": "ne", "value": "tablet"}]}))), title).await.unwrap();
    assert_eq!(rows(&searched), json!([tea]));
}

#[tokio::test]
async fn searches_links_errors_and_vitals_are_tables() {
    let search = |at, visitor, properties| track(at, visitor, "Products Searched", properties);
    let mut measured = track(minute(9), 1, "Web Vitals", r#"{"lcp_ms":1000,"cls":0.1}"#);
    measured.page.path = "/".into();
    let mut slower = track(minute(10), 2, "Web Vitals", r#"{"lcp_ms":3000}"#);
    slower.page.path = "/".into();
    let events = vec![
        search(minute(0), 1, r#"{"query":" Green  TEA","results":0}"#),
        search(minute(1), 2, r#"{"query":"green tea","results":12}"#),
        search(minute(2), 2, r#"{"query":"cup"}"#),
        track(minute(3), 1, "Link Clicked", r#"{"href":"https://other.example/","outbound":true}"#),
        track(minute(4), 1, "Link Clicked", r#"{"href":"/inside","outbound":false}"#),
        track(minute(5), 2, "File Downloaded", r#"{"href":"/list.pdf"}"#),
        track(minute(6), 1, "Error Occurred", r#"{"message":"x is undefined","filename":"/app.js"}"#),
        track(minute(7), 1, "Error Occurred", r#"{"message":"x is undefined","filename":"/app.js"}"#),
        measured,
        slower,
    ];
    let reports = reports_of(events).await;
    let (site, question) = (site(), parsed(&day(&json!({}))));
    assert_eq!(
        rows(reports.searches(&site, &question).await.unwrap()),
        json!([
            {"query": "green tea", "searches": 2, "people": 2, "no_results": 1},
            {"query": "cup", "searches": 1, "people": 1, "no_results": 0},
        ])
    );
    assert_eq!(
        rows(reports.links(&site, &question).await.unwrap()),
        json!([
            {"kind": "download", "url": "/list.pdf", "clicks": 1, "people": 1},
            {"kind": "outbound", "url": "https://other.example/", "clicks": 1, "people": 1},
        ])
    );
    assert_eq!(
        rows(reports.errors(&site, &question).await.unwrap()),
        json!([{"message": "x is undefined", "source": "/app.js", "events": 2, "people": 1,
                "first_at": "2026-01-02T10:06:00.000Z", "last_at": "2026-01-02T10:07:00.000Z"}])
    );
    assert_eq!(
        rows(reports.vitals(&site, &question).await.unwrap()),
        json!([{"path": "/", "samples": 2, "lcp_p75_ms": 2500.0, "inp_p75_ms": null, "cls_p75": 0.1,
                "fcp_p75_ms": null, "ttfb_p75_ms": null}])
    );
}

#[tokio::test]
async fn places_have_their_people_sessions_and_orders() {
    let at = |mut event: Event<'static>, country: &'static str, city: &'static str| {
        (event.place.country, event.place.city) = (country.into(), city.into());
        event
    };
    let events = vec![
        at(page(minute(0), 1, "/"), "DE", "Berlin"),
        at(order(minute(1), 1, "o-1", 1), "DE", "Berlin"),
        at(page(minute(2), 2, "/"), "DE", "Bonn"),
        at(page(minute(3), 0, "/"), "IR", "Tehran"),
    ];
    let reports = reports_of(events).await;
    let row = |value: &str, country: &str, counts: [u64; 4], revenue: i64| {
        json!({"value": value, "country": country, "visitors": counts[0], "sessions": counts[1],
               "pageviews": counts[2], "orders": counts[3], "revenue_minor": revenue})
    };
    let by = |by: &str| parsed(&day(&json!({"by": by})));
    let found = reports.locations(&site(), &by("country")).await.unwrap();
    assert_eq!(rows(found), json!([row("DE", "DE", [2, 2, 2, 1], 300), row("IR", "IR", [0, 0, 1, 0], 0)]));
    let found = reports.locations(&site(), &by("city")).await.unwrap();
    let cities = [
        row("Berlin", "DE", [1, 1, 1, 1], 300),
        row("Bonn", "DE", [1, 1, 1, 0], 0),
        row("Tehran", "IR", [0, 0, 1, 0], 0),
    ];
    assert_eq!(rows(found), json!(cities));
}

#[tokio::test]
async fn events_have_names_trends_and_samples() {
    let events = vec![
        track(minute(0), 1, "Signed Up", r#"{"plan":"pro"}"#),
        track(minute(70), 1, "Signed Up", r#"{"plan":"free"}"#),
        track(minute(75), 2, "Signed Up", "{}"),
        page(minute(80), 0, "/"),
    ];
    let reports = reports_of(events).await;
    let ask = |more: Value| parsed(&day(&more));
    let names = rows(reports.events(&site(), &ask(json!({}))).await.unwrap());
    assert_eq!(
        names,
        json!([{"event": "Signed Up", "count": 3, "people": 2}, {"event": "page", "count": 1, "people": 0}])
    );
    let hours = json!({"event": "Signed Up", "property": "plan", "interval": "hour"});
    let trend = serde_json::to_value(reports.events(&site(), &ask(hours)).await.unwrap()).unwrap();
    assert_eq!(trend["series"].as_array().unwrap().len(), 14);
    assert_eq!(trend["series"][0], json!({"at": "2026-01-02T10:00:00.000Z", "values": {"pro": 1}}));
    assert_eq!(trend["series"][1], json!({"at": "2026-01-02T11:00:00.000Z", "values": {"": 1, "free": 1}}));
    assert_eq!(trend["series"][2]["values"], json!({}));
    let days = json!({"event": "Signed Up"});
    let trend = serde_json::to_value(reports.events(&site(), &ask(days)).await.unwrap()).unwrap();
    assert_eq!(trend["series"][0]["values"], json!({"Signed Up": 3}));
    let samples = json!({"event": "Signed Up", "samples": 2});
    let samples = serde_json::to_value(reports.events(&site(), &ask(samples)).await.unwrap()).unwrap();
    assert_eq!(samples["samples"][0]["properties"], json!({}));
    assert_eq!(samples["samples"][1]["properties"], json!({"plan": "free"}));
    assert_eq!(samples["samples"].as_array().unwrap().len(), 2);
    for wrong in [
        json!({"property": "plan"}),
        json!({"samples": 3}),
        json!({"event": "a", "samples": 101}),
        json!({"event": "a", "property": "$nothing"}),
    ] {
        assert!(reports.events(&site(), &ask(wrong.clone())).await.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn goals_saved_reports_and_annotations_are_kept() {
    let app = TestApp::start().await;
    let (marketer, viewer) = (app.with_login(Role::Marketer).await, app.with_login(Role::Viewer).await);
    let documents = [
        ("goals", json!({"name": "Bought", "step": {"event": "Order Completed"}})),
        (
            "saved-reports",
            json!({"name": "Week", "report": "overview", "question": {"interval": "day"}, "period": {"days": 7}}),
        ),
        ("annotations", json!({"at": "2026-11-01T00:00:00.000Z", "text": "Sale begins"})),
    ];
    for (name, body) in documents {
        let one = app.path(&format!("{name}/one"));
        let stored = marketer.put(&one, body.clone()).await;
        assert_eq!(stored.status, 200, "{}", stored.text);
        let mut expected = body.clone();
        expected["id"] = "one".into();
        assert_eq!(stored.json(), expected);
        assert_eq!(viewer.get(&app.path(name)).await.json(), json!([expected]));
        // The address names it, and a second PUT replaces it.
        let mut other = body.clone();
        other["id"] = "two".into();
        marketer.put(&one, other).await.refuses(422, "invalid");
        marketer.put(&app.path(&format!("{name}/a%20b")), body.clone()).await.refuses(422, "invalid");
        assert_eq!(marketer.put(&one, expected.clone()).await.status, 200);
        assert_eq!(viewer.get(&app.path(name)).await.json(), json!([expected]));
        assert_eq!(viewer.put(&one, body).await.status, 403);
        assert_eq!(marketer.delete(&one).await.status, 204);
        assert_eq!(marketer.delete(&one).await.status, 404);
        assert_eq!(viewer.get(&app.path(name)).await.json(), json!([]));
    }
    for wrong in [
        json!({"name": "", "step": {"event": "page"}}),
        json!({"name": "G", "step": {"event": ""}}),
        json!({"name": "G", "step": {"event": "page", "where": [{"property": "$nothing", "op": "eq", "value": 1}]}}),
        json!({"name": "G", "step": {"event": "page"}, "value_minor": -1}),
    ] {
        marketer.put(&app.path("goals/wrong"), wrong).await.refuses(422, "invalid");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_shared_link_reads_one_report_without_people_until_it_is_revoked() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    let context =
        json!({"page": {"url": "https://shop.example/mail/anna@shop.example", "title": "For anna@shop.example"}});
    visitor.sends(json!([{"type": "page", "context": context}])).await;
    app.settled().await;
    let marketer = app.with_key(Scope::Admin).await;
    let share_list = app.path("shares");
    let mut question = these_days();
    question["limit"] = 5.into();
    let made = marketer.post(&share_list, json!({"report": "pages", "question": question})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let token = made["url"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned();
    let listed = marketer.get(&share_list).await;
    assert!(!listed.text.contains(&token), "the token is answered once");
    assert_eq!(listed.json()[0]["id"], made["id"]);

    let anyone = app.api();
    let shared = anyone.get(&format!("/api/v1/shared/{token}")).await;
    assert_eq!((shared.status, shared.header("cache-control")), (200, "no-store"));
    let answer = shared.json();
    assert_eq!((&answer["report"], &answer["question"]["limit"]), (&json!("pages"), &json!(5)));
    assert_eq!(answer["answer"]["rows"][0]["pageviews"], 1);
    assert!(!shared.text.contains("anna"), "{}", shared.text);
    // It is no key to anything else.
    let wrong = anyone.get(&format!("/api/v1/shared/{}", &token[1..])).await;
    wrong.refuses(404, "not_found");
    let keyed = app.api().with_header("authorization", format!("Bearer {token}"));
    assert_eq!(keyed.post(&app.path("reports/pages"), these_days()).await.status, 401);

    // Funnels are shared without the handles that list people.
    let mut funnel = these_days();
    funnel["steps"] = json!([{"event": "page"}, {"event": "Never"}]);
    let made_funnel = marketer.post(&share_list, json!({"report": "funnel", "question": funnel.clone()})).await.json();
    let funnel_token = made_funnel["url"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned();
    let own = marketer.post(&app.path("reports/funnel"), funnel).await.json();
    assert!(own["steps"][1]["dropped_list"].is_string() || own["steps"][0]["dropped_list"].is_string(), "{own}");
    let shared = anyone.get(&format!("/api/v1/shared/{funnel_token}")).await;
    assert_eq!(shared.json()["answer"]["steps"][0]["reached"], 1);
    assert!(!shared.text.contains("dropped_list"), "{}", shared.text);

    for (report, question) in [
        ("realtime", json!({})),
        ("satisfaction", these_days()),
        ("events", json!({"event": "a", "samples": 3})),
        ("events", json!({"event": "a", "property": "mail"})),
        ("pages", json!({"filters": [{"property": "$user_id", "op": "eq", "value": "anna"}]})),
    ] {
        let refused = marketer.post(&share_list, json!({"report": report, "question": question})).await;
        assert_eq!(refused.status, 422, "{report}: {}", refused.text);
    }
    let past = json!({"report": "pages", "question": these_days(), "expires_at": "2026-01-01T00:00:00Z"});
    marketer.post(&share_list, past).await.refuses(422, "invalid");

    let id = made["id"].as_str().unwrap();
    assert_eq!(marketer.delete(&app.path(&format!("shares/{id}"))).await.status, 204);
    anyone.get(&format!("/api/v1/shared/{token}")).await.refuses(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn a_shared_link_ends_when_it_was_said_to() {
    let app = TestApp::start().await;
    let marketer = app.with_key(Scope::Admin).await;
    let ends = ashna::clock::now().plus(1500);
    let share = json!({"report": "overview", "question": these_days(), "expires_at": ends.to_string()});
    let made = marketer.post(&app.path("shares"), share).await.json();
    let path = format!("/api/v1/shared/{}", made["url"].as_str().unwrap().rsplit_once('/').unwrap().1);
    let early = app.api().get(&path).await.status;
    assert!(early == 200 || ashna::clock::now().0 >= ends.0, "{early}");
    eventually("the link ends", PATIENCE, async || ashna::clock::now().0 >= ends.0).await;
    app.api().get(&path).await.refuses(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn sizes_of_segments_are_a_report() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.views("/").await;
    app.settled().await;
    let admin = app.with_key(Scope::Admin).await;
    let segment = json!({"id": "viewed", "name": "Viewed", "rule": {"event": "page", "within_days": 3}});
    assert_eq!(admin.post(&app.path("segments"), segment).await.status, 201);
    let mut question = these_days();
    question["segments"] = json!(["viewed"]);
    let path = app.path("reports/segments");
    let ask = || admin.post(&path, question.clone());
    eventually("the member is counted", PATIENCE, async || ask().await.json()["rows"][0]["members"] == 1).await;
    let answer = ask().await.json();
    let days = answer["rows"][0]["days"].as_array().unwrap();
    assert_eq!(days.last().unwrap()["members"], 1, "{answer}");
    let csv = admin.post(&app.path("reports/segments?format=csv"), question.clone()).await.text;
    assert!(csv.contains("segment,name,date,members,entered,left") && csv.contains("viewed"), "{csv}");
    question["segments"] = json!(["none"]);
    admin.post(&path, question).await.refuses(422, "invalid");
    app.finish().await;
}
