//! Answers as tables for spreadsheets.

mod tables;

/// An answer that reads as one table.
pub trait Table {
    /// Names of the columns.
    fn header(&self) -> Vec<&'static str>;
    /// The rows, as many cells each as the header has.
    fn rows(&self) -> Vec<Vec<Cell>>;
}

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// A text somebody may have chosen, such as a visitor or the author of a link.
    Text(String),
    /// A figure of ours.
    Figure(String),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

fn figure(value: impl std::fmt::Display + Copy) -> Cell {
    Cell::Figure(value.to_string())
}

fn maybe(value: Option<i64>) -> Cell {
    Cell::Figure(value.map(|v| v.to_string()).unwrap_or_default())
}

/// Without it Excel reads the file in the code page of the machine.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The table as CSV (RFC 4180) in UTF-8 with a byte order mark and a header line. Texts are always quoted,
/// so that one with a `;` or a tab stays one cell where these separate cells; one that a spreadsheet would
/// take for a formula is preceded by an apostrophe.
#[must_use]
pub fn write(table: &impl Table) -> Vec<u8> {
    const MEMORY: &str = "writing to memory does not fail, and all rows are as wide as the header";
    let writer = |style, into| {
        let mut builder = csv::WriterBuilder::new();
        builder.terminator(csv::Terminator::CRLF).quote_style(style).from_writer(into)
    };
    let mut header = writer(csv::QuoteStyle::Necessary, BYTE_ORDER_MARK.as_bytes().to_vec());
    header.write_record(table.header()).expect(MEMORY);
    let mut rows = writer(csv::QuoteStyle::NonNumeric, header.into_inner().expect(MEMORY));
    for row in table.rows() {
        let cells: Vec<String> = row.into_iter().map(shown).collect();
        rows.write_record(&cells).expect(MEMORY);
    }
    rows.into_inner().expect(MEMORY)
}

fn shown(cell: Cell) -> String {
    match cell {
        Cell::Text(text) if is_formula(&text) => ["'", &text].concat(),
        Cell::Text(text) | Cell::Figure(text) => text,
    }
}

/// Whether a spreadsheet may take a text for a formula: by its first visible character, in its full-width
/// and small forms too, or by a control character at its very beginning.
fn is_formula(text: &str) -> bool {
    const SIGNS: [char; 13] = ['=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫', '−'];
    let first = text.chars().find(|c| !is_invisible(*c));
    text.starts_with(|c: char| c.is_control()) || first.is_some_and(|first| SIGNS.contains(&first))
}

/// Blanks, controls, and characters that take no room: soft hyphen, zero-width ones, marks of direction, byte
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
        Sources { rows: values.iter().map(row).collect() }
    }

    #[test]
    fn texts_are_quoted_and_never_become_formulas() {
        let text = String::from_utf8(write(&table(&["a,\"b\"", "=HYPERLINK(1)", "فروشگاه", ""]))).unwrap();
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
    fn every_way_to_begin_a_formula_is_guarded() {
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
        /// Whatever separates cells where the file is opened, no cell begins with a formula, and no text
        /// becomes several cells.
        #[test]
        fn no_text_splits_or_calculates(value in "(?s)[=+@;\t\n\r\",' a\u{200b}＝-]{0,12}", separator in prop::sample::select(vec![b',', b';', b'\t'])) {
            let bytes = write(&table(&[&value]));
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
