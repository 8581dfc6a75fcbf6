//! Drives a Chromium that is on this machine, as `ashna doctor` does: opens one page and tells what its
//! network did. It speaks the `DevTools` protocol over a pipe, opens no port, and leaves nothing behind.
//!
//! Example: `Chromium::launch(&program).await?.visit("https://shop.example/").await?` is a [`Visit`]
//! with the requests to the tracker's addresses, the tags in the page and whether the tracker runs.

mod pipe;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

use pipe::Pipe;

/// Names under which Chromium is installed.
const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
/// An ordinary browser, because a robot's events are not counted.
const AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
/// How long a page may take until its first event is answered, and how long others are waited for then.
const PATIENCE: Duration = Duration::from_secs(15);
const AFTERWARDS: Duration = Duration::from_secs(2);

/// Why the browser did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// It cannot be started.
    #[error("cannot start {0}: {1}")]
    Start(String, std::io::Error),
    /// It went away.
    #[error("the browser ended by itself")]
    Gone,
    /// It refused a command.
    #[error("the browser refuses {0}: {1}")]
    Refused(&'static str, String),
    /// The page cannot be opened.
    #[error("the page cannot be opened: {0}")]
    Page(String),
}

/// One request of the page to an address of the tracker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Where to.
    pub url: String,
    /// HTTP status; 0 when it failed.
    pub status: u16,
    /// `Ashna-Outcome`; empty when there was none.
    pub outcome: String,
    /// `Date` of the answer.
    pub date: String,
    /// Why it failed.
    pub failure: String,
}

/// What was seen on a page.
#[derive(Debug, Default)]
pub struct Visit {
    /// Requests for the script and of the script.
    pub exchanges: Vec<Exchange>,
    /// `src` and `data-key` of each tag.
    pub tags: Vec<(String, String)>,
    /// Whether the tracker runs.
    pub runs: bool,
}

/// A Chromium of our own.
pub struct Chromium {
    pipe: Pipe,
}

/// Looks for a Chromium in these directories.
#[must_use]
pub fn find(directories: &[PathBuf]) -> Option<PathBuf> {
    NAMES.iter().flat_map(|name| directories.iter().map(move |dir| dir.join(name))).find(|path| path.is_file())
}

impl Chromium {
    /// Starts it, with a profile that is removed afterwards.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn launch(program: &Path) -> Result<Self, BrowserError> {
        Pipe::open(program).map(|pipe| Self { pipe }).map_err(|e| BrowserError::Start(program.display().to_string(), e))
    }

    /// Opens a page and watches it.
    ///
    /// # Errors
    /// When the browser fails or the page cannot be opened.
    pub async fn visit(mut self, url: &str) -> Result<Visit, BrowserError> {
        let pipe = &mut self.pipe;
        let target = pipe.call("Target.createTarget", json!({ "url": "about:blank" }), None).await?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = pipe.call("Target.attachToTarget", attach, None).await?["sessionId"].clone();
        let session = session.as_str().map(str::to_owned);
        let mask = "Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false })";
        for (method, parameters) in [
            ("Network.enable", json!({})),
            ("Page.enable", json!({})),
            ("Network.setUserAgentOverride", json!({ "userAgent": AGENT })),
            ("Page.addScriptToEvaluateOnNewDocument", json!({ "source": mask })),
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
        let told = pipe.call("Runtime.evaluate", json!({ "expression": script }), session.as_deref()).await?;
        let told: Value = serde_json::from_str(told["result"]["value"].as_str().unwrap_or("{}")).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let tags = told["tags"].as_array().into_iter().flatten().map(|tag| (text(&tag[0]), text(&tag[1]))).collect();
        Ok(Visit { exchanges, tags, runs: told["runs"] == true })
    }
}

/// Gathers what the network does until the tracker had its answer, or patience ends.
async fn watch(pipe: &mut Pipe) -> Vec<Exchange> {
    let mut order: Vec<String> = Vec::new();
    let mut by_id: HashMap<String, Exchange> = HashMap::new();
    let mut until = tokio::time::Instant::now() + PATIENCE;
    while let Ok(Ok(event)) = tokio::time::timeout_at(until, pipe.event()).await {
        let (method, told) = (event["method"].as_str().unwrap_or_default(), &event["params"]);
        let id = told["requestId"].as_str().unwrap_or_default().to_owned();
        if method == "Network.requestWillBeSent" {
            let url = told["request"]["url"].as_str().unwrap_or_default();
            let preflight = told["type"] == "Preflight";
            if is_tracker(url) && !preflight {
                by_id.entry(id.clone()).or_insert_with(|| {
                    order.push(id);
                    Exchange { url: url.to_owned(), ..Exchange::default() }
                });
            }
            continue;
        }
        let Some(exchange) = by_id.get_mut(&id) else { continue };
        let answered = note(exchange, method, told);
        if answered && exchange.url.ends_with("/e") {
            until = until.min(tokio::time::Instant::now() + AFTERWARDS);
        }
    }
    order.iter().filter_map(|id| by_id.remove(id)).collect()
}

/// Notes an answer or a failure; true if it was one.
fn note(exchange: &mut Exchange, method: &str, told: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match method {
        "Network.responseReceived" => {
            let response = &told["response"];
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
            let reason = text(&told["blockedReason"]);
            exchange.failure = if reason.is_empty() { text(&told["errorText"]) } else { reason };
            true
        }
        _ => false,
    }
}

/// The script under the names it is served by, and what it asks.
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
    fn the_trackers_requests_are_known_by_their_addresses() {
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
