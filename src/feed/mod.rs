//! Parses item files: NDJSON, a JSON array, CSV, TSV, and Google product feeds as RSS, Atom or a table.
//!
//! No I/O: bytes in, rows out, one at a time, in bounded memory for files of any size. The format is detected from the
//! content. An invalid row is rejected with a reason and parsing continues; a file that cannot be parsed further ends
//! with one clear line. Example: `<item><g:id>p1</g:id><g:price>12.00 EUR</g:price></item>` becomes an item `p1` of
//! 1200 cents.

mod bounds;
mod encoding;
mod fields;
mod json;
mod markup;
mod money;
pub mod records;
mod table;
#[cfg(test)]
mod tests;
mod xml;

use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Cursor, Read},
};

use crate::{
    model::{Currency, ItemIssue, ItemIssueKind, Timestamp},
    wire::item::ItemBody,
};

use self::bounds::Budget;

/// Longest row, bytes: several times the largest item.
pub const ROW_BYTES_MAX: usize = 1 << 20;
/// Maximum number of different items in a file, some 20 bytes of memory each: twice the catalogue's limit.
pub const ITEMS_MAX: usize = 2_000_000;
/// Bytes examined to detect the format.
const HEAD_BYTES: usize = 4096;

/// Parameters of parsing.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions {
    /// Currency of prices without one.
    pub currency: Currency,
    /// The current time: a sale price is valid within its dates.
    pub now: Timestamp,
    /// Size limit of the uncompressed file, bytes.
    pub bytes_max: u64,
}

/// One item of a file.
#[derive(Debug)]
pub struct Row {
    /// Its line number or, in formats without lines, its index, from 1.
    pub number: u64,
    /// The item, or why the row is invalid.
    pub item: Result<ItemBody, ItemIssue>,
}

/// Why a file cannot be parsed, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// It is empty.
    #[error("the file is empty")]
    Empty,
    /// Not text in a known encoding.
    #[error("the file is {0}; save it as UTF-8")]
    Encoding(String),
    /// Packed in a way other than gzip.
    #[error("the file is {0}; unpack it, or pack it with gzip")]
    Packed(&'static str),
    /// XML of another kind, in which there is no item.
    #[error("the XML is a `{0}` without any `item`, `entry` or `product`; send a product feed as RSS or Atom")]
    NoItems(String),
    /// Not a known format.
    #[error("the file is none of: one JSON object a line, a JSON array, CSV or TSV with a column `id`, RSS or Atom")]
    Unknown,
    /// Not a known format of records.
    #[error("the file is neither one JSON object a line nor CSV with a header")]
    NoRecords,
    /// A column is missing.
    #[error("the file has no column `{missing}`; its columns are {found}")]
    NoColumn {
        /// The column.
        missing: &'static str,
        /// The names of the header.
        found: String,
    },
    /// A row exceeds the size limit.
    #[error("the row at {0} is larger than {ROW_BYTES_MAX} bytes; a quote or an element is not closed")]
    Endless(u64),
    /// A quote that is never closed swallows all that follows.
    #[error("the quote that opens in the row at line {0} is never closed; nothing after it can be read")]
    Unclosed(u64),
    /// It ends in the middle of a row.
    #[error("the file ends in the middle of row {0}; was it sent whole?")]
    Cut(u64),
    /// Too many items.
    #[error("the file names more than {0} items, more than a catalogue holds; what comes after them is not read")]
    TooMany(usize),
    /// It exceeds the size limit.
    #[error("the unpacked file is larger than {0} bytes")]
    TooLarge(u64),
    /// Invalid XML, or declarations that feeds do not need.
    #[error("the XML cannot be read after item {0}: {1}")]
    Xml(u64, String),
    /// Reading the bytes failed.
    #[error("reading failed: {0}")]
    Io(#[from] std::io::Error),
}

/// File format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One JSON object per line.
    Lines,
    /// A JSON array of objects.
    Array,
    /// Columns separated by this byte.
    Table(u8),
    /// RSS or Atom.
    Xml,
}

/// A row's number, and its content or what is wrong with it.
type Numbered<T> = (u64, Result<T, ItemIssue>);

type Source<'r> = BufReader<Budget<Box<dyn Read + Send + 'r>>>;

