//! Types that the files of this module share.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicUsize},
};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::{bucket::Bucket, log::Log, progress::Progress, recent::Recent};
use crate::model::{Position, Timestamp};

/// The set, shared by all clones.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) recent: Recent,
    /// Ids of the current bucket.
    pub(super) current: AtomicUsize,
    pub(super) unwritten: Mutex<Unwritten>,
    pub(super) sealed: ArcSwap<Vec<Arc<Bucket>>>,
    /// Locked during a sync.
    pub(super) files: Mutex<Files>,
}

/// Kept keys that are not in the log yet.
#[derive(Debug)]
pub(super) struct Unwritten {
    pub(super) keys: Vec<u128>,
    pub(super) progress: Progress,
    /// Latest claim of the keys kept so far.
    pub(super) latest: Timestamp,
}

/// The state of the set when it was opened.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct OpenReport {
    /// All keys of journal positions below this one are known. The caller replays the journal from here with
    /// [`super::Dedup::restore`], and calls [`super::Dedup::skip`] for positions that the journal no longer has.
    pub complete: Position,
    /// Known keys; those in two files are counted twice.
    pub ids: u64,
    /// Bytes of the log's torn tail, which were cut.
    pub torn_bytes: u64,
    /// Damaged files that were renamed and are not used; their keys are lost.
    pub damaged: Vec<PathBuf>,
}

/// The files and settings that a sync uses.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) dir: PathBuf,
    pub(super) journal: u64,
    pub(super) ids_max: usize,
    /// Milliseconds.
    pub(super) window: i64,
    /// `None` after a failed write, except by a full disk: then all keys are sealed and a new log is created.
    pub(super) log: Option<Log>,
    /// Position up to which the log is complete.
    pub(super) written: Position,
    /// When the current bucket got its first key.
    pub(super) since: Option<Timestamp>,
    pub(super) next_bucket: u64,
    pub(super) opened_at: Timestamp,
}
