//! Invalid input on every private route: a documented error or a valid answer, never a server error.

use ashna::control::{Role, Scope};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    client::{Answer, ApiClient},
    routes::{REPORTS, Route, description, is_described, table},
};

/// The path with names of existing resources.
fn path(app: &TestApp, route: &Route) -> String {
    let names = [
        ("{site}", app.site.id.to_string()),
        ("{token}", "0".repeat(32)),
        ("{item}", "p-1".into()),
        ("{offer}", "table".into()),
        ("{experiment}", "table".into()),
        ("{slot}", "hero".into()),
        ("{goal}", "none".into()),
        ("{saved_report}", "none".into()),
        ("{annotation}", "none".into()),
        ("{share}", "none".into()),
        ("{funnel}", "1".into()),
        ("{segment}", "table".into()),
        ("{handle}", "none".into()),
        ("{visitor}", "00000000000000000000000000000abc".into()),
        ("{login}", "999999".into()),
        ("{user}", "999999".into()),
        ("{invitation}", "999999".into()),
        ("{key}", "999999".into()),
        ("{webhook}", "crm".into()),
        ("{delivery}", "none".into()),
        ("{kind}", "customers".into()),
    ];
    names.iter().fold(route.path.to_owned(), |path, (name, value)| path.replace(name, value))
}

/// The paths of a route: one for each report.
fn paths(app: &TestApp, route: &Route) -> Vec<String> {
    let path = path(app, route);
    if path.contains("{report}") {
        REPORTS.iter().map(|name| path.replace("{report}", name)).collect()
    } else {
        vec![path]
    }
}

#[track_caller]
fn is_fair(description: &Value, route: &Route, answer: &Answer, sent: &str) {
    let (method, path, status) = (route.method, route.path, answer.status);
    let sent: String = sent.chars().take(200).collect();
    assert!(status < 500, "{method} {path} with {sent}: {status} {}", answer.text);
    assert!(is_described(description, route, status), "{status} of {method} {path} with {sent} is not in openapi.json");
    if status >= 400 {
        let body = answer.json();
        let message = body["message"].as_str().unwrap_or_default();
        assert!(
            !message.is_empty() && !message.contains('\n'),
            "one clear line to {method} {path} with {sent}: {body}"
        );
        assert!(message.len() < 1000, "a one-line message for {method} {path} with {sent}: {body}");
    }
}

/// Malformed or oversized bodies.
fn hostile_bodies() -> Vec<Vec<u8>> {
    let deep = |open: &str, close: &str, n: usize| [open.repeat(n), close.repeat(n)].concat().into_bytes();
    let mut bodies: Vec<Vec<u8>> = [
        "null",
        "[]",
        "true",
        "12",
        "\"text\"",
        "{",
        "{\"a\":",
        "{\"a\":1e999}",
        "{\"\":{}}",
        "{}{}",
        "<xml/>",
        "{\"zzz\":1}",
        "{\"name\":\"\\ud800\"}",
        "{\"id\":\"a\",\"id\":\"b\"}",
        "a=b&c=d",
        "\u{feff}{}",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    bodies.push(b"{\"name\":\"\xff\xfe\"}".to_vec());
    bodies.push(vec![0; 64]);
    bodies.push(deep("[", "]", 100_000));
    bodies.push(deep("{\"not\":", "}", 10_000));
    bodies.push(format!("{{\"when\":{}{{}}{}}}", "{\"not\":".repeat(200), "}".repeat(200)).into_bytes());
    bodies.push(format!("{{\"name\":\"{}\"}}", "x".repeat(100_000)).into_bytes());
    bodies
}

#[tokio::test]
async fn malformed_bodies_are_refused() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let owner = app.with_login(Role::Owner).await;
    let description = description();
    for route in table().iter().filter(|route| !route.body.is_null()) {
        let api = if route.who.contains('a') { &admin } else { &owner };
        for path in paths(&app, route) {
            for body in hostile_bodies() {
                let shown = String::from_utf8_lossy(&body).into_owned();
                let answer = sends(api, route, &path, body).await;
                is_fair(&description, route, &answer, &shown);
            }
        }
    }
    let large = admin.sends(Method::POST, "/api/v1/sites", vec![b' '; 5_000_000]).await;
    large.refuses(413, "too_large");
    app.gives_up_counting_rows();
    app.finish().await;
}

