//! What was delivered and is not trusted any more: counted, read, and sent again where it is not whole.
//!
//! It begins where the engine set parts aside, or where its disk was full while something was going on. The journal
//! keeps from there on what it still has (`State::unproved`), also across restarts. Nothing else is under way
//! meanwhile, so that what is there is what was delivered.

use std::{collections::HashSet, io, ops::Range, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Delivery, Waits,
    accumulate::Stretch,
    in_flight::{Outcome, Way},
    quarantine::Entry,
    send::blocking,
};
use crate::{
    config,
    model::Position,
    store::{ErrorKind, Part, SetAside},
    tasks::Stopping,
    telemetry::Counter,
};

/// The engine is not ended twice within this time: what it cannot read after a start, another start does not mend.
const RESTART_AGAIN: Duration = Duration::from_mins(2);
/// How long to wait between two looks at the room on the disk.
const ROOM_LOOK: Duration = Duration::from_millis(100);
/// Seconds: every part was written within them.
const EVER: i64 = 100 * 365 * 86_400;

/// What is known of damage in the warehouse.
#[derive(Debug)]
pub(super) struct Doubts {
    /// Parts that were reported since this service started.
    known: HashSet<SetAside>,
    /// Whether to ask the warehouse what it set aside.
    look: bool,
    restarted: Option<Instant>,
    /// Records of one look; fewer after one of them was refused.
    records_max: usize,
    pub(super) set_aside: Counter,
}

impl Doubts {
    pub(super) fn new(config: &config::Delivery) -> Self {
        let records_max = config.batch_events_max;
        Self { known: HashSet::new(), look: true, restarted: None, records_max, set_aside: Counter::default() }
    }

    /// Something failed: an engine that was started again may have set parts aside.
    pub(super) fn look_again(&mut self) {
        self.look = true;
    }
}

impl Delivery {
    /// Whether there is too little room now.
    pub(super) fn note_room(&self) -> bool {
        let is_short = self.room.is_short();
        let was_short = *self.waits.borrow() == Some(Waits::DiskSpace);
        if is_short && !was_short {
            tracing::warn!("delivery waits for disk space; events stay in the journal");
            self.waits.send_replace(Some(Waits::DiskSpace));
        } else if was_short && !is_short {
            tracing::info!("there is disk space again; delivery goes on");
            self.waits.send_replace(None);
        }
        is_short
    }

    /// Waits a moment for room; orders are carried out meanwhile. False: stopped.
    pub(super) async fn wait_for_room(&mut self, stopping: &mut Stopping) -> bool {
        tokio::select! {
            Some(ask) = self.asks.recv(), if self.flights.is_empty() => self.carry_out(ask).await,
            is_over = stopping.sleep(ROOM_LOOK) => return !is_over,
        }
        true
    }

