//! Diagnosis of a page from its HTML and headers. Pure.
//!
//! The page is scanned for start tags, not parsed: scripts are not run, and tags in comments are skipped. Everything
//! else is left to the check in the browser.

use url::Url;

use super::policy;
use crate::model::Finding;

/// A fetched page, and the write key that its tag should have.
#[derive(Debug, Clone, Copy)]
pub struct ServedPage<'p> {
    /// Final address of the page.
    pub url: &'p Url,
    /// HTTP status.
    pub status: u16,
    /// All `Content-Security-Policy` headers.
    pub policies: &'p [String],
    /// HTML of the page.
    pub html: &'p str,
    /// Write key of the site.
    pub write_key: &'p str,
}

/// Returns at least one finding: [`Finding::TagFound`] if there is no problem.
#[must_use]
pub fn diagnose(page: &ServedPage<'_>) -> Vec<Finding> {
    if !(200..300).contains(&page.status) {
        return vec![Finding::PageMissing];
    }
    let tags: Vec<Vec<(String, String)>> = tags(page.html, "script").collect();
    let trackers: Vec<_> = tags.iter().filter(|tag| is_tracker(tag)).collect();
    let Some(tag) = trackers.first() else { return vec![Finding::TagMissing] };
    let mut found = Vec::new();
    match attribute(tag, "data-key") {
        None => found.push(Finding::KeyMissing),
        Some(key) if key != page.write_key => found.push(Finding::WrongKey),
        Some(_) => {}
    }
    if trackers.len() > 1 {
        found.push(Finding::TagTwice);
    }
    let pinned = attribute(tag, "src").is_some_and(|src| src.contains("/t/"));
    if attribute(tag, "integrity").is_some() && !pinned {
        found.push(Finding::IntegrityUnpinned);
    }
    found.extend(diagnose_policies(page, tag));
    if found.is_empty() {
        found.push(Finding::TagFound);
    }
    found
}

fn diagnose_policies(page: &ServedPage<'_>, tag: &[(String, String)]) -> Vec<Finding> {
    let Some(script) = attribute(tag, "src").and_then(|src| page.url.join(src).ok()) else { return Vec::new() };
    let api = attribute(tag, "data-api").and_then(|api| page.url.join(api).ok()).unwrap_or_else(|| script.clone());
    let metas: Vec<String> = tags(page.html, "meta")
        .filter(|meta| attribute(meta, "http-equiv").is_some_and(|v| v.eq_ignore_ascii_case("content-security-policy")))
        .filter_map(|meta| attribute(&meta, "content").map(str::to_owned))
        .collect();
    let all = || page.policies.iter().chain(&metas);
    let nonce = attribute(tag, "nonce");
    let mut found = Vec::new();
    if !all().all(|text| policy::allows(text, "script-src", &script, page.url, nonce)) {
        found.push(Finding::PolicyStopsScript);
    }
    if !all().all(|text| policy::allows(text, "connect-src", &api, page.url, None)) {
        found.push(Finding::PolicyStopsEvents);
    }
    found
}

/// Returns whether a script tag is the tracker, by its file name or its `data-key`.
fn is_tracker(tag: &[(String, String)]) -> bool {
    let src = attribute(tag, "src").unwrap_or_default();
    let path = src.split(['?', '#']).next().unwrap_or_default();
    let named = path.ends_with("/t.js") || path.rsplit_once('/').is_some_and(|(rest, _)| rest.ends_with("/t"));
    !src.is_empty() && (attribute(tag, "data-key").is_some() || named)
}

fn attribute<'t>(tag: &'t [(String, String)], name: &str) -> Option<&'t str> {
    tag.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

