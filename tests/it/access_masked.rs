//! Masked users see no personal data on any route.

use ashna::{
    control::{Membership, Role},
    http,
};
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, these_days},
    routes::REPORTS,
};

/// Values that must not be shown.
const PERSONAL: [&str; 5] = ["anna@private.example", "customer-4711", "Anna Private", "0612345678", "anna%40private"];

/// Sends personal data with every kind of event.
async fn a_person(app: &TestApp) -> String {
    let mut visitor = app.visitor();
    visitor.views("/account").await;
    let traits = json!({ "email": PERSONAL[0], "name": PERSONAL[2], "phone": PERSONAL[3] });
    visitor.sends(json!([{ "type": "identify", "userId": PERSONAL[1], "traits": traits }])).await;
    let order = json!({ "order_id": "o-1", "revenue": 10, "currency": "EUR", "email": PERSONAL[0],
        "name": PERSONAL[2], "phone": PERSONAL[3], "products": [{ "product_id": "p-1" }] });
    visitor.tracks("Order Completed", order).await;
    visitor.tracks("Newsletter", json!({ "email": PERSONAL[0] })).await;
    app.settled().await;
    visitor.id.clone()
}

#[tokio::test]
async fn no_route_shows_personal_data_to_masked_users() {
    let app = TestApp::start().await;
    let visitor = a_person(&app).await;
    let masked = Membership { role: Role::Marketer, sites: None, masked: true };
    let (masked, owner) = (app.with_login_of("masked@shop.example", &masked).await, app.with_login(Role::Owner).await);
    let funnel = |breakdown: Value| {
        let mut question = these_days();
        question["steps"] = json!([{ "event": "Newsletter" }, { "event": "Never" }]);
        question["window_ms"] = json!(86_400_000);
        question["breakdown"] = breakdown;
        question
    };
    let (mut seen, mut paths) = (0, 0);
    for (path, method) in site_routes() {
        let path = path.replace("{site}", &app.site.id.to_string()).replace("{visitor}", &visitor);
        let questions: Vec<(String, Option<Value>)> = match method.as_str() {
            "get" if path.ends_with("/export") => continue,
            "get" => vec![(path, None)],
            "post" if path.ends_with("/reports/{report}") => REPORTS
                .iter()
                .flat_map(|report| ["", "?format=csv"].map(|format| (report, format)))
                .map(|(report, format)| {
                    let mut question = match *report {
                        "funnel" => funnel(Value::Null),
                        "realtime" => json!({}),
                        _ => these_days(),
                    };
                    if *report == "visitors" {
                        question["by"] = json!("country");
                    }
                    (path.replace("{report}", report) + format, Some(question))
                })
                .collect(),
            _ => continue,
        };
        for (path, question) in questions {
            let (theirs, full) = match &question {
                Some(question) => {
                    (masked.post(&path, question.clone()).await, owner.post(&path, question.clone()).await)
                }
                None => (masked.get(&path).await, owner.get(&path).await),
            };
            for personal in PERSONAL {
                assert!(!theirs.text.contains(personal), "{path} shows {personal}: {}", theirs.text);
            }
            seen += usize::from(PERSONAL.iter().any(|personal| full.text.contains(personal)));
            paths += 1;
        }
    }
    assert!(paths > 20 && seen >= 1, "{seen} of {paths} answers contain personal data");

    let page = app.path(&format!("visitors/{visitor}"));
    let (theirs, full) = (masked.get(&page).await.json(), owner.get(&page).await.json());
    assert_eq!(full["user_id"], PERSONAL[1], "{full}");
    let pseudonym = theirs["user_id"].as_str().unwrap();
    assert!(pseudonym.starts_with("person-"), "{theirs}");
    assert_eq!(masked.get(&page).await.json()["user_id"], pseudonym, "the same each time");
    assert_eq!((&theirs["events"], &theirs["orders"]), (&full["events"], &full["orders"]));
    assert!(theirs["timeline"].as_array().unwrap().iter().all(|entry| entry["properties"] == json!({})), "{theirs}");

    let handle = masked.post(&app.path("reports/funnel"), funnel(Value::Null)).await.json();
    let handle = handle["steps"][0]["dropped_list"].as_str().unwrap_or_else(|| panic!("{handle}")).to_owned();
    let list = app.path(&format!("reports/funnel/dropped/{handle}"));
    let (theirs, full) = (masked.get(&list).await, owner.get(&list).await);
    assert!(full.text.contains(PERSONAL[1]), "{}", full.text);
    assert!(theirs.text.contains(pseudonym) && !theirs.text.contains(PERSONAL[1]), "{}", theirs.text);
    app.finish().await;
}

#[tokio::test]
async fn masked_users_cannot_export_or_filter_by_personal_data() {
    let app = TestApp::start().await;
    let visitor = a_person(&app).await;
    let masked = Membership { role: Role::Marketer, sites: None, masked: true };
    let masked = app.with_login_of("masked@shop.example", &masked).await;
    masked.get(&app.path(&format!("visitors/{visitor}/export"))).await.refuses(403, "forbidden");
    let mut question = these_days();
    question["window_ms"] = json!(86_400_000);
    for breakdown in ["$user_id", "email", "name"] {
        question["steps"] = json!([{ "event": "Newsletter" }]);
        question["breakdown"] = json!(breakdown);
        masked.post(&app.path("reports/funnel"), question.clone()).await.refuses(403, "forbidden");
    }
    question["breakdown"] = Value::Null;
    let guess = json!([{ "property": "$user_id", "op": "eq", "value": PERSONAL[1] }]);
    question["steps"] = json!([{ "event": "Newsletter", "where": guess }]);
    masked.post(&app.path("reports/funnel"), question.clone()).await.refuses(403, "forbidden");
    let page = masked.get("/api/v1/session").await.json();
    assert_eq!((&page["user"]["masked"], &page["user"]["email"]), (&json!(true), &json!("masked@shop.example")));
    app.finish().await;
}

/// Path and method of every route of a site.
fn site_routes() -> Vec<(String, String)> {
    let described: Value = serde_json::from_str(&http::openapi()).unwrap();
    let paths = described["paths"].as_object().unwrap().iter();
    paths
        .filter(|(path, _)| path.starts_with("/api/v1/sites/{site}"))
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())))
        .collect()
}
