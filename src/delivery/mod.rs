//! STORY: how kept events get from the journal into the warehouse, each exactly once.
//!
//! It tails the journal from the delivered checkpoint, cuts a batch, writes down which range it is
//! about to send (`state`), sends it, and moves the checkpoint. A crash anywhere sends the same
//! range again under the same token, and the store recognizes it. Recognized is not whole: what was sent
//! before, or while the disk was short of room (`room`), is counted and read, removed where it is something else, and
//! sent under a new token (`flight`); what was delivered and is doubted later as well (`prove`). What the warehouse refuses for
//! its content is halved until the bad row stands alone and goes to `quarantine` with the reason.
//! It must never drop a record in silence: `kept = inserted + quarantined + waiting`, over positions,
//! holds at every moment and across restarts.
//!
//! Walkthrough of one batch, positions 100 to 150, of which 120 is bad:
//! pending [100,150) is saved → insert refused → pending [100,125) [125,150) saved → … → 120 alone is
//! refused twice → its line is fsynced to the quarantine → delivered 121 → … → delivered 150.
//!
//! What is in quarantine may be sent once more, one by one (`replay`), by the same loop, so that
//! nothing else is under way meanwhile.

mod accumulate;
mod batcher;
mod disk_space;
mod guard;
mod in_flight;
mod prove;
mod quarantine;
mod replay;
mod send;
mod state;

use std::{path::Path, sync::Arc};

use tokio::sync::{mpsc, watch};

use disk_space::Room;
pub use guard::{Guard, watch_space};
use in_flight::Pause;
use prove::Doubts;
use quarantine::Quarantine;
pub use replay::{Listed, Replay, ReplayError, Replayed};
pub use send::Delivery;

use crate::{config, engine::Space, journal::Journal, model::Position, store::Store, telemetry::Counter};

/// How far delivery is. Over positions of the journal, persisted with the checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Every record below is in the warehouse or in quarantine.
    pub delivered: Position,
    /// Records that are in the warehouse.
    pub inserted: u64,
    /// Records that are in quarantine, those that the journal lost included.
    pub quarantined: u64,
}

/// What delivery waits for, other than events and the warehouse's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// Room on the engine's disk.
    DiskSpace,
    /// Room in the quarantine.
    Quarantine,
    /// A table with a part that cannot be read and holds older rows too.
    Repair,
    /// The warehouse's owner: it belongs to another installation.
    Owner,
}

impl Waits {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::DiskSpace => "delivery_disk_space",
            Self::Quarantine => "delivery_quarantine_full",
            Self::Repair => "delivery_part_unreadable",
            Self::Owner => "delivery_foreign_warehouse",
        }
    }

    /// One line for operators.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DiskSpace => "delivery waits for disk space",
            Self::Quarantine => "delivery waits: the quarantine is full",
            Self::Repair => "delivery waits: the warehouse cannot read one of its parts; the log names it",
            Self::Owner => "delivery waits: the warehouse belongs to another installation; the log says what to do",
        }
    }
}

/// One past the highest position of this journal that the checkpoints in `data_dir` know: what lies below it was
/// sent or is about to be, and must not be given to other records.
#[must_use]
pub fn highest_position(data_dir: &Path, journal: u64) -> Position {
    state::State::highest(&state::Places::of(data_dir), journal)
}

impl Progress {
    /// The same after so many quarantined records were stored after all.
    fn after_replay(self, replayed: u64) -> Self {
        let replayed = replayed.min(self.quarantined);
        Self { inserted: self.inserted + replayed, quarantined: self.quarantined - replayed, ..self }
    }
}

/// Why delivery cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// Its files cannot be used.
    #[error("cannot use the delivery checkpoint {path}: {source}")]
    Checkpoint {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The quarantine cannot be used.
    #[error("cannot use the quarantine {path}: {source}")]
    Quarantine {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Delivery {
    /// Reads the checkpoint in `data_dir`. `keep_from` tells from which position on the journal is still
    /// needed by others; what is both delivered and below it is released.
    ///
    /// # Errors
    /// When the checkpoint or the quarantine cannot be read or made.
    pub fn open(
        data_dir: &Path,
        journal: Arc<Journal>,
        store: Store,
        config: &config::Delivery,
        keep_from: impl Fn() -> Position + Send + Sync + 'static,
    ) -> Result<Self, DeliveryError> {
        let places = state::Places::of(data_dir);
        let state = state::State::load(&places, journal.id(), journal.first(), journal.next())
            .map_err(|source| DeliveryError::Checkpoint { path: data_dir.display().to_string(), source })?;
        let directory = data_dir.join("quarantine");
        let unusable = |source| DeliveryError::Quarantine { path: directory.display().to_string(), source };
        let quarantine = Quarantine::open(&directory).map_err(unusable)?;
        let replayed = quarantine.replayed(journal.id()).map_err(unusable)?;
        let progress = watch::Sender::new(state.progress().after_replay(replayed));
        let delivered = watch::Sender::new(state.progress().delivered);
        let releasable = watch::Sender::new(state.releasable());
        let (asking, asks) = mpsc::channel(replay::ASKS_WAITING_MAX);
        Ok(Self {
            journal,
            store,
            config: config.clone(),
            keep_from: Box::new(keep_from),
            places,
            state,
            gatherer: None,
            flights: Vec::new(),
            pause: Pause::new(config),
            waiting_since: None,
            unsaved: false,
            quarantine: Arc::new(quarantine),
            replayed,
            asking,
            asks,
            progress,
            delivered,
            releasable,
            waits: watch::Sender::new(None),
            room: Room::default(),
            doubts: Doubts::new(config),
        })
    }

    /// Into the embedded engine, whose disk this is: batches are no larger than what fits in just above its floor.
    #[must_use]
    pub fn onto(mut self, space: Arc<Space>) -> Self {
        self.room = Room::of(space);
        self.config.batch_bytes_max = self.config.batch_bytes_max.min(self.room.batch_bytes_max());
        self
    }

    /// Says that it cannot begin for this reason. True: it did not say so before.
    pub fn wait_for(&self, reason: Waits) -> bool {
        self.waits.send_replace(Some(reason)) != Some(reason)
    }

    /// Nothing keeps it from beginning any more.
    pub fn wait_for_nothing(&self) {
        self.waits.send_replace(None);
    }

    /// Counts there the parts that the warehouse lost.
    #[must_use]
    pub fn counting(mut self, set_aside: &Counter) -> Self {
        self.doubts.set_aside = set_aside.clone();
        self
    }
}
