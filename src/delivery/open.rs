//! Opens the checkpoint and the quarantine, and creates the service.

use std::{path::Path, sync::Arc};

use tokio::sync::{mpsc, watch};

use super::{
    checkpoint::{Checkpoint, CheckpointPaths},
    damage::DamageState,
    in_flight::Backoff,
    quarantine::Quarantine,
    service::{Delivery, IsErased},
    types::DeliveryError,
    warehouse_disk::WarehouseDisk,
};
use crate::{config, engine::DiskSpace, journal::Journal, model::Position, store::Store, telemetry::Counter};

/// Maximum number of commands that wait while the loop sends.
const COMMANDS_MAX: usize = 4;

impl Delivery {
    /// Reads the checkpoint in `data_dir`. `keep_from` returns from which position on others still need the
    /// journal; records that are delivered and below it are released.
    ///
    /// # Errors
    /// When the checkpoint or the quarantine cannot be read or created.
    pub fn open(
        data_dir: &Path,
        journal: Arc<Journal>,
        store: Store,
        config: &config::Delivery,
        keep_from: impl Fn() -> Position + Send + Sync + 'static,
    ) -> Result<Self, DeliveryError> {
        let paths = CheckpointPaths::new(data_dir);
        let checkpoint = Checkpoint::load(&paths, journal.id(), journal.first(), journal.next())
            .map_err(|source| DeliveryError::Checkpoint { path: data_dir.display().to_string(), source })?;
        let directory = data_dir.join("quarantine");
        let unusable = |source| DeliveryError::Quarantine { path: directory.display().to_string(), source };
        let quarantine = Quarantine::open(&directory).map_err(unusable)?;
        let replayed = quarantine.count_replayed(journal.id()).map_err(unusable)?;
        let progress = watch::Sender::new(checkpoint.progress().after_replay(replayed));
        let delivered = watch::Sender::new(checkpoint.progress().delivered);
        let releasable = watch::Sender::new(checkpoint.releasable());
        let (commands_in, commands) = mpsc::channel(COMMANDS_MAX);
        Ok(Self {
            journal,
            store,
            config: config.clone(),
            keep_from: Box::new(keep_from),
            paths,
            checkpoint,
            reader: None,
            in_flight: Vec::new(),
            backoff: Backoff::new(config),
            waiting_since: None,
            unsaved: false,
            quarantine: Arc::new(quarantine),
            is_erased: Arc::new(|_| false),
            replayed,
            commands_in,
            commands,
            progress,
            delivered,
            releasable,
            wait_reason: watch::Sender::new(None),
            disk: WarehouseDisk::default(),
            damage: DamageState::new(config),
        })
    }

    /// Delivers to the embedded engine on this disk: limits batches to what still fits at its floor of free space.
    #[must_use]
    pub fn with_disk(mut self, space: Arc<DiskSpace>) -> Self {
        self.disk = WarehouseDisk::new(space);
        self.config.batch_bytes_max = self.config.batch_bytes_max.min(self.disk.batch_bytes_max());
        self
    }

    /// Never replays events of erased people.
    #[must_use]
    pub fn without_erased(mut self, is_erased: IsErased) -> Self {
        self.is_erased = is_erased;
        self
    }

    /// Counts the parts that the warehouse lost in `parts`.
    #[must_use]
    pub fn with_detached_counter(mut self, parts: &Counter) -> Self {
        self.damage.detached_parts = parts.clone();
        self
    }
}
