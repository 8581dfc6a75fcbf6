//! Drives an installed Chromium for `ashna doctor`: opens one page and records its network requests. It uses the
//! `DevTools` protocol over a pipe, opens no port, and removes its profile afterwards.
//!
//! Example: `Chromium::launch(&program).await?.visit("https://shop.example/").await?` is a [`Visit`]
//! with the tracker's requests, the tags in the page and whether the tracker runs.

mod pipe;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

use pipe::Pipe;

/// File names of Chromium.
const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
/// User agent of an ordinary browser, because events of bots are not counted.
const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
/// Time limit until the response to the first event.
const FIRST_EVENT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long to wait for further events after that.
const FURTHER_EVENTS_WAIT: Duration = Duration::from_secs(2);

/// Errors of the browser.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// The browser cannot be started.
    #[error("cannot start {0}: {1}")]
    Start(String, std::io::Error),
    /// The browser exited.
    #[error("the browser exited unexpectedly")]
    Gone,
    /// The browser rejected a command.
    #[error("the browser rejected {0}: {1}")]
    Refused(&'static str, String),
    /// The page cannot be opened.
    #[error("the page cannot be opened: {0}")]
    Page(String),
}

/// One request to an endpoint of the tracker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchange {
    /// URL.
    pub url: String,
    /// HTTP status; 0 if the request failed.
    pub status: u16,
    /// `Ashna-Outcome` header; empty if absent.
    pub outcome: String,
    /// `Date` header of the response.
    pub date: String,
    /// Error message of a failed request.
    pub failure: String,
}

/// Observations on a page.
#[derive(Debug, Default)]
pub struct Visit {
    /// Requests that load the tracker or are sent by it.
    pub exchanges: Vec<Exchange>,
    /// `src` and `data-key` of each tag.
    pub tags: Vec<(String, String)>,
    /// Whether the tracker runs.
    pub runs: bool,
}

/// A running Chromium process.
pub struct Chromium {
    pipe: Pipe,
}

/// Returns the first Chromium found in these directories.
#[must_use]
pub fn find(directories: &[PathBuf]) -> Option<PathBuf> {
    NAMES.iter().flat_map(|name| directories.iter().map(move |dir| dir.join(name))).find(|path| path.is_file())
}

impl Chromium {
    /// Starts the browser with a temporary profile.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn launch(program: &Path) -> Result<Self, BrowserError> {
        Pipe::open(program).map(|pipe| Self { pipe }).map_err(|e| BrowserError::Start(program.display().to_string(), e))
    }

    /// Opens a page and records its requests.
    ///
    /// # Errors
    /// If the browser fails or the page cannot be opened.
    pub async fn visit(mut self, url: &str) -> Result<Visit, BrowserError> {
        let pipe = &mut self.pipe;
        let target = pipe.call("Target.createTarget", json!({ "url": "about:blank" }), None).await?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = pipe.call("Target.attachToTarget", attach, None).await?["sessionId"].clone();
        let session = session.as_str().map(str::to_owned);
        let hide_automation = "Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false })";
        for (method, parameters) in [
            ("Network.enable", json!({})),
            ("Page.enable", json!({})),
            ("Network.setUserAgentOverride", json!({ "userAgent": USER_AGENT })),
            ("Page.addScriptToEvaluateOnNewDocument", json!({ "source": hide_automation })),
        ] {
            pipe.call(method, parameters, session.as_deref()).await?;
        }
        let opened = pipe.call("Page.navigate", json!({ "url": url }), session.as_deref()).await?;
        if let Some(error) = opened["errorText"].as_str().filter(|text| !text.is_empty()) {
            return Err(BrowserError::Page(error.to_owned()));
        }
        let exchanges = watch(pipe).await;
        let script = "JSON.stringify({tags: [...document.querySelectorAll('script[data-key],script[src*=\"/t.js\"]')]\
            .map((s) => [s.src, s.dataset.key || '']), runs: !!(window.ashna && window.ashna.track)})";
        let result = pipe.call("Runtime.evaluate", json!({ "expression": script }), session.as_deref()).await?;
        let page: Value = serde_json::from_str(result["result"]["value"].as_str().unwrap_or("{}")).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let tags = page["tags"].as_array().into_iter().flatten().map(|tag| (text(&tag[0]), text(&tag[1]))).collect();
        Ok(Visit { exchanges, tags, runs: page["runs"] == true })
    }
}

/// Collects requests until the tracker's events are answered or the time limit passes.
async fn watch(pipe: &mut Pipe) -> Vec<Exchange> {
    let mut order: Vec<String> = Vec::new();
    let mut by_id: HashMap<String, Exchange> = HashMap::new();
    let mut until = tokio::time::Instant::now() + FIRST_EVENT_TIMEOUT;
    while let Ok(Ok(event)) = tokio::time::timeout_at(until, pipe.event()).await {
        let (method, params) = (event["method"].as_str().unwrap_or_default(), &event["params"]);
        let id = params["requestId"].as_str().unwrap_or_default().to_owned();
        if method == "Network.requestWillBeSent" {
            let url = params["request"]["url"].as_str().unwrap_or_default();
            let preflight = params["type"] == "Preflight";
            if is_tracker(url) && !preflight {
                by_id.entry(id.clone()).or_insert_with(|| {
                    order.push(id);
                    Exchange { url: url.to_owned(), ..Exchange::default() }
                });
            }
            continue;
        }
        let Some(exchange) = by_id.get_mut(&id) else { continue };
        let answered = record_result(exchange, method, params);
        if answered && exchange.url.ends_with("/e") {
            until = until.min(tokio::time::Instant::now() + FURTHER_EVENTS_WAIT);
        }
    }
    order.iter().filter_map(|id| by_id.remove(id)).collect()
}

/// Records a response or a failure; returns whether the event was one.
fn record_result(exchange: &mut Exchange, method: &str, params: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match method {
        "Network.responseReceived" => {
            let response = &params["response"];
            exchange.status = response["status"].as_u64().and_then(|s| u16::try_from(s).ok()).unwrap_or(0);
            for (name, value) in response["headers"].as_object().into_iter().flatten() {
                match name.to_ascii_lowercase().as_str() {
                    "ashna-outcome" => exchange.outcome = text(value),
                    "date" => exchange.date = text(value),
                    _ => {}
                }
            }
            true
        }
        "Network.loadingFailed" if exchange.status == 0 => {
            let reason = text(&params["blockedReason"]);
            exchange.failure = if reason.is_empty() { text(&params["errorText"]) } else { reason };
            true
        }
        _ => false,
    }
}

/// Returns whether a URL is the tracker script or one of the endpoints it calls.
fn is_tracker(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let pinned = path
        .rsplit_once('/')
        .is_some_and(|(rest, name)| rest.ends_with("/t") && Path::new(name).extension().is_some_and(|e| e == "js"));
    pinned || ["/t.js", "/e", "/v1/decide"].iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_the_tracker_are_recognized_by_url() {
        for url in
            ["https://h/t.js", "https://h/stats/t.js?x", "https://h/t/0a1b.js", "https://h/e", "https://h/v1/decide"]
        {
            assert!(is_tracker(url), "{url}");
        }
        for url in ["https://h/", "https://h/test.js", "https://h/t/x.css", "https://h/eel", "https://h/?/e"] {
            assert!(!is_tracker(url), "{url}");
        }
    }
}
