//! Fetches one page of a site's registered origins, for the installation check, downloads feeds, and posts to webhooks. It
//! must never connect to a private address: each host is resolved here, all of its addresses are checked (`address`), and the connection goes to a
//! checked address, so that a DNS answer that changes in between has no effect. Redirects are followed by the same
//! rules, to registered origins only.
//!
//! Example: `Fetcher::new(&config.checks).page(&url, &site.origins)` returns status, headers and HTML, or a
//! [`FetchError`] that says what to do.

pub mod address;
pub mod download;
mod post;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{HeaderMap, Request, body::Bytes, client::conn::http1, header, http::response::Parts};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::config;

const REDIRECTS_MAX: usize = 5;
/// The `head` comes first; the page beyond this is ignored.
const PAGE_BYTES_MAX: usize = 1_000_000;
const AGENT: &str = concat!("Ashna/", env!("CARGO_PKG_VERSION"), " (installation check)");

/// A fetched page.
#[derive(Debug)]
pub struct Page {
    /// Its URL, after redirects.
    pub url: Url,
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The HTML, cut after its first million bytes.
    pub html: String,
}

/// Why a page or file could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not one of the site's origins.
    #[error("{0} is not one of the site's origins")]
    ForeignOrigin(String),
    /// The host has an address that is not public.
    #[error(
        "{0} resolves to a private network address, which this service does not open; the check in your browser does"
    )]
    PrivateAddress(String),
    /// The host name cannot be resolved.
    #[error("the name {0} cannot be resolved")]
    Unresolved(String),
    /// No answer, or not in time.
    #[error("{0} does not answer: {1}")]
    Unreachable(String, String),
    /// An unexpected status.
    #[error("{0} answers with status {1}")]
    Status(String, u16),
    /// A redirect that does not say where to.
    #[error("{0} redirects (status {1}) without a usable address in `Location`")]
    NoLocation(String, u16),
    /// The file exceeds the size limit.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// A URL of a page or redirect that cannot be requested.
    #[error("{0} is requested by a URL that cannot be used; it may be too long")]
    Unusable(String),
    /// Too many redirects.
    #[error("the page redirects more than {REDIRECTS_MAX} times")]
    TooManyRedirects,
}

/// The response to one request.
type Served = (Parts, Vec<u8>);

/// Fetches pages and files; cheap to clone.
#[derive(Clone)]
pub struct Fetcher {
    allowed: Arc<[IpNet]>,
    limit: Duration,
    silence: Duration,
    tls: TlsConnector,
}

impl Fetcher {
    /// Uses the configured exceptions and the system's certificate authorities.
    #[must_use]
    pub fn new(config: &config::Checks) -> Self {
        Self::with_limits(config.inside_networks.clone(), Duration::from_millis(config.timeout_ms))
    }

    /// With these allowed networks, and a time limit for one page or file.
    #[must_use]
    pub fn with_limits(inside_networks: Vec<IpNet>, limit: Duration) -> Self {
        let mut roots = RootCertStore::empty();
        // Without certificate authorities, pages without TLS can still be checked.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has the protocol's versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { allowed: inside_networks.into(), limit, silence: limit, tls: TlsConnector::from(Arc::new(tls)) }
    }

    /// Also limits how long the server of a file may send nothing.
    #[must_use]
    pub fn with_silence_limit(self, silence: Duration) -> Self {
        Self { silence, ..self }
    }

