//! Types shared by the files of the module.

use std::{io, path::PathBuf};

use serde::Serialize;
use tokio::sync::oneshot;

use crate::{
    model::{Event, Position},
    store::{FrozenTable, StoreError, rows},
};

/// How far delivery is. Counts journal positions; persisted with the checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Every record below is in the warehouse or in quarantine.
    pub delivered: Position,
    /// Records in the warehouse.
    pub inserted: u64,
    /// Records in quarantine, including those that the journal lost.
    pub quarantined: u64,
}

impl Progress {
    /// The progress after `replayed` quarantined records were stored.
    pub(super) fn after_replay(self, replayed: u64) -> Self {
        let replayed = replayed.min(self.quarantined);
        Self { inserted: self.inserted + replayed, quarantined: self.quarantined - replayed, ..self }
    }
}

/// Why delivery waits, other than for events or the warehouse's response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitReason {
    /// The engine's disk is short of space.
    DiskSpace,
    /// The quarantine is full.
    Quarantine,
    /// A table has an unreadable part that also holds older rows.
    Repair,
    /// The warehouse belongs to another installation.
    Owner,
}

impl WaitReason {
    /// The stable code for programs.
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
    pub const fn message(self) -> &'static str {
        match self {
            Self::DiskSpace => "delivery waits for disk space",
            Self::Quarantine => "delivery waits: the quarantine is full",
            Self::Repair => "delivery waits: the warehouse cannot read one of its data parts; see the log",
            Self::Owner => "delivery waits: the warehouse belongs to another installation; see the log",
        }
    }
}

/// Why delivery cannot start.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The checkpoint cannot be used.
    #[error("cannot use the delivery checkpoint {path}: {source}")]
    Checkpoint {
        /// The directory.
        path: String,
        /// The error.
        source: io::Error,
    },
    /// The quarantine cannot be used.
    #[error("cannot use the quarantine {path}: {source}")]
    Quarantine {
        /// The directory.
        path: String,
        /// The error.
        source: io::Error,
    },
}

/// Which records of the quarantine are meant.
pub struct Matcher(Box<dyn Fn(&Event<'_>) -> bool + Send + Sync>);

impl Matcher {
    /// Those for which this is true.
    pub fn new(matches: impl Fn(&Event<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self(Box::new(matches))
    }

    /// Whether a record matches; one that cannot be decoded does not.
    pub(super) fn matches(&self, record: &[u8]) -> bool {
        rows::decode(record).is_ok_and(|event| (self.0)(&event))
    }
}

impl std::fmt::Debug for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Matcher")
    }
}

/// What a backup asks delivery for.
#[derive(Debug, Clone)]
pub struct FreezeRequest {
    /// Name of the frozen tables; `None` with a warehouse that is not backed up.
    pub tables: Option<String>,
    /// Directory for links of the quarantine's files.
    pub quarantine: PathBuf,
}

/// The warehouse, the checkpoint and the quarantine as they were at one moment, between two batches.
#[derive(Debug, Clone)]
pub struct FrozenState {
    /// Content of the checkpoint's file.
    pub checkpoint: Vec<u8>,
    /// Every record below is in the frozen tables or in the quarantine.
    pub delivered: Position,
    /// The frozen tables.
    pub tables: Vec<FrozenTable>,
    /// Names and lengths of the quarantine's files.
    pub quarantine: Vec<(String, u64)>,
}

/// A command to the delivery loop, with the channel for its result.
#[derive(Debug)]
pub enum Command {
    /// Send the first so many records of the quarantine again.
    Replay(usize, oneshot::Sender<Result<ReplayCounts, ReplayError>>),
    /// Never send again what is delivered now.
    ForgetDelivered(oneshot::Sender<Result<(), ReplayError>>),
    /// Freeze the state for a backup.
    Freeze(FreezeRequest, oneshot::Sender<Result<FrozenState, ReplayError>>),
    /// Erase matching records from the quarantine.
    Erase(Matcher, oneshot::Sender<Result<u64, ReplayError>>),
}

/// The result of a replay.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReplayCounts {
    /// Records that are now in the warehouse.
    pub replayed: u64,
    /// Records that were refused again.
    pub refused: u64,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The files cannot be used.
    #[error("cannot use the quarantine: {0}")]
    Disk(#[from] io::Error),
    /// The warehouse failed; records replayed before that stay replayed.
    #[error("the warehouse does not accept rows now: {0}")]
    Warehouse(#[from] StoreError),
    /// The loop is busy with a batch that the warehouse does not accept, or it has stopped.
    #[error("the warehouse does not accept rows now; try again when `/readyz` reports that reports are ready")]
    Busy,
}
