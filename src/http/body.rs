//! Reading request bodies: bounded in size and time, and in what decompression may make of them.

mod packing;

use std::time::Duration;

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use self::packing::{Bounds, Unpack};
use super::error::ApiError;
use crate::config;

const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// Reads a body whole and undoes its compression: gzip, deflate (wrapped or bare), br and zstd, told by
/// `Content-Encoding` or by the first bytes, several after each other too. A header that does not fit
/// the bytes is overlooked where the bytes speak for themselves.
///
/// # Errors
/// 413 when it is larger than `server.body_bytes_max` on the wire or unpacked, or grows by more than
/// `server.decompression_ratio_max`; 400 when it cannot be unpacked; 408 when it takes too long.
pub async fn read(body: Body, headers: &HeaderMap, settings: &config::Server) -> Result<Bytes, ApiError> {
    const TOO_LARGE: ApiError = ApiError::TooLarge("the body is larger than the service accepts");
    let limit = settings.body_bytes_max;
    if body.size_hint().lower() > limit as u64 {
        return Err(TOO_LARGE);
    }
    let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect());
    let bytes = match collected.await {
        Err(_) => return Err(ApiError::TooSlow),
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(TOO_LARGE),
        Ok(Err(_)) => return Err(ApiError::Unreadable("the body ended too early".into())),
    };
    let named = headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let bounds = Bounds { bytes_max: limit, ratio_max: settings.decompression_ratio_max };
    packing::unpack(bytes, named, bounds).map_err(|error| match error {
        Unpack::TooLarge => ApiError::TooLarge("the unpacked body is larger than the service accepts"),
        Unpack::TooDeep => ApiError::Unreadable("the body is packed too many times over".into()),
        Unpack::Damaged => ApiError::Unreadable("the compressed body is damaged".into()),
    })
}
