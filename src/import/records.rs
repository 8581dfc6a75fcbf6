//! Imports files of customers, orders and consents: read off the threads that serve requests, collected in chunks.

use std::io::{self, Read};

use tokio::sync::mpsc::channel;

use super::{
    Chunk, Counts, Format, ImportError, import_chunk,
    people::{self, CallRow, RecordKind},
};
use crate::{
    catalog::SiteSnapshot,
    collect::Collector,
    feed::{FeedError, ReadOptions},
};

/// Rows collected at a time.
pub const ROWS_PER_CHUNK: usize = 500;

/// Result of importing a file.
#[derive(Debug, Default)]
pub struct ImportedRecords {
    /// The counts.
    pub counts: Counts,
    /// The error that ended the file early; the rows before it were imported.
    pub error: Option<FeedError>,
}

/// Imports all rows of a file; with `dry_run` they are only read and checked, and valid ones count as kept.
///
/// # Errors
/// If they cannot be made durable; what was imported until then stays, and is recognized when the file is sent again.
pub async fn import(
    collector: &Collector,
    site: &SiteSnapshot,
    source: impl Read + Send + 'static,
    (kind, options, dry_run): (RecordKind, ReadOptions, bool),
) -> Result<ImportedRecords, ImportError> {
    let (sender, mut chunks) = channel::<Vec<CallRow>>(2);
    let reading = tokio::task::spawn_blocking(move || -> Result<(), FeedError> {
        let mut chunk = Vec::with_capacity(ROWS_PER_CHUNK);
        for row in people::open(source, kind, options)? {
            match row {
                Ok(row) => chunk.push(row),
                Err(error) => {
                    let _ = sender.blocking_send(chunk);
                    return Err(error);
                }
            }
            if chunk.len() == ROWS_PER_CHUNK && sender.blocking_send(std::mem::take(&mut chunk)).is_err() {
                return Ok(());
            }
        }
        let _ = sender.blocking_send(chunk);
        Ok(())
    });
    let mut imported = ImportedRecords::default();
    while let Some(rows) = chunks.recv().await {
        let chunk = imported.counts.take_calls(rows);
        if dry_run {
            imported.counts.count_unsent(&chunk);
        } else if !chunk.lines.is_empty() {
            imported.counts.add(&import_chunk(collector, site, chunk).await?);
        }
    }
    imported.error = reading.await.unwrap_or_else(|error| Err(FeedError::Io(io::Error::other(error)))).err();
    Ok(imported)
}

impl Counts {
    /// Counts the invalid rows; returns the others as a chunk of events.
    pub fn take_calls(&mut self, rows: Vec<CallRow>) -> Chunk {
        let mut chunk = Chunk { format: Format::Events, file: String::new(), lines: Vec::with_capacity(rows.len()) };
        for row in rows {
            match row.call {
                Ok(call) => chunk.lines.push((row.number, call)),
                Err(issue) => {
                    self.read += 1;
                    self.rejected += 1;
                    self.reject_by(row.number, issue.kind.as_str(), &issue.message);
                }
            }
        }
        chunk
    }

    /// Counts the rows of a dry run.
    pub fn count_unsent(&mut self, chunk: &Chunk) {
        let rows = chunk.lines.len() as u64;
        self.read += rows;
        self.kept += rows;
    }
}
