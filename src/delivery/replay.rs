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
    store::{Block, ErrorKind, Held, Rows, StoreError, rows},
};

/// Orders that may wait while the loop sends something else.
pub(super) const ASKS_WAITING_MAX: usize = 4;
/// How long an order waits for the warehouse.
const PATIENCE: Duration = Duration::from_mins(1);
/// Records of one order.
const RECORDS_MAX: usize = 100_000;

/// An order to the loop, and where its answer goes.
#[derive(Debug)]
pub enum Ask {
    /// Send so many records of the quarantine once more.
    Replay(usize, oneshot::Sender<Result<Replayed, ReplayError>>),
    /// Never send again what is delivered now.
    Forget(oneshot::Sender<Result<(), ReplayError>>),
    /// Take a visitor's, or all of a site's, records out of the quarantine.
    Erase(SiteId, Option<VisitorId>, oneshot::Sender<Result<u64, ReplayError>>),
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
        let entries = blocking(move || quarantine.list(limit)).await?;
        Ok(entries.iter().map(Listed::from).collect())
    }

    /// Takes a visitor's records out of the quarantine. Returns how many there were; one that cannot be read cannot be
    /// known to be a visitor's, and stays.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub async fn erase(&self, site: SiteId, visitor: VisitorId) -> Result<u64, ReplayError> {
        self.ask(|answer| Ask::Erase(site, Some(visitor), answer)).await
    }

    /// Takes a site's records out of the quarantine. Returns how many there were.
    ///
    /// # Errors
    /// When the files cannot be used.
    pub async fn erase_site(&self, site: SiteId) -> Result<u64, ReplayError> {
        self.ask(|answer| Ask::Erase(site, None, answer)).await
    }

    /// What is delivered now is never sent again, whatever happens to it in the warehouse: rows of it are about to be
    /// erased on purpose.
    ///
    /// # Errors
    /// When the checkpoint cannot be written.
    pub async fn forget_delivered(&self) -> Result<(), ReplayError> {
        self.ask(Ask::Forget).await
    }

    /// Sends the first `limit` records of the quarantine once more.
    ///
    /// # Errors
    /// When the warehouse does not take anything now, or the files cannot be used.
    pub async fn replay(&self, limit: usize) -> Result<Replayed, ReplayError> {
        self.ask(|answer| Ask::Replay(limit.min(RECORDS_MAX), answer)).await
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<Result<T, ReplayError>>) -> Ask) -> Result<T, ReplayError> {
        let (answer, answered) = oneshot::channel();
        let asked = async {
            self.asking.send(ask(answer)).await.map_err(|_| ReplayError::Busy)?;
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

    /// Carries out one order, unless whoever gave it is gone. Whoever asked may have gone by its end; what was done is
    /// on disk.
    pub(super) async fn carry_out(&mut self, ask: Ask) {
        match ask {
            Ask::Replay(limit, answer) if !answer.is_closed() => drop(answer.send(self.replay_some(limit).await)),
            Ask::Replay(..) => {}
            Ask::Forget(answer) => {
                self.state.forget_delivered();
                drop(answer.send(self.save().await.map_err(ReplayError::from)));
            }
            Ask::Erase(site, visitor, answer) => {
                let quarantine = Arc::clone(&self.quarantine);
                let is_theirs = move |record: &[u8]| {
                    rows::decode(record)
                        .is_ok_and(|event| event.site == site && visitor.is_none_or(|visitor| event.visitor == visitor))
                };
                let erased = blocking(move || quarantine.erase(is_theirs)).await;
                drop(answer.send(erased.map_err(ReplayError::from)));
            }
        }
    }

    async fn replay_some(&mut self, limit: usize) -> Result<Replayed, ReplayError> {
        const AT_ONCE: usize = 500;
        let (mut done, mut left) = (Replayed::default(), limit);
        let quarantine = Arc::clone(&self.quarantine);
        let mut reading = blocking(move || quarantine.reading()).await?;
        while left > 0 {
            let (same, entries) = blocking(move || {
                let entries = reading.next(left.min(AT_ONCE))?;
                Ok((reading, entries))
            })
            .await?;
            reading = same;
            if entries.is_empty() {
                break;
            }
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

    /// Whether the warehouse has the record now: in every table, and readable.
    async fn replay_one(&mut self, entry: &Entry) -> Result<bool, ReplayError> {
        let payload = entry.bytes().unwrap_or_default();
        let name = Name { journal: entry.journal, position: entry.position };
        let range = name.position..name.position.plus(1);
        let mut block = Block::default();
        if block.push(name.journal, name.position, &payload).is_err() {
            return Ok(false);
        }
        let held = self.store.held(name.journal, &range, 1).await?;
        if held != Held::Whole {
            let (version, pieces) = (block.version(), block.take());
            let epoch = if held == Held::Otherwise(0) {
                0
            } else {
                // Some of its tables have it: a token that was used for it says nothing.
                let epoch = self.state.next_epoch();
                self.save().await?;
                self.store.remove_range(name.journal, &range).await?;
                epoch
            };
            let row = Rows { version, journal: name.journal, range: range.clone(), pieces, count: 1, epoch };
            let mark = self.room.mark();
            match self.store.insert(row).await {
                Ok(()) if !self.room.was_short_since(mark) => {}
                Ok(()) => return Err(ReplayError::Busy),
                Err(error) if matches!(error.kind(), ErrorKind::Poison(_)) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
            if self.store.held(name.journal, &range, 1).await? != Held::Whole {
                return Err(ReplayError::Busy);
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
