//! Whether a page's Content-Security-Policy allows the tracker. Pure.
//!
//! Source: Content Security Policy Level 3, matching of a URL against a source list. Hashes of external scripts count as
//! not matching, which at worst causes a needless warning.

use url::Url;

/// Returns whether `policy` allows a page to use `target` under `directive` (`script-src` or `connect-src`); without
/// such a directive it does.
#[must_use]
pub fn allows(policy: &str, directive: &str, target: &Url, page: &Url, nonce: Option<&str>) -> bool {
    // Several policies in one header are separated by commas, and all must allow it.
    policy.split(',').all(|policy| {
        let rules = || policy.split(';').map(str::split_ascii_whitespace);
        let named = |name: &str| {
            rules().find_map(|mut tokens| tokens.next().filter(|n| n.eq_ignore_ascii_case(name)).map(|_| tokens))
        };
        let element = if directive == "script-src" { named("script-src-elem") } else { None };
        let Some(sources) = element.or_else(|| named(directive)).or_else(|| named("default-src")) else { return true };
        let sources: Vec<&str> = sources.collect();
        let strict = directive == "script-src" && sources.iter().any(|s| s.eq_ignore_ascii_case("'strict-dynamic'"));
        sources.iter().any(|source| match nonce {
            Some(nonce) if *source == format!("'nonce-{nonce}'") => true,
            // With 'strict-dynamic' only nonces and hashes count.
            _ => !strict && matches(source, target, page),
        })
    })
}

fn matches(source: &str, target: &Url, page: &Url) -> bool {
    let source = source.to_ascii_lowercase();
    match source.as_str() {
        "*" => return matches!(target.scheme(), "http" | "https"),
        "'self'" => return target.origin() == page.origin(),
        "http:" => return matches!(target.scheme(), "http" | "https"),
        "https:" => return target.scheme() == "https",
        _ => {}
    }
    let (scheme, rest) = source.split_once("://").map_or((None, source.as_str()), |(s, rest)| (Some(s), rest));
    let scheme_fits = scheme.is_none_or(|s| s == target.scheme() || (s == "http" && target.scheme() == "https"));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = authority.split_once(':').map_or((authority, None), |(h, p)| (h, Some(p)));
    let target_host = target.host_str().unwrap_or_default();
    let host_fits = match host.strip_prefix("*.") {
        Some(parent) => target_host.strip_suffix(parent).is_some_and(|sub| sub.ends_with('.')),
        None => host == target_host,
    };
    let port_fits = match port {
        Some("*") => true,
        Some(port) => target.port_or_known_default().is_some_and(|p| p.to_string() == port),
        None => target.port().is_none(),
    };
    let path_fits =
        if path.len() <= 1 || path.ends_with('/') { target.path().starts_with(path) } else { target.path() == path };
    scheme_fits && host_fits && port_fits && path_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_matched_as_in_browsers() {
        let check = |policy: &str, nonce: Option<&str>, expected: bool| {
            let target = Url::parse("https://stats.shop.example/t.js").unwrap();
            let page = Url::parse("https://shop.example/p").unwrap();
            assert_eq!(allows(policy, "script-src", &target, &page, nonce), expected, "{policy}");
        };
        check("", None, true);
        check("img-src 'none'", None, true);
        check("default-src 'none'", None, false);
        check("script-src *", None, true);
        check("script-src https:", None, true);
        check("script-src 'self'", None, false);
        check("script-src stats.shop.example", None, true);
        check("script-src *.shop.example", None, true);
        check("script-src *.stats.shop.example", None, false);
        check("script-src https://stats.shop.example/t.js", None, true);
        check("script-src https://stats.shop.example/t/", None, false);
        check("script-src http://stats.shop.example", None, true);
        check("script-src stats.shop.example:8443", None, false);
        check("script-src stats.shop.example:*", None, true);
        check("script-src 'nonce-abc'", Some("abc"), true);
        check("script-src 'nonce-abc'", None, false);
        check("script-src 'strict-dynamic' https:", None, false);
        check("script-src 'strict-dynamic' 'nonce-abc'", Some("abc"), true);
        check("script-src 'self'; script-src-elem https:", None, true);
        check("default-src 'none'; script-src https:", None, true);
        check("script-src https:, script-src 'self'", None, false);
    }
}
