//! Exactly-once inserts.

use std::ops::Range;

use bytes::Bytes;

use super::{Store, StoreError, rows, seconds};
use crate::model::Position;

/// Encoded rows for the table `events`, and their journal range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsertBatch {
    /// Layout version of the rows.
    pub version: u8,
    /// Id of the journal.
    pub journal: u64,
    /// The positions that the batch covers.
    pub range: Range<Position>,
    /// The rows as one `Native` block, in chunks that are freed as they are sent.
    pub chunks: Vec<Bytes>,
    /// Number of rows.
    pub count: usize,
    /// 0, or the number of times that stored rows of the range were removed before.
    pub epoch: u32,
}

impl InsertBatch {
    /// Deduplication token: two inserts are the same insert if journal, range, version and epoch are equal.
    #[must_use]
    pub fn token(&self) -> String {
        let (Range { start, end }, version) = (&self.range, self.version);
        match self.epoch {
            0 => format!("{:016x}-{start}-{end}-v{version}", self.journal),
            epoch => format!("{:016x}-{start}-{end}-v{version}-e{epoch}", self.journal),
        }
    }
}

/// Prefix of the query ids of inserts whose range begins at `start`.
pub(super) fn query_id_prefix(journal: u64, start: Position) -> String {
    format!("ashna-{journal:016x}-{start}-")
}

impl Store {
    /// Inserts a batch. The same batch sent again is recognized by its token and not stored twice, neither in `events`
    /// nor in tables derived from it.
    ///
    /// # Errors
    /// See [`StoreError::kind`]. After an error other than [`StoreError::Refused`] the rows may or may not be stored:
    /// send exactly the same batch again.
    pub async fn insert(&self, batch: InsertBatch) -> Result<(), StoreError> {
        let Some(statement) = rows::insert_statement(batch.version, "Native") else {
            return Err(StoreError::UnexpectedResponse(format!("rows of version {} cannot be stored", batch.version)));
        };
        if batch.count == 0 {
            return Ok(());
        }
        let query_id = format!("{}{:016x}", query_id_prefix(batch.journal, batch.range.start), rand::random::<u64>());
        let settings = [
            ("query_id", query_id),
            ("insert_deduplication_token", batch.token()),
            ("insert_deduplicate", "1".into()),
            ("deduplicate_blocks_in_dependent_materialized_views", "1".into()),
            ("async_insert", "0".into()),
            // An import may contain many years; the age of events is limited before the journal.
            ("max_partitions_per_insert_block", "1000".into()),
            // One batch is one block: the token applies to a block.
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
            for chunk in batch.chunks {
                insert.send(chunk).await?;
            }
            insert.end().await
        })
        .await
    }
}
