//! Files of items into a catalogue: read beside the threads that answer visitors, stored piece by piece.

use std::io::{self, Read};

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, channel};

use super::{Counts, ImportError, RejectedRow};
use crate::{
    catalog::{Catalog, Publish},
    feed::{self, FeedError, Row, Setting},
    model::{ItemId, ItemIssue, SiteId},
    wire::item::ItemBody,
};

/// Rows that are stored at a time.
pub const PIECE: usize = 1000;

/// What became of a file of items.
#[derive(Debug, Default)]
pub struct Taken {
    /// The counts.
    pub counts: Counts,
    /// Ids of the items that are in the catalogue as the file says.
    pub ids: Vec<ItemId>,
    /// What ended the file before its end; the rows before it were taken.
    pub broken: Option<FeedError>,
}

/// Takes all rows of a file.
///
/// # Errors
/// When the catalogue cannot store them; what was stored until then stays.
pub async fn take(
    catalog: &Catalog,
    site: SiteId,
    source: impl Read + Send + 'static,
    setting: Setting,
) -> Result<Taken, ImportError> {
    let (sender, mut pieces) = channel::<Vec<Row>>(2);
    let reading = tokio::task::spawn_blocking(move || -> Result<(), FeedError> {
        let mut piece = Vec::with_capacity(PIECE);
        for row in feed::open(source, setting)? {
            match row {
                Ok(row) => piece.push(row),
                Err(error) => {
                    let _ = sender.blocking_send(piece);
                    return Err(error);
                }
            }
            if piece.len() == PIECE && sender.blocking_send(std::mem::take(&mut piece)).is_err() {
                return Ok(());
            }
        }
        let _ = sender.blocking_send(piece);
        Ok(())
    });
    let mut taken = Taken::default();
    while let Some(rows) = pieces.recv().await {
        take_rows(catalog, site, rows, &mut taken).await?;
    }
    taken.broken = reading.await.unwrap_or_else(|error| Err(FeedError::Io(io::Error::other(error)))).err();
    Ok(taken)
}

async fn take_rows(catalog: &Catalog, site: SiteId, rows: Vec<Row>, taken: &mut Taken) -> Result<(), ImportError> {
    let places: Vec<u64> = rows.iter().map(|row| row.place).collect();
    let mut ids: Vec<Option<ItemId>> =
        rows.iter().map(|row| row.item.as_ref().ok().map(|item| item.id.as_str().into())).collect();
    let (counts, rejected) = put(catalog, site, rows.into_iter().map(|row| row.item).collect()).await?;
    for index in rejected {
        ids[index] = None;
    }
    taken.counts.add(&counts.placed(&places));
    taken.ids.extend(ids.into_iter().flatten());
    Ok(())
}

/// Stores a piece; tells the counts, and which places (from 0) were refused.
pub(super) async fn put(
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
    let mut places = Vec::new();
    for (place, flaw) in done.rejected {
        places.push(place - 1);
        counts.reject(place as u64, &flaw);
    }
    Ok((counts, places))
}

impl Counts {
    /// Counts one refused row.
    pub fn reject(&mut self, row: u64, flaw: &ItemIssue) {
        let reason = flaw.kind.as_str().to_owned();
        *self.rejected_by.entry(reason.clone()).or_default() += 1;
        if self.rejected_rows.len() < Self::REJECTED_ROWS_MAX {
            self.rejected_rows.push(RejectedRow { row, reason, message: flaw.message.clone() });
        }
    }

    /// With the rows' own places instead of those in the piece, which count from 1.
    #[must_use]
    pub fn placed(mut self, places: &[u64]) -> Self {
        for rejected in &mut self.rejected_rows {
            let index = usize::try_from(rejected.row).unwrap_or_default().saturating_sub(1);
            rejected.row = places.get(index).copied().unwrap_or(rejected.row);
        }
        self
    }
}

/// What arrives in pieces, to be read on a thread that may wait.
pub struct Pieces {
    receiver: Receiver<Bytes>,
    current: Bytes,
}

impl From<Receiver<Bytes>> for Pieces {
    fn from(receiver: Receiver<Bytes>) -> Self {
        Self { receiver, current: Bytes::new() }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
            }
        }
        let read = self.current.len().min(buffer.len());
        buffer[..read].copy_from_slice(&self.current.split_to(read));
        Ok(read)
    }
}
