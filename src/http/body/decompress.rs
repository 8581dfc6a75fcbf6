//! Decodes content codings within memory limits.
//!
//! A body's first bytes count more than its header: proxies and clients name codings that they did not apply, and apply
//! some that they did not name.

use std::io::Read;

use axum::body::Bytes;

/// Layers of compression; legitimate clients do not use more.
const LAYERS_MAX: usize = 3;
/// Any body may decompress to this many bytes: short repetitive batches compress very well.
const ALWAYS_ALLOWED: usize = 64 * 1024;
/// The largest window of a zstd frame, 8 MiB: RFC 9659's limit for HTTP.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Limits on the decompressed size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Largest result, also of each layer.
    pub bytes_max: usize,
    /// Largest factor of growth over the bytes on the wire.
    pub ratio_max: usize,
}

/// Why a body cannot be decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecompressError {
    /// It exceeds its bounds.
    TooLarge,
    /// It has more than [`LAYERS_MAX`] layers.
    TooManyLayers,
    /// It is truncated or not of the named coding.
    Damaged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Decodes the codings of the header's lines, last first, and any others that the first bytes show.
///
/// # Errors
/// See [`DecompressError`].
pub(super) fn decompress<'h>(
    mut bytes: Bytes,
    named: impl Iterator<Item = &'h str>,
    bounds: Bounds,
) -> Result<Bytes, DecompressError> {
    let mut codings = Vec::new();
    for name in named.flat_map(|line| line.split(',')) {
        // Unknown names (`identity`, `utf-8`) are ignored; the first bytes decide.
        codings.extend(coding_of(name.trim()));
        if codings.len() > LAYERS_MAX {
            return Err(DecompressError::TooManyLayers);
        }
    }
    let by_ratio = bytes.len().saturating_mul(bounds.ratio_max).max(ALWAYS_ALLOWED);
    let limit = bounds.bytes_max.min(by_ratio);
    let mut layers = 0;
    loop {
        let coding = match (codings.pop(), detect(&bytes)) {
            (None, None) => return Ok(bytes),
            // No other coding begins with the magic numbers of gzip and zstd.
            (None, Some(detected)) | (Some(_), Some(detected @ (Coding::Gzip | Coding::Zstd))) => detected,
            (Some(named), _) => named,
        };
        layers += 1;
        if layers > LAYERS_MAX {
            return Err(DecompressError::TooManyLayers);
        }
        bytes = match decode(coding, &bytes, limit) {
            Ok(decoded) => decoded.into(),
            // Named but not applied; the next name may be too.
            Err(DecompressError::Damaged) if looks_like_json(&bytes) => continue,
            Err(error) => return Err(error),
        };
    }
}

fn coding_of(name: &str) -> Option<Coding> {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if is("gzip") || is("x-gzip") {
        Some(Coding::Gzip)
    } else if is("deflate") {
        Some(Coding::Deflate)
    } else if is("br") {
        Some(Coding::Brotli)
    } else if is("zstd") {
        Some(Coding::Zstd)
    } else {
        None
    }
}

/// The coding by the first bytes. They are distinctive: no JSON text begins with them.
fn detect(bytes: &[u8]) -> Option<Coding> {
    match bytes {
        [0x1f, 0x8b, ..] => Some(Coding::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Coding::Zstd),
        // A zlib header: method 8, the usual window, and a check that makes it a multiple of 31.
        [0x78, second, ..] if (0x7800 | u16::from(*second)).is_multiple_of(31) => Some(Coding::Deflate),
        _ => None,
    }
}

fn looks_like_json(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    matches!(text.first(), Some(b'{' | b'['))
}

fn decode(coding: Coding, bytes: &[u8], limit: usize) -> Result<Vec<u8>, DecompressError> {
    let mut out = Vec::with_capacity(limit.min(bytes.len() * 4));
    // One byte more than the limit, to detect an excess.
    let read_max = limit as u64 + 1;
    let read = match coding {
        Coding::Gzip => flate2::read::MultiGzDecoder::new(bytes).take(read_max).read_to_end(&mut out),
        Coding::Deflate if detect(bytes) == Some(Coding::Deflate) => {
            flate2::read::ZlibDecoder::new(bytes).take(read_max).read_to_end(&mut out)
        }
        // Some clients send raw deflate under the name of the zlib format.
        Coding::Deflate => flate2::read::DeflateDecoder::new(bytes).take(read_max).read_to_end(&mut out),
        Coding::Brotli => brotli_decompressor::Decompressor::new(bytes, 4096).take(read_max).read_to_end(&mut out),
        Coding::Zstd => zstd::Decoder::new(bytes).and_then(|mut decoder| {
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            decoder.take(read_max).read_to_end(&mut out)
        }),
    };
    match read {
        Ok(length) if length > limit => Err(DecompressError::TooLarge),
        // Raw deflate and brotli have no checksum: plain text can be a valid short stream.
        Ok(_) if looks_like_json(bytes) && !looks_like_json(&out) && detect(&out).is_none() => {
            Err(DecompressError::Damaged)
        }
        Ok(_) => Ok(out),
        Err(_) => Err(DecompressError::Damaged),
    }
}

#[cfg(test)]
mod tests;
