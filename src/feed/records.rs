//! Parses files of records: NDJSON, a JSON array, or CSV with a header, each row as named values.

use std::io::Read;

use serde_json::{Map, Value};

use super::{FeedError, Kind, ReadOptions, Source, json, kind_of, money, prepared, table, unpacked};
use crate::model::{Currency, ItemIssue, ItemIssueKind, Money};

/// Named values of a row. Values of a table are texts; empty ones are left out.
pub type Record = Map<String, Value>;

/// One row of a file.
#[derive(Debug)]
pub struct RecordRow {
    /// Its line number or, in formats without lines, its index, from 1.
    pub number: u64,
    /// The values, or why the row cannot be parsed.
    pub record: Result<Record, ItemIssue>,
}

enum Form<'r> {
    Json(json::Rows<Source<'r>>),
    Table(Box<table::Rows<Source<'r>>>),
}

/// The records of a file, in order.
pub struct Records<'r> {
    form: Form<'r>,
    over: bool,
}

/// Starts parsing a file; a table must have these columns.
///
/// # Errors
/// If it is empty, not UTF-8, of an unknown format, or lacks a column.
pub fn open<'r>(
    source: impl Read + Send + 'r,
    required: &[&'static str],
    options: ReadOptions,
) -> Result<Records<'r>, FeedError> {
    let (source, head) = unpacked(source)?;
    let kind = kind_of(&head, &|_, _| true)?;
    let (source, spent) = prepared(source, &head, options.bytes_max)?;
    let form = match kind {
        Kind::Lines => Form::Json(json::Rows::lines(source, options, spent)),
        Kind::Array => Form::Json(json::Rows::array(source, options, spent)),
        Kind::Xml => return Err(FeedError::NoRecords),
        Kind::Table(delimiter) => {
            let rows = table::Rows::open(source, delimiter, options, spent)?;
            if let Some(missing) = required.iter().find(|name| !rows.names().iter().any(|found| found == *name)) {
                let found: String = rows.names().join(", ").chars().filter(|c| !c.is_control()).take(200).collect();
                return Err(FeedError::NoColumn { missing, found });
            }
            Form::Table(Box::new(rows))
        }
    };
    Ok(Records { form, over: false })
}

impl Iterator for Records<'_> {
    type Item = Result<RecordRow, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = match &mut self.form {
            Form::Json(rows) => rows.next_as(from_json),
            Form::Table(rows) => rows
                .next_values()
                .map(|row| row.map(|(number, values)| (number, values.map(|values| from_values(&values))))),
        };
        self.over = !matches!(next, Some(Ok(_)));
        Some(next?.map(|(number, record)| RecordRow { number, record }))
    }
}

fn from_json(text: &[u8]) -> Result<Record, ItemIssue> {
    let unreadable = |why: &dyn std::fmt::Display| {
        ItemIssueKind::Unreadable.with_message(format!("the line is not a JSON object: {why}"))
    };
    match serde_json::from_slice(text) {
        Ok(Value::Object(record)) => Ok(record),
        Ok(_) => Err(unreadable(&"it is another value")),
        Err(error) => Err(unreadable(&error)),
    }
}

fn from_values(values: &[(&str, &str)]) -> Record {
    let filled = values.iter().filter(|(name, value)| !name.is_empty() && !value.trim().is_empty());
    filled.map(|(name, value)| ((*name).to_owned(), Value::from(value.trim()))).collect()
}

/// Parses an amount as shops write it, exactly: `12.00`, `1,299.50`, `12,50 €`. `None` if it is ambiguous.
#[must_use]
pub fn amount(text: &str, currency: Currency) -> Option<Money> {
    money::price(text, currency).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    const OPTIONS: ReadOptions = ReadOptions { currency: Currency::NONE, now: Timestamp(0), bytes_max: 1 << 20 };

    fn read(bytes: &[u8]) -> Result<Vec<(u64, String)>, String> {
        let rows = open(bytes, &["user_id"], OPTIONS).map_err(|error| error.to_string())?;
        let text = |record: Result<Record, ItemIssue>| {
            record.map_or_else(|issue| issue.message, |record| Value::Object(record).to_string())
        };
        rows.map(|row| row.map(|row| (row.number, text(row.record))).map_err(|error| error.to_string())).collect()
    }

    #[test]
    fn rows_of_every_format_have_the_same_values() {
        let expected = [r#"{"a b":"x, y","user_id":"1"}"#, r#"{"user_id":"2"}"#];
        let files: [&[u8]; 4] = [
            b"user_id,a b\n1,\"x, y\"\n2,\n",
            b"\xef\xbb\xbfuser_id;a b\r\n1;x, y\r\n2; \r\n",
            b"sep=\t\nuser_id\ta b\n1\tx, y\n2\t",
            b"{\"user_id\":\"1\",\"a b\":\"x, y\"}\n\n{\"user_id\":\"2\"}",
        ];
        for file in files {
            let rows = read(file).unwrap();
            let texts: Vec<&str> = rows.iter().map(|(_, text)| text.as_str()).collect();
            assert_eq!(texts, expected, "{}", String::from_utf8_lossy(file));
        }
    }

    #[test]
    fn quoted_line_breaks_keep_line_numbers_and_bad_rows_do_not_end_the_file() {
        let rows = read(b"user_id,note\n1,\"two\nlines\"\n2,caf\xe9\n3,a,b\n4,ok\n").unwrap();
        assert_eq!(rows.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 4, 5, 6]);
        assert!(rows[1].1.contains("not UTF-8") && rows[2].1.contains("3 fields"), "{rows:?}");
        let rows = read(b"{\"user_id\":\"1\"}\nnot json\n[]\n").unwrap();
        assert!(rows[1].1.contains("not a JSON object") && rows[2].1.contains("another value"), "{rows:?}");
    }

    #[test]
    fn a_file_that_is_something_else_is_refused_by_name() {
        let check = |bytes: &[u8], expected: &str| {
            let error = read(bytes).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(b"", "empty");
        check(b"id,name\n1,x\n", "no column `user_id`; its columns are id, name");
        check(b"<rss/>", "neither one JSON object a line nor CSV");
        check(&"user_id,a".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(), "UTF-16");
        check(b"user_id,a\n1,\"x\n2,y\n", "never closed");
        check(b"user_id,a,b\n1,x,y\n2,x", "in the middle of row 3");
    }
}
