//! Starting and completing the sending of ranges.

use std::{io, sync::Arc, time::Duration};

use super::{
    checkpoint::PendingRange,
    in_flight::{InFlight, RangeSender, SendMode, SendOutcome},
    quarantine::QuarantineEntry,
    range_reader::{LoadedRange, RangeReader},
    service::{Delivery, blocking},
    types::WaitReason,
};
use crate::{config, model::Position, tasks::Stopping};

impl Delivery {
    /// Reads the next batch, saves its range in the checkpoint, and starts to send it.
    pub(super) async fn send_next_batch(&mut self, stopping: &Stopping) -> io::Result<bool> {
        if self.disk.is_short() {
            return Ok(true);
        }
        let start = self.checkpoint.planned_end();
        let mut loaded = self.read_range(start, move |reader, config| reader.next_batch(start, config)).await?;
        if let Some(end) = self.checkpoint.suspects_within(&loaded.rows.range) {
            // Apart: their stored rows are compared and perhaps replaced, and the ones after them may be another's.
            loaded = self.read_range(start, move |reader, _| reader.exact(start..end)).await?;
        }
        self.waiting_since = None;
        if loaded.rows.range.is_empty() {
            return Ok(!self.in_flight.is_empty());
        }
        self.checkpoint.plan(loaded.rows.range.end);
        self.unsaved = true;
        self.save().await?;
        let Some(pending) = self.checkpoint.pending().last().cloned() else { return Ok(true) };
        let mode = if self.checkpoint.may_be_stored(start) { SendMode::Resend } else { SendMode::First };
        self.start_sending(loaded, mode, &pending, stopping);
        Ok(true)
    }

    pub(super) fn start_sending(
        &mut self,
        mut loaded: LoadedRange,
        mode: SendMode,
        pending: &PendingRange,
        stopping: &Stopping,
    ) {
        loaded.rows.epoch = pending.epoch;
        // A copy: the pause after this attempt. The backoff itself grows only when the attempt fails.
        let pause = self.backoff.clone().next();
        let sender = self.sender(pause, stopping);
        self.in_flight.push(InFlight::start(loaded, mode, sender));
    }

    pub(super) fn sender(&self, pause: Duration, stopping: &Stopping) -> RangeSender {
        RangeSender { store: self.store.clone(), disk: self.disk.clone(), pause, stopping: stopping.clone() }
    }

    /// Handles the outcome of sending the first range of the checkpoint. False: stopped.
    pub(super) async fn complete_first(&mut self, outcome: SendOutcome) -> io::Result<bool> {
        let first = self.checkpoint.pending().first().map(PendingRange::range);
        let index = self.in_flight.iter().position(|sending| Some(&sending.range) == first.as_ref());
        let Some(index) = index else { return Ok(true) };
        let mut loaded = self.in_flight.swap_remove(index).into_range();
        if matches!(outcome, SendOutcome::Stored | SendOutcome::Refused(_)) {
            self.backoff.reset();
            self.wait_reason.send_if_modified(|reason| *reason == Some(WaitReason::Repair) && reason.take().is_some());
        } else {
            self.damage.check_again();
        }
        match outcome {
            SendOutcome::Stored => self.finish(loaded.rejected, loaded.rejected_records).await?,
            // A later range that is in flight stays valid: it is after both halves.
            SendOutcome::Refused(reason) if self.checkpoint.split_first() => {
                tracing::warn!(reason, rows = loaded.rows.count, "a batch was refused and is halved");
                self.unsaved = true;
            }
            SendOutcome::Refused(reason) => {
                let mut entries = loaded.rejected;
                let mut records = loaded.rejected_records;
                if let Some((position, payload)) = &loaded.first_row {
                    tracing::error!(%position, reason, "a row was refused and goes to quarantine");
                    entries.push(QuarantineEntry::refused(self.journal.id(), *position, &reason, payload));
                    records += 1;
                }
                self.finish(entries, records).await?;
            }
            SendOutcome::Differs(stored) => {
                if let Some(found) = loaded.stored_lost_records(stored) {
                    // An earlier attempt stored records that the journal has lost since.
                    tracing::warn!(found, "records that the journal lost are in the warehouse");
                    loaded.mark_lost_stored(found);
                    self.finish(loaded.rejected, loaded.rejected_records).await?;
                    return Ok(true);
                }
                let (sent, from) = (loaded.rows.count, loaded.rows.range.start);
                tracing::error!(stored, sent, %from, "the stored rows of a batch differ from those sent; it is sent again");
                self.checkpoint.replace_first();
                self.unsaved = true;
            }
            SendOutcome::Unreadable => self.repair().await?,
            // It is read and sent again as a pending range that is not in flight.
            SendOutcome::Retry => drop(self.backoff.next()),
            SendOutcome::Stopped => return Ok(false),
        }
        Ok(true)
    }

    /// Reads from the journal on a blocking thread.
    pub(super) async fn read_range(
        &mut self,
        start: Position,
        read: impl FnOnce(&mut RangeReader, &config::Delivery) -> io::Result<LoadedRange> + Send + 'static,
    ) -> io::Result<LoadedRange> {
        let (journal, config) = (Arc::clone(&self.journal), self.config.clone());
        let mut reader = self.reader.take().unwrap_or_else(|| RangeReader::new(journal, start));
        let (reader, loaded) = blocking(move || {
            let loaded = read(&mut reader, &config);
            Ok((reader, loaded))
        })
        .await?;
        self.reader = Some(reader);
        loaded
    }

    /// Adds the refused records to the quarantine, then advances the checkpoint and releases the journal.
    async fn finish(&mut self, entries: Vec<QuarantineEntry>, records: u64) -> io::Result<()> {
        self.add_to_quarantine(entries).await?;
        self.checkpoint.complete_first(records);
        if self.disk.is_short() {
            // It was sent shortly before the disk was found to be full.
            let next =
                self.checkpoint.pending().first().map_or(self.checkpoint.planned_end(), |next| next.range().start);
            self.checkpoint.mark_unverified(next);
        }
        self.unsaved = true;
        self.save().await?;
        self.release().await
    }

    /// Adds entries to the quarantine. Fails if it is full: then delivery waits.
    pub(super) async fn add_to_quarantine(&mut self, entries: Vec<QuarantineEntry>) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let (quarantine, bytes_max) = (Arc::clone(&self.quarantine), self.config.quarantine_bytes_max);
        let added = blocking(move || {
            let has_space = quarantine.bytes()? < bytes_max;
            if has_space { quarantine.add(&entries).map(|()| true) } else { Ok(false) }
        });
        if added.await? {
            if *self.wait_reason.borrow() == Some(WaitReason::Quarantine) {
                self.wait_reason.send_replace(None);
            }
            return Ok(());
        }
        self.wait_reason.send_replace(Some(WaitReason::Quarantine));
        Err(io::Error::other(
            "the quarantine is full: replay it, or move quarantine/events.ndjson away; or raise delivery.quarantine_bytes_max",
        ))
    }

    /// Releases the part of the journal that is no longer needed.
    pub(super) async fn release(&self) -> io::Result<()> {
        let (journal, below) = (Arc::clone(&self.journal), self.checkpoint.releasable().min((self.keep_from)()));
        blocking(move || {
            journal.release(below);
            Ok(())
        })
        .await
    }
}
