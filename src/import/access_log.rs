//! No I/O: parses one line of an access log in Apache's combined format, with or without a leading virtual host.
//!
//! `[HOST:PORT] ADDRESS IDENT USER [DAY/MON/YEAR:HH:MM:SS ZONE] "METHOD TARGET PROTOCOL" STATUS BYTES "REFERRER"
//! "AGENT"`
//! A page view is a `GET` answered with 2xx or 304 whose path is not an asset (a script, style, image, font, archive,
//! feed or the like); everything else has a reason why it is not.

use std::net::IpAddr;

use serde_json::json;

use crate::model::{Site, Timestamp};

/// One logged request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// Client address; `None` when the log has a host name.
    pub address: Option<IpAddr>,
    /// Virtual host with port; empty when the line has none.
    pub host: &'a str,
    /// Time of the request.
    pub at: Timestamp,
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// Path and query as requested.
    pub target: &'a str,
    /// Response status.
    pub status: u16,
    /// Referrer; empty for `-`.
    pub referrer: &'a str,
    /// User agent; empty for `-`.
    pub user_agent: &'a str,
}

/// Why a request is not a page view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAPageView {
    /// Not `GET`.
    Method,
    /// Neither 2xx nor 304.
    Status,
    /// A script, style, image, font, archive, feed or the like.
    Asset,
}

impl NotAPageView {
    /// The reason under which it is counted.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Method => "not_get",
            Self::Status => "status",
            Self::Asset => "asset",
        }
    }
}

/// The line is not in the combined format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a line of a combined access log")]
pub struct Unreadable;

/// Parses one line. Quotes inside quoted fields may be escaped by a backslash.
pub fn parse_line(line: &str) -> Result<Line<'_>, Unreadable> {
    let line = line.trim_end_matches(['\r', '\n']);
    let (who, rest) = line.split_once('[').ok_or(Unreadable)?;
    let (host, address) = client(who)?;
    let (time, rest) = rest.split_once("] ").ok_or(Unreadable)?;
    let (request, rest) = quoted(rest)?;
    let mut numbers = rest.trim_start().splitn(3, ' ');
    let status = numbers.next().and_then(|text| text.parse().ok()).ok_or(Unreadable)?;
    numbers.next().ok_or(Unreadable)?;
    // The common format ends here; the combined one adds referrer and user agent.
    let rest = numbers.next().unwrap_or("");
    let (referrer, rest) = if rest.is_empty() { ("", "") } else { quoted(rest)? };
    let (user_agent, _) = if rest.trim().is_empty() { ("", "") } else { quoted(rest.trim_start())? };
    let mut parts = request.split(' ');
    let (method, target) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let at = jiff::fmt::strtime::parse("%d/%b/%Y:%H:%M:%S %z", time)
        .and_then(|parsed| parsed.to_timestamp())
        .map_err(|_| Unreadable)?;
    let dash_is_empty = |text| if text == "-" { "" } else { text };
    Ok(Line {
        address,
        host,
        at: Timestamp(at.as_millisecond()),
        method,
        target,
        status,
        referrer: dash_is_empty(referrer),
        user_agent: dash_is_empty(user_agent),
    })
}

/// Virtual host and client address at the start of a line. Behind proxies the first of several addresses is the
/// client's.
fn client(who: &str) -> Result<(&str, Option<IpAddr>), Unreadable> {
    let mut parts = who.split([' ', ',']).filter(|part| !part.is_empty());
    let first = parts.next().ok_or(Unreadable)?;
    let address = |text: &str| text.parse::<IpAddr>().ok();
    if let Some(address) = address(first) {
        return Ok(("", Some(address)));
    }
    match parts.next().and_then(address) {
        Some(address) => Ok((first, Some(address))),
        None => Ok(("", None)),
    }
}

/// Splits `"text" rest` at the closing quote.
fn quoted(text: &str) -> Result<(&str, &str), Unreadable> {
    let inner = text.strip_prefix('"').ok_or(Unreadable)?;
    let mut escaped = false;
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'\\' if !escaped => escaped = true,
            b'"' if !escaped => return Ok((&inner[..at], inner[at + 1..].trim_start())),
            _ => escaped = false,
        }
    }
    Err(Unreadable)
}

/// File extensions of assets.
const ASSETS: [&str; 48] = [
    "css", "js", "mjs", "map", "json", "xml", "txt", "rss", "atom", "png", "jpg", "jpeg", "gif", "svg", "webp", "avif",
    "ico", "bmp", "woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "m4a", "webm", "ogg", "ogv", "avi", "mov", "pdf",
    "zip", "gz", "tgz", "bz2", "xz", "rar", "7z", "tar", "exe", "dmg", "iso", "deb", "rpm", "jar", "swf", "wasm",
];

