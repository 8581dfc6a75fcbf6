//! Downloads a file of any size from a public address, streamed in chunks.

use std::{future::Future, time::Duration};

use http_body_util::{BodyExt, Empty};
use hyper::{HeaderMap, Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc::Sender,
};
use url::Url;

use super::{FetchError, Fetcher, REDIRECTS_MAX};

const AGENT: &str = concat!("Ashna/", env!("CARGO_PKG_VERSION"), " (product feed)");

/// HTTP cache validators of a response; empty where the server sent none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`.
    pub etag: String,
    /// `Last-Modified`.
    pub last_modified: String,
}

/// Result of a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The server reported no change.
    Unchanged,
    /// The whole file was sent on; with its validators.
    Whole(Validators),
}

enum Step {
    Done(Fetched),
    /// Its location and status.
    Redirect(String, u16),
}

impl Fetcher {
    /// Downloads a file and sends it on in chunks; ends early, without an error, when the receiver is dropped.
    ///
    /// # Errors
    /// If the URL or a redirect may not be opened, the server does not answer in time, the status is not 200 or 304, or
    /// the body breaks off or is larger than `bytes_max`.
    pub async fn download(
        &self,
        url: &Url,
        known: &Validators,
        chunks: Sender<Bytes>,
        bytes_max: u64,
    ) -> Result<Fetched, FetchError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let all = self.download_from(url.clone(), known, chunks, bytes_max);
        tokio::time::timeout(self.limit, all)
            .await
            .unwrap_or_else(|_| Err(FetchError::Unreachable(host, "not finished in time".into())))
    }

    async fn download_from(
        &self,
        mut url: Url,
        known: &Validators,
        chunks: Sender<Bytes>,
        bytes_max: u64,
    ) -> Result<Fetched, FetchError> {
        for _ in 0..=REDIRECTS_MAX {
            let host = url.host_str().unwrap_or_default().to_owned();
            let failed = |why: &dyn std::fmt::Display| FetchError::Unreachable(host.clone(), why.to_string());
            let timeouts = Timeouts { host: &host, silence: self.silence };
            let stream = timeouts.limit(self.connect(&url)).await??;
            let step = if url.scheme() == "https" {
                let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|e| failed(&e))?;
                let stream = timeouts.limit(self.tls.connect(name, stream)).await?.map_err(|e| failed(&e))?;
                exchange(&url, known, stream, &chunks, (bytes_max, timeouts)).await?
            } else {
                exchange(&url, known, stream, &chunks, (bytes_max, timeouts)).await?
            };
            let next = match step {
                Step::Done(fetched) => return Ok(fetched),
                Step::Redirect(next, status) => {
                    url.join(&next).map_err(|_| FetchError::NoLocation(host.clone(), status))?
                }
            };
            let downgrade = url.scheme() == "https" && next.scheme() != "https";
            if downgrade || !matches!(next.scheme(), "http" | "https") {
                return Err(failed(&"it redirects to a URL without encryption, or to one that is not HTTP"));
            }
            url = next;
        }
        Err(FetchError::TooManyRedirects)
    }
}

/// How long a server may send nothing.
#[derive(Clone, Copy)]
struct Timeouts<'h> {
    host: &'h str,
    silence: Duration,
}

impl Timeouts<'_> {
    async fn limit<T>(self, step: impl Future<Output = T>) -> Result<T, FetchError> {
        let silent = || format!("it sent nothing for {} seconds", self.silence.as_secs_f64());
        tokio::time::timeout(self.silence, step)
            .await
            .map_err(|_| FetchError::Unreachable(self.host.to_owned(), silent()))
    }
}

async fn exchange(
    url: &Url,
    known: &Validators,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    chunks: &Sender<Bytes>,
    (bytes_max, timeouts): (u64, Timeouts<'_>),
) -> Result<Step, FetchError> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let failed = |error: hyper::Error| FetchError::Unreachable(host.clone(), error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let request = request(url, known).map_err(|_| FetchError::Unusable(host.clone()))?;
    let exchange = async {
        let (parts, mut body) = timeouts.limit(sender.send_request(request)).await?.map_err(failed)?.into_parts();
        match parts.status.as_u16() {
            200 => {}
            304 => return Ok(Step::Done(Fetched::Unchanged)),
            status @ (301 | 302 | 303 | 307 | 308) => {
                let next = header_text(&parts.headers, header::LOCATION);
                return if next.is_empty() {
                    Err(FetchError::NoLocation(host.clone(), status))
                } else {
                    Ok(Step::Redirect(next, status))
                };
            }
            other => return Err(FetchError::Status(host.clone(), other)),
        }
        let mut left = bytes_max;
        while let Some(frame) = timeouts.limit(body.frame()).await? {
            let Ok(chunk) = frame.map_err(failed)?.into_data() else { continue };
            left = left.checked_sub(chunk.len() as u64).ok_or(FetchError::TooLarge(bytes_max))?;
            if chunks.send(chunk).await.is_err() {
                break;
            }
        }
        let etag = header_text(&parts.headers, header::ETAG);
        let last_modified = header_text(&parts.headers, header::LAST_MODIFIED);
        Ok(Step::Done(Fetched::Whole(Validators { etag, last_modified })))
    };
    tokio::pin!(exchange, connection);
    let mut open = true;
    loop {
        tokio::select! {
            // A result that has arrived counts, however the connection ended.
            biased;
            step = &mut exchange => return step,
            ended = &mut connection, if open => {
                ended.map_err(failed)?;
                open = false;
            }
        }
    }
}

fn request(url: &Url, known: &Validators) -> hyper::http::Result<Request<Empty<Bytes>>> {
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut request = Request::get(target)
        .header(header::HOST, host)
        .header(header::USER_AGENT, AGENT)
        .header(header::ACCEPT, "*/*")
        .header(header::ACCEPT_ENCODING, "gzip")
        .header(header::CONNECTION, "close");
    if !known.etag.is_empty() {
        request = request.header(header::IF_NONE_MATCH, &known.etag);
    }
    if !known.last_modified.is_empty() {
        request = request.header(header::IF_MODIFIED_SINCE, &known.last_modified);
    }
    request.body(Empty::new())
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| text.len() <= 2000).unwrap_or_default().into()
}
