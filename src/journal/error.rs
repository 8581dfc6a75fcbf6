//! Errors of the journal, by operation.

use std::{io, ops::Range, path::PathBuf, sync::Arc};

use crate::model::Position;

/// Why records were not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// No space: the journal's own limit or the disk's is reached.
    #[error("the journal is full")]
    Full,
    /// The fsync takes too long. The records may still become durable; then the batch's hook is called.
    #[error("the disk did not confirm the records in time")]
    TooSlow,
    /// Too many records wait for an fsync already.
    #[error("too many records are waiting for the disk")]
    Busy,
    /// The write or the fsync failed. The journal continues in a new segment.
    #[error("the journal cannot write: {0}")]
    Broken(Arc<io::Error>),
    /// The journal is closed.
    #[error("the journal is stopping")]
    Stopping,
}

/// Why the journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A disk operation failed.
    #[error("cannot open the journal: {action} {path}: {source}")]
    Io {
        /// The operation.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// A file of another journal or another format version, or one that was renamed.
    #[error("cannot open the journal: {path} {reason}; move it away to continue without its records")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Why a reader cannot return records.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// These records are damaged or gone. Reported once; the next read continues after them.
    #[error("journal records {} to {} are lost", .0.start, .0.end)]
    Lost(Range<Position>),
    /// The reader is past the durable end: its position belongs to another journal.
    #[error("position {from} is past the end of the journal, {end}")]
    Ahead {
        /// The reader's position.
        from: Position,
        /// One past the last durable record.
        end: Position,
    },
    /// A disk operation failed.
    #[error("cannot read the journal: {0}")]
    Io(#[from] io::Error),
}

/// Whether the disk, or the user's quota on it, is full.
pub(super) fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
