//! Sends quarantined rows again: after a column was widened, a constraint removed, or a bug fixed.
//!
//! Each row is sent alone, with its own journal position, so that the invariants hold: it
//! moves from `quarantined` to `inserted`. A row that is stored already (a crash between
//! its insert and its mark) is only marked. A row that is refused again stays, with its first reason.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::{
    quarantine::{Quarantine, QuarantineEntry, RecordId},
    service::{Delivery, blocking},
    types::{Command, Matcher, ReplayCounts, ReplayError},
};
use crate::{
    model::{MessageHash, SiteId, Timestamp, VisitorId},
    store::{Block, ErrorKind, InsertBatch, StoredRange, rows},
};

/// How long a command may take, including the wait for the loop.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Maximum number of records of one command.
const RECORDS_MAX: usize = 100_000;

/// A quarantined record, or a range of lost ones, as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuarantinedRecord {
    /// The journal's id, as in the column of that name.
    pub journal: u64,
    /// The first of `records` positions.
    pub position: u64,
    /// 1, or the length of a range that the journal lost.
    pub records: u64,
    /// Why it was quarantined.
    pub reason: String,
    /// When it was quarantined.
    pub at: Timestamp,
    /// The site, if the record can be decoded.
    pub site_id: Option<u32>,
    /// The event's name, if the record can be decoded.
    pub event: Option<String>,
}

/// A handle to the quarantine and to the loop that can replay it.
#[derive(Debug, Clone)]
pub struct Replay {
    quarantine: Arc<Quarantine>,
    commands: mpsc::Sender<Command>,
}

impl Replay {
    /// The first `limit` records that are in quarantine.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn list(&self, limit: usize) -> Result<Vec<QuarantinedRecord>, ReplayError> {
        let (quarantine, limit) = (Arc::clone(&self.quarantine), limit.min(RECORDS_MAX));
        let entries = blocking(move || quarantine.list(limit)).await?;
        Ok(entries.iter().map(QuarantinedRecord::from).collect())
    }

    /// Erases a visitor's records from the quarantine. Returns how many there were; records that cannot be decoded
    /// have no known visitor and stay.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub async fn erase(&self, site: SiteId, visitor: VisitorId) -> Result<u64, ReplayError> {
        self.erase_matching(Matcher::new(move |event| event.site == site && event.visitor == visitor)).await
    }

    /// Erases a site's records from the quarantine. Returns how many there were.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub async fn erase_site(&self, site: SiteId) -> Result<u64, ReplayError> {
        self.erase_matching(Matcher::new(move |event| event.site == site)).await
    }

    /// Erases matching records from the quarantine. Returns how many there were.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub async fn erase_matching(&self, matcher: Matcher) -> Result<u64, ReplayError> {
        self.send(|result| Command::Erase(matcher, result)).await
    }

    /// The record of a message, if it is in quarantine.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn find(&self, message: MessageHash) -> Result<Option<QuarantinedRecord>, ReplayError> {
        let quarantine = Arc::clone(&self.quarantine);
        let found = blocking(move || {
            let mut reader = quarantine.reader()?;
            while let [entry, ..] = reader.next(1)?.as_slice() {
                let payload = entry.bytes().unwrap_or_default();
                if rows::decode(&payload).is_ok_and(|event| event.message == message) {
                    return Ok(Some(QuarantinedRecord::from(entry)));
                }
            }
            Ok(None)
        });
        Ok(found.await?)
    }

    /// Records that are delivered now are never sent again, even if they vanish from the warehouse. Call it before rows
    /// are erased on purpose.
    ///
    /// # Errors
    /// When the checkpoint cannot be written.
    pub async fn forget_delivered(&self) -> Result<(), ReplayError> {
        self.send(Command::ForgetDelivered).await
    }

    /// Sends the first `limit` records of the quarantine again.
    ///
    /// # Errors
    /// When the warehouse does not accept rows now, or the files cannot be used.
    pub async fn replay(&self, limit: usize) -> Result<ReplayCounts, ReplayError> {
        self.send(|result| Command::Replay(limit.min(RECORDS_MAX), result)).await
    }

    /// Sends a command to the loop and waits for its result.
    pub(super) async fn send<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, ReplayError>>) -> Command,
    ) -> Result<T, ReplayError> {
        let (sender, result) = oneshot::channel();
        let executed = async {
            self.commands.send(command(sender)).await.map_err(|_| ReplayError::Busy)?;
            result.await.map_err(|_| ReplayError::Busy)?
        };
        tokio::time::timeout(TIMEOUT, executed).await.map_err(|_| ReplayError::Busy)?
    }
}

