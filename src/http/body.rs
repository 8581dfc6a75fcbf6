//! Reading request bodies: bounded in size and time, and in what decompression may make of them.

use std::{io::Read, time::Duration};

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::error::ApiError;
use crate::config;

const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// Reads a body whole and undoes its compression, told by header or by its first bytes.
///
/// # Errors
/// 413 when it is larger than `server.body_bytes_max` on the wire or unpacked, or grows by more than
/// `server.decompression_ratio_max`; 400 when it cannot be unpacked; 408 when it takes too long.
pub async fn read(body: Body, encoding: Option<&str>, settings: &config::Server) -> Result<Bytes, ApiError> {
    let limit = settings.body_bytes_max;
    if body.size_hint().lower() > limit as u64 {
        return Err(ApiError::TooLarge("the body is larger than the service accepts"));
    }
    let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, limit).collect());
    let bytes = match collected.await {
        Err(_) => return Err(ApiError::TooSlow),
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return Err(ApiError::TooLarge("the body is larger than the service accepts"));
        }
        Ok(Err(_)) => return Err(ApiError::Unreadable("the body ended too early".into())),
    };
    match packing(encoding, &bytes) {
        None => Ok(bytes),
        Some(packing) => unpack(packing, &bytes, limit, settings.decompression_ratio_max),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zlib,
    Brotli,
    Zstd,
}

/// JSON never begins with these bytes, so a wrong or missing header does no harm.
fn packing(encoding: Option<&str>, bytes: &[u8]) -> Option<Packing> {
    match bytes {
        [0x1f, 0x8b, ..] => return Some(Packing::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => return Some(Packing::Zstd),
        [b'{' | b'[' | b' ' | b'\n' | b'\r' | b'\t', ..] | [] => return None,
        _ => {}
    }
    match encoding.map(str::trim) {
        Some(name) if name.eq_ignore_ascii_case("br") => Some(Packing::Brotli),
        Some(name) if name.eq_ignore_ascii_case("deflate") => Some(Packing::Zlib),
        _ => None,
    }
}

fn unpack(packing: Packing, bytes: &[u8], limit: usize, ratio_max: usize) -> Result<Bytes, ApiError> {
    let cap = limit.min(bytes.len().saturating_mul(ratio_max));
    let mut out = Vec::with_capacity(cap.min(bytes.len() * 4));
    // One byte more than the cap, to tell "exactly full" from "too much".
    let room = cap as u64 + 1;
    let read = match packing {
        Packing::Gzip => flate2::read::MultiGzDecoder::new(bytes).take(room).read_to_end(&mut out),
        Packing::Zlib if bytes[0] & 0x0f == 8 => flate2::read::ZlibDecoder::new(bytes).take(room).read_to_end(&mut out),
        // Some clients send the bare format under the name of the wrapped one.
        Packing::Zlib => flate2::read::DeflateDecoder::new(bytes).take(room).read_to_end(&mut out),
        Packing::Brotli => brotli_decompressor::Decompressor::new(bytes, 4096).take(room).read_to_end(&mut out),
        Packing::Zstd => zstd::Decoder::new(bytes).and_then(|decoder| decoder.take(room).read_to_end(&mut out)),
    };
    match read {
        Ok(n) if n > cap => Err(ApiError::TooLarge("the unpacked body is larger than the service accepts")),
        Ok(_) => Ok(out.into()),
        Err(_) => Err(ApiError::Unreadable("the compressed body is damaged".into())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = write::GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn check(body: Vec<u8>, encoding: Option<&str>) -> Result<Bytes, ApiError> {
        let settings = config::Server { body_bytes_max: 10_000, ..config::Config::defaults().server };
        read(Body::from(body), encoding, &settings).await
    }

    #[tokio::test]
    async fn compressed_bodies_are_understood_by_header_or_first_bytes() {
        let text = br#"{"a":1}"#.repeat(20);
        assert_eq!(check(text.clone(), None).await.unwrap(), text);
        assert_eq!(check(gzip(&text), None).await.unwrap(), text);
        assert_eq!(check(gzip(&text), Some("gzip")).await.unwrap(), text);
        assert_eq!(check(zstd::encode_all(&text[..], 3).unwrap(), None).await.unwrap(), text);
        let mut zlib = write::ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(&text).unwrap();
        assert_eq!(check(zlib.finish().unwrap(), Some("deflate")).await.unwrap(), text);
        // A header that lies about plain JSON is overlooked.
        assert_eq!(check(text.clone(), Some("gzip")).await.unwrap(), text);
    }

    #[tokio::test]
    async fn bombs_oversize_and_damage_are_refused() {
        assert!(matches!(check(gzip(&vec![b' '; 1 << 24]), None).await, Err(ApiError::TooLarge(_))));
        assert!(matches!(check(vec![b'{'; 10_001], None).await, Err(ApiError::TooLarge(_))));
        let mut damaged = gzip(&[b'x'; 500]);
        let end = damaged.len() - 10;
        damaged.truncate(end);
        assert!(matches!(check(damaged, None).await, Err(ApiError::Unreadable(_))));
    }
}
