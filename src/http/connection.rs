//! Who is at the other end: the address that counts, and whether a browser may speak for a site.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;

use crate::{config::Server, ingest::Hints, model::Site};

// Names that the library has no constants for, made once: a name given as text is parsed at every look.
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static BRANDS: HeaderName = HeaderName::from_static("sec-ch-ua");
static MOBILE: HeaderName = HeaderName::from_static("sec-ch-ua-mobile");
static PLATFORM: HeaderName = HeaderName::from_static("sec-ch-ua-platform");
static PLATFORM_VERSION: HeaderName = HeaderName::from_static("sec-ch-ua-platform-version");
static FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The address that counts: the peer's, unless the peer is a trusted proxy; then the rightmost
/// untrusted one of `X-Forwarded-For`.
#[must_use]
pub fn client_address(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut address = peer.ip().to_canonical();
    if !is_trusted(address) {
        return address;
    }
    // As bytes: what a client sends may be no text, and a proxy puts the client's address behind it.
    let lines: Vec<&[u8]> = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes).collect();
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
        let Some(parsed) = std::str::from_utf8(hop).ok().and_then(|hop| parse_hop(hop.trim())) else { break };
        address = parsed.to_canonical();
        if !is_trusted(address) {
            break;
        }
    }
    address
}

/// `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn parse_hop(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

/// The `Origin` header, if a browser sent one.
#[must_use]
pub fn origin(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ORIGIN).and_then(|v| v.to_str().ok())
}

/// Hosts, with ports, under which browsers reach us: the configured one, the one this request names, and the one
/// that a trusted proxy says it was asked for.
pub fn own_authorities<'a>(
    server: &'a Server,
    peer: SocketAddr,
    headers: &'a HeaderMap,
) -> impl Iterator<Item = &'a str> {
    let public = server.public_url.split_once("://").map(|(_, rest)| rest.trim_end_matches('/'));
    let host = Some(text(headers, header::HOST)).filter(|host| !host.is_empty());
    public.into_iter().chain(host).chain(forwarded_host(server, peer, headers))
}

/// The host that a trusted proxy was asked for; of several proxies the first.
pub fn forwarded_host<'a>(server: &Server, peer: SocketAddr, headers: &'a HeaderMap) -> Option<&'a str> {
    let peer = peer.ip().to_canonical();
    let is_trusted = server.trusted_proxies.iter().any(|net| net.contains(&peer));
    let first = text(headers, FORWARDED_HOST.clone()).split(',').next().unwrap_or_default().trim();
    (is_trusted && !first.is_empty()).then_some(first)
}

/// Whether pages of this origin may speak for the site.
#[must_use]
pub fn is_listed(origin: &str, site: &Site) -> bool {
    site.origins.iter().any(|listed| listed.eq_ignore_ascii_case(origin))
}

/// Whether the browser reached a proxy before us over TLS. Believed of anybody: claiming it only
/// makes one's own cookie stricter.
#[must_use]
pub fn is_https(headers: &HeaderMap) -> bool {
    headers.get(&FORWARDED_PROTO).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"https"))
        || origin(headers).is_some_and(|o| o.starts_with("https://"))
}

/// The address at which people reach the service, for links: the configured one, or this request's own.
#[must_use]
pub fn own_base(headers: &HeaderMap, public_url: &str) -> String {
    if !public_url.is_empty() {
        return public_url.trim_end_matches('/').to_owned();
    }
    let scheme = if is_https(headers) { "https" } else { "http" };
    format!("{scheme}://{}", text(headers, header::HOST))
}

/// What the browser tells of itself besides its user agent. A trusted proxy that says the browser came
/// over TLS is believed that nothing was sent: then Chrome would have sent it, and every browser
/// `Sec-Fetch-*`. Over plain HTTP browsers send neither.
#[must_use]
pub fn hints<'h>(peer: SocketAddr, headers: &'h HeaderMap, trusted: &[IpNet]) -> Hints<'h> {
    let hint = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let peer = peer.ip().to_canonical();
    let over_tls =
        trusted.iter().any(|net| net.contains(&peer)) && hint(&FORWARDED_PROTO).eq_ignore_ascii_case("https");
    Hints {
        brands: hint(&BRANDS),
        mobile: hint(&MOBILE),
        platform: hint(&PLATFORM),
        platform_version: hint(&PLATFORM_VERSION),
        withheld: over_tls && [&BRANDS, &FETCH_MODE, &FETCH_SITE].iter().all(|name| !headers.contains_key(*name)),
    }
}

