//! Converts rows to columns: ClickHouse's `Native` format. The server parses a batch in it at a twentieth of the cost
//! of `RowBinary`.
//!
//! The journal stores rows because events arrive one by one; a batch is transposed once, on delivery. Repeated strings
//! (`LowCardinality`) are dictionary-encoded here, at one hash lookup each. Column buffers are moved out without a
//! copy: a batch is in memory once and is freed chunk by chunk as it is sent.
//! Format reference: ClickHouse's documentation of formats and the column serializations of its native protocol.

use bytes::Bytes;

use super::{
    chunks::Chunks,
    columns::Column,
    rows::{self, Reader, RowError},
};
use crate::model::Position;

/// A batch of rows of one layout version, stored by column.
#[derive(Debug)]
pub struct Block {
    version: u8,
    columns: Vec<Column>,
    rows: usize,
}

impl Default for Block {
    fn default() -> Self {
        Self { version: rows::VERSION, columns: new_columns(rows::VERSION), rows: 0 }
    }
}

fn new_columns(version: u8) -> Vec<Column> {
    rows::columns(version).iter().map(|(_, kind)| Column::from_type(kind)).collect()
}

impl Block {
    /// Number of rows.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Layout version of its rows.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// Appends a journal record as a row.
    ///
    /// # Errors
    /// If it is not exactly one row, or its version differs from that of the rows already here. The block is then
    /// unchanged.
    pub fn push(&mut self, journal: u64, position: Position, record: &[u8]) -> Result<(), RowError> {
        let (version, columns) = rows::split_checked(record)?;
        if version != self.version {
            if self.rows > 0 {
                return Err(RowError::OtherVersion(version));
            }
            *self = Self { version, columns: new_columns(version), rows: 0 };
        }
        let (prefix, mut row) = (rows::prefix(journal, position), Reader(columns));
        if self.rows == 0 {
            self.columns.iter_mut().for_each(Column::reserve);
        }
        let (prefix_columns, event_columns) = self.columns.split_at_mut(rows::PREFIX_COLUMNS);
        let mut prefix = Reader(&prefix);
        for column in prefix_columns {
            column.read_value(&mut prefix)?;
        }
        for column in event_columns {
            column.read_value(&mut row)?;
        }
        self.rows += 1;
        Ok(())
    }

    /// Returns the rows as one `Native` block, in chunks to be sent in this order, and empties `self`.
    pub fn take(&mut self) -> Vec<Bytes> {
        let mut out = Chunks::default();
        let names = rows::columns(self.version);
        rows::put_length(out.small_buffer(), names.len());
        rows::put_length(out.small_buffer(), self.rows);
        for ((name, kind), column) in names.iter().zip(&mut self.columns) {
            rows::put_text(out.small_buffer(), name);
            rows::put_text(out.small_buffer(), kind);
            column.write_prefix(out.small_buffer());
            column.take_into(&mut out);
        }
        self.rows = 0;
        out.finish()
    }

    /// Drops all rows.
    pub fn clear(&mut self) {
        self.columns.iter_mut().for_each(Column::clear);
        self.rows = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(path: &str) -> Vec<u8> {
        rows::tests::record_with_path(path)
    }

    #[test]
    fn a_bad_record_leaves_the_block_as_it_was() {
        let mut block = Block::default();
        block.push(1, Position(5), &record("/a")).unwrap();
        let mut alone = Block::default();
        alone.push(1, Position(5), &record("/a")).unwrap();
        for bad in [&[][..], &[2, 1, 2, 3], &[250, 1], &record("/b")[..50]] {
            assert!(block.push(1, Position(6), bad).is_err());
        }
        assert_eq!(block.rows(), 1);
        assert_eq!(block.take(), alone.take());
    }

    #[test]
    fn a_reused_block_holds_nothing_of_its_previous_rows() {
        let mut used = Block::default();
        for position in 0..300 {
            used.push(1, Position(position), &record(&format!("/{position}"))).unwrap();
        }
        used.take();
        used.push(1, Position(7), &record("/c")).unwrap();
        let mut fresh = Block::default();
        fresh.push(1, Position(7), &record("/c")).unwrap();
        assert_eq!(used.take(), fresh.take());
    }

    #[test]
    fn rows_of_another_version_are_not_mixed_in() {
        let mut block = Block::default();
        let mut old = record("/a");
        old[0] = 1;
        // Later versions appended two empty lists, an empty string and two flags.
        old.truncate(old.len() - 5);
        block.push(1, Position(1), &record("/a")).unwrap();
        assert_eq!(block.push(1, Position(2), &old), Err(RowError::OtherVersion(1)));
        block.clear();
        block.push(1, Position(2), &old).unwrap();
        assert_eq!((block.version(), block.rows()), (1, 1));
    }
}
