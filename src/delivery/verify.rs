//! Verifies delivered ranges that became doubtful: they are counted and read, and sent again if they are incomplete.
//!
//! Ranges become doubtful when the engine detached parts, or when its disk was full during inserts. The journal
//! keeps these records (`Checkpoint::unverified`), also across restarts. No other range is in flight
//! meanwhile, so that the stored rows are the delivered ones.

use std::{io, ops::Range, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    in_flight::{SendMode, SendOutcome},
    quarantine::QuarantineEntry,
    range_reader::LoadedRange,
    service::{Delivery, blocking},
    types::WaitReason,
};
use crate::{
    config,
    model::Position,
    store::{DetachedPart, ErrorKind, Part},
    tasks::Stopping,
};

/// Minimum time between two restarts of the engine: parts that are unreadable after a start stay so after another.
const RESTART_INTERVAL: Duration = Duration::from_mins(2);
/// How long to wait between two checks of the disk's free space.
const SPACE_CHECK: Duration = Duration::from_millis(100);
/// Age limit that includes every part, in seconds.
const ANY_AGE_SECONDS: i64 = 100 * 365 * 86_400;

impl Delivery {
    /// Whether there is too little disk space now; sets or clears the reason to wait.
    pub(super) fn check_disk_space(&self) -> bool {
        let is_short = self.disk.is_short();
        let was_short = *self.wait_reason.borrow() == Some(WaitReason::DiskSpace);
        if is_short && !was_short {
            tracing::warn!("delivery waits for disk space; events stay in the journal");
            self.wait_reason.send_replace(Some(WaitReason::DiskSpace));
        } else if was_short && !is_short {
            tracing::info!("there is disk space again; delivery continues");
            self.wait_reason.send_replace(None);
        }
        is_short
    }

    /// Waits a moment for disk space; commands are executed meanwhile. False: stopped.
    pub(super) async fn wait_for_space(&mut self, stopping: &mut Stopping) -> bool {
        tokio::select! {
            Some(command) = self.commands.recv(), if self.in_flight.is_empty() => self.execute(command).await,
            is_stopping = stopping.sleep(SPACE_CHECK) => return !is_stopping,
        }
        true
    }