#[tokio::test]
async fn fields_of_the_wrong_type_are_refused_or_clamped() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let owner = app.with_login(Role::Owner).await;
    let description = description();
    let odd = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(0.5),
        json!([]),
        json!([null]),
        json!([[[]]]),
        json!({}),
        json!({ "$ne": 1 }),
        json!(""),
        json!(" "),
        json!("\u{0}"),
        json!("\u{202e}x"),
        json!("x".repeat(5000)),
        json!("' OR 1=1 --"),
        json!("{site:UInt32}"),
        json!("../../etc/passwd"),
        json!("9999-12-31T23:59:59Z"),
        json!("-0001-01-01"),
    ];
    for route in table().iter().filter(|route| route.body.is_object() && route.path != "/api/v1/setup") {
        let api = if route.who.contains('a') { &admin } else { &owner };
        for path in paths(&app, route) {
            for field in route.body.as_object().unwrap().keys() {
                for value in &odd {
                    let mut body = route.body.clone();
                    body[field] = value.clone();
                    let answer = sends(api, route, &path, body.to_string().into_bytes()).await;
                    is_fair(&description, route, &answer, &body.to_string());
                }
                let mut without = route.body.clone();
                without.as_object_mut().unwrap().remove(field);
                let answer = sends(api, route, &path, without.to_string().into_bytes()).await;
                is_fair(&description, route, &answer, &without.to_string());
            }
        }
    }
    assert_eq!(admin.get(&format!("/api/v1/sites/{}", app.site.id)).await.status, 200, "the site still works");
    app.gives_up_counting_rows();
    app.finish().await;
}

#[tokio::test]
async fn unusual_paths_and_queries_are_not_found_or_refused() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let description = description();
    let names = [
        "-1",
        "0",
        "99999999999999999999",
        "1.0",
        "%00",
        "%ff",
        "%2e%2e",
        "..%2f..",
        "%F0%9F%98%80",
        "'%20OR%201=1",
        "%0d%0aX:1",
    ];
    let queries = [
        "limit=-1",
        "limit=99999999999999999999",
        "limit=",
        "limit=a",
        "offset=-1",
        "days=99999999",
        "days=4294967295",
        "search=%ff",
        "search=%00",
        "format=xml",
        "format=csv&format=json",
        "%",
        "=",
        "&&",
        "limit=0&offset=18446744073709551615",
    ];
    for route in table().iter().filter(|route| route.path.contains("{site}") && !route.path.ends_with("/checks")) {
        let good = path(&app, route);
        let mut all: Vec<String> = queries.iter().map(|query| format!("{good}?{query}")).collect();
        for name in names.iter().copied().chain([&*"x".repeat(3000)]) {
            all.push(good.replacen(&format!("/sites/{}", app.site.id), &format!("/sites/{name}"), 1));
            if let Some((before, last)) = route.path.rsplit_once('/').filter(|(_, last)| last.starts_with('{')) {
                let parent =
                    Route { path: before, method: route.method, who: route.who, body: Value::Null, answers: &[] };
                assert!(last.ends_with('}'));
                all.push(format!("{}/{name}", path(&app, &parent)));
            }
        }
        for odd in all.iter().map(|odd| odd.replace("{report}", "overview")) {
            let body = if route.body.is_null() { Vec::new() } else { route.body.to_string().into_bytes() };
            let answer = sends(&admin, route, &odd, body).await;
            // The changed path may match another route that does not have this method.
            if answer.status != 405 {
                is_fair(&description, route, &answer, &odd);
            }
        }
    }
    app.gives_up_counting_rows();
    app.finish().await;
}

#[tokio::test]
async fn a_write_without_a_body_changes_nothing() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let owner = app.with_login(Role::Owner).await;
    for route in table()
        .iter()
        .filter(|route| route.method == "put" && route.who.contains('a') && !route.path.contains("/{funnel}"))
    {
        let answer = sends(&admin, route, &path(&app, route), route.body.to_string().into_bytes()).await;
        assert!([200, 404].contains(&answer.status), "{} {}: {}", route.method, route.path, answer.text);
    }
    let state = async || {
        let mut state = Vec::new();
        for route in table()
            .iter()
            .filter(|route| route.method == "get" && route.who.contains('r') && !route.path.contains("{handle}"))
        {
            if !route.path.ends_with("/history")
                && !route.path.contains("/visitors/")
                && !["/schema", "/feed"].iter().any(|end| route.path.ends_with(end))
            {
                state.push((route.path, admin.get(&path(&app, route)).await.text));
            }
        }
        state
    };
    let before = state().await;
    let exempt = ["/feed/visit", "/items", "/items/import", "/import/{kind}", "/reports/{report}", "/coupons"];
    for route in
        table().iter().filter(|route| !route.body.is_null() && !exempt.iter().any(|end| route.path.ends_with(end)))
    {
        let api = if route.who.contains('a') { &admin } else { &owner };
        for body in ["", " \r\n", "[]", "null"] {
            let answer = sends(api, route, &path(&app, route), body.into()).await;
            assert_eq!(answer.status, 400, "{} {} with {body:?}: {}", route.method, route.path, answer.text);
        }
    }
    assert_eq!(state().await, before);
    app.finish().await;
}

async fn sends(api: &ApiClient, route: &Route, path: &str, body: Vec<u8>) -> Answer {
    api.sends(Method::from_bytes(route.method.to_uppercase().as_bytes()).unwrap(), path, body).await
}
