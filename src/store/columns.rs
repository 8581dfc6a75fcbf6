//! One column of a block, filled from rows and written in the form of its type.

use std::collections::HashMap;

use bytes::BufMut as _;

use super::{
    chunks::Pieces,
    rows::{self, Reader, RowError},
};

/// `SharedDictionariesWithAdditionalKeys`: each block brings its own dictionary.
const DICTIONARY_VERSION: u64 = 1;
/// The dictionary's keys follow, and are to be added.
const DICTIONARY_FLAGS: u64 = 1 << 9 | 1 << 10;

/// Values of one column.
#[derive(Debug)]
pub(super) enum Column {
    /// So many bytes each.
    Fixed(usize, Values),
    /// `String`: length and bytes, as in a row.
    Text(Values),
    /// `LowCardinality(String)`.
    Name(Dictionary),
    /// `Array(…)`, or `Map(…, …)` with keys and values: where each row's end, and all rows' one after the other.
    List { ends: Values, total: u64, of: Vec<Column> },
}

/// Bytes of a column, which leave without being copied.
#[derive(Debug, Default)]
pub(super) struct Values {
    bytes: Vec<u8>,
    /// How many there were the last time: there will be about as many, and growing to them copies.
    before: usize,
}

impl Values {
    fn make_room(&mut self) {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(self.before + self.before / 16);
        }
    }

    fn hand_over(&mut self, out: &mut Pieces) {
        self.before = self.bytes.len();
        out.put(&mut self.bytes);
    }
}

impl Column {
    /// An empty column of a type of the table `events`.
    pub(super) fn of(kind: &str) -> Self {
        let inside = |name: &str| kind.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(inner) = inside("Array") {
            return Self::list(vec![Self::of(inner)]);
        }
        if let Some((key, value)) = inside("Map").and_then(|both| both.rsplit_once(", ")) {
            return Self::list(vec![Self::of(key), Self::of(value)]);
        }
        match kind {
            "String" => Self::Text(Values::default()),
            "LowCardinality(String)" => Self::Name(Dictionary::default()),
            "UInt128" => Self::Fixed(16, Values::default()),
            "UInt32" => Self::Fixed(4, Values::default()),
            "UInt16" => Self::Fixed(2, Values::default()),
            "UInt8" | "Bool" => Self::Fixed(1, Values::default()),
            // Int64, UInt64, DateTime64.
            _ => Self::Fixed(8, Values::default()),
        }
    }

    fn list(of: Vec<Self>) -> Self {
        Self::List { ends: Values::default(), total: 0, of }
    }

    /// Takes the next value of a row.
    pub(super) fn take(&mut self, row: &mut Reader<'_>) -> Result<(), RowError> {
        match self {
            Self::Fixed(size, values) => values.bytes.extend_from_slice(row.slice(*size)?),
            Self::Text(values) => values.bytes.extend_from_slice(row.whole_text()?.0),
            Self::Name(dictionary) => dictionary.add(row.whole_text()?.1)?,
            Self::List { ends, total, of } => {
                let count = row.length()?;
                for _ in 0..count {
                    for column in &mut *of {
                        column.take(row)?;
                    }
                }
                *total += count as u64;
                ends.bytes.extend_from_slice(&total.to_le_bytes());
            }
        }
        Ok(())
    }

    /// Makes as much room as the last block needed.
    pub(super) fn make_room(&mut self) {
        match self {
            Self::Fixed(_, values) | Self::Text(values) => values.make_room(),
            Self::Name(_) => {}
            Self::List { ends, of, .. } => {
                ends.make_room();
                of.iter_mut().for_each(Self::make_room);
            }
        }
    }

    /// What stands before the values.
    pub(super) fn put_prefix(&self, out: &mut Vec<u8>) {
        match self {
            Self::Fixed(..) | Self::Text(_) => {}
            Self::Name(_) => out.put_u64_le(DICTIONARY_VERSION),
            Self::List { of, .. } => {
                for column in of {
                    column.put_prefix(out);
                }
            }
        }
    }

