//! Everything that can go wrong in the journal, by the operation it goes wrong in.

use std::{io, ops::Range, path::PathBuf, sync::Arc};

use crate::model::Position;

/// Why records were not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// No room: the journal's own limit, or the disk's.
    #[error("the journal is full")]
    Full,
    /// The fsync takes too long. The records may still become durable; the batch's hook tells.
    #[error("the disk did not confirm the records in time")]
    TooSlow,
    /// Too many records wait for an fsync already.
    #[error("too many records are waiting for the disk")]
    Busy,
    /// The disk refused the write or the fsync. The journal goes on in a fresh segment.
    #[error("the journal cannot write: {0}")]
    Broken(Arc<io::Error>),
    /// The journal is closed.
    #[error("the journal is stopping")]
    Stopping,
}

/// Why the journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk refused.
    #[error("cannot open the journal: {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file that belongs to another journal, another build, or carries another name than it was given.
    #[error("cannot open the journal: {path} {reason}; move it away to go on without its records")]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why a reader has no records to give.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// These records are damaged or gone. Said once; the reader now stands behind them and can go on.
    #[error("journal records {} to {} are lost", .0.start, .0.end)]
    Lost(Range<Position>),
    /// The reader was placed beyond the last durable record: it belongs to another journal.
    #[error("position {from} lies beyond the journal, which ends at {end}")]
    Ahead {
        /// Where the reader stands.
        from: Position,
        /// One past the last durable record.
        end: Position,
    },
    /// The disk refused.
    #[error("cannot read the journal: {0}")]
    Io(#[from] io::Error),
}

/// The disk, or the owner's quota on it, has no room left.
pub(super) fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
