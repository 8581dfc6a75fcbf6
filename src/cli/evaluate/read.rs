//! Reads clicks from a tab-separated file.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::{Context, bail};

use crate::recommend::{Click, Number};

/// Maps item names to dense numbers and back; shared by the files of one run.
#[derive(Debug, Default)]
pub struct Names {
    numbers: HashMap<Box<str>, Number, ahash::RandomState>,
    names: Vec<Box<str>>,
}

impl Names {
    fn number(&mut self, name: &str) -> anyhow::Result<Number> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        let number = Number::try_from(self.names.len()).context("too many items")?;
        self.names.push(name.into());
        self.numbers.insert(name.into(), number);
        Ok(number)
    }

    /// Returns the item's name.
    pub fn name(&self, number: Number) -> &str {
        self.names.get(number as usize).map_or("", |name| name)
    }
}

/// One line of a file.
#[derive(Debug, Clone, Copy)]
struct Row {
    visit: u32,
    item: Number,
    /// In the file's unit: seconds or milliseconds.
    time: f64,
}

/// The clicks of a file: visits in order of their first line, clicks of a visit by time.
#[derive(Debug)]
pub struct Clicks {
    rows: Vec<Row>,
    visits: Vec<Box<str>>,
    /// Milliseconds per unit of the file's time.
    unit_ms: f64,
}

/// One visit of a file: its name, and its items with their times in milliseconds.
pub type Visit<'a> = (&'a str, Vec<(Number, i64)>);

/// Maximum length of a line.
const LINE_BYTES_MAX: usize = 10_000;
/// Times from this value on are milliseconds: as seconds they would lie thousands of years in the future.
const MILLISECONDS_FROM: f64 = 1e11;

impl Clicks {
    /// Reads a file; the header names the columns, in any order and among others.
    pub fn read(path: &Path, names: &mut Names) -> anyhow::Result<Self> {
        let shown = path.display();
        let file = File::open(path).with_context(|| format!("cannot read {shown}"))?;
        let mut lines = BufReader::with_capacity(1 << 20, file);
        let mut line = String::new();
        lines.read_line(&mut line).with_context(|| format!("cannot read {shown}"))?;
        if line.trim().is_empty() {
            bail!(
                "{shown} is empty: it needs a header `SessionId ItemId Time`, tab-separated, and a line for each click"
            );
        }
        let columns = columns(&line)
            .with_context(|| format!("{shown}: the header is not `SessionId ItemId Time`, tab-separated"))?;
        let mut visits: HashMap<Box<str>, u32, ahash::RandomState> = HashMap::default();
        let mut read = Self { rows: Vec::new(), visits: Vec::new(), unit_ms: 1000.0 };
        for number in 2_u64.. {
            line.clear();
            if lines.read_line(&mut line).with_context(|| format!("{shown}, line {number}"))? == 0 {
                break;
            }
            let content = line.trim_end_matches(['\n', '\r']);
            if content.trim().is_empty() {
                continue;
            }
            let (visit, item, time) = fields(content, columns).with_context(|| format!("{shown}, line {number}"))?;
            let visit = if let Some(known) = visits.get(visit) {
                *known
            } else {
                let new = u32::try_from(read.visits.len()).context("too many visits")?;
                visits.insert(visit.into(), new);
                read.visits.push(visit.into());
                new
            };
            read.rows.push(Row { visit, item: names.number(item)?, time });
        }
        if read.rows.is_empty() {
            bail!("{shown} has a header but no clicks");
        }
        if read.rows.iter().any(|row| row.time.abs() >= MILLISECONDS_FROM) {
            read.unit_ms = 1.0;
        }
        // Stable, so that equal times keep the file's order.
        read.rows.sort_by(|a, b| a.visit.cmp(&b.visit).then(a.time.total_cmp(&b.time)));
        Ok(read)
    }

    /// Returns whether all of these clicks are later than all clicks in `others`.
    pub fn is_later_than(&self, others: &Self) -> bool {
        let first = self.rows.iter().map(|row| self.ms(row)).min();
        first > others.rows.iter().map(|row| others.ms(row)).max()
    }

