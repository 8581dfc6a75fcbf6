//! Reads the journal forward for a consumer that stores how far it came.
//!
//! It waits for durable records, reads them on a blocking thread, and knows how far what was read is stored. What is
//! done with the records, and where the position is stored, is the consumer's.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::{Journal, ReadError, Reader, Record};
use crate::{model::Position, tasks::Stopping};

/// How often the position is stored while nothing else is.
const SAVE_INTERVAL: Duration = Duration::from_secs(5);
/// How often a consumer without anything to read is asked whether it goes on.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// What a consumer is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There are records to read.
    Read,
    /// The position is to be stored.
    Save,
    /// Nothing happened for a second.
    Idle,
    /// The service stops.
    Stop,
    /// The journal has ended.
    Ended,
}

/// A place in the journal up to which a consumer has read.
#[derive(Debug)]
pub struct Follower {
    journal: Arc<Journal>,
    durable: watch::Receiver<Position>,
    /// `None` after an error, and while it reads.
    reader: Option<Reader>,
    position: Position,
    saved: Position,
    saved_at: Instant,
}

impl Follower {
    /// Follows from a position, which is stored already.
    #[must_use]
    pub fn new(journal: &Arc<Journal>, start: Position) -> Self {
        let (journal, durable) = (Arc::clone(journal), journal.durable());
        Self { journal, durable, reader: None, position: start, saved: start, saved_at: Instant::now() }
    }

    /// Where the next record is read.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Whether the position should be stored although there is nothing else to store.
    #[must_use]
    pub fn is_save_due(&self) -> bool {
        self.saved_at.elapsed() >= SAVE_INTERVAL
    }

    /// Records that the position is stored.
    pub fn was_saved(&mut self) {
        (self.saved, self.saved_at) = (self.position, Instant::now());
    }

    /// Reads again from an earlier position.
    pub fn go_back(&mut self, position: Position) {
        (self.reader, self.position) = (None, position);
    }

    /// Waits until there is something to do.
    pub async fn next(&mut self, stopping: &mut Stopping) -> Next {
        let is_saved = self.saved == self.position;
        let position = self.position;
        let more = async { self.durable.wait_for(|next| *next > position).await.is_ok() };
        tokio::select! {
            waits = more => if waits { Next::Read } else { Next::Ended },
            () = stopping.wait() => Next::Stop,
            () = tokio::time::sleep(SAVE_INTERVAL), if !is_saved => Next::Save,
            () = tokio::time::sleep(IDLE_INTERVAL), if is_saved => Next::Idle,
        }
    }

    /// Reads the next records, and moves on to the position after them; also after records that are lost.
    ///
    /// # Errors
    /// If records are lost, or the journal cannot be read.
    pub async fn read(&mut self, records_max: usize, bytes_max: usize) -> Result<Vec<Record>, ReadError> {
        let mut reader = self.reader.take().unwrap_or_else(|| self.journal.reader(self.position));
        let read = tokio::task::spawn_blocking(move || {
            let records = reader.read(records_max, bytes_max);
            (reader, records)
        });
        let (reader, records) = read.await.map_err(|error| ReadError::Io(std::io::Error::other(error)))?;
        match &records {
            Ok(records) => self.position = records.last().map_or(self.position, |last| last.position.plus(1)),
            Err(ReadError::Lost(lost)) => self.position = lost.end,
            Err(_) => return records,
        }
        self.reader = Some(reader);
        records
    }
}
