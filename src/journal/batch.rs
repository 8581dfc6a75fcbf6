//! Records on their way into the journal, framed by the caller so that the short lock only copies.

use std::{fmt, ops::Range};

use super::format;
use crate::model::Position;

/// What is called once the records are durable.
pub(super) type Hook = Box<dyn FnOnce(Range<Position>) + Send>;

/// Some records that go in together: all of them become durable, or none is acknowledged.
#[derive(Default)]
pub struct Batch {
    pub(super) frames: Vec<u8>,
    keys: Vec<u128>,
    pub(super) on_durable: Option<Hook>,
}

impl Batch {
    /// Adds one record; `payload` appends its bytes and must leave what is before them alone.
    pub fn push(&mut self, key: u128, payload: impl FnOnce(&mut Vec<u8>)) {
        format::put_frame(&mut self.frames, key, payload);
        self.keys.push(key);
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The records' keys, in order.
    pub fn keys(&self) -> &[u128] {
        &self.keys
    }

    /// Calls `hook` with the records' positions once they are durable, in order of position and
    /// before `append` answers; drops it uncalled when they do not become durable.
    ///
    /// It is called even when nobody waits for the answer any more (a client that hung up, a wait
    /// that was too long), which makes it the place to settle reservations. It runs on the
    /// journal's own thread, so it must be short. A panic in it is logged and counted, and costs what
    /// it did not get to.
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
