//! Reports as CSV for spreadsheets.

mod behaviour;
mod tables;
mod traffic;

/// A report that is exported as one table.
pub trait Table {
    /// Column names.
    fn header(&self) -> Vec<&'static str>;
    /// The rows, each as wide as the header.
    fn rows(&self) -> Vec<Vec<Cell>>;
}

/// A table as a file.
#[derive(Debug)]
pub struct File {
    /// CSV.
    pub bytes: Vec<u8>,
    /// Whether the table has more rows.
    pub is_cut: bool,
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Text that may come from outside, for example from a visitor or a link.
    Text(String),
    /// A number or timestamp that we computed.
    Number(String),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

fn number(value: impl std::fmt::Display + Copy) -> Cell {
    Cell::Number(value.to_string())
}

fn optional_number(value: Option<i64>) -> Cell {
    Cell::Number(value.map(|v| v.to_string()).unwrap_or_default())
}

fn optional_fraction(value: Option<f64>) -> Cell {
    Cell::Number(value.map(|v| v.to_string()).unwrap_or_default())
}

/// More rows are left out.
const ROWS_MAX: usize = super::EXPORT_ROWS_MAX as usize;
/// Without it Excel decodes the file in the local code page.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The table as CSV (RFC 4180), in UTF-8 with a byte order mark and a header line. Text is always quoted, so that it
/// stays one cell where `;` or tabs are separators; text that a spreadsheet would interpret as a formula is prefixed
/// with an apostrophe.
#[must_use]
pub fn write(table: &impl Table) -> File {
    const INFALLIBLE: &str = "writing to memory does not fail, and all rows are as wide as the header";
    let writer = |style, into| {
        let mut builder = csv::WriterBuilder::new();
        builder.terminator(csv::Terminator::CRLF).quote_style(style).from_writer(into)
    };
    let mut header = writer(csv::QuoteStyle::Necessary, BYTE_ORDER_MARK.as_bytes().to_vec());
    header.write_record(table.header()).expect(INFALLIBLE);
    let mut rows = writer(csv::QuoteStyle::NonNumeric, header.into_inner().expect(INFALLIBLE));
    let mut all = table.rows();
    let is_cut = all.len() > ROWS_MAX;
    all.truncate(ROWS_MAX);
    for row in all {
        let cells: Vec<String> = row.into_iter().map(escape_formula).collect();
        rows.write_record(&cells).expect(INFALLIBLE);
    }
    File { bytes: rows.into_inner().expect(INFALLIBLE), is_cut }
}

fn escape_formula(cell: Cell) -> String {
    match cell {
        Cell::Text(text) if is_formula(&text) => ["'", &text].concat(),
        Cell::Text(text) | Cell::Number(text) => text,
    }
}

/// Whether a spreadsheet may interpret a text as a formula: by its first visible character, including full-width and
/// small forms, or by a leading control character.
fn is_formula(text: &str) -> bool {
    const SIGNS: [char; 13] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '−'];
    let first = text.chars().find(|c| !is_invisible(*c));
    text.starts_with(|c: char| c.is_control()) || first.is_some_and(|first| SIGNS.contains(&first))
}

/// Whitespace, control characters and invisible characters: soft hyphen, zero-width characters, direction marks, byte
/// order mark, variation selectors.
fn is_invisible(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::reports::{SourceRow, Sources};

    fn table(values: &[&str]) -> Sources {
        let row = |value: &&str| SourceRow {
            value: (*value).into(),
            visitors: 1,
            sessions: 2,
            pageviews: 3,
            orders: 0,
            revenue_minor: -5,
        };
        Sources { rows: values.iter().map(row).collect(), compare: None }
    }

    #[test]
    fn text_is_quoted_and_never_becomes_a_formula() {
        let text = String::from_utf8(write(&table(&["a,\"b\"", "=HYPERLINK(1)", "فروشگاه", ""])).bytes).unwrap();
        let lines: Vec<_> = text.split("\r\n").collect();
        assert_eq!(
            lines,
            [
                "\u{feff}value,visitors,sessions,pageviews,orders,revenue_minor",
                "\"a,\"\"b\"\"\",1,2,3,0,-5",
                "\"'=HYPERLINK(1)\",1,2,3,0,-5",
                "\"فروشگاه\",1,2,3,0,-5",
                "\"\",1,2,3,0,-5",
                "",
            ]
        );
    }

    #[test]
    fn a_file_that_is_cut_says_so() {
        let rows_of = |count| {
            let file = write(&table(&vec!["a"; count]));
            (file.bytes.split(|byte| *byte == b'\n').count() - 2, file.is_cut)
        };
        assert_eq!(rows_of(ROWS_MAX), (ROWS_MAX, false));
        assert_eq!(rows_of(ROWS_MAX + 1), (ROWS_MAX, true));
    }

    #[test]
    fn every_beginning_of_a_formula_is_escaped() {
        for begin in ["", "\n", "\r", "\t", " ", "  ", "\u{a0}", "\u{200b}", "\u{feff}", "\u{202e}", "\u{ad} \u{2060}"]
        {
            for sign in ["=", "+", "-", "@", "＝", "＋", "－", "＠"] {
                assert!(is_formula(&format!("{begin}{sign}1+1")), "{begin:?}{sign}");
            }
        }
        for control in ["\tA", "\nA", "\rA", "\u{0}A"] {
            assert!(is_formula(control), "{control:?}");
        }
        for harmless in ["", "a", "a=1", "/path-1", "\u{200c}می\u{200c}خواهم", "۱۲", " A"] {
            assert!(!is_formula(harmless), "{harmless:?}");
        }
    }

    proptest! {
        /// With any separator, no cell begins with a formula and no text is split into several cells.
        #[test]
        fn no_text_is_split_or_evaluated(value in "(?s)[=+@;\t\n\r\",' a\u{200b}＝-]{0,12}", separator in prop::sample::select(vec![b',', b';', b'\t'])) {
            let bytes = write(&table(&[&value])).bytes;
            let mut reader = csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(&bytes[..]);
            let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(rows.len(), 2);
            let first = &rows[1][0];
            prop_assert!(!is_formula(first.trim_start_matches('\'')) || first.starts_with('\''), "{:?}", first);
            if separator == b',' {
                prop_assert!(first == value || first == format!("'{value}"), "{:?}", first);
            }
        }
    }
}
