//! Access to the private API: set-up, logins, roles, keys, foreign origins; and site settings.

use ashna::control::{Role, Scope};
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, these_days},
    client::ApiClient,
};

const EMAIL: &str = "owner@shop.example";
const PASSWORD: &str = "long enough";

fn login(password: &str) -> Value {
    json!({ "email": EMAIL, "password": password })
}

async fn set_up(app: &TestApp) -> ApiClient {
    let body = json!({ "token": app.setup_token(), "email": EMAIL, "password": PASSWORD });
    let answer = app.api().post("/api/v1/setup", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let cookie = answer.cookie();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    app.api().with_header("cookie", cookie.split(';').next().unwrap())
}

#[tokio::test]
async fn the_one_time_link_creates_the_first_user_once() {
    let app = TestApp::start().await;
    let api = app.api();
    assert_eq!(api.get("/api/v1/setup").await.json(), json!({ "needed": true }));
    let with =
        |token: &str, email: &str, password: &str| json!({ "token": token, "email": email, "password": password });
    let token = app.setup_token();
    api.post("/api/v1/setup", with("guessed", EMAIL, PASSWORD)).await.refuses(403, "forbidden");
    api.post("/api/v1/setup", with(&token, EMAIL, "short")).await.refuses(422, "invalid");
    api.post("/api/v1/setup", with(&token, "not-an-email", PASSWORD)).await.refuses(422, "invalid");
    let owner = set_up(&app).await;
    let session = owner.get("/api/v1/session").await.json();
    assert_eq!((&session["user"]["email"], &session["user"]["role"]), (&json!(EMAIL), &json!("owner")));
    assert_eq!(session["sites"][0]["name"], "Test shop");
    api.post("/api/v1/setup", with(&token, "second@shop.example", PASSWORD)).await.refuses(403, "forbidden");
    assert_eq!(api.get("/api/v1/setup").await.json(), json!({ "needed": false }));
    app.finish().await;
}

#[tokio::test]
async fn a_login_lasts_until_the_logout() {
    let app = TestApp::start().await;
    set_up(&app).await;
    app.api().get("/api/v1/session").await.refuses(401, "unauthorized");
    app.api().post("/api/v1/session", login("wrong password")).await.refuses(401, "bad_credentials");
    let unknown = json!({ "email": "unknown@shop.example", "password": PASSWORD });
    app.api().post("/api/v1/session", unknown).await.refuses(401, "bad_credentials");
    let person = app.api().logs_in("OWNER@shop.example", PASSWORD).await;
    assert_eq!(person.get("/api/v1/sites").await.status, 200);
    let out = person.delete("/api/v1/session").await;
    assert_eq!((out.status, out.cookie().contains("Max-Age=0")), (204, true), "{}", out.cookie());
    person.get("/api/v1/sites").await.refuses(401, "unauthorized");
    app.finish().await;
}

#[tokio::test]
async fn too_many_guesses_also_block_the_right_password() {
    let app = TestApp::with(|config| config.access.login_failures_max = 3).await;
    set_up(&app).await;
    for _ in 0..3 {
        app.api().post("/api/v1/session", login("wrong password")).await.refuses(401, "bad_credentials");
    }
    let paused = app.api().post("/api/v1/session", login(PASSWORD)).await;
    paused.refuses(429, "too_many");
    let seconds: u64 = paused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    app.finish().await;
}

#[tokio::test]
async fn roles_are_enforced() {
    let app = TestApp::start().await;
    let viewer = app.with_login(Role::Viewer).await;
    let marketer = app.with_login(Role::Marketer).await;
    let owner = app.with_login(Role::Owner).await;
    let offer = json!({ "id": "hello", "slot": "home-hero" });
    let site = json!({ "name": "Another shop", "origins": [] });
    for person in [&viewer, &marketer, &owner] {
        assert_eq!(person.post(&app.path("reports/overview"), these_days()).await.status, 200);
        assert_eq!(person.get(&app.path("offers")).await.status, 200);
    }
    viewer.post(&app.path("offers"), offer.clone()).await.refuses(403, "forbidden");
    viewer.put(&app.path("offers/hello"), offer.clone()).await.refuses(403, "forbidden");
    viewer.delete(&app.path("offers/hello")).await.refuses(403, "forbidden");
    viewer.post(&app.path("items"), json!([])).await.refuses(403, "forbidden");
    viewer.post(&app.path("funnels"), json!({ "name": "F", "question": {} })).await.refuses(403, "forbidden");
    viewer.patch(&format!("/api/v1/sites/{}", app.site.id), json!({ "name": "N" })).await.refuses(403, "forbidden");
    assert_eq!(marketer.post(&app.path("offers"), offer).await.status, 201);
    for person in [&viewer, &marketer] {
        person.post("/api/v1/sites", site.clone()).await.refuses(403, "forbidden");
        person.post(&app.path("keys"), json!({ "scope": "read" })).await.refuses(403, "forbidden");
    }
    assert_eq!(owner.post("/api/v1/sites", site).await.status, 201);
    let key = owner.post(&app.path("keys"), json!({ "scope": "read" })).await.json()["key"].clone();
    let program = app.api().with_header("authorization", format!("Bearer {}", key.as_str().unwrap()));
    assert_eq!(program.get(&app.path("items")).await.status, 200);
    owner.post(&app.path("keys"), json!({ "scope": "everything" })).await.refuses(422, "invalid");
    app.finish().await;
}

#[tokio::test]
async fn keys_are_limited_to_their_site_and_scope() {
    let app = TestApp::start().await;
    let other = app.another_site().await;
    let theirs = format!("/api/v1/sites/{}", other.id);
    for scope in [Scope::Read, Scope::Server, Scope::Admin] {
        let key = app.with_key(scope).await;
        assert_eq!(key.get(&app.path("items")).await.status, 200);
        for path in ["", "/items", "/offers", "/funnels", "/schema", "/visitors/000000000000000000000000000000ff"] {
            key.get(&format!("{theirs}{path}")).await.refuses(404, "not_found");
        }
        key.post(&format!("{theirs}/reports/overview"), these_days()).await.refuses(404, "not_found");
        key.post(&format!("{theirs}/items"), json!([])).await.refuses(404, "not_found");
        key.patch(&theirs, json!({ "name": "Mine" })).await.refuses(404, "not_found");
        key.get("/api/v1/sites/99").await.refuses(404, "not_found");
        let listed = key.get("/api/v1/sites").await.json();
        assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &json!(app.site.id)));
        key.post("/api/v1/sites", json!({ "name": "New" })).await.refuses(403, "forbidden");
    }
    let read = app.with_key(Scope::Read).await;
    read.post(&app.path("items"), json!([])).await.refuses(403, "forbidden");
    let server = app.with_key(Scope::Server).await;
    assert_eq!(server.post(&app.path("items"), json!([{ "id": "p-1" }])).await.status, 200);
    server.post(&app.path("offers"), json!({ "id": "o", "slot": "s" })).await.refuses(403, "forbidden");
    app.api().with_header("authorization", "Bearer guessed").get("/api/v1/sites").await.refuses(401, "unauthorized");
    let write_key = app.api().with_header("authorization", format!("Bearer {}", app.site.write_key));
    write_key.get("/api/v1/sites").await.refuses(401, "unauthorized");
    write_key.get("/metrics").await.refuses(401, "unauthorized");
    app.api().get("/metrics").await.refuses(401, "unauthorized");
    app.finish().await;
}