enum Form<'r> {
    Json(json::Rows<Source<'r>>),
    Table(Box<table::Rows<Source<'r>>>),
    Xml(Box<xml::Rows<Source<'r>>>),
}

/// The rows of a file, in order.
pub struct Rows<'r> {
    form: Form<'r>,
    /// Hashes of the ids seen.
    seen: HashSet<u64, ahash::RandomState>,
    hasher: ahash::RandomState,
    items_max: usize,
    over: bool,
}

/// Starts parsing a file.
///
/// # Errors
/// If it is empty, not UTF-8, or of an unknown format.
pub fn open<'r>(source: impl Read + Send + 'r, options: ReadOptions) -> Result<Rows<'r>, FeedError> {
    let (source, head) = unpacked(source)?;
    let kind = kind_of(&head, &has_id)?;
    let (source, spent) = prepared(source, &head, options.bytes_max)?;
    let form = match kind {
        Kind::Lines => Form::Json(json::Rows::lines(source, options, spent)),
        Kind::Array => Form::Json(json::Rows::array(source, options, spent)),
        Kind::Table(delimiter) => Form::Table(Box::new(table::Rows::open(source, delimiter, options, spent)?)),
        Kind::Xml => Form::Xml(Box::new(xml::Rows::open(source, options, spent))),
    };
    Ok(Rows { form, seen: HashSet::default(), hasher: ahash::RandomState::new(), items_max: ITEMS_MAX, over: false })
}

/// Limits a source and skips its byte order mark.
fn prepared<'r>(
    source: Box<dyn Read + Send + 'r>,
    head: &[u8],
    bytes_max: u64,
) -> Result<(Source<'r>, bounds::Meter), FeedError> {
    let budget = Budget::new(source, bytes_max, ROW_BYTES_MAX);
    let spent = budget.meter();
    let mut source = BufReader::with_capacity(1 << 16, budget);
    if head.starts_with(b"\xef\xbb\xbf") {
        source.fill_buf()?;
        source.consume(3);
    }
    Ok((source, spent))
}

/// Reads the first bytes, unpacks gzip and converts to UTF-8; also returns a source that still includes them.
fn unpacked<'r>(source: impl Read + Send + 'r) -> Result<(Box<dyn Read + Send + 'r>, Vec<u8>), FeedError> {
    let (mut source, mut head) = look(Box::new(source))?;
    if head.starts_with(&[0x1f, 0x8b]) {
        (source, head) = look(Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(source))))?;
    }
    if let Some(packed) = encoding::packed_as(&head) {
        return Err(FeedError::Packed(packed));
    }
    match encoding::of(&head)? {
        Some(encoding) => look(Box::new(encoding::to_utf8(source, encoding))),
        None => Ok((source, head)),
    }
}

/// Reads the first bytes; also returns a source that still includes them.
fn look<'r>(mut source: Box<dyn Read + Send + 'r>) -> Result<(Box<dyn Read + Send + 'r>, Vec<u8>), FeedError> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    source.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok((Box::new(Cursor::new(head.clone()).chain(source)), head))
}

/// The format of a file; `is_header` says whether a line with a delimiter is a header.
fn kind_of(head: &[u8], is_header: &dyn Fn(&[u8], u8) -> bool) -> Result<Kind, FeedError> {
    if head.iter().take(4).any(|byte| *byte == 0) {
        return Err(FeedError::Encoding("UTF-16 or no text at all".into()));
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text = head.trim_ascii_start();
    match text.first() {
        None => Err(FeedError::Empty),
        Some(b'{') => Ok(Kind::Lines),
        Some(b'[') => Ok(Kind::Array),
        Some(b'<') => Ok(Kind::Xml),
        Some(_) => {
            let mut lines = text.split(|byte| *byte == b'\n').skip_while(|line| table::is_comment(line));
            let mut header = lines.next().unwrap_or(text);
            // Spreadsheets name the separator in a line of its own.
            if let Some(delimiter) = table::separator(header) {
                header = lines.next().unwrap_or_default();
                return if is_header(header, delimiter) { Ok(Kind::Table(delimiter)) } else { Err(FeedError::Unknown) };
            }
            let among = |delimiter: &&u8| header.split(|byte| byte == *delimiter).count();
            let delimiter = *b"\t,;|".iter().max_by_key(among).unwrap_or(&b',');
            if is_header(header, delimiter) { Ok(Kind::Table(delimiter)) } else { Err(FeedError::Unknown) }
        }
    }
}

/// Whether a table's header has an `id` column.
fn has_id(header: &[u8], delimiter: u8) -> bool {
    let is_id = |name: &[u8]| fields::plain_name(&String::from_utf8_lossy(name)) == "id";
    header.split(|byte| *byte == delimiter).any(|name| is_id(name.trim_ascii()))
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = match &mut self.form {
            Form::Json(rows) => rows.next(),
            Form::Table(rows) => rows.next(),
            Form::Xml(rows) => rows.next(),
        };
        self.over = !matches!(next, Some(Ok(_)));
        let mut row = match next? {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        let Ok(item) = &row.item else { return Some(Ok(row)) };
        if self.seen.len() >= self.items_max {
            self.over = true;
            return Some(Err(FeedError::TooMany(self.items_max)));
        }
        if !self.seen.insert(self.hasher.hash_one(&item.id)) {
            let message = format!("item {:?} stands earlier in this file; the first one counts", clipped(&item.id));
            row.item = Err(ItemIssueKind::Repeated.with_message(message));
        }
        Some(Ok(row))
    }
}

/// The beginning of a received text, for a one-line message.
fn clipped(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}