    /// Logs the parts that the engine detached since the last check, and marks all records still in the journal as
    /// unverified.
    pub(super) async fn check_detached_parts(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.damage.check_due) {
            return Ok(());
        }
        let found = match self.store.detached_parts().await {
            Ok(found) => found,
            Err(error) => {
                // The next send fails too and requests this check again.
                tracing::debug!(%error, "cannot query the detached parts");
                return Ok(());
            }
        };
        let new: Vec<DetachedPart> = found.into_iter().filter(|part| !self.damage.known.contains(part)).collect();
        if new.is_empty() {
            return Ok(());
        }
        for part in &new {
            let rows = row_count(part);
            let DetachedPart { table, name, reason, bytes_on_disk, path } = part;
            tracing::error!(
                table,
                part = name,
                reason,
                rows,
                bytes_on_disk,
                path,
                "the engine detached a part that it cannot read"
            );
        }
        self.damage.detached_parts.inc_by(new.len() as u64);
        let identities_lost =
            new.iter().any(|part| ["identities", "aliases", "contact_keys"].contains(&part.table.as_str()));
        if identities_lost && let Err(error) = self.rebuild_all_identities().await {
            tracing::error!(%error, "the identity tables are incomplete; the next start rebuilds them again");
        }
        self.damage.known.extend(new);
        self.checkpoint.mark_unverified(self.journal.first());
        tracing::error!(
            from = %self.checkpoint.releasable(), to = %self.checkpoint.progress().delivered,
            "the journal still holds these positions: lost rows of them are sent again; unreadable rows from before \
             them can only be restored from a backup"
        );
        self.save().await
    }

    async fn rebuild_all_identities(&self) -> Result<(), crate::store::StoreError> {
        self.store.rebuild_identities(self.journal.id(), &(Position(0)..Position(u64::MAX))).await
    }

    /// Verifies the next batch of unverified records. True: it did something, and there may be more.
    pub(super) async fn verify_next(&mut self, is_short: bool, stopping: &mut Stopping) -> io::Result<bool> {
        let delivered = self.checkpoint.progress().delivered;
        if is_short && self.checkpoint.unverified().is_none() {
            self.checkpoint.mark_unverified(delivered);
            self.save().await?;
        }
        let Some(from) = self.checkpoint.unverified() else { return Ok(false) };
        if from >= delivered {
            if !is_short {
                self.checkpoint.mark_verified(None);
                self.save().await?;
                self.release().await?;
            }
            return Ok(false);
        }
        let loaded = self.read_delivered(from..delivered).await?;
        let range = loaded.rows.range.clone();
        if range.is_empty() || self.verify(&loaded, is_short, stopping).await? {
            self.checkpoint.mark_verified(Some(if range.is_empty() { delivered } else { range.end }));
            self.save().await?;
            self.release().await?;
            self.backoff.reset();
            return Ok(true);
        }
        Ok(!stopping.begun() && !is_short)
    }

    async fn read_delivered(&mut self, range: Range<Position>) -> io::Result<LoadedRange> {
        let (quarantine, id, within) = (Arc::clone(&self.quarantine), self.journal.id(), range.clone());
        let quarantined = blocking(move || quarantine.positions(id, &within)).await?;
        let records_max = self.damage.records_max;
        self.read_range(range.start, move |reader, config| {
            let config = config::Delivery { batch_events_max: records_max, ..config.clone() };
            reader.delivered_batch(&range, &config, &quarantined)
        })
        .await
    }

    /// Whether the warehouse has exactly these rows, after they were sent again if necessary and possible.
    async fn verify(&mut self, loaded: &LoadedRange, is_short: bool, stopping: &mut Stopping) -> io::Result<bool> {
        let pause = self.backoff.next();
        let checked = self.sender(pause, stopping).send(loaded.rows.clone(), SendMode::Verify).await;
        let stored = match checked {
            SendOutcome::Stored => return Ok(true),
            SendOutcome::Differs(stored) => stored,
            SendOutcome::Unreadable => {
                self.repair().await?;
                return Ok(false);
            }
            SendOutcome::Refused(_) | SendOutcome::Retry => {
                self.damage.check_again();
                return Ok(false);
            }
            SendOutcome::Stopped => return Ok(false),
        };
        let (sent, from, to) = (loaded.rows.count, loaded.rows.range.start, loaded.rows.range.end);
        if loaded.lost_records > 0 {
            // The stored rows may be the only copy of the lost records: do not remove them.
            tracing::error!(%from, %to, stored, "delivered records are lost in the journal; the stored rows of their range are kept");
            return Ok(true);
        }
        if is_short {
            return Ok(false);
        }
        tracing::error!(%from, %to, sent, stored, "delivered records are incomplete in the warehouse and are sent again");
        let mut rows = loaded.rows.clone();
        rows.epoch = self.checkpoint.next_epoch();
        self.save().await?;
        match self.sender(pause, stopping).send(rows, SendMode::Replace).await {
            SendOutcome::Stored => {
                self.damage.records_max = self.config.batch_events_max;
                Ok(true)
            }
            SendOutcome::Refused(reason) => self.quarantine_delivered(loaded, &reason).await,
            SendOutcome::Unreadable => {
                self.repair().await?;
                Ok(false)
            }
            SendOutcome::Differs(_) | SendOutcome::Retry | SendOutcome::Stopped => {
                self.damage.check_again();
                Ok(false)
            }
        }
    }

    /// Quarantines a delivered row that is refused now. Of several rows, halves the next batch instead and returns
    /// false.
    async fn quarantine_delivered(&mut self, loaded: &LoadedRange, reason: &str) -> io::Result<bool> {
        if loaded.rows.count > 1 {
            self.damage.records_max = (loaded.rows.count / 2).max(1);
            return Ok(false);
        }
        let Some((position, payload)) = &loaded.first_row else { return Ok(true) };
        tracing::error!(%position, reason, "a row that was stored before is refused now and goes to quarantine");
        let entry = QuarantineEntry::refused(self.journal.id(), *position, reason, payload);
        self.add_to_quarantine(vec![entry]).await?;
        self.checkpoint.move_to_quarantine(1);
        Ok(true)
    }

    /// Handles unreadable parts: restarts an embedded engine, which detaches them and returns to the parts they were
    /// merged from. If that does not help, detaches parts that were never merged; the journal has their rows.
    pub(super) async fn repair(&mut self) -> io::Result<()> {
        self.damage.check_again();
        if self.disk.is_short() {
            return Ok(());
        }
        let restarted = self.damage.restarted.is_some_and(|at| at.elapsed() < RESTART_INTERVAL);
        if self.disk.is_embedded() && !restarted {
            tracing::error!("restarting the engine so that it detaches unreadable parts");
            self.damage.restarted = Some(Instant::now());
            self.store.kill_embedded_engine().await;
            return Ok(());
        }
        let parts = match self.store.unreadable_parts(ANY_AGE_SECONDS).await {
            Ok(parts) => parts,
            Err(error) => {
                tracing::warn!(%error, "the warehouse's parts cannot be checked now");
                return Ok(());
            }
        };
        let mut is_blocked = false;
        for part in &parts {
            is_blocked |= !self.detach(part).await;
        }
        self.wait_reason.send_replace(is_blocked.then_some(WaitReason::Repair));
        if !parts.is_empty() {
            self.checkpoint.mark_unverified(self.journal.first());
            self.save().await?;
        }
        Ok(())
    }

    /// Detaches an unreadable part from its table. False: it is still there.
    async fn detach(&mut self, part: &Part) -> bool {
        let Part { table, name, rows, level } = part;
        if *level > 0 {
            tracing::error!(
                table,
                part = name,
                rows,
                "this part also holds older rows and is not changed: restart the ClickHouse server, which returns to \
                 the parts it was merged from while it has them, or restore the table; delivery waits"
            );
            return false;
        }
        match self.store.detach_part(part).await {
            Ok(()) => {
                tracing::error!(
                    table,
                    part = name,
                    rows,
                    "an unreadable part is detached; its rows that are still in the journal are sent again"
                );
                self.damage.detached_parts.inc();
                true
            }
            Err(error) if error.kind() == ErrorKind::Retry => false,
            Err(error) => {
                tracing::error!(table, part = name, %error, "an unreadable part cannot be detached");
                false
            }
        }
    }
}

/// The rows of the part according to its `count.txt`; 0 if that cannot be read here.
fn row_count(part: &DetachedPart) -> u64 {
    let count = std::fs::read_to_string(std::path::Path::new(&part.path).join("count.txt"));
    count.ok().and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}