    /// The values, of which none are left here.
    pub(super) fn hand_over(&mut self, out: &mut Pieces) {
        match self {
            Self::Fixed(_, values) | Self::Text(values) => values.hand_over(out),
            Self::Name(dictionary) => {
                dictionary.put(out.few());
                dictionary.clear();
            }
            Self::List { ends, total, of } => {
                ends.hand_over(out);
                *total = 0;
                for column in of {
                    column.hand_over(out);
                }
            }
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::Fixed(_, values) | Self::Text(values) => values.bytes.clear(),
            Self::Name(dictionary) => dictionary.clear(),
            Self::List { ends, total, of } => {
                ends.bytes.clear();
                *total = 0;
                of.iter_mut().for_each(Self::clear);
            }
        }
    }
}

/// Texts that repeat: each once, and for each row which.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    /// The empty text, which most columns have most often, is number 0 and not in here.
    numbers: HashMap<Box<[u8]>, u32, ahash::RandomState>,
    /// Length and bytes of each text but the empty one, in the order of their numbers.
    keys: Vec<u8>,
    rows: Vec<u32>,
}

impl Dictionary {
    fn add(&mut self, text: &[u8]) -> Result<(), RowError> {
        let number = match text {
            [] => 0,
            _ => match self.numbers.get(text) {
                Some(number) => *number,
                None => self.number(text)?,
            },
        };
        self.rows.push(number);
        Ok(())
    }

    /// Gives a new text its number.
    fn number(&mut self, text: &[u8]) -> Result<u32, RowError> {
        let number = u32::try_from(self.numbers.len() + 1).map_err(|_| RowError::Impossible("dictionary"))?;
        self.numbers.insert(text.into(), number);
        rows::put_length(&mut self.keys, text.len());
        self.keys.extend_from_slice(text);
        Ok(number)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the numbers fit: their count chose the width")]
    fn put(&self, out: &mut Vec<u8>) {
        if self.rows.is_empty() {
            return;
        }
        let count = self.numbers.len() as u64 + 1;
        let width = if count <= 1 << 8 {
            0
        } else if count <= 1 << 16 {
            1
        } else {
            2
        };
        out.put_u64_le(DICTIONARY_FLAGS | width);
        out.put_u64_le(count);
        rows::put_length(out, 0);
        out.extend_from_slice(&self.keys);
        out.put_u64_le(self.rows.len() as u64);
        match width {
            0 => out.extend(self.rows.iter().map(|number| *number as u8)),
            1 => self.rows.iter().for_each(|number| out.put_u16_le(*number as u16)),
            _ => self.rows.iter().for_each(|number| out.put_u32_le(*number)),
        }
    }

    fn clear(&mut self) {
        self.numbers.clear();
        self.keys.clear();
        self.rows.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_of_the_table_has_a_form() {
        let check = |kind, expected: &str| {
            assert_eq!(format!("{:?}", Column::of(kind)).split(['(', ' ']).next(), Some(expected), "{kind}");
        };
        check("String", "Text");
        check("LowCardinality(String)", "Name");
        check("Array(LowCardinality(String))", "List");
        check("DateTime64(3, 'UTC')", "Fixed");
        let Column::List { of, .. } = Column::of("Map(LowCardinality(String), String)") else { panic!("a list") };
        assert!(matches!(of[..], [Column::Name(_), Column::Text(_)]));
    }

    #[test]
    fn numbers_are_as_wide_as_the_dictionary_needs() {
        let check = |texts: u32, bytes: usize| {
            let mut dictionary = Dictionary::default();
            let mut keys = 1;
            for text in 1..texts {
                let text = text.to_string();
                keys += 1 + text.len();
                dictionary.add(text.as_bytes()).unwrap();
            }
            dictionary.add(b"").unwrap();
            let mut out = Vec::new();
            dictionary.put(&mut out);
            assert_eq!(out.len(), 8 * 3 + keys + bytes * texts as usize, "{texts}");
        };
        check(1, 1);
        check(256, 1);
        check(257, 2);
        check(65_536, 2);
        check(65_537, 4);
    }
}
