//! Reads and decompresses request bodies, with limits on size, time and decompression ratio.

pub mod budget;
mod decompress;

use std::{ops::Deref, time::Duration};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt;

use self::{
    budget::{Budget, Exhausted, Reservation},
    decompress::{Bounds, DecompressError},
};
use super::error::ApiError;
use crate::config;

const BODY_TIMEOUT: Duration = Duration::from_secs(20);
/// How much of a refused body is still read, and for how long, so that the client receives the refusal.
const REST_BYTES_MAX: usize = 8 << 20;
const REST_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads a whole body and decompresses it: gzip, deflate (zlib or raw), br and zstd, recognized by `Content-Encoding` or
/// by the first bytes, also several layers. Where the first bytes contradict the header, they win.
///
/// # Errors
/// 413 when it is larger than `server.body_bytes_max` on the wire or decompressed, or grows by more than
/// `server.decompression_ratio_max`; 400 when it cannot be decompressed; 408 when it takes too long; 503 when other
/// requests' bodies use all memory for bodies.
pub async fn read(
    mut body: Body,
    headers: &HeaderMap,
    settings: &config::Server,
    budget: &Budget,
) -> Result<BufferedBody, ApiError> {
    let limit = settings.body_bytes_max;
    let mut reservation = budget.reserve_none();
    let bytes = match tokio::time::timeout(BODY_TIMEOUT, read_all(&mut body, limit, &mut reservation)).await {
        Err(_) => return Err(ApiError::TooSlow),
        Ok(Err(ReadError::TooLarge)) => {
            let _ = tokio::time::timeout(REST_TIMEOUT, discard(body)).await;
            return Err(ApiError::TooLarge("the body is larger than the service accepts"));
        }
        Ok(Err(ReadError::Exhausted)) => return Err(exhausted()),
        Ok(Err(ReadError::Broken)) => return Err(ApiError::Unreadable("the body ended too early".into())),
        Ok(Ok(bytes)) => bytes,
    };
    let named = headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let bounds = Bounds { bytes_max: limit, ratio_max: settings.decompression_ratio_max };
    let compressed = bytes.len();
    let bytes = decompress::decompress(bytes, named, bounds).map_err(|error| match error {
        DecompressError::TooLarge => ApiError::TooLarge("the decompressed body is larger than the service accepts"),
        DecompressError::TooManyLayers => ApiError::Unreadable("the body has too many layers of compression".into()),
        DecompressError::Damaged => ApiError::Unreadable("the compressed body is damaged".into()),
    })?;
    reservation.grow(bytes.len().saturating_sub(compressed)).map_err(|Exhausted| exhausted())?;
    Ok(BufferedBody { bytes, _reservation: reservation })
}

/// A whole, decompressed body with its reservation of memory. Keep it until the request is answered.
#[derive(Debug)]
pub struct BufferedBody {
    bytes: Bytes,
    _reservation: Reservation,
}

impl Deref for BufferedBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

fn exhausted() -> ApiError {
    ApiError::Unavailable(1, "too many request bodies at once; try again".into())
}

enum ReadError {
    TooLarge,
    Exhausted,
    Broken,
}

/// All bytes of a body; a single frame is not copied.
async fn read_all(body: &mut Body, limit: usize, reservation: &mut Reservation) -> Result<Bytes, ReadError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(ReadError::TooLarge);
    }
    let (mut single, mut all) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| ReadError::Broken)?.into_data() else { continue };
        if single.len().max(all.len()) + data.len() > limit {
            return Err(ReadError::TooLarge);
        }
        reservation.grow(data.len()).map_err(|Exhausted| ReadError::Exhausted)?;
        if single.is_empty() && all.is_empty() {
            single = data;
            continue;
        }
        if all.is_empty() {
            all.extend_from_slice(&std::mem::take(&mut single));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { single } else { all.into() })
}

/// Reads and drops the rest of a body: a client that is still sending when the connection closes sees a broken
/// connection instead of the response, and retries.
async fn discard(mut body: Body) {
    let mut left = REST_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            break;
        }
    }
}