    /// Fetches a page of one of `origins`.
    ///
    /// # Errors
    /// If the URL or a redirect may not be opened, or the server does not answer in time.
    pub async fn page(&self, url: &Url, origins: &[String]) -> Result<Page, FetchError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        tokio::time::timeout(self.limit, self.follow(url, origins))
            .await
            .unwrap_or_else(|_| Err(FetchError::Unreachable(host, "no answer in time".into())))
    }

    async fn follow(&self, url: &Url, origins: &[String]) -> Result<Page, FetchError> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let origin = url.origin().ascii_serialization();
            if !origins.iter().any(|listed| listed.eq_ignore_ascii_case(&origin)) {
                return Err(FetchError::ForeignOrigin(origin));
            }
            let (parts, bytes) = self.get(&url).await?;
            let next = parts.status.is_redirection().then(|| parts.headers.get(header::LOCATION)).flatten();
            if let Some(next) = next.and_then(|next| url.join(next.to_str().ok()?).ok()) {
                url = next;
                continue;
            }
            let html = String::from_utf8_lossy(&bytes).into_owned();
            return Ok(Page { url, status: parts.status.as_u16(), headers: parts.headers, html });
        }
        Err(FetchError::TooManyRedirects)
    }

    async fn get(&self, url: &Url) -> Result<Served, FetchError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let unreachable = |why: &dyn std::fmt::Display| FetchError::Unreachable(host.clone(), why.to_string());
        let request = request(url).map_err(|_| FetchError::Unusable(host.clone()))?;
        let stream = self.connect(url).await?;
        if url.scheme() != "https" {
            return exchange(request, stream).await.map_err(|e| unreachable(&e));
        }
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|e| unreachable(&e))?;
        let stream = self.tls.connect(name, stream).await.map_err(|e| unreachable(&e))?;
        exchange(request, stream).await.map_err(|e| unreachable(&e))
    }

    /// Connects to a checked address only.
    async fn connect(&self, url: &Url) -> Result<TcpStream, FetchError> {
        let addresses = self.resolve(url).await?;
        let shown = url.host_str().unwrap_or_default().to_owned();
        TcpStream::connect(&*addresses).await.map_err(|e| FetchError::Unreachable(shown, e.to_string()))
    }

    /// The addresses of a URL's host, all of which may be connected to.
    async fn resolve(&self, url: &Url) -> Result<Vec<SocketAddr>, FetchError> {
        let shown = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(80);
        let addresses: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(address)) => vec![(address, port).into()],
            Some(Host::Ipv6(address)) => vec![(address, port).into()],
            Some(Host::Domain(name)) => tokio::net::lookup_host((name, port))
                .await
                .map_err(|_| FetchError::Unresolved(shown.clone()))?
                .collect(),
            None => return Err(FetchError::Unresolved(shown)),
        };
        // If any address is private, the host is refused: the order of DNS answers is attacker-controlled.
        if addresses.iter().any(|address| !address::may_reach(address.ip(), &self.allowed)) {
            return Err(FetchError::PrivateAddress(shown));
        }
        Ok(addresses)
    }
}

/// Builds the request for a page. Fails for a URL from outside that HTTP cannot carry.
fn request(url: &Url) -> hyper::http::Result<Request<Empty<Bytes>>> {
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    Request::get(target)
        .header(header::HOST, host)
        .header(header::USER_AGENT, AGENT)
        .header(header::ACCEPT, "text/html")
        .header(header::CONNECTION, "close")
        .body(Empty::new())
}

/// One request on a new connection. A page that breaks off counts with what arrived.
async fn exchange(
    request: Request<Empty<Bytes>>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Served, hyper::Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let mut body = Limited::new(body, PAGE_BYTES_MAX);
        let mut bytes = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            if let Some(data) = frame.data_ref() {
                bytes.extend_from_slice(data);
            }
        }
        Ok((parts, bytes))
    };
    tokio::pin!(exchange, connection);
    let mut open = true;
    loop {
        tokio::select! {
            // A result that has arrived counts, however the connection ended.
            biased;
            served = &mut exchange => return served,
            ended = &mut connection, if open => {
                ended?;
                open = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_http_cannot_carry_is_an_error_and_no_panic() {
        let long = format!("https://shop.example/{}", "a".repeat(70_000));
        assert!(request(&Url::parse(&long).unwrap()).is_err());
        assert!(request(&Url::parse("https://shop.example/a?b=c#d").unwrap()).is_ok());
    }
}
