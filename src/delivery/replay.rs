//! Quarantined rows once more: after a column was widened, a constraint lifted, a program corrected.
//!
//! Each goes alone, under its own place in the journal, so that the laws count it where it was kept: it
//! leaves `quarantined` and joins `inserted`. One that the warehouse has already (a crash came between
//! its insert and the note of it) is only noted. What is refused again stays, with its first reason.

use std::{io, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::{
    Delivery,
    quarantine::{Entry, Name, Quarantine},
    send::blocking,
};
use crate::{
    model::{SiteId, Timestamp, VisitorId},
    store::{Block, ErrorKind, Rows, StoreError, rows},
};

/// Orders that may wait while the loop sends something else.
pub(super) const ASKS_WAITING_MAX: usize = 4;
/// How long an order waits for the warehouse.
const PATIENCE: Duration = Duration::from_mins(1);
/// Records of one order.
const RECORDS_MAX: usize = 100_000;

/// An order to the loop, and where its answer goes.
#[derive(Debug)]
pub struct Ask {
    limit: usize,
    answer: oneshot::Sender<Result<Replayed, ReplayError>>,
}

/// What became of the records of one order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Now in the warehouse.
    pub replayed: u64,
    /// Refused again.
    pub refused: u64,
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The files cannot be used.
    #[error("cannot use the quarantine: {0}")]
    Disk(#[from] io::Error),
    /// The warehouse does not answer; records replayed until then are.
    #[error("the warehouse does not take rows now: {0}")]
    Warehouse(#[from] StoreError),
    /// The loop is busy with a batch that the warehouse does not take, or stopped.
    #[error("the warehouse does not take rows now; try again when `/readyz` says that reports are ready")]
    Busy,
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Which journal, as in the column of that name.
    pub journal: u64,
    /// Its place in it; the line stands for `records` of them.
    pub position: u64,
    /// 1, or the length of a stretch that the journal lost.
    pub records: u64,
    /// Why it is here.
    pub reason: String,
    /// When it came here.
    pub at: Timestamp,
    /// The site, when the record can be read.
    pub site_id: Option<u32>,
    /// The event's name, when the record can be read.
    pub event: Option<String>,
}

/// A way to the quarantine and to the loop that can replay it.
#[derive(Debug, Clone)]
pub struct Replay {
    quarantine: Arc<Quarantine>,
    asking: mpsc::Sender<Ask>,
}

impl Replay {
    /// The first `limit` records that are in quarantine.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn list(&self, limit: usize) -> Result<Vec<Listed>, ReplayError> {
        let (quarantine, limit) = (Arc::clone(&self.quarantine), limit.min(RECORDS_MAX));
        let entries = blocking(move || quarantine.list(limit, None)).await?;
        Ok(entries.iter().map(Listed::from).collect())
    }

    /// Takes a visitor's records out of the quarantine. Tells how many there were; one that cannot be read cannot be
    /// told to be a visitor's, and stays.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub async fn erase(&self, site: SiteId, visitor: VisitorId) -> Result<u64, ReplayError> {
        let quarantine = Arc::clone(&self.quarantine);
        let is_theirs =
            move |record: &[u8]| rows::decode(record).is_ok_and(|event| event.site == site && event.visitor == visitor);
        Ok(blocking(move || quarantine.erase(is_theirs)).await?)
    }

    /// Sends the first `limit` records of the quarantine once more.
    ///
    /// # Errors
    /// When the warehouse does not take anything now, or the files cannot be used.
    pub async fn replay(&self, limit: usize) -> Result<Replayed, ReplayError> {
        let (answer, answered) = oneshot::channel();
        let ask = Ask { limit: limit.min(RECORDS_MAX), answer };
        let asked = async {
            self.asking.send(ask).await.map_err(|_| ReplayError::Busy)?;
            answered.await.map_err(|_| ReplayError::Busy)?
        };
        tokio::time::timeout(PATIENCE, asked).await.map_err(|_| ReplayError::Busy)?
    }
}

impl From<&Entry> for Listed {
    fn from(entry: &Entry) -> Self {
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
    /// A way to the quarantine, also once the loop runs.
    pub fn replayer(&self) -> Replay {
        Replay { quarantine: Arc::clone(&self.quarantine), asking: self.asking.clone() }
    }

    /// Carries out one order, unless whoever gave it is gone.
    pub(super) async fn replay(&mut self, ask: Ask) {
        if ask.answer.is_closed() {
            return;
        }
        let done = self.replay_some(ask.limit).await;
        // Whoever asked may have gone by now; what was done is on disk.
        let _ = ask.answer.send(done);
    }

    async fn replay_some(&mut self, limit: usize) -> Result<Replayed, ReplayError> {
        const AT_ONCE: usize = 500;
        let (mut done, mut after, mut left) = (Replayed::default(), None, limit);
        while left > 0 {
            let (quarantine, from) = (Arc::clone(&self.quarantine), after);
            let entries = blocking(move || quarantine.list(left.min(AT_ONCE), from)).await?;
            let Some(last) = entries.last() else { break };
            after = Some(Name { journal: last.journal, position: last.position });
            left -= entries.len();
            for entry in entries {
                if self.replay_one(&entry).await? {
                    done.replayed += 1;
                } else {
                    done.refused += 1;
                }
            }
        }
        Ok(done)
    }

    /// Whether the warehouse has the record now.
    async fn replay_one(&mut self, entry: &Entry) -> Result<bool, ReplayError> {
        let payload = entry.bytes().unwrap_or_default();
        let Ok(event) = rows::decode(&payload) else { return Ok(false) };
        let name = Name { journal: entry.journal, position: entry.position };
        let known = self.store.holds(name.journal, name.position, event.site, event.visitor, event.occurred_at).await?;
        if !known {
            let mut block = Block::default();
            if block.push(name.journal, name.position, &payload).is_err() {
                return Ok(false);
            }
            let (version, range) = (block.version(), name.position..name.position.plus(1));
            let row = Rows { version, journal: name.journal, range, pieces: block.take(), count: 1 };
            match self.store.insert(row).await {
                Ok(()) => {}
                Err(error) if matches!(error.kind(), ErrorKind::Poison(_)) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        let quarantine = Arc::clone(&self.quarantine);
        blocking(move || quarantine.note_replayed(name)).await?;
        if name.journal == self.journal.id() {
            self.replayed += 1;
            self.tell();
        }
        Ok(true)
    }
}