/// A header as text; empty when absent or not text.
#[must_use]
pub fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("")
}

/// Whether the request comes from a page of another site: cookies then travel only in a partition of
/// that site. Browsers say so in `Sec-Fetch-Site` where the connection is safe; else another host in
/// `Origin`, or in `Referer` where there is none, is taken for another site; a proxy may have put its own name for us in `Host`, so
/// that the public address counts too. Believed of anybody: it
/// shapes the asker's own cookie alone.
#[must_use]
pub fn is_cross_site(headers: &HeaderMap, public_url: &str) -> bool {
    match headers.get(&FETCH_SITE).map(HeaderValue::as_bytes) {
        Some(b"cross-site") => return true,
        Some(b"same-origin" | b"same-site") => return false,
        _ => {}
    }
    let host = text(headers, header::HOST);
    let page = origin(headers).unwrap_or_else(|| text(headers, header::REFERER));
    let authority = page.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(""));
    // The opaque origin of a sandboxed page is another one too.
    let is_own = |authority: &str| {
        authority.eq_ignore_ascii_case(host)
            || public_url
                .split_once("://")
                .is_some_and(|(_, own)| own.trim_end_matches('/').eq_ignore_ascii_case(authority))
    };
    page == "null" || authority.is_some_and(|authority| !is_own(authority))
}

/// The value of one cookie; several `Cookie` headers and odd neighbours are tolerated.
#[must_use]
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    cookies(headers, name).next()
}

