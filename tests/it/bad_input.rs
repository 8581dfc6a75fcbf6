//! Invalid input on the public routes: a clear error, counted, and the service continues.

use std::io::Write as _;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{
    app::TestApp,
    client::{Answer, FIREFOX},
};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn unreadable_bodies_are_refused_and_counted() {
    let app = TestApp::start().await;
    let key = app.site.write_key.as_str();
    let whole = json!({ "key": key, "events": [{ "type": "page" }] }).to_string();
    let mut damaged = gzip(whole.repeat(20).as_bytes());
    damaged.truncate(damaged.len() - 9);
    let cases: [(&str, Vec<u8>); 8] = [
        ("nothing", Vec::new()),
        ("half", whole.as_bytes()[..whole.len() - 3].to_vec()),
        ("no JSON", b"hello".to_vec()),
        ("an array", format!("[{whole}]").into_bytes()),
        ("no list", json!({ "key": key }).to_string().into_bytes()),
        ("a list that is none", json!({ "key": key, "events": {} }).to_string().into_bytes()),
        ("not UTF-8", [whole.replace("page", "p").as_bytes(), b"\xff\xfe"].concat()),
        ("damaged gzip", damaged),
    ];
    for (count, (what, body)) in (1..).zip(cases) {
        let answer = app.visitor().posts(body).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text);
        answer.refuses(400, "unreadable");
        assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example", "readable: {what}");
        assert_eq!(app.refused("unreadable"), count, "{what}");
    }
    assert_eq!(app.visitor().views("/").await.status, 204, "and the service continues");
    app.finish().await;
}

#[tokio::test]
async fn large_bodies_are_refused_compressed_and_decompressed() {
    let app = TestApp::start().await;
    let large = format!("{{\"key\":\"{}\",\"events\":[\"{}\"]}}", app.site.write_key, "x".repeat(4_300_000));
    app.visitor().posts(large.clone()).await.refuses(413, "too_large");
    app.visitor().posts(gzip(large.as_bytes())).await.refuses(413, "too_large");
    app.visitor().posts(gzip(&vec![b' '; 1 << 26])).await.refuses(413, "too_large");
    // Without a content length the size is known only after reading.
    let mut stream = tokio::net::TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
    let head = format!("POST /e HTTP/1.1\r\nhost: x\r\nuser-agent: {FIREFOX}\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut from, mut to) = stream.split();
    let sending = async {
        // The service may close before it has read everything.
        for _ in 0..450 {
            let chunk = format!("2710\r\n{}\r\n", "x".repeat(10_000));
            if to.write_all(chunk.as_bytes()).await.is_err() {
                break;
            }
        }
    };
    let reading = async {
        let mut start = [0; 12];
        from.read_exact(&mut start).await.unwrap();
        String::from_utf8_lossy(&start).into_owned()
    };
    assert_eq!(tokio::join!(reading, sending).0, "HTTP/1.1 413");
    assert_eq!(app.refused("too_large"), 4);
    assert_eq!(app.visitor().views("/").await.status, 204, "and the service continues");
    app.finish().await;
}

#[tokio::test]
async fn compressed_bodies_are_accepted() {
    let app = TestApp::start().await;
    let body = json!({ "key": app.site.write_key, "events": [{ "type": "page" }] }).to_string();
    let answer = Answer::to(
        app.visitor().request(Method::POST, "/e").header("content-encoding", "gzip").body(gzip(body.as_bytes())),
    )
    .await;
    assert_eq!(answer.outcome(), "kept=1, dropped=0, rejected=0");
    app.finish().await;
}

#[tokio::test]
async fn an_unknown_key_is_refused() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    let page = json!([{ "type": "page" }]);
    for key in ["unknown", "", "'; DROP TABLE events; --", "\u{0}"] {
        visitor.key = key.to_owned();
        visitor.sends(page.clone()).await.refuses(401, "unauthorized");
    }
    visitor.posts(json!({ "events": page }).to_string()).await.refuses(401, "unauthorized");
    app.api().post("/v1/track", json!({ "event": "Paid", "userId": "u" })).await.refuses(401, "unauthorized");
    Answer::to(visitor.request(Method::GET, "/px.gif?url=x")).await.refuses(401, "unauthorized");
    assert_eq!(app.refused("unknown_key"), 7);
    app.finish().await;
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_and_counted() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    for origin in ["https://evil.example", "http://shop.example", "https://shop.example.evil.example", "null"] {
        visitor.origin = origin.to_owned();
        let answer = visitor.views("/").await;
        answer.refuses(403, "forbidden");
        assert_eq!(answer.header("access-control-allow-origin"), origin, "the page can read the error");
        let server_call = json!({ "writeKey": app.site.write_key, "event": "Paid", "userId": "u" }).to_string();
        Answer::to(visitor.request(Method::POST, "/v1/track").body(server_call)).await.refuses(403, "forbidden");
        visitor.asks(json!({ "slots": [] })).await.refuses(403, "forbidden");
    }
    assert_eq!(app.refused("foreign_origin"), 12);
    app.finish().await;
}