/// Returns the attributes of every start tag with this name, outside of comments.
fn tags<'h>(html: &'h str, name: &'h str) -> impl Iterator<Item = Vec<(String, String)>> + 'h {
    let mut rest = html;
    std::iter::from_fn(move || {
        loop {
            rest = &rest[rest.find('<')? + 1..];
            if let Some(comment) = rest.strip_prefix("!--") {
                rest = &comment[comment.find("-->")? + 3..];
                continue;
            }
            let Some(start) = rest.get(..name.len()) else { continue };
            let after = &rest.as_bytes()[name.len()..];
            if start.eq_ignore_ascii_case(name)
                && after.first().is_some_and(|b| b.is_ascii_whitespace() || b"/>".contains(b))
            {
                let (attributes, end) = attributes(&rest[name.len()..]);
                rest = end;
                return Some(attributes);
            }
        }
    })
}

/// Parses the attributes up to the end of the tag; returns them and the remaining text.
fn attributes(text: &str) -> (Vec<(String, String)>, &str) {
    const ATTRIBUTES_MAX: usize = 100;
    let mut rest = text;
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(end) = rest.strip_prefix('>') {
            return (found, end);
        }
        let name_end = rest.find(|c: char| c.is_ascii_whitespace() || "=/>".contains(c)).unwrap_or(rest.len());
        // An unclosed tag, or a character that cannot start a name.
        if name_end == 0 || found.len() == ATTRIBUTES_MAX {
            return (found, rest.get(1..).unwrap_or_default());
        }
        let name = rest[..name_end].to_ascii_lowercase();
        rest = rest[name_end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            (value, rest) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
                _ => after.split_at(after.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(after.len())),
            };
        }
        found.push((name, value.replace("&amp;", "&").replace("&quot;", "\"")));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(html: &str, policies: &[&str]) -> Vec<Finding> {
        let policies: Vec<String> = policies.iter().map(|p| (*p).to_owned()).collect();
        let url = Url::parse("https://shop.example/").unwrap();
        diagnose(&ServedPage { url: &url, status: 200, policies: &policies, html, write_key: "k1" })
    }

    const TAG: &str = r#"<SCRIPT async src="https://stats.example/t.js" data-key="k1"></SCRIPT>"#;

    #[test]
    fn problems_of_a_page_are_found() {
        let check = |html: &str, policies: &[&str], expected: &[Finding]| {
            assert_eq!(found(html, policies), expected, "{html} {policies:?}");
        };
        check(TAG, &[], &[Finding::TagFound]);
        check("<script src=/t/0123abcd.js data-key=k1 integrity=sha384-x crossorigin>", &[], &[Finding::TagFound]);
        check("", &[], &[Finding::TagMissing]);
        check(&format!("<!-- {TAG} -->"), &[], &[Finding::TagMissing]);
        check("<script>let a = 1 < 2</script><scripts src=/t.js>", &[], &[Finding::TagMissing]);
        check("<script src='https://stats.example/t.js'>", &[], &[Finding::KeyMissing]);
        check("<script src='/t.js' data-key='k2'>", &[], &[Finding::WrongKey]);
        check(&format!("{TAG}{TAG}"), &[], &[Finding::TagTwice]);
        check("<script src=/t.js data-key=k1 integrity=sha384-x>", &[], &[Finding::IntegrityUnpinned]);
        check(TAG, &["default-src 'self'"], &[Finding::PolicyStopsScript, Finding::PolicyStopsEvents]);
        check(TAG, &["script-src https://stats.example; connect-src 'self'"], &[Finding::PolicyStopsEvents]);
        check(TAG, &["default-src 'self' https://stats.example"], &[Finding::TagFound]);
        let meta = r#"<meta http-equiv="Content-Security-Policy" content="script-src 'none'">"#;
        check(&format!("{meta}{TAG}"), &[], &[Finding::PolicyStopsScript]);
    }

    #[test]
    fn a_missing_page_is_not_searched_for_tags() {
        let url = Url::parse("https://shop.example/").unwrap();
        let page = ServedPage { url: &url, status: 404, policies: &[], html: TAG, write_key: "k1" };
        assert_eq!(diagnose(&page), [Finding::PageMissing]);
    }

    proptest! {
        #[test]
        fn any_text_has_a_finding(html in r#"(?s)(<script|<!--|-->|[<>="'/ a-z&é]){0,60}"#, policy in ".{0,60}") {
            prop_assert!(!found(&html, &[&policy]).is_empty());
        }
    }
}
