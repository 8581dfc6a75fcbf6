//! Inserting rows exactly once.

use std::ops::Range;

use bytes::Bytes;

use super::{Store, StoreError, rows, seconds};
use crate::model::Position;

/// Rows ready for the table `events`, and the range of the journal they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// Layout they were encoded with.
    pub version: u8,
    /// Id of the journal.
    pub journal: u64,
    /// All the positions they stand for.
    pub range: Range<Position>,
    /// The rows as one block in `Native`, in pieces that are let go as they are sent.
    pub pieces: Vec<Bytes>,
    /// Number of rows.
    pub count: usize,
    /// 0, or the number of the attempt after what was there of the range had been removed.
    pub epoch: u32,
}

impl Rows {
    /// What makes two inserts the same insert: a function of the journal's range and the epoch, and nothing else.
    #[must_use]
    pub fn token(&self) -> String {
        let (Range { start, end }, version) = (&self.range, self.version);
        match self.epoch {
            0 => format!("{:016x}-{start}-{end}-v{version}", self.journal),
            epoch => format!("{:016x}-{start}-{end}-v{version}-e{epoch}", self.journal),
        }
    }
}

/// What the query ids of inserts begin with whose ranges begin there.
pub(super) fn attempts_from(journal: u64, start: Position) -> String {
    format!("ashna-{journal:016x}-{start}-")
}

impl Store {
    /// Inserts these rows; the same rows sent again are recognized by their token and not stored
    /// twice, neither in `events` nor in what is derived from it.
    ///
    /// # Errors
    /// See [`StoreError::kind`]. After an error that is not a refusal they may or may not be stored:
    /// send exactly the same again.
    pub async fn insert(&self, batch: Rows) -> Result<(), StoreError> {
        let Some(statement) = rows::insert_statement(batch.version, "Native") else {
            return Err(StoreError::Misfit(format!("rows of version {} cannot be stored", batch.version)));
        };
        if batch.count == 0 {
            return Ok(());
        }
        let attempt = format!("{}{:016x}", attempts_from(batch.journal, batch.range.start), rand::random::<u64>());
        let settings = [
            ("query_id", attempt),
            ("insert_deduplication_token", batch.token()),
            ("insert_deduplicate", "1".into()),
            ("deduplicate_blocks_in_dependent_materialized_views", "1".into()),
            ("async_insert", "0".into()),
            // A file may hold many years; how far back events may lie is bounded before the journal.
            ("max_partitions_per_insert_block", "1000".into()),
            // One batch is one block: the token is the block's.
            ("max_insert_threads", "1".into()),
            ("max_insert_block_size", (batch.count + 1).to_string()),
            ("min_insert_block_size_rows", "0".into()),
            ("min_insert_block_size_bytes", "0".into()),
            ("wait_end_of_query", "1".into()),
            ("max_execution_time", seconds(self.insert_timeout)),
        ];
        let mut insert = self.client().insert_formatted_with(statement);
        for (name, value) in settings {
            insert = insert.with_setting(name, value);
        }
        self.within(self.insert_timeout, async {
            for piece in batch.pieces {
                insert.send(piece).await?;
            }
            insert.end().await
        })
        .await
    }
}