impl Line<'_> {
    /// Whether it is a page view, or why not.
    pub fn page_view(&self) -> Result<(), NotAPageView> {
        if self.method != "GET" {
            return Err(NotAPageView::Method);
        }
        if !(200..300).contains(&self.status) && self.status != 304 {
            return Err(NotAPageView::Status);
        }
        let target = self.target.split_once("://").map_or(self.target, |(_, rest)| rest);
        let path = target.split(['?', '#']).next().unwrap_or("");
        let name = path.rsplit('/').next().unwrap_or("");
        let is_asset = name
            .rsplit_once('.')
            .is_some_and(|(_, ending)| ASSETS.iter().any(|known| known.eq_ignore_ascii_case(ending)));
        // Feeds without an extension, as blogs serve them.
        let is_feed = matches!(name, "feed" | "rss" | "atom");
        if is_asset || is_feed { Err(NotAPageView::Asset) } else { Ok(()) }
    }

    /// URL of the page: as in the request line if absolute (RFC 9112, 3.2.2), else on the virtual host, else on the
    /// site's first origin.
    fn url(&self, origin: &str) -> String {
        if self.target.starts_with("http://") || self.target.starts_with("https://") {
            return self.target.to_owned();
        }
        match self.host.rsplit_once(':') {
            _ if self.host.is_empty() => format!("{origin}{}", self.target),
            Some((host, "443")) => format!("https://{host}{}", self.target),
            Some((host, "80")) => format!("http://{host}{}", self.target),
            _ => format!("https://{}{}", self.host, self.target),
        }
    }

    /// The page view as a request body for `wire::collect`.
    #[must_use]
    pub fn as_event(&self, site: &Site, message_id: &str) -> String {
        let origin = site.origins.first().map_or("http://localhost", String::as_str);
        json!({ "batch": [{
            "type": "page",
            "messageId": message_id,
            "timestamp": self.at.0,
            "context": { "page": { "url": self.url(origin), "referrer": self.referrer } },
        }] })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /presentations/logstash/?a=1 HTTP/1.1" 200 203023 "http://semicomplete.com/" "Mozilla/5.0 \"x\" Chrome/32""#;

    #[test]
    fn a_combined_line_is_parsed_completely() {
        let line = parse_line(LINE).unwrap();
        assert_eq!(line.address, Some("83.149.9.216".parse().unwrap()));
        assert_eq!(line.at.to_string(), "2015-05-17T10:05:03.000Z");
        assert_eq!((line.method, line.target, line.status), ("GET", "/presentations/logstash/?a=1", 200));
        assert_eq!(line.referrer, "http://semicomplete.com/");
        assert_eq!(line.user_agent, r#"Mozilla/5.0 \"x\" Chrome/32"#);
    }

    #[test]
    fn virtual_hosts_and_absolute_targets_are_understood() {
        let check = |who: &str, target: &str, address: Option<&str>, url: &str| {
            let text = format!(r#"{who} [17/May/2015:10:05:03 +0000] "GET {target} HTTP/1.1" 200 1 "-" "-""#);
            let line = parse_line(&text).unwrap();
            assert_eq!(
                (line.address, &*line.url("https://shop.example")),
                (address.map(|text| text.parse().unwrap()), url),
                "{text}"
            );
        };
        check("8.8.8.8 - -", "/a", Some("8.8.8.8"), "https://shop.example/a");
        check("shop.example:443 8.8.8.8 - -", "/a", Some("8.8.8.8"), "https://shop.example/a");
        check("blog.example:80 2001:db8::1 - -", "/a", Some("2001:db8::1"), "http://blog.example/a");
        check("8.8.8.8, 10.0.0.1 - -", "/a", Some("8.8.8.8"), "https://shop.example/a");
        check("host.example - -", "/a", None, "https://shop.example/a");
        check("8.8.8.8 - -", "https://shop.example/p/lamp?x=1", Some("8.8.8.8"), "https://shop.example/p/lamp?x=1");
        assert_eq!(
            parse_line(r#"8.8.8.8 - - [17/May/2015:10:05:03 +0000] "GET https://a.example/x.png HTTP/1.1" 200 1"#)
                .unwrap()
                .page_view(),
            Err(NotAPageView::Asset)
        );
    }

    #[test]
    fn other_requests_have_a_reason() {
        let check = |request: &str, status: u16, expected: Result<(), NotAPageView>| {
            let text = format!(r#"1.1.1.1 - - [17/May/2015:10:05:03 +0000] "{request}" {status} - "-" "-""#);
            assert_eq!(parse_line(&text).unwrap().page_view(), expected, "{request} {status}");
        };
        check("GET / HTTP/1.1", 200, Ok(()));
        check("GET /a.html?x=y.png HTTP/1.1", 304, Ok(()));
        check("GET /blog/geekery/a.b-c HTTP/1.1", 206, Ok(()));
        check("POST / HTTP/1.1", 200, Err(NotAPageView::Method));
        check("HEAD / HTTP/1.1", 200, Err(NotAPageView::Method));
        check("-", 408, Err(NotAPageView::Method));
        check("GET /x HTTP/1.1", 404, Err(NotAPageView::Status));
        check("GET /x HTTP/1.1", 301, Err(NotAPageView::Status));
        check("GET /img/A.PNG?v=1 HTTP/1.1", 200, Err(NotAPageView::Asset));
        check("GET /blog/feed/ HTTP/1.1", 200, Ok(()));
        check("GET /blog/feed HTTP/1.1", 200, Err(NotAPageView::Asset));
    }

    #[test]
    fn other_lines_are_unreadable_and_nothing_panics() {
        for bad in [
            "",
            "x",
            "1.1.1.1 - - [no time] \"GET / HTTP/1.1\" 200 1",
            "a [b] \"",
            "1 [1/1/1] \"GET /\" x",
            "é [é] \"é",
        ] {
            assert_eq!(parse_line(bad), Err(Unreadable), "{bad}");
        }
    }
}