#[tokio::test]
async fn other_origins_cannot_use_a_users_login() {
    let app = TestApp::start().await;
    let owner = app.with_login(Role::Owner).await;
    let site = json!({ "name": "Another shop", "origins": [] });
    for origin in ["https://evil.example", "https://shop.example", "null"] {
        let there = owner.clone().with_header("origin", origin);
        there.post("/api/v1/sites", site.clone()).await.refuses(403, "forbidden");
        there.post(&app.path("reports/overview"), these_days()).await.refuses(403, "forbidden");
        there.delete("/api/v1/session").await.refuses(403, "forbidden");
        let session = app.api().with_header("origin", origin).post("/api/v1/session", login(PASSWORD)).await;
        session.refuses(403, "forbidden");
        let read = there.get("/api/v1/sites").await;
        assert_eq!(read.header("access-control-allow-origin"), "", "and cannot read the answer");
    }
    let here = owner.with_header("origin", app.url.clone());
    assert_eq!(here.post("/api/v1/sites", site).await.status, 201);
    app.finish().await;
}

#[tokio::test]
async fn a_settings_patch_changes_only_the_given_fields() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let path = format!("/api/v1/sites/{}", app.site.id);
    let before = admin.get(&path).await.json();
    let change = json!({ "name": "Renamed", "currency": "usd", "timezone": "Europe/Lisbon", "robots": "keep" });
    let after = admin.patch(&path, change).await.json();
    let mut expected = before.clone();
    for (key, value) in [("name", "Renamed"), ("currency", "USD"), ("timezone", "Europe/Lisbon"), ("robots", "keep")] {
        expected[key] = json!(value);
    }
    assert_eq!(after, expected);
    assert_eq!(admin.get(&path).await.json(), expected);
    for bad in [
        json!({ "name": "" }),
        json!({ "currency": "euro" }),
        json!({ "timezone": "Mars/Olympus" }),
        json!({ "robots": "eat" }),
        json!({ "consent_default": "maybe" }),
        json!({ "origins": ["https://shop.example/path"] }),
        json!({ "origins": ["javascript:alert(1)"] }),
    ] {
        admin.patch(&path, bad).await.refuses(422, "invalid");
    }
    admin.patch(&path, json!({ "colour": "red" })).await.refuses(400, "unreadable");
    assert_eq!(admin.get(&path).await.json(), expected, "nothing was stored");

    let mut visitor = app.visitor();
    visitor.origin = "https://new.example".into();
    visitor.views("/").await.refuses(403, "forbidden");
    admin.patch(&path, json!({ "origins": ["https://NEW.example/"] })).await;
    assert_eq!(visitor.views("/").await.status, 204, "from the next request on");
    app.finish().await;
}
