//! Who enters and leaves segments: by events and by time, once for a person, silently for those who were members before.

use ashna::{
    clock,
    control::{Role, Scope},
};
use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    client::ApiClient,
    engine::{PATIENCE, eventually},
    receiver::{Receiver, Reply},
};

const DAY_MS: f64 = 86_400_000.0;

async fn puts(app: &TestApp, admin: &ApiClient, id: &str, rule: Value) {
    let answer = admin.put(&app.path(&format!("segments/{id}")), json!({ "name": id, "rule": rule })).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Waits until a segment is counted and has so many members.
async fn has(app: &TestApp, api: &ApiClient, id: &str, members: u64) -> Value {
    let mut history = Value::Null;
    eventually(&format!("{id} has {members}"), PATIENCE, async || {
        history = api.get(&app.path(&format!("segments/{id}/history"))).await.json();
        history["state"] == "followed" && history["members"] == members
    })
    .await;
    history
}

async fn changes(app: &TestApp, api: &ApiClient, id: &str) -> Vec<Value> {
    let listed = api.get(&app.path(&format!("segments/{id}/changes"))).await.json();
    listed["changes"].as_array().unwrap_or_else(|| panic!("{listed}")).clone()
}

#[tokio::test]
async fn people_enter_and_leave_and_webhooks_are_called_once() {
    let app = TestApp::with(|config| {
        config.webhooks.inside_networks = vec!["127.0.0.0/8".parse().unwrap()];
        config.profiles.read_budget_ms = 2000;
    })
    .await;
    let admin = app.with_key(Scope::Admin).await;
    let server = app.with_key(Scope::Server).await;
    let sends = async |who: &str, event: &str| {
        let call = json!({"type": "track", "anonymousId": who, "event": event, "timestamp": clock::now().to_string()});
        assert_eq!(server.post("/v1/batch", json!({ "batch": [call] })).await.status, 200);
    };
    // Without segments nothing is followed.
    sends("old", "Signed Up").await;
    sends("other", "Seen").await;
    app.settled().await;
    assert_eq!(app.metric("segment_evaluations_total"), 0);

    let receiver = Receiver::start(Reply::Status(200)).await;
    let names = ["segment.entered:members", "segment.left:active", "segment.entered:active", "segment.entered:nothing"];
    let hook = json!({ "url": receiver.url("127.0.0.1"), "events": names });
    let created = admin.put(&app.path("webhooks/crm"), hook).await;
    let secret = created.json()["secret"].as_str().unwrap().to_owned();
    puts(&app, &admin, "members", json!({"event": "Signed Up"})).await;
    puts(&app, &admin, "active", json!({"event": "Visited", "within_days": 2500.0 / DAY_MS})).await;
    puts(&app, &admin, "visitors", json!({"not": {"event": "Signed Up"}})).await;
    // Acknowledged after the segment was stored, whether it is counted by then or not.
    sends("early", "Signed Up").await;
    has(&app, &admin, "members", 2).await;
    has(&app, &admin, "visitors", 1).await;
    let entered = changes(&app, &admin, "members").await;
    assert_eq!(entered.len(), 1, "those who were members before are not listed: {entered:?}");
    assert_eq!(
        (&entered[0]["change"], &entered[0]["reason"], &entered[0]["event"]),
        (&json!("entered"), &json!("event"), &json!("Signed Up"))
    );

    // One person with two browsers enters once, and leaves by time.
    let visits = ["phone", "laptop"].map(|browser| {
        json!({"type": "track", "anonymousId": browser, "userId": "ada", "event": "Visited",
            "timestamp": clock::now().to_string()})
    });
    assert_eq!(server.post("/v1/batch", json!({ "batch": visits })).await.status, 200);
    eventually("ada leaves", PATIENCE, async || changes(&app, &admin, "active").await.len() >= 2).await;
    has(&app, &admin, "active", 0).await;
    let active = changes(&app, &admin, "active").await;
    let kinds: Vec<_> =
        active.iter().map(|change| (&change["change"], &change["reason"], &change["user_id"])).collect();
    let ada = json!("ada");
    assert_eq!(
        kinds,
        [(&json!("left"), &json!("time"), &ada), (&json!("entered"), &json!("event"), &ada)],
        "newest first"
    );

    let calls = receiver.receives(3).await;
    assert!(calls.iter().all(|call| call.is_signed_with(&secret)), "{calls:?}");
    let mut types: Vec<String> = calls.iter().map(|call| call.json()["type"].as_str().unwrap().to_owned()).collect();
    types.sort();
    assert_eq!(types, ["segment.entered:active", "segment.entered:members", "segment.left:active"]);
    let left = calls.iter().find(|call| call.json()["type"] == "segment.left:active").unwrap().json();
    assert_eq!((&left["person"]["user_id"], &left["person"]["user_verified"]), (&ada, &json!(true)));
    let data = &left["data"];
    assert_eq!(
        (&data["segment"], &data["name"], &data["reason"]),
        (&json!("active"), &json!("active"), &json!("time"))
    );
    assert!(data["since"].as_str().unwrap() < left["at"].as_str().unwrap(), "{left}");

    // A changed rule is counted again, silently; a deleted segment is left without a call.
    puts(&app, &admin, "members", json!({"any": [{"event": "Signed Up"}, {"event": "Seen"}]})).await;
    let history = has(&app, &admin, "members", 3).await;
    let today = history["days"].as_array().unwrap().last().unwrap();
    assert_eq!((&today["members"], &today["entered"], &today["left"]), (&json!(3), &json!(1), &json!(0)), "{history}");
    // "other", and both browsers of ada, who are one person; "old" and "early" have signed up.
    let overlap = admin.get(&app.path("segments/visitors/overlap")).await.json();
    assert_eq!(overlap["members"], 2, "{overlap}");
    assert_eq!(
        overlap["segments"][0],
        json!({"id": "members", "name": "members", "people": 1, "share": 0.5}),
        "{overlap}"
    );
    assert_eq!(admin.delete(&app.path("segments/active")).await.status, 204);
    admin.get(&app.path("segments/active/changes")).await.refuses(404, "not_found");
    let builtin = admin.get(&app.path("segments/builtin-new/history")).await.json();
    assert_eq!((&builtin["state"], &builtin["days"]), (&json!("not_followed"), &json!([])));
    admin.get(&app.path("segments/members/history?days=0")).await.refuses(400, "unreadable");
    admin.get(&app.path("segments/members/changes?limit=1001")).await.refuses(400, "unreadable");

    // A viewer may read them.
    let viewer = app.with_login(Role::Viewer).await;
    assert_eq!(viewer.get(&app.path("segments/members/changes?limit=1")).await.status, 200);
    // A person who is erased is no member, and in no list.
    app.settled().await;
    let early = entered[0]["visitor"].as_str().unwrap();
    assert_eq!(admin.delete(&app.path(&format!("visitors/{early}"))).await.status, 200);
    has(&app, &admin, "members", 2).await;
    assert_eq!(changes(&app, &admin, "members").await, Vec::<Value>::new());
    assert_eq!(receiver.calls().len(), 3, "each call is made once: {:?}", receiver.calls());
    app.gives_up_counting_rows();
    app.finish().await;
}
