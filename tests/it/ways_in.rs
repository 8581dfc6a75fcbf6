//! The fast path of some routes gives the same answers as the router.

use reqwest::{Client, Method, header::HeaderMap};
use serde_json::json;

use crate::support::{
    app::{ORIGIN, TestApp},
    client::Answer,
};

/// One request, sent through both.
#[derive(Clone)]
struct Request {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Request {
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    async fn send(&self, client: &Client, url: &str) -> Answer {
        let mut request = client.request(self.method.clone(), format!("{url}{}", self.path)).body(self.body.clone());
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        Answer::to(request).await
    }

    fn description(&self) -> String {
        format!("{} {} {:?} {} bytes", self.method, self.path, self.headers, self.body.len())
    }
}

fn request(method: &str, path: &str, body: impl Into<Vec<u8>>) -> Request {
    Request { method: method.parse().unwrap(), path: path.to_owned(), headers: Vec::new(), body: body.into() }
}

/// Headers without times and without the cookie values that depend on them.
fn comparable(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "server-timing"))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .map(|(name, value)| match (name.as_str(), value.split_once(';')) {
            ("set-cookie", Some((pair, rest))) => (name, format!("{}={rest}", pair.split('=').next().unwrap())),
            _ => (name, value),
        })
        .collect();
    all.sort();
    all
}

/// Methods, paths, origins, codings and bodies of every kind, good ones first.
fn requests(key: &str) -> Vec<Request> {
    let visitor = "00112233445566778899aabbccddeeff";
    let events = json!({"key": key, "visitor": visitor, "events": [{"type": "page"}]}).to_string();
    let decide = json!({"key": key, "visitor": visitor, "slots": ["home-recs"], "context": {"url": "/"}}).to_string();
    let track = json!({"writeKey": key, "anonymousId": visitor, "event": "Tried"}).to_string();
    let recommend = format!("/v1/recommend?key={key}&visitor={visitor}&k=3");
    let mut all = Vec::new();
    for (path, body) in [("/e", &events), ("/v1/decide", &decide), ("/v1/track", &track), ("/v1/batch", &track)] {
        for method in ["POST", "GET", "HEAD", "PUT", "OPTIONS"] {
            all.push(request(method, path, if method == "POST" { body.as_str() } else { "" }));
        }
        let post = |path: &str, body: &str| request("POST", path, body);
        all.extend([
            post(path, body).with("origin", ORIGIN),
            post(path, body).with("origin", "https://elsewhere.example"),
            post(path, body).with("origin", "null"),
            post(&format!("{path}/"), body),
            post(&format!("{path}?key={key}&x=%zz"), body),
            post(&format!("{path}?key=no-such-key"), body).with("origin", ORIGIN),
            post(path, ""),
            post(path, "[]"),
            post(path, &"x".repeat(600_000)),
            post(path, body).with("content-encoding", "gzip").with("origin", ORIGIN),
            post(path, body).with("content-encoding", "sdch"),
            post(path, body).with("authorization", "Basic ???"),
            request("OPTIONS", path, "").with("origin", ORIGIN).with("access-control-request-method", "POST"),
            request("OPTIONS", path, "").with("origin", ORIGIN),
        ]);
    }
    for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS"] {
        all.push(request(method, &recommend, "").with("origin", ORIGIN));
    }
    for path in [
        recommend.clone(),
        format!("{recommend}&model=no-such-model"),
        format!("{recommend}&k=many"),
        format!("/v1/recommend/?key={key}"),
        "/v1/recommend".to_owned(),
        "/v1/".to_owned(),
        "/v1/nonsense".to_owned(),
        "/v1/track/".to_owned(),
        "//e".to_owned(),
        "/%65".to_owned(),
    ] {
        all.extend([request("GET", &path, ""), request("POST", &path, track.as_str()).with("origin", ORIGIN)]);
    }
    all
}

#[tokio::test]
async fn the_fast_path_answers_like_the_router() {
    let mut app = TestApp::start().await;
    let by_the_router = app.by_the_router().await;
    let client = Client::new();
    let (mut good, mut refused) = (0, 0);
    for request in requests(&app.site.write_key) {
        let (at_once, routed) = (request.send(&client, &app.url).await, request.send(&client, &by_the_router).await);
        assert_eq!((at_once.status, &at_once.text), (routed.status, &routed.text), "{}", request.description());
        assert_eq!(comparable(&at_once.headers), comparable(&routed.headers), "{}", request.description());
        *(if at_once.status < 300 { &mut good } else { &mut refused }) += 1;
    }
    assert!(good >= 15 && refused >= 40, "{good} {refused}");
    app.finish().await;
}
