//! Delivers kept events from the journal to the warehouse, each exactly once.
//!
//! Delivery tails the journal from its checkpoint, reads a batch, saves the range it is about to send
//! (`checkpoint`), sends it, and advances the checkpoint. After a crash the same range is sent
//! again with the same token, and the store recognizes it. A recognized insert may still be incomplete: a range that
//! was sent before, or while the disk was short of space (`warehouse_disk`), is counted and read, and if it differs
//! removed and sent with a new token (`in_flight`). Delivered ranges that become doubtful later are checked in the same
//! way (`verify`). A batch that the warehouse refuses for its content is halved until the bad row is alone and goes to
//! `quarantine` with the reason.
//! No record may be dropped silently: `kept = inserted + quarantined + waiting`, over positions,
//! holds at every moment and across restarts.
//!
//! Example: one batch, positions 100 to 150, of which 120 is bad:
//! pending [100,150) is saved → insert refused → pending [100,125) [125,150) saved → … → 120 alone is
//! refused twice → its line is fsynced to the quarantine → delivered 121 → … → delivered 150.
//!
//! Quarantined rows can be sent again, one by one (`replay`), by the same loop, so that no other range is in flight
//! meanwhile.

mod batcher;
mod checkpoint;
mod damage;
mod disk_guard;
mod freeze;
mod in_flight;
mod open;
mod quarantine;
mod range_reader;
mod replay;
mod send;
mod service;
mod status;
mod types;
mod verify;
mod warehouse_disk;

use std::path::Path;

pub use disk_guard::{DiskGuard, watch_space};
pub use replay::{QuarantinedRecord, Replay};
pub use service::{Delivery, IsErased};
pub use status::DeliveryStatus;
pub use types::{DeliveryError, FreezeRequest, FrozenState, Matcher, Progress, ReplayCounts, ReplayError, WaitReason};

use crate::model::Position;

/// One past the highest position of this journal in the checkpoints of `data_dir`: positions below it were
/// sent or are about to be, and must not be reused for other records.
#[must_use]
pub fn highest_position(data_dir: &Path, journal: u64) -> Position {
    checkpoint::Checkpoint::highest_position(&checkpoint::CheckpointPaths::new(data_dir), journal)
}

/// Prepares a restored journal, whose original went on with the same warehouse: the records below `end` that are not
/// delivered may be stored already and are compared before they are sent; new records get positions above `highest`, which
/// is stored. Delivery must not be running.
///
/// # Errors
/// If there is no checkpoint of this journal, or it cannot be written.
pub fn continue_after(data_dir: &Path, journal: u64, end: Position, highest: Position) -> std::io::Result<()> {
    let paths = checkpoint::CheckpointPaths::new(data_dir);
    let mut checkpoint = checkpoint::Checkpoint::load(&paths, journal, Position(0), end)?;
    checkpoint.follow(end, Position(highest.0 + 1));
    checkpoint.save(&paths)
}