    fn ms(&self, row: &Row) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and `fields` takes only finite times")]
        let ms = (row.time * self.unit_ms) as i64;
        ms
    }

    /// Returns all clicks, for training.
    pub fn clicks(&self) -> Vec<Click> {
        let click = |row: &Row| Click { session: u64::from(row.visit), item: row.item, at_ms: self.ms(row) };
        self.rows.iter().map(click).collect()
    }

    /// Returns all visits, for prediction.
    pub fn visits(&self) -> Vec<Visit<'_>> {
        let visits = self.rows.chunk_by(|a, b| a.visit == b.visit);
        let items = |rows: &[Row]| rows.iter().map(|row| (row.item, self.ms(row))).collect();
        visits.map(|rows| (&*self.visits[rows[0].visit as usize], items(rows))).collect()
    }
}

/// Returns the column indexes of visit, item and time.
fn columns(header: &str) -> anyhow::Result<[usize; 3]> {
    let header: Vec<&str> = header.trim_start_matches('\u{feff}').trim_end().split('\t').collect();
    let index = |name: &str| {
        let column = header.iter().position(|column| column.trim().eq_ignore_ascii_case(name));
        column.with_context(|| format!("column `{name}` is missing"))
    };
    Ok([index("SessionId")?, index("ItemId")?, index("Time")?])
}

fn fields(line: &str, columns: [usize; 3]) -> anyhow::Result<(&str, &str, f64)> {
    if line.len() > LINE_BYTES_MAX {
        bail!("the line is too long");
    }
    let mut values = [""; 3];
    for (index, field) in line.split('\t').enumerate() {
        if let Some(column) = columns.iter().position(|column| *column == index) {
            values[column] = field.trim();
        }
    }
    let [visit, item, time] = values;
    if visit.is_empty() || item.is_empty() {
        bail!("session or item is empty");
    }
    Ok((visit, item, parse_time(time)?))
}

/// Parses Unix time in seconds or milliseconds, or RFC 3339 (returned as seconds).
fn parse_time(text: &str) -> anyhow::Result<f64> {
    if let Ok(number) = text.parse::<f64>()
        && number.is_finite()
    {
        return Ok(number);
    }
    let time: jiff::Timestamp = text.parse().with_context(|| format!("`{text}` is not a time"))?;
    Ok(time.as_microsecond() as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<(Clicks, Names)> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), text)?;
        let mut names = Names::default();
        Ok((Clicks::read(file.path(), &mut names)?, names))
    }

    #[test]
    fn visits_keep_the_files_order_and_clicks_are_sorted_by_time() {
        let text = "SessionId\tItemId\tTime\nb\tx\t20.5\nb\ty\t20.25\na\tx\t3\nb\tz\t20.5\n";
        let (clicks, names) = read(text).unwrap();
        let visits: Vec<(&str, Vec<&str>)> = clicks
            .visits()
            .into_iter()
            .map(|(visit, items)| (visit, items.iter().map(|(item, _)| names.name(*item)).collect()))
            .collect();
        assert_eq!(visits, [("b", vec!["y", "x", "z"]), ("a", vec!["x"])]);
        assert_eq!(clicks.visits()[0].1[0].1, 20_250);
    }

    #[test]
    fn the_header_names_the_columns_and_times_may_be_milliseconds_or_dates() {
        let text = "\u{feff}Time\tother\titemid\tSESSIONID\r\n1593536687000\t-\tx\ta\r\n\r\n";
        assert_eq!(read(text).unwrap().0.visits()[0].1[0].1, 1_593_536_687_000);
        let text = "SessionId\tItemId\tTime\na\tx\t2014-04-07T10:51:09.277Z\n";
        assert_eq!(read(text).unwrap().0.visits()[0].1[0].1, 1_396_867_869_277);
    }

    #[test]
    fn errors_name_the_line() {
        for (text, expected) in [
            ("a,b,c\n", "the header is not"),
            ("", "is empty"),
            ("SessionId\tItemId\tTime\n \n", "no clicks"),
            ("SessionId\tItemId\tTime\na\tx\t1\na\tx\tsoon\n", "line 3"),
            ("SessionId\tItemId\tTime\na\tx\tNaN\n", "line 2"),
            ("SessionId\tItemId\tTime\na\t\t1\n", "line 2"),
        ] {
            let error = format!("{:#}", read(text).map(|_| ()).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