impl From<&QuarantineEntry> for QuarantinedRecord {
    fn from(entry: &QuarantineEntry) -> Self {
        let payload = entry.bytes().unwrap_or_default();
        let event = rows::decode(&payload).ok();
        Self {
            journal: entry.journal,
            position: entry.position.0,
            records: entry.records,
            reason: entry.reason.clone(),
            at: entry.at,
            site_id: event.as_ref().map(|event| event.site.0),
            event: event.map(|event| event.name.into_owned()),
        }
    }
}

impl Delivery {
    /// A handle to the quarantine, which also works while the loop runs.
    pub fn replayer(&self) -> Replay {
        Replay { quarantine: Arc::clone(&self.quarantine), commands: self.commands_in.clone() }
    }

    /// Executes a command; skips a replay that was cancelled. The result is on disk even if the caller was cancelled
    /// meanwhile.
    pub(super) async fn execute(&mut self, command: Command) {
        match command {
            Command::Replay(limit, result) if !result.is_closed() => {
                drop(result.send(self.replay_records(limit).await));
            }
            Command::Replay(..) => {}
            Command::ForgetDelivered(result) => {
                self.checkpoint.forget_delivered();
                drop(result.send(self.save().await.map_err(ReplayError::from)));
            }
            Command::Freeze(request, result) => drop(result.send(self.freeze(request).await)),
            Command::Erase(matcher, result) => {
                let quarantine = Arc::clone(&self.quarantine);
                let erased = blocking(move || quarantine.erase(|record| matcher.matches(record))).await;
                drop(result.send(erased.map_err(ReplayError::from)));
            }
        }
    }

    async fn replay_records(&mut self, limit: usize) -> Result<ReplayCounts, ReplayError> {
        const RECORDS_PER_READ: usize = 500;
        // Of people who were erased nothing may come back.
        let (quarantine, is_erased) = (Arc::clone(&self.quarantine), Arc::clone(&self.is_erased));
        let matcher = Matcher::new(move |event| is_erased(event));
        blocking(move || quarantine.erase(|record| matcher.matches(record))).await?;
        let (mut counts, mut left) = (ReplayCounts::default(), limit);
        let quarantine = Arc::clone(&self.quarantine);
        let mut reader = blocking(move || quarantine.reader()).await?;
        while left > 0 {
            let (returned_reader, entries) = blocking(move || {
                let entries = reader.next(left.min(RECORDS_PER_READ))?;
                Ok((reader, entries))
            })
            .await?;
            reader = returned_reader;
            if entries.is_empty() {
                break;
            }
            left -= entries.len();
            for entry in entries {
                if self.replay_record(&entry).await? {
                    counts.replayed += 1;
                } else {
                    counts.refused += 1;
                }
            }
        }
        Ok(counts)
    }

    /// Sends a record again. True: it is stored in every table and readable; false: it was refused.
    async fn replay_record(&mut self, entry: &QuarantineEntry) -> Result<bool, ReplayError> {
        let payload = entry.bytes().unwrap_or_default();
        let id = RecordId { journal: entry.journal, position: entry.position };
        let range = id.position..id.position.plus(1);
        let mut block = Block::default();
        if block.push(id.journal, id.position, &payload).is_err() {
            return Ok(false);
        }
        let stored = self.store.stored_range(id.journal, &range, 1).await?;
        if stored != StoredRange::Complete {
            let (version, chunks) = (block.version(), block.take());
            let epoch = if stored == StoredRange::Differs(0) {
                0
            } else {
                // Some tables have it: a used token would suppress the insert.
                let epoch = self.checkpoint.next_epoch();
                self.save().await?;
                self.store.remove_range(id.journal, &range).await?;
                epoch
            };
            let row = InsertBatch { version, journal: id.journal, range: range.clone(), chunks, count: 1, epoch };
            let shortages = self.disk.shortages();
            match self.store.insert(row).await {
                Ok(()) if !self.disk.was_short_since(shortages) => {}
                Ok(()) => return Err(ReplayError::Busy),
                Err(error) if matches!(error.kind(), ErrorKind::Poison(_)) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
            if self.store.stored_range(id.journal, &range, 1).await? != StoredRange::Complete {
                return Err(ReplayError::Busy);
            }
        }
        let quarantine = Arc::clone(&self.quarantine);
        blocking(move || quarantine.mark_replayed(id)).await?;
        if id.journal == self.journal.id() {
            self.replayed += 1;
            self.publish();
        }
        Ok(true)
    }
}
