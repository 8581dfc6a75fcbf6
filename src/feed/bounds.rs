//! Size limits: in total, and per row.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::FeedError;

/// A source that fails once it exceeds its limits.
pub(super) struct Budget<R> {
    source: R,
    total_left: u64,
    total_max: u64,
    row_max: u64,
    /// Bytes read since the last row ended.
    spent: Arc<AtomicU64>,
}

/// Signals the end of a row to a [`Budget`].
#[derive(Clone)]
pub(super) struct Meter(Arc<AtomicU64>);

#[derive(Debug, thiserror::Error)]
enum Exceeded {
    #[error("a row is too large")]
    Row,
    #[error("the file is too large")]
    Total(u64),
}

impl<R: Read> Budget<R> {
    pub(super) fn new(source: R, total_max: u64, row_max: usize) -> Self {
        let row_max = row_max as u64;
        Self { source, total_left: total_max, total_max, row_max, spent: Arc::default() }
    }

    pub(super) fn meter(&self) -> Meter {
        Meter(Arc::clone(&self.spent))
    }
}

impl Meter {
    /// Starts the next row: bytes read from now on belong to it.
    pub(super) fn next_row(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

impl<R: Read> Read for Budget<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)? as u64;
        if read > self.total_left {
            return Err(io::Error::other(Exceeded::Total(self.total_max)));
        }
        self.total_left -= read;
        // A buffer may already contain parts of the next rows, hence twice the limit.
        if self.spent.fetch_add(read, Ordering::Relaxed) + read > 2 * self.row_max {
            return Err(io::Error::other(Exceeded::Row));
        }
        Ok(usize::try_from(read).unwrap_or_default())
    }
}

/// Converts a read error at a row to a `FeedError`.
pub(super) fn feed_error(error: io::Error, row: u64) -> FeedError {
    match exceeded(&error) {
        Some(Exceeded::Row) => FeedError::Endless(row),
        Some(Exceeded::Total(max)) => FeedError::TooLarge(*max),
        None => FeedError::Io(error),
    }
}

/// The limit behind an error; readers may wrap it once more.
fn exceeded(error: &io::Error) -> Option<&Exceeded> {
    let inner = error.get_ref()?;
    inner.downcast_ref().or_else(|| exceeded(inner.downcast_ref::<Arc<io::Error>>()?))
}
