//! CSRF protection of the private API: changes with a login cookie are accepted from the dashboard's own pages only.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, Method},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{caller, error::ApiError, request_info, state::AppState};
use crate::config;

static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Middleware: refuses changes that another site's page sends.
pub async fn guard(
    State(state): State<AppState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // Browsers do not send keys on their own, as they do cookies.
    if reads || caller::bearer(request.headers()).is_some() || is_own(&state.server, peer, request.headers()) {
        return next.run(request).await;
    }
    ApiError::Forbidden(
        "changes are accepted from the dashboard's own pages only; behind a proxy set server.public_url to the address in \
         the browser, or let the proxy pass the Host header",
    )
    .into_response()
}

/// Whether a request comes from a page of ours, or from no page at all.
fn is_own(server: &config::Server, peer: SocketAddr, headers: &HeaderMap) -> bool {
    // Over TLS browsers report it themselves, independent of the hosts that proxies use.
    let fetch_site = request_info::text(headers, FETCH_SITE.clone());
    if matches!(fetch_site, "same-origin" | "none") {
        return true;
    }
    match request_info::origin(headers) {
        Some(origin) => request_info::own_authorities(server, peer, headers).any(|own| is_same(origin, own)),
        // API clients send neither header; browsers send `Origin` with every change.
        None => fetch_site.is_empty(),
    }
}

/// Whether an origin has this authority, ignoring case and the scheme's default port.
fn is_same(origin: &str, authority: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    let default_port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let bare = |text: &str| text.strip_suffix(default_port).unwrap_or(text).to_ascii_lowercase();
    !host.is_empty() && bare(host) == bare(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(public_url: &str) -> config::Server {
        let mut server = config::Config::defaults().server;
        server.public_url = public_url.into();
        server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        server
    }

    #[track_caller]
    fn check(public_url: &str, peer: &str, given: &[(&'static str, &str)], expected: bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(*name, value.parse().unwrap());
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 1);
        assert_eq!(is_own(&server(public_url), peer, &headers), expected, "{public_url} {peer} {given:?}");
    }

    #[test]
    fn own_origins_are_the_host_the_public_address_and_what_trusted_proxies_forward() {
        let origin = ("origin", "https://stats.example");
        check("", "127.0.0.1", &[origin, ("host", "stats.example")], true);
        check("", "127.0.0.1", &[origin, ("host", "STATS.example:443")], true);
        check("", "127.0.0.1", &[("origin", "http://stats.example"), ("host", "stats.example:443")], false);
        check("", "127.0.0.1", &[("origin", "http://stats.example:8081"), ("host", "stats.example:8081")], true);
        check("", "127.0.0.1", &[("origin", "http://stats.example:8081"), ("host", "stats.example")], false);
        // nginx by default sends its upstream's name.
        let host = ("host", "127.0.0.1:8080");
        check("", "127.0.0.1", &[origin, host], false);
        check("https://stats.example", "127.0.0.1", &[origin, host], true);
        check("https://Stats.example:443/", "127.0.0.1", &[origin, host], true);
        check("https://other.example", "127.0.0.1", &[origin, host], false);
        check("", "127.0.0.1", &[origin, host, ("x-forwarded-host", "stats.example")], true);
        check("", "127.0.0.1", &[origin, host, ("x-forwarded-host", "stats.example:443, inner")], true);
        check("", "192.0.2.7", &[origin, host, ("x-forwarded-host", "stats.example")], false);
    }

    #[test]
    fn fetch_metadata_counts_and_other_sites_are_refused() {
        let host = ("host", "127.0.0.1:8080");
        let foreign = ("origin", "https://evil.example");
        check("", "127.0.0.1", &[host, ("origin", "https://stats.example"), ("sec-fetch-site", "same-origin")], true);
        check("", "127.0.0.1", &[host, foreign, ("sec-fetch-site", "cross-site")], false);
        check("", "127.0.0.1", &[host, foreign], false);
        check("", "127.0.0.1", &[host, ("origin", "null")], false);
        check("", "127.0.0.1", &[host, ("origin", "https://")], false);
        check("", "127.0.0.1", &[host, ("sec-fetch-site", "cross-site")], false);
        check("", "127.0.0.1", &[host, ("sec-fetch-site", "same-site")], false);
        check("", "127.0.0.1", &[host], true);
    }
}
