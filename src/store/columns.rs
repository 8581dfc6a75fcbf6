//! One column of a block: filled from rows, serialized in the format of its type.

use std::collections::HashMap;

use bytes::BufMut as _;

use super::{
    chunks::Chunks,
    rows::{self, Reader, RowError},
};

/// `SharedDictionariesWithAdditionalKeys`: each block contains its own dictionary.
const DICTIONARY_VERSION: u64 = 1;
/// `HasAdditionalKeys` and `NeedUpdateDictionary`: the keys follow and must be added.
const DICTIONARY_FLAGS: u64 = 1 << 9 | 1 << 10;

/// Values of one column.
#[derive(Debug)]
pub(super) enum Column {
    /// Values of this many bytes each.
    Fixed(usize, Values),
    /// `String`: length and bytes, as in a row.
    Text(Values),
    /// `LowCardinality(String)`.
    LowCardinality(Dictionary),
    /// `Array(…)`, or `Map(…, …)` with keys and values: the end offset of each row, then the elements of all rows.
    List { ends: Values, total: u64, elements: Vec<Column> },
}

/// Bytes of a column, moved out without a copy.
#[derive(Debug, Default)]
pub(super) struct Values {
    bytes: Vec<u8>,
    /// Size of the previous block, as the capacity for the next: growing a buffer copies it.
    previous_len: usize,
}

impl Values {
    fn reserve(&mut self) {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve_exact(self.previous_len + self.previous_len / 16);
        }
    }

    fn take_into(&mut self, out: &mut Chunks) {
        self.previous_len = self.bytes.len();
        out.append(&mut self.bytes);
    }
}

impl Column {
    /// An empty column of this ClickHouse type; only the types of the table `events` are known.
    pub(super) fn from_type(kind: &str) -> Self {
        let argument = |name: &str| kind.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(element) = argument("Array") {
            return Self::list(vec![Self::from_type(element)]);
        }
        if let Some((key, value)) = argument("Map").and_then(|both| both.rsplit_once(", ")) {
            return Self::list(vec![Self::from_type(key), Self::from_type(value)]);
        }
        match kind {
            "String" => Self::Text(Values::default()),
            "LowCardinality(String)" => Self::LowCardinality(Dictionary::default()),
            "UInt128" => Self::Fixed(16, Values::default()),
            "UInt32" => Self::Fixed(4, Values::default()),
            "UInt16" => Self::Fixed(2, Values::default()),
            "UInt8" | "Bool" => Self::Fixed(1, Values::default()),
            // Int64, UInt64, DateTime64.
            _ => Self::Fixed(8, Values::default()),
        }
    }

    fn list(elements: Vec<Self>) -> Self {
        Self::List { ends: Values::default(), total: 0, elements }
    }

    /// Appends the next value of a row.
    pub(super) fn read_value(&mut self, row: &mut Reader<'_>) -> Result<(), RowError> {
        match self {
            Self::Fixed(size, values) => values.bytes.extend_from_slice(row.slice(*size)?),
            Self::Text(values) => values.bytes.extend_from_slice(row.string()?.with_length),
            Self::LowCardinality(dictionary) => dictionary.add(row.string()?.content)?,
            Self::List { ends, total, elements } => {
                let count = row.length()?;
                for _ in 0..count {
                    for column in &mut *elements {
                        column.read_value(row)?;
                    }
                }
                *total += count as u64;
                ends.bytes.extend_from_slice(&total.to_le_bytes());
            }
        }
        Ok(())
    }

    /// Reserves as much capacity as the previous block needed.
    pub(super) fn reserve(&mut self) {
        match self {
            Self::Fixed(_, values) | Self::Text(values) => values.reserve(),
            Self::LowCardinality(_) => {}
            Self::List { ends, elements, .. } => {
                ends.reserve();
                elements.iter_mut().for_each(Self::reserve);
            }
        }
    }

    /// Writes the serialization prefix.
    pub(super) fn write_prefix(&self, out: &mut Vec<u8>) {
        match self {
            Self::Fixed(..) | Self::Text(_) => {}
            Self::LowCardinality(_) => out.put_u64_le(DICTIONARY_VERSION),
            Self::List { elements, .. } => {
                for column in elements {
                    column.write_prefix(out);
                }
            }
        }
    }

    /// Moves the values to `out`.
    pub(super) fn take_into(&mut self, out: &mut Chunks) {
        match self {
            Self::Fixed(_, values) | Self::Text(values) => values.take_into(out),
            Self::LowCardinality(dictionary) => {
                dictionary.write(out.small_buffer());
                dictionary.clear();
            }
            Self::List { ends, total, elements } => {
                ends.take_into(out);
                *total = 0;
                for column in elements {
                    column.take_into(out);
                }
            }
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::Fixed(_, values) | Self::Text(values) => values.bytes.clear(),
            Self::LowCardinality(dictionary) => dictionary.clear(),
            Self::List { ends, total, elements } => {
                ends.bytes.clear();
                *total = 0;
                elements.iter_mut().for_each(Self::clear);
            }
        }
    }
}

/// Dictionary-encoded strings: each distinct string once, and one index per row.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    /// Without the empty string, the most frequent value of most columns: its index is 0.
    indexes: HashMap<Box<[u8]>, u32, ahash::RandomState>,
    /// Length and bytes of each non-empty string, in index order.
    keys: Vec<u8>,
    rows: Vec<u32>,
}

impl Dictionary {
    fn add(&mut self, text: &[u8]) -> Result<(), RowError> {
        let index = match text {
            [] => 0,
            _ => match self.indexes.get(text) {
                Some(index) => *index,
                None => self.insert(text)?,
            },
        };
        self.rows.push(index);
        Ok(())
    }

    fn insert(&mut self, text: &[u8]) -> Result<u32, RowError> {
        let index = u32::try_from(self.indexes.len() + 1).map_err(|_| RowError::Invalid("dictionary"))?;
        self.indexes.insert(text.into(), index);
        rows::put_length(&mut self.keys, text.len());
        self.keys.extend_from_slice(text);
        Ok(index)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the width is chosen to fit every index")]
    fn write(&self, out: &mut Vec<u8>) {
        if self.rows.is_empty() {
            return;
        }
        let count = self.indexes.len() as u64 + 1;
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
            0 => out.extend(self.rows.iter().map(|index| *index as u8)),
            1 => self.rows.iter().for_each(|index| out.put_u16_le(*index as u16)),
            _ => self.rows.iter().for_each(|index| out.put_u32_le(*index)),
        }
    }

    fn clear(&mut self) {
        self.indexes.clear();
        self.keys.clear();
        self.rows.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_the_table_is_known() {
        let check = |kind, expected: &str| {
            assert_eq!(format!("{:?}", Column::from_type(kind)).split(['(', ' ']).next(), Some(expected), "{kind}");
        };
        check("String", "Text");
        check("LowCardinality(String)", "LowCardinality");
        check("Array(LowCardinality(String))", "List");
        check("DateTime64(3, 'UTC')", "Fixed");
        let Column::List { elements, .. } = Column::from_type("Map(LowCardinality(String), String)") else {
            panic!("a list")
        };
        assert!(matches!(elements[..], [Column::LowCardinality(_), Column::Text(_)]));
    }

    #[test]
    fn indexes_are_as_wide_as_the_dictionary_needs() {
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
            dictionary.write(&mut out);
            assert_eq!(out.len(), 8 * 3 + keys + bytes * texts as usize, "{texts}");
        };
        check(1, 1);
        check(256, 1);
        check(257, 2);
        check(65_536, 2);
        check(65_537, 4);
    }
}
