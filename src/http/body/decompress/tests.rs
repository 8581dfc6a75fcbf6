//! Every coding, wrong headers, decompression bombs.

use std::io::Write;

use flate2::{Compression, write};
use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds { bytes_max: 100_000, ratio_max: 100 };

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = write::GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = write::ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bare(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = write::DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut out, &brotli::enc::BrotliEncoderParams::default()).unwrap();
    out
}

fn check(body: &[u8], encoding: &str) -> Result<Bytes, DecompressError> {
    decompress(Bytes::copy_from_slice(body), [encoding].into_iter().filter(|line| !line.is_empty()), BOUNDS)
}

fn text() -> Vec<u8> {
    br#"{"batch":[{"type":"track","event":"A"}]} "#.repeat(40)
}

#[test]
fn every_coding_is_decoded_by_its_name() {
    let text = text();
    for (name, packed) in [
        ("gzip", gzip(&text)),
        ("X-GZIP", gzip(&text)),
        (" Deflate ", zlib(&text)),
        ("deflate", bare(&text)),
        ("br", brotli(&text)),
        ("zstd", zstd(&text)),
        ("identity", text.clone()),
        ("", text.clone()),
    ] {
        assert_eq!(check(&packed, name).unwrap(), text, "{name}");
    }
}

#[test]
fn without_a_name_the_first_bytes_decide() {
    let text = text();
    for packed in [gzip(&text), zlib(&text), zstd(&text), [gzip(&text[..41]), gzip(&text[41..])].concat()] {
        assert_eq!(check(&packed, "").unwrap(), text);
    }
}

#[test]
fn a_wrong_name_is_ignored() {
    let text = text();
    let with_mark = [b"\xef\xbb\xbf", &text[..]].concat();
    for name in ["gzip", "deflate", "br", "zstd", "gzip, br", "utf-8", "aws-chunked", "none"] {
        assert_eq!(check(&text, name).unwrap(), text, "plain under {name}");
        assert_eq!(check(&with_mark, name).unwrap(), with_mark, "with a byte order mark under {name}");
        assert_eq!(check(b"{}", name).unwrap(), &b"{}"[..], "an empty object under {name}");
    }
    assert_eq!(check(&gzip(&text), "zstd").unwrap(), text);
    assert_eq!(check(&zstd(&text), "gzip").unwrap(), text);
    assert_eq!(check(&gzip(&text), "br").unwrap(), text);
    assert_eq!(check(&gzip(&text), "deflate").unwrap(), text);
    assert_eq!(check(&zstd(&text), "deflate").unwrap(), text);
    assert_eq!(check(&gzip(&text), "gzip, gzip").unwrap(), text, "applied once, named twice");
    assert_eq!(check(b"", "gzip"), Err(DecompressError::Damaged));
    assert_eq!(check(b"", "").unwrap(), Bytes::new());
}

#[test]
fn layers_are_decoded_in_order_up_to_a_limit() {
    let text = text();
    assert_eq!(check(&brotli(&gzip(&text)), "gzip, br").unwrap(), text);
    assert_eq!(check(&gzip(&zlib(&zstd(&text))), "zstd,deflate,gzip").unwrap(), text);
    assert_eq!(check(&gzip(&gzip(&text)), "").unwrap(), text, "unnamed ones too");
    let lines = ["deflate", "gzip"];
    assert_eq!(decompress(gzip(&bare(&text)).into(), lines.into_iter(), BOUNDS).unwrap(), text, "on two lines");
    assert_eq!(check(&text, "gzip, gzip, gzip, gzip"), Err(DecompressError::TooManyLayers));
    assert_eq!(check(&gzip(&gzip(&gzip(&gzip(&text)))), ""), Err(DecompressError::TooManyLayers));
    assert_eq!(check(&text, &"br,".repeat(100_000)), Err(DecompressError::TooManyLayers));
}

#[test]
fn bombs_are_stopped_at_the_limit() {
    let zeros = vec![b' '; 1 << 24];
    for (name, bomb) in
        [("gzip", gzip(&zeros)), ("deflate", bare(&zeros)), ("br", brotli(&zeros)), ("zstd", zstd(&zeros))]
    {
        assert_eq!(check(&bomb, name), Err(DecompressError::TooLarge), "{name} of {} bytes", bomb.len());
        assert_eq!(check(&gzip(&bomb), &format!("{name}, gzip")), Err(DecompressError::TooLarge), "{name} in gzip");
    }
    // Within the size limit, above the ratio.
    let bounds = Bounds { bytes_max: 1 << 25, ratio_max: 100 };
    assert_eq!(decompress(gzip(&zeros).into(), [].into_iter(), bounds), Err(DecompressError::TooLarge));
    let bounds = Bounds { bytes_max: 1 << 25, ratio_max: 2000 };
    assert_eq!(decompress(gzip(&zeros).into(), [].into_iter(), bounds).unwrap().len(), 1 << 24, "within both limits");
    let full = vec![b' '; BOUNDS.bytes_max];
    let bounds = Bounds { ratio_max: 2000, ..BOUNDS };
    let decoded = decompress(gzip(&full).into(), [].into_iter(), bounds).unwrap();
    assert_eq!(decoded.len(), full.len(), "exactly full is not too much");
}

#[test]
fn a_zstd_frame_with_a_large_window_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&text()).unwrap();
    assert_eq!(check(&encoder.finish().unwrap(), "zstd"), Err(DecompressError::Damaged));
}

proptest! {
    #[test]
    fn nothing_panics_or_exceeds_its_limit(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        name in prop::sample::select(vec!["", "gzip", "deflate", "br", "zstd", "br, gzip", "deflate, zstd"]),
    ) {
        if let Ok(decoded) = check(&bytes, name) {
            prop_assert!(decoded.len() <= BOUNDS.bytes_max);
        }
    }

    #[test]
    fn damage_is_detected_or_harmless(at in 0..200_usize, bit in 0..8_u8, kind in 0..2_usize) {
        let text = text();
        let mut packed = [gzip(&text), zlib(&text)][kind].clone();
        let length = packed.len();
        packed[at % length] ^= 1 << bit;
        // Both have a checksum of the content; only header bits may change undetected.
        if let Ok(decoded) = check(&packed, ["gzip", "deflate"][kind]) {
            prop_assert_eq!(decoded, text);
        }
    }
}