#[tokio::test]
async fn an_invalid_event_is_rejected_alone_with_a_reason() {
    let app = TestApp::start().await;
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    let track = |properties: Value| json!({ "type": "track", "event": "A", "properties": properties });
    let cases = [
        (json!(7), "malformed"),
        (json!("page"), "malformed"),
        (json!(null), "malformed"),
        (json!([]), "malformed"),
        (json!({}), "unknown_type"),
        (json!({ "type": "explode" }), "unknown_type"),
        (json!({ "type": "track" }), "name_missing"),
        (json!({ "type": "track", "event": "x".repeat(201) }), "name_too_long"),
        (json!({ "type": "page", "messageId": "x".repeat(101) }), "message_id_too_long"),
        (json!({ "type": "page", "userId": "x".repeat(257) }), "user_id_too_long"),
        (track(json!({ "text": "x".repeat(33_000) })), "too_large"),
        (track(json!([1])), "properties_not_object"),
        (track(json!({ "deep": deep })), "properties_too_deep"),
    ];
    let mut visitor = app.visitor();
    for (bad, reason) in cases {
        let answer = visitor.sends(json!([{ "type": "page" }, bad])).await;
        let expected = format!("kept=1, dropped=0, rejected=1 ({reason}=1)");
        assert_eq!((answer.status, answer.outcome()), (204, expected.as_str()));
        assert!(app.metric(&format!("events_rejected_total{{reason=\"{reason}\"}}")) > 0, "{reason}");
    }
    assert_eq!(app.metric("events_received_total"), 26);
    app.finish().await;
}

#[tokio::test]
async fn deeply_nested_bodies_are_refused() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    for (depth, reason) in [(5_000, "properties_too_deep"), (100_000, "too_large")] {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        let event = format!(r#"{{"type":"track","event":"A","properties":{{"deep":{open}{close}}}}}"#);
        let body = format!(r#"{{"key":"{}","events":[{event}]}}"#, visitor.key);
        let answer = visitor.posts(body).await;
        assert_eq!(answer.outcome(), format!("kept=0, dropped=0, rejected=1 ({reason}=1)"), "{}", answer.text);
    }
    let nested = format!("{}{}", "{\"context\":[".repeat(30_000), "]}".repeat(30_000));
    assert_eq!(visitor.posts(nested).await.status, 400);
    app.finish().await;
}

#[tokio::test]
async fn more_events_than_segments_limit_are_refused() {
    let app = TestApp::start().await;
    let events: Vec<Value> = (0..2501).map(|n| json!({ "type": "track", "event": "Many", "messageId": n })).collect();
    let answer = app.visitor().sends(json!(events)).await;
    assert_eq!(answer.outcome(), "kept=2500, dropped=0, rejected=1 (too_many_events=1)");
    app.finish().await;
}

#[tokio::test]
async fn odd_characters_are_stored_as_text() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    let body = format!(
        r#"{{"key":"{}","visitor":"{}","events":[
            {{"type":"track","event":"half \ud83d emoji","properties":{{"a":"\udc00"}}}},
            {{"type":"track","event":"nul\u0000nul","properties":{{"\u0000":"\u0000"}}}},
            {{"type":"track","event":"'; DROP TABLE events; --\t{{x:String}}","properties":{{"a'\"\\b":"☕"}}}}]}}"#,
        visitor.key, visitor.id
    );
    let answer = visitor.posts(body).await;
    assert_eq!(answer.outcome(), "kept=3, dropped=0, rejected=0", "{}", answer.text);
    let names = app.stored("SELECT name FROM events ORDER BY position").await;
    assert_eq!(names[0], "half \u{fffd} emoji");
    assert!(names[1].starts_with("nul") && names[1].ends_with("nul") && !names[1].contains('\0'), "{names:?}");
    assert!(names[2].starts_with("'; DROP TABLE events; --"), "{names:?}");
    assert_eq!(app.stored("SELECT name FROM events WHERE NOT isValidJSON(properties)").await, [""; 0]);
    app.finish().await;
}

#[tokio::test]
async fn a_preflight_is_answered_for_two_hours() {
    let app = TestApp::start().await;
    for path in ["/e", "/v1/decide", "/v1/recommend", "/v1/batch"] {
        let request = app.visitor().request(Method::OPTIONS, path).header("access-control-request-method", "POST");
        let answer = Answer::to(request.header("access-control-request-headers", "content-type")).await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "https://shop.example", "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "true", "{path}");
        assert_eq!(answer.header("access-control-max-age"), "7200", "{path}");
        assert!(answer.header("access-control-allow-headers").contains("Content-Type"), "{path}");
        assert!(answer.header("vary").contains("Origin"), "{path}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_wrong_method_or_path_has_a_clear_error() {
    let app = TestApp::start().await;
    let api = app.api();
    for (method, path) in [
        ("GET", "/e"),
        ("PUT", "/e"),
        ("GET", "/v1/track"),
        ("GET", "/v1/decide"),
        ("POST", "/px.gif"),
        ("DELETE", "/readyz"),
    ] {
        let answer = api.sends(Method::from_bytes(method.as_bytes()).unwrap(), path, "").await;
        answer.refuses(405, "method_not_allowed");
        assert_ne!(answer.header("allow"), "", "{method} {path}");
    }
    assert_eq!(api.sends(Method::HEAD, "/e", "").await.status, 405);
    for path in ["/nothing", "/v2/track", "/api/v1/nothing"] {
        api.get(path).await.refuses(404, "not_found");
    }
    api.post("/v1/explode", json!({})).await.refuses(404, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn an_unreadable_query_has_a_clear_error() {
    let app = TestApp::start().await;
    let key = &app.site.write_key;
    let api = app.api();
    api.get(&format!("/v1/recommend?key={key}&k=many")).await.refuses(400, "unreadable");
    api.get(&format!("/v1/recommend?key={key}&key={key}")).await.refuses(400, "unreadable");
    api.post("/e?key=a&key=b", json!({ "events": [] })).await.refuses(400, "unreadable");
    api.post("/v1/decide?key=a&key=b", json!({})).await.refuses(400, "unreadable");
    app.finish().await;
}
