//! STORY: how kept events get from the journal into the warehouse, each exactly once.
//!
//! It tails the journal from the delivered checkpoint, cuts a batch, writes down which stretch it is
//! about to send ([`state`]), sends it, and moves the checkpoint. A crash anywhere sends the same
//! stretch again under the same token, and the store recognizes it. What the warehouse refuses for
//! its content is halved until the bad row stands alone and goes to [`quarantine`] with the reason.
//! It must never drop a record in silence: `kept = inserted + quarantined + waiting`, over positions,
//! holds at every moment and across restarts.
//!
//! Walkthrough of one batch, positions 100 to 150, of which 120 is bad:
//! pending [100,150) is saved → insert refused → pending [100,125) [125,150) saved → … → 120 alone is
//! refused twice → its line is fsynced to the quarantine → delivered 121 → … → delivered 150.
//!
//! What is in quarantine may be sent once more, one by one ([`replay`]), by the same loop, so that
//! nothing else is under way meanwhile.

mod batcher;
mod flight;
mod gather;
mod quarantine;
mod replay;
mod send;
mod state;

use std::{path::Path, sync::Arc};

use tokio::sync::{mpsc, watch};

use flight::Pause;
use quarantine::Quarantine;
pub use replay::{Listed, Replay, ReplayError, Replayed};
pub use send::Delivery;

use crate::{config, journal::Journal, model::Position, store::Store};

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
        })
    }
}
