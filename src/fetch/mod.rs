//! Reads one page of a site's registered origins, as the installation check does. It must never reach
//! an address inside the network: each host is resolved here, every one of its addresses is judged
//! (`address`), and the connection goes to the judged address, so that a name that changes its mind
//! in between gains nothing. Redirects are followed by the same rules, to registered origins only.
//!
//! Example: `Fetcher::new(&config.checks).page(&url, &site.origins)` gives status, headers and HTML,
//! or a [`FetchError`] that tells the marketer what to do.

pub mod address;
pub mod download;

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
/// A page's head comes first; what is beyond this is not looked at.
const PAGE_BYTES_MAX: usize = 1_000_000;
const AGENT: &str = concat!("Ashna/", env!("CARGO_PKG_VERSION"), " (installation check)");

/// A page as it was served.
#[derive(Debug)]
pub struct Page {
    /// Where it was found, after redirects.
    pub url: Url,
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The page, cut after its first million bytes.
    pub html: String,
}

/// Why a page could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not one of the site's origins.
    #[error("{0} is not one of the site's origins")]
    ForeignOrigin(String),
    /// An address inside the network.
    #[error(
        "{0} leads to an address inside a network, which this service does not open; the check in your browser does"
    )]
    Inside(String),
    /// The name leads nowhere.
    #[error("the name {0} cannot be resolved")]
    Unresolved(String),
    /// Nobody answers, or not in time.
    #[error("{0} does not answer: {1}")]
    Unreachable(String, String),
    /// Another answer than the file.
    #[error("{0} answers with status {1}")]
    Status(String, u16),
    /// The file is larger than it may be.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// An address, as a page or a redirect names it, that cannot be asked for.
    #[error("{0} is asked for by an address that cannot be used; it may be too long")]
    Unusable(String),
    /// Redirects go on and on.
    #[error("the page redirects more than {REDIRECTS_MAX} times")]
    TooManyRedirects,
}

/// What one request got.
type Served = (Parts, Vec<u8>);

/// Reads pages; cheap to clone.
#[derive(Clone)]
pub struct Fetcher {
    allowed: Arc<[IpNet]>,
    limit: Duration,
    silence: Duration,
    tls: TlsConnector,
}

impl Fetcher {
    /// With the owner's exceptions and the machine's own certificate authorities.
    #[must_use]
    pub fn new(config: &config::Checks) -> Self {
        Self::reaching(config.inside_networks.clone(), Duration::from_millis(config.timeout_ms))
    }

    /// With these exceptions, and so much time for one page or file.
    #[must_use]
    pub fn reaching(inside_networks: Vec<IpNet>, limit: Duration) -> Self {
        let mut roots = RootCertStore::empty();
        // A machine without authorities can still check pages without TLS.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has the protocol's versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { allowed: inside_networks.into(), limit, silence: limit, tls: TlsConnector::from(Arc::new(tls)) }
    }

    /// The same, and a file's server may say nothing for so long.
    #[must_use]
    pub fn giving_up_after(self, silence: Duration) -> Self {
        Self { silence, ..self }
    }

    /// Reads a page of one of `origins`.
    ///
    /// # Errors
    /// When the address or one it redirects to may not be opened, or nobody answers in time.
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

    /// Connects to an address that was judged, and to no other.
    async fn connect(&self, url: &Url) -> Result<TcpStream, FetchError> {
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
        // One address inside spoils the name: it is not for the other side to say which one is taken.
        if addresses.iter().any(|address| !address::may_reach(address.ip(), &self.allowed)) {
            return Err(FetchError::Inside(shown));
        }
        TcpStream::connect(&*addresses).await.map_err(|e| FetchError::Unreachable(shown, e.to_string()))
    }
}

/// What is asked of a page's server. An address that came from outside may be none that HTTP can carry.
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

/// One request on a fresh connection. A page that breaks off is judged by what arrived.
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
            // What has arrived counts, however the connection ended.
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
    fn an_address_that_http_cannot_carry_is_an_error_and_no_panic() {
        let long = format!("https://shop.example/{}", "a".repeat(70_000));
        assert!(request(&Url::parse(&long).unwrap()).is_err());
        assert!(request(&Url::parse("https://shop.example/a?b=c#d").unwrap()).is_ok());
    }
}
