//! Posts one body to a public address; redirects are not followed.

use http_body_util::Full;
use hyper::{Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use super::{FetchError, Fetcher};

const AGENT: &str = concat!("Ashna/", env!("CARGO_PKG_VERSION"), " (webhook)");

impl Fetcher {
    /// Checks that a URL does not lead to a private address now.
    ///
    /// # Errors
    /// If it does, or its name cannot be resolved in time.
    pub async fn check_address(&self, url: &Url) -> Result<(), FetchError> {
        let unresolved = || FetchError::Unresolved(url.host_str().unwrap_or_default().to_owned());
        tokio::time::timeout(self.limit, self.resolve(url)).await.map_err(|_| unresolved())?.map(drop)
    }

    /// Posts JSON and returns the status of the answer, whose body is not read.
    ///
    /// # Errors
    /// If the URL may not be opened, or the server does not answer in time.
    pub async fn post(&self, url: &Url, headers: &[(&str, &str)], body: Bytes) -> Result<u16, FetchError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        tokio::time::timeout(self.limit, self.post_once(url, headers, body))
            .await
            .unwrap_or_else(|_| Err(FetchError::Unreachable(host, "no answer in time".into())))
    }

    async fn post_once(&self, url: &Url, headers: &[(&str, &str)], body: Bytes) -> Result<u16, FetchError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let failed = |why: &dyn std::fmt::Display| FetchError::Unreachable(host.clone(), why.to_string());
        let request = request(url, headers, body).map_err(|_| FetchError::Unusable(host.clone()))?;
        let stream = self.connect(url).await?;
        if url.scheme() != "https" {
            return exchange(request, stream).await.map_err(|e| failed(&e));
        }
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|e| failed(&e))?;
        let stream = self.tls.connect(name, stream).await.map_err(|e| failed(&e))?;
        exchange(request, stream).await.map_err(|e| failed(&e))
    }
}

fn request(url: &Url, headers: &[(&str, &str)], body: Bytes) -> hyper::http::Result<Request<Full<Bytes>>> {
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut request = Request::post(target)
        .header(header::HOST, host)
        .header(header::USER_AGENT, AGENT)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONNECTION, "close");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(body))
}

/// One request on a new connection.
async fn exchange(
    request: Request<Full<Bytes>>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<u16, hyper::Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async { sender.send_request(request).await.map(|answer| answer.status().as_u16()) };
    tokio::pin!(answer, connection);
    let mut open = true;
    loop {
        tokio::select! {
            // A status that has arrived counts, however the connection ended.
            biased;
            status = &mut answer => return status,
            ended = &mut connection, if open => {
                ended?;
                open = false;
            }
        }
    }
}
