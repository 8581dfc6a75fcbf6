//! Records to append, framed by the caller so that the queue's lock is only held for a copy.

use std::{fmt, ops::Range};

use super::format;
use crate::model::Position;

/// Called once the records are durable.
pub(super) type Hook = Box<dyn FnOnce(Range<Position>) + Send>;

/// Records that are appended together: all of them become durable, or none is acknowledged.
#[derive(Default)]
pub struct Batch {
    pub(super) frames: Vec<u8>,
    keys: Vec<u128>,
    pub(super) on_durable: Option<Hook>,
}

impl Batch {
    /// Adds one record; `payload` appends its bytes and must not change the bytes before them.
    pub fn push(&mut self, key: u128, payload: impl FnOnce(&mut Vec<u8>)) {
        format::append_frame(&mut self.frames, key, payload);
        self.keys.push(key);
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it has no records.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The records' keys, in order.
    pub fn keys(&self) -> &[u128] {
        &self.keys
    }

    /// Calls `hook` with the records' positions once they are durable, in order of position and
    /// before `append` returns; drops it uncalled if they do not become durable.
    ///
    /// It is called even if the `append` future was dropped (client disconnected, timeout), so it is the
    /// place to confirm reservations. It runs on the journal's writer thread and must be short. A panic
    /// in it is logged and counted; only the rest of that hook is lost.
    pub fn when_durable(&mut self, hook: impl FnOnce(Range<Position>) + Send + 'static) {
        self.on_durable = Some(Box::new(hook));
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("records", &self.keys.len())
            .field("bytes", &self.frames.len())
            .finish_non_exhaustive()
    }
}
