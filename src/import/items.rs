//! Imports item files into a catalogue: parsed off the threads that serve requests, stored in chunks.

use std::io::{self, Read};

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, channel};

use super::{Counts, ImportError, RejectedRow};
use crate::{
    catalog::{Catalog, Publish},
    feed::{self, FeedError, ReadOptions, Row},
    model::{ItemId, ItemIssue, SiteId},
    wire::item::ItemBody,
};

/// Rows stored at a time.
pub const ROWS_PER_CHUNK: usize = 1000;

/// Result of importing a file of items.
#[derive(Debug, Default)]
pub struct ImportedFile {
    /// The counts.
    pub counts: Counts,
    /// Ids of the items whose stored state matches the file.
    pub ids: Vec<ItemId>,
    /// The error that ended the file early; the rows before it were imported.
    pub error: Option<FeedError>,
}

/// Imports all rows of a file.
///
/// # Errors
/// If the catalogue cannot store them; what was stored until then stays.
pub async fn import(
    catalog: &Catalog,
    site: SiteId,
    source: impl Read + Send + 'static,
    options: ReadOptions,
) -> Result<ImportedFile, ImportError> {
    let (sender, mut chunks) = channel::<Vec<Row>>(2);
    let reading = tokio::task::spawn_blocking(move || -> Result<(), FeedError> {
        let mut chunk = Vec::with_capacity(ROWS_PER_CHUNK);
        for row in feed::open(source, options)? {
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
    let mut imported = ImportedFile::default();
    while let Some(rows) = chunks.recv().await {
        import_rows(catalog, site, rows, &mut imported).await?;
    }
    imported.error = reading.await.unwrap_or_else(|error| Err(FeedError::Io(io::Error::other(error)))).err();
    Ok(imported)
}

async fn import_rows(
    catalog: &Catalog,
    site: SiteId,
    rows: Vec<Row>,
    imported: &mut ImportedFile,
) -> Result<(), ImportError> {
    let numbers: Vec<u64> = rows.iter().map(|row| row.number).collect();
    let mut ids: Vec<Option<ItemId>> =
        rows.iter().map(|row| row.item.as_ref().ok().map(|item| item.id.as_str().into())).collect();
    let (counts, rejected) = store(catalog, site, rows.into_iter().map(|row| row.item).collect()).await?;
    for index in rejected {
        ids[index] = None;
    }
    imported.counts.add(&counts.with_row_numbers(&numbers));
    imported.ids.extend(ids.into_iter().flatten());
    Ok(())
}

/// Stores a chunk. Returns the counts and the indexes (from 0) of rejected rows.
pub(super) async fn store(
    catalog: &Catalog,
    site: SiteId,
    items: Vec<Result<ItemBody, ItemIssue>>,
) -> Result<(Counts, Vec<usize>), ImportError> {
    let done = catalog.put_items(None, site, items, Publish::Batched).await?;
    let (kept, dropped, rejected) = (done.stored as u64, done.unchanged as u64, done.rejected.len() as u64);
    let mut counts = Counts { read: kept + dropped + rejected, kept, dropped, rejected, ..Counts::default() };
    if dropped > 0 {
        counts.dropped_by.insert("unchanged".into(), dropped);
    }
    let mut indexes = Vec::new();
    for (number, issue) in done.rejected {
        indexes.push(number - 1);
        counts.reject(number as u64, &issue);
    }
    Ok((counts, indexes))
}

impl Counts {
    /// Counts one rejected row.
    pub fn reject(&mut self, row: u64, issue: &ItemIssue) {
        self.reject_by(row, issue.kind.as_str(), &issue.message);
    }

    /// Counts one rejected row by the code of its reason.
    pub fn reject_by(&mut self, row: u64, reason: &'static str, message: &str) {
        *self.rejected_by.entry(reason.to_owned()).or_default() += 1;
        if self.rejected_rows.len() < Self::REJECTED_ROWS_MAX {
            self.rejected_rows.push(RejectedRow { row, reason: reason.to_owned(), message: message.to_owned() });
        }
    }

    /// Replaces row numbers within the chunk, from 1, by those in the file.
    #[must_use]
    pub fn with_row_numbers(mut self, numbers: &[u64]) -> Self {
        for rejected in &mut self.rejected_rows {
            let index = usize::try_from(rejected.row).unwrap_or_default().saturating_sub(1);
            rejected.row = numbers.get(index).copied().unwrap_or(rejected.row);
        }
        self
    }
}

/// Reads received chunks; blocks, so for threads that may.
pub struct ChunkReader {
    receiver: Receiver<Bytes>,
    current: Bytes,
}

impl From<Receiver<Bytes>> for ChunkReader {
    fn from(receiver: Receiver<Bytes>) -> Self {
        Self { receiver, current: Bytes::new() }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.current = chunk,
                None => return Ok(0),
            }
        }
        let read = self.current.len().min(buffer.len());
        buffer[..read].copy_from_slice(&self.current.split_to(read));
        Ok(read)
    }
}
