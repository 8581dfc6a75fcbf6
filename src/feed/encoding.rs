//! Packing and encoding of a file, as far as its first bytes tell.

use std::io::Read;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};

use super::{FeedError, clipped};

/// How a file is packed, if it is, other than with gzip.
pub(super) fn packed_as(head: &[u8]) -> Option<&'static str> {
    const FORMATS: [(&[u8], &str); 5] = [
        (b"PK\x03\x04", "a ZIP archive or a spreadsheet"),
        (b"BZh", "packed with bzip2"),
        (b"\xfd7zXZ\x00", "packed with xz"),
        (b"\x28\xb5\x2f\xfd", "packed with zstd"),
        (b"7z\xbc\xaf", "a 7z archive"),
    ];
    FORMATS.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name)
}

/// The encoding that a byte order mark or an XML declaration names; `None` for UTF-8 and where nothing is named.
///
/// # Errors
/// If an unknown encoding is named.
pub(super) fn of(head: &[u8]) -> Result<Option<&'static Encoding>, FeedError> {
    if head.starts_with(&[0xff, 0xfe]) {
        return Ok(Some(UTF_16LE));
    }
    if head.starts_with(&[0xfe, 0xff]) {
        return Ok(Some(UTF_16BE));
    }
    let Some(label) = declared(head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head)) else { return Ok(None) };
    let encoding = Encoding::for_label(label.as_bytes()).ok_or_else(|| FeedError::Encoding(clipped(&label)))?;
    // Declared as UTF-16 in readable bytes, it is not.
    Ok(Some(encoding).filter(|encoding| *encoding != UTF_8 && encoding.is_ascii_compatible()))
}

/// The encoding in the XML declaration, if there is one.
fn declared(head: &[u8]) -> Option<String> {
    let text = head.trim_ascii_start().strip_prefix(b"<?xml")?;
    let declaration = String::from_utf8_lossy(text.split(|byte| *byte == b'>').next()?).into_owned();
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    value[1..].split(quote).next().map(str::to_owned)
}

/// The source as UTF-8; bytes that are no text become U+FFFD.
pub(super) fn to_utf8<R: Read>(source: R, encoding: &'static Encoding) -> DecodeReaderBytes<R, Vec<u8>> {
    DecodeReaderBytesBuilder::new().encoding(Some(encoding)).build(source)
}
