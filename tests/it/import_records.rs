//! Import of customers, orders and consents, over HTTP and by the command.

use std::fmt::Write as _;

use ashna::control::Scope;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    service::{Service, refusal},
    support::{app::TestApp, client::ApiClient},
};

const ORDERS: &str = "\u{feff}order_id;user_id;occurred_at;revenue;currency;products;note\r\n\
    o-1;ada;2015-03-01T10:00:00Z;12,50;EUR;p-1|p-2;\"two\r\nlines\"\r\n\
    o-2;ada;2016-04-02;7.25;EUR;;\r\n\
    o-3;bob;yesterday;1;EUR;;\r\n\
    o-4;;2016-04-02;1;EUR;;\r\n\
    o-5;bob;2016-04-02;1,234;EUR;;\r\n";

async fn imports(app: &TestApp, admin: &ApiClient, kind: &str, file: &str) -> Value {
    let answer = admin.sends(Method::POST, &app.path(&format!("import/{kind}")), file.to_owned()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

/// Counts: read, kept, dropped, rejected.
fn counts(answer: &Value) -> [u64; 4] {
    ["read", "kept", "dropped", "rejected"].map(|name| answer[name].as_u64().expect("a count"))
}

#[tokio::test]
async fn old_orders_count_once_and_faults_are_named_by_line() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    app.changes_site(json!({ "currency": "EUR" })).await;
    let dry = imports(&app, &admin, "orders?dry_run=true", ORDERS).await;
    assert_eq!(counts(&dry), [5, 2, 0, 3], "{dry}");
    assert_eq!(app.metric("events_received_total"), 0, "nothing was stored");
    let first = imports(&app, &admin, "orders", ORDERS).await;
    assert_eq!(counts(&first), [5, 2, 0, 3], "{first}");
    let faults: Vec<(u64, &str)> = first["rejected_rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["row"].as_u64().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(faults, [(5, "bad_time"), (6, "missing_value"), (7, "bad_amount")], "{first}");
    assert!(first["rejected_rows"][2]["message"].as_str().unwrap().contains("1,234"), "{first}");
    assert_eq!(counts(&imports(&app, &admin, "orders", ORDERS).await), [5, 0, 2, 3], "a second time adds nothing");
    app.settled().await;
    let question = json!({ "from": "2015-01-01T00:00:00Z", "to": "2017-01-01T00:00:00Z" });
    let overview = admin.post(&app.path("reports/overview"), question).await.json();
    assert_eq!(overview["totals"]["revenue_minor"], 1975, "{overview}");
    let found = admin.post(&app.path("customers/lookup"), json!({ "user_id": "ada" })).await.json();
    assert_eq!((&found["orders"], &found["revenue_minor"]), (&json!(2), &json!(1975)), "{found}");
    assert_eq!(found["first_seen"], "2015-03-01T10:00:00.000Z");
    let senders =
        app.stored("SELECT toString(groupUniqArray((by_server_key, items))) FROM events WHERE order_id = 'o-1'").await;
    assert_eq!(senders, ["[(true,['p-1','p-2'])]"]);
    app.finish().await;
}

#[tokio::test]
async fn customers_are_found_by_their_hashes_and_consents_are_recorded() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let customers = "user_id,email,phone,first_seen_at,city\nada,Ada@Shop.example,+98 912 1234567,2019-05-01,Shiraz\n\
        bob,,,,\n,x@y.example,,,\n";
    assert_eq!(counts(&imports(&app, &admin, "customers", customers).await), [3, 2, 0, 1]);
    assert_eq!(counts(&imports(&app, &admin, "customers", customers).await), [3, 0, 2, 1]);
    let consents = "{\"user_id\":\"ada\",\"analytics\":true,\"personalization\":\"no\",\"at\":1577836800}\nno json\n";
    let answer = imports(&app, &admin, "consents", consents).await;
    assert_eq!((counts(&answer), &answer["rejected_rows"][0]["row"]), ([2, 1, 0, 1], &json!(2)), "{answer}");
    app.settled().await;
    let hash = "a4c14f1b068bf2c602e289b5dfcd89085692c73c63daf5a90a0b481b7328ee35";
    let found = admin.post(&app.path("customers/lookup"), json!({ "email_sha256": hash })).await.json();
    assert_eq!(found["user_id"], "ada", "{found}");
    let found = admin.post(&app.path("customers/lookup"), json!({ "user_id": "ada" })).await.json();
    assert_eq!(found["first_seen"], "2019-05-01T00:00:00.000Z", "{found}");
    let timeline = found["timeline"].as_array().unwrap();
    let consent = timeline.iter().find(|entry| entry["event"] == "Consent Updated").unwrap();
    assert_eq!(
        (&consent["properties"]["analytics"], &consent["properties"]["personalization"]),
        (&json!(true), &json!(false))
    );
    let cities =
        app.stored("SELECT JSONExtractString(properties, 'city') FROM events WHERE user_id = 'ada' AND kind = 4").await;
    assert_eq!(cities, ["Shiraz"]);
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_such_file_is_refused_with_one_line() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let check = async |kind: &str, bytes: Vec<u8>, expected: &str| {
        let answer = admin.sends(Method::POST, &app.path(&format!("import/{kind}")), bytes).await;
        answer.refuses(422, "invalid");
        assert!(answer.text.contains(expected), "{}", answer.text);
    };
    check("orders", b"order_id,user_id,occurred_at,revenue\n1,2,3,4\n".to_vec(), "no column `currency`").await;
    check("customers", b"name\nx\n".to_vec(), "no column `user_id`; its columns are name").await;
    check("customers", Vec::new(), "the file is empty").await;
    let utf16 = "user_id,a".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check("customers", utf16, "UTF-16").await;
    check("customers", b"user_id,a\nu,\"x\nv,y\n".to_vec(), "never closed").await;
    let answer = admin.sends(Method::POST, &app.path("import/people"), "user_id\n1\n").await;
    answer.refuses(404, "not_found");
    // Bytes of another encoding affect only their rows.
    let latin = admin.sends(Method::POST, &app.path("import/customers"), b"user_id,a\n1,caf\xe9\n2,b\n".to_vec()).await;
    assert_eq!(counts(&latin.json()), [2, 1, 0, 1], "{}", latin.text);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_names_twenty_faults_and_counts_the_others() {
    let client = reqwest::Client::new();
    let mut service = Service::new(&[]).set("ASHNA__CLICKHOUSE__URL", "http://127.0.0.1:1");
    service.start();
    service.ready(&client).await;
    let site = service.command(&["site", "add", "--name", "Shop", "--origin", "https://shop.example"]);
    let site = site["site_id"].to_string().trim_matches('"').to_owned();
    let mut file = "user_id,analytics,personalization,at\n".to_owned();
    for n in 0..30_000 {
        let _ = writeln!(file, "u-{n},{},1,2024-01-01", if n % 1000 == 0 { "perhaps" } else { "yes" });
    }
    let path = service.data().join("consents.csv");
    std::fs::write(&path, &file).expect("a file");
    let path = path.to_str().expect("a path");
    let data = service.data().to_str().expect("a path").to_owned();
    let dry =
        crate::service::ashna(&["import", "consents", path, "--site", &site, "--dry-run", "--data-dir", &data], b"");
    let text = String::from_utf8_lossy(&dry.stdout).into_owned();
    assert!(dry.status.success(), "{}", String::from_utf8_lossy(&dry.stderr));
    assert_eq!(text.lines().filter(|line| line.starts_with("line ")).count(), 20, "{text}");
    for expected in ["line 2: `analytics` is \"perhaps\"", "and 10 more", "nothing was stored", "bad_consent"] {
        assert!(text.contains(expected), "{text:?} lacks {expected:?}");
    }
    let answer = service.command(&["import", "consents", path, "--site", &site, "--dry-run"]);
    assert_eq!(counts(&answer), [30_000, 29_970, 0, 30], "{answer}");
    assert_eq!(service.metrics(&client).await["ashna_journal_records_kept"], 0, "a dry run stores nothing");
    let refused = service.tries(&["import", "items", path, "--site", &site, "--dry-run"]);
    assert!(refusal(&refused).contains("--dry-run"));
    let stranger = service.tries(&["import", "orders", "-", "--site", "99"]);
    assert!(refusal(&stranger).contains("there is no site 99"));
    service.kill();
}
