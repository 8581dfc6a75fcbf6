//! What a request's connection and headers say about the client: address, origin, protocol, client hints, cookies.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;

use crate::{config::Server, ingest::ClientHints, model::Site};

// Header names without constants in the `http` crate, made once: a name given as text is parsed at every lookup.
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static BRANDS: HeaderName = HeaderName::from_static("sec-ch-ua");
static MOBILE: HeaderName = HeaderName::from_static("sec-ch-ua-mobile");
static PLATFORM: HeaderName = HeaderName::from_static("sec-ch-ua-platform");
static PLATFORM_VERSION: HeaderName = HeaderName::from_static("sec-ch-ua-platform-version");
static FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The client's address: the peer's, unless the peer is a trusted proxy; then the rightmost untrusted one of
/// `X-Forwarded-For`.
#[must_use]
pub fn client_address(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut address = peer.ip().to_canonical();
    if !is_trusted(address) {
        return address;
    }
    // As bytes: what a client sends may not be text, and a proxy appends the client's address to it.
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

/// The service's own hosts, with ports: the configured one, the request's `Host`, and a trusted proxy's
/// `X-Forwarded-Host`.
pub fn own_authorities<'a>(
    server: &'a Server,
    peer: SocketAddr,
    headers: &'a HeaderMap,
) -> impl Iterator<Item = &'a str> {
    let public = server.public_url.split_once("://").map(|(_, rest)| rest.trim_end_matches('/'));
    let host = Some(text(headers, header::HOST)).filter(|host| !host.is_empty());
    public.into_iter().chain(host).chain(forwarded_host(server, peer, headers))
}

/// `X-Forwarded-Host` of a trusted proxy; with several proxies the first value.
pub fn forwarded_host<'a>(server: &Server, peer: SocketAddr, headers: &'a HeaderMap) -> Option<&'a str> {
    let peer = peer.ip().to_canonical();
    let is_trusted = server.trusted_proxies.iter().any(|net| net.contains(&peer));
    let first = text(headers, FORWARDED_HOST.clone()).split(',').next().unwrap_or_default().trim();
    (is_trusted && !first.is_empty()).then_some(first)
}

/// Whether the origin is one of the site's.
#[must_use]
pub fn is_listed(origin: &str, site: &Site) -> bool {
    site.origins.iter().any(|listed| listed.eq_ignore_ascii_case(origin))
}

/// Whether the browser used TLS, as a proxy reports it. Accepted from any client: a false claim only makes the
/// client's own cookie stricter.
#[must_use]
pub fn is_https(headers: &HeaderMap) -> bool {
    headers.get(&FORWARDED_PROTO).is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"https"))
        || origin(headers).is_some_and(|o| o.starts_with("https://"))
}

/// The base of links to the service: the configured public address, or this request's own.
#[must_use]
pub fn own_base(headers: &HeaderMap, public_url: &str) -> String {
    if !public_url.is_empty() {
        return public_url.trim_end_matches('/').to_owned();
    }
    let scheme = if is_https(headers) { "https" } else { "http" };
    format!("{scheme}://{}", text(headers, header::HOST))
}

/// The client hints. Behind a trusted proxy that reports TLS, missing hints count as `withheld`: over TLS Chrome sends
/// them and every browser sends `Sec-Fetch-*`; over plain HTTP browsers send neither.
#[must_use]
pub fn hints<'h>(peer: SocketAddr, headers: &'h HeaderMap, trusted: &[IpNet]) -> ClientHints<'h> {
    let hint = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let peer = peer.ip().to_canonical();
    let over_tls =
        trusted.iter().any(|net| net.contains(&peer)) && hint(&FORWARDED_PROTO).eq_ignore_ascii_case("https");
    ClientHints {
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

/// Whether the request comes from a page of another site, where cookies must be partitioned. Browsers report it in
/// `Sec-Fetch-Site` over TLS; otherwise another host in `Origin`, or in `Referer` without one, counts as another site.
/// The public address counts as our own too, because a proxy may have changed `Host`. Accepted from any client: it only
/// affects the client's own cookie.
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
    // A sandboxed page's opaque origin (`null`) is another site too.
    let is_own = |authority: &str| {
        authority.eq_ignore_ascii_case(host)
            || public_url
                .split_once("://")
                .is_some_and(|(_, own)| own.trim_end_matches('/').eq_ignore_ascii_case(authority))
    };
    page == "null" || authority.is_some_and(|authority| !is_own(authority))
}

