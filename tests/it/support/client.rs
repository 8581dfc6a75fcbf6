//! Clients: a visitor's browser, and the site's programs and users.

use reqwest::{Client, Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};

use super::app::ORIGIN;

/// An ordinary browser.
pub const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// Sends a request and reads its whole answer.
    pub async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: String::from_utf8_lossy(&response.bytes().await.unwrap()).into_owned() }
    }

    /// A header; empty if absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The outcome of the events.
    pub fn outcome(&self) -> &str {
        self.header("ashna-outcome")
    }

    /// The complete `Set-Cookie`; empty if absent.
    pub fn cookie(&self) -> &str {
        self.header("set-cookie")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON with {}: {}", self.status, self.text))
    }

    /// Checks for an error with this status and code, in the common format.
    #[track_caller]
    pub fn refuses(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        let body = self.json();
        assert_eq!((&body["status"], &body["code"]), (&json!(status), &json!(code)), "{body}");
        let message = body["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty() && !message.contains('\n'), "one clear line: {body}");
    }
}

/// A browser on one of the site's pages, with one cookie.
#[derive(Debug, Clone)]
pub struct TestVisitor {
    client: Client,
    pub url: String,
    pub key: String,
    /// The id that its tracker proposes.
    pub id: String,
    /// Origin of its page.
    pub origin: String,
    pub agent: &'static str,
    /// `name=value`, once set.
    pub cookie: Option<String>,
    /// Additional headers.
    pub headers: Vec<(&'static str, &'static str)>,
    /// Merged over the bodies of `/e` and `/v1/decide`.
    pub extra: Value,
}

impl TestVisitor {
    pub fn new(client: &Client, url: &str, key: &str) -> Self {
        Self {
            client: client.clone(),
            url: url.to_owned(),
            key: key.to_owned(),
            id: format!("{:032x}", rand::random::<u128>() | 1),
            origin: ORIGIN.to_owned(),
            agent: FIREFOX,
            cookie: None,
            headers: Vec::new(),
            extra: json!({}),
        }
    }

    /// A request with the browser's headers and cookie.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        request = request.header("origin", &self.origin).header("user-agent", self.agent);
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    /// Sends a body to `/e` and keeps the cookie.
    pub async fn posts(&mut self, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::POST, "/e").header("content-type", "text/plain;charset=UTF-8");
        let answer = Answer::to(request.body(body)).await;
        self.keep_cookie(&answer);
        answer
    }

    /// Sends events as the tracker does.
    pub async fn sends(&mut self, events: Value) -> Answer {
        let body = self.body(json!({ "visitor": self.id, "events": events }));
        self.posts(body).await
    }

    /// Sends a page view.
    pub async fn views(&mut self, path: &str) -> Answer {
        let url = format!("{ORIGIN}{path}");
        self.sends(json!([{ "type": "page", "context": { "page": { "url": url } } }])).await
    }

    /// Sends a named event.
    pub async fn tracks(&mut self, event: &str, properties: Value) -> Answer {
        self.sends(json!([{ "type": "track", "event": event, "properties": properties }])).await
    }

    /// Requests decisions for slots of its page.
    pub async fn decides(&mut self, slots: &[&str]) -> Value {
        let answer = self.asks(json!({ "visitor": self.id, "slots": slots })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// Sends a body to `/v1/decide` and keeps the cookie.
    pub async fn asks(&mut self, body: Value) -> Answer {
        let answer = Answer::to(self.request(Method::POST, "/v1/decide").body(self.body(body))).await;
        self.keep_cookie(&answer);
        answer
    }

    fn body(&self, mut body: Value) -> String {
        body["key"] = self.key.clone().into();
        for (name, value) in self.extra.as_object().unwrap() {
            body[name] = value.clone();
        }
        body.to_string()
    }

    fn keep_cookie(&mut self, answer: &Answer) {
        if let Some(pair) = answer.cookie().split(';').next().filter(|pair| !pair.is_empty()) {
            self.cookie = Some(pair.to_owned());
        }
    }
}

/// An API client with a key, a login, or neither.
#[derive(Debug, Clone)]
pub struct ApiClient {
    client: Client,
    url: String,
    headers: Vec<(&'static str, String)>,
}

impl ApiClient {
    pub fn new(client: &Client, url: &str) -> Self {
        Self { client: client.clone(), url: url.to_owned(), headers: Vec::new() }
    }

    /// Adds a header.
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Logs in and keeps the cookie.
    pub async fn logs_in(self, email: &str, password: &str) -> Self {
        let answer = self.post("/api/v1/session", json!({ "email": email, "password": password })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let cookie = answer.cookie().split(';').next().unwrap().to_owned();
        self.with_header("cookie", cookie)
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.sends(Method::GET, path, String::new()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.sends(Method::POST, path, body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.sends(Method::PUT, path, body.to_string()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.sends(Method::PATCH, path, body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.sends(Method::DELETE, path, String::new()).await
    }

    /// Any request.
    pub async fn sends(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        Answer::to(request.body(body)).await
    }
}
