//! Parses the page of an event: its URL, title and referrer.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use url::Url;

use super::{campaign::CampaignParams, mask::mask};
use crate::{
    ingest::{limits, text},
    model::{Kind, Page},
    wire::collect::{self, Text},
};

/// What page URL and referrer show about the source of a visit.
#[derive(Debug, Default)]
pub(super) struct SourceHints {
    /// Campaign parameters and click ids of the URL.
    pub(super) params: CampaignParams,
    /// URL of the previous page.
    pub(super) referrer: Option<Url>,
}

/// Parses a reported page; of its URL's parameters `query_keys` are kept.
pub(super) fn parse<'a>(page: &collect::Page<'a>, query_keys: &[String]) -> (Page<'a>, SourceHints) {
    let (mut parsed, mut hints) = (Page::default(), SourceHints::default());
    if let Some(url) = parse_url(page.url.as_str(), page) {
        parsed.host = host(&url);
        parsed.path = path(url.path());
        parsed.query = hints.params.extract(url.query().unwrap_or_default(), query_keys);
    } else if !page.path.is_empty() {
        parsed.path = path(page.path.as_str());
        let query = page.search.as_str().trim_start_matches('?');
        parsed.query = hints.params.extract(query, query_keys);
    }
    parsed.title = mask(text::clean(&page.title.0, limits::TITLE));
    if parsed.title.len() > limits::TITLE {
        parsed.title = Cow::Owned(text::cut(&parsed.title, limits::TITLE).to_owned());
    }
    if let Some(referrer) = parse_url(page.referrer.as_str(), &collect::Page::default()) {
        parsed.referrer_host = match host(&referrer) {
            host if host.starts_with("www.") => Cow::Owned(host["www.".len()..].to_owned()),
            host => host,
        };
        parsed.referrer_path = path(referrer.path());
        hints.referrer = Some(referrer);
    }
    (parsed, hints)
}

/// Whether any part of a page was reported.
pub(super) fn is_reported(page: &collect::Page<'_>) -> bool {
    !page.url.is_empty() || !page.path.is_empty() || !page.referrer.is_empty()
}

/// The page in the properties of Segment's `page` calls.
pub(super) fn in_properties<'a>(kind: Kind, call: &collect::Event<'a>) -> Option<collect::Page<'a>> {
    let properties = call.properties.filter(|_| kind == Kind::Page && !is_reported(&call.context.page))?;
    serde_json::from_str(properties.get()).ok()
}

/// Parses a URL: complete, without a scheme, or the path alone.
fn parse_url(text: &str, page: &collect::Page<'_>) -> Option<Url> {
    let text = text::cut(text.trim(), limits::URL);
    if text.is_empty() || text == "-" {
        return None;
    }
    let complete = Url::parse(text).ok().filter(Url::has_host);
    complete.or_else(|| {
        let Text(path) = &page.path;
        let relative = if text.starts_with('/') || text.starts_with('?') { text } else { path };
        let without_scheme = text.split(['/', '?', '#']).next().is_some_and(|host| host.contains('.'));
        if without_scheme && !text.contains("://") && !text.starts_with('/') {
            return Url::parse(&format!("https://{text}")).ok();
        }
        // The host is unknown; the placeholder under the reserved `.invalid` is never stored.
        Url::parse(NO_HOST).ok()?.join(relative.trim_start_matches('/')).ok().filter(|_| !relative.is_empty())
    })
}

const NO_HOST: &str = "https://host.invalid/";

fn host<'a>(url: &Url) -> Cow<'a, str> {
    match url.host_str() {
        Some("host.invalid") | None => Cow::Borrowed(""),
        Some(host) => Cow::Owned(text::cut(host.trim_end_matches('.'), limits::HOST).to_ascii_lowercase()),
    }
}

/// A readable path: letters of all scripts unescaped, personal data masked, length limited.
fn path<'a>(escaped: &str) -> Cow<'a, str> {
    let cleaned = text::clean_borrowed(escaped, limits::URL);
    let readable = mask(unescape_letters(&cleaned));
    let bounded = text::clean_borrowed(&readable, limits::PATH - 1);
    Cow::Owned(if bounded.starts_with('/') { bounded.into_owned() } else { format!("/{bounded}") })
}

/// Normalizes escapes (RFC 3986, 6.2.2): unreserved characters and letters of all scripts are unescaped; the hexadecimal
/// digits of remaining escapes, such as `%2F`, become capitals.
fn unescape_letters(escaped: &str) -> Cow<'_, str> {
    if memchr::memchr(b'%', escaped.as_bytes()).is_none() {
        return Cow::Borrowed(escaped);
    }
    let unescaped = |letters: bool| {
        let mut bytes = Vec::with_capacity(escaped.len());
        let mut rest = escaped.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            let three = rest.get(..3).filter(|three| *first == b'%' && is_escape(three));
            match three.and_then(|three| percent_decode(three).next()) {
                Some(byte) if is_unreserved(byte) || (letters && byte >= 0x80) => bytes.push(byte),
                Some(_) => bytes.extend(rest[..3].iter().map(u8::to_ascii_uppercase)),
                None => bytes.push(*first),
            }
            rest = if three.is_some() { &rest[3..] } else { after };
        }
        String::from_utf8(bytes).ok().filter(|text| !text.contains(char::is_control))
    };
    // Bytes that are not valid UTF-8 stay escaped.
    unescaped(true).or_else(|| unescaped(false)).map_or(Cow::Borrowed(escaped), Cow::Owned)
}

fn is_escape(three: &[u8]) -> bool {
    three[1..].iter().all(u8::is_ascii_hexdigit)
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_readable_and_bounded() {
        let check = |escaped: &str, expected: &str| assert_eq!(path(escaped), expected, "{escaped}");
        check("/p/coffee", "/p/coffee");
        check("/%D9%82%D9%87%D9%88%D9%87", "/قهوه");
        check("/a%2Fb%20c", "/a%2Fb%20c");
        check("/bad%FF%fe", "/bad%FF%FE");
        check("/cut%d9", "/cut%D9");
        check("/te%61m/%7Eada", "/team/~ada");
        check("/a%2fb", "/a%2Fb");
        check("/%zz", "/%zz");
        check("/100%", "/100%");
        check("", "/");
        check("cart", "/cart");
        assert!(path(&"/é".repeat(3000)).len() <= limits::PATH);
    }

    #[test]
    fn urls_are_parsed_in_all_forms() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let url = parse_url(text, &collect::Page::default());
            let parsed = url.as_ref().map(|url| (host(url), path(url.path())));
            assert_eq!(parsed.as_ref().map(|(host, path)| (&**host, &**path)), expected, "{text}");
        };
        check("https://Shop.Example:8443/p/1?x#y", Some(("shop.example", "/p/1")));
        check("shop.example/p/1", Some(("shop.example", "/p/1")));
        check("/p/1?x=1", Some(("", "/p/1")));
        check("//cdn.example/x", Some(("", "/cdn.example/x")));
        check("android-app://com.google.android.gm/", Some(("com.google.android.gm", "/")));
        check("https://[::1]/x", Some(("[::1]", "/x")));
        check("https://münchen.example/", Some(("xn--mnchen-3ya.example", "/")));
        check("https://", None);
        check("about:blank", None);
        check("-", None);
        check("", None);
    }
}
