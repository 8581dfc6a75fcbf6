//! Keys: listed, revoked, expired; the audit; sites removed.

use std::time::{Duration, Instant};

use ashna::{
    clock,
    control::{Role, Scope},
    operate::{KeyOperation, Operation},
};
use serde_json::{Value, json};

use crate::support::app::TestApp;

#[tokio::test]
async fn a_key_is_listed_and_refused_once_revoked() {
    let app = TestApp::start().await;
    let owner = app.with_login(Role::Owner).await;
    let made = owner.post(&app.path("keys"), json!({ "scope": "server", "name": " CRM " })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let key = made["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with(made["hint"].as_str().unwrap()), "{made}");
    let program = app.api().with_header("authorization", format!("Bearer {key}"));
    assert_eq!(program.get(&app.path("items")).await.status, 200);
    let listed = owner.get(&app.path("keys")).await.json();
    assert!(!listed.to_string().contains(&key), "the key itself is shown once");
    let mine = listed["keys"].as_array().unwrap().iter().find(|one| one["id"] == made["id"]).unwrap();
    assert_eq!((&mine["name"], &mine["scope"], &mine["expires_at"]), (&json!("CRM"), &json!("server"), &Value::Null));
    assert!(mine["last_used_at"].is_string(), "{mine}");

    program.delete(&app.path(&format!("keys/{}", made["id"]))).await.refuses(403, "forbidden");
    program.get(&app.path("keys")).await.refuses(403, "forbidden");
    let other = app.another_site().await;
    let foreign = app.with_key_of(&other, Scope::Admin).await;
    foreign.get(&app.path("keys")).await.refuses(404, "not_found");
    let theirs = format!("/api/v1/sites/{}/keys/{}", other.id, made["id"]);
    foreign.delete(&theirs).await.refuses(404, "not_found");
    assert_eq!(program.get(&app.path("items")).await.status, 200, "a key of another site cannot be revoked here");
    let admin = app.with_key(Scope::Admin).await;
    assert_eq!(admin.get(&app.path("keys")).await.status, 200);
    assert_eq!(admin.delete(&app.path(&format!("keys/{}", made["id"]))).await.status, 204);
    program.get(&app.path("items")).await.refuses(401, "unauthorized");
    admin.post(&app.path("keys"), json!({ "scope": "admin" })).await.refuses(403, "forbidden");
    admin.delete(&app.path(&format!("keys/{}", made["id"]))).await.refuses(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn a_key_expires() {
    let app = TestApp::start().await;
    let owner = app.with_login(Role::Owner).await;
    for bad in ["yesterday", "2020-01-01T00:00:00Z"] {
        let body = json!({ "scope": "read", "expires_at": bad });
        owner.post(&app.path("keys"), body).await.refuses(422, "invalid");
    }
    let at = clock::now().plus(1500).to_string();
    let made = owner.post(&app.path("keys"), json!({ "scope": "read", "expires_at": at })).await.json();
    assert_eq!(made["expires_at"], json!(at));
    let program = app.api().with_header("authorization", format!("Bearer {}", made["key"].as_str().unwrap()));
    let begun = Instant::now();
    while program.get(&app.path("items")).await.status == 200 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it works after its expiry");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    program.get(&app.path("items")).await.refuses(401, "unauthorized");
    app.finish().await;
}

#[tokio::test]
async fn the_audit_log_is_filtered_by_site_and_paged() {
    let app = TestApp::start().await;
    let other = app.another_site().await;
    let owner = app.with_login(Role::Owner).await;
    let offer = json!({ "id": "hello", "slot": "hero" });
    assert_eq!(owner.post(&app.path("offers"), offer.clone()).await.status, 201);
    assert_eq!(owner.post(&format!("/api/v1/sites/{}/offers", other.id), offer).await.status, 201);
    let order =
        KeyOperation::Add { site: app.site.id.0, scope: "read".into(), name: "report".into(), expires_at: None };
    app.operates(Operation::Keys(order)).await;
    let all = owner.get("/api/v1/audit?limit=500").await.json();
    let entry = |action: &str| {
        let found = all["entries"].as_array().unwrap().iter().find(|entry| entry["action"] == action);
        found.unwrap_or_else(|| panic!("{action} in {all}")).clone()
    };
    assert_eq!(entry("add key")["who"], "command line");
    assert!(entry("add key")["subject"].as_str().unwrap().ends_with("report"), "{all}");
    assert_eq!(entry("log in")["who"], "owner@shop.example");
    assert_eq!(all["next"], Value::Null);
    let of_site = owner.get(&app.path("audit")).await.json();
    assert!(
        of_site["entries"].as_array().unwrap().iter().all(|entry| entry["site"] == json!(app.site.id)),
        "{of_site}"
    );
    assert_eq!(owner.get(&format!("/api/v1/audit?site={}", app.site.id)).await.json(), of_site);

    let (mut before, mut walked) = (String::new(), Vec::new());
    loop {
        let page = owner.get(&format!("/api/v1/audit?limit=2{before}")).await.json();
        walked.extend(page["entries"].as_array().unwrap().iter().map(|entry| entry["id"].as_i64().unwrap()));
        let Some(next) = page["next"].as_i64() else { break };
        before = format!("&before={next}");
    }
    let ids: Vec<_> = all["entries"].as_array().unwrap().iter().map(|entry| entry["id"].as_i64().unwrap()).collect();
    assert_eq!(walked, ids);
    app.finish().await;
}

#[tokio::test]
async fn a_removed_site_is_refused_at_once_and_its_events_are_erased() {
    let app = TestApp::start().await;
    app.gives_up_counting_rows();
    let other = app.another_site().await;
    let owner = app.with_login(Role::Owner).await;
    let key = app.with_key_of(&other, Scope::Admin).await;
    assert_eq!(key.post(&format!("/api/v1/sites/{}/items", other.id), json!([{ "id": "p-1" }])).await.status, 200);
    let mut visitor = app.visitor();
    visitor.key.clone_from(&other.write_key);
    assert_eq!(visitor.views("/").await.status, 204);
    assert_eq!(app.visitor().views("/").await.status, 204);
    app.settled().await;
    let path = format!("/api/v1/sites/{}", other.id);
    for name in ["", "?name=another%20shop", "?name=Test%20shop"] {
        owner.delete(&format!("{path}{name}")).await.refuses(422, "invalid");
    }
    key.delete(&format!("{path}?name=Another%20shop")).await.refuses(403, "forbidden");
    assert_eq!(owner.delete(&format!("{path}?name=Another%20shop")).await.status, 204);
    visitor.views("/again").await.refuses(401, "unauthorized");
    key.get("/api/v1/sites").await.refuses(401, "unauthorized");
    owner.get(&path).await.refuses(404, "not_found");
    let rows = "SELECT toString(count()) FROM events WHERE site_id = 2 UNION ALL \
                SELECT toString(count()) FROM visitor_events WHERE site_id = 2";
    let begun = Instant::now();
    while app.stored(rows).await != ["0", "0"] {
        assert!(begun.elapsed() < Duration::from_mins(1), "its events are still there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(
        app.stored("SELECT toString(count()) FROM events WHERE site_id = 1").await,
        ["1"],
        "events of other sites remain"
    );
    let next = app.another_site().await;
    assert_eq!(next.id.0, other.id.0 + 1, "site ids are not reused");
    let audit = owner.get(&format!("/api/v1/audit?site={}", other.id)).await.json();
    assert_eq!(audit["entries"][0]["action"], "remove site", "{audit}");
    app.finish().await;
}