/// The value of a cookie; several `Cookie` headers and malformed other cookies are tolerated.
#[must_use]
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    cookies(headers, name).next()
}

/// The values of all cookies of a name, in the browser's order.
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
    fn only_trusted_proxies_can_forward_addresses() {
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
        // Headers of untrusted peers are ignored.
        check("9.9.9.9", &["10.0.0.1", "1.1.1.1"], &["10.0.0.0/8"], "9.9.9.9");
        check("9.9.9.9", &["1.1.1.1"], &["9.9.9.8/32", "::/128"], "9.9.9.9");
        // Entries before the client's address are ignored.
        check("10.0.0.1", &["127.0.0.1, 10.9.9.9, 1.1.1.1"], &["10.0.0.0/8", "127.0.0.0/8"], "1.1.1.1");
        check("10.0.0.1", &["<script>, 1.1.1.1"], &["10.0.0.0/8"], "1.1.1.1");
        // Only trusted hops: the outermost of them.
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], &["10.0.0.0/8"], "10.0.0.3");
        // Every notation of an address, and none that only looks like one.
        check("10.0.0.1", &["1.1.1.1:4711"], &["10.0.0.0/8"], "1.1.1.1");
        check("10.0.0.1", &["2001:db8::1"], &["10.0.0.0/8"], "2001:db8::1");
        check("10.0.0.1", &["[2001:db8::1]"], &["10.0.0.0/8"], "2001:db8::1");
        check("10.0.0.1", &["::ffff:1.1.1.1"], &["10.0.0.0/8"], "1.1.1.1");
        check("10.0.0.1", &["1.1.1.1, ::ffff:10.0.0.2"], &["10.0.0.0/8"], "1.1.1.1");
        for bad in ["unknown", "_hidden", "1.1.1", "1.1.1.1.1", "01.1.1.1", "1.1.1.1/8", "for=1.1.1.1", "[::1", "", ","]
        {
            check("10.0.0.1", &[bad], &["10.0.0.0/8"], "10.0.0.1");
        }
        // IPv6 networks, and IPv4-mapped peers.
        check("2001:db8:1::7", &["1.1.1.1"], &["2001:db8:1::/48"], "1.1.1.1");
        check("2001:db8:2::7", &["1.1.1.1"], &["2001:db8:1::/48"], "2001:db8:2::7");
        check("::1", &["2001:db8::9"], &["::1/128"], "2001:db8::9");
        check("::ffff:9.9.9.9", &["1.1.1.1"], &["10.0.0.0/8"], "9.9.9.9");
        check("::ffff:10.0.0.1", &["1.1.1.1"], &["::/0"], "10.0.0.1");
        // Blanks, as proxies leave them.
        check("10.0.0.1", &["  6.6.6.6 ,1.1.1.1  ", "10.0.0.2"], &["10.0.0.0/8"], "1.1.1.1");
    }

    #[test]
    fn bytes_that_are_not_text_do_not_hide_the_address() {
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
    fn a_cookie_is_found_among_malformed_ones() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", "=; a=1; ashna_1=v1.x; bad".parse().unwrap());
        assert_eq!(cookie(&headers, "ashna_1").as_deref(), Some("v1.x"));
        assert_eq!(cookie(&headers, "ashna_2"), None);
        headers.append("cookie", "ashna_1=second; ashna_1=third".parse().unwrap());
        assert_eq!(cookies(&headers, "ashna_1").collect::<Vec<_>>(), ["v1.x", "second", "third"]);
    }

    #[test]
    fn a_page_of_another_site_is_recognized_by_fetch_metadata_or_host() {
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