/// The values of all cookies of one name, in the browser's order.
pub fn cookies<'h>(headers: &'h HeaderMap, name: &'h str) -> impl Iterator<Item = String> + 'h {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(cookie::Cookie::split_parse)
        .filter_map(Result::ok)
        .filter(move |c| c.name() == name)
        .map(|c| c.value().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_may_speak_for_others() {
        let check = |peer: &str, forwarded: &[&str], trusted: &[&str], expected: &str| {
            let mut headers = HeaderMap::new();
            for line in forwarded {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            let trusted: Vec<IpNet> = trusted.iter().map(|t| t.parse().unwrap()).collect();
            let peer = SocketAddr::new(peer.parse().unwrap(), 1);
            assert_eq!(client_address(peer, &headers, &trusted), expected.parse::<IpAddr>().unwrap(), "{forwarded:?}");
        };
        check("9.9.9.9", &["1.1.1.1"], &[], "9.9.9.9");
        check("10.0.0.1", &["1.1.1.1"], &["10.0.0.0/8"], "1.1.1.1");
        check("10.0.0.1", &["6.6.6.6, 1.1.1.1, 10.0.0.2"], &["10.0.0.0/8"], "1.1.1.1");
        check("10.0.0.1", &["6.6.6.6", "1.1.1.1, 10.0.0.2"], &["10.0.0.0/8"], "1.1.1.1");
        check("10.0.0.1", &["nonsense"], &["10.0.0.0/8"], "10.0.0.1");
        check("10.0.0.1", &["1.1.1.1, nonsense, 10.0.0.3"], &["10.0.0.0/8"], "10.0.0.3");
        check("::ffff:10.0.0.1", &["[2001:db8::1]:443"], &["10.0.0.0/8"], "2001:db8::1");
        check("10.0.0.1", &[], &["10.0.0.0/8"], "10.0.0.1");
        // Whoever is not trusted may say what they like, for themselves or for a proxy.
        check("9.9.9.9", &["10.0.0.1", "1.1.1.1"], &["10.0.0.0/8"], "9.9.9.9");
        check("9.9.9.9", &["1.1.1.1"], &["9.9.9.8/32", "::/128"], "9.9.9.9");
        // What a client puts before its own address is not looked at, whatever it looks like.
        check("10.0.0.1", &["127.0.0.1, 10.9.9.9, 1.1.1.1"], &["10.0.0.0/8", "127.0.0.0/8"], "1.1.1.1");
        check("10.0.0.1", &["<script>, 1.1.1.1"], &["10.0.0.0/8"], "1.1.1.1");
        // Only trusted hops: the outermost of them.
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], &["10.0.0.0/8"], "10.0.0.3");
        // Every way an address is written, and none that only looks like one.
        check("10.0.0.1", &["1.1.1.1:4711"], &["10.0.0.0/8"], "1.1.1.1");
        check("10.0.0.1", &["2001:db8::1"], &["10.0.0.0/8"], "2001:db8::1");
        check("10.0.0.1", &["[2001:db8::1]"], &["10.0.0.0/8"], "2001:db8::1");
        check("10.0.0.1", &["::ffff:1.1.1.1"], &["10.0.0.0/8"], "1.1.1.1");
        check("10.0.0.1", &["1.1.1.1, ::ffff:10.0.0.2"], &["10.0.0.0/8"], "1.1.1.1");
        for bad in ["unknown", "_hidden", "1.1.1", "1.1.1.1.1", "01.1.1.1", "1.1.1.1/8", "for=1.1.1.1", "[::1", "", ","]
        {
            check("10.0.0.1", &[bad], &["10.0.0.0/8"], "10.0.0.1");
        }
        // Networks of version 6, and peers that came over a mapped address.
        check("2001:db8:1::7", &["1.1.1.1"], &["2001:db8:1::/48"], "1.1.1.1");
        check("2001:db8:2::7", &["1.1.1.1"], &["2001:db8:1::/48"], "2001:db8:2::7");
        check("::1", &["2001:db8::9"], &["::1/128"], "2001:db8::9");
        check("::ffff:9.9.9.9", &["1.1.1.1"], &["10.0.0.0/8"], "9.9.9.9");
        check("::ffff:10.0.0.1", &["1.1.1.1"], &["::/0"], "10.0.0.1");
        // Blanks and empty lines are as proxies leave them.
        check("10.0.0.1", &["  6.6.6.6 ,1.1.1.1  ", "10.0.0.2"], &["10.0.0.0/8"], "1.1.1.1");
    }

    #[test]
    fn bytes_that_are_no_text_hide_nobody() {
        let check = |lines: &[&[u8]], expected: [u8; 4]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
            }
            let trusted = ["10.0.0.0/8".parse().unwrap()];
            let peer = SocketAddr::new([10, 0, 0, 1].into(), 1);
            assert_eq!(client_address(peer, &headers, &trusted), IpAddr::from(expected), "{lines:?}");
        };
        check(&[b"\xff\xfe, 1.1.1.1"], [1, 1, 1, 1]);
        check(&[b"6.6.6.6", b"\xff\xfe"], [10, 0, 0, 1]);
        check(&[b"\xff", b"1.1.1.1"], [1, 1, 1, 1]);
    }

    #[test]
    fn one_cookie_is_found_among_odd_neighbours() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", "=; a=1; ashna_1=v1.x; bad".parse().unwrap());
        assert_eq!(cookie(&headers, "ashna_1").as_deref(), Some("v1.x"));
        assert_eq!(cookie(&headers, "ashna_2"), None);
        headers.append("cookie", "ashna_1=second; ashna_1=third".parse().unwrap());
        assert_eq!(cookies(&headers, "ashna_1").collect::<Vec<_>>(), ["v1.x", "second", "third"]);
    }

    #[test]
    fn a_page_of_another_site_is_told_by_the_browser_or_by_its_host() {
        let check = |lines: &[(&'static str, &str)], expected: bool| {
            let mut headers = HeaderMap::new();
            headers.insert("host", "ashna.shop.example".parse().unwrap());
            for (name, value) in lines {
                headers.insert(*name, value.parse().unwrap());
            }
            assert_eq!(is_cross_site(&headers, "https://public.example"), expected, "{lines:?}");
        };
        check(&[], false);
        check(&[("origin", "https://ashna.shop.example")], false);
        check(&[("origin", "https://ASHNA.shop.example")], false);
        check(&[("origin", "https://shop.example")], true);
        check(&[("origin", "https://shop.example"), ("sec-fetch-site", "same-site")], false);
        check(&[("origin", "https://shop.example"), ("sec-fetch-site", "cross-site")], true);
        check(&[("origin", "null")], true);
        check(&[("referer", "https://ashna.shop.example/demo?a=https://x")], false);
        check(&[("referer", "https://shop.example/page")], true);
        check(&[("sec-fetch-site", "cross-site")], true);
        check(&[("sec-fetch-site", "none")], false);
        check(&[("origin", "https://public.example")], false);
    }
}
