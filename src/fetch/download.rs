//! Fetches a file of any size from any public address, piece by piece.

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

/// What a server said to recognise a state by; empty where it said nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// `ETag`.
    pub etag: String,
    /// `Last-Modified`.
    pub last_modified: String,
}

/// How a download went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// Nothing changed since.
    Unchanged,
    /// All of it was sent on; and its state.
    Whole(State),
}

enum Step {
    Done(Fetched),
    Moved(String),
}

impl Fetcher {
    /// Fetches a file and sends its pieces on; ends early, without an error, when nobody takes them any more.
    ///
    /// # Errors
    /// When the address or one it redirects to may not be opened, nobody answers in time, the answer is
    /// another than 200 or 304, breaks off, or is larger than `bytes_max`.
    pub async fn download(
        &self,
        url: &Url,
        known: &State,
        pieces: Sender<Bytes>,
        bytes_max: u64,
    ) -> Result<Fetched, FetchError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let all = self.download_from(url.clone(), known, pieces, bytes_max);
        tokio::time::timeout(self.limit, all)
            .await
            .unwrap_or_else(|_| Err(FetchError::Unreachable(host, "not done in time".into())))
    }

    async fn download_from(
        &self,
        mut url: Url,
        known: &State,
        pieces: Sender<Bytes>,
        bytes_max: u64,
    ) -> Result<Fetched, FetchError> {
        for _ in 0..=REDIRECTS_MAX {
            let host = url.host_str().unwrap_or_default().to_owned();
            let failed = |why: &dyn std::fmt::Display| FetchError::Unreachable(host.clone(), why.to_string());
            let patience = Timeouts { host: &host, silence: self.silence };
            let stream = patience.hears(self.connect(&url)).await??;
            let step = if url.scheme() == "https" {
                let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|e| failed(&e))?;
                let stream = patience.hears(self.tls.connect(name, stream)).await?.map_err(|e| failed(&e))?;
                exchange(&url, known, stream, &pieces, (bytes_max, patience)).await?
            } else {
                exchange(&url, known, stream, &pieces, (bytes_max, patience)).await?
            };
            let next = match step {
                Step::Done(fetched) => return Ok(fetched),
                Step::Moved(next) => url.join(&next).map_err(|e| failed(&e))?,
            };
            let downgrade = url.scheme() == "https" && next.scheme() != "https";
            if downgrade || !matches!(next.scheme(), "http" | "https") {
                return Err(failed(&"it redirects to an address without encryption, or to none of the web"));
            }
            url = next;
        }
        Err(FetchError::TooManyRedirects)
    }
}

/// How long a server may say nothing.
#[derive(Clone, Copy)]
struct Timeouts<'h> {
    host: &'h str,
    silence: Duration,
}

impl Timeouts<'_> {
    async fn hears<T>(self, word: impl Future<Output = T>) -> Result<T, FetchError> {
        let silent = || format!("it said nothing for {} seconds", self.silence.as_secs_f64());
        tokio::time::timeout(self.silence, word)
            .await
            .map_err(|_| FetchError::Unreachable(self.host.to_owned(), silent()))
    }
}

async fn exchange(
    url: &Url,
    known: &State,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    pieces: &Sender<Bytes>,
    (bytes_max, patience): (u64, Timeouts<'_>),
) -> Result<Step, FetchError> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let failed = |error: hyper::Error| FetchError::Unreachable(host.clone(), error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let request = request(url, known).map_err(|_| FetchError::Unusable(host.clone()))?;
    let exchange = async {
        let (parts, mut body) = patience.hears(sender.send_request(request)).await?.map_err(failed)?.into_parts();
        match parts.status.as_u16() {
            200 => {}
            304 => return Ok(Step::Done(Fetched::Unchanged)),
            301 | 302 | 303 | 307 | 308 => {
                let next = said(&parts.headers, header::LOCATION);
                return if next.is_empty() {
                    Err(FetchError::Status(host.clone(), 302))
                } else {
                    Ok(Step::Moved(next))
                };
            }
            other => return Err(FetchError::Status(host.clone(), other)),
        }
        let mut left = bytes_max;
        while let Some(frame) = patience.hears(body.frame()).await? {
            let Ok(piece) = frame.map_err(failed)?.into_data() else { continue };
            left = left.checked_sub(piece.len() as u64).ok_or(FetchError::TooLarge(bytes_max))?;
            if pieces.send(piece).await.is_err() {
                break;
            }
        }
        let etag = said(&parts.headers, header::ETAG);
        let last_modified = said(&parts.headers, header::LAST_MODIFIED);
        Ok(Step::Done(Fetched::Whole(State { etag, last_modified })))
    };
    tokio::pin!(exchange, connection);
    let mut open = true;
    loop {
        tokio::select! {
            // What has arrived counts, however the connection ended.
            biased;
            step = &mut exchange => return step,
            ended = &mut connection, if open => {
                ended.map_err(failed)?;
                open = false;
            }
        }
    }
}

fn request(url: &Url, known: &State) -> hyper::http::Result<Request<Empty<Bytes>>> {
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

fn said(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| text.len() <= 2000).unwrap_or_default().into()
}
