//! Segment's HTTP Tracking API as its clients use it.

use std::io::Write as _;

use ashna::clock;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::{ORIGIN, TestApp},
    client::{Answer, ApiClient},
};

/// A server-side client: Basic authorization, no browser.
fn server(app: &TestApp) -> ApiClient {
    app.api().with_header("authorization", format!("Basic {}", STANDARD.encode(format!("{}:", app.site.write_key))))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn every_call_has_a_long_and_a_short_route() {
    let app = TestApp::start().await;
    let calls = [
        ("track", "t", json!({ "event": "Signed Up", "userId": "u" })),
        ("page", "p", json!({ "name": "Home", "anonymousId": "a" })),
        ("screen", "s", json!({ "name": "Start", "userId": "u" })),
        ("identify", "i", json!({ "userId": "u", "traits": { "plan": "gold" } })),
        ("group", "g", json!({ "groupId": "g", "userId": "u" })),
        ("alias", "a", json!({ "previousId": "a", "userId": "u" })),
        ("batch", "b", json!({ "batch": [{ "type": "track", "event": "Signed Up", "userId": "u" }] })),
        ("import", "import", json!({ "batch": [{ "type": "identify", "userId": "u" }] })),
    ];
    for (long, short, body) in calls {
        for name in [long, short] {
            let answer = server(&app).post(&format!("/v1/{name}"), body.clone()).await;
            assert_eq!((answer.status, answer.json()), (200, json!({ "success": true })), "{name}: {}", answer.text);
            assert_eq!(answer.outcome(), "kept=1, dropped=0, rejected=0", "{name}");
        }
    }
    let kinds = app.stored("SELECT concat(toString(kind), '=', toString(count())) FROM events GROUP BY kind").await;
    assert_eq!(kinds.len(), 6, "{kinds:?}");
    app.finish().await;
}

#[tokio::test]
async fn the_key_is_in_basic_authorization_or_in_the_body() {
    let app = TestApp::start().await;
    let key = app.site.write_key.as_str();
    let body = json!({ "event": "Paid", "userId": "u" });
    let with_key = json!({ "event": "Paid", "userId": "u", "writeKey": key });
    let basic = |text: String| format!("Basic {text}");
    let kept = [
        (Some(basic(STANDARD.encode(format!("{key}:")))), &body),
        (Some(basic(STANDARD.encode(key))), &body),
        (Some(basic(STANDARD_NO_PAD.encode(format!("{key}:x")))), &body),
        (Some(format!("basic  {}", STANDARD.encode(format!("{key}:")))), &body),
        (Some(basic(STANDARD.encode(":"))), &with_key),
        (Some("Basic !".into()), &with_key),
        (None, &with_key),
    ];
    for (authorization, body) in kept {
        let mut api = app.api();
        if let Some(value) = &authorization {
            api = api.with_header("authorization", value.clone());
        }
        assert_eq!(api.post("/v1/track", body.clone()).await.status, 200, "{authorization:?}");
    }
    let wrong = app.api().with_header("authorization", basic(STANDARD.encode("unknown:")));
    wrong.post("/v1/track", with_key.clone()).await.refuses(401, "unauthorized");
    let bearer = app.api().with_header("authorization", "Bearer unknown");
    bearer.post("/v1/track", with_key).await.refuses(401, "unauthorized");
    app.api().post("/v1/track", body).await.refuses(401, "unauthorized");
    app.finish().await;
}

#[tokio::test]
async fn requests_that_are_too_large_get_segments_answer() {
    let app = TestApp::start().await;
    let event = |bytes: usize| json!({ "type": "track", "event": "A", "userId": "u", "properties": { "x": "x".repeat(bytes) } });
    assert_eq!(server(&app).post("/v1/track", event(32_000)).await.status, 200);
    let large = server(&app).post("/v1/track", event(33_000)).await;
    large.refuses(400, "too_large");
    assert_eq!(large.outcome(), "kept=0, dropped=0, rejected=1 (too_large=1)");
    // In a batch only the large event fails.
    let batch = json!({ "batch": [event(10), event(33_000), event(10)] });
    let answer = server(&app).post("/v1/batch", batch).await;
    assert_eq!((answer.status, answer.outcome()), (200, "kept=2, dropped=0, rejected=1 (too_large=1)"));
    assert_eq!(answer.json(), json!({ "success": true, "rejected": { "too_large": 1 } }));
    // A batch of just under 4 MB, as RudderStack's clients send, is accepted; a larger one is not.
    let full = json!({ "batch": vec![event(30_000); 130] });
    assert!(full.to_string().len() > 3_900_000);
    assert_eq!(server(&app).post("/v1/batch", full).await.outcome(), "kept=130, dropped=0, rejected=0");
    let beyond = json!({ "batch": vec![event(30_000); 141] });
    server(&app).post("/v1/batch", beyond.clone()).await.refuses(400, "too_large");
    let packed = server(&app).sends(Method::POST, "/v1/batch", gzip(&beyond.to_string())).await;
    packed.refuses(400, "too_large");
    server(&app).sends(Method::POST, "/v1/track", "{\"event\":").await.refuses(400, "unreadable");
    app.finish().await;
}

#[tokio::test]
async fn any_content_type_and_every_encoding_is_accepted() {
    let app = TestApp::start().await;
    let body = json!({ "event": "Paid", "userId": "u" }).to_string();
    let types = ["application/json", "text/plain", "application/x-www-form-urlencoded", "image/png", "", "nonsense"];
    for kind in types {
        let answer = server(&app).with_header("content-type", kind).sends(Method::POST, "/v1/t", body.clone()).await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text);
    }
    let zstd = zstd::encode_all(body.as_bytes(), 3).unwrap();
    let mut br = Vec::new();
    brotli::BrotliCompress(&mut body.as_bytes(), &mut br, &brotli::enc::BrotliEncoderParams::default()).unwrap();
    for (coding, packed) in [
        ("gzip", gzip(&body)),
        ("", gzip(&body)),
        ("zstd", zstd.clone()),
        ("", zstd),
        ("br", br),
        ("gzip", body.into()),
    ] {
        let api = if coding.is_empty() { server(&app) } else { server(&app).with_header("content-encoding", coding) };
        let answer = api.sends(Method::POST, "/v1/track", packed).await;
        assert_eq!(answer.status, 200, "{coding}: {}", answer.text);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_repeated_message_is_stored_once_across_calls() {
    let app = TestApp::start().await;
    let event = json!({ "type": "track", "event": "Paid", "userId": "u", "messageId": "m-1" });
    assert_eq!(server(&app).post("/v1/track", event.clone()).await.outcome(), "kept=1, dropped=0, rejected=0");
    let again = server(&app).post("/v1/batch", json!({ "batch": [event.clone(), event.clone()] })).await;
    assert_eq!(again.json(), json!({ "success": true, "dropped": { "duplicate": 2 } }));
    assert_eq!(server(&app).post("/v1/t", event).await.outcome(), "kept=0, dropped=1 (duplicate=1), rejected=0");
    app.finish().await;
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_for_each_event_of_a_batch() {
    let app = TestApp::start().await;
    let slow = clock::now().plus(-7_200_000);
    let at = |before: i64| slow.plus(-before).to_string();
    let batch = json!({ "sentAt": slow.to_string(), "batch": [
        { "type": "track", "event": "A", "userId": "u", "timestamp": at(60_000) },
        { "type": "track", "event": "B", "userId": "u", "originalTimestamp": at(120_000) },
        { "type": "track", "event": "C", "userId": "u" },
    ] });
    assert_eq!(server(&app).post("/v1/batch", batch).await.status, 200);
    let ago =
        app.stored("SELECT toString(dateDiff('second', occurred_at, received_at)) FROM events ORDER BY name").await;
    let ago: Vec<i64> = ago.iter().map(|text| text.parse().unwrap()).collect();
    assert!((59..=62).contains(&ago[0]) && (119..=122).contains(&ago[1]) && ago[2] == 0, "{ago:?}");
    app.finish().await;
}

#[tokio::test]
async fn the_browser_clients_settings_name_this_service() {
    let app = TestApp::start().await;
    let path = format!("/v1/projects/{}/settings", app.site.write_key);
    let asked = app.visitor().request(Method::GET, &path);
    let answer = Answer::to(asked.header("host", "collect.shop.example").header("x-forwarded-proto", "https")).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ORIGIN));
    let settings: Value = answer.json();
    let here = &settings["integrations"]["Segment.io"];
    assert_eq!(
        (&here["apiKey"], &here["apiHost"], &here["protocol"]),
        (&json!(app.site.write_key), &json!("collect.shop.example/v1"), &json!("https"))
    );
    assert_eq!(settings["metrics"]["sampleRate"], 0, "no metrics are sent to Segment");
    let plain = app.api().get(&path).await.json();
    let authority = app.url.trim_start_matches("http://");
    assert_eq!(plain["integrations"]["Segment.io"]["apiHost"], format!("{authority}/v1"));
    assert_eq!(plain["integrations"]["Segment.io"]["protocol"], "http");
    app.api().get("/v1/projects/unknown/settings").await.refuses(404, "not_found");
    app.finish().await;
}
