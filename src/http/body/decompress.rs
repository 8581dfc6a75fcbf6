//! Undoing content codings without ever holding more than was allowed.
//!
//! What a body says of itself in its first bytes counts more than its header: proxies and clients name
//! codings that they did not apply, and apply some that they did not name.

use std::io::Read;

use axum::body::Bytes;

/// Codings undone one after the other; more is nobody's honest work.
const LAYERS_MAX: usize = 3;
/// However small a body is, it may unpack to this: short repetitive batches pack very well.
const ALWAYS_ALLOWED: usize = 64 * 1024;
/// The largest window a zstd frame may ask memory for, 8 MiB, as RFC 9659 has it for this use.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// What unpacking may make of a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Largest result, also between two layers.
    pub bytes_max: usize,
    /// Largest growth over the bytes on the wire.
    pub ratio_max: usize,
}

/// Why a body cannot be unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unpack {
    /// It grows beyond its bounds.
    TooLarge,
    /// It is packed too many times over.
    TooDeep,
    /// It is cut short or no such thing.
    Damaged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Undoes the codings of the header's lines, last first, and what else the bytes themselves show.
///
/// # Errors
/// See [`Unpack`].
pub(super) fn unpack<'h>(
    mut bytes: Bytes,
    named: impl Iterator<Item = &'h str>,
    bounds: Bounds,
) -> Result<Bytes, Unpack> {
    let mut codings = Vec::new();
    for name in named.flat_map(|line| line.split(',')) {
        // Names that are no coding (`identity`, `utf-8`) are overlooked: the bytes will tell.
        codings.extend(coding_of(name.trim()));
        if codings.len() > LAYERS_MAX {
            return Err(Unpack::TooDeep);
        }
    }
    let grown = bytes.len().saturating_mul(bounds.ratio_max).max(ALWAYS_ALLOWED);
    let cap = bounds.bytes_max.min(grown);
    let mut layers = 0;
    loop {
        let coding = match (codings.pop(), shown_by(&bytes)) {
            (None, None) => return Ok(bytes),
            // No stream of another coding begins as gzip and zstd do.
            (None, Some(shown)) | (Some(_), Some(shown @ (Coding::Gzip | Coding::Zstd))) => shown,
            (Some(named), _) => named,
        };
        layers += 1;
        if layers > LAYERS_MAX {
            return Err(Unpack::TooDeep);
        }
        bytes = match undo(coding, &bytes, cap) {
            Ok(unpacked) => unpacked.into(),
            // Named, but never applied; the same may be true of the next name.
            Err(Unpack::Damaged) if looks_like_json(&bytes) => continue,
            Err(error) => return Err(error),
        };
    }
}

fn coding_of(name: &str) -> Option<Coding> {
    let is = |word: &str| name.eq_ignore_ascii_case(word);
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

/// The coding that the first bytes show for certain: no JSON text begins so.
fn shown_by(bytes: &[u8]) -> Option<Coding> {
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

fn undo(coding: Coding, bytes: &[u8], cap: usize) -> Result<Vec<u8>, Unpack> {
    let mut out = Vec::with_capacity(cap.min(bytes.len() * 4));
    // One byte more than the cap, to tell "exactly full" from "too much".
    let room = cap as u64 + 1;
    let read = match coding {
        Coding::Gzip => flate2::read::MultiGzDecoder::new(bytes).take(room).read_to_end(&mut out),
        Coding::Deflate if shown_by(bytes) == Some(Coding::Deflate) => {
            flate2::read::ZlibDecoder::new(bytes).take(room).read_to_end(&mut out)
        }
        // Some clients send the bare format under the name of the wrapped one.
        Coding::Deflate => flate2::read::DeflateDecoder::new(bytes).take(room).read_to_end(&mut out),
        Coding::Brotli => brotli_decompressor::Decompressor::new(bytes, 4096).take(room).read_to_end(&mut out),
        Coding::Zstd => zstd::Decoder::new(bytes).and_then(|mut decoder| {
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            decoder.take(room).read_to_end(&mut out)
        }),
    };
    match read {
        Ok(length) if length > cap => Err(Unpack::TooLarge),
        // Bare deflate and brotli have no checksum: plain text can pass for a short stream of them.
        Ok(_) if looks_like_json(bytes) && !looks_like_json(&out) && shown_by(&out).is_none() => Err(Unpack::Damaged),
        Ok(_) => Ok(out),
        Err(_) => Err(Unpack::Damaged),
    }
}

#[cfg(test)]
mod tests;
