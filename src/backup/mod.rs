//! Admin operation: a backup of everything that cannot be derived, beside a running service.
//!
//! A snapshot takes a moment: it is made of hard links ([`Backup::snapshot`]). Its files are then copied into an archive
//! ([`archive`]) by the command, as long as that takes, while the service goes on. The order makes every acknowledged
//! event part of it exactly once:
//!
//! 1. The journal keeps all segments.
//! 2. Between two batches, delivery freezes the tables together with its checkpoint and the quarantine: every record
//!    below the checkpoint's position is in them, none above.
//! 3. Files of message ids: they know no record that the journal, linked later, lacks; the journal has those that they
//!    lack.
//! 4. The control database: its followers of the journal are never ahead of the journal.
//! 5. The journal, up to its durable end. A restored service delivers what lies above the checkpoint.
//!
//! Never part of it: the salts of cookieless sites, the engine's password, locks and sockets.
//! Example: `backup.snapshot().await?`, then [`archive::write`].

pub mod archive;
mod links;
pub mod manifest;
mod workspace;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

pub use manifest::{Manifest, Snapshot, SnapshotFile, TableManifest, WarehouseKind};
pub use workspace::{Workspace, WorkspaceLock};

use crate::{
    clock,
    control::{Control, ControlError},
    delivery::{FreezeRequest, FrozenState, Replay, ReplayError},
    journal::Journal,
    store::{Store, StoreError},
};

/// How often a freeze is tried while batches are in flight.
const FREEZE_TRIES: u32 = 20;
const FREEZE_PAUSE: Duration = Duration::from_millis(500);

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Files cannot be linked, read or written.
    #[error("cannot {action} {path}: {source}")]
    Files {
        /// What was tried.
        action: &'static str,
        /// The file or directory.
        path: String,
        /// The error.
        source: std::io::Error,
    },
    /// Delivery could not freeze its state.
    #[error(transparent)]
    Delivery(#[from] ReplayError),
    /// The warehouse failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The control database could not be copied.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// A frozen part is unknown to the warehouse.
    #[error("the warehouse no longer knows part {part} of table {table}; try again")]
    PartUnknown {
        /// Table.
        table: String,
        /// Part.
        part: String,
    },
    /// The archive is damaged, incomplete or not one of Ashna's.
    #[error("the backup cannot be used: {0}")]
    Archive(String),
}

impl BackupError {
    /// Adds what was tried to an I/O error.
    pub fn files(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Files { action, path: path.clone(), source }
    }
}

/// Makes snapshots of one service's data.
#[derive(Clone)]
pub struct Backup {
    /// The data directory.
    pub data_dir: PathBuf,
    /// Sites, users, offers.
    pub control: Control,
    /// The warehouse.
    pub store: Store,
    /// Whether the warehouse is the embedded engine; another one is backed up by its operator.
    pub has_engine: bool,
    /// Events that are not delivered yet.
    pub journal: Arc<Journal>,
    /// The delivery loop.
    pub delivery: Replay,
}

impl Backup {
    /// Makes a snapshot in the data directory and returns its files. The caller holds the [`WorkspaceLock`], copies the
    /// files and then removes them with [`Workspace::clear`]. What an interrupted backup left is removed.
    ///
    /// # Errors
    /// If the warehouse does not respond within a minute, or files cannot be linked.
    pub async fn snapshot(&self) -> Result<Snapshot, BackupError> {
        let workspace = Workspace::of(&self.data_dir);
        workspace.clear()?;
        let made = self.make(&workspace).await;
        if made.is_err() {
            workspace.clear()?;
        }
        made
    }

    async fn make(&self, workspace: &Workspace) -> Result<Snapshot, BackupError> {
        let created_at = clock::now();
        let name = workspace::name_at(created_at);
        let directory = workspace.create(&name)?;
        let hold = self.journal.hold_segments();
        let frozen = self.freeze(&name, &directory).await?;
        let mut files = links::message_ids(&self.data_dir, &directory)?;
        let control = directory.join("control.sqlite");
        self.control.copy_to(&control).await?;
        files.push(workspace::file(&self.data_dir, &control, "control.sqlite")?);
        let (journal, target) = (Arc::clone(&self.journal), directory.join("journal"));
        let linked = tokio::task::spawn_blocking(move || journal.link_segments(&target)).await;
        let unusable = BackupError::files("link the journal into", &directory);
        let (segments, end) = linked.map_err(std::io::Error::other).flatten().map_err(&unusable)?;
        drop(hold);
        for segment in segments {
            let path = ["journal/", &segment.name].concat();
            let source = workspace::relative(&self.data_dir, &directory.join(&path));
            files.push(SnapshotFile { source, path, bytes: segment.bytes });
        }
        for (file, bytes) in &frozen.quarantine {
            let path = ["quarantine/", file].concat();
            let source = workspace::relative(&self.data_dir, &directory.join(&path));
            files.push(SnapshotFile { source, path, bytes: *bytes });
        }
        let checkpoint = directory.join("delivery.json");
        std::fs::write(&checkpoint, &frozen.checkpoint).map_err(BackupError::files("write", &checkpoint))?;
        files.push(workspace::file(&self.data_dir, &checkpoint, "delivery.json")?);
        let erasures = self.data_dir.join(crate::erasures::FILE);
        if erasures.exists() {
            files.push(workspace::file(&self.data_dir, &erasures, crate::erasures::FILE)?);
        }
        let tables = self.tables(&name, &frozen, &mut files).await?;
        let manifest = Manifest {
            format: manifest::FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            created_at,
            journal: format!("{:016x}", self.journal.id()),
            delivered: frozen.delivered.0,
            journal_end: end.0,
            warehouse: if self.has_engine { WarehouseKind::Embedded } else { WarehouseKind::External },
            migrations: if self.has_engine { self.store.applied_migrations().await? } else { Vec::new() },
            tables,
        };
        Ok(Snapshot { manifest, files })
    }

    /// Freezes tables, checkpoint and quarantine, as soon as no batch is in flight.
    async fn freeze(&self, name: &str, directory: &Path) -> Result<FrozenState, BackupError> {
        let mut tries = 0;
        loop {
            let tables = self.has_engine.then(|| name.to_owned());
            let request = FreezeRequest { tables, quarantine: directory.join("quarantine") };
            match self.delivery.freeze(request).await {
                Err(ReplayError::Busy) if tries < FREEZE_TRIES => tries += 1,
                frozen => return Ok(frozen?),
            }
            tokio::time::sleep(FREEZE_PAUSE).await;
        }
    }

    /// Lists the frozen parts with their rows and hashes; adds their files.
    async fn tables(
        &self,
        name: &str,
        frozen: &FrozenState,
        files: &mut Vec<SnapshotFile>,
    ) -> Result<Vec<TableManifest>, BackupError> {
        let mut tables = Vec::new();
        for table in &frozen.tables {
            let known = self.store.table_parts(&table.name).await?;
            let mut parts = Vec::new();
            for part in links::frozen_parts(&self.data_dir, name, table, files)? {
                let found = known.iter().find(|known| known.name == part);
                let Some(found) = found else {
                    return Err(BackupError::PartUnknown { table: table.name.clone(), part });
                };
                parts.push(found.clone());
            }
            // In the order of their blocks: rows of one key are merged in it.
            parts.sort_by_key(|part| known.iter().position(|known| known.name == part.name));
            tables.push(TableManifest::new(&table.name, &parts));
        }
        Ok(tables)
    }
}
