//! Webhooks: signed calls for events and segments, at least once, and never into a private network.

use std::time::Duration;

use ashna::{
    config::Config,
    control::Scope,
    model::VisitorId,
    webhooks::{Person, WebhookEvent},
};
use reqwest::Client;
use serde_json::{Value, json};

use crate::{
    service::Service,
    support::{
        app::TestApp,
        client::{Answer, ApiClient},
        engine::{PATIENCE, endpoint, eventually},
        receiver::{Receiver, Reply},
    },
};

/// Allows this machine, and repeats quickly.
fn quick(config: &mut Config) {
    config.webhooks.inside_networks = vec!["127.0.0.0/8".parse().unwrap()];
    (config.webhooks.retry_backoff_ms, config.webhooks.retry_backoff_max_ms) = (50, 200);
    config.webhooks.timeout_ms = 700;
}

async fn puts(app: &TestApp, admin: &ApiClient, id: &str, url: &str, events: &[&str]) -> Value {
    let body = json!({ "url": url, "events": events, "enabled": true });
    let answer = admin.put(&app.path(&format!("webhooks/{id}")), body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Waits until the newest delivery has this state.
async fn becomes(app: &TestApp, admin: &ApiClient, id: &str, state: &str) -> Value {
    let mut newest = Value::Null;
    eventually(state, PATIENCE, async || {
        let listed = admin.get(&app.path(&format!("webhooks/{id}/deliveries"))).await.json();
        newest = listed["deliveries"][0].clone();
        newest["state"] == state
    })
    .await;
    newest
}

#[tokio::test]
async fn an_event_is_called_for_once_with_a_signature_and_failures_are_repeated() {
    let app = TestApp::with(quick).await;
    let admin = app.with_key(Scope::Admin).await;
    let (receiver, hanging) = (Receiver::start(Reply::Status(500)).await, Receiver::start(Reply::Hangs).await);
    let names = ["event:Order Completed", "event:page"];
    let created = puts(&app, &admin, "crm", &receiver.url("127.0.0.1"), &names).await;
    let secret = created["secret"].as_str().expect("it is shown when it is created").to_owned();
    puts(&app, &admin, "stuck", &hanging.url("127.0.0.1"), &names).await;
    let again = puts(&app, &admin, "crm", &receiver.url("127.0.0.1"), &names).await;
    assert_eq!(again.get("secret"), None, "and not again");
    assert_eq!(admin.get(&app.path("webhooks/crm")).await.json().get("secret"), None);

    let mut visitor = app.visitor();
    visitor.tracks("Product Viewed", json!({ "product_id": "p-1" })).await;
    visitor.tracks("Order Completed", json!({ "order_id": "o-1", "revenue": 12.5, "currency": "EUR" })).await;
    receiver.receives(2).await;
    receiver.does(Reply::Hangs);
    receiver.receives(3).await;
    receiver.does(Reply::Status(204));
    let delivered = becomes(&app, &admin, "crm", "delivered").await;
    let calls = receiver.calls();
    assert!(calls.iter().all(|call| call.is_signed_with(&secret) && call.path == "/hook?a=b"), "{calls:?}");
    assert!(!calls[0].is_signed_with("another"));
    assert!(calls.iter().all(|call| call.text == calls[0].text), "every attempt has the same body");
    let body = calls[0].json();
    assert_eq!((&body["type"], &body["site_id"]), (&json!("event:Order Completed"), &json!(app.site.id)));
    assert_eq!((&body["id"], &delivered["id"]), (&json!(calls[0].id()), &json!(calls[0].id())));
    assert_eq!(body["person"]["visitor"], json!(visitor.id));
    assert_eq!((&body["data"]["order_id"], &body["data"]["amount_minor"]), (&json!("o-1"), &json!(1250)));
    assert_eq!(delivered["attempts"], json!(calls.len()), "one delivery for one event: {delivered}");
    assert!(body["at"].as_str().unwrap().ends_with('Z'), "{body}");

    // The other webhook is still waiting for its receiver, and delayed nothing.
    let waiting = becomes(&app, &admin, "stuck", "waiting").await;
    assert!(waiting["finished_at"].is_null());

    // A replay is the same call again.
    let replay = app.path(&format!("webhooks/crm/deliveries/{}/replay", calls[0].id()));
    assert_eq!(admin.post(&replay, json!({})).await.status, 202);
    let replayed = receiver.receives(calls.len() + 1).await;
    assert_eq!(replayed.last().unwrap().text, calls[0].text);
    becomes(&app, &admin, "crm", "delivered").await;

    // A new secret signs from now on; the test is a call of its own.
    let rotated = admin.post(&app.path("webhooks/crm/secret"), Value::Null).await.json();
    let tested = admin.post(&app.path("webhooks/crm/test"), Value::Null).await.json();
    assert_eq!(
        (&tested["state"], &tested["status"], &tested["type"]),
        (&json!("delivered"), &json!(204), &json!("test"))
    );
    let last = receiver.calls().pop().unwrap();
    assert!(last.is_signed_with(rotated["secret"].as_str().unwrap()) && !last.is_signed_with(&secret));
    assert_eq!(last.json()["type"], "test");
    app.finish().await;
}

#[tokio::test]
async fn segments_are_called_for_and_a_deleted_or_disabled_webhook_is_not() {
    let app = TestApp::with(quick).await;
    let admin = app.with_key(Scope::Admin).await;
    let receiver = Receiver::start(Reply::Status(200)).await;
    let created = admin
        .post(&app.path("webhooks"), json!({ "url": receiver.url("127.0.0.1"), "events": ["segment.entered:loyal"] }))
        .await;
    assert_eq!(created.status, 201, "{}", created.text);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let webhooks = &app.state().webhooks;
    let happens = async |kind: &str| {
        let person = Person { visitor: VisitorId(7), user_id: "ada".into(), user_verified: true };
        let event =
            WebhookEvent { kind: kind.into(), person, at: ashna::clock::now(), data: json!({ "segment": "loyal" }) };
        let calls = webhooks.calls(app.site.id, &event, &rand::random::<[u8; 8]>());
        app.state().control.queue_deliveries(&calls, None, 1000).await.unwrap();
        webhooks.were_queued(0);
    };
    happens("segment.left:loyal").await;
    happens("segment.entered:loyal").await;
    let calls = receiver.receives(1).await;
    let body = calls[0].json();
    assert_eq!((&body["type"], &body["data"]["segment"]), (&json!("segment.entered:loyal"), &json!("loyal")));
    assert_eq!((&body["person"]["user_id"], &body["person"]["user_verified"]), (&json!("ada"), &json!(true)));
    becomes(&app, &admin, &id, "delivered").await;

    // While the receiver fails, the webhook is disabled: the call waits until it is enabled.
    receiver.does(Reply::Status(503));
    happens("segment.entered:loyal").await;
    receiver.receives(2).await;
    let path = app.path(&format!("webhooks/{id}"));
    let with = |enabled: bool| json!({ "url": receiver.url("127.0.0.1"), "events": ["segment.entered:loyal"], "enabled": enabled });
    assert_eq!(admin.put(&path, with(false)).await.status, 200);
    happens("segment.entered:loyal").await;
    receiver.does(Reply::Status(200));
    let listed = admin.get(&format!("{path}/deliveries")).await.json();
    assert_eq!(listed["deliveries"].as_array().unwrap().len(), 2, "none is queued while it is disabled: {listed}");
    assert_eq!(admin.put(&path, with(true)).await.status, 200);
    becomes(&app, &admin, &id, "delivered").await;

    assert_eq!(admin.delete(&path).await.status, 204);
    let before = receiver.calls().len();
    happens("segment.entered:loyal").await;
    admin.get(&path).await.refuses(404, "not_found");
    admin.delete(&path).await.refuses(404, "not_found");
    assert_eq!(receiver.calls().len(), before, "a deleted webhook is not called");
    app.finish().await;
}

#[tokio::test]
async fn a_call_is_given_up_after_its_time_and_a_full_queue_is_counted() {
    let app = TestApp::with(|config| {
        quick(config);
        (config.webhooks.give_up_ms, config.webhooks.waiting_max) = (1500, 2);
    })
    .await;
    let admin = app.with_key(Scope::Admin).await;
    let receiver = Receiver::start(Reply::Redirect).await;
    puts(&app, &admin, "crm", &receiver.url("127.0.0.1"), &["event:A"]).await;
    let mut visitor = app.visitor();
    let many: Vec<Value> = (0..5).map(|_| json!({ "type": "track", "event": "A" })).collect();
    visitor.sends(json!(many)).await;
    let given_up = becomes(&app, &admin, "crm", "given_up").await;
    assert_eq!(given_up["status"], 307, "{given_up}");
    assert!(given_up["error"].as_str().unwrap().contains("not followed"), "{given_up}");
    assert!(given_up["attempts"].as_u64().unwrap() >= 2, "{given_up}");
    assert!(receiver.calls().iter().all(|call| call.path == "/hook?a=b"), "the redirect is not followed");
    let hook = admin.get(&app.path("webhooks/crm")).await.json();
    assert_eq!((app.metric("webhook_calls_dropped_total"), &hook["dropped"]), (3, &json!(3)), "{hook}");
    app.reaches("webhook_calls_given_up_total", 2).await;
    assert!(app.metric("webhook_attempts_failed_total") >= 4);

    // A person who is erased is in no stored call either.
    let path = app.path(&format!("visitors/{}", visitor.id));
    app.settled().await;
    assert_eq!(admin.delete(&path).await.status, 200);
    let listed = admin.get(&app.path("webhooks/crm/deliveries")).await.json();
    assert_eq!(listed["deliveries"], json!([]), "{listed}");
    app.gives_up_counting_rows();
    app.finish().await;
}

#[tokio::test]
async fn private_addresses_and_invalid_settings_are_refused_when_saved() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let path = app.path("webhooks");
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "https://10.1.2.3/",
        "http://169.254.169.254/latest/meta-data",
        "http://user:pass@93.184.216.34/",
        "ftp://93.184.216.34/",
        "no address",
        "",
    ] {
        let answer = admin.post(&path, json!({ "url": url, "events": ["event:A"] })).await;
        answer.refuses(422, "invalid");
    }
    let url = "https://93.184.216.34/hook";
    for events in
        [json!([]), json!(["A"]), json!(["event:"]), json!(["segment.entered:a b"]), Value::from(vec!["event:A"; 51])]
    {
        admin.post(&path, json!({ "url": url, "events": events })).await.refuses(422, "invalid");
    }
    admin.put(&app.path("webhooks/a%20b"), json!({ "url": url, "events": ["event:A"] })).await.refuses(422, "invalid");
    admin.post(&path, json!({ "url": url, "events": ["event:A"], "more": 1 })).await.refuses(400, "unreadable");
    for n in 0..20 {
        let answer = admin.post(&path, json!({ "id": format!("h-{n}"), "url": url, "events": ["event:A"] })).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    admin.post(&path, json!({ "id": "h-0", "url": url, "events": ["event:A"] })).await.refuses(409, "conflict");
    admin.post(&path, json!({ "url": url, "events": ["event:A"] })).await.refuses(422, "invalid");
    app.finish().await;
}

const ORIGIN: &str = "https://shop.example";

/// A service without a warehouse, which webhooks for events do not need.
fn without_warehouse() -> Service {
    Service::new(&[]).set("ASHNA__CLICKHOUSE__URL", "http://127.0.0.1:1")
}

/// A running service.
struct Process {
    service: Service,
    client: Client,
    site: String,
    key: String,
    admin: String,
}

impl Process {
    async fn start(service: Service) -> Self {
        let client = Client::builder().timeout(Duration::from_mins(1)).build().expect("a client");
        let mut service =
            service.set("ASHNA__WEBHOOKS__RETRY_BACKOFF_MS", "50").set("ASHNA__WEBHOOKS__RETRY_BACKOFF_MAX_MS", "200");
        service.start();
        service.ready(&client).await;
        let site = service.command(&["site", "add", "--name", "Shop", "--origin", ORIGIN]);
        let (id, key) = (site["site_id"].to_string(), site["write_key"].as_str().expect("a key").to_owned());
        let admin = service.command(&["key", "add", "--site", id.trim_matches('"'), "--scope", "admin"]);
        let admin = admin["key"].as_str().expect("a key").to_owned();
        Self { service, client, site: id.trim_matches('"').to_owned(), key, admin }
    }

    fn api(&self) -> ApiClient {
        ApiClient::new(&self.client, &self.service.url()).with_header("authorization", format!("Bearer {}", self.admin))
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/sites/{}/{rest}", self.site)
    }

    async fn tracks(&self, who: &str, event: &str) {
        let body = json!({ "writeKey": self.key, "type": "track", "event": event, "anonymousId": who });
        let request = self.client.post(format!("{}/v1/track", self.service.url())).json(&body);
        assert_eq!(Answer::to(request).await.status, 200);
    }

    async fn adds(&self, url: &str, events: &[&str]) {
        let body = json!({ "url": url, "events": events });
        let answer = self.api().put(&self.path("webhooks/crm"), body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    async fn newest(&self) -> Value {
        self.api().get(&self.path("webhooks/crm/deliveries")).await.json()["deliveries"][0].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_entries_acknowledged_just_before_a_kill_are_called_for_after_the_restart() {
    let receiver = Receiver::start(Reply::Status(500)).await;
    let warehouse = endpoint().await;
    let service = Service::new(&[])
        .set("ASHNA__CLICKHOUSE__URL", &warehouse.url)
        .set("ASHNA__CLICKHOUSE__USER", &warehouse.user)
        .set("ASHNA__CLICKHOUSE__PASSWORD", warehouse.password.expose())
        .set("ASHNA__CLICKHOUSE__DATABASE", &warehouse.database)
        .set("ASHNA__WEBHOOKS__INSIDE_NETWORKS", "127.0.0.1");
    let mut process = Process::start(service).await;
    let segment = json!({ "name": "A", "rule": { "event": "A" } });
    assert_eq!(process.api().put(&process.path("segments/a"), segment).await.status, 200);
    process.adds(&receiver.url("127.0.0.1"), &["event:A", "segment.entered:a"]).await;
    for round in 1..=4 {
        process.tracks(&format!("visitor-{round}"), "A").await;
        process.service.kill();
        process.service.start();
        process.service.ready(&process.client).await;
        if round == 2 {
            receiver.does(Reply::Status(200));
        }
    }
    let ids = |kind: &str| {
        let calls = receiver.calls().into_iter().filter(|call| call.json()["type"] == kind);
        let mut ids: Vec<String> = calls.map(|call| call.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    eventually("every event is called for", PATIENCE, async || ids("event:A").len() == 4).await;
    eventually("every entry is called for", PATIENCE, async || ids("segment.entered:a").len() == 4).await;
    eventually("none is left", PATIENCE, async || {
        let listed = process.api().get(&process.path("webhooks/crm/deliveries")).await.json();
        let rows = listed["deliveries"].as_array().unwrap();
        rows.len() == 8 && rows.iter().all(|row| row["state"] == "delivered")
    })
    .await;
    assert_eq!((ids("event:A").len(), ids("segment.entered:a").len()), (4, 4), "one id for each event and entry");
    let changes = process.api().get(&process.path("segments/a/changes")).await.json();
    let mut visitors: Vec<String> =
        changes["changes"].as_array().unwrap().iter().map(|change| change["visitor"].to_string()).collect();
    visitors.sort_unstable();
    visitors.dedup();
    assert_eq!(visitors.len(), 4, "each entered once: {changes}");
    process.service.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_to_a_private_address_later_is_not_called() {
    let receiver = Receiver::start(Reply::Status(200)).await;
    let mut process =
        Process::start(without_warehouse().set("ASHNA__WEBHOOKS__INSIDE_NETWORKS", "127.0.0.1,::1")).await;
    process.adds(&receiver.url("localhost"), &["event:A"]).await;
    process.tracks("a", "A").await;
    receiver.receives(1).await;
    process.service.kill();
    // From now on the name leads to an address that may not be called.
    process.service = process.service.set("ASHNA__WEBHOOKS__INSIDE_NETWORKS", "");
    process.service.start();
    process.service.ready(&process.client).await;
    process.tracks("a", "A").await;
    let mut newest = Value::Null;
    eventually("it fails", PATIENCE, async || {
        newest = process.newest().await;
        newest["attempts"].as_u64().is_some_and(|attempts| attempts >= 2) && newest["state"] == "waiting"
    })
    .await;
    assert!(newest["error"].as_str().unwrap().contains("private network"), "{newest}");
    let tested = process.api().post(&process.path("webhooks/crm/test"), Value::Null).await.json();
    assert_eq!((&tested["state"], &tested["status"]), (&json!("given_up"), &Value::Null), "{tested}");
    assert!(receiver.calls().iter().all(|call| call.json()["type"] == "event:A"), "no call of the test arrived");
    process.service.kill();
}