    /// Reports the parts that the engine has set aside since the last look, and doubts what the journal still holds.
    pub(super) async fn note_set_aside(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.doubts.look) {
            return Ok(());
        }
        let found = match self.store.set_aside().await {
            Ok(found) => found,
            Err(error) => {
                // Whatever is sent next fails too, and asks for this look again.
                tracing::debug!(%error, "the warehouse does not say what it set aside");
                return Ok(());
            }
        };
        let news: Vec<SetAside> = found.into_iter().filter(|part| !self.doubts.known.contains(part)).collect();
        if news.is_empty() {
            return Ok(());
        }
        for part in &news {
            let rows = rows_of(part);
            let SetAside { table, name, reason, bytes_on_disk, path } = part;
            tracing::error!(
                table,
                part = name,
                reason,
                rows,
                bytes_on_disk,
                path,
                "the engine set a part aside: it cannot read it"
            );
        }
        self.doubts.set_aside.inc_by(news.len() as u64);
        let people = news.iter().any(|part| ["identities", "aliases"].contains(&part.table.as_str()));
        if people && let Err(error) = self.renew_all_people().await {
            tracing::error!(%error, "the tables of people are not whole; the next start tries to mend them again");
        }
        self.doubts.known.extend(news);
        self.state.doubt(self.journal.first());
        tracing::error!(
            from = %self.state.releasable(), to = %self.state.progress().delivered,
            "the journal still holds these positions: what the warehouse lost of them is sent again; what was stored \
             before them and cannot be read comes back only from a backup"
        );
        self.save().await
    }

    async fn renew_all_people(&self) -> Result<(), crate::store::StoreError> {
        self.store.renew_people(self.journal.id(), &(Position(0)..Position(u64::MAX))).await
    }

    /// Proves one batch of what is doubted; true: it did something, and there may be more.
    pub(super) async fn prove_some(&mut self, is_short: bool, stopping: &mut Stopping) -> io::Result<bool> {
        let delivered = self.state.progress().delivered;
        if is_short && self.state.unproved().is_none() {
            self.state.doubt(delivered);
            self.save().await?;
        }
        let Some(from) = self.state.unproved() else { return Ok(false) };
        if from >= delivered {
            if !is_short {
                self.state.proved(None);
                self.save().await?;
                self.release().await?;
            }
            return Ok(false);
        }
        let stretch = self.gather_delivered(from..delivered).await?;
        let range = stretch.rows.range.clone();
        if range.is_empty() || self.is_proved(&stretch, is_short, stopping).await? {
            self.state.proved(Some(if range.is_empty() { delivered } else { range.end }));
            self.save().await?;
            self.release().await?;
            self.pause.reset();
            return Ok(true);
        }
        Ok(!stopping.begun() && !is_short)
    }

    async fn gather_delivered(&mut self, range: Range<Position>) -> io::Result<Stretch> {
        let (quarantine, id, within) = (Arc::clone(&self.quarantine), self.journal.id(), range.clone());
        let refused = blocking(move || quarantine.positions(id, &within)).await?;
        let most = self.doubts.records_max;
        self.gather(range.start, move |gatherer, config| {
            let config = config::Delivery { batch_events_max: most, ..config.clone() };
            gatherer.delivered(&range, &config, &refused)
        })
        .await
    }

    /// Whether the warehouse has exactly this, after it was sent again where that was needed and possible.
    async fn is_proved(&mut self, stretch: &Stretch, is_short: bool, stopping: &mut Stopping) -> io::Result<bool> {
        let pause = self.pause.next();
        let looked = self.sender(pause, stopping).send(stretch.rows.clone(), Way::Look).await;
        let stored = match looked {
            Outcome::Stored => return Ok(true),
            Outcome::Otherwise(stored) => stored,
            Outcome::Unreadable => {
                self.mend().await?;
                return Ok(false);
            }
            Outcome::Refused(_) | Outcome::Again => {
                self.doubts.look_again();
                return Ok(false);
            }
            Outcome::GaveUp => return Ok(false),
        };
        let (sent, from, to) = (stretch.rows.count, stretch.rows.range.start, stretch.rows.range.end);
        if stretch.lost_records > 0 {
            // What the warehouse has may be all there is of the lost ones: it is not touched.
            tracing::error!(%from, %to, stored, "delivered records are lost in the journal; the warehouse keeps what it has of their range");
            return Ok(true);
        }
        if is_short {
            return Ok(false);
        }
        tracing::error!(%from, %to, sent, stored, "delivered records are not whole in the warehouse and are sent again");
        let mut rows = stretch.rows.clone();
        rows.epoch = self.state.next_epoch();
        self.save().await?;
        match self.sender(pause, stopping).send(rows, Way::Replace).await {
            Outcome::Stored => {
                self.doubts.records_max = self.config.batch_events_max;
                Ok(true)
            }
            Outcome::Refused(reason) => self.refuse_after_all(stretch, &reason).await,
            Outcome::Unreadable => {
                self.mend().await?;
                Ok(false)
            }
            Outcome::Otherwise(_) | Outcome::Again | Outcome::GaveUp => {
                self.doubts.look_again();
                Ok(false)
            }
        }
    }

    /// A row that was taken before is refused now: alone, it goes to quarantine. True: it did.
    async fn refuse_after_all(&mut self, stretch: &Stretch, reason: &str) -> io::Result<bool> {
        if stretch.rows.count > 1 {
            self.doubts.records_max = (stretch.rows.count / 2).max(1);
            return Ok(false);
        }
        let Some((position, payload)) = &stretch.first else { return Ok(true) };
        tracing::error!(%position, reason, "a row that was stored before is refused now and goes to quarantine");
        self.put_aside(vec![Entry::refused(self.journal.id(), *position, reason, payload)]).await?;
        self.state.refused_after_all(1);
        Ok(true)
    }

    /// The warehouse cannot read what it has: the own engine is started again, which sets such parts aside and goes
    /// back to those they were merged from. Where that does not help, parts that were never merged are taken out; the
    /// journal has what is in them.
    pub(super) async fn mend(&mut self) -> io::Result<()> {
        self.doubts.look_again();
        if self.room.is_short() {
            return Ok(());
        }
        let restarted = self.doubts.restarted.is_some_and(|at| at.elapsed() < RESTART_AGAIN);
        if self.room.is_own() && !restarted {
            tracing::error!("the engine is started again so that it sets aside what it cannot read");
            self.doubts.restarted = Some(Instant::now());
            self.store.restart_own_engine().await;
            return Ok(());
        }
        let parts = match self.store.unreadable_parts(EVER).await {
            Ok(parts) => parts,
            Err(error) => {
                tracing::warn!(%error, "the warehouse's parts cannot be checked now");
                return Ok(());
            }
        };
        let mut is_blocked = false;
        for part in &parts {
            is_blocked |= !self.take_out(part).await;
        }
        self.waits.send_replace(is_blocked.then_some(Waits::Repair));
        if !parts.is_empty() {
            self.state.doubt(self.journal.first());
            self.save().await?;
        }
        Ok(())
    }

    /// Whether a part that cannot be read is out of its table.
    async fn take_out(&mut self, part: &Part) -> bool {
        let Part { table, name, rows, level } = part;
        if *level > 0 {
            tracing::error!(
                table,
                part = name,
                rows,
                "this part holds older rows too and is not touched: restart the ClickHouse server, which goes back to \
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
                    "a part that cannot be read is detached; the journal sends again what it holds of it"
                );
                self.doubts.set_aside.inc();
                true
            }
            Err(error) if error.kind() == ErrorKind::Retry => false,
            Err(error) => {
                tracing::error!(table, part = name, %error, "a part that cannot be read cannot be detached");
                false
            }
        }
    }
}

/// What the part's own note says; 0 where it cannot be read here.
fn rows_of(part: &SetAside) -> u64 {
    let note = std::fs::read_to_string(std::path::Path::new(&part.path).join("count.txt"));
    note.ok().and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}
