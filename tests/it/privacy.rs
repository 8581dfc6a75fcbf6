//! Privacy requests: export and erasure of one visitor.

use ashna::{control::Scope, model::VisitorId, operate::Operation};
use serde_json::json;

use crate::support::app::TestApp;

/// Tables that still have rows of this visitor, with the counts.
async fn left(app: &TestApp, id: &str) -> u64 {
    let visitor: VisitorId = id.parse().unwrap();
    let mut left = 0;
    for question in [
        "SELECT count() FROM events WHERE visitor = {visitor:UInt128}",
        "SELECT count() FROM visitor_events WHERE visitor = {visitor:UInt128}",
        "SELECT count() FROM identities WHERE visitor = {visitor:UInt128}",
    ] {
        let who = [("visitor", ashna::store::Param::U128(visitor.0))];
        left += app.store.query::<u64>(question, &who).await.unwrap()[0];
    }
    left
}

#[tokio::test]
async fn an_export_contains_everything_and_an_erasure_removes_everything() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let (mut visitor, mut other) = (app.visitor(), app.visitor());
    for visitor in [&mut visitor, &mut other] {
        visitor.decides(&[]).await;
        visitor.views("/secret-page").await;
        visitor.sends(json!([{ "type": "identify", "userId": "u-1", "traits": { "plan": "pro" } }])).await;
    }
    let path = app.path(&format!("visitors/{}", visitor.id));
    let copy = admin.get(&format!("{path}/export")).await.json();
    assert_eq!((&copy["visitor"], &copy["complete"]), (&json!(visitor.id), &json!(true)));
    let events = copy["events"].as_array().unwrap();
    assert_eq!((events.len(), &events[0]["path"], &events[1]["user_id"]), (2, &json!("/secret-page"), &json!("u-1")));
    assert!(events[1]["properties"].as_str().unwrap().contains("pro"), "{copy}");
    assert_eq!(copy["identities"][0]["user_id"], "u-1");
    assert_eq!(left(&app, &visitor.id).await, 5);

    let kept_before = left(&app, &other.id).await;
    assert_eq!(admin.delete(&path).await.json(), json!({ "erased_events": 2 }));
    assert_eq!(left(&app, &visitor.id).await, 0);
    assert_eq!(left(&app, &other.id).await, kept_before, "another visitor's rows stay");
    admin.get(&path).await.refuses(404, "not_found");
    assert_eq!(admin.get(&format!("{path}/export")).await.json()["events"], json!([]));
    assert_eq!(admin.delete(&path).await.json(), json!({ "erased_events": 0 }));

    // A returning visitor starts with an empty profile, in decisions too.
    let offer = json!({ "id": "again", "slot": "hero", "when": { "field": "pageviews", "op": "gte", "value": 2 } });
    assert_eq!(admin.post(&app.path("offers"), offer).await.status, 201);
    visitor.views("/").await;
    assert_eq!(visitor.decides(&["hero"]).await["decisions"], json!({}));
    app.settled().await;
    assert_eq!(admin.get(&path).await.json()["events"], 1);
    app.gives_up_counting_rows();
    app.finish().await;
}

#[tokio::test]
async fn the_journal_drops_an_erased_visitor_with_the_next_events() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.views("/marked-for-erasure").await;
    let erase = Operation::EraseVisitor { site: app.site.id.0, visitor: visitor.id.clone() };
    assert_eq!(app.operates(erase).await, json!({ "erased_events": 1 }));
    let holds = || {
        let files = std::fs::read_dir(app.data_dir().join("journal")).unwrap();
        let is_held = |bytes: Vec<u8>| bytes.windows(18).any(|window| window == b"marked-for-erasure");
        files.filter_map(|file| std::fs::read(file.unwrap().path()).ok()).any(is_held)
    };
    assert!(holds(), "delivered, but still in the newest segment");
    crate::support::engine::eventually("the file is deleted", std::time::Duration::from_secs(30), async || {
        app.visitor().views("/").await;
        app.settled().await;
        !holds()
    })
    .await;
    app.gives_up_counting_rows();
    app.finish().await;
}

#[tokio::test]
async fn export_and_erasure_require_permission_to_change_the_site() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.views("/").await;
    let path = app.path(&format!("visitors/{}", visitor.id));
    let reader = app.with_key(Scope::Read).await;
    reader.get(&format!("{path}/export")).await.refuses(403, "forbidden");
    reader.delete(&path).await.refuses(403, "forbidden");
    app.api().delete(&path).await.refuses(401, "unauthorized");
    let foreign = app.with_key_of(&app.another_site().await, Scope::Admin).await;
    foreign.delete(&path).await.refuses(404, "not_found");
    // Any text may be the `anonymousId` of some client; nothing is stored under this one.
    let unknown = app.with_key(Scope::Admin).await.delete(&app.path("visitors/nonsense")).await;
    assert_eq!(unknown.json()["erased_events"], 0);
    app.settled().await;
    assert_eq!(left(&app, &visitor.id).await, 2);
    app.finish().await;
}
