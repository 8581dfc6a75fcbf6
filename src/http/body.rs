//! Reading request bodies: bounded in size and time, and in what decompression may make of them.

pub mod budget;
mod decompress;

use std::{ops::Deref, time::Duration};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt;

use self::{
    budget::{Budget, Exhausted, Share},
    decompress::{Bounds, Unpack},
};
use super::error::ApiError;
use crate::config;

const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// How much of a body that is refused is still read, and for how long, so that the refusal can be heard.
const REST_BYTES_MAX: usize = 8 << 20;
const REST_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads a body whole and undoes its compression: gzip, deflate (wrapped or bare), br and zstd, told by
/// `Content-Encoding` or by the first bytes, several after each other too. A header that does not fit
/// the bytes is overlooked where the bytes speak for themselves.
///
/// # Errors
/// 413 when it is larger than `server.body_bytes_max` on the wire or unpacked, or grows by more than
/// `server.decompression_ratio_max`; 400 when it cannot be unpacked; 408 when it takes too long.
/// 503 when other requests' bodies take all the memory that is meant for bodies.
pub async fn read(
    mut body: Body,
    headers: &HeaderMap,
    settings: &config::Server,
    budget: &Budget,
) -> Result<Taken, ApiError> {
    let limit = settings.body_bytes_max;
    let mut share = budget.share();
    let bytes = match tokio::time::timeout(BODY_TIMEOUT, whole(&mut body, limit, &mut share)).await {
        Err(_) => return Err(ApiError::TooSlow),
        Ok(Err(ReadError::TooLarge)) => {
            let _ = tokio::time::timeout(REST_TIMEOUT, pass_over(body)).await;
            return Err(ApiError::TooLarge("the body is larger than the service accepts"));
        }
        Ok(Err(ReadError::Exhausted)) => return Err(exhausted()),
        Ok(Err(ReadError::Broken)) => return Err(ApiError::Unreadable("the body ended too early".into())),
        Ok(Ok(bytes)) => bytes,
    };
    let named = headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let bounds = Bounds { bytes_max: limit, ratio_max: settings.decompression_ratio_max };
    let packed = bytes.len();
    let bytes = decompress::unpack(bytes, named, bounds).map_err(|error| match error {
        Unpack::TooLarge => ApiError::TooLarge("the unpacked body is larger than the service accepts"),
        Unpack::TooDeep => ApiError::Unreadable("the body is packed too many times over".into()),
        Unpack::Damaged => ApiError::Unreadable("the compressed body is damaged".into()),
    })?;
    share.grow(bytes.len().saturating_sub(packed)).map_err(|Exhausted| exhausted())?;
    Ok(Taken { bytes, _share: share })
}

/// A body, whole and unpacked, with its share of the memory for bodies. Keep it until the request is answered.
#[derive(Debug)]
pub struct Taken {
    bytes: Bytes,
    _share: Share,
}

impl Deref for Taken {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

fn exhausted() -> ApiError {
    ApiError::Unavailable(1, "too many bodies are on their way at once; send it again".into())
}

enum ReadError {
    TooLarge,
    Exhausted,
    Broken,
}

/// All the bytes of a body; one that comes in one piece is not copied.
async fn whole(body: &mut Body, limit: usize, share: &mut Share) -> Result<Bytes, ReadError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(ReadError::TooLarge);
    }
    let (mut only, mut all) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| ReadError::Broken)?.into_data() else { continue };
        if only.len().max(all.len()) + piece.len() > limit {
            return Err(ReadError::TooLarge);
        }
        share.grow(piece.len()).map_err(|Exhausted| ReadError::Exhausted)?;
        if only.is_empty() && all.is_empty() {
            only = piece;
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&std::mem::take(&mut only));
        }
        all.extend_from_slice(&piece);
    }
    Ok(if all.is_empty() { only } else { all.into() })
}

/// Reads on without keeping anything: a client that is still sending when the connection is closed sees it
/// broken instead of the answer, and tries the same again.
async fn pass_over(mut body: Body) {
    let mut left = REST_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            break;
        }
    }
}
