//! Items as a table with a header: CSV, TSV, and Google's text feed.

use std::io::{BufRead, Chain, Cursor};

use csv::ByteRecord;

use super::{
    FeedError, Numbered, ReadOptions, Row,
    bounds::{Meter, feed_error},
    fields::{Draft, plain_name},
};
use crate::{
    model::{ItemIssue, ItemIssueKind},
    wire::item::ItemBody,
};

/// Maximum number of columns that are read.
const COLUMNS_MAX: usize = 300;

/// Appended to the file to detect how it ends: both parts become rows of their own after a complete last line; the
/// first one ends up in the last field if the last line has no terminator; both do if an unclosed quote swallowed
/// everything that followed.
const END: &[u8] = b"\x00end of file\x00\n\x00really\x00\n";
const END_OF_FILE: &[u8] = b"\x00end of file\x00";
const REALLY: &[u8] = b"\x00really\x00";

/// Names of columns with their values.
type Values<'r> = Vec<(&'r str, &'r str)>;

/// The rows of a table.
pub(super) struct Rows<R> {
    reader: csv::Reader<Chain<R, Cursor<&'static [u8]>>>,
    columns: Vec<String>,
    /// The names as they are written.
    names: Vec<String>,
    record: ByteRecord,
    /// Whether lines end with CRLF, of which the reader leaves the second byte to the next row.
    is_crlf: bool,
    options: ReadOptions,
    meter: Meter,
}

impl<R: BufRead> Rows<R> {
    pub(super) fn open(mut source: R, delimiter: u8, options: ReadOptions, meter: Meter) -> Result<Self, FeedError> {
        loop {
            let begun = source.fill_buf().map_err(|error| feed_error(error, 1))?;
            let first = begun.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
            if !is_comment(first) && separator(first).is_none() {
                break;
            }
            let skipped = first.len();
            source.consume(skipped);
        }
        let begun = source.fill_buf().map_err(|error| feed_error(error, 1))?;
        let is_crlf = memchr::memchr(b'\n', begun).is_some_and(|end| begun[..end].ends_with(b"\r"));
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(source.chain(Cursor::new(END)));
        let header = reader.byte_headers().map_err(|error| failure(error, 1))?;
        if ending_of(header) == Ending::InQuotes {
            return Err(FeedError::Unclosed(1));
        }
        let whole = |name: &'_ [u8]| name.strip_suffix(END_OF_FILE).unwrap_or(name).to_vec();
        let names: Vec<String> = header
            .iter()
            .take(COLUMNS_MAX)
            .map(|name| String::from_utf8_lossy(&whole(name)).trim().trim_matches('"').to_owned())
            .collect();
        let columns = names.iter().map(|name| plain_name(name)).collect();
        Ok(Self { reader, columns, names, record: ByteRecord::new(), is_crlf, options, meter })
    }

    pub(super) fn next(&mut self) -> Option<Result<Row, FeedError>> {
        Some(self.advance()?.map(|(number, is_last)| Row { number, item: self.item(is_last) }))
    }

    /// The names of the columns as they are written.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The next row with its number: names of columns and their values.
    pub(super) fn next_values(&mut self) -> Option<Result<Numbered<Values<'_>>, FeedError>> {
        Some(match self.advance()? {
            Ok((number, is_last)) => Ok((number, self.values(is_last, &self.names))),
            Err(error) => Err(error),
        })
    }

    /// Reads the next row: its number, and whether it is the last one, without a line terminator.
    fn advance(&mut self) -> Option<Result<(u64, bool), FeedError>> {
        self.meter.next_row();
        let number = self.reader.position().line();
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => return None,
            Ok(true) => {}
            Err(error) => return Some(Err(failure(error, number))),
        }
        let ending = ending_of(&self.record);
        let number = self.line(ending);
        match ending {
            Ending::Over => return None,
            Ending::InQuotes => return Some(Err(FeedError::Unclosed(number))),
            Ending::WithoutLineEnd if self.record.len() < self.columns.len() => {
                return Some(Err(FeedError::Cut(number)));
            }
            Ending::No | Ending::WithoutLineEnd => {}
        }
        Some(Ok((number, ending == Ending::WithoutLineEnd)))
    }

    /// The line that the row starts on. The reader reports where it started looking for it, before blank lines.
    fn line(&self, ending: Ending) -> u64 {
        let within = memchr::memchr_iter(b'\n', self.record.as_slice()).count() as u64;
        let is_past_the_line = match ending {
            Ending::InQuotes => false,
            Ending::WithoutLineEnd => true,
            Ending::No | Ending::Over => !self.is_crlf,
        };
        self.reader.position().line().saturating_sub(within + u64::from(is_past_the_line))
    }

    fn item(&self, is_last: bool) -> Result<ItemBody, ItemIssue> {
        let mut draft = Draft::default();
        for (name, value) in self.values(is_last, &self.columns)? {
            draft.put(name, value);
        }
        draft.finish(self.options)
    }

    fn values<'r>(&'r self, is_last: bool, names: &'r [String]) -> Result<Values<'r>, ItemIssue> {
        let (fields, columns) = (self.record.len(), self.columns.len());
        // An unquoted delimiter within a text shifts all that follows into wrong columns.
        if columns < COLUMNS_MAX && self.record.iter().skip(columns).any(|field| !field.trim_ascii().is_empty()) {
            let message = format!("the row has {fields} fields and the header {columns}; put quotes around texts");
            return Err(ItemIssueKind::Unreadable.with_message(message));
        }
        let mut values = Vec::with_capacity(fields);
        for (at, (name, value)) in names.iter().zip(&self.record).enumerate() {
            let last = is_last && at + 1 == fields;
            let value = if last { value.strip_suffix(END_OF_FILE).unwrap_or(value) } else { value };
            let Ok(value) = std::str::from_utf8(value) else {
                let message = format!("column `{name}` is not UTF-8; save the file as UTF-8");
                return Err(ItemIssueKind::Unreadable.with_message(message));
            };
            values.push((name.as_str(), value));
        }
        Ok(values)
    }
}

/// Whether a line before the header is a remark of the program that wrote the file.
pub(super) fn is_comment(line: &[u8]) -> bool {
    line.starts_with(b"#")
}

/// The separator named in a spreadsheet's first line: `sep=;`.
pub(super) fn separator(line: &[u8]) -> Option<u8> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    match line.strip_suffix(b"\r").unwrap_or(line) {
        [s, e, p, b'=', delimiter] if [*s, *e, *p].eq_ignore_ascii_case(b"sep") => Some(*delimiter),
        _ => None,
    }
}

/// What a row shows about the end of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It is not the last one.
    No,
    /// There are no more rows.
    Over,
    /// It is the last one, without a line terminator.
    WithoutLineEnd,
    /// It is inside a quote that is never closed.
    InQuotes,
}

fn ending_of(record: &ByteRecord) -> Ending {
    let last = record.iter().next_back().unwrap_or_default();
    if last.trim_ascii_end().ends_with(REALLY) {
        if record.len() == 1 && last.len() == REALLY.len() { Ending::Over } else { Ending::InQuotes }
    } else if last == END_OF_FILE && record.len() == 1 {
        Ending::Over
    } else if last.ends_with(END_OF_FILE) {
        Ending::WithoutLineEnd
    } else {
        Ending::No
    }
}

fn failure(error: csv::Error, number: u64) -> FeedError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => feed_error(error, number),
        other => FeedError::Io(std::io::Error::other(format!("{other:?}"))),
    }
}
