//! Rows turned into columns: ClickHouse's `Native` form, in which the engine takes a batch at a twentieth of what
//! it costs to read row after row (`RowBinary`).
//!
//! The journal keeps rows, because they come one by one; a batch is turned around once, when it is delivered. Texts
//! that repeat (`LowCardinality`) become a dictionary here, where it costs one look into a table. What a column has
//! gathered is handed over as it is, without a copy: a batch is in memory once, and gone piece by piece as it is sent.
//! Source of the form: ClickHouse's documentation of formats and its native protocol's column serializations.

use bytes::Bytes;

use super::{
    chunks::Pieces,
    columns::Column,
    rows::{self, Reader, RowError},
};
use crate::model::Position;

/// A batch of rows of one version, by columns.
#[derive(Debug)]
pub struct Block {
    version: u8,
    columns: Vec<Column>,
    rows: usize,
}

impl Default for Block {
    fn default() -> Self {
        Self { version: rows::VERSION, columns: columns_of(rows::VERSION), rows: 0 }
    }
}

fn columns_of(version: u8) -> Vec<Column> {
    rows::columns(version).iter().map(|(_, kind)| Column::of(kind)).collect()
}

impl Block {
    /// Number of rows.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Layout of its rows.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// Adds a journal's record as a row.
    ///
    /// # Errors
    /// When it is not exactly one row, or of another version than the rows that are here; nothing changes then.
    pub fn push(&mut self, journal: u64, position: Position, record: &[u8]) -> Result<(), RowError> {
        let (version, columns) = rows::split_whole(record)?;
        if version != self.version {
            if self.rows > 0 {
                return Err(RowError::OtherVersion(version));
            }
            *self = Self { version, columns: columns_of(version), rows: 0 };
        }
        let (prefix, mut row) = (rows::prefix(journal, position), Reader(columns));
        if self.rows == 0 {
            self.columns.iter_mut().for_each(Column::make_room);
        }
        let (places, told) = self.columns.split_at_mut(rows::PREFIX_COLUMNS);
        let mut prefix = Reader(&prefix);
        for column in places {
            column.take(&mut prefix)?;
        }
        for column in told {
            column.take(&mut row)?;
        }
        self.rows += 1;
        Ok(())
    }

    /// The rows as one block in `Native`, in pieces to be sent in this order; none are left here.
    pub fn take(&mut self) -> Vec<Bytes> {
        let mut out = Pieces::default();
        let names = rows::columns(self.version);
        rows::put_length(out.few(), names.len());
        rows::put_length(out.few(), self.rows);
        for ((name, kind), column) in names.iter().zip(&mut self.columns) {
            rows::put_text(out.few(), name);
            rows::put_text(out.few(), kind);
            column.put_prefix(out.few());
            column.hand_over(&mut out);
        }
        self.rows = 0;
        out.done()
    }

    /// Forgets its rows.
    pub fn clear(&mut self) {
        self.columns.iter_mut().for_each(Column::clear);
        self.rows = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(path: &str) -> Vec<u8> {
        rows::tests::record_of_path(path)
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
    fn a_block_is_used_again_without_a_trace_of_what_was_in_it() {
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
        // Two empty lists and an empty text are all that later versions added.
        old.truncate(old.len() - 3);
        block.push(1, Position(1), &record("/a")).unwrap();
        assert_eq!(block.push(1, Position(2), &old), Err(RowError::OtherVersion(1)));
        block.clear();
        block.push(1, Position(2), &old).unwrap();
        assert_eq!((block.version(), block.rows()), (1, 1));
    }
}
